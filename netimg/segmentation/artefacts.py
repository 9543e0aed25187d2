"""Doubts that the picture itself raises: metal, streaks, noise.

Limits: settings ``segmentation.flags``. Called by `netimg.segmentation.quality.find_doubts`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netimg.flag import Flag, Severity
from netimg.segmentation.contract import BOTH, LESIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.arrays import MaskZYX
    from netimg.segmentation.seen import Seen


def metal(seen: Seen, limits: Mapping[str, float]) -> list[Flag]:
    """Metal near the liver, or streaks through it."""
    metal_ml = _metal_ml(seen, limits)
    streak_pct = _streak_pct(seen, limits["streak_ratio"])
    if metal_ml <= limits["metal_ml"] and streak_pct <= limits["streak_pct"]:
        return []
    close = metal_ml > limits["metal_ml"]
    sentence = (
        f"{metal_ml:.2f} mL of metal lie within {limits['metal_mm']:.0f} mm of the liver."
        if close
        else f"{streak_pct:.0f} % of the liver's slices are streaked."
    )
    return [
        Flag(
            code="metal",
            severity=Severity.MEDIUM,
            sentence=sentence,
            value=metal_ml if close else streak_pct,
            threshold=limits["metal_ml" if close else "streak_pct"],
            touches=BOTH,
        )
    ]


def _metal_ml(seen: Seen, limits: Mapping[str, float]) -> float:
    """Volume above the metal limit near the liver's voxels."""
    reach = [math.ceil(limits["metal_mm"] / s) for s in seen.grid.spacing_mm]
    box = tuple(
        slice(max(0, a - r), a + n + r)
        for a, n, r in zip(seen.start, seen.liver.shape, reach, strict=True)
    )
    points = np.argwhere(seen.scan[box] > limits["metal_hu"])
    if not len(points) or not seen.liver.any():
        return 0.0
    from scipy import ndimage
    from scipy.spatial import cKDTree

    spacing = np.array(seen.grid.spacing_mm)
    points = (points + [part.start for part in box] - np.array(seen.start)) * spacing
    surface = np.argwhere(seen.liver & ~ndimage.binary_erosion(seen.liver)) * spacing
    away, _ = cKDTree(surface).query(points, distance_upper_bound=limits["metal_mm"])
    return float(np.count_nonzero(np.isfinite(away))) * seen.grid.voxel_ml


def _streak_pct(seen: Seen, ratio: float) -> float:
    """Share of the liver's slices whose noise is above ``ratio`` times the median slice's, %."""
    noise_hu = []
    for plane, inside in zip(seen.hu, seen.liver, strict=True):
        both = inside[:, 1:] & inside[:, :-1]
        if np.count_nonzero(both) >= 100:
            steps = (plane[:, 1:] - plane[:, :-1])[both]
            noise_hu.append(float(np.median(np.abs(steps))))
    if len(noise_hu) < 3 or np.median(noise_hu) == 0:
        return 0.0
    return 100.0 * float(np.mean(np.array(noise_hu) > ratio * np.median(noise_hu)))


def noise(seen: Seen, limits: Mapping[str, float]) -> list[Flag]:
    """Noise in the middle of the liver, in a sphere without lesions."""
    inside = _sphere(seen, limits["noise_sphere_mm"] / 2)
    values = seen.hu[inside]
    if values.size < 20:
        return []
    sd = float(values.std(dtype=np.float64))
    if sd <= limits["noise_hu"]:
        return []
    return [
        Flag(
            code="noise_high",
            severity=Severity.MEDIUM,
            sentence=f"The liver's noise is {sd:.0f} HU (SD); lesions of low contrast may be "
            "missed.",
            value=sd,
            threshold=limits["noise_hu"],
            touches=LESIONS,
        )
    ]


def _sphere(seen: Seen, radius_mm: float) -> MaskZYX:
    """Sphere about the point of the healthy liver that is farthest from everything else."""
    import edt

    healthy = seen.liver & (seen.lesions == 0)
    depth = edt.edt(np.ascontiguousarray(healthy), anisotropy=seen.grid.spacing_mm, parallel=1)
    centre = np.unravel_index(int(depth.argmax()), depth.shape)
    radius = min(radius_mm, float(depth[centre]))
    away = [
        ((np.arange(n) - c) * s) ** 2
        for n, c, s in zip(depth.shape, centre, seen.grid.spacing_mm, strict=True)
    ]
    squared = away[0][:, None, None] + away[1][None, :, None] + away[2][None, None, :]
    inside: MaskZYX = (squared <= radius**2) & healthy
    return inside
