"""Keys by which the pictures of one series are told apart, each as a function of their headers.

A key gives groups with what it says of each. A file that does not say a value stays with most of
the others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.index import kind_of
from netimg.reading.places import normal_of
from netimg.reading.split_pieces import unless_beside
from netimg.reading.split_times import (
    NOT_SAID,
    any_gate,
    by_blocks,
    by_frame_time,
    finite,
    gate_of,
    if_volumes,
    moving_frame,
    over_one_another,
    seconds,
)
from netimg.reading.stack import broken_direction, has_place
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from netimg.reading.headers import Header
    from netimg.reading.split_times import Groups, Key


def _exact(value: Callable[[Header], Any], text: Callable[[Any], str] = str) -> Key:
    """Groups by equal values."""

    def groups(headers: Sequence[Header]) -> Groups:
        found: dict[Any, list[Header]] = {}
        for header in headers:
            found.setdefault(value(header), []).append(header)
        return _with_silent(found, text)

    return groups


def _near(value: Callable[[Header], float | None], unit: str) -> Key:
    """Groups of numbers that are equal but for rounding."""

    def groups(headers: Sequence[Header]) -> Groups:
        equal = 1 + table("geometry")["pixel"]["equal"]
        found: dict[float | None, list[Header]] = {}
        last: float | None = None
        first = 0.0
        for header in sorted(headers, key=lambda h: _positive(value(h)) or 0.0):
            number = _positive(value(header))
            if number is None:
                found.setdefault(None, []).append(header)
                continue
            if last is None or number > last * equal:
                first = number
            found.setdefault(first, []).append(header)
            last = number
        return _with_silent(found, lambda number: f"{number:g}{unit}")

    return groups


def _if_any_volume(key: Key) -> Key:
    """A key that does not split where it leaves no part that can be a volume."""
    return lambda headers: if_volumes(key(headers), headers)


def _if_alike(key: Key) -> Key:
    """A key that splits only into parts of about one length: a few slices sent again are copies."""

    def groups(headers: Sequence[Header]) -> Groups:
        found = key(headers)
        sizes = [len(own) for _, own in found]
        alike = min(sizes) >= table("geometry")["split"]["alike"] * max(sizes)
        return if_volumes(found, headers) if alike else [("", list(headers))]

    return groups


def _said(value: Callable[[Header], Any]) -> Key:
    """Files that say a value, and files that say none."""

    def groups(headers: Sequence[Header]) -> Groups:
        silent = [h for h in headers if value(h) is None]
        named = [(NOT_SAID, silent), ("said", [h for h in headers if value(h) is not None])]
        return [(text, own) for text, own in named if own]

    return groups


def _with_silent(found: dict[Any, list[Header]], text: Callable[[Any], str]) -> Groups:
    """Groups in the order of their values; files that say nothing go with most of the others."""
    silent = found.pop(None, [])
    if not found:
        return [("", silent)]
    if silent:
        found[max(sorted(found), key=lambda value: len(found[value]))] += silent
    return [(text(value), found[value]) for value in sorted(found)]


def _positive(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) and number > 0 else None


def _by_direction(headers: Sequence[Header]) -> Groups:
    """Groups of one orientation: each within the tolerance of another of its group."""
    usable = [h for h in headers if not broken_direction(h.orientation)]
    every = np.array([h.orientation for h in usable], dtype=np.float64).reshape(-1, 6)
    groups: list[list[Header]] = []
    open_ones = np.arange(len(usable))
    while open_ones.size:
        chosen = np.zeros(open_ones.size, dtype=bool)
        edge = [int(open_ones[0])]
        while edge:
            near = _chord(every[open_ones], every[edge.pop()]) & ~chosen
            chosen |= near
            if not chosen.all():
                edge += open_ones[near].tolist()
        groups.append([usable[i] for i in open_ones[chosen].tolist()])
        open_ones = open_ones[~chosen]
    groups.sort(key=len, reverse=True)
    silent = [h for h in headers if broken_direction(h.orientation)]
    if not groups:
        return [("", silent)]
    groups[0] += silent
    return [(_direction_name(own), own) for own in groups]


def _chord(vectors: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether rows and columns lie within the tolerance of an orientation."""
    chord = 2 * math.sin(math.radians(table("geometry")["direction"]["turn_deg"]) / 2)
    apart = np.linalg.norm((vectors - to).reshape(-1, 2, 3), axis=2)
    within: NDArray[np.bool_] = apart.max(axis=1) <= chord * (1 + 1e-9)
    return within


def _direction_name(headers: Sequence[Header]) -> str:
    normal = normal_of(headers)
    if normal is None:
        return ""
    axis = int(np.abs(normal).argmax())
    name = ("sagittal", "coronal", "axial")[axis]
    straight = math.cos(math.radians(table("geometry")["split"]["straight_deg"]))
    return name if abs(normal[axis]) > straight else f"oblique {name}"


def _image_type(header: Header) -> tuple[str, ...] | None:
    """Values 1 to 3; the fourth says what was derived in multi-frame objects only."""
    values = header.image_type[: 3 if header.frame is None else 4]
    return values or None


def _no_slices(header: Header) -> tuple[str, ...]:
    """What of an image type says overview, projection, reformat or map: never a piece of a scan."""
    rows = table("choice")
    words = {"LOCALIZER", *rows["derived"]["values"], *rows["derived"]["reformatted"]}
    maps = tuple(rows["ct"]["maps"])
    derived = header.image_type[3:4] if header.frame is not None else ()
    return derived + tuple(
        value
        for value in header.image_type
        if value.upper() in words or value.casefold().startswith(maps)
    )


def _size(header: Header) -> tuple[int, int] | None:
    rows, columns = header.pixels.rows, header.pixels.columns
    return None if rows is None or columns is None else (rows, columns)


def _pixel(place: int) -> Callable[[Header], float | None]:
    def value(header: Header) -> float | None:
        spacing = header.pixel_spacing
        return spacing[place] if spacing is not None and len(spacing) == 2 else None

    return value


def _in_plane(header: Header) -> tuple[float, ...] | None:
    """Where the first pixel lies in the plane of the picture, to half a millimetre."""
    if not has_place(header) or broken_direction(header.orientation):
        return None
    place, axes = np.array(header.position), np.array(header.orientation).reshape(2, 3)
    return tuple(np.round(2 * (axes @ place)).tolist())


def _corrections(header: Header) -> tuple[str, ...] | None:
    if header.pet is None or not header.pet.corrected_image:
        return None
    return tuple(sorted(value.upper() for value in header.pet.corrected_image))


def _units(header: Header) -> str | None:
    return header.pet.units if header.pet is not None else None


def _plain(number: float) -> str:
    return f"{number:g}"


def _joined(values: Iterable[Any]) -> str:
    return "\\".join(str(value) for value in values)


KEYS: tuple[tuple[str, Key], ...] = (
    ("object", _exact(lambda h: h.sop_class, lambda uid: kind_of(uid)[0])),
    ("size", _exact(_size, lambda size: f"{size[0]}x{size[1]}")),
    ("samples", _exact(lambda h: h.pixels.samples)),
    ("pixel", _near(_pixel(0), " mm")),
    ("pixel", _near(_pixel(1), " mm")),
    ("direction", _by_direction),
    ("frame", _if_any_volume(_exact(lambda h: h.frame_of_reference, lambda _: ""))),
    ("image_type", unless_beside(_exact(_image_type, _joined), apart=_no_slices)),
    ("kernel", unless_beside(_exact(lambda h: h.kernel))),
    ("field", unless_beside(_near(lambda h: h.reconstruction_mm, " mm"))),
    ("kvp", unless_beside(_near(lambda h: h.kvp, " kV"))),
    ("kev", unless_beside(_near(lambda h: h.kev, " keV"))),
    ("rescale", _exact(lambda h: h.rescale_type)),
    ("units", over_one_another(_units)),
    ("corrections", over_one_another(_corrections, _joined)),
    ("temporal", over_one_another(lambda h: h.temporal_position, mixed=True)),
    ("temporal", over_one_another(lambda h: h.temporal_index, mixed=True)),
    (
        "cardiac",
        over_one_another(
            lambda h: finite(h.cardiac_phase_pct), lambda pct: f"{pct:g} %", mixed=True
        ),
    ),
    ("acquisition", over_one_another(lambda h: h.acquisition_number, mixed=True)),
    ("reference", over_one_another(moving_frame, seconds)),
    ("gate", over_one_another(gate_of, _plain, mixed=True)),
    ("stack", _if_any_volume(unless_beside(_exact(lambda h: h.stack_id)))),
)
"""In the order in which they are tried."""

LAST_KEYS: tuple[tuple[str, Key], ...] = (
    ("frame", _if_alike(_said(lambda h: h.frame_of_reference))),
    ("image_type", _if_alike(_said(_image_type))),
    ("kernel", _if_alike(_said(lambda h: h.kernel))),
    ("field", _if_alike(_said(lambda h: h.reconstruction_mm))),
    ("kvp", _if_alike(_said(lambda h: h.kvp))),
    ("rescale", _if_alike(_said(lambda h: h.rescale_type))),
    ("reference", by_frame_time),
    ("gate", over_one_another(any_gate, _plain, mixed=True)),
    ("origin", _if_alike(_exact(_in_plane, lambda _: ""))),
    ("description", _if_alike(_exact(lambda h: h.series_description))),
    ("comments", _if_alike(_exact(lambda h: h.comments))),
    ("description", _if_alike(_said(lambda h: h.series_description))),
    ("comments", _if_alike(_said(lambda h: h.comments))),
    ("number", _if_alike(_exact(lambda h: h.series_number))),
    ("block", by_blocks),
)
"""Tried where a place is still there more than once."""

TIME_KEYS = ("temporal", "cardiac", "acquisition", "reference", "gate", "block")
