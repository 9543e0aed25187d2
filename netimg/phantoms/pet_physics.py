"""From activity to a PET: scanner blur, breathing, noise, decay, SUV."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from netimg.phantoms.ct_physics import FWHM_PER_SD, grain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX
    from netimg.geometry import Grid

LN2 = math.log(2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Tracer, dose and times of one PET; decay correction START."""

    description: str
    radiopharmaceutical: str
    tracer_code: tuple[str, str, str]
    nuclide_code: tuple[str, str, str]
    half_life_s: float
    positron_fraction: float
    dose_bq: float
    uptake_s: float
    """From injection to the start of counting, which is the reference of the decay correction."""
    frame_s: float

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Injection:
        """From the ``[pet.<class>]`` table of a preset."""
        rest = dict(table)
        rest["dose_bq"] = rest.pop("dose_mbq") * 1e6
        for key in ("tracer_code", "nuclide_code"):
            rest[key] = tuple(rest[key])
        return cls(**rest)

    def bqml_per_suv(self, weight_kg: float) -> float:
        """Bq/mL at the start of counting in tissue of SUVbw 1 g/mL."""
        left_bq = self.dose_bq * math.exp2(-self.uptake_s / self.half_life_s)
        return left_bq / (1000.0 * weight_kg)

    @property
    def mean_count_s(self) -> float:
        """From the start of counting to the time when the activity equals the frame's average."""
        rate = LN2 / self.half_life_s
        return math.log(rate * self.frame_s / -math.expm1(-rate * self.frame_s)) / rate

    @property
    def decay_factor(self) -> float:
        """What the counts of the frame were multiplied with (0054,1321)."""
        return math.exp2(self.mean_count_s / self.half_life_s)


def breath_kernel(step_mm: float, breath_mm: float) -> NDArray[np.float64]:
    """Share of time at each shift along S, in steps of ``step_mm``; mean shift 0, sum 1.

    The organs rest near end-expiration: shift ``breath_mm * cos^4`` over the cycle.
    """
    shift = breath_mm * np.cos(np.linspace(0.0, math.pi, 2000, endpoint=False)) ** 4
    shift -= shift.mean()
    half = math.ceil(breath_mm / step_mm) + 1
    place = shift / step_mm + half
    low = np.floor(place).astype(int)
    share = place - low
    kernel = np.bincount(low, weights=1 - share, minlength=2 * half + 1)
    kernel += np.bincount(low + 1, weights=share, minlength=2 * half + 1)
    shares: NDArray[np.float64] = kernel / kernel.sum()
    return shares


def as_seen(suv: FloatZYX, grid: Grid, *, fwhm_mm: float, breath_mm: float) -> FloatZYX:
    """Activity as a noiseless scanner sees it: blurred by ``fwhm_mm`` and by breathing along S.

    Parameters
    ----------
    suv : (z, y, x) float32
        True SUV on an axial grid, finer than the PET's.
    """
    moved = suv
    if breath_mm > 0:
        kernel = breath_kernel(grid.spacing_mm[0], breath_mm)
        moved = ndimage.convolve1d(suv, kernel, axis=0, mode="nearest")
    sd = [fwhm_mm / FWHM_PER_SD / s for s in grid.spacing_mm]
    seen: FloatZYX = ndimage.gaussian_filter(moved, sd, mode="nearest", truncate=4.0)
    return seen


def binned(fine: FloatZYX, factor: tuple[int, int, int]) -> FloatZYX:
    """Mean over blocks of ``factor`` (z, y, x) voxels, as the detectors do."""
    nz, ny, nx = (n // f for n, f in zip(fine.shape, factor, strict=True))
    cut = fine[: nz * factor[0], : ny * factor[1], : nx * factor[2]]
    blocks = cut.reshape(nz, factor[0], ny, factor[1], nx, factor[2])
    mean: FloatZYX = blocks.mean(axis=(1, 3, 5), dtype=np.float64).astype(np.float32)
    return mean


def noise_sd(suv: float, *, liver_suv: float, cov: float) -> float:
    """SD of the noise where the SUV is ``suv``: ``cov`` of the liver, growing with the root."""
    return cov * math.sqrt(max(suv, 0.0) * liver_suv)


def with_noise(
    seen: FloatZYX,
    grid: Grid,
    rng: np.random.Generator,
    *,
    liver_suv: float,
    cov: float,
    grain_mm: float,
) -> FloatZYX:
    """Add counting noise; values stay at or above zero."""
    field = grain(rng, grid, (grain_mm,) * 3)
    noisy: FloatZYX = np.maximum(
        seen + np.float32(cov) * np.sqrt(seen * np.float32(liver_suv)) * field, 0
    )
    return noisy
