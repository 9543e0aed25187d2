"""What the values inside a mask are: mean, SD, percentiles; the core of a lesion.

Sums are float64. SD is over N, not N - 1 (IBSI).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX

PADDING_BELOW_HU = -1024.0
"""Lower values are padding of the scanner, not tissue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """First-order statistics of at least one value, in the unit of the values."""

    mean: float
    sd: float
    median: float
    p10: float
    p90: float
    min: float
    max: float
    n: int


def statistics(values: NDArray[np.floating]) -> Statistics | None:
    """Statistics of a flat array of values; None where there is no value.

    Percentiles are interpolated linearly; SD is over N.
    """
    if not values.size:
        return None
    exact = values.astype(np.float64)
    p10, median, p90 = (float(p) for p in np.percentile(exact, (10, 50, 90)))
    return Statistics(
        mean=float(exact.mean()),
        sd=float(exact.std()),
        median=median,
        p10=p10,
        p90=p90,
        min=float(exact.min()),
        max=float(exact.max()),
        n=int(exact.size),
    )


def core(mask: MaskZYX, spacing_mm: tuple[float, float, float], depth_mm: float) -> MaskZYX:
    """Voxels whose centre lies at least ``depth_mm`` from every voxel outside the mask.

    The distance is Euclidean, from the centre to the nearest point of the outside voxel: in a
    mask of 1.5 mm voxels the outermost layer is 0.75 mm deep. Voxels beyond the array are outside.

    Returns
    -------
    (z, y, x) bool
        Empty where the mask is too thin.
    """
    reach = [int(np.ceil(depth_mm / s + 0.5)) for s in spacing_mm]
    near = np.zeros([2 * r + 1 for r in reach], dtype=np.bool_)
    for offset in product(*(range(-r, r + 1) for r in reach)):
        gaps = [max(abs(k) - 0.5, 0.0) * s for k, s in zip(offset, spacing_mm, strict=True)]
        at = tuple(k + r for k, r in zip(offset, reach, strict=True))
        near[at] = float(np.linalg.norm(gaps)) < depth_mm - 1e-9
    eroded: MaskZYX = binary_erosion(mask, structure=near, border_value=0)
    return eroded


def tissue(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """HU values without the scanner's padding."""
    return values[values >= PADDING_BELOW_HU]
