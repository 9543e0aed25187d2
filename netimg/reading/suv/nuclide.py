"""Which nuclide decays with which half-life, and whether the header agrees with itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import SUV_008, SUV_022, SUV_040
from netimg.reading.problems import refusal
from netimg.reading.suv.text import decimal
from netimg.reading.tables import table
from netimg.reading.tracer import has_half_life, plain

if TYPE_CHECKING:
    from netimg.reading.suv.header import Injection
    from netimg.reading.suv.notes import Notes

_LONGEST_S = 1e10
"""Three centuries: no nuclide of an image lives as long."""

_UNITS = (("minutes", 60.0), ("hours", 3600.0), ("days", 86400.0))


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Half-life in s, the nuclide it belongs to, the text it was read from, and where from."""

    seconds: float
    nuclide: str | None
    read: str | None
    source: str


def half_life(injection: Injection, notes: Notes, *, repair: bool) -> HalfLife:
    """Nuclide and the half-life the scanner decayed with.

    The header's half-life is used as it stands where it fits a nuclide that is named.

    Raises
    ------
    SUVError
        SUV-008 another nuclide's half-life, SUV-022 neither half-life nor nuclide, SUV-037.
    """
    rows = table("nuclides")
    named = evidence(injection)
    said = ", ".join(named)
    stated = decimal(injection.half_life, "half-life (0018,1075)")
    text = (injection.half_life or "").strip(" \0") or None
    if not stated:
        return _from_table(named, text, notes, repair=repair)
    if not 0 < stated < _LONGEST_S:
        raise refusal(SUV_008, half_life_s=stated, nuclide=said or "any nuclide")
    if not named:
        near = [n for n, row in rows.items() if has_half_life(stated, row)]
        name = near[0] if near else None
        notes.add("SUV-022/only", half_life_s=stated, nuclide=name or "an unknown nuclide")
        return HalfLife(stated, name, text, "header")
    for name in named:
        if has_half_life(stated, rows[name]):
            if len(named) > 1:
                notes.add("SUV-008/codes", nuclide=said)
            return HalfLife(stated, name, text, "header")
    for unit, seconds in _UNITS:
        for name in named:
            if repair and has_half_life(stated * seconds, rows[name]):
                notes.add("SUV-008/unit", half_life_s=stated, nuclide=name, unit=unit)
                return HalfLife(stated * seconds, name, text, f"header, read as {unit}")
    raise refusal(SUV_008, half_life_s=stated, nuclide=said)


def evidence(injection: Injection) -> list[str]:
    """Nuclides that code, meaning and radiopharmaceutical name; each once."""
    rows = table("nuclides")
    code = injection.nuclide_code
    named = [n for n, row in rows.items() if code and code in row["codes"]]
    for text in (injection.nuclide_meaning, injection.tracer, injection.tracer_meaning):
        flat = plain(text or "")
        named += [
            n
            for n, row in rows.items()
            if any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", flat) for w in row["words"])
        ]
    return list(dict.fromkeys(named))


def check_branching(
    injection: Injection, nuclide: str | None, notes: Notes, *, corrected: bool
) -> None:
    """Compare the positron fraction with the table; it is never multiplied in.

    Raises
    ------
    SUVError
        SUV-040 for a nuclide with a small fraction whose header states another one.
    """
    share = float(table("nuclides")[nuclide]["positron"]) if nuclide else 0.0
    if nuclide is None or share == 0.0:
        return
    stated = decimal(injection.positron_fraction, "positron fraction (0018,1076)")
    rows = table("suv")["nuclide"]
    small = share < rows["positron_small"]
    if not stated:
        if small and not corrected:
            notes.add("SUV-040/note", fraction="(absent)", nuclide=nuclide, table=share)
        return
    fraction = stated / 100.0 if stated > 1.0 else stated
    if abs(fraction / share - 1.0) <= rows["positron_near"]:
        return
    if small and not corrected:
        raise refusal(SUV_040, fraction=stated, nuclide=nuclide, table=share)
    if not small and fraction != 1.0:
        notes.add("SUV-040/note", fraction=f"{stated:g}", nuclide=nuclide, table=share)


def is_long_lived(half_life_s: float) -> bool:
    """Whether the injection needs a date."""
    return half_life_s >= float(table("suv")["nuclide"]["long_lived_h"]) * 3600.0


def gives_positrons(nuclide: str | None) -> bool:
    """False for a nuclide of SPECT; an unknown one is given the benefit of the doubt."""
    return nuclide is None or float(table("nuclides")[nuclide]["positron"]) > 0.0


def _from_table(named: list[str], text: str | None, notes: Notes, *, repair: bool) -> HalfLife:
    if not named:
        raise refusal(SUV_022)
    if len(named) > 1:
        raise refusal(SUV_008, "none", nuclide=", ".join(named))
    if not repair:
        raise refusal(SUV_008, "policy", nuclide=named[0])
    notes.add("SUV-008/table", nuclide=named[0])
    return HalfLife(float(table("nuclides")[named[0]]["half_life_s"]), named[0], text, "table")
