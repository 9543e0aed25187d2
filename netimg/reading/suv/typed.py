"""What a person typed in place of a header, put there before any check and said (SUV-020)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.reading.suv.header import Injection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.reading.suv.header import PetSlice
    from netimg.reading.suv.notes import Notes

OVERRIDES = (
    "weight_kg", "height_m", "sex", "dose_bq", "residual_bq", "injection_time", "reference_time",
    "half_life_s", "branching_corrected", "injection", "allow_intercept",
)  # fmt: skip
"""What a person may type in place of a header field."""

_BODY = {"weight_kg": "weight", "height_m": "size", "sex": "sex"}
_INJECTION = {"dose_bq": "dose", "half_life_s": "half_life", "injection_time": "start_datetime"}

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


def typed_in(
    headers: Sequence[PetSlice], typed: Mapping[str, object], notes: Notes
) -> tuple[PetSlice, ...]:
    """Headers with what was typed in the place of what stood there.

    Without any radiopharmaceutical item, activity, time and half-life together make one.
    """
    for key, value in sorted(typed.items()):
        notes.add("SUV-020", value=_said(key, value))
    body = {field: _text(typed[key]) for key, field in _BODY.items() if key in typed}
    dose = {field: _text(typed[key]) for key, field in _INJECTION.items() if key in typed}
    if "start_datetime" in dose:
        dose["start_time"] = ""
    whole = len(_INJECTION) == sum(key in typed for key in _INJECTION)
    return tuple(_changed(part, body, dose, whole=whole) for part in headers)


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
