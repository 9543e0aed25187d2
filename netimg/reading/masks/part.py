"""One structure of a mask file, on the grid: its box and the voxels in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, ROI or label: number and name in its file, code, box corner, voxels in the box."""

    number: int
    name: str
    code: str | None
    start: tuple[int, int, int]
    voxels: MaskZYX

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Where the voxels lie on the grid."""
        z, y, x = (slice(a, a + n) for a, n in zip(self.start, self.voxels.shape, strict=True))
        return z, y, x

    def on(self, grid: Grid) -> MaskZYX:
        """The whole grid, true inside the part."""
        whole: MaskZYX = np.zeros(grid.shape, dtype=np.bool_)
        whole[self.box] = self.voxels
        return whole

    def __str__(self) -> str:
        """As `FILE:LABEL` names it."""
        return f"{self.number} {self.name}".strip()


def cropped(number: int, name: str, code: str | None, whole: MaskZYX) -> Part:
    """Part of a mask on the whole grid, cut down to its box."""
    spans = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(whole.any(axis=others))
        spans.append((int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0))
    box = tuple(slice(a, b) for a, b in spans)
    start = (spans[0][0], spans[1][0], spans[2][0])
    return Part(number, name, code, start, np.array(whole[box]))
