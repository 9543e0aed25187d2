"""Intervals of volumes, burden and lengths: how far a number could be moved by its voxels.

Volumes: the half-voxel band of the mask, or the volume between what the model is sure of and what
it thinks possible, whichever is wider. Lengths: one voxel diagonal.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from netimg.measurement.components import Box, components, widened

if TYPE_CHECKING:
    from netimg.arrays import LabelZYX
    from netimg.geometry import Grid
    from netimg.settings import Settings
    from netimg.volume import Volume

Interval: TypeAlias = tuple[float, float, str]
"""Lower end, upper end, kind (``boundary``, ``model``, ``noise``, ``repeat``)."""


def wider(one: Interval, other: Interval | None) -> Interval:
    """Return the wider of two intervals; the first in a tie."""
    if other is None or one[1] - one[0] >= other[1] - other[0]:
        return one
    return other


def containing(value: float, interval: Interval) -> Interval:
    """Stretch an interval to the value itself, where the model's mask left its own band."""
    return (min(value, interval[0]), max(value, interval[1]), interval[2])


def burden_interval(tumour: Interval, liver: Interval) -> Interval:
    """Interval of 100 x tumour / liver from both parts at their far ends, clipped at 100 %."""
    lo = 100.0 * tumour[0] / liver[1] if liver[1] > 0 else 0.0
    hi = 100.0 * tumour[1] / liver[0] if liver[0] > 0 else 100.0
    kind = tumour[2] if _relative(tumour) >= _relative(liver) else liver[2]
    return (min(lo, 100.0), min(hi, 100.0), kind)


def length_interval(length_mm: float, spacing_mm: tuple[float, ...]) -> Interval:
    """Length plus and minus the diagonal of a voxel (in plane: of two spacings)."""
    diagonal = math.hypot(*spacing_mm)
    return (max(0.0, length_mm - diagonal), length_mm + diagonal, "boundary")


class ModelBand:
    """What the model was sure of and what it thought possible, around each lesion.

    Parameters
    ----------
    probability
        Calibrated 0..1 on a crop of the grid.
    labels : (z, y, x) uint16
        Lesion numbers on ``grid``.
    settings
        ``measurement.model_sure``, ``model_possible`` (probabilities) and ``model_reach_mm``, how
        far beyond a lesion's box it looks.
    """

    def __init__(
        self, probability: Volume, labels: LabelZYX, grid: Grid, settings: Settings
    ) -> None:
        self._sure = float(settings["measurement.model_sure"])
        self._likely = float(settings["measurement.model_possible"])
        self._reach_mm = float(settings["measurement.model_reach_mm"])
        corner = grid.to_index(np.array([probability.grid.origin_lps_mm]))[0]
        self._start = tuple(round(float(v)) for v in corner)
        self._probability = probability.values
        self._labels = labels
        self._grid = grid
        self._sure_voxels = 0
        self._possible = np.zeros(probability.grid.shape, dtype=np.bool_)

    def lesion(self, number: int, box: Box) -> Interval:
        """Volume of a lesion where sure and, with what hangs together with it, possible; mL."""
        margin = tuple(math.ceil(self._reach_mm / s) for s in self._grid.spacing_mm)
        wide = widened(box, (margin[0], margin[1], margin[2]), self._grid.shape)
        here, there = self._overlap(wide)
        part = self._labels[here]
        p = self._probability[there]
        own = part == number
        labels, _ = components(((p >= self._likely) & (part == 0)) | own)
        possible = np.isin(labels, np.unique(labels[own])) & (labels > 0)
        sure = int(np.count_nonzero(own & (p >= self._sure)))
        self._sure_voxels += sure
        self._possible[there] |= possible
        ml = self._grid.voxel_ml
        return (sure * ml, int(np.count_nonzero(possible)) * ml, "model")

    def total(self) -> Interval:
        """Interval of all lesions that were asked for, each voxel counted once; mL."""
        ml = self._grid.voxel_ml
        return (self._sure_voxels * ml, int(np.count_nonzero(self._possible)) * ml, "model")

    def _overlap(self, box: Box) -> tuple[Box, Box]:
        """Part of a box that has a probability, on the grid and on the crop."""
        here, there = [], []
        for b, start, n in zip(box, self._start, self._probability.shape, strict=True):
            low, high = max(b.start, start), min(b.stop, start + n)
            here.append(slice(low, max(low, high)))
            there.append(slice(low - start, max(low, high) - start))
        return (here[0], here[1], here[2]), (there[0], there[1], there[2])


def _relative(interval: Interval) -> float:
    middle = (interval[0] + interval[1]) / 2.0
    return (interval[1] - interval[0]) / middle if middle > 0 else 0.0
