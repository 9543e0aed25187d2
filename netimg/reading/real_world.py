"""Real World Value Mapping: the unit of a frame's values, and slope and intercept that go with it.

Units are UCUM codes: ``Bq/ml``, ``g/ml{SUVbw}`` and its relatives; the annotation may stand in
front (``{SUVbw}g/ml``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netimg.reading.attributes import Attributes

_KINDS = {
    "suvbw": "BW",
    "suvlbm": "LBM",
    "suvlbm(janma)": "LBMJANMA",
    "suvlbm(james128)": "LBMJAMES128",
    "suvibw": "IBW",
    "suvbsa": "BSA",
}
_HOUNSFIELD = ("[hnsf'u]", "hu", "{hu}")
_ACTIVITY = ("bq/ml", "bq/cm3", "bq/cc")


@dataclass(frozen=True, slots=True)
class RealWorld:
    """Values of a frame: ``slope * stored + intercept`` in ``units``.

    ``units`` and ``suv_type`` as Units (0054,1001) and SUV Type (0054,1006) say it: BQML, GML,
    CM2ML; another unit stands as its code. ``table``: a lookup table takes the place of the slope,
    or parts of the scale have slopes of their own.
    """

    code: str
    units: str
    suv_type: str | None
    slope: float | None
    intercept: float | None
    table: bool
    mapped: tuple[float, float] | None = None
    """Lowest and highest stored value that it speaks of; None where it does not say."""

    @property
    def is_hu(self) -> bool:
        """Whether the unit is Hounsfield's."""
        return self.code.strip().casefold() in _HOUNSFIELD


def real_world(a: Attributes) -> RealWorld | None:
    """Mapping of a frame: to activity before SUV, to either before anything else."""
    found = [_mapping(item) for item in a.items(0x00409096) or ()]
    if not found:
        return None
    ranks = {"BQML": 0, "GML": 1, "CM2ML": 1}
    best = min(found, key=lambda m: ranks.get(m.units, 2))
    alike = {(m.slope, m.intercept) for m in found if m.code == best.code}
    if len(alike) > 1:
        return replace(best, table=True)
    ranges = [m.mapped for m in found if m.code == best.code]
    known = [r for r in ranges if r is not None]
    if len(known) < len(ranges):
        return replace(best, mapped=None)
    return replace(best, mapped=(min(low for low, _ in known), max(high for _, high in known)))


def units_of(code: str) -> tuple[str, str | None]:
    """Units and SUV Type of a UCUM code."""
    text = re.sub(r"\s", "", code).casefold()
    notes = re.findall(r"\{([^}]*)\}", text)
    plain = re.sub(r"\{[^}]*\}", "", text)
    if plain in _ACTIVITY:
        return "BQML", None
    kind = _KINDS.get(notes[0]) if len(notes) == 1 else None
    if plain in ("g/ml", "cm2/ml") and kind is not None:
        return ("CM2ML" if plain == "cm2/ml" else "GML"), kind
    return code.strip(), None


def _mapping(item: Attributes) -> RealWorld:
    codes = item.items(0x004008EA) or ()
    code = (codes[0].text(0x00080100) or "") if codes else ""
    units, kind = units_of(code)
    return RealWorld(
        code=code,
        units=units,
        suv_type=kind,
        slope=item.float(0x00409225),
        intercept=item.float(0x00409224),
        table=0x00409212 in item,
        mapped=_range(item),
    )


def _range(item: Attributes) -> tuple[float, float] | None:
    """First and last value mapped, of whole numbers or of floating-point ones."""
    first, last = item.integer(0x00409216), item.integer(0x00409211)
    if first is not None and last is not None:
        return (float(first), float(last)) if first < last else None
    low, high = item.float(0x00409214), item.float(0x00409213)
    return (low, high) if low is not None and high is not None and low < high else None
