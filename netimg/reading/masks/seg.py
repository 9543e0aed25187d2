"""Masks from DICOM segmentations: frames by segment and position, never by their number.

BINARY, FRACTIONAL (a border is taken and said) and LABELMAP, native or compressed. Frames that are
not there are empty; segments may overlap.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import MSK_009, MSK_011, MSK_015
from netimg.reading.masks.labels import LABEL_MAX
from netimg.reading.masks.part import Numbered, Part, Structure, cropped
from netimg.reading.masks.place import CORNER_TOL, beside_centres, off_grid, overlap
from netimg.reading.masks.seg_pixels import planes_of
from netimg.reading.problems import doubt, refusal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.geometry import Grid
    from netimg.reading.attributes import Attributes
    from netimg.reading.masks.seg_pixels import Planes
    from netimg.settings import Settings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PLANE_TOL_MM = 0.1
"""How far a plane may lie beside the voxels: programs round positions."""

_MOST_SEGMENTS = 1024
_SAME_PLANE_MM = 1e-3
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_UID_MAX = 64
_KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames of a segmentation: segment of each (0 in a label map), and where its plane lies.

    ``corners``, ``downs``, ``rights``: (n, 3) L, P, S in mm of the first pixel, of a step to the
    next row and of one to the next column.
    """

    segments: Ints
    corners: Floats
    downs: Floats
    rights: Floats
    size: tuple[int, int]

    def lattice(self) -> tuple[tuple[int, int, int], Floats]:
        """Shape (planes, rows, columns) and affine of the smallest lattice that holds all planes.

        The distance of planes is the smallest there is; a single plane is 1 mm thick.
        """
        right, down = self.rights[0], self.downs[0]
        normal = np.cross(right, down) / (np.linalg.norm(right) * np.linalg.norm(down))
        along = self.corners @ normal
        levels = np.unique(np.round(along / _SAME_PLANE_MM)) * _SAME_PLANE_MM
        steps = np.diff(levels)
        step = float(steps[steps > 2 * PLANE_TOL_MM].min(initial=np.inf))
        step = step if np.isfinite(step) else 1.0
        affine = np.eye(4)
        affine[:3, 0], affine[:3, 1], affine[:3, 2] = normal * step, down, right
        affine[:3, 3] = self.corners[int(along.argmin())]
        planes = int(np.rint(np.ptp(along) / step)) + 1
        return (planes, *self.size), affine


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """Frames as whole indices of a grid."""

    corners: Ints
    downs: Ints
    rights: Ints


@dataclass(slots=True, eq=False)
class _Seg:
    """One segmentation on one grid; a label map is put together once."""

    planes: Planes
    frames: Frames
    placed: _Placed
    grid: Grid
    kind: str
    fraction_of: str = ""
    _labels: tuple[Numbered, Ints] | None = field(default=None, init=False)

    def part(self, number: int) -> Part:
        """Voxels of one segment."""
        if self.kind == "LABELMAP":
            labels, outside = self._label_map()
            part = labels.part(number, self.grid)
            return replace(part, outside=int(outside[number]) if number < len(outside) else 0)
        wanted = np.flatnonzero(self.frames.segments == number)
        inside, start, outside = self._painted(wanted, np.dtype(np.bool_))
        part = cropped(inside, start, outside=int(outside[1:].sum()))
        if self.kind != "FRACTIONAL":
            return part
        border, largest = self.planes.border or 0.0, self.planes.largest
        flag = doubt(
            "MSK-005",
            share=border / largest,
            border=border,
            largest=largest,
            what=self.fraction_of or "share",
            measured=border / largest,
        )
        return replace(part, flags=(flag,))

    def _label_map(self) -> tuple[Numbered, Ints]:
        """All frames of a label map as numbers, and how many voxels of each are off the grid."""
        if self._labels is None:
            every = np.arange(len(self.frames.segments))
            labels, start, outside = self._painted(every, np.dtype(np.uint16))
            self._labels = Numbered(labels, start), outside
        return self._labels

    def _painted(
        self, at: NDArray[np.intp], dtype: np.dtype[Any]
    ) -> tuple[NDArray[Any], tuple[int, int, int], Ints]:
        """Planes of frames in their box on the grid, its first voxel, and what lies outside."""
        outside = np.zeros(LABEL_MAX + 1 if dtype.kind == "u" else 2, dtype=np.int64)
        rows, columns = self.frames.size
        corners, downs, rights = (
            v[at] for v in (self.placed.corners, self.placed.downs, self.placed.rights)
        )
        ends = [
            corners + a * (rows - 1) * downs + b * (columns - 1) * rights
            for a in (0, 1)
            for b in (0, 1)
        ]
        full = np.array(self.grid.shape)
        low = np.clip(np.min(ends, axis=(0, 1), initial=full.max()), 0, full)
        high = np.clip(np.max(ends, axis=(0, 1), initial=-1) + 1, low, full)
        whole = np.zeros(tuple(high - low), dtype=dtype)
        for plane, corner, down, right in zip(
            self.planes.read(at.tolist()), corners, downs, rights, strict=True
        ):
            left_out = _put(plane, corner - low, down, right, whole)
            if left_out.size:
                outside += np.bincount(left_out.astype(np.intp), minlength=len(outside))
        return whole, (int(low[0]), int(low[1]), int(low[2])), outside


def read_seg(a: Attributes, grid: Grid, settings: Settings) -> list[Structure]:
    """Every segment of a segmentation, ascending, the background left out.

    Raises
    ------
    MaskError
        MSK-001, MSK-014 off the grid, MSK-009 a frame without place, MSK-011 of no known kind,
        MSK-015 beyond the limits.
    InputError
        As `planes_of`.
    """
    kind = _kind(a)
    described = a.items(0x00620002) or ()
    if len(described) > _MOST_SEGMENTS:
        raise refusal(MSK_015, where=a.name, what=f"{len(described)} segments")
    frames = read_frames(a, kind)
    planes = planes_of(a, len(frames.segments), kind, settings)
    fractions = (a.text(0x00620010) or "").lower()
    seg = _Seg(planes, frames, _on(frames, a.name, grid), grid, kind, fractions)
    result = []
    for item in described:
        number = item.integer(0x00620004) or 0
        if number == 0:
            continue
        codes = item.items(0x0062000F) or ()
        result.append(
            Structure(
                number,
                partial(seg.part, number),
                item.text(0x00620005) or "",
                code=codes[0].text(0x00080100) if codes else None,
                tracking_uid=_identity(item),
            )
        )
    return sorted(result, key=lambda structure: structure.number)


def _identity(item: Attributes) -> str | None:
    """Tracking UID of a segment, where it is one."""
    uid = item.uid(0x00620021) or ""
    return uid if _UID.fullmatch(uid) and len(uid) <= _UID_MAX else None


def _kind(a: Attributes) -> str:
    kind = (a.text(0x00620001) or "").upper()
    if kind not in _KINDS:
        raise refusal(MSK_011, "kind", where=a.name, kind=kind or "none")
    return kind


def read_frames(a: Attributes, kind: str | None = None) -> Frames:
    """Segment and place of every frame; the per-frame group first, then the shared one.

    Raises
    ------
    MaskError
        MSK-009 for a frame that does not say where it lies or what it shows, or whose place, pixels
        or directions cannot be those of a body.
    """
    kind = kind or _kind(a)
    shared = (a.items(0x52009229) or (None,))[0]
    every: list[tuple[int, tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = []
    for index, own in enumerate(a.items(0x52009230) or (), start=1):
        measures, turned, placed, named = (
            _group(tag, own, shared) for tag in (0x00289110, 0x00209116, 0x00209113, 0x0062000A)
        )
        spacing = (measures.floats(0x00280030) if measures else None) or ()
        turn = (turned.floats(0x00200037) if turned else None) or ()
        corner = (placed.floats(0x00200032) if placed else None) or ()
        segment = named.integer(0x0062000B) if named else None
        numbers = (*spacing, *turn, *corner)
        whole = (len(spacing), len(turn), len(corner)) == (2, 6, 3) and np.isfinite(numbers).all()
        if not whole or min(spacing) <= 0 or (segment is None and kind != "LABELMAP"):
            raise refusal(MSK_009, "frame", where=f"{a.name}, frame {index}")
        _check_place(spacing, turn, corner, f"{a.name}, frame {index}")
        every.append((segment or 0, spacing, turn, corner))
    if not every:
        raise refusal(MSK_009, "frame", where=a.name)
    segments, spacings, turns, corners = zip(*every, strict=True)
    step, turn_ = np.array(spacings), np.array(turns)
    return Frames(
        np.array(segments),
        np.array(corners),
        turn_[:, 3:] * step[:, :1],
        turn_[:, :3] * step[:, 1:],
        (a.integer(0x00280010) or 0, a.integer(0x00280011) or 0),
    )


def _check_place(
    spacing: tuple[float, ...], turn: tuple[float, ...], corner: tuple[float, ...], where: str
) -> None:
    """Refuse a place, a pixel or directions that no scanner can have."""
    reach = table("masks")["reach"]
    least, most = reach["spacing_mm"]
    odd = next((mm for mm in spacing if not least <= mm <= most), None)
    if odd is not None:
        raise refusal(MSK_009, "spacing", where=where, mm=odd, least=least, most=most)
    far_mm, most_mm = max(map(abs, corner)), reach["coordinate_mm"]
    if far_mm > most_mm:
        raise refusal(MSK_009, "far", where=where, far_mm=far_mm, most_mm=most_mm)
    right, down = math.hypot(*turn[:3]), math.hypot(*turn[3:])
    if max(abs(right - 1), abs(down - 1)) > reach["direction"]:
        raise refusal(MSK_009, "turn", where=where, right=right, down=down)
    across = sum(a * b for a, b in zip(turn[:3], turn[3:], strict=True))
    if abs(across) > reach["direction"]:
        angle = math.degrees(math.acos(max(-1.0, min(1.0, across))))
        raise refusal(MSK_009, "skewed", where=where, angle=angle)


def _group(tag: int, own: Attributes, shared: Attributes | None) -> Attributes | None:
    """Functional group of a frame; of all frames where it has none."""
    for place in (own, shared):
        found = place.items(tag) if place is not None else None
        if found:
            return found[0]
    return None


def _on(frames: Frames, name: str, grid: Grid) -> _Placed:
    """Frames as whole indices; refuses planes that do not lie on the voxels."""
    to_grid = np.linalg.inv(grid.affine_lps)
    corners = frames.corners @ to_grid[:3, :3].T + to_grid[:3, 3]
    downs, rights = frames.downs @ to_grid[:3, :3].T, frames.rights @ to_grid[:3, :3].T
    whole = [np.rint(v) for v in (corners, downs, rights)]
    down, right = np.abs(whole[1]), np.abs(whole[2])
    if not ((down.sum(axis=1) == 1) & (right.sum(axis=1) == 1) & (down != right).any(axis=1)).all():
        shape, affine = frames.lattice()
        raise off_grid(shape, affine, grid, name)
    rows, columns = frames.size
    limits = np.maximum(CORNER_TOL, PLANE_TOL_MM / np.array(grid.spacing_mm))
    beside = np.concatenate([
        (corners - whole[0]) + a * (rows - 1) * (downs - whole[1])
        + b * (columns - 1) * (rights - whole[2])
        for a in (0, 1) for b in (0, 1)
    ])  # fmt: skip
    if (np.abs(beside) > limits).any():
        raise beside_centres(beside, grid, name)
    corners_, downs_, rights_ = (v.astype(np.int64) for v in whole)
    return _Placed(corners_, downs_, rights_)


def _put(
    plane: NDArray[Any], corner: Ints, down: Ints, right: Ints, whole: NDArray[Any]
) -> NDArray[Any]:
    """Set what a plane marks; what it marks outside the array is handed back."""
    row_axis, column_axis = int(np.abs(down).argmax()), int(np.abs(right).argmax())
    level_axis = 3 - row_axis - column_axis
    for axis, step in ((0, down[row_axis]), (1, right[column_axis])):
        if step < 0:
            plane = np.flip(plane, axis)
    first = [
        int(corner[axis]) - (n - 1 if step < 0 else 0)
        for axis, n, step in (
            (row_axis, plane.shape[0], down[row_axis]),
            (column_axis, plane.shape[1], right[column_axis]),
        )
    ]
    if row_axis > column_axis:
        plane, first = plane.T, first[::-1]
    beyond: NDArray[np.bool_] = plane != 0
    level = int(corner[level_axis])
    if 0 <= level < whole.shape[level_axis]:
        target = whole[tuple(level if k == level_axis else slice(None) for k in range(3))]
        here, there = overlap(first, plane.shape, target.shape)
        marked = plane[there]
        np.copyto(target[here], marked.astype(whole.dtype, copy=False), where=beyond[there])
        beyond[there] = False
    left_out: NDArray[Any] = plane[beyond]
    return left_out
