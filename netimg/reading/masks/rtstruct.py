"""Masks from the contours of an RT Structure Set, by the even-odd rule.

A voxel is inside where its centre is, over all contours of the ROI on its slice: keyholes, nested
and several contours come out right alike. Nothing is filled between slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import MSK_007, MSK_008, MSK_015
from netimg.reading.masks.part import Part, cropped
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.geometry import Grid
    from netimg.reading.attributes import Attributes
    from netimg.settings import Settings

    Points = NDArray[np.float64]

SLICE_TOL = 0.1
"""Slices; how far a contour may lie from the slice it belongs to."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MOST_ROIS = 1000
_MOST_CONTOURS = 100_000


@dataclass(frozen=True, slots=True)
class Roi:
    """Contours of one region: number, name, and points (L, P, S) of each closed contour."""

    number: int
    name: str
    contours: tuple[Points, ...]


def read_rtstruct(a: Attributes, grid: Grid, settings: Settings) -> list[Part]:
    """Every ROI with closed contours as a part, in the order of the file.

    Raises
    ------
    MaskError
        MSK-007 contours of less than three points, MSK-008 contours between the slices, MSK-015
        beyond the limits.
    """
    return [
        cropped(roi.number, roi.name, None, filled(roi, grid, file=a.name))
        for roi in rois(a, settings)
        if roi.contours
    ]


def rois(a: Attributes, settings: Settings) -> list[Roi]:
    """Regions of a structure set with their closed contours."""
    names = {
        item.integer(0x30060022): item.text(0x30060026) or "" for item in a.items(0x30060020) or ()
    }
    entries = a.items(0x30060039) or ()
    if len(entries) > _MOST_ROIS:
        raise refusal(MSK_015, where=a.name, what=f"{len(entries)} regions")
    result: list[Roi] = []
    points = 0
    for entry in entries:
        contours: list[Points] = []
        short = 0
        for item in entry.items(0x30060040) or ():
            if (item.text(0x30060042) or "CLOSED_PLANAR") not in _CLOSED:
                continue
            contour = _points(item)
            points += len(contour)
            short += len(contour) < 3
            contours.append(contour)
            if points > settings["limits.contour_points_max"] or len(contours) > _MOST_CONTOURS:
                what = f"{points} points in {len(contours)} contours"
                raise refusal(MSK_015, where=a.name, what=what)
        number = entry.integer(0x30060084)
        if short:
            raise refusal(MSK_007, where=f"{a.name}, {names.get(number, number)}", n=short)
        result.append(Roi(number or 0, names.get(number, ""), tuple(contours)))
    return result


def filled(roi: Roi, grid: Grid, *, file: str = "") -> NDArray[np.bool_]:
    """Voxels inside a region, bool ``[z, y, x]``.

    Raises
    ------
    MaskError
        MSK-008 with the number of contours off the slices and the largest distance in mm.
    """
    inside = np.zeros(grid.shape, dtype=np.bool_)
    off: list[float] = []
    for contour in roi.contours:
        index = grid.to_index(contour)
        z = float(np.rint(index[:, 0].mean()))
        far = float(np.abs(index[:, 0] - z).max())
        if far > SLICE_TOL:
            off.append(far * grid.spacing_mm[0])
        elif 0 <= z < grid.shape[0]:
            inside[int(z)] ^= even_odd(index[:, 1:], grid.shape[1:])
    if off:
        where = f"{file}, {roi.name}".strip(", ")
        raise refusal(MSK_008, where=where, n=len(off), off_mm=max(off))
    return inside


def even_odd(points: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside a closed polygon by the even-odd rule.

    Parameters
    ----------
    points : (n, 2) float64
        Corners as fractional indices (y, x); the last is joined to the first.
    shape
        Rows and columns.

    Notes
    -----
    A centre exactly on a left edge or on the edge of the larger row is inside, on the other two
    outside, so that two polygons that share an edge share no pixel.
    """
    y0, x0 = points[:, 0], points[:, 1]
    y1, x1 = np.roll(y0, -1), np.roll(x0, -1)
    low = np.clip(np.floor(np.minimum(y0, y1)) + 1, 0, shape[0]).astype(np.int64)
    high = np.clip(np.floor(np.maximum(y0, y1)) + 1, 0, shape[0]).astype(np.int64)
    counts = np.maximum(high - low, 0)
    edge = np.repeat(np.arange(len(points)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + low[edge]
    cut = x0[edge] + (row - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
    column = np.clip(np.ceil(cut), 0, shape[1]).astype(np.int64)
    crossings = np.zeros((shape[0], shape[1] + 1), dtype=np.uint8)
    np.bitwise_xor.at(crossings, (row, column), 1)
    inside: NDArray[np.bool_] = np.bitwise_xor.accumulate(crossings, axis=1)[:, :-1].astype(bool)
    return inside


def _points(item: Attributes) -> Points:
    raw = item.raw(0x30060050) or b""
    try:
        flat = np.array(raw.strip(b"\0 ").split(b"\\"), dtype=np.float64)
    except ValueError as error:
        raise refusal(MSK_007, where=item.name, n=1) from error
    if flat.size % 3 or not np.isfinite(flat).all():
        raise refusal(MSK_007, where=item.name, n=1)
    return flat.reshape(-1, 3)
