"""Masks from DICOM SEG (BINARY): frames by segment and position, never by their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import IDX_021, MSK_001, MSK_009, MSK_011, MSK_015, PIX_001
from netimg.reading.masks.part import Part, cropped
from netimg.reading.problems import refusal
from netimg.reading.scan import NATIVE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.geometry import Grid
    from netimg.reading.attributes import Attributes

_MOST_SEGMENTS = 1024
_MOST_FRAMES = 200_000
_TURN_TOL = 1e-3
_PLANE_TOL_MM = 0.1
_PIXEL_TOL = 0.05


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame: its segment, and the plane it shows as an index map of the grid."""

    segment: int
    corner: NDArray[np.float64]
    down: NDArray[np.float64]
    right: NDArray[np.float64]


def read_seg(a: Attributes, grid: Grid) -> list[Part]:
    """Every segment of a BINARY segmentation as a part, ascending.

    Frames that are not there are empty; segments may overlap.

    Raises
    ------
    MaskError
        MSK-001 off the grid, MSK-009 a frame without place, MSK-011 fractions, MSK-015 beyond the
        limits.
    InputError
        IDX-021 compressed, PIX-001 too few pixels.
    """
    kind = (a.text(0x00620001) or "").upper()
    if kind != "BINARY":
        raise refusal(MSK_011, where=f"{a.name}, {kind or 'no type'}", value=0.5)
    if a.scan.syntax not in NATIVE or a.scan.pixels is None or a.scan.pixels.undefined:
        raise refusal(IDX_021, series=a.name, name=a.scan.syntax)
    rows, columns = a.integer(0x00280010) or 0, a.integer(0x00280011) or 0
    described = a.items(0x00620002) or ()
    frames = _frames(a, grid)
    if len(described) > _MOST_SEGMENTS or len(frames) > _MOST_FRAMES:
        what = f"{len(described)} segments in {len(frames)} frames"
        raise refusal(MSK_015, where=a.name, what=what)
    bits = _bits(a, rows * columns * len(frames))
    parts = []
    for item in sorted(described, key=lambda i: i.integer(0x00620004) or 0):
        number = item.integer(0x00620004) or 0
        whole = np.zeros(grid.shape, dtype=np.bool_)
        for index, frame in enumerate(frames):
            if frame.segment == number:
                _put(_plane(bits, index, rows, columns), frame, whole)
        codes = item.items(0x0062000F) or ()
        code = codes[0].text(0x00080100) if codes else None
        parts.append(cropped(number, item.text(0x00620005) or "", code, whole))
    return parts


def _frames(a: Attributes, grid: Grid) -> list[_Frame]:
    """Place of every frame on the grid; the per-frame group first, then the shared one."""
    shared = (a.items(0x52009229) or (None,))[0]
    to_grid = np.linalg.inv(grid.affine_lps)
    frames = []
    for index, own in enumerate(a.items(0x52009230) or (), start=1):

        def group(tag: int, own: Attributes = own) -> Attributes | None:
            for place in (own, shared):
                found = place.items(tag) if place is not None else None
                if found:
                    return found[0]
            return None

        measures, turned, placed = (group(tag) for tag in (0x00289110, 0x00209116, 0x00209113))
        spacing = measures.floats(0x00280030) if measures is not None else None
        turn = turned.floats(0x00200037) if turned is not None else None
        corner = placed.floats(0x00200032) if placed is not None else None
        named = group(0x0062000A)
        segment = named.integer(0x0062000B) if named is not None else None
        if not spacing or not turn or not corner or segment is None:
            raise refusal(MSK_009, where=f"{a.name}, frame {index}", how="does not say")
        right = to_grid[:3, :3] @ (np.array(turn[:3]) * spacing[1])
        down = to_grid[:3, :3] @ (np.array(turn[3:]) * spacing[0])
        first = to_grid[:3, :3] @ np.array(corner) + to_grid[:3, 3]
        frames.append(_Frame(segment, first, down, right))
    _check_places(frames, a, grid)
    return frames


def _check_places(frames: list[_Frame], a: Attributes, grid: Grid) -> None:
    """Refuse planes that do not lie on the voxels, with the largest distance."""
    rows, columns = a.integer(0x00280010) or 0, a.integer(0x00280011) or 0
    spacing = np.array(grid.spacing_mm)
    worst = 0.0
    for frame in frames:
        for down, right in ((0, 0), (rows - 1, 0), (0, columns - 1), (rows - 1, columns - 1)):
            found = frame.corner + down * frame.down + right * frame.right
            whole = (
                np.rint(frame.corner) + down * np.rint(frame.down) + right * np.rint(frame.right)
            )
            off = np.abs(found - whole)
            limits = np.maximum(_PIXEL_TOL, _PLANE_TOL_MM / spacing)
            if (off > limits).any():
                worst = max(worst, float(np.linalg.norm(off * spacing)))
        steps = (np.abs(np.rint(frame.down)).sum(), np.abs(np.rint(frame.right)).sum())
        if steps != (1, 1) and worst == 0.0:
            worst = float(np.linalg.norm((frame.down - np.rint(frame.down)) * spacing)) * rows
            worst = max(worst, float(spacing.min()))
    if worst > 0.0:
        voxels = worst / float(spacing.min())
        raise refusal(MSK_001, where=a.name, off_mm=worst, off_voxels=voxels)


def _bits(a: Attributes, needed: int) -> NDArray[np.uint8]:
    place = a.scan.pixels
    assert place is not None  # noqa: S101  # the caller looked
    size = (needed + 7) // 8
    if place.length < size:
        raise refusal(PIX_001, file=a.name, there=place.length, needed=size)
    return np.frombuffer(bytes(a.scan.data[place.start : place.start + size]), dtype=np.uint8)


def _plane(bits: NDArray[np.uint8], index: int, rows: int, columns: int) -> NDArray[np.bool_]:
    """Frame of 1-bit pixels; frames do not begin on whole bytes."""
    first = index * rows * columns
    last = first + rows * columns
    unpacked = np.unpackbits(bits[first // 8 : (last + 7) // 8], bitorder="little")
    plane: NDArray[np.bool_] = unpacked[first % 8 : first % 8 + rows * columns].astype(bool)
    return plane.reshape(rows, columns)


def _put(plane: NDArray[np.bool_], frame: _Frame, whole: NDArray[np.bool_]) -> None:
    """Set the voxels of a plane; what lies outside the grid is left out."""
    down, right = np.nonzero(plane)
    if not down.size:
        return
    corner, step_down, step_right = (
        np.rint(v).astype(np.int64) for v in (frame.corner, frame.down, frame.right)
    )
    at = corner + np.outer(down, step_down) + np.outer(right, step_right)
    inside = ((at >= 0) & (at < np.array(whole.shape))).all(axis=1)
    whole[tuple(at[inside].T)] = True
