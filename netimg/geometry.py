"""Where voxels lie in the patient: the `Grid`.

A grid is regular, right-handed and possibly oblique. Arrays are ``[z, y, x]``, so the columns of
``directions`` stand in the order z, y, x too. World points are (L, P, S) in mm, as in DICOM and
ITK. An index is a voxel *centre* when it is whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from netimg.arrays import IndicesZYX, PointsLPS

Matrix3: TypeAlias = tuple[
    tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]
]
"""Three rows of three numbers."""

AXIAL: Matrix3 = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Directions of an axial scan: columns S, P, L for the array axes z, y, x."""

_ORTHOGONAL_TOL = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """A regular, right-handed, possibly oblique voxel grid.

    The world point of voxel ``i`` is ``origin_lps_mm + directions @ (i * spacing_mm)``.

    Parameters
    ----------
    shape
        Voxels along z, y, x.
    spacing_mm
        Distance between neighbouring centres along z, y, x.
    origin_lps_mm
        Centre of voxel ``[0, 0, 0]`` as (L, P, S).
    directions
        Row-major 3x3 matrix; column k is the unit vector of array axis k (z, y, x) in L, P, S.

    Raises
    ------
    ValueError
        If a number is not finite, a size or spacing is not positive, or the directions are
        sheared, not of unit length, or mirrored.

    Notes
    -----
    A right-handed patient grid has determinant -1 here, because its columns stand in the order
    z, y, x; handedness is judged after turning them to x, y, z.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_lps_mm: tuple[float, float, float]
    directions: Matrix3 = AXIAL

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _triple(int, self.shape))
        object.__setattr__(self, "spacing_mm", _triple(float, self.spacing_mm))
        object.__setattr__(self, "origin_lps_mm", _triple(float, self.origin_lps_mm))
        rows = tuple(_triple(float, row) for row in self.directions)
        object.__setattr__(self, "directions", rows)
        if min(self.shape) < 1:
            msg = f"a grid needs at least one voxel along each axis, not {self.shape}"
            raise ValueError(msg)
        if not all(math.isfinite(s) and s > 0 for s in self.spacing_mm):
            msg = f"spacing must be positive and finite, not {self.spacing_mm} mm"
            raise ValueError(msg)
        if not all(math.isfinite(o) for o in self.origin_lps_mm):
            msg = f"the origin must be finite, not {self.origin_lps_mm}"
            raise ValueError(msg)
        matrix = np.array(rows, dtype=np.float64)
        if not np.allclose(matrix.T @ matrix, np.eye(3), atol=_ORTHOGONAL_TOL):
            msg = f"directions must be unit vectors at right angles, not {rows}"
            raise ValueError(msg)
        if np.linalg.det(matrix[:, ::-1]) < 0:
            msg = f"directions must be right-handed in x, y, z order, not {rows}"
            raise ValueError(msg)

    def __repr__(self) -> str:
        """One line: shape and spacing, z first."""
        return f"Grid({_times(self.shape, 'd')}, {_times(self.spacing_mm, '.4g')} mm)"

    @cached_property
    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """``directions`` as a read-only (3, 3) float64 array; columns z, y, x."""
        matrix = np.array(self.directions, dtype=np.float64)
        matrix.flags.writeable = False
        return matrix

    @cached_property
    def affine_lps(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """(4, 4) matrix from homogeneous indices (z, y, x, 1) to (L, P, S, 1) in mm."""
        affine = np.eye(4)
        affine[:3, :3] = self.matrix * np.array(self.spacing_mm)
        affine[:3, 3] = self.origin_lps_mm
        affine.flags.writeable = False
        return affine

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return math.prod(self.spacing_mm) / 1000.0

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Size along z, y, x, outer face to outer face, in mm."""
        return _triple(float, (n * s for n, s in zip(self.shape, self.spacing_mm, strict=True)))

    @property
    def slice_normal_tilt_deg(self) -> float:
        """Angle between array axis z and the patient's long axis, 0..90 degrees."""
        return math.degrees(math.acos(min(1.0, abs(self.directions[2][0]))))

    def to_world(self, indices: IndicesZYX) -> PointsLPS:
        """World points of voxel indices.

        Parameters
        ----------
        indices : (n, 3) float or int
            Columns z, y, x; fractions lie between centres.

        Returns
        -------
        (n, 3) float64
            Columns L, P, S in mm.
        """
        points: PointsLPS = (
            np.asarray(indices, dtype=np.float64) @ self.affine_lps[:3, :3].T
            + self.affine_lps[:3, 3]
        )
        return points

    def to_index(self, points: PointsLPS) -> IndicesZYX:
        """Voxel indices (n, 3; z, y, x; fractional) of world points (n, 3; L, P, S; mm)."""
        offset = np.asarray(points, dtype=np.float64) - np.array(self.origin_lps_mm)
        indices: IndicesZYX = (offset @ self.matrix) / np.array(self.spacing_mm)
        return indices

    def crop(self, start: tuple[int, int, int], stop: tuple[int, int, int]) -> Grid:
        """Return the grid of ``array[start:stop]``, indices in z, y, x.

        Raises
        ------
        ValueError
            If the box is empty or leaves the grid.
        """
        bounds = zip(start, stop, self.shape, strict=True)
        if not all(0 <= a < b <= n for a, b, n in bounds):
            msg = f"the box {start}..{stop} is empty or leaves a grid of {self.shape}"
            raise ValueError(msg)
        corner = self.to_world(np.array([start], dtype=np.float64))[0]
        shape = tuple(b - a for a, b in zip(start, stop, strict=True))
        return replace(
            self, shape=_triple(int, shape), origin_lps_mm=_triple(float, corner.tolist())
        )

    def corners_lps(self) -> PointsLPS:
        """Centres of the eight corner voxels, (8, 3), L, P, S in mm."""
        last = [n - 1 for n in self.shape]
        box = np.array(np.meshgrid(*((0, n) for n in last), indexing="ij"), dtype=np.float64)
        return self.to_world(box.reshape(3, -1).T)

    def distance_mm(self, other: Grid) -> float:
        """Largest distance between corresponding corner voxels of two grids, in mm."""
        gap = np.linalg.norm(self.corners_lps() - other.corners_lps(), axis=1)
        return float(gap.max())

    def same_as(self, other: Grid, *, tol_mm: float) -> bool:
        """Tell whether both grids have the same shape and corners within ``tol_mm``."""
        return self.shape == other.shape and self.distance_mm(other) <= tol_mm


def _triple(kind: type, values: object) -> tuple:  # type: ignore[type-arg]  # int or float triple
    """Three plain Python numbers, whatever sequence they come in."""
    triple = tuple(kind(v) for v in values)  # type: ignore[attr-defined]  # any iterable
    if len(triple) != 3:
        msg = f"three numbers are needed (z, y, x), not {len(triple)}"
        raise ValueError(msg)
    return triple


def _times(values: tuple[float, ...], fmt: str) -> str:
    return "x".join(format(v, fmt) for v in values)
