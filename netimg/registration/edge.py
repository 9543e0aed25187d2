"""Where the liver ends on a PET, against its surface on the CT.

Along a line across the surface the PET falls from the level of the liver to that of what lies
outside; half-way between both is its edge, whatever the blur. Lines without such a fall (a
neighbour as bright as the liver, a lesion at the border) say nothing and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.registration.tables import limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import PointsLPS
    from netimg.volume import Mask, Volume

_UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class DomeShift:
    """How far the top of the liver lies higher (above 0) or lower on PET than on CT, mm."""

    shift_mm: float
    lines: int
    """Lines it is the median of."""


def liver_gap_mm(pet: Volume, liver: Mask) -> float | None:
    """Median distance between the liver's surfaces on PET and CT, mm.

    Parameters
    ----------
    pet
        On any grid, in the coordinate system of ``liver``.
    liver
        Drawn on the CT.

    Returns
    -------
    float or None
        None where too little of the surface can be told on the PET.
    """
    rows = limits("edge")
    points, normals = _surface(liver)
    if not len(points):
        return None
    offsets = _offsets(pet, liver, points, normals)
    seen = np.isfinite(offsets)
    enough = max(rows["points_min"], rows["share_min"] * len(points))
    return float(np.median(np.abs(offsets[seen]))) if seen.sum() >= enough else None


def dome_shift(pet: Volume, ct: Volume, liver: Mask) -> DomeShift | None:
    """Shift of the liver's top between PET and CT, along the patient.

    Parameters
    ----------
    pet, ct
        In one coordinate system.
    liver
        On the grid of ``ct``.

    Returns
    -------
    DomeShift or None
        None where the dome is not in view of both, or cannot be told from what lies above it.
    """
    rows = limits("dome")
    points, normals = _surface(liver)
    if not len(points):
        return None
    high = points[:, 2] >= points[:, 2].max() - rows["below_top_mm"]
    dome = points[high & (normals[:, 2] >= rows["up_min"])]
    above = dome + rows["lung_at_mm"] * _UP
    lung = _sampled(ct, above, outside=0.0) < rows["lung_hu"]
    dome = dome[lung]
    if not len(dome):
        return None
    offsets = _offsets(pet, liver, dome, np.broadcast_to(_UP, dome.shape))
    seen = np.isfinite(offsets)
    if seen.sum() < rows["points_min"]:
        return None
    return DomeShift(shift_mm=float(np.median(offsets[seen])), lines=int(seen.sum()))


def _surface(liver: Mask) -> tuple[PointsLPS, PointsLPS]:
    """Points of a smooth surface of the liver and its outward normals, (n, 3) each, L, P, S.

    Where the liver ends with the image there is no surface.
    """
    from scipy import ndimage
    from skimage.measure import marching_cubes

    rows, nothing = limits("edge"), np.zeros((0, 3))
    hits = [np.flatnonzero(liver.voxels.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if any(not len(hit) for hit in hits):
        return nothing, nothing
    grid = liver.grid
    step = [max(1, int(2.0 / s)) for s in grid.spacing_mm]
    margin = [int(np.ceil(4 * rows["smooth_mm"] / s)) + 1 for s in grid.spacing_mm]
    box = tuple(
        slice(max(0, int(h[0]) - m), min(n, int(h[-1]) + m + 1), t)
        for h, m, n, t in zip(hits, margin, grid.shape, step, strict=True)
    )
    values = liver.voxels[box].astype(np.float32)
    spacing = np.array(grid.spacing_mm) * step
    smooth = ndimage.gaussian_filter(values, rows["smooth_mm"] / spacing, mode="nearest")
    if min(smooth.shape) < 2 or smooth.max() <= 0.5 or smooth.min() >= 0.5:
        return nothing, nothing
    vertices = marching_cubes(smooth, 0.5)[0]
    every = max(1, len(vertices) // int(rows["points_max"]))
    vertices = vertices[::every]
    steps = [np.asarray(g, dtype=np.float64) for g in np.gradient(smooth, *spacing.tolist())]
    slopes = np.stack([ndimage.map_coordinates(g, vertices.T, order=1) for g in steps], axis=1)
    index = vertices * step + np.array([part.start for part in box])
    normals = -slopes @ grid.matrix.T
    length = np.linalg.norm(normals, axis=1)
    good = length > 1e-6
    points = grid.to_world(index)
    return points[good], normals[good] / length[good, None]


def _offsets(
    pet: Volume, liver: Mask, points: PointsLPS, directions: PointsLPS
) -> NDArray[np.float64]:
    """Distance of the PET's edge from each point along its direction, mm; NaN where none is."""
    rows = limits("edge")
    reach, step = rows["reach_mm"], rows["step_mm"]
    along = np.arange(-reach, reach + step / 2, step)
    places = points[:, None, :] + along[None, :, None] * directions[:, None, :]
    lines = _sampled(pet, places.reshape(-1, 3), outside=np.nan).reshape(len(points), -1)
    width = max(1, round(rows["plateau_mm"] / step))
    level = _level(pet, liver)
    offsets = np.full(len(points), np.nan)
    if level is None:
        return offsets
    inside, outside = np.median(lines[:, :width], axis=1), np.median(lines[:, -width:], axis=1)
    low, high = (share * level for share in rows["inside_range"])
    with np.errstate(invalid="ignore"):
        clear = (
            np.isfinite(lines).all(axis=1)
            & (inside >= low)
            & (inside <= high)
            & (inside >= rows["contrast_min"] * np.maximum(outside, 0.0))
        )
    for i in np.flatnonzero(clear):
        offsets[i] = _crossing(lines[i], 0.5 * (inside[i] + outside[i]), along)
    return offsets


def _crossing(line: NDArray[np.float64], half: float, along: NDArray[np.float64]) -> float:
    """Place nearest to the surface where a line falls through half its height; NaN for none."""
    falls = np.flatnonzero((line[:-1] >= half) & (line[1:] < half))
    if not len(falls):
        return float("nan")
    share = (line[falls] - half) / (line[falls] - line[falls + 1])
    places = along[falls] + share * (along[1] - along[0])
    return float(places[np.abs(places).argmin()])


def _level(pet: Volume, liver: Mask) -> float | None:
    """Median of the PET inside the liver; None where they do not meet or there is nothing."""
    inside = np.argwhere(liver.voxels)
    if not len(inside):
        return None
    sparse = inside[:: max(1, len(inside) // 20_000)].astype(np.float64)
    values = _sampled(pet, liver.grid.to_world(sparse), outside=np.nan)
    known = values[np.isfinite(values)]
    if len(known) < 100 or not float(np.median(known)) > 0:
        return None
    return float(np.median(known))


def _sampled(volume: Volume, points: PointsLPS, *, outside: float) -> NDArray[np.float64]:
    """Values of a volume at world points, linearly; ``outside`` beyond its outermost centres."""
    from scipy import ndimage

    index = volume.grid.to_index(points)
    found: NDArray[np.float64] = ndimage.map_coordinates(
        volume.values, index.T, order=1, mode="constant", cval=outside, output=np.float64
    )
    return found
