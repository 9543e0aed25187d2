"""Weight, height and dose in their units, repaired where exactly one reading makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import SUV_001, SUV_002, SUV_004, SUV_005, SUV_035
from netimg.reading.problems import refusal
from netimg.reading.suv.text import decimal

if TYPE_CHECKING:
    from netimg.reading.suv.notes import Notes

STORED_SUV = ("GML", "CM2ML")
"""Units that are SUV already."""

_POSSIBLE_MBQ_KG = (0.02, 100.0)
_USUAL_MBQ_KG = (0.3, 20.0)


def weight_kg(text: str | None, notes: Notes, *, repair: bool) -> float:
    """Body weight in kg; above 1000 it is read as grams.

    Raises
    ------
    SUVError
        SUV-001 missing, SUV-002 implausible, SUV-037 not a number.
    """
    stated = decimal(text, "weight (0010,1030)")
    if not stated:
        raise refusal(SUV_001)
    kg = stated
    if stated > 1000 and repair:
        kg = stated / 1000.0
    if not 2.0 <= kg <= 400.0:
        raise refusal(SUV_002, weight=f"{stated:g} kg")
    if kg != stated:
        notes.add("SUV-002/grams", weight=f"{stated:g}", kg=kg)
    return kg


def height_m(text: str | None, notes: Notes, *, repair: bool) -> float | None:
    """Body height in m; 30-260 is read as cm, 300-2600 as mm; None where absent.

    Raises
    ------
    SUVError
        SUV-035 implausible, SUV-037 not a number.
    """
    stated = decimal(text, "height (0010,1020)")
    if not stated:
        return None
    metres, unit = stated, None
    if repair and 30 <= stated <= 260:
        metres, unit = stated / 100.0, "cm"
    elif repair and 300 <= stated <= 2600:
        metres, unit = stated / 1000.0, "mm"
    if not 0.3 <= metres <= 2.6:
        raise refusal(SUV_035, height=f"{stated:g} m")
    if unit:
        notes.add("SUV-035/unit", height=f"{stated:g}", unit=unit)
    return metres


def dose_bq(
    text: str | None, kg: float, notes: Notes, *, enhanced: bool, repair: bool, typed: bool
) -> float:
    """Injected activity in Bq.

    The unit of the object (Bq, or MBq in Enhanced PET) is kept where it is possible for the body
    weight; else the one unit among Bq, kBq, MBq that is usual is taken.

    Raises
    ------
    SUVError
        SUV-004 missing, SUV-005 implausible in every unit, SUV-037 not a number.
    """
    stated = decimal(text, "activity (0018,1074)")
    if not stated:
        raise refusal(SUV_004)
    own = 1e6 if enhanced and not typed else 1.0
    name = "MBq" if own == 1e6 else "Bq"
    per_kg = stated * own / 1e6 / kg
    if _POSSIBLE_MBQ_KG[0] <= per_kg <= _POSSIBLE_MBQ_KG[1]:
        if not _USUAL_MBQ_KG[0] <= per_kg <= _USUAL_MBQ_KG[1]:
            notes.add("SUV-005/unusual", mbq=stated * own / 1e6, kg=kg)
        return stated * own
    usual = [
        (unit, factor)
        for unit, factor in (("Bq", 1.0), ("kBq", 1e3), ("MBq", 1e6))
        if _USUAL_MBQ_KG[0] <= stated * factor / 1e6 / kg <= _USUAL_MBQ_KG[1]
    ]
    if stated < 0 or len(usual) != 1 or not repair or typed:
        raise refusal(SUV_005, dose=f"{stated:g} {name}")
    unit, factor = usual[0]
    notes.add("SUV-005/unit", dose=f"{stated:g}", unit=unit, mbq=stated * factor / 1e6)
    return stated * factor
