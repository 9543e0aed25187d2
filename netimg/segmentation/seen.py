"""What the doubts look at: the liver's box of a scan, upright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX
    from netimg.geometry import Grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A liver of any origin: a box around it, upright, and where it lies in the scan."""

    shape: tuple[int, ...]
    """Voxels of the whole scan, upright."""
    start: tuple[int, int, int]
    grid: Grid
    liver: MaskZYX
    lesions: LabelZYX

    @property
    def liver_ml(self) -> float:
        """Volume of the liver."""
        return float(np.count_nonzero(self.liver)) * self.grid.voxel_ml


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen(Drawn):
    """A liver that a model drew, with the scan and what the model thought."""

    scan: FloatZYX
    """Whole scan, upright, HU."""
    liver_probability: NDArray[np.float16]
    lesion_probability: NDArray[np.float16] | None
    locator: MaskZYX | None

    @property
    def hu(self) -> FloatZYX:
        """The scan on the box."""
        return self.scan[
            tuple(slice(a, a + n) for a, n in zip(self.start, self.liver.shape, strict=True))
        ]
