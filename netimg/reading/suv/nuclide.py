"""Which nuclide decays with which half-life, and whether the header agrees with itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import SUV_008, SUV_022, SUV_040, NetimgError
from netimg.reading.problems import refusal
from netimg.reading.suv.text import decimal
from netimg.reading.tables import table
from netimg.reading.tracer import has_half_life, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netimg.reading.suv.header import Injection
    from netimg.reading.suv.notes import Notes

_LONGEST_S = 1e10
"""Three centuries: no nuclide of an image lives as long."""

_SPELLED = re.compile(r"\^(\d{1,3}m?)\^\s*([^\W\d_]+)")
"""A nuclide as DICOM writes it: ``^124^Iodine``."""

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
    strange = strangers(injection)
    said = ", ".join([*named, *strange])
    stated = decimal(injection.half_life, "half-life (0018,1075)")
    text = (injection.half_life or "").strip(" \0") or None
    if not stated:
        return _from_table(named, strange, text, notes, repair=repair)
    if not 0 < stated < _LONGEST_S:
        raise refusal(SUV_008, half_life_s=stated, nuclide=said or "any nuclide")
    if not named:
        return HalfLife(stated, _by_half_life(stated, said, notes), text, "header")
    for name in named:
        if has_half_life(stated, rows[name]):
            if len(named) + len(strange) > 1:
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
    for flat in _texts(injection):
        named += [n for n, row in rows.items() if _holds(flat, row["words"])]
    return list(dict.fromkeys(named))


def strangers(injection: Injection) -> list[str]:
    """Nuclides that are named and not in the table: by code or word, or as DICOM spells them."""
    code, rows = injection.nuclide_code, table("suv")["nuclide"]["others"]
    named = [n for n, words in rows.items() if code and code in words]
    for flat in _texts(injection):
        named += [n for n, words in rows.items() if _holds(flat, words)]
    known = [w for row in table("nuclides").values() for w in row["words"]]
    known += [w for words in rows.values() for w in words]
    for mass, element in _SPELLED.findall(injection.nuclide_meaning or ""):
        if not _holds(plain(f"{mass} {element}"), known):
            named.append(f"{element}-{mass}")
    return list(dict.fromkeys(named))


def say_typed(header: str | None, typed: float, notes: Notes) -> None:
    """Say that a typed half-life stands in the place of another one of the header."""
    try:
        stated = decimal(header, "half-life (0018,1075)")
    except NetimgError:  # what was typed stands in the place of what cannot be read
        return
    near = float(table("suv")["nuclide"]["half_life_near"])
    if stated and abs(stated / typed - 1.0) > near:
        notes.add("SUV-008/typed", half_life_s=stated, typed=typed)


def _texts(injection: Injection) -> list[str]:
    """What may name the nuclide, without marks and punctuation."""
    texts = (injection.nuclide_meaning, injection.tracer, injection.tracer_meaning)
    return [plain(text or "") for text in texts]


def _holds(flat: str, words: Iterable[str]) -> bool:
    """Whether a text holds one of the words, as whole words."""
    return any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", flat) for w in words)


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


def _by_half_life(stated: float, strange: str, notes: Notes) -> str | None:
    """Nuclide for which the half-life alone speaks; none where ``strange`` ones are named."""
    near = [n for n, row in table("nuclides").items() if has_half_life(stated, row)]
    name = near[0] if near else None
    if not strange:
        notes.add("SUV-022/only", half_life_s=stated, nuclide=name or "an unknown nuclide")
        return name
    if near:
        raise refusal(SUV_008, half_life_s=stated, nuclide=strange)
    notes.add("SUV-022/other", half_life_s=stated, nuclide=strange)
    return None


def _from_table(
    named: list[str], strange: list[str], text: str | None, notes: Notes, *, repair: bool
) -> HalfLife:
    if not named:
        raise refusal(SUV_022)
    if len(named) + len(strange) > 1:
        raise refusal(SUV_008, "none", nuclide=", ".join([*named, *strange]))
    if not repair:
        raise refusal(SUV_008, "policy", nuclide=named[0])
    notes.add("SUV-008/table", nuclide=named[0])
    return HalfLife(float(table("nuclides")[named[0]]["half_life_s"]), named[0], text, "table")
