"""From typed options to a `Request`, the same for ``run``, ``batch`` and a row of a list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.cli import checks
from netimg.cli import options as opt
from netimg.cli.mask_options import GivenMasks
from netimg.cli.reading_options import Chosen, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.pipeline import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked about a study."""

    chosen: Chosen = field(default_factory=Chosen)
    reading: Reading = field(default_factory=Reading)
    given: GivenMasks = field(default_factory=GivenMasks)
    facts: Path | None = None
    fact: Sequence[str] | None = None
    assessment_date: str | None = None
    require: Sequence[str] | None = None

    def over(self, request: Request) -> Request:
        """The request with what is asked in place of what it asks; the rest of it stays.

        Raises
        ------
        UsageError
            USE-001, USE-002 for what cannot be meant.
        """
        masks = self.given.masks()
        day = checks.date_of("--assessment-date", self.assessment_date)
        required = (*request.require, *opt.check_require(list(self.require or ())))
        typed = self.chosen.overrides() | self.reading.overrides()
        return replace(
            request,
            study=self.chosen.study or request.study,
            ct=self.chosen.ct or request.ct,
            pets=tuple(self.chosen.pet or request.pets),
            overrides={**request.overrides, **typed},
            masks=masks if self.given != GivenMasks() else request.masks,
            facts=self.facts or request.facts,
            fact_texts=(*request.fact_texts, *(self.fact or ())),
            assessment_date=day or request.assessment_date,
            require=tuple(dict.fromkeys(required)),
        )
