"""What SUV is normalised by: body weight, lean mass, ideal weight, surface.

``SUV_x = SUVbw * X / W``; for the surface ``SUVbw * 10 BSA / W``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import SUV_014, SUV_015, SUV_036
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from netimg.reading.suv.notes import Notes

NORMS = ("bw", "lbm-janma", "lbm-james", "lbm-morgan", "ibw", "bsa")
"""Norms by the names of the command line."""

BY_TYPE = {
    "BW": "bw",
    "LBMJANMA": "lbm-janma",
    "LBMJAMES128": "lbm-james",
    "LBM": "lbm-morgan",
    "IBW": "ibw",
    "BSA": "bsa",
}
"""Norms by DICOM SUV Type (0054,1006)."""

_TURNS_AT_BMI = {"lbm-james": (42.97, 36.15), "lbm-morgan": (45.83, 36.15)}


@dataclass(frozen=True, slots=True)
class Body:
    """Body size: kg, m, and ``M``, ``F`` or ``O``; None where not said."""

    weight_kg: float
    height_m: float | None
    sex: str | None


def ratio(norm: str, body: Body, notes: Notes) -> float:
    """SUV in ``norm`` over SUVbw.

    Raises
    ------
    SUVError
        SUV-014 height missing, SUV-015 sex missing, SUV-036 not positive for this body size.
    """
    if norm == "bw":
        return 1.0
    if body.height_m is None:
        raise refusal(SUV_014, norm=norm)
    if norm == "bsa":
        surface = 0.007184 * math.pow(body.height_m * 100, 0.725) * math.pow(body.weight_kg, 0.425)
        return 10.0 * surface / body.weight_kg
    if body.sex not in ("M", "F", "O"):
        raise refusal(SUV_015, norm=norm)
    if body.sex == "O":
        notes.add("SUV-015/other", norm=norm)
    sexes = ("M", "F") if body.sex == "O" else (body.sex,)
    masses = [_mass(norm, body.weight_kg, body.height_m, sex) for sex in sexes]
    mass = sum(masses) / len(masses)
    if mass <= 0:
        raise refusal(SUV_036, norm=norm, kg=body.weight_kg, height_m=body.height_m, mass_kg=mass)
    bmi = body.weight_kg / body.height_m**2
    turns = _TURNS_AT_BMI.get(norm)
    if turns and bmi > min(turns[0 if sex == "M" else 1] for sex in sexes):
        notes.add("SUV-036/note", norm=norm, bmi=bmi)
    return mass / body.weight_kg


def _mass(norm: str, weight: float, height: float, sex: str) -> float:
    """Mass in kg that stands for the body in this norm."""
    male, bmi, per_cm = sex == "M", weight / height**2, weight / (height * 100)
    if norm == "lbm-janma":
        return 9270 * weight / ((6680 + 216 * bmi) if male else (8780 + 244 * bmi))
    if norm == "ibw":
        over = height * 100 - 152
        return 48.0 + 1.06 * over if male else 45.5 + 0.91 * over
    if not male:
        return 1.07 * weight - 148 * per_cm**2
    return 1.10 * weight - (128 if norm == "lbm-james" else 120) * per_cm**2
