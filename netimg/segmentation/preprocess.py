"""From the grid of any CT to the grid of a stage, and back.

Networks see axes that point to +S, +P, +L. A CT in any other order of its axes is turned by a
view, without copying (`upright`); a CT that is tilted against the patient's axes is resampled
(`levelled`). Images go to a stage's spacing slab by slab, so that no second copy of the scan is
made; probabilities come back linearly (`onto`), never labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.geometry import AXIAL, Grid
from netimg.segmentation.pieces import boxes_of, pieces_of, sizes_of
from netimg.segmentation.regrid import regrid, shape_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.segmentation.stages import Stage

SLAB = 16
"""Slices that are worked on at a time."""

_ROWS = (2, 1, 0)
"""Rows S, P, L of a direction matrix, for the array axes z, y, x."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upright:
    """Values ``[z, y, x]`` with axes to +S, +P, +L; `axes` and `flips` lead back."""

    values: FloatZYX
    grid: Grid
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @property
    def tilt_deg(self) -> float:
        """Largest angle between an array axis and its axis of the patient."""
        matrix = self.grid.matrix
        cosines = [abs(float(matrix[row, k])) for k, row in enumerate(_ROWS)]
        return math.degrees(math.acos(min(1.0, *cosines)))

    def back(self, array: NDArray[Any]) -> NDArray[Any]:
        """View of an upright array in the order of the original one."""
        return _flipped(array, self.flips).transpose(np.argsort(self.axes))


def upright(values: FloatZYX, grid: Grid) -> Upright:
    """Turn an array so that its axes point most nearly to +S, +P, +L; a view, no copy.

    Parameters
    ----------
    values : (z, y, x)
        In any order of the patient's axes.
    grid
        Grid that ``values`` lies on.
    """
    matrix = grid.matrix
    a, b, c = max(
        permutations(range(3)),
        key=lambda order: sum(abs(matrix[row, k]) for row, k in zip(_ROWS, order, strict=True)),
    )
    axes = (a, b, c)
    flips = (bool(matrix[2, a] < 0), bool(matrix[1, b] < 0), bool(matrix[0, c] < 0))
    corner = np.zeros((1, 3))
    for k, flip in zip(axes, flips, strict=True):
        corner[0, k] = grid.shape[k] - 1 if flip else 0
    signs = np.where(flips, -1.0, 1.0)
    turned = replace(
        grid,
        shape=(grid.shape[a], grid.shape[b], grid.shape[c]),
        spacing_mm=(grid.spacing_mm[a], grid.spacing_mm[b], grid.spacing_mm[c]),
        origin_lps_mm=tuple(grid.to_world(corner)[0].tolist()),
        directions=(matrix[:, list(axes)] * signs).tolist(),
    )
    view = _flipped(values.transpose(axes), flips)
    return Upright(values=view, grid=turned, axes=axes, flips=flips)


def _flipped(array: NDArray[Any], flips: tuple[bool, ...]) -> NDArray[Any]:
    return array[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]


def levelled(source: Upright, *, pad_hu: float = -1024.0) -> Upright:
    """A tilted image resampled to the axes of the patient, around the whole of its field of view.

    Spacing is that of the source, at least 1 mm; values beyond the source are ``pad_hu``.
    """
    corners = source.grid.corners_lps()
    spacing = tuple(max(1.0, s) for s in source.grid.spacing_mm)
    low, high = corners.min(axis=0), corners.max(axis=0)
    extent = (high - low)[list(_ROWS)]
    shape = tuple(int(e // s) + 1 for e, s in zip(extent, spacing, strict=True))
    grid = Grid(shape=shape, spacing_mm=spacing, origin_lps_mm=tuple(low), directions=AXIAL)  # type: ignore[arg-type]
    values = np.empty(grid.shape, dtype=np.float32)
    for first, last, slab in onto(source.values[None], source.grid, grid, outside=pad_hu):
        values[first:last] = slab[0]
    return Upright(values=values, grid=grid, axes=(0, 1, 2), flips=(False, False, False))


def stretched(grid: Grid, shape: tuple[int, int, int]) -> Grid:
    """Grid of another shape over the same field of view, outer faces kept."""
    z, y, x = (n * s / m for n, s, m in zip(grid.shape, grid.spacing_mm, shape, strict=True))
    spacing = (z, y, x)
    first = [(t / s - 1) / 2 for t, s in zip(spacing, grid.spacing_mm, strict=True)]
    origin = grid.to_world(np.array([first]))[0]
    return replace(grid, shape=shape, spacing_mm=spacing, origin_lps_mm=tuple(origin.tolist()))


def at_spacing(
    source: Upright, box: tuple[slice, slice, slice], stage: Stage
) -> tuple[torch.Tensor, Grid]:
    """Image of a stage: HU of a box of the CT, clipped, at the stage's spacing.

    Returns
    -------
    image : (1, z, y, x) float32
        On the processor.
    grid
        Where it lies.
    """
    start = tuple(int(part.start) for part in box)
    stop = tuple(int(part.stop) for part in box)
    grid = source.grid.crop(start, stop)  # type: ignore[arg-type]  # three numbers each
    low, high = stage.clip_hu or stage.normalise[stage.inputs.index("ct")].range
    values = source.values[box]
    shape = shape_at(grid.shape, grid.spacing_mm, stage.spacing_mm)
    return _resampled(values, shape, low, high), stretched(grid, shape)


def _resampled(
    values: FloatZYX, shape: tuple[int, int, int], low: float, high: float
) -> torch.Tensor:
    """``(1, *shape)``: slabs in plane first, then all along z; the same as all at once."""
    import torch

    slabs = []
    for first in range(0, values.shape[0], SLAB):
        slab = np.clip(values[first : first + SLAB], low, high, dtype=np.float32)
        tensor = torch.from_numpy(np.ascontiguousarray(slab))[None]
        slabs.append(regrid(tensor, (tensor.shape[1], shape[1], shape[2])))
    return regrid(torch.cat(slabs, dim=1), shape)


def onto(
    values: NDArray[Any], source: Grid, target: Grid, *, outside: float = 0.0
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Values of one grid, linearly at the voxels of another, slab by slab.

    Parameters
    ----------
    values : (channels, z, y, x)
        float32 or float16; arithmetic is float32.
    source, target
        Grids of ``values`` and of what is asked for.
    outside
        Value beyond the outer faces of ``source``; within half a voxel of its outermost centres
        the edge value holds.

    Yields
    ------
    first, last : int
        Slices ``first:last`` of the target.
    slab : (channels, last - first, y, x) float32
    """
    turn = source.matrix.T @ target.matrix
    straight = bool(np.allclose(turn, np.eye(3), atol=1e-5))
    for first in range(0, target.shape[0], SLAB):
        last = min(first + SLAB, target.shape[0])
        part = target.crop((first, 0, 0), (last, *target.shape[1:]))
        slab = (
            _straight(values, source, part, outside)
            if straight
            else _turned(values, source, part, outside)
        )
        yield first, last, slab


def _straight(
    values: NDArray[Any], source: Grid, target: Grid, outside: float
) -> NDArray[np.float32]:
    """Linear interpolation along one axis after the other."""
    start = source.to_index(np.array([target.origin_lps_mm]))[0]
    out = values
    inside = np.ones((1, 1, 1), dtype=bool)
    for axis in range(3):
        step = target.spacing_mm[axis] / source.spacing_mm[axis]
        at = start[axis] + step * np.arange(target.shape[axis])
        n = source.shape[axis]
        low = np.clip(np.floor(at), 0, max(n - 2, 0)).astype(np.intp)
        share = np.clip(at - low, 0.0, 1.0).astype(np.float32)
        within = (at >= -0.5 - 1e-6) & (at <= n - 0.5 + 1e-6)
        shape = [1, 1, 1]
        shape[axis] = -1
        inside = inside & within.reshape(shape)
        share = share.reshape([1, *shape])
        below = out.take(low, axis=axis + 1).astype(np.float32, copy=False)
        above = out.take(np.minimum(low + 1, n - 1), axis=axis + 1)
        out = below + share * (above.astype(np.float32, copy=False) - below)
    if not inside.all():
        out = np.where(inside[None], out, np.float32(outside))
    return out


def _turned(
    values: NDArray[Any], source: Grid, target: Grid, outside: float
) -> NDArray[np.float32]:
    """Linear interpolation between grids that are turned against each other."""
    import torch
    from torch.nn import functional

    axes = [np.arange(n, dtype=np.float64) for n in target.shape]
    step = source.matrix.T @ target.affine_lps[:3, :3] / np.array(source.spacing_mm)[:, None]
    start = source.to_index(np.array([target.origin_lps_mm]))[0]
    at = [
        start[k]
        + step[k, 0] * axes[0][:, None, None]
        + step[k, 1] * axes[1][None, :, None]
        + step[k, 2] * axes[2][None, None, :]
        for k in range(3)
    ]
    inside = np.ones(target.shape, dtype=bool)
    normal = []
    for k in range(3):
        n = source.shape[k]
        inside &= (at[k] >= -0.5) & (at[k] <= n - 0.5)
        normal.append((2.0 * at[k] + 1.0) / n - 1.0)
    grid = torch.from_numpy(np.stack(normal[::-1], axis=-1).astype(np.float32))[None]
    tensor = torch.from_numpy(np.array(values, dtype=np.float32, order="C"))[None]
    sampled = functional.grid_sample(
        tensor, grid, mode="bilinear", padding_mode="border", align_corners=False
    )[0].numpy()
    return np.where(inside[None], sampled, np.float32(outside))


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Largest piece of tissue in a scan: its volume, and the box around it."""

    volume_ml: float
    box: tuple[slice, slice, slice]


def body_of(source: Upright, above_hu: float, *, margin_mm: float = 6.0) -> Body:
    """Body in a scan, found on voxels of about 4 mm.

    Parameters
    ----------
    above_hu
        Lower values are air or lung.
    margin_mm
        Added to the box on all sides.
    """
    steps = [max(1, round(4.0 / s)) for s in source.grid.spacing_mm]
    tissue = source.values[:: steps[0], :: steps[1], :: steps[2]] > above_hu
    pieces = pieces_of(tissue, connectivity=6)
    counts = sizes_of(pieces)
    if not counts.any():
        z, y, x = (slice(0, n) for n in source.grid.shape)
        return Body(volume_ml=0.0, box=(z, y, x))
    box = []
    for part, step, n, s in zip(
        boxes_of(pieces)[int(counts.argmax())],
        steps,
        source.grid.shape,
        source.grid.spacing_mm,
        strict=True,
    ):
        margin = math.ceil(margin_mm / s)
        box.append(slice(max(0, part.start * step - margin), min(n, part.stop * step + margin)))
    volume_ml = float(counts.max()) * source.grid.voxel_ml * math.prod(steps)
    return Body(volume_ml=volume_ml, box=(box[0], box[1], box[2]))


def box_around(
    mask: MaskZYX, where: Grid, target: Grid, margin_mm: tuple[float, float, float], min_mm: float
) -> tuple[slice, slice, slice]:
    """Voxels of ``target`` that hold a mask of another, parallel grid, with a margin.

    Parameters
    ----------
    mask : (z, y, x) bool
        On the grid ``where``; not empty.
    margin_mm
        Along z, y, x, beyond the mask's outer faces.
    min_mm
        A shorter side is widened to this, within the target.
    """
    box = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        step = where.spacing_mm[axis] / target.spacing_mm[axis]
        offset = target.to_index(np.array([where.origin_lps_mm]))[0, axis]
        low = offset + (hit[0] - 0.5) * step - margin_mm[axis] / target.spacing_mm[axis]
        high = offset + (hit[-1] + 0.5) * step + margin_mm[axis] / target.spacing_mm[axis]
        lacking = min_mm / target.spacing_mm[axis] - (high - low)
        if lacking > 0:
            low, high = low - lacking / 2, high + lacking / 2
        first = max(0, math.floor(low + 0.5))
        last = min(target.shape[axis], math.ceil(high + 0.5))
        box.append(slice(first, max(last, first + 1)))
    return box[0], box[1], box[2]
