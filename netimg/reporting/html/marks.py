"""Which doubts touch which number: the small numbered marks beside values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netimg.finding import Finding, Scope
from netimg.flag import Flag, Severity
from netimg.reporting.doubts import together
from netimg.study import TracerClass

if TYPE_CHECKING:
    from netimg.result import StudyResult

_LESION = re.compile(r"L[1-9]\d*")
_TRACERS = tuple(tracer.value for tracer in TracerClass)
_ORDER = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Mark:
    """A doubt's number in the list of doubts, and its sentence."""

    number: int
    sentence: str
    severity: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Doubts numbered from 1, the ones that limit the answer first."""

    flags: tuple[Flag, ...]
    numbers: dict[int, Mark] = field(default_factory=dict)

    @classmethod
    def of(cls, result: StudyResult) -> Marks:
        """Number the doubts of a result and of its SUVs, each once."""
        notes = [n for pet in result.study.pets if pet.suv is not None for n in pet.suv.notes]
        flags = together(dict.fromkeys((*result.flags, *notes)))
        ordered = tuple(sorted(flags, key=lambda f: _ORDER[f.severity]))
        numbers = {
            position: Mark(position + 1, flag.sentence, flag.severity.value)
            for position, flag in enumerate(ordered)
        }
        return cls(ordered, numbers)

    def on(self, *findings: Finding | None) -> list[Mark]:
        """Marks of the doubts that touch any of these findings."""
        there = [finding for finding in findings if finding is not None]
        return [
            self.numbers[position]
            for position, flag in enumerate(self.flags)
            if any(_touches(flag, finding) for finding in there)
        ]


def _touches(flag: Flag, finding: Finding) -> bool:
    """Whether a flag names the finding, its scope or its lesion, or the finding names the flag.

    A flag that names the PET touches every number of a PET, those of lesions too.
    Several lesions may carry flags of one code: a flag that names lesions is theirs alone.
    """
    touched = {part for path in flag.touches for part in (path, path.rsplit(".", 1)[-1])}
    lesions = {name for name in touched if _LESION.fullmatch(name)}
    if finding.scope is Scope.LESION and lesions:
        return finding.id in lesions
    if "pet" in touched and finding.name.partition("_")[0] in _TRACERS:
        return True
    return flag.code in finding.flags or bool(
        touched & {finding.name, finding.scope.value, finding.id} - {""}
    )
