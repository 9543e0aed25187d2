"""Strong Kleene logic with reasons: true, false, unknown (why), not applicable.

Only nodes that are unknown themselves contribute reasons; a decided node carries none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netimg.verdict import Reason


class Truth(Enum):
    """The four values."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Answer:
    """A truth value; reasons only where it is unknown."""

    truth: Truth
    reasons: frozenset[Reason] = field(default_factory=frozenset)

    @property
    def decided(self) -> bool:
        """Whether it is true or false."""
        return self.truth in (Truth.TRUE, Truth.FALSE)


TRUE = Answer(Truth.TRUE)
FALSE = Answer(Truth.FALSE)
NOT_APPLICABLE = Answer(Truth.NOT_APPLICABLE)


def unknown(reasons: Iterable[Reason]) -> Answer:
    """Unknown, because of these."""
    return Answer(Truth.UNKNOWN, frozenset(reasons))


def of(value: bool) -> Answer:  # the value itself
    """Answer of a plain truth value."""
    return TRUE if value else FALSE


def negation(answer: Answer) -> Answer:
    """Not: true and false change places, the others stay."""
    if answer.decided:
        return of(answer.truth is Truth.FALSE)
    return answer


def at_least(count: int, answers: Sequence[Answer]) -> Answer:
    """True if ``count`` are true, false if that cannot be reached, else unknown.

    Answers that do not apply are dropped; if none is left nothing applies.
    """
    heard = [a for a in answers if a.truth is not Truth.NOT_APPLICABLE]
    if not heard:
        return NOT_APPLICABLE
    true = sum(a.truth is Truth.TRUE for a in heard)
    open_ = [a for a in heard if a.truth is Truth.UNKNOWN]
    if true >= count:
        return TRUE
    if true + len(open_) < count:
        return FALSE
    return unknown(reason for a in open_ for reason in a.reasons)


def conjunction(answers: Sequence[Answer]) -> Answer:
    """All: any false decides, then any unknown."""
    heard = [a for a in answers if a.truth is not Truth.NOT_APPLICABLE]
    return at_least(len(heard), heard)


def disjunction(answers: Sequence[Answer]) -> Answer:
    """Any: any true decides, then any unknown."""
    return at_least(1, answers)


def alternatives(branches: Sequence[Answer], reasons: Iterable[Reason]) -> Answer:
    """One of the branches holds, nobody knows which: decided where all of them agree.

    ``reasons`` say why the branch is not known.
    """
    first = branches[0]
    if first.truth is not Truth.UNKNOWN and all(branch == first for branch in branches):
        return first
    return unknown({*reasons, *(r for branch in branches for r in branch.reasons)})
