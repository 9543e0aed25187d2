"""Groups of one value that lie side by side are pieces of one scan and are put together again.

Tube voltage, field or image type may change along a patient; two reconstructions lie over one
another. Limits: ``configs/reading/geometry.toml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netimg.reading.places import along_of
from netimg.reading.split_times import overlap, span_of
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from netimg.reading.headers import Header
    from netimg.reading.split_times import Groups, Key, Places


def unless_beside(key: Key, apart: Callable[[Header], object] = lambda _: None) -> Key:
    """Groups of a key, those that follow one another side by side as one.

    ``apart``: what differs in this stays apart wherever it lies.
    """

    def groups(headers: Sequence[Header]) -> Groups:
        found = key(headers)
        along = along_of(headers)
        if len(found) < 2 or along is None:
            return found
        places = {id(header): mm for header, mm in zip(headers, along.tolist(), strict=True)}
        kinds: dict[object, list[int]] = {}
        for number, (_, own) in enumerate(found):
            kinds.setdefault(apart(own[0]), []).append(number)
        volumes = [volume for own in kinds.values() for volume in _joined(found, own, places)]
        return [
            (span_of([found[n][0] for n in volume]), [h for n in volume for h in found[n][1]])
            for volume in sorted(volumes)
        ]

    return groups


def _joined(groups: Groups, own: Sequence[int], places: Mapping[int, float]) -> list[list[int]]:
    """Which of some groups make one volume each, as sorted numbers."""
    lying = {
        n: np.unique(np.round([places[id(header)] for header in groups[n][1]], 3)) for n in own
    }
    volumes = []
    for scan in _scans(lying):
        found = _over_one_another(scan, lying)
        sizes = [sum(len(groups[n][1]) for n in volume) for volume in found]
        # Of unlike volumes nobody knows which piece belongs to which: each stays alone.
        alike = min(sizes) >= table("geometry")["split"]["alike"] * max(sizes)
        volumes += found if alike else [[n] for n in scan]
    return [sorted(volume) for volume in volumes]


def _scans(lying: Mapping[int, Places]) -> list[list[int]]:
    """Groups that no wide gap parts, each in order of its first place."""
    numbers = sorted(lying, key=lambda n: (float(lying[n][0]), n))
    every = np.concatenate([lying[n] for n in numbers])
    of = np.repeat(np.arange(len(numbers)), [len(lying[n]) for n in numbers])
    order = np.argsort(every, kind="stable")
    gaps = np.diff(every[order])
    steps = gaps[gaps > table("geometry")["duplicate"]["same_place_mm"]]
    usual = float(np.median(steps)) if steps.size else 0.0
    near = gaps <= table("geometry")["split"]["seam"] * usual
    scan = list(range(len(numbers)))

    def first(n: int) -> int:
        while scan[n] != n:
            scan[n] = scan[scan[n]]
            n = scan[n]
        return n

    for a, b in zip(of[order][:-1][near].tolist(), of[order][1:][near].tolist(), strict=True):
        low, high = sorted((first(a), first(b)))
        scan[high] = low
    found: dict[int, list[int]] = {}
    for k, number in enumerate(numbers):
        found.setdefault(first(k), []).append(number)
    return list(found.values())


def _over_one_another(scan: Sequence[int], lying: Mapping[int, Places]) -> list[list[int]]:
    """Groups of a scan, each with the first volume that it does not lie over."""
    volumes: list[tuple[list[int], Places]] = []
    for number in scan:
        own = lying[number]
        for k, (volume, beside) in enumerate(volumes):
            if not overlap(own, beside, mixed=True):
                volumes[k] = ([*volume, number], np.union1d(beside, own))
                break
        else:
            volumes.append(([number], own))
    return [volume for volume, _ in volumes]
