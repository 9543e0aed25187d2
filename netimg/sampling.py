"""Masks onto other grids: the covered fraction of each voxel. Images are never resampled.

A mask is sampled in its own geometry at 4x4x4 points of each target voxel, so a lesion of the CT
keeps its volume on the coarser PET, whatever the angle between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid
    from netimg.volume import Mask

SUB_POINTS = 4
"""Sub-points along each axis of a target voxel."""

_PARALLEL_TOL = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """Covered fraction 0..1 on a box of the target grid; outside the box it is 0."""

    fraction: FloatZYX
    box: tuple[slice, slice, slice]

    def core(self) -> MaskZYX:
        """Voxels at least half covered, (z, y, x) bool on the box."""
        return self.fraction >= 0.5

    def on(self, shape: tuple[int, int, int]) -> FloatZYX:
        """Fractions on the whole target grid."""
        whole = np.zeros(shape, dtype=np.float32)
        whole[self.box] = self.fraction
        return whole


def covered_fraction(mask: Mask, grid: Grid) -> Covered | None:
    """How much of each voxel of another grid a mask covers.

    Parameters
    ----------
    mask
        On its own grid, which may be a crop.
    grid
        The target, at any angle to the mask.

    Returns
    -------
    Covered
        On the smallest box of ``grid`` that can be covered; None where the mask is empty or lies
        wholly outside.

    Notes
    -----
    Steps of 1/64. A mask on the target grid itself comes back as 0 and 1. Where the sub-points are
    as far apart as the mask's voxels, its surface moves by up to half that distance; over many
    positions of the target the volume is right on average.
    """
    own = _tight(mask)
    if own is None:
        return None
    voxels, inner = own
    box = _target_box(inner, grid)
    if box is None:
        return None
    target = grid.crop(_starts(box), _stops(box))
    turn = inner.matrix.T @ target.matrix
    if np.abs(turn - np.diag(np.diag(turn))).max() < _PARALLEL_TOL:
        fraction = _parallel(voxels, inner, target)
    else:
        fraction = _turned(voxels, inner, target)
    return Covered(fraction, box)


def _tight(mask: Mask) -> tuple[MaskZYX, Grid] | None:
    """Crop a mask to its voxels."""
    hits = []
    for axis in range(3):
        hit = np.flatnonzero(mask.voxels.any(axis=tuple(k for k in range(3) if k != axis)))
        if not len(hit):
            return None
        hits.append((int(hit[0]), int(hit[-1]) + 1))
    (z0, z1), (y0, y1), (x0, x1) = hits
    return mask.voxels[z0:z1, y0:y1, x0:x1], mask.grid.crop((z0, y0, x0), (z1, y1, x1))


def _target_box(inner: Grid, grid: Grid) -> tuple[slice, slice, slice] | None:
    """Box of the target grid that the outer faces of the mask's box reach."""
    faces = np.array(list(product(*((-0.5, n - 0.5) for n in inner.shape))))
    index = grid.to_index(inner.to_world(faces))
    low = np.maximum(np.floor(index.min(axis=0) + 0.5).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0) - 0.5).astype(int) + 1, grid.shape)
    if (low >= high).any():
        return None
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (z, y, x)


def _parallel(voxels: MaskZYX, inner: Grid, target: Grid) -> FloatZYX:
    """Fractions where the axes of both grids are parallel: one look-up per axis."""
    lines = []
    for axis in range(3):
        at = np.zeros((target.shape[axis] * SUB_POINTS, 3))
        at[:, axis] = _sub_points(np.arange(target.shape[axis])).ravel()
        lines.append(np.rint(inner.to_index(target.to_world(at))[:, axis]).astype(int))
    inside = [(line >= 0) & (line < n) for line, n in zip(lines, inner.shape, strict=True)]
    kept = [np.where(ok, line, 0) for ok, line in zip(inside, lines, strict=True)]
    fraction = np.zeros(target.shape, dtype=np.float32)
    for z in range(target.shape[0]):
        rows = slice(z * SUB_POINTS, (z + 1) * SUB_POINTS)
        hit = voxels[np.ix_(kept[0][rows], kept[1], kept[2])]
        hit = hit & (inside[0][rows, None, None] & inside[1][:, None] & inside[2])
        y, x = target.shape[1:]
        fraction[z] = hit.reshape(SUB_POINTS, y, SUB_POINTS, x, SUB_POINTS).mean(axis=(0, 2, 4))
    return fraction


def _turned(voxels: MaskZYX, inner: Grid, target: Grid) -> FloatZYX:
    """Fractions at any angle, slice by slice."""
    fraction = np.zeros(target.shape, dtype=np.float32)
    y, x = (_sub_points(np.arange(n)) for n in target.shape[1:])
    for z in range(target.shape[0]):
        points = np.stack(np.meshgrid(_sub_points(np.array([z])), y, x, indexing="ij"), axis=-1)
        index = np.rint(inner.to_index(target.to_world(points.reshape(-1, 3)))).astype(int)
        inside = ((index >= 0) & (index < inner.shape)).all(axis=1)
        hit = np.zeros(len(index), dtype=np.bool_)
        hit[inside] = voxels[tuple(index[inside].T)]
        n_y, n_x = target.shape[1:]
        blocks = hit.reshape(SUB_POINTS, n_y, SUB_POINTS, n_x, SUB_POINTS)
        fraction[z] = blocks.mean(axis=(0, 2, 4))
    return fraction


def _sub_points(index: NDArray[np.intp]) -> NDArray[np.float64]:
    """Indices of the sub-points of voxels along one axis, flat and ascending."""
    offsets = (np.arange(SUB_POINTS) + 0.5) / SUB_POINTS - 0.5
    points: NDArray[np.float64] = (index[:, None] + offsets).ravel()
    return points


def _starts(box: tuple[slice, slice, slice]) -> tuple[int, int, int]:
    return (box[0].start, box[1].start, box[2].start)


def _stops(box: tuple[slice, slice, slice]) -> tuple[int, int, int]:
    return (box[0].stop, box[1].stop, box[2].stop)
