"""Whether voxels of one lattice lie on another, and where: whole steps, turns and flips only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import MSK_001, MSK_014
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.geometry import Grid

    Affine = NDArray[np.float64]

CORNER_TOL = 0.05
"""Voxels; how far a corner may lie beside a voxel centre."""

SPACING_TOL = 1e-4


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

    def onto(self, values: NDArray[Any], grid: Grid) -> NDArray[Any]:
        """The array on the grid: cropped where it reaches over, 0 where it does not reach."""
        turned = self.turned(values)
        whole = np.zeros(grid.shape, dtype=values.dtype)
        here, there = [], []
        for start, size, full in zip(self.start, turned.shape, grid.shape, strict=True):
            low, high = max(0, start), min(full, start + size)
            if high <= low:
                return whole
            here.append(slice(low, high))
            there.append(slice(low - start, high - start))
        whole[tuple(here)] = turned[tuple(there)]
        return whole


def place(shape: tuple[int, int, int], affine_lps: Affine, grid: Grid, *, name: str) -> Placement:
    """Where an array of ``shape`` with ``affine_lps`` (indices in array order) lies on a grid.

    Raises
    ------
    MaskError
        MSK-001 with the distance in mm and voxels, MSK-014 for another size and spacing.
    """
    to_grid = np.linalg.inv(grid.affine_lps) @ affine_lps
    turn = to_grid[:3, :3]
    whole = np.rint(turn)
    exact = (
        np.array_equal(np.abs(whole).sum(axis=0), [1, 1, 1])
        and np.array_equal(np.abs(whole).sum(axis=1), [1, 1, 1])
        and np.abs(np.linalg.norm(turn, axis=0) - 1).max() <= _spacing_tol(shape)
    )
    if not exact:
        raise _off(shape, affine_lps, grid, name)
    corners = np.array(list(itertools.product(*((0, n - 1) for n in shape))), dtype=np.float64)
    found = corners @ turn.T + to_grid[:3, 3]
    start = np.rint(to_grid[:3, 3] + (turn - whole) @ (np.array(shape) - 1) / 2)
    if np.abs(found - (corners @ whole.T + start)).max() > CORNER_TOL:
        raise _off(shape, affine_lps, grid, name)
    axes = tuple(int(np.abs(whole[row]).argmax()) for row in range(3))
    flips = tuple(bool(whole[row, axis] < 0) for row, axis in enumerate(axes))
    first = [
        int(start[row]) - (shape[axis] - 1 if flip else 0)
        for row, (axis, flip) in enumerate(zip(axes, flips, strict=True))
    ]
    return Placement(
        (axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]), (first[0], first[1], first[2])
    )


def _spacing_tol(shape: tuple[int, int, int]) -> float:
    """Relative spacing tolerance; small arrays may be a little off without moving a corner."""
    return max(SPACING_TOL, min(1e-3, CORNER_TOL / max(shape)))


def _off(shape: tuple[int, int, int], affine: Affine, grid: Grid, name: str) -> Exception:
    """How far off the nearest reading of the array is, corner against corner."""
    target = grid.corners_lps()
    best = np.inf
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
            gap = float(np.linalg.norm(points - target, axis=1).max())
            best = min(best, gap)
    spacing = np.sort(np.linalg.norm(affine[:3, :3], axis=0))
    if (
        sorted(shape) != sorted(grid.shape)
        and np.abs(spacing / np.sort(grid.spacing_mm) - 1).max() > 0.01
    ):
        sizes = {"mask": "x".join(map(str, shape)), "series": "x".join(map(str, grid.shape))}
        return refusal(MSK_014, where=f"{name}; corners off by {best:.2f} mm", **sizes)
    voxels = best / min(grid.spacing_mm)
    return refusal(MSK_001, where=name, off_mm=best, off_voxels=voxels)
