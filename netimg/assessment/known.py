"""What is known of one fact: a value, an interval, or nothing, with the reasons; comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from netimg.assessment import logic
from netimg.assessment.logic import Answer
from netimg.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

NOISE = 1e-9
"""Two numbers within this times max(1, |a|, |b|) are equal: float noise, never rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One fact as a rule sees it.

    ``value`` is a number, word or truth value; ``lo`` and ``hi`` stand in its place where only
    bounds are known. ``reasons`` say why it is not fully known. ``doubts`` bar every decision,
    although the value may be shown. ``half_width`` is the uncertainty of strict mode, 0 = off;
    ``error_name`` what ``within_error`` names.
    """

    value: float | str | bool | None = None
    lo: float | None = None
    hi: float | None = None
    reasons: frozenset[Reason] = field(default_factory=frozenset)
    doubts: frozenset[Reason] = field(default_factory=frozenset)
    applicable: bool = True
    half_width: float = 0.0
    error_name: str = ""
    provenance: str = ""
    approximate: bool = False

    @classmethod
    def absent(cls, reasons: Iterable[Reason]) -> Self:
        """Nothing is known, because of these."""
        return cls(reasons=frozenset(reasons))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest possible number; None where it is no number or not known at all."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return float(self.value), float(self.value)
        if self.lo is None or self.hi is None:
            return None
        return self.lo, self.hi

    @property
    def shown(self) -> float | str | bool | None:
        """What stands beside the status: the value, ``lo..hi``, or None."""
        if self.value is not None or self.lo is None or self.hi is None:
            return self.value
        return f"{self.lo:g}..{self.hi:g}"

    def doubted(self, doubts: Iterable[Reason]) -> Known:
        """Return the same with further doubts."""
        return replace(self, doubts=self.doubts | frozenset(doubts))


def reason(text: str) -> Reason:
    """Reason of its text, ``missing_input:labs.ldh``; a bare word says what needs a reader."""
    code, colon, what = text.partition(":")
    return Reason(code, what) if colon else Reason("needs_reader", code)


def missing(what: str) -> Reason:
    """The fact is absent."""
    return Reason("missing_input", what)


def equal(a: float, b: float) -> bool:
    """Whether two numbers differ by float noise only."""
    return abs(a - b) <= NOISE * max(1.0, abs(a), abs(b))


def holds(value: float, op: str, threshold: float) -> bool:
    """Whether ``value op threshold``, read literally but for float noise."""
    if equal(value, threshold):
        return op in ("<=", ">=", "==")
    if op == "==":
        return False
    return (value < threshold) == op.startswith("<")


def within_error(known: Known, threshold: float) -> bool:
    """Whether the value is nearer to the threshold than its uncertainty; equal is decided."""
    if known.half_width <= 0 or known.bounds is None:
        return False
    lo, hi = known.bounds
    distance = 0.0 if lo < threshold < hi else min(abs(lo - threshold), abs(hi - threshold))
    return distance < known.half_width and not equal(distance, known.half_width)


def compare(known: Known, op: str, threshold: float) -> Answer:
    """Answer to ``fact op threshold``; decided where both ends of an interval agree."""
    if not known.applicable:
        return logic.NOT_APPLICABLE
    if known.doubts:
        return logic.unknown(known.doubts | known.reasons)
    if known.bounds is None:
        return logic.unknown(known.reasons)
    if within_error(known, threshold):
        return logic.unknown({Reason("within_error", known.error_name)})
    lo, hi = known.bounds
    at_ends = {holds(lo, op, threshold), holds(hi, op, threshold)}
    if len(at_ends) > 1 or (op == "==" and lo < threshold < hi):
        return logic.unknown(known.reasons)
    return logic.of(at_ends == {True})


def says_yes(known: Known) -> Answer:
    """Answer to ``is(fact)``."""
    return _by_word(known, (True,))


def is_among(known: Known, words: tuple[str, ...]) -> Answer:
    """Answer to ``in(fact, {...})``; numbers are compared by their spelling."""
    return _by_word(known, words)


def _by_word(known: Known, accepted: tuple[object, ...]) -> Answer:
    if not known.applicable:
        return logic.NOT_APPLICABLE
    if known.doubts or known.value is None:
        return logic.unknown(known.doubts | known.reasons)
    value = known.value
    if not isinstance(value, bool) and isinstance(value, int | float):
        value = f"{value:g}"
    return logic.of(value in accepted)
