"""Sentences of everything reading can object to.

A problem is named by its code (``GEO-003``) or by code and variant (``GEO-003/drift``); level,
sentence and advice stand in ``configs/reading/problems.toml``, the numbers come from the place
that found it.
"""

from __future__ import annotations

import re
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING, Any

from netimg.errors import (
    Code,
    FactsError,
    InputError,
    MaskError,
    NetimgError,
    NothingUsable,
    SUVError,
    UsageError,
)
from netimg.flag import Flag, Severity
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEVERITY = {
    "X": Severity.HIGH,
    "S": Severity.HIGH,
    "W": Severity.MEDIUM,
    "I": Severity.INFO,
}

_LONGEST = 1000
"""Characters of one value in a sentence."""

_KINDS: dict[str, type[NetimgError]] = {
    "SUV": SUVError,
    "MSK": MaskError,
    "FAC": FactsError,
    "SEL-013": UsageError,
    "SEL-018": NothingUsable,
    "IDX-018": NothingUsable,
}


def code_of(problem: str) -> str:
    """Code of a problem without its variant: ``GEO-003`` of ``GEO-003/drift``."""
    return problem.partition("/")[0]


def level(problem: str) -> str:
    """``X``, ``S``, ``W`` or ``I``."""
    return str(table("problems")[problem]["level"])


def sentence(problem: str, **numbers: object) -> str:
    """What a reader sees, with the numbers filled in."""
    return _capital(str(table("problems")[problem]["sentence"]).format(**shown(numbers)))


def todo(problem: str) -> str:
    """What to do about it; empty where there is nothing to say."""
    row = table("problems")[problem]
    return str(row.get("todo") or table("problems")[code_of(problem)].get("todo", ""))


def advice(code: str, told: str) -> str:
    """What to do about a problem that was told as a sentence; empty where there is nothing to say.

    The row is the one whose sentence this is; what its advice repeats is taken from there.
    """
    found: dict[str, dict[str, str]] = {}
    for problem in table("problems"):
        if code_of(problem) == code and (match := _pattern(problem).fullmatch(told)):
            found[problem] = match.groupdict()
    if not found:
        return ""
    problem = max(found, key=lambda name: len(table("problems")[name]["sentence"]))
    own = table("problems")[problem].get("todo", "")
    text = str(own) if level(problem) in "WI" else todo(problem)  # a doubt has no refusal's advice
    try:
        return text.format(**found[problem])
    except KeyError:  # it asks for what the sentence does not say
        return ""


@cache
def _pattern(problem: str) -> re.Pattern[str]:
    """Sentences that a row can make."""
    pieces, names = [], set()
    for text, name, _, _ in Formatter().parse(table("problems")[problem]["sentence"]):
        pieces.append(re.escape(text))
        if name:
            pieces.append("(?:.*?)" if name in names else f"(?P<{name}>.*?)")
            names.add(name)
    return re.compile("".join(pieces), re.IGNORECASE | re.DOTALL)


def refusal(
    code: Code,
    variant: str = "",
    *,
    where: str = "",
    **numbers: Any,  # noqa: ANN401  # whatever the sentence asks for
) -> NetimgError:
    """Error to raise: its class by its code, filled sentence, place and advice."""
    problem = f"{code}/{variant}" if variant else str(code)
    kind = _KINDS.get(code.id) or _KINDS.get(code.id[:3], InputError)
    advice = todo(problem).format(**shown(numbers))
    return kind(code, what=sentence(problem, **numbers), where=readable(where), todo=advice)


def doubt(
    problem: str,
    *,
    touches: tuple[str, ...] = (),
    measured: float | None = None,
    limit: float | None = None,
    **numbers: Any,  # noqa: ANN401  # whatever the sentence asks for
) -> Flag:
    """Flag for a problem that does not stop the work."""
    return Flag(
        code=code_of(problem),
        severity=_SEVERITY[level(problem)],
        sentence=sentence(problem, **numbers),
        touches=touches,
        value=measured,
        threshold=limit,
    )


def shown(numbers: Mapping[str, object]) -> dict[str, object]:
    """Values as a sentence may hold them: texts of foreign files made `readable`."""
    return {k: readable(v) if isinstance(v, str) else v for k, v in numbers.items()}


def readable(text: str) -> str:
    """A foreign text for a terminal: control characters replaced, cut after 1,000 characters."""
    whole = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]}..."


def count(n: int, noun: str) -> str:
    """``1 slice is``, ``3 slices are``: a counted noun with its verb."""
    return f"{n} {noun} is" if n == 1 else f"{n} {noun}s are"


def _capital(text: str) -> str:
    """A sentence that begins with "series" begins with a capital; one with a file name does not."""
    return f"S{text[1:]}" if text.startswith("series ") else text
