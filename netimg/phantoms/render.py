"""From shapes to voxels: how much of each voxel a shape fills.

A voxel away from a surface is full or empty; a voxel near one is divided into 4 x 4 x 4 points.
So fractions, and volumes that are sums of fractions, come from points a quarter of a voxel apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from netimg.geometry import AXIAL, Grid

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.phantoms.shapes import Shape

POINTS_PER_EDGE = 4
"""Sub-points along each edge of a voxel that a surface crosses."""

Slices: TypeAlias = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cover:
    """Part of a grid with the filled fraction of each voxel."""

    at: Slices
    fraction: FloatZYX
    """(z, y, x) float32 0..1 on the part ``at``."""

    def volume_ml(self, grid: Grid) -> float:
        """Filled volume inside the grid, mL."""
        return float(self.fraction.sum(dtype=np.float64)) * grid.voxel_ml


def axial_grid(
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    spacing_mm: tuple[float, float, float],
) -> Grid:
    """Axial grid whose outer faces begin at ``low`` (L, P, S; mm) and reach at least ``high``.

    ``spacing_mm`` is in z, y, x.
    """
    step_lps = spacing_mm[::-1]
    count = [
        max(1, math.ceil(round((h - a) / s, 6)))
        for a, h, s in zip(low, high, step_lps, strict=True)
    ]
    origin = [a + s / 2 for a, s in zip(low, step_lps, strict=True)]
    return Grid(
        shape=(count[2], count[1], count[0]),
        spacing_mm=spacing_mm,
        origin_lps_mm=(origin[0], origin[1], origin[2]),
        directions=AXIAL,
    )


def cover(shape: Shape, grid: Grid) -> Cover | None:
    """Filled fractions of an axial grid; None where the shape does not reach it."""
    at = part_of(shape, grid)
    if at is None:
        return None
    x, y, z = axes(grid, at)
    size = (len(z), len(y), len(x))
    mesh = (x[None, None, :], y[None, :, None], z[:, None, None])
    away = np.broadcast_to(np.asarray(shape.distance(*mesh), dtype=np.float32), size)
    fraction = (away < 0).astype(np.float32)
    # Distances of joined shapes may be a third too small away from their surface, never too large.
    band = np.flatnonzero(np.abs(away) < 0.75 * math.hypot(*grid.spacing_mm))
    _refine(shape, grid, mesh, band, fraction)
    return Cover(at=at, fraction=fraction)


def inside(shape: Shape, grid: Grid) -> MaskZYX:
    """Voxels of an axial grid whose centre is inside the shape."""
    mask = np.zeros(grid.shape, dtype=np.bool_)
    at = part_of(shape, grid)
    if at is not None:
        x, y, z = axes(grid, at)
        mask[at] = shape.distance(x[None, None, :], y[None, :, None], z[:, None, None]) < 0
    return mask


def _refine(
    shape: Shape,
    grid: Grid,
    mesh: tuple[np.ndarray, np.ndarray, np.ndarray],
    band: np.ndarray,
    fraction: FloatZYX,
) -> None:
    """Write the filled fraction of the voxels ``band`` (flat indices) into ``fraction``."""
    n = POINTS_PER_EDGE
    steps = (np.arange(n) + 0.5) / n - 0.5
    dz, dy, dx = (steps * s for s in grid.spacing_mm)
    shift = [a.ravel().astype(np.float32) for a in np.meshgrid(dx, dy, dz, indexing="ij")]
    x, y, z = mesh
    flat = fraction.reshape(-1)
    for chunk in np.array_split(band, max(1, len(band) // 20000)):
        k, j, i = np.unravel_index(chunk, fraction.shape)
        centres = (x.ravel()[i], y.ravel()[j], z.ravel()[k])
        points = [c[:, None] + s[None, :] for c, s in zip(centres, shift, strict=True)]
        flat[chunk] = (shape.distance(*points) < 0).mean(axis=1, dtype=np.float32)


def whole(grid: Grid) -> Slices:
    """Slices of a whole grid."""
    return slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2])


def axes(grid: Grid, at: Slices) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L, P, S of the voxel centres along each axis of a part of an axial grid, float32 mm."""
    along = []
    for axis, origin in ((2, 0), (1, 1), (0, 2)):
        index = np.arange(at[axis].start, at[axis].stop)
        along.append(
            (grid.origin_lps_mm[origin] + index * grid.spacing_mm[axis]).astype(np.float32)
        )
    return along[0], along[1], along[2]


def part_of(shape: Shape, grid: Grid) -> Slices | None:
    """Slices of the grid that hold the box of a shape, one voxel wider; None if it is outside."""
    low, high = shape.box
    parts = []
    for axis, lps in ((0, 2), (1, 1), (2, 0)):
        step, origin = grid.spacing_mm[axis], grid.origin_lps_mm[lps]
        first = max(0, math.floor((max(low[lps], -1e6) - origin) / step) - 1)
        last = min(grid.shape[axis], math.ceil((min(high[lps], 1e6) - origin) / step) + 2)
        if first >= last:
            return None
        parts.append(slice(first, last))
    return parts[0], parts[1], parts[2]


def paint_on(image: FloatZYX, covered: Cover, value: float) -> None:
    """Lay one tissue over what is there, in place; a half-filled voxel keeps half of it."""
    part = image[covered.at]
    part += covered.fraction * (np.float32(value) - part)
