"""What a person typed in place of a header, put there before any check and said (SUV-020)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.reading.suv.header import Injection
from netimg.reading.suv.notes import Notes
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.flag import Flag
    from netimg.reading.suv.header import PetSlice
    from netimg.reading.suv.result import SuvResult

OVERRIDES = (
    "weight_kg", "height_m", "sex", "dose_bq", "residual_bq", "injection_time", "reference_time",
    "half_life_s", "branching_corrected", "injection", "allow_intercept",
)  # fmt: skip
"""What a person may type in place of a header field."""

_BODY = {"weight_kg": "weight", "height_m": "size", "sex": "sex"}
_INJECTION = {"dose_bq": "dose", "half_life_s": "half_life", "injection_time": "start_datetime"}

_READY = ("stored_suv", "philips_suv_factor")
"""Methods that take neither activity nor times."""

_ACTIVITY = ("dose_bq", "residual_bq", "half_life_s", "branching_corrected", "injection")

_SHOWN = {
    "weight_kg": ("--weight-kg", 1.0),
    "height_m": ("--height-cm", 100.0),
    "dose_bq": ("--dose-mbq", 1e-6),
    "residual_bq": ("--residual-mbq", 1e-6),
    "half_life_s": ("--half-life-s", 1.0),
    "injection": ("--injection", 1.0),
}
"""Numbers as the command line takes them: option, and factor to its unit."""

_WORDS = {
    "sex": "--sex",
    "injection_time": "--injected-at",
    "reference_time": "--reference-at",
    "branching_corrected": "--branching-corrected",
    "allow_intercept": "--allow-intercept",
}


def typed_in(headers: Sequence[PetSlice], typed: Mapping[str, object]) -> tuple[PetSlice, ...]:
    """Headers with what was typed in the place of what stood there.

    Without any radiopharmaceutical item, activity, time and half-life together make one.
    """
    body = {field: _text(typed[key]) for key, field in _BODY.items() if key in typed}
    dose = {field: _text(typed[key]) for key, field in _INJECTION.items() if key in typed}
    if "start_datetime" in dose:
        dose["start_time"] = ""
    whole = len(_INJECTION) == sum(key in typed for key in _INJECTION)
    return tuple(_changed(part, body, dose, whole=whole) for part in headers)


def said(result: SuvResult) -> list[Flag]:
    """What was typed, each value with whether it counted."""
    notes = Notes()
    for key, value in sorted(result.typed.items()):
        why = _unused(key, result)
        if why:
            notes.add("SUV-020/unused", value=_said(key, value), why=table("suv")["words"][why])
        else:
            notes.add("SUV-020", value=_said(key, value))
    return notes.flags


def _unused(key: str, result: SuvResult) -> str | None:
    """Why a typed value has no part in the factors: name of a word of ``suv.toml``; else None."""
    ready = result.method in _READY
    if key in _BODY:
        plain = result.norm == "bw" and result.weight_kg is None
        return result.method if ready and plain else None
    if key in _ACTIVITY:
        return result.method if ready else None
    if key == "reference_time" and result.reference_at is None:
        return result.method
    if key == "injection_time" and result.administered_at is None:
        return result.method
    return None


def _changed(
    part: PetSlice, body: Mapping[str, str], dose: Mapping[str, str], *, whole: bool
) -> PetSlice:
    if not body and not dose:
        return part
    given = part.injections
    if dose:
        items = given or ((Injection(),) if whole else ())
        given = tuple(replace(item, **dose) for item in items)
    return replace(part, injections=given, **body)  # type: ignore[arg-type]  # fields of text


def _said(key: str, value: object) -> str:
    """An override as it is typed on the command line."""
    if key in _SHOWN:
        option, factor = _SHOWN[key]
        return f"{option} {float(str(value)) * factor:.6g}"
    return _WORDS[key] if value is True else f"{_WORDS[key]} {value}"


def _text(value: object) -> str:
    """A typed value as the text a header would hold."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
