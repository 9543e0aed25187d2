"""Surface of a mask: volume and area of its marching-cubes mesh, and the half-voxel band.

What the mesh does inside a cell of 2x2x2 voxels depends only on which of its eight corners are
inside. So the mesh is never built: cells are counted by their corner code, and each code
contributes the area and volume of its own patch. A whole liver takes a fraction of a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid

_NEAR = 1e-6
"""The band's surfaces lie this close to the voxel centres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Volume and surface of the mesh at 0.5, and its volume half a voxel in and out."""

    volume_ml: float
    surface_mm2: float
    lo_ml: float
    hi_ml: float

    @property
    def sphericity(self) -> float:
        """``(36 pi V^2)^(1/3) / A`` of the mesh: 1 for a sphere, less for anything else."""
        volume_mm3 = 1000.0 * self.volume_ml
        return float((36.0 * math.pi * volume_mm3**2) ** (1 / 3)) / self.surface_mm2


def mesh(mask: MaskZYX, grid: Grid) -> Mesh:
    """Mesh measures of a mask.

    Parameters
    ----------
    mask : (z, y, x) bool
        At least one voxel inside; what lies beyond the array counts as outside.
    grid
        Its spacing is used.

    Returns
    -------
    Mesh
        mL and mm2.

    Raises
    ------
    ValueError
        If the mask is empty.

    Notes
    -----
    IBSI "volume (mesh)" RNU0 and "surface area" C0JK, marching cubes at 0.5 on the 0/1 mask padded
    by one voxel. The mesh volume of tiny masks is far below the voxel volume (one voxel: 1/6). The
    band is the mesh at 1 - 1e-6 and 1e-6; the voxel volume always lies between.
    """
    if not mask.any():
        msg = "an empty mask has no mesh"
        raise ValueError(msg)
    slabs = _codes_by_slab(mask)
    cells = slabs.sum(axis=0)
    area = float(cells @ _areas(grid.spacing_mm))
    inner, middle, outer = (
        abs(_volume_voxels(slabs, level)) * grid.voxel_ml for level in (1.0 - _NEAR, 0.5, _NEAR)
    )
    return Mesh(volume_ml=middle, surface_mm2=area, lo_ml=inner, hi_ml=outer)


def band_ml(mask: MaskZYX, grid: Grid) -> tuple[float, float]:
    """Volume with the surface half a voxel in, and half a voxel out, mL; (0, 0) if empty."""
    if not mask.any():
        return (0.0, 0.0)
    slabs = _codes_by_slab(mask)
    inner, outer = (abs(_volume_voxels(slabs, level)) for level in (1.0 - _NEAR, _NEAR))
    return (inner * grid.voxel_ml, outer * grid.voxel_ml)


def _codes_by_slab(mask: MaskZYX) -> NDArray[np.float64]:
    """How often each corner code occurs between two slices, (slices + 1, 256).

    Corner (dz, dy, dx) is bit 4 dz + 2 dy + dx.
    """
    rows: list[NDArray[np.int64]] = []
    below = _square_codes(np.zeros_like(mask[0]))
    for image in (*mask, np.zeros_like(mask[0])):
        above = _square_codes(image)
        rows.append(np.bincount((below | (above << 4)).ravel(), minlength=256))
        below = above
    return np.array(rows, dtype=np.float64)


def _square_codes(image: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Code of the four corners of every square of a padded slice."""
    padded = np.pad(image, 1).view(np.uint8)
    codes = (
        padded[:-1, :-1] | (padded[:-1, 1:] << 1) | (padded[1:, :-1] << 2) | (padded[1:, 1:] << 3)
    )
    return codes.astype(np.uint8, copy=False)


def _volume_voxels(slabs: NDArray[np.float64], level: float) -> float:
    """Signed volume inside the mesh, in voxels, by the divergence theorem along z."""
    flux, moment = _fluxes(level)
    z = np.arange(len(slabs), dtype=np.float64)
    return float(z @ (slabs @ flux) + (slabs @ moment).sum())


@cache
def _patches(level: float) -> tuple[NDArray[np.float64], ...]:
    """Triangles (n, 3, 3) of the mesh inside a unit cell for each corner code."""
    from skimage.measure import marching_cubes

    patches = [np.zeros((0, 3, 3))]
    for code in range(1, 255):
        corners = (code >> np.arange(8) & 1).reshape(2, 2, 2).astype(np.float64)
        vertices, faces, _, _ = marching_cubes(corners, level)
        patches.append(vertices[faces].astype(np.float64))
    return (*patches, np.zeros((0, 3, 3)))


@cache
def _fluxes(level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Integrals of n_z and of z n_z over the patch of each code; z within the cell."""
    flux, moment = np.zeros(256), np.zeros(256)
    for code, triangles in enumerate(_patches(level)):
        normal_z = _doubled_normals(triangles)[:, 0] / 2.0
        flux[code] = normal_z.sum()
        moment[code] = (normal_z * triangles[:, :, 0].mean(axis=1)).sum()
    return flux, moment


@cache
def _areas(spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Area of the patch of each code, mm2."""
    scaled = (triangles * np.array(spacing_mm) for triangles in _patches(0.5))
    return np.array([np.linalg.norm(_doubled_normals(t), axis=1).sum() / 2.0 for t in scaled])


def _doubled_normals(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normals with twice the triangle's area as length, (n, 3)."""
    return np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
