"""Whether voxels of one lattice lie on another, and where: whole steps, turns and flips only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import MSK_001, MSK_009, MSK_014
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from netimg.geometry import Grid

    Affine = NDArray[np.float64]

CORNER_TOL = 0.05
"""Voxels; how far a corner may lie beside a voxel centre."""

SPACING_TOL = 1e-4
"""Relative; how far a spacing may differ."""

_OTHER_SPACING = 0.01


@dataclass(frozen=True, slots=True)
class Placement:
    """How an array lands on a grid: axes to bring to z, y, x, which to flip, where it starts."""

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    start: tuple[int, int, int]

    def turned(self, values: NDArray[Any]) -> NDArray[Any]:
        """View of an array with its axes along z, y, x of the grid."""
        turned = np.transpose(values, self.axes)
        steps = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return turned[steps]


def place(shape: tuple[int, int, int], affine_lps: Affine, grid: Grid, *, name: str) -> Placement:
    """Where an array of ``shape`` with ``affine_lps`` (indices in array order) lies on a grid.

    Raises
    ------
    MaskError
        MSK-001 with the distance in mm and voxels, MSK-009 for an affine that is none, MSK-014 for
        another size and spacing.
    """
    if not np.isfinite(affine_lps).all() or np.linalg.matrix_rank(affine_lps[:3, :3]) < 3:
        raise refusal(MSK_009, where=name, how="does not say")
    to_grid = np.linalg.inv(grid.affine_lps) @ affine_lps
    turn = to_grid[:3, :3]
    whole = np.rint(turn)
    steps = np.abs(whole)
    if any(not np.array_equal(steps.sum(axis=axis), [1, 1, 1]) for axis in (0, 1)):
        raise off_grid(shape, affine_lps, grid, name)
    ends = _corners(shape)
    found = ends @ turn.T + to_grid[:3, 3]
    start = np.rint(to_grid[:3, 3] + (turn - whole) @ (np.array(shape) - 1) / 2)
    beside = found - (ends @ whole.T + start)
    axes = tuple(int(steps[row].argmax()) for row in range(3))
    flips = tuple(bool(whole[row, axis] < 0) for row, axis in enumerate(axes))
    stretched = np.abs(np.linalg.norm(turn, axis=0) - 1).max() > SPACING_TOL
    if stretched or np.abs(beside).max() > CORNER_TOL:
        if stretched or tuple(shape[axis] for axis in axes) == grid.shape:
            raise off_grid(shape, affine_lps, grid, name)
        raise beside_centres(beside, grid, name)
    first = [
        int(start[row]) - (shape[axis] - 1 if flip else 0)
        for row, (axis, flip) in enumerate(zip(axes, flips, strict=True))
    ]
    return Placement(
        (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]), (first[0], first[1], first[2])
    )


def overlap(
    start: Sequence[int], size: Sequence[int], full: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Box of a grid that an array covers, and the same box in the array; may be empty."""
    here, there = [], []
    for first, n, most in zip(start, size, full, strict=True):
        low = min(max(0, first), most)
        high = max(low, min(most, first + n))
        here.append(slice(low, high))
        there.append(slice(low - first, high - first))
    return tuple(here), tuple(there)


def beside_centres(beside: NDArray[np.float64], grid: Grid, name: str) -> Exception:
    """Refusal of points that lie beside voxel centres.

    Parameters
    ----------
    beside : (n, 3) float64
        Fractions of a voxel along z, y, x.
    """
    far_mm = np.linalg.norm(beside * np.array(grid.spacing_mm), axis=1)
    worst = int(far_mm.argmax())
    return refusal(
        MSK_001,
        where=name,
        off_mm=float(far_mm[worst]),
        off_voxels=float(np.abs(beside[worst]).max()),
    )


def off_grid(shape: tuple[int, int, int], affine: Affine, grid: Grid, name: str) -> Exception:
    """Refusal of a lattice that is not the grid's: how far off its nearest reading is.

    Corner against corner, after the best order of axes and flips.
    """
    target = grid.corners_lps()
    best, shift, size = np.inf, 0.0, shape
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((False, True), repeat=3):
            ends = [
                (shape[a] - 1, 0) if flip else (0, shape[a] - 1)
                for a, flip in zip(axes, flips, strict=True)
            ]
            indices = np.zeros((8, 3))
            corners = np.array(list(itertools.product(*ends)), dtype=np.float64)
            indices[:, list(axes)] = corners
            points = indices @ affine[:3, :3].T + affine[:3, 3]
            gaps = np.linalg.norm(points - target, axis=1)
            if gaps.max() < best:
                best = float(gaps.max())
                worst = int(gaps.argmax())
                apart = grid.to_index(points[worst][None]) - grid.to_index(target[worst][None])
                shift = float(np.abs(apart).max())
                size = (shape[axes[0]], shape[axes[1]], shape[axes[2]])
    spacing = np.sort(np.linalg.norm(affine[:3, :3], axis=0))
    if (
        sorted(shape) != sorted(grid.shape)
        and np.abs(spacing / np.sort(grid.spacing_mm) - 1).max() > _OTHER_SPACING
    ):
        sizes = {"mask": "x".join(map(str, size)), "series": "x".join(map(str, grid.shape))}
        return refusal(MSK_014, where=f"{name}; corners off by {best:.2f} mm", **sizes)
    return refusal(MSK_001, where=name, off_mm=best, off_voxels=shift)


def _corners(shape: tuple[int, int, int]) -> NDArray[np.float64]:
    return np.array(list(itertools.product(*((0, n - 1) for n in shape))), dtype=np.float64)
