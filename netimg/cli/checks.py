"""What was typed is checked here, before any work: one sentence, and what would be right."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable

from netimg.errors import USE_001, UsageError

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def one_of(option: str, value: str | None, known: Iterable[str]) -> None:
    """Refuse a word that is none of the known ones."""
    names = tuple(known)
    if value is not None and value not in names:
        what = f"{option} {value!r} is not known."
        raise UsageError(USE_001, what=what, todo=f"Choose one of {', '.join(names)}.")


def device(value: str | None) -> None:
    """Refuse a device that torch has no name for."""
    if value is not None and not _DEVICE.fullmatch(value):
        one_of("--device", value, ("auto", "cpu", "cuda", "cuda:N"))


def number(option: str, text: str) -> float:
    """Number that was typed; refused where it is none."""
    try:
        return float(text)
    except ValueError:
        what = f"{option} {text!r} is not a number."
        raise UsageError(USE_001, what=what, todo="Write it as 150 or 2.5.") from None


def above_zero(option: str, value: float | None, unit: str) -> None:
    """Refuse what no weight, height, dose or time can be."""
    if value is not None and not 0.0 < value < math.inf:
        what = f"{option} {value:g} is not a number above 0."
        raise UsageError(USE_001, what=what, todo=f"Give {unit}.")


def not_below_zero(option: str, value: float | None, unit: str) -> None:
    """Refuse what no remainder can be."""
    if value is not None and not 0.0 <= value < math.inf:
        what = f"{option} {value:g} is below 0."
        raise UsageError(USE_001, what=what, todo=f"Give {unit}.")


def instant(option: str, text: str | None) -> None:
    """Refuse what is not a date and time."""
    if text is None:
        return
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        what = f"{option} {text!r} is not a date and time."
        raise UsageError(USE_001, what=what, todo="Write it as 2026-03-02T09:41:00.") from None


def date_of(option: str, text: str | None) -> dt.date | None:
    """Date of an option, YYYY-MM-DD."""
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        what = f"{option} {text!r} is not a date."
        raise UsageError(USE_001, what=what, todo="Write YYYY-MM-DD.") from None
