"""Phrases with numbers in them: what stands beside pictures, verdicts and findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netimg.reporting.words import words
from netimg.reporting.words.numbers import MINUS, NARROW, quantity
from netimg.resources import load_toml
from netimg.study import TracerClass
from netimg.verdict import Reason, Verdict
from netimg.volume import Quantity

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.finding import Finding
    from netimg.reporting.pictures.draw import Window
    from netimg.reporting.pictures.planes import Turned
    from netimg.study import Series

_RANGE = re.compile(r"(?P<sign>[<>]=?)?(?P<ends>\d+(\.\d+)?(-\d+(\.\d+)?)?)")
"""A class that is a range of its measure: ``0``, ``25-50``, ``>0-10``."""
_EN_DASH = "\u2013"
_TRACERS = tuple(kind.value for kind in TracerClass)


def listed(items: Sequence[str], most: int = 6) -> str:
    """``L1, L2 and L3``; past ``most`` the rest is counted.

    Examples
    --------
    >>> listed(["L1", "L2", "L3"]), listed(["L1"]), listed(["a", "b", "c"], most=2)
    ('L1, L2 and L3', 'L1', 'a, b and 1 more')
    """
    if len(items) > most:
        items = [*items[:most], f"{len(items) - most} more"]
    head, last = items[:-1], items[-1] if items else ""
    return f"{', '.join(head)} and {last}" if head else last


def slice_number(turned: Turned, axis: int, index: int) -> int:
    """Number of a plane for a reader: from 1, along the array's own axis."""
    return turned.array_index(axis, index) + 1


def slice_corners(
    turned: Turned,
    axis: int,
    index: int,
    instance: int | None = None,
    *,
    of_frames: bool = False,
) -> tuple[str, str]:
    """The lines in the upper corners of a picture: slice and instance or frame; position."""
    phrases = words()["pictures"]
    parts = []
    if axis == 0:
        number = slice_number(turned, axis, index)
        parts.append(phrases["slice_short"].format(index=number))
    if instance is not None:
        parts.append(phrases["frame" if of_frames else "instance"].format(number=instance))
    return ", ".join(parts), _position(turned, axis, index)


def _position(turned: Turned, axis: int, index: int) -> str:
    """``S 186 mm`` or ``P 13 mm``: world coordinate of a plane."""
    letter = "S" if axis == 0 else "P"
    return f"{letter} {turned.position_mm(axis, index):.0f} mm".replace("-", MINUS)


def slice_alt(turned: Turned, axis: int, index: int, outlined: Sequence[str], window: str) -> str:
    """Alternative text of a slice; ``outlined`` names what is outlined on it."""
    phrases = words()["pictures"]
    outlines = phrases["no_outlines"]
    if outlined:
        outlines = phrases["outlines"].format(what=listed(outlined))
    number, count = slice_number(turned, axis, index), turned.shape[axis]
    return str(
        phrases["axial" if axis == 0 else "coronal"].format(
            window=window,
            name=phrases["slice"].format(index=number, count=count),
            position=_position(turned, axis, index),
            outlines=outlines,
        )
    )


def montage_alt(kind: str, count: int, anatomy: Anatomy | None) -> str:
    """Alternative text of a montage."""
    phrase = words()["pictures"][f"montage_{kind}"]
    lesions = len(anatomy.lesions) if anatomy is not None else 0
    return str(phrase.format(count=count, lesions=lesions))


def window_text(window: Window, quantity_shown: Quantity) -> str:
    """``window 50/400 HU``, or the grey scale of a PET."""
    phrases = words()["pictures"]
    if quantity_shown is Quantity.HU:
        level, width = (window.low + window.high) / 2, window.high - window.low
        return str(phrases["window"].format(level=f"{level:g}", width=f"{width:g}"))
    top = top_text(window.high, quantity_shown)
    return str(phrases["grey_scale"].format(top=top))


def top_text(top: float, quantity_shown: Quantity) -> str:
    """Top of a PET's grey scale with what it measures."""
    if quantity_shown is Quantity.SUV_BW:
        return f"SUV {top:g}"
    return f"{top:.3g} {quantity_shown.value}"


def lesion_ct_alt(lesion: str, turned: Turned, plane: int, size: Finding | None) -> str:
    """Alternative text of a lesion's CT thumbnail."""
    index = slice_number(turned, 0, plane)
    text = f", {quantity(size.number, size.unit)}" if size and size.number is not None else ""
    return str(words()["pictures"]["lesion_ct"].format(lesion=lesion, index=index, finding=text))


def lesion_pet_alt(
    lesion: str, top: float, quantity_shown: Quantity, uptake: Finding | None
) -> str:
    """Alternative text of a lesion's PET thumbnail."""
    found = uptake.number if uptake else None
    text = "" if found is None else f", SUVmax {quantity(found, 'g/mL')}"
    phrase = words()["pictures"]["lesion_pet"]
    return str(phrase.format(lesion=lesion, top=top_text(top, quantity_shown), finding=text))


def mip_alt(pet: Series, view: str, top: float, quantity_shown: Quantity, lesions: int) -> str:
    """Alternative text of a projection."""
    phrases = words()["pictures"]
    key = "mip_one_lesion" if lesions == 1 else "mip_lesions"
    outlines = phrases[key].format(count=lesions) if lesions else ""
    return str(
        phrases["mip"].format(
            tracer=pet_name(pet),
            view=phrases[view],
            top=top_text(top, quantity_shown),
            lesions=outlines,
        )
    )


def mip_caption(pet: Series, view: str, top: float, quantity_shown: Quantity) -> str:
    """The line under a projection."""
    phrases = words()["pictures"]
    return f"{pet_name(pet)}, {phrases[view]}, 0 to {top_text(top, quantity_shown)}"


def pet_name(pet: Series) -> str:
    """``SSTR PET``; by its nuclide where the tracer is not recognised, SPECT where it is one."""
    phrases = words()["tracer_classes"]
    if (
        pet.nuclide
        and load_toml("configs", "reading", "nuclides.toml")
        .get(pet.nuclide, {})
        .get("positron", 1.0)
        == 0
    ):
        return str(phrases["spect"].format(nuclide=pet.nuclide))
    if pet.nuclide and pet.tracer_class is TracerClass.UNKNOWN:
        return str(phrases["nuclide"].format(nuclide=pet.nuclide))
    return str(phrases[pet.tracer_class.value])


def pet_short(pet: Series) -> str:
    """``SSTR``; by its series where the tracer is not of a class."""
    phrase = words()["tracers_short"][pet.tracer_class.value]
    return str(phrase.format(number=pet.number))


def norm_short(pet: Series, name: str = "suv") -> str:
    """`` (LBM Janma)`` behind a name of an SUV that is not by body weight; else empty."""
    if pet.suv is None or not pet.suv.possible or pet.suv.norm == "bw" or "suv" not in name:
        return ""
    return f" ({words()['norms_short'][pet.suv.norm]})"


def tracer_name(tracer: str | None, nuclide: str | None = None) -> str:
    """``Ga-68 DOTATATE`` of a tracer id; nuclide or words where it is not recognised."""
    if tracer is None:
        unknown = str(words()["used"]["pet_unknown"])
        return f"{nuclide}, {unknown}" if nuclide else unknown
    table = load_toml("configs", "reading", "tracers.toml")
    return str(table.get(tracer, {}).get("name", tracer))


def why_missing(finding: Finding | None) -> str:
    """Why a number is not there, in words."""
    if finding is None or not finding.reason:
        return str(words()["headline"]["unknown"])
    code, _, what = finding.reason.partition(":")
    return reason_text(Reason(code, what))


def reason_text(reason: Reason) -> str:
    """A reason code as a reader sees it: ``albumin is missing``."""
    phrases = words()["reasons"]
    phrase = phrases.get(reason.code, phrases["other"])
    return str(phrase.format(code=reason.code, what=name_text(reason.what)))


def name_text(name: str) -> str:
    """A finding's or fact's name as a reader knows it.

    A PET finding is named with its PET. Where no phrase is set: the name itself with spaces,
    without the table it stands in.
    """
    names = words()["names"]
    if name in names:
        return str(names[name])
    kind, _, measure = name.partition("_")
    if kind in _TRACERS and measure in names:
        phrases = words()["tracer_classes"]
        return str(phrases["of"].format(what=names[measure], pet=phrases[kind]))
    table, _, rest = name.partition(".")
    own = rest if table in ("clinical", "labs", "plan", "lesions") and rest else name
    return str(names.get(own, own.replace("_", " ")))


def class_text(verdict: Verdict) -> str:
    """Label of a class; a range of a measure with its sign, its dash and its unit.

    ``>0-10`` of a burden in % is ``> 0–10 %``; a score stays as it is.
    """
    label = str(verdict.value)
    units = {comparison.unit for comparison in verdict.comparisons}
    found = _RANGE.fullmatch(label)
    if found is None or units != {"%"}:
        return value_text(verdict.value, verdict.unit)
    sign = {"<=": "≤ ", ">=": "≥ ", "<": "< ", ">": "> "}.get(found["sign"] or "", "")
    return f"{sign}{found['ends'].replace('-', _EN_DASH)}{NARROW}%"


def value_text(value: object, unit: str, threshold: object = None) -> str:
    """A verdict's value: a rounded number, or a label as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(words()["report"]["yes" if value else "no"])
    if isinstance(value, int | float):
        limit = float(threshold) if isinstance(threshold, int | float) else None
        return quantity(value, unit, threshold=limit)
    return str(value)
