"""Distances inside a mask, in mm, from voxel centre to voxel centre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import edt
import numpy as np

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, MaskZYX


def depth_mm(
    mask: MaskZYX, spacing_mm: tuple[float, float, float], *, border: bool = False
) -> FloatZYX:
    """Distance of each voxel centre inside a mask from the nearest voxel centre outside.

    Parameters
    ----------
    mask : (z, y, x) bool
        May be read-only.
    spacing_mm
        z, y, x.
    border
        Whether what lies beyond the array counts as outside.

    Returns
    -------
    (z, y, x) float32
        0 outside the mask; infinite where nothing is outside.
    """
    depth: FloatZYX = edt.edt(
        np.array(mask, order="C"), anisotropy=spacing_mm, black_border=border, parallel=1
    )
    return depth
