"""Keys by which the pictures of one series are told apart, each as a function of their headers.

A key gives groups with what it says of each. A file that does not say a value stays with most of
the others. Keys of time split only where the parts lie over one another: beds of a PET and steps
of a CT have their own times too.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.index import kind_of
from netimg.reading.stack import broken_direction, has_place, same_place_mm
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from netimg.reading.headers import Header

    Groups = list[tuple[str, list[Header]]]
    """What a key says of each group, and its files."""
    Key = Callable[[Sequence[Header]], Groups]


# ---- keys that say what a picture is ---------------------------------------------------------


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
    return lambda headers: _if_volumes(key(headers), headers)


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


def normal_of(headers: Sequence[Header]) -> NDArray[np.float64] | None:
    """Normal of the first slice that says how it is turned; None where none does."""
    for header in headers:
        if header.orientation is not None and not broken_direction(header.orientation):
            row, column = np.array(header.orientation[:3]), np.array(header.orientation[3:])
            normal: NDArray[np.float64] = np.cross(row, column)
            return normal
    return None


def _image_type(header: Header) -> tuple[str, ...] | None:
    """Values 1 to 3; the fourth says what was derived in multi-frame objects only."""
    values = header.image_type[: 3 if header.frame is None else 4]
    return values or None


def _size(header: Header) -> tuple[int, int] | None:
    rows, columns = header.pixels.rows, header.pixels.columns
    return None if rows is None or columns is None else (rows, columns)


def _pixel(place: int) -> Callable[[Header], float | None]:
    def value(header: Header) -> float | None:
        spacing = header.pixel_spacing
        return spacing[place] if spacing is not None and len(spacing) == 2 else None

    return value


def _corrections(header: Header) -> tuple[str, ...] | None:
    if header.pet is None or not header.pet.corrected_image:
        return None
    return tuple(sorted(value.upper() for value in header.pet.corrected_image))


def _units(header: Header) -> str | None:
    return header.pet.units if header.pet is not None else None


# ---- keys of time ------------------------------------------------------------------------------


def _over_one_another(
    value: Callable[[Header], Any], text: Callable[[Any], str] = str, *, mixed: bool = False
) -> Key:
    """Groups by value where they show the same places; what lies side by side stays together."""

    def groups(headers: Sequence[Header]) -> Groups:
        found: dict[Any, list[Header]] = {}
        for header in headers:
            found.setdefault(value(header), []).append(header)
        silent = found.pop(None, [])
        if len(found) < 2 or along_of(headers) is None:
            return [("", list(headers))]
        volumes = _laid([(text(key), found[key]) for key in sorted(found)], mixed=mixed)
        max(volumes, key=lambda volume: len(volume[1]))[1].extend(silent)
        return _if_volumes(volumes, headers)

    return groups


def _laid(groups: Groups, *, mixed: bool) -> Groups:
    """Groups put together where one follows the other side by side, as steps of one scan do.

    Where that gives volumes of unlike length, each group stays alone: steps of a first phase must
    not be completed with a step of the next.
    """
    volumes: list[list[tuple[str, list[Header]]]] = [[groups[0]]]
    for group in groups[1:]:
        beside = [h for _, own in volumes[-1] for h in own]
        if _overlap(group[1], beside, mixed=mixed):
            volumes.append([group])
        else:
            volumes[-1].append(group)
    joined = [
        (_range([text for text, _ in volume]), [h for _, own in volume for h in own])
        for volume in volumes
    ]
    sizes = [len(own) for _, own in joined]
    alike = min(sizes) >= table("geometry")["split"]["alike"] * max(sizes)
    return joined if alike or len(joined) == 1 else groups


def _if_volumes(groups: Groups, headers: Sequence[Header]) -> Groups:
    """The groups where at least one can be a volume; times of a single place are none."""
    small = table("geometry")["size"]["min_slices"]
    if max(len(own) for _, own in groups) < small:
        return [("", list(headers))]
    return groups


def _overlap(a: Sequence[Header], b: Sequence[Header], *, mixed: bool) -> bool:
    """Whether more of the smaller part's places than the limit are also in the other.

    ``mixed``: places between those of the other count, as two times may be taken half a slice
    apart.
    """
    limits = table("geometry")["split"]
    first, second = sorted(((along_of(a)), (along_of(b))), key=lambda p: 0 if p is None else p.size)
    if first is None or second is None:
        return False
    small, large = (np.unique(np.round(places, 3)) for places in (first, second))
    near = same_place_mm(large)
    if mixed and small.size >= table("geometry")["size"]["min_slices"]:
        usual = min(float(np.median(np.diff(places))) for places in (small, large))
        near = max(near, limits["between"] * usual)
    right = np.clip(np.searchsorted(large, small), 1, max(large.size - 1, 1))
    gaps = np.abs(large[np.clip([right - 1, right], 0, large.size - 1)] - small)
    return float((gaps.min(axis=0) <= near).mean()) > float(limits["overlap"])


def along_of(headers: Sequence[Header]) -> NDArray[np.float64] | None:
    """Places of slices along their normal in mm; None where one does not say its place."""
    normal = normal_of(headers)
    if normal is None or not all(map(has_place, headers)):
        return None
    along: NDArray[np.float64] = np.array([h.position for h in headers], np.float64) @ normal
    return along


def count_places(headers: Sequence[Header]) -> int:
    """How many places slices show; their number where one does not say its place."""
    along = along_of(headers)
    return len(headers) if along is None else _distinct(along)


def repeats(headers: Sequence[Header]) -> bool:
    """Whether a place is there more than once."""
    along = along_of(headers)
    return along is not None and _distinct(along) < along.size


def _distinct(along: NDArray[np.float64]) -> int:
    ordered = np.sort(along)
    return int((np.diff(ordered) >= same_place_mm(ordered)).sum()) + 1


def _by_frame_time(headers: Sequence[Header]) -> Groups:
    """PET frames by time and duration, whatever the header calls the series."""
    return _over_one_another(_frame_time, _seconds)(headers)


def _by_blocks(headers: Sequence[Header]) -> Groups:
    """Blocks of equal size in order of acquisition, each with every place once."""
    whole: Groups = [("", list(headers))]
    along = along_of(headers)
    if along is None or any(h.acquired_at is None for h in headers):
        return whole
    size = _distinct(along)
    if size < table("geometry")["size"]["min_slices"] or len(headers) % size:
        return whole
    ordered = sorted(headers, key=lambda h: (str(h.acquired_at), h.identity))
    blocks = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    times = [[h.acquired_at for h in block if h.acquired_at is not None] for block in blocks]
    gaps = [(min(after) - max(before)).total_seconds() for before, after in pairwise(times)]
    apart = min(gaps, default=0.0) > table("geometry")["split"]["gap_s"]
    if not apart or any(repeats(block) for block in blocks):
        return whole
    return [(f"{min(time):%H:%M:%S}", block) for time, block in zip(times, blocks, strict=True)]


def _series_type(header: Header) -> str:
    values = header.pet.series_type if header.pet is not None else ()
    return values[0].upper() if values else ""


def _moving_frame(header: Header) -> tuple[float, float] | None:
    """Time and duration of a frame where the series says it is dynamic or gated."""
    return _frame_time(header) if _series_type(header) in ("DYNAMIC", "GATED") else None


def _gate(header: Header) -> float | None:
    """Place in the breath or heartbeat, else the time slot, where a PET says it is gated."""
    return _any_gate(header) if _series_type(header) in ("DYNAMIC", "GATED") else None


def _any_gate(header: Header) -> float | None:
    """Trigger time, else the slot that a PET's image index names."""
    trigger = _finite(header.trigger_ms)
    return trigger if trigger is not None else header.time_slot


def _frame_time(header: Header) -> tuple[float, float] | None:
    if header.pet is None:
        return None
    numbers = []
    for text in (header.pet.frame_reference_ms, header.pet.frame_duration_ms):
        try:
            numbers.append(float(text or "nan"))
        except ValueError:
            return None
    return (numbers[0], numbers[1]) if all(map(math.isfinite, numbers)) else None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _seconds(frame: tuple[float, float]) -> str:
    return f"{frame[0] / 1000:g} s"


def _range(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"


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
    ("image_type", _exact(_image_type, _joined)),
    ("kernel", _exact(lambda h: h.kernel)),
    ("field", _near(lambda h: h.reconstruction_mm, " mm")),
    ("kvp", _near(lambda h: h.kvp, " kV")),
    ("kev", _near(lambda h: h.kev, " keV")),
    ("rescale", _exact(lambda h: h.rescale_type)),
    ("units", _over_one_another(_units)),
    ("corrections", _over_one_another(_corrections, _joined)),
    ("temporal", _over_one_another(lambda h: h.temporal_position, mixed=True)),
    ("temporal", _over_one_another(lambda h: h.temporal_index, mixed=True)),
    (
        "cardiac",
        _over_one_another(
            lambda h: _finite(h.cardiac_phase_pct), lambda pct: f"{pct:g} %", mixed=True
        ),
    ),
    ("acquisition", _over_one_another(lambda h: h.acquisition_number, mixed=True)),
    ("reference", _over_one_another(_moving_frame, _seconds)),
    ("gate", _over_one_another(_gate, _plain, mixed=True)),
    ("stack", _if_any_volume(_exact(lambda h: h.stack_id))),
)
"""In the order in which they are tried."""

LAST_KEYS: tuple[tuple[str, Key], ...] = (
    ("reference", _by_frame_time),
    ("gate", _over_one_another(_any_gate, _plain, mixed=True)),
    ("description", _if_any_volume(_exact(lambda h: h.series_description))),
    ("comments", _if_any_volume(_exact(lambda h: h.comments))),
    ("number", _if_any_volume(_exact(lambda h: h.series_number))),
    ("block", _by_blocks),
)
"""Tried where a place is still there more than once."""

TIME_KEYS = ("temporal", "cardiac", "acquisition", "reference", "gate", "block")
