"""Tumour volume on a PET: the voxels above a threshold that hangs on the liver.

``liver:k`` counts voxels **above** liver mean + k SD; ``percist_liver`` counts voxels **at or
above** 1.5 x liver mean + 2 SD. Both are the same in SUVbw and in SUL, which differ by a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.measurement.intensity import Statistics

PERCIST = "percist_liver"


@dataclass(frozen=True, slots=True, kw_only=True)
class TumourVolume:
    """Volume above the threshold in mL, and mean times volume in g (SUVbw times mL)."""

    tv_ml: float
    tl_g: float
    threshold: float
    method: str


def tumour_volume(
    suv: FloatZYX, region: MaskZYX, voxel_ml: float, *, method: str, liver: Statistics
) -> TumourVolume:
    """Volume and total lesion uptake inside a region.

    Parameters
    ----------
    suv, region : (z, y, x)
        SUVbw and the voxels that may belong to the lesion.
    voxel_ml
        Volume of one voxel.
    method
        ``liver:k`` with a number k, or ``percist_liver``.
    liver
        Statistics of the liver reference.

    Returns
    -------
    TumourVolume
        0 where the whole region stays below the threshold.

    Raises
    ------
    ValueError
        If the method is neither.
    """
    kind, _, k = method.partition(":")
    if method == PERCIST:
        threshold = 1.5 * liver.mean + 2.0 * liver.sd
        inside = region & (suv >= threshold)
    elif kind == "liver" and k:
        threshold = liver.mean + float(k) * liver.sd
        inside = region & (suv > threshold)
    else:
        msg = f"{method!r} is neither liver:k nor {PERCIST}"
        raise ValueError(msg)
    tv_ml = int(np.count_nonzero(inside)) * voxel_ml
    tl_g = float(suv[inside].astype(np.float64).sum()) * voxel_ml
    return TumourVolume(tv_ml=tv_ml, tl_g=tl_g, threshold=threshold, method=method)
