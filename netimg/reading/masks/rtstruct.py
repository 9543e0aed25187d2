"""Masks from the contours of an RT Structure Set, by the even-odd rule.

A voxel is inside where its centre is, over all contours of the ROI on its slice: keyholes, nested
and several contours come out right alike. Nothing is filled between slices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import MSK_007, MSK_008, MSK_015
from netimg.reading.masks.part import Part, Structure, joined, within
from netimg.reading.problems import doubt, refusal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.reading.attributes import Attributes
    from netimg.settings import Settings

    Points = NDArray[np.float64]

SLICE_TOL = 0.1
"""Slices; how far a contour may lie from the slice it belongs to."""

_TILT_DEG = 0.5
_FLAT_MM = 0.1
_CROSSINGS = 1 << 22
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MOST_ROIS = 1000
_MOST_CONTOURS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Roi:
    """Contours of one region, points (L, P, S) of each closed one, and how many are of others."""

    where: str
    name: str
    contours: tuple[Points, ...]
    ignored: int = 0

    def __call__(self, grid: Grid) -> Part:
        """Voxels inside, with a note on contours that are not used and slices that are skipped.

        Raises
        ------
        MaskError
            MSK-007 contours of less than three points, MSK-008 off the slices or tilted.
        """
        short = sum(len(contour) < 3 for contour in self.contours)
        if short:
            raise refusal(MSK_007, where=self.where, n=short)
        drawn, slices = filled(self.contours, grid, where=self.where)
        flags: list[Flag] = []
        if self.ignored:
            flags.append(doubt("MSK-007/open", name=self.name, n=self.ignored))
        if slices:
            missing = sorted(set(range(min(slices), max(slices))) - set(slices))
            if missing:
                flags.append(_skipped(missing, self.name, grid))
        return Part(drawn.start, drawn.voxels, drawn.outside, tuple(flags))


def read_rtstruct(a: Attributes, grid: Grid, settings: Settings) -> list[Structure]:
    """Every ROI of a structure set, in the order of the file.

    Raises
    ------
    MaskError
        MSK-007 for coordinates that are no points or lie far beyond any body, MSK-015 beyond the
        limits.
    """
    named = {item.integer(0x30060022): item for item in a.items(0x30060020) or ()}
    seen = {item.integer(0x30060084): item for item in a.items(0x30060080) or ()}
    entries = a.items(0x30060039) or ()
    if len(entries) > _MOST_ROIS:
        raise refusal(MSK_015, where=a.name, what=f"{len(entries)} regions")
    result: list[Structure] = []
    points = contours = 0
    for entry in entries:
        number = entry.integer(0x30060084)
        item, about = named.get(number), seen.get(number)
        name = (item.text(0x30060026) if item else None) or ""
        roi = _roi(entry, name or str(number))
        points += sum(len(contour) for contour in roi.contours)
        contours += len(roi.contours)
        if points > settings["limits.contour_points_max"] or contours > _MOST_CONTOURS:
            what = f"{points} points in {contours} contours"
            raise refusal(MSK_015, where=a.name, what=what)
        codes = (about.items(0x30060086) if about else None) or ()
        result.append(
            Structure(
                number or 0,
                partial(roi, grid),
                name,
                code=codes[0].text(0x00080100) if codes else None,
                hint=(about.text(0x300600A4) if about else None) or "",
                frame_uid=item.uid(0x30060024) if item else None,
            )
        )
    return result


def _roi(entry: Attributes, name: str) -> Roi:
    """Contours of one item of the ROI Contour Sequence."""
    closed: list[Points] = []
    ignored = 0
    for item in entry.items(0x30060040) or ():
        if (item.text(0x30060042) or _CLOSED[0]).upper() not in _CLOSED:
            ignored += 1
            continue
        closed.append(_points(item))
    return Roi(f"{entry.name}, {name}", name, tuple(closed), ignored)


def filled(
    contours: tuple[Points, ...], grid: Grid, *, where: str = ""
) -> tuple[Part, tuple[int, ...]]:
    """Voxels inside contours, and the slices of the grid they lie on, also beyond its ends.

    Raises
    ------
    MaskError
        MSK-008 with the number of contours off the slices and the largest distance in mm.
    """
    slices: list[int] = []
    flat: list[Points] = []
    off_mm: list[float] = []
    for contour in contours:
        index = grid.to_index(contour)
        z = float(np.rint(index[:, 0].mean()))
        beside = np.abs(index[:, 0] - z).max()
        if not beside <= SLICE_TOL or _is_tilted(index, grid):
            off_mm.append(float(beside * grid.spacing_mm[0]))
            continue
        slices.append(int(z))
        flat.append(index[:, 1:])
    if off_mm:
        raise refusal(MSK_008, where=where, n=len(off_mm), off_mm=max(off_mm))
    if not flat:
        return joined([]), ()
    return _drawn(flat, slices, grid), tuple(slices)


def _drawn(flat: list[Points], slices: list[int], grid: Grid) -> Part:
    """Even-odd over contours that lie in slices; what reaches over the grid is counted."""
    reach = np.array(grid.shape[1:])  # one size of the grid beyond its borders
    ends = np.concatenate([np.array([points.min(axis=0), points.max(axis=0)]) for points in flat])
    near = np.clip(np.floor(ends.min(axis=0)), -reach, 2 * reach)
    far = np.clip(np.ceil(ends.max(axis=0)), -reach, 2 * reach)
    size = (int(far[0] - near[0]) + 1, int(far[1] - near[1]) + 1)
    by_slice: dict[int, list[Points]] = {}
    for z, points in zip(slices, flat, strict=True):
        by_slice.setdefault(z, []).append(points)
    parts = []
    for z, several in sorted(by_slice.items()):
        area = round(abs(sum(map(_area, several))))
        if not 0 <= z < grid.shape[0]:
            parts.append(replace(joined([]), outside=max(area, 1)))
            continue
        inside = even_odd([points - near for points in several], size)
        part = within(inside[None], (z, int(near[0]), int(near[1])), grid)
        if any((p < near).any() or (p > far).any() for p in several):
            part = replace(part, outside=max(part.outside, area - part.count, 1))
        parts.append(part)
    return joined(parts)


def _area(points: Points) -> float:
    """Pixels that a polygon encloses, with the sign of its direction."""
    (y, x), (y1, x1) = points.T, np.roll(points, -1, axis=0).T
    return float((x * y1 - x1 * y).sum() / 2)


def even_odd(polygons: Sequence[Points], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside closed polygons by the even-odd rule.

    Parameters
    ----------
    polygons : sequence of (n, 2) float64
        Corners as fractional indices (y, x); the last of each is joined to its first.
    shape
        Rows and columns.

    Notes
    -----
    A centre exactly on a left edge or on the edge of the larger row is inside, on the other two
    outside, so that two polygons that share an edge share no pixel.
    """
    y0, x0 = np.concatenate(polygons).T
    y1, x1 = np.concatenate([np.roll(points, -1, axis=0) for points in polygons]).T
    low = np.clip(np.floor(np.minimum(y0, y1)) + 1, 0, shape[0]).astype(np.int64)
    high = np.clip(np.floor(np.maximum(y0, y1)) + 1, 0, shape[0]).astype(np.int64)
    ends = np.cumsum(np.maximum(high - low, 0))  # rows that edges cross, added up
    width = shape[1] + 1
    odd = np.zeros(shape[0] * width, dtype=np.bool_)
    for first in range(0, int(ends[-1]), _CROSSINGS):
        crossing = np.arange(first, min(first + _CROSSINGS, int(ends[-1])))
        edge = np.searchsorted(ends, crossing, side="right")
        row = high[edge] - (ends[edge] - crossing)
        cut = x0[edge] + (row - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
        column = np.clip(np.ceil(cut), 0, shape[1]).astype(np.int64)
        odd ^= np.bincount(row * width + column, minlength=odd.size) % 2 == 1
    inside: NDArray[np.bool_] = np.logical_xor.accumulate(odd.reshape(-1, width), axis=1)[:, :-1]
    return inside


def _is_tilted(index: Points, grid: Grid) -> bool:
    """Whether a contour leaves its slice by an angle; a rounding of coordinates is none."""
    at_mm = (index - index.mean(axis=0)) * np.array(grid.spacing_mm)
    if np.ptp(at_mm[:, 0]) <= _FLAT_MM:
        return False
    slope: Points = np.linalg.lstsq(at_mm[:, 1:], at_mm[:, 0], rcond=None)[0]
    return bool(np.degrees(np.arctan(np.linalg.norm(slope))) > _TILT_DEG)


def _skipped(missing: list[int], name: str, grid: Grid) -> Flag:
    """Note on slices without a contour between the first and the last one."""
    position_mm = grid.to_world(np.array([[missing[0], 0.0, 0.0]]))[0]
    axis = int(np.abs(np.array(grid.directions)[:, 0]).argmax())
    number = f"slice {missing[0] + 1}" if len(missing) == 1 else f"{len(missing)} slices"
    return doubt(
        "MSK-007/gap",
        name=name,
        slices=number,
        position=f"{'LPS'[axis]} {position_mm[axis]:.2f} mm",
        measured=float(len(missing)),
    )


def _points(item: Attributes) -> Points:
    raw = item.raw(0x30060050) or b""
    try:
        flat = np.array(raw.strip(b"\0 ").split(b"\\") if raw.strip(b"\0 ") else [], np.float64)
    except ValueError as error:
        raise refusal(MSK_007, where=item.name, n=1) from error
    if flat.size % 3 or not np.isfinite(flat).all():
        raise refusal(MSK_007, where=item.name, n=1)
    far_mm = float(np.abs(flat).max(initial=0.0))
    most_mm = table("masks")["reach"]["coordinate_mm"]
    if far_mm > most_mm:
        raise refusal(MSK_007, "far", where=item.name, far_mm=far_mm, most_mm=most_mm)
    return flat.reshape(-1, 3)
