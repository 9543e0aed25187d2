"""Slices of a mask where --regrid filled in slices of its series: no program drew on those."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netimg.reading.problems import doubt

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.reading.masks.part import Part

_SKIPPED = "MSK-007"
_MOST_SAID = 4


def filled(
    parts: Sequence[Part], made: Collection[int], grid: Grid, *, apart: bool = False
) -> tuple[list[Part], list[Flag]]:
    """Parts without holes at slices that no file shows, and what was filled in.

    Between two outlines lies the one where the distances to both borders, each weighted by the
    way to it, cancel.

    Parameters
    ----------
    made
        Slices of the grid that were interpolated between those of the files.
    apart
        What was filled in of one part stays out of the next: lesions share no voxels.
    """
    taken: dict[int, NDArray[np.bool_]] = {}
    places: set[int] = set()
    result, voxels = [], 0
    for part in parts:
        planes = _between(part, made, grid)
        if not planes:
            result.append(part)
            continue
        whole = part.voxels.copy()
        for z, plane in planes.items():
            used = taken.setdefault(z, np.zeros(grid.shape[1:], dtype=np.bool_))[part.box[1:]]
            own = plane & ~used if apart else plane
            used |= plane
            whole[z - part.start[0]] = own
            voxels += int(np.count_nonzero(own))
        places |= set(planes)
        full = bool(whole.any(axis=(1, 2)).all())
        flags = tuple(flag for flag in part.flags if not (full and flag.code == _SKIPPED))
        result.append(replace(part, voxels=whole, flags=flags))
    if not voxels:
        return result, []
    volume_ml = voxels * grid.voxel_ml
    where = _said(sorted(places), grid)
    return result, [doubt("GEO-018/mask", where=where, volume_ml=volume_ml, measured=volume_ml)]


def _between(part: Part, made: Collection[int], grid: Grid) -> dict[int, NDArray[np.bool_]]:
    """Planes of a part at empty slices that were made, by slice of the grid."""
    first, n = part.start[0], part.voxels.shape[0]
    drawn: NDArray[np.bool_] = np.asarray(part.voxels.any(axis=(1, 2)))
    found: dict[int, NDArray[np.bool_]] = {}
    for z in sorted(made):
        at = z - first
        if not 0 < at < n - 1 or drawn[at]:
            continue
        low, high = at - 1, at + 1
        while low > 0 and not drawn[low] and low + first in made:
            low -= 1
        while high < n - 1 and not drawn[high] and high + first in made:
            high += 1
        if drawn[low] and drawn[high]:
            share = (at - low) / (high - low)
            near, far = (_inwards(part.voxels[k], grid) for k in (low, high))
            found[z] = (1 - share) * near + share * far > 0
    return found


def _inwards(plane: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """Distance to the border of an outline in mm, negative outside it."""
    from scipy.ndimage import distance_transform_edt

    edged = np.pad(plane, 1)
    pixel = grid.spacing_mm[1:]
    inside = distance_transform_edt(edged, sampling=pixel)
    outside = distance_transform_edt(~edged, sampling=pixel)
    inwards: NDArray[np.float64] = (inside - outside)[1:-1, 1:-1]
    return inwards


def _said(places: Sequence[int], grid: Grid) -> str:
    """Where slices lie along the axis of the patient that they cross."""
    axis = int(np.abs(np.array(grid.directions)[:, 0]).argmax())
    index = np.array([[z, 0.0, 0.0] for z in places[:_MOST_SAID]])
    text = ", ".join(f"{'LPS'[axis]} {mm:.1f} mm" for mm in grid.to_world(index)[:, axis].tolist())
    rest = len(places) - _MOST_SAID
    return f"{text} and {rest} more" if rest > 0 else text
