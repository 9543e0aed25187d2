"""Weight, height and dose in their units, repaired where exactly one reading makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import SUV_001, SUV_002, SUV_004, SUV_005, SUV_035
from netimg.reading.problems import refusal
from netimg.reading.suv.text import decimal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.reading.suv.notes import Notes

STORED_SUV = ("GML", "CM2ML")
"""Units that are SUV already."""


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
    rows = table("suv")["weight"]
    if stated > rows["grams_above"] and repair:
        kg = stated / 1000.0
    if not _inside(kg, rows["possible_kg"]):
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
    metres, unit, rows = stated, None, table("suv")["height"]
    if repair and _inside(stated, rows["as_cm"]):
        metres, unit = stated / 100.0, "cm"
    elif repair and _inside(stated, rows["as_mm"]):
        metres, unit = stated / 1000.0, "mm"
    if not _inside(metres, rows["possible_m"]):
        raise refusal(SUV_035, height=f"{stated:g} m")
    if unit:
        notes.add("SUV-035/unit", height=f"{stated:g}", unit=unit)
    return metres


def dose_bq(
    text: str | None,
    kg: float,
    notes: Notes,
    *,
    nuclide: str | None,
    enhanced: bool,
    repair: bool,
    typed: bool,
) -> float:
    """Injected activity in Bq.

    The unit of the object (Bq, or MBq in Enhanced PET) is kept where it is possible for the body
    weight; else the one unit among Bq, kBq, MBq that is usual is taken. What is usual depends on
    the nuclide: a therapy with Lu-177 is twenty times a diagnostic injection.

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
    rows = table("suv")["dose"] | (table("nuclides")[nuclide].get("dose", {}) if nuclide else {})
    if _inside(per_kg, rows["possible_mbq_kg"]):
        if not _inside(per_kg, rows["usual_mbq_kg"]):
            notes.add("SUV-005/unusual", mbq=stated * own / 1e6, kg=kg)
        return stated * own
    usual = [
        (unit, factor)
        for unit, factor in (("Bq", 1.0), ("kBq", 1e3), ("MBq", 1e6))
        if _inside(stated * factor / 1e6 / kg, rows["usual_mbq_kg"])
    ]
    if stated < 0 or len(usual) != 1 or not repair or typed:
        raise refusal(SUV_005, dose=f"{stated:g} {name}")
    unit, factor = usual[0]
    notes.add("SUV-005/unit", dose=f"{stated:g}", unit=unit, mbq=stated * factor / 1e6)
    return stated * factor


def _inside(value: float, limits: Sequence[float]) -> bool:
    return limits[0] <= value <= limits[1]
