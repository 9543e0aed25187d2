"""How far two masks agree: Dice and volume error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeError:
    """Volumes of a prediction and its reference, mL; prediction minus reference.

    ``error_pct`` is relative to the reference: ``inf`` where only the reference is empty, 0 where
    both are.
    """

    pred_ml: float
    ref_ml: float
    error_ml: float
    error_pct: float


def dice(pred: MaskZYX, ref: MaskZYX) -> float:
    """Dice coefficient of two masks, ``2 |P and R| / (|P| + |R|)``.

    Parameters
    ----------
    pred, ref : (z, y, x) bool
        On one grid.

    Returns
    -------
    float
        0..1; 1.0 where both masks are empty, 0.0 where one is.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _same_shape(pred, ref)
    total = np.count_nonzero(pred) + np.count_nonzero(ref)
    return 1.0 if total == 0 else 2.0 * np.count_nonzero(pred & ref) / total


def volume_error(pred: MaskZYX, ref: MaskZYX, grid: Grid) -> VolumeError:
    """Volume of a prediction (z, y, x) bool against that of its reference, by voxel counting.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _same_shape(pred, ref)
    pred_ml = int(np.count_nonzero(pred)) * grid.voxel_ml
    ref_ml = int(np.count_nonzero(ref)) * grid.voxel_ml
    if ref_ml > 0:
        error_pct = 100.0 * (pred_ml - ref_ml) / ref_ml
    else:
        error_pct = math.inf if pred_ml > 0 else 0.0
    return VolumeError(
        pred_ml=pred_ml, ref_ml=ref_ml, error_ml=pred_ml - ref_ml, error_pct=error_pct
    )


def _same_shape(pred: MaskZYX, ref: MaskZYX) -> None:
    if pred.shape != ref.shape:
        msg = f"masks of {pred.shape} and {ref.shape} do not lie on one grid"
        raise ValueError(msg)
