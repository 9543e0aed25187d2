"""Any grid turned to the patient: axial and coronal planes in radiological convention.

The three array axes are taken in the order S, P, L and flipped where they run the other way, so an
axial plane has anterior on top and the patient's right on the left of the picture. Axes are
permuted and flipped, never resampled: an oblique acquisition is shown in its own planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.geometry import Grid

AXIAL_LETTERS = ("R", "L", "A", "P")
"""Left, right, top and bottom of a picture."""
CORONAL_LETTERS = ("R", "L", "H", "F")
LATERAL_LETTERS = ("A", "P", "H", "F")

_WORLD = (2, 1, 0)
"""Rows of ``directions`` (L, P, S) for the axes S, P, L."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A 2-D array as it is drawn, rows downwards, and the size of its pixels."""

    values: NDArray[Any]
    row_mm: float
    column_mm: float
    letters: tuple[str, str, str, str]


class Turned:
    """How the axes of a grid lie in the patient.

    Attributes
    ----------
    axes
        Array axis that runs along S, P, L.
    flipped
        Whether that axis runs towards I, A, R instead.
    """

    def __init__(self, grid: Grid) -> None:
        weight = np.abs(grid.matrix)
        best = max(
            permutations(range(3)),
            key=lambda p: sum(weight[w, a] for w, a in zip(_WORLD, p, strict=True)),
        )
        self.grid = grid
        self.axes = best
        self.flipped = tuple(bool(grid.matrix[w, a] < 0) for w, a in zip(_WORLD, best, strict=True))
        self.spacing_mm = tuple(grid.spacing_mm[a] for a in best)
        self.shape = tuple(grid.shape[a] for a in best)

    def view(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array with axes S, P, L; a view."""
        turned = array.transpose(self.axes)
        return turned[tuple(slice(None, None, -1 if f else 1) for f in self.flipped)]

    def index(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fractional S, P, L indices (n, 3) of world points (n, 3)."""
        raw = self.grid.to_index(points_lps)[:, list(self.axes)]
        last = np.array(self.shape) - 1
        turned: NDArray[np.float64] = np.where(self.flipped, last - raw, raw)
        return turned

    def array_index(self, axis: int, index: int) -> int:
        """Index along the array's own axis of an S, P or L index (``axis`` 0, 1, 2)."""
        return self.shape[axis] - 1 - index if self.flipped[axis] else index

    def position_mm(self, axis: int, index: int) -> float:
        """World coordinate along S, P or L of the middle of a plane."""
        middle = [(n - 1) / 2 for n in self.grid.shape]
        middle[self.axes[axis]] = self.array_index(axis, index)
        return float(self.grid.to_world(np.array([middle]))[0][_WORLD[axis]])

    def axial(self, array: NDArray[Any], index: int) -> Plane:
        """Plane ``index`` along S."""
        return Plane(self.view(array)[index], self.spacing_mm[1], self.spacing_mm[2], AXIAL_LETTERS)

    def coronal(self, array: NDArray[Any], index: int) -> Plane:
        """Plane ``index`` along P, head on top."""
        values = self.view(array)[::-1, index, :]
        return Plane(values, self.spacing_mm[0], self.spacing_mm[2], CORONAL_LETTERS)

    def front(self, array: NDArray[Any]) -> Plane:
        """Largest value along P: the projection from the front."""
        values = self.view(array).max(axis=1)[::-1]
        return Plane(values, self.spacing_mm[0], self.spacing_mm[2], CORONAL_LETTERS)

    def from_left(self, array: NDArray[Any]) -> Plane:
        """Largest value along L: the projection from the patient's left."""
        values = self.view(array).max(axis=2)[::-1]
        return Plane(values, self.spacing_mm[0], self.spacing_mm[1], LATERAL_LETTERS)


def labels_on(labels: NDArray[Any], grid: Grid, target: Grid) -> NDArray[Any]:
    """Labels looked up at the voxel centres of another grid (nearest), for drawing only.

    Parameters
    ----------
    labels : (z, y, x)
        On ``grid``.

    Returns
    -------
    (z, y, x)
        On ``target``; 0 outside ``grid``.
    """
    if grid.same_as(target, tol_mm=0.01):
        return labels
    drawn: NDArray[Any] = np.zeros(target.shape, dtype=labels.dtype)
    where = np.argwhere(labels)
    if where.size == 0:
        return drawn
    low, high = where.min(axis=0) - 1, where.max(axis=0) + 1
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T
    box = target.to_index(grid.to_world(corners.astype(np.float64)))
    start = np.clip(np.floor(box.min(axis=0)).astype(int), 0, target.shape)
    stop = np.clip(np.ceil(box.max(axis=0)).astype(int) + 1, 0, target.shape)
    if np.any(stop <= start):
        return drawn
    ranges = [np.arange(a, b) for a, b in zip(start, stop, strict=True)]
    centres = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.rint(grid.to_index(target.to_world(centres.astype(np.float64)))).astype(int)
    inside = np.all((index >= 0) & (index < grid.shape), axis=1)
    found = np.zeros(len(centres), dtype=labels.dtype)
    found[inside] = labels[tuple(index[inside].T)]
    drawn[tuple(centres.T)] = found
    return drawn
