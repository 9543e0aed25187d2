"""What is asked: one study, a person's masks, clinical facts; and what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netimg.result import StudyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A mask file, and the segment or ROI in it where it holds several (``FILE:LABEL``)."""

    path: Path
    label: str | None = None

    @classmethod
    def parse(cls, text: str) -> MaskFile:
        """``FILE`` or ``FILE:LABEL``; a colon inside an existing file's name is part of it."""
        whole = Path(text)
        head, colon, label = text.rpartition(":")
        if colon and label and not whole.exists():
            return cls(path=Path(head), label=label)
        return cls(path=whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """A person's masks in place of the model."""

    liver: MaskFile | None = None
    lesions: tuple[MaskFile, ...] = ()
    segments: MaskFile | None = None
    labels: MaskFile | None = None
    """A multilabel mask; ``legend`` explains its numbers."""
    legend: str = "netimg"
    no_lesions: bool = False
    """A person says there are none."""

    @property
    def given(self) -> bool:
        """Whether there is any mask."""
        return any((self.liver, self.lesions, self.segments, self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One study as asked for on a command line or in a row of a batch."""

    input: Path
    output: Path
    study: str | None = None
    ct: str | None = None
    pets: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    masks: Masks = field(default_factory=Masks)
    facts: Path | None = None
    fact_texts: tuple[str, ...] = ()
    assessment_date: dt.date | None = None
    require: tuple[str, ...] = ()
    overwrite: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What `run` did: ``result`` is None where a finished result was already there."""

    path: Path
    result: StudyResult | None
