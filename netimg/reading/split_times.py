"""Keys of time: they split a series only where its parts lie over one another.

Beds of a PET and steps of a CT have their own times and numbers too, and stay one volume.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.places import along_of, count_places, repeats
from netimg.reading.stack import same_place_mm
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from netimg.reading.headers import Header

    Groups = list[tuple[str, list[Header]]]
    """What a key says of each group, and its files."""
    Key = Callable[[Sequence[Header]], Groups]
    Places = NDArray[np.float64]
    """Places along the normal in mm, each once and in order."""


NOT_SAID = "not said"


def over_one_another(
    value: Callable[[Header], Any], text: Callable[[Any], str] = str, *, mixed: bool = False
) -> Key:
    """Groups by value where they show the same places; what lies side by side stays together.

    Files that say nothing are a group too: a second time may be a copy with a number added.
    """

    def groups(headers: Sequence[Header]) -> Groups:
        found: dict[Any, list[Header]] = {}
        for header in headers:
            found.setdefault(value(header), []).append(header)
        silent = found.pop(None, [])
        along = along_of(headers)
        named = [(NOT_SAID, silent)] if silent else []
        named += [(text(key), found[key]) for key in sorted(found)]
        if len(named) < 2 or along is None:
            return [("", list(headers))]
        places = {id(header): mm for header, mm in zip(headers, along.tolist(), strict=True)}
        watched = [group for group in named if _at_one_place(group[1], places)]
        rest = [group for group in named if group not in watched]
        if not watched or count_places([h for _, own in rest for h in own]) < _least():
            return if_volumes(_laid(named, places, mixed=mixed), headers)
        return [*_laid(rest, places, mixed=mixed), *watched]

    return groups


def _least() -> int:
    """Slices that a volume has at least."""
    return int(table("geometry")["size"]["min_slices"])


def _at_one_place(headers: Sequence[Header], places: Mapping[int, float]) -> bool:
    """Whether several pictures watch one place, as when contrast is awaited."""
    own = [places[id(header)] for header in headers]
    same_mm = float(table("geometry")["duplicate"]["same_place_mm"])
    return len(own) >= _least() and max(own) - min(own) < same_mm


def _laid(groups: Groups, places: Mapping[int, float], *, mixed: bool) -> Groups:
    """Groups put together where one follows the other side by side, as steps of one scan do.

    Where that gives volumes of unlike length, each group stays alone: steps of a first phase must
    not be completed with a step of the next.
    """
    volumes: list[list[tuple[str, list[Header]]]] = []
    beside: Places = np.empty(0)
    for group in groups:
        own = np.unique(np.round([places[id(header)] for header in group[1]], 3))
        if not volumes or overlap(own, beside, mixed=mixed):
            volumes.append([group])
            beside = own
        else:
            volumes[-1].append(group)
            beside = np.union1d(beside, own)
    joined = [
        (span_of([text for text, _ in volume]), [h for _, own in volume for h in own])
        for volume in volumes
    ]
    sizes = [len(own) for _, own in joined]
    alike = min(sizes) >= table("geometry")["split"]["alike"] * max(sizes)
    return joined if alike or len(joined) == 1 else groups


def if_volumes(groups: Groups, headers: Sequence[Header]) -> Groups:
    """The groups where at least one can be a volume; times of a single place are none."""
    if max(len(own) for _, own in groups) < _least():
        return [("", list(headers))]
    return groups


def overlap(a: Places, b: Places, *, mixed: bool) -> bool:
    """Whether more of the smaller part's places than the limit are also in the other.

    ``mixed``: places between those of the other count, as two times may be taken half a slice
    apart.
    """
    limits = table("geometry")["split"]
    small, large = sorted((a, b), key=len)
    near = same_place_mm(large)
    if mixed and small.size >= _least():
        usual = min(float(np.median(np.diff(places))) for places in (small, large))
        near = max(near, limits["between"] * usual)
    right = np.clip(np.searchsorted(large, small), 1, max(large.size - 1, 1))
    gaps = np.abs(large[np.clip([right - 1, right], 0, large.size - 1)] - small)
    return float((gaps.min(axis=0) <= near).mean()) > float(limits["overlap"])


def by_frame_time(headers: Sequence[Header]) -> Groups:
    """PET frames by time and duration, whatever the header calls the series."""
    return over_one_another(_frame_time, seconds)(headers)


def by_blocks(headers: Sequence[Header]) -> Groups:
    """Blocks of equal size in order of acquisition, each with every place once."""
    whole: Groups = [("", list(headers))]
    along = along_of(headers)
    if along is None or any(h.acquired_at is None for h in headers):
        return whole
    size = count_places(headers)
    if size < _least() or len(headers) % size:
        return whole
    ordered = sorted(headers, key=lambda h: (str(h.acquired_at), h.identity))
    blocks = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    times = [[h.acquired_at for h in block if h.acquired_at is not None] for block in blocks]
    gaps = [(min(after) - max(before)).total_seconds() for before, after in pairwise(times)]
    apart = min(gaps, default=0.0) > table("geometry")["split"]["gap_s"]
    if not apart or any(repeats(block) for block in blocks):
        return whole
    return [(f"{min(time):%H:%M:%S}", block) for time, block in zip(times, blocks, strict=True)]


def by_passes(headers: Sequence[Header]) -> Groups:
    """Passes with a pause between them whose places lie between those of one another.

    Steps of a scan lie side by side and stay together, and so do slices that were taken again: a
    pass reaches over much of the whole.
    """
    whole: Groups = [("", list(headers))]
    starts = [h.acquired_at for h in headers]
    known = sorted({start for start in starts if start is not None})
    gap_s = table("geometry")["split"]["gap_s"]
    begins = [b for a, b in pairwise(known) if (b - a).total_seconds() > gap_s]
    if not begins or None in starts:
        return whole
    first = [known[0], *begins]

    def number(header: Header) -> int:
        return bisect_right(begins, header.acquired_at)  # type: ignore[type-var]  # none is None

    found = over_one_another(number, lambda n: f"{first[n]:%H:%M:%S}", mixed=True)(headers)
    long = table("geometry")["split"]["pass_extent"] * _extent(headers)
    return found if all(_extent(own) >= long for _, own in found) else whole


def _extent(headers: Sequence[Header]) -> float:
    """Distance of the outer slices along the normal, mm; 0 where one does not say its place."""
    along = along_of(headers)
    return 0.0 if along is None else float(np.ptp(along))


def _series_type(header: Header) -> str:
    values = header.pet.series_type if header.pet is not None else ()
    return values[0].upper() if values else ""


def moving_frame(header: Header) -> tuple[float, float] | None:
    """Time and duration of a frame where the series says it is dynamic or gated."""
    return _frame_time(header) if _series_type(header) in ("DYNAMIC", "GATED") else None


def gate_of(header: Header) -> float | None:
    """Place in the breath or heartbeat, else the time slot, where a PET says it is gated."""
    return any_gate(header) if _series_type(header) in ("DYNAMIC", "GATED") else None


def any_gate(header: Header) -> float | None:
    """Trigger time, else the slot that a PET's image index names."""
    trigger = finite(header.trigger_ms)
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


def finite(number: float | None) -> float | None:
    """The number, None where it is none."""
    return number if number is not None and math.isfinite(number) else None


def seconds(frame: tuple[float, float]) -> str:
    """When a frame was taken, as a reader sees it."""
    return f"{frame[0] / 1000:g} s"


def span_of(values: Sequence[str]) -> str:
    """First and last of some values in words; what says nothing does not count."""
    said = [value for value in values if value != NOT_SAID] or [NOT_SAID]
    return said[0] if len(said) == 1 else f"{said[0]} to {said[-1]}"
