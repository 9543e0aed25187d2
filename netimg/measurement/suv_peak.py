"""SUVpeak: the mean in a sphere of 1 mL, where that mean is highest.

``ibsi`` is the plain mean of the voxels whose centre lies in the sphere; ``sphere`` weights each
voxel with the part of it inside, which matters on big voxels. ``global`` seeks the best centre
among all lesion voxels, ``local`` takes the hottest voxel. Voxels outside the lesion count; where
the sphere leaves the image the rest is renormalised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from netimg.measurement.components import box_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX

_SUB_POINTS = 21
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The four peaks of a lesion, and whether a sphere that won left the image."""

    sphere: float
    ibsi: float
    sphere_local: float
    ibsi_local: float
    truncated: bool


def peaks(
    image: FloatZYX, mask: MaskZYX, spacing_mm: tuple[float, float, float], *, peak_ml: float
) -> Peaks:
    """Peaks over the voxels of a lesion.

    Parameters
    ----------
    image, mask : (z, y, x)
        Values, and the voxels that may be the centre of the sphere; at least one.
    spacing_mm
        z, y, x.
    peak_ml
        Volume of the sphere; 1 mL has a radius of 6.2035 mm.

    Returns
    -------
    Peaks
        In the unit of the image. Several hottest voxels: the one with the larger mean.

    Raises
    ------
    ValueError
        If the mask is empty.

    Notes
    -----
    IBSI "global intensity peak" 0F91 and "local intensity peak" VJGA. The ``ibsi`` sphere is
    coarse on big voxels: 7 voxels (0.68 mL) at 3.27 x 5.47 x 5.47 mm.
    """
    if not mask.any():
        msg = "an empty mask has no peak"
        raise ValueError(msg)
    radius_mm = (3.0 * peak_ml * 1000.0 / (4.0 * math.pi)) ** (1 / 3)
    values = image[mask]
    hottest = np.flatnonzero(values == values.max())
    found: dict[str, float] = {}
    truncated = False
    for name, weighted in (("sphere", True), ("ibsi", False)):
        means, whole = _means(image, mask, *_sphere(spacing_mm, radius_mm, weighted=weighted))
        best = int(means.argmax())
        local = int(hottest[means[hottest].argmax()])
        found[name], found[f"{name}_local"] = float(means[best]), float(means[local])
        truncated = truncated or not (whole[best] and whole[local])
    return Peaks(**found, truncated=truncated)


def _means(
    image: FloatZYX, mask: MaskZYX, offsets: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Weighted mean around each voxel of the mask, and whether its sphere lies in the image.

    The values are gathered at the mask's voxels only; nothing is convolved.
    """
    z, y, x = (int(n) for n in np.abs(offsets).max(axis=0))
    box = box_of(mask, (z, y, x))
    assert box is not None  # noqa: S101  # the mask is not empty
    edge = ((z, z), (y, y), (x, x))
    padded = np.pad(image[box].astype(np.float64), edge)
    present = np.pad(np.ones(mask[box].shape, dtype=np.bool_), edge)
    centres = np.flatnonzero(np.pad(mask[box], edge))
    shift = offsets @ np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    means, whole = np.empty(len(centres)), np.empty(len(centres), dtype=np.bool_)
    step = max(1, _BLOCK // len(offsets))
    for start in range(0, len(centres), step):
        at = centres[start : start + step, None] + shift
        inside = present.ravel()[at]
        sums = padded.ravel()[at] @ weights
        means[start : start + step] = sums / (inside @ weights)
        whole[start : start + step] = inside.all(axis=1)
    return means, whole


@cache
def _sphere(
    spacing_mm: tuple[float, float, float], radius_mm: float, *, weighted: bool
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Offsets in voxels and weights of the voxels in a sphere around a voxel centre."""
    reach = [math.ceil(radius_mm / s + 0.5) for s in spacing_mm]
    offsets = np.array(list(product(*(range(-r, r + 1) for r in reach))), dtype=np.intp)
    if not weighted:
        inside = np.linalg.norm(offsets * np.array(spacing_mm), axis=1) <= radius_mm
        return offsets[inside], np.ones(int(inside.sum()))
    steps = (np.arange(_SUB_POINTS) + 0.5) / _SUB_POINTS - 0.5
    weights = np.zeros(len(offsets))
    for n, offset in enumerate(offsets):
        z, y, x = (((k + steps) * s) ** 2 for k, s in zip(offset, spacing_mm, strict=True))
        weights[n] = _inside(z, y, x, radius_mm)
    return offsets[weights > 0], weights[weights > 0]


def _inside(
    z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64], radius_mm: float
) -> float:
    """Share of a voxel's sub-points in the sphere, from their squared distances per axis."""
    return float(((z[:, None, None] + y[:, None] + x) <= radius_mm**2).mean())
