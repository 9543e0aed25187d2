"""From painted HU to a CT: reconstruction kernel, noise with a grain, texture of the liver."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX
    from netimg.geometry import Grid

FWHM_PER_SD = 2.0 * math.sqrt(2.0 * math.log(2.0))
MIDDLE = 1.1
"""Noise in the middle of the field over that of the whole field."""
LOWEST_HU, HIGHEST_HU = -1024.0, 3071.0
"""Range of twelve stored bits with intercept -1024."""


def grain(rng: np.random.Generator, grid: Grid, fwhm_mm: tuple[float, float, float]) -> FloatZYX:
    """Random field of SD 1 and mean 0 whose grain has a width of ``fwhm_mm`` (z, y, x)."""
    sd = [f / FWHM_PER_SD / s for f, s in zip(fwhm_mm, grid.spacing_mm, strict=True)]
    field = rng.standard_normal(grid.shape, dtype=np.float32)
    field = ndimage.gaussian_filter(field, sd, mode="wrap", truncate=3.0)
    scaled: FloatZYX = (field / field.std(dtype=np.float64)).astype(np.float32)
    return scaled


def grain_ml(fwhm_mm: tuple[float, float, float]) -> float:
    """Volume in mL that holds one independent value of such a field."""
    return math.prod(f / FWHM_PER_SD * math.sqrt(4.0 * math.pi) for f in fwhm_mm) / 1000.0


def noise_grain_mm(grid: Grid, grain_mm: float) -> tuple[float, float, float]:
    """Width of the grain of CT noise along z, y, x: slices overlap a little."""
    return (0.8 * grid.spacing_mm[0], grain_mm, grain_mm)


def with_kernel(image: FloatZYX, grid: Grid, kernel_mm: float) -> FloatZYX:
    """Image after a soft reconstruction kernel of ``kernel_mm`` FWHM in the axial plane."""
    sd = [0.0] + [kernel_mm / FWHM_PER_SD / s for s in grid.spacing_mm[1:]]
    smooth: FloatZYX = ndimage.gaussian_filter(image, sd, mode="nearest", truncate=3.0)
    return smooth


def noise_hu(rng: np.random.Generator, grid: Grid, *, sd_hu: float, grain_mm: float) -> FloatZYX:
    """CT noise: coloured, strongest in the middle of the field where the rays are longest."""
    field = grain(rng, grid, noise_grain_mm(grid, grain_mm))
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in grid.shape[1:])
    middle = MIDDLE - 0.2 * np.minimum(1.0, rows[:, None] ** 2 + columns[None, :] ** 2)
    noisy: FloatZYX = field * (np.float32(sd_hu) * middle)
    return noisy


def clipped(image: FloatZYX) -> FloatZYX:
    """Whole HU inside the range that is stored."""
    whole: FloatZYX = np.clip(np.rint(image), LOWEST_HU, HIGHEST_HU).astype(np.float32)
    return whole
