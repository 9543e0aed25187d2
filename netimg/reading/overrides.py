"""What a person may type in place of a header, checked before any file is opened."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, NoReturn

from netimg.errors import USE_001, InputError, UsageError
from netimg.reading.each_pet import OPTIONS, values
from netimg.reading.suv.norms import NORMS
from netimg.reading.suv.resolve import OVERRIDES, POLICIES
from netimg.reading.suv.text import stamp
from netimg.reading.tables import table
from netimg.study import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

CHOICES = ("phase", "tracer", "patient", "suv_norm", "suv_policy", "regrid", "register")
"""Overrides that choose and name."""

_NUMBERS = {
    "weight_kg": ("--weight-kg", 1.0, "above 0"),
    "height_m": ("--height-cm", 100.0, "above 0"),
    "dose_bq": ("--dose-mbq", 1e-6, "above 0"),
    "half_life_s": ("--half-life-s", 1.0, "above 0"),
    "residual_bq": ("--residual-mbq", 1e-6, "0 or more"),
    "injection": ("--injection", 1.0, "1 or more"),
}
"""How a person types a number, the factor to the unit of that option, and its range."""

_TIMES = {"injection_time": "--injected-at", "reference_time": "--reference-at"}


def check_overrides(overrides: Mapping[str, object]) -> None:
    """Refuse what cannot be meant; whether a value is plausible is judged where it is used.

    Raises
    ------
    UsageError
        USE-001 for a value that is none of those known, no time, or no number above 0.
    ValueError
        If an override's key is unknown.
    """
    unknown = sorted(set(overrides) - {*OVERRIDES, *CHOICES})
    if unknown:
        msg = f"unknown overrides {unknown}; known: {(*OVERRIDES, *CHOICES)}"
        raise ValueError(msg)
    for key, value in overrides.items():
        if key in OPTIONS:
            for _, one in values(value):
                _check_one(key, one)
        elif key in _NUMBERS:
            _check_number(key, value)
        elif key in ("regrid", "register") and not isinstance(value, bool):
            _refuse(f"--{key} {value!r} is neither True nor False.", "Give True, or leave it out.")
        elif key == "tracer" and not isinstance(value, str):
            for one in value:  # type: ignore[attr-defined]  # several of UID=ID
                _check_choice(key, str(one).rpartition("=")[2])
        elif key == "tracer":
            _check_choice(key, str(value).rpartition("=")[2])
        else:
            _check_choice(key, value)


def _check_one(key: str, value: object) -> None:
    if key in _TIMES:
        _check_time(_TIMES[key], value)
    else:
        _check_number(key, value)


def _check_number(key: str, value: object) -> None:
    option, factor, rule = _NUMBERS[key]
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        _refuse(f"{option} {str(value)!r} is not a number.", f"Give a number {rule}.")
    if key == "injection" and number % 1:
        _refuse(f"{option} {value} is not a whole number.", f"Give a number {rule}.")
    if not {"above 0": number > 0, "0 or more": number >= 0, "1 or more": number >= 1}[rule]:
        _refuse(f"{option} {number * factor:g} must be {rule}.", f"Give a number {rule}.")


def _check_choice(key: str, value: object) -> None:
    known = {
        "phase": tuple(phase.value for phase in Phase),
        "tracer": tuple(table("tracers")),
        "sex": ("F", "M", "O"),
        "suv_norm": NORMS,
        "suv_policy": POLICIES,
    }.get(key)
    if known is None or str(value) in known:
        return
    near = difflib.get_close_matches(str(value).casefold(), known, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}? " if near else ""
    option = f"--{key.replace('_', '-')}"
    _refuse(f"{option} {str(value)!r} is not known.", f"{hint}Known: {', '.join(known)}.")


def _check_time(option: str, value: object) -> None:
    try:
        found = stamp(str(value), option)
    except InputError:
        found = None
    if found is None:
        what = f"{option} {str(value)!r} is not a date and time."
        _refuse(what, "Write it as 2026-03-02T09:41:00.")


def _refuse(what: str, todo: str) -> NoReturn:
    raise UsageError(USE_001, what=what, todo=todo)
