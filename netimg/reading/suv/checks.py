"""What must hold before any path of a unit is taken: the first failure wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import (
    PIX_005,
    PIX_013,
    SUV_003,
    SUV_009,
    SUV_010,
    SUV_011,
    SUV_025,
    SUV_027,
    SUV_033,
    SUV_034,
    SUVError,
)
from netimg.reading.problems import refusal, sentence
from netimg.reading.suv import norms, units
from netimg.reading.suv.text import decimal
from netimg.reading.suv.times import is_philips

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netimg.reading.suv.header import PetSlice
    from netimg.reading.suv.notes import Notes

_DECAYS = ("START", "ADMIN", "NONE")
_SHOWN = 3

_ALIKE: dict[str, Callable[[PetSlice], tuple[str | None, ...]]] = {
    "units": lambda part: (part.units,),
    "SUV type": lambda part: (part.suv_type,),
    "decay correction": lambda part: (part.decay_correction,),
    "corrections": lambda part: tuple(sorted(part.corrected_image or ())),
    "attenuation correction": lambda part: (
        part.attenuation_corrected,
        "NONE" if _upper(part.attenuation_method) == "NONE" else None,
    ),
    "correction for decay": lambda part: (part.decay_corrected,),
    "manufacturer": lambda part: (part.manufacturer,),
    "time zone": lambda part: (part.timezone,),
    "weight": lambda part: (part.weight,),
    "height": lambda part: (part.size,),
    "sex": lambda part: (part.sex,),
    "activity": lambda part: tuple(item.dose for item in part.injections or ()),
    "nuclide": lambda part: tuple(item.nuclide_code for item in part.injections or ()),
    "half-life": lambda part: tuple(item.half_life for item in part.injections or ()),
    "tracer": lambda part: tuple(item.tracer for item in part.injections or ()),
    "injection time": lambda part: tuple(
        item.start_datetime or item.start_time for item in part.injections or ()
    ),
}
"""What a series has once."""


def check_equal(slices: Sequence[PetSlice]) -> None:
    """Refuse slices that differ in what a series has once (SUV-025)."""
    for attribute, value in _ALIKE.items():
        found = {tuple(_plain(text) for text in value(part)) for part in slices}
        if len(found) > 1:
            shown = sorted(" + ".join(filter(None, texts)) or "not said" for texts in found)
            raise refusal(SUV_025, attribute=attribute, values=" and ".join(shown[:_SHOWN]))


def _upper(text: str | None) -> str:
    return (text or "").strip().upper()


def _plain(text: str | None) -> str:
    """A value without what is only its spelling: ``72.5`` for ``72.50``."""
    bare = (text or "").strip(" \0")
    if bare.startswith("+"):  # an offset from universal time
        return bare
    try:
        return f"{float(bare):.10g}"
    except ValueError:
        return bare


def check_scale(slices: Sequence[PetSlice], policy: str, notes: Notes, *, allowed: bool) -> None:
    """Refuse a slope that is absent or not positive, and an intercept that is not 0."""
    for index, part in enumerate(slices, start=1):
        slope = decimal(part.slope, "rescale slope (0028,1053)")
        intercept = decimal(part.intercept, "rescale intercept (0028,1052)")
        if slope is None or intercept is None:
            raise SUVError(PIX_005, what=sentence("PIX-005", series="This PET"))
        if slope <= 0:
            raise SUVError(PIX_013, what=sentence("PIX-013", slice=index, slope=slope))
        if intercept != 0.0:
            if policy != "qiba" and not allowed:
                raise refusal(SUV_033, intercept=intercept)
            notes.add("SUV-033/note", intercept=intercept)


def check_units(first: PetSlice, policy: str) -> None:
    """Refuse units without a way to SUV, and an SUV type that does not fit them."""
    unit = (first.units or "").strip().upper()
    kind = (first.suv_type or "").strip().upper()
    own = (first.philips_suv_factor, first.philips_activity_factor)
    philips = is_philips(first.manufacturer) or any(p and p.creator_present for p in own)
    known = {"BQML", *units.STORED_SUV} | ({"CNTS"} if philips else set())
    if policy == "ibsi":
        known.add("CPS")
    if not unit:
        raise refusal(SUV_003, "none")
    if unit not in known:
        raise refusal(SUV_003, units=unit)
    fits = {"GML": {"", *norms.BY_TYPE} - {"BSA"}, "CM2ML": {"", "BSA"}}.get(unit)
    if fits is not None and kind not in fits:
        raise refusal(SUV_034, type=kind, units=unit)


def check_corrections(first: PetSlice, policy: str, notes: Notes) -> None:
    """Attenuation and decay, and whether both fields of decay agree."""
    stored = (first.units or "").strip().upper() in units.STORED_SUV
    if first.enhanced:
        if (first.attenuation_corrected or "").strip().upper() != "YES":
            raise refusal(SUV_010)
    elif first.corrected_image is None:
        if not stored:
            raise refusal(SUV_027)
        notes.add("SUV-027/note")
    elif "ATTN" not in {c.upper() for c in first.corrected_image}:
        raise refusal(SUV_010)
    decay = decay_of(first)
    if stored:
        return
    if decay not in _DECAYS or (policy == "qiba" and decay != "START"):
        raise refusal(SUV_009, value=decay or "not said", policy=policy)
    if first.enhanced:
        return
    corrections = {c.upper() for c in first.corrected_image or ()}
    wrong = {"START": "DECY" not in corrections, "NONE": "DECY" in corrections}.get(decay, False)
    if wrong:
        listed = ", ".join(sorted(corrections))
        raise refusal(SUV_011, value=decay, list=listed)


def decay_of(first: PetSlice) -> str:
    """START, ADMIN or NONE; an enhanced object says YES or NO instead."""
    stated = (first.decay_correction or "").strip().upper()
    if first.enhanced and not stated:
        answer = (first.decay_corrected or "").strip().upper()
        return {"YES": "START", "NO": "NONE"}.get(answer, "")
    return stated
