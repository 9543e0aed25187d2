"""Answers with reasons: `Status`, `Reason`, `Verdict`, `Option`, `Assessment`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any


class Status(Enum):
    """The four values of the rules' logic."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why something cannot be judged: ``missing_input:labs.ldh``."""

    code: str
    what: str

    def __str__(self) -> str:
        """Return ``code:what``."""
        return f"{self.code}:{self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison inside a verdict: what was compared with what.

    ``distance`` = value - threshold, in the fact's unit; None where either is missing.
    """

    fact: str
    op: str
    value: float | str | bool | None
    threshold: float | str | None
    unit: str
    distance: float | None
    status: Status
    provenance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of one rule for one scope (patient, a lesion id, a plan name).

    ``value`` is what is shown beside the status: a number, a label, ``"2..4"`` or None.
    """

    id: str
    profile: str
    kind: str
    scope: str
    """``patient``, a lesion id or a plan name."""
    status: Status
    question: str
    value: float | str | bool | None = None
    unit: str = ""
    reasons: tuple[Reason, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    certainty: str = ""
    review: str = "draft"
    rationale: str = ""
    sources: tuple[Mapping[str, str], ...] = ()
    segment_based: bool = False
    approximate: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """(id, profile, scope): unique in an `Assessment`."""
        return (self.id, self.profile, self.scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A treatment option under one profile: which criteria decide it."""

    option: str
    profile: str
    status: str
    """``eligible``, ``open``, ``excluded``, ``not_applicable``."""
    deciding: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessment:
    """Every verdict and option of a study, in the catalogue's order.

    ``values`` are the numbers and labels that the rules saw, by name; ``missing`` lists absent
    facts, the ones that would decide most rules first.
    """

    verdicts: tuple[Verdict, ...] = ()
    options: tuple[Option, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[tuple[str, int], ...] = ()
    """(fact, rows that a value of it alone could decide), most first, then by name."""
    profiles: tuple[str, ...] = ()
    catalogue_version: str = ""
    operator_differences: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        differences = MappingProxyType(dict(self.operator_differences))
        object.__setattr__(self, "operator_differences", differences)

    def __getitem__(self, name: str) -> Verdict:
        """Verdict by ``ID`` or ``ID@PROFILE``, first scope; KeyError if there is none."""
        rule, _, profile = name.partition("@")
        for verdict in self.verdicts:
            if verdict.id == rule and profile in ("", verdict.profile):
                return verdict
        raise KeyError(name)

    def count(self, status: Status) -> int:
        """Number of criteria rows with this status."""
        return sum(v.status is status for v in self.verdicts)
