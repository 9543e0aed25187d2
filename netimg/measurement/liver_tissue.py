"""Tumour-free liver on the CT: what lesions are compared with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from netimg.measurement.components import Box, boxes_of, widened
from netimg.measurement.distance import depth_mm

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX


def tumour_free(
    liver_depth_mm: FloatZYX,
    labels: LabelZYX,
    spacing_mm: tuple[float, float, float],
    *,
    deep_mm: float,
    gap_mm: float,
) -> MaskZYX:
    """Liver away from its capsule and from every lesion.

    Parameters
    ----------
    liver_depth_mm : (z, y, x) float
        Distance of each voxel centre to the nearest one outside the liver, 0 outside.
    labels : (z, y, x) uint16
        Lesion numbers, whatever their type: a cyst is not liver tissue either.
    deep_mm, gap_mm
        At least this deep in the liver, and more than this away from a lesion voxel.

    Returns
    -------
    (z, y, x) bool
    """
    free: MaskZYX = liver_depth_mm >= deep_mm
    for box in boxes_of(labels, int(labels.max(initial=0))).values():
        near, wide = near_labels(labels, box, spacing_mm, gap_mm)
        free[wide] &= ~near
    return free


def near_labels(
    labels: LabelZYX, box: Box, spacing_mm: tuple[float, float, float], gap_mm: float
) -> tuple[MaskZYX, Box]:
    """Voxels within ``gap_mm`` of any labelled voxel, on a box widened by as much; and that box."""
    z, y, x = (math.ceil(gap_mm / s) + 1 for s in spacing_mm)
    wide = widened(box, (z, y, x), labels.shape)
    away = depth_mm(labels[wide] == 0, spacing_mm)
    return away <= gap_mm, wide
