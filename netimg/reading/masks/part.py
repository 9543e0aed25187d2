"""One structure of a mask file: what it is called, and its voxels once they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.flag import Flag
    from netimg.geometry import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Voxels of a structure in their box on the grid, and what is to be said about them."""

    start: tuple[int, int, int]
    voxels: MaskZYX
    outside: int = 0
    """Voxels of the structure that lie off the grid."""
    flags: tuple[Flag, ...] = ()

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Where the voxels lie on the grid."""
        z, y, x = (slice(a, a + n) for a, n in zip(self.start, self.voxels.shape, strict=True))
        return z, y, x

    @property
    def count(self) -> int:
        """Voxels on the grid."""
        return int(np.count_nonzero(self.voxels))

    def on(self, grid: Grid) -> MaskZYX:
        """The whole grid, true inside the part."""
        whole: MaskZYX = np.zeros(grid.shape, dtype=np.bool_)
        whole[self.box] = self.voxels
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A segment, ROI or label: number, name and code in its file; ``draw`` makes its voxels."""

    number: int
    draw: Callable[[], Part]
    name: str = ""
    code: str | None = None
    """Of the property type."""
    hint: str = ""
    """What else the file says it is: the type of an ROI, such as GTV."""
    tracking_uid: str | None = None
    frame_uid: str | None = None
    """Frame of reference it was drawn in, where it has one of its own."""

    def __str__(self) -> str:
        """As `FILE:LABEL` names it."""
        return f"{self.number} {self.name}".strip()


def cropped(
    whole: MaskZYX,
    start: tuple[int, int, int] = (0, 0, 0),
    *,
    outside: int = 0,
    flags: tuple[Flag, ...] = (),
) -> Part:
    """Part of a mask whose first voxel lies at ``start``, cut down to its box."""
    spans = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(whole.any(axis=others))
        spans.append((int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0))
    box = tuple(slice(a, b) for a, b in spans)
    if not all(b for _, b in spans):
        return Part((0, 0, 0), np.zeros((0, 0, 0), dtype=np.bool_), outside, flags)
    z, y, x = (first + span[0] for first, span in zip(start, spans, strict=True))
    return Part((z, y, x), np.array(whole[box]), outside, flags)


def within(whole: MaskZYX, start: tuple[int, int, int], grid: Grid) -> Part:
    """Part of a mask that may reach over the grid; what does is counted and left out."""
    low = [max(0, -a) for a in start]
    high = [max(0, min(n, m - a)) for n, m, a in zip(whole.shape, grid.shape, start, strict=True)]
    box = tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))
    inside = whole[box]
    outside = int(np.count_nonzero(whole)) - int(np.count_nonzero(inside))
    z, y, x = (max(0, a) for a in start)
    return cropped(inside, (z, y, x), outside=outside)


def touching(one: Part, other: Part) -> bool:
    """Whether two parts share a face, an edge, a corner or a voxel."""
    from scipy.ndimage import binary_dilation

    near = binary_dilation(np.pad(other.voxels, 1), np.ones((3, 3, 3), dtype=np.bool_))
    start = np.subtract(other.start, 1)
    low = np.maximum(start, one.start)
    high = np.minimum(start + near.shape, np.add(one.start, one.voxels.shape))
    if (low >= high).any():
        return False
    a, b = (
        voxels[tuple(slice(f, t) for f, t in zip(low - at, high - at, strict=True))]
        for voxels, at in ((near, start), (one.voxels, one.start))
    )
    return bool((a & b).any())


@dataclass(slots=True, eq=False)
class Numbered:
    """Numbers of many structures in one array, whose first voxel lies at ``start`` of a grid."""

    values: NDArray[Any]
    start: tuple[int, int, int]
    _boxes: list[Any] | None = field(default=None, init=False)

    def present(self) -> list[int]:
        """Numbers that occur, ascending, without 0."""
        return [n for n, box in enumerate(self._found(), start=1) if box is not None]

    def part(self, number: int, grid: Grid) -> Part:
        """Voxels of one number; none where it does not occur."""
        boxes = self._found()
        box = boxes[number - 1] if 0 < number <= len(boxes) else None
        if box is None:
            return joined([])
        z, y, x = (a + span.start for a, span in zip(self.start, box, strict=True))
        return within(self.values[box] == number, (z, y, x), grid)

    def _found(self) -> list[Any]:
        """Box of every number from 1; None for one that does not occur."""
        if self._boxes is None:
            from scipy.ndimage import find_objects

            self._boxes = list(find_objects(self.values))
        return self._boxes


def joined(parts: Sequence[Part]) -> Part:
    """Parts as one, voxel in any of them; what lies off the grid is added up."""
    outside = sum(part.outside for part in parts)
    flags = tuple(flag for part in parts for flag in part.flags)
    there = [part for part in parts if part.voxels.size]
    if not there:
        return Part((0, 0, 0), np.zeros((0, 0, 0), dtype=np.bool_), outside, flags)
    low = np.min([part.start for part in there], axis=0)
    high = np.max([np.add(part.start, part.voxels.shape) for part in there], axis=0)
    whole: MaskZYX = np.zeros(tuple(high - low), dtype=np.bool_)
    for part in there:
        z, y, x = (slice(a.start - b, a.stop - b) for a, b in zip(part.box, low, strict=True))
        whole[z, y, x] |= part.voxels
    return Part((int(low[0]), int(low[1]), int(low[2])), whole, outside, flags)
