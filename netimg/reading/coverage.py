"""Does a CT show the whole liver? By lung bases and pelvis, before anything is segmented: pure.

The liver hangs from the dome, which the right lung surrounds, to about a hand's breadth above the
iliac crest. A scan that begins where the right lung is wide and ends well below the lung's base
shows all of it; one that begins below the lung does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.tables import table
from netimg.study import Coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX
    from netimg.geometry import Grid
    from netimg.study import Series
    from netimg.volume import Volume


def coverage_of(ct: Volume, series: Series, pets: Sequence[Series]) -> tuple[Coverage, str]:
    """Coverage of the liver by a CT, and the end that decides it (``top``, ``bottom``).

    Parameters
    ----------
    ct
        The CT, or some of its slices.
    series, pets
        The series it comes from, and the PETs of the study: a CT as long as a whole-body PET of the
        same coordinate system shows the liver.
    """
    rows = table("choice")["coverage"]
    if any(_spans(series, pet, rows) for pet in pets):
        return Coverage.COMPLETE, ""
    seen = axial(ct.values, ct.grid)
    if seen is None:
        return Coverage.UNKNOWN, ""
    values, pixel_mm2 = seen
    lung = np.array([_right_lung_cm2(plane, pixel_mm2) for plane in values])
    step_mm = ct.grid.spacing_mm[0]
    ends = ((_top(lung, step_mm, rows), "top"), (_bottom(lung, step_mm, rows), "bottom"))
    return max(ends, key=lambda end: _ORDER.index(end[0]))


_ORDER = (Coverage.COMPLETE, Coverage.NEARLY, Coverage.UNKNOWN, Coverage.CUT)


def axial(values: FloatZYX, grid: Grid) -> tuple[FloatZYX, float] | None:
    """Slices from feet to head, rows to the back, columns to the left; None where not axial.

    Returns
    -------
    values : (z, y, x)
        A view; the order of the axes of a CT that was scanned feet first or prone is turned.
    pixel_mm2
        Area of a pixel.
    """
    z, y, x = (grid.matrix[row, axis] for axis, row in enumerate((2, 1, 0)))
    if min(abs(z), abs(y), abs(x)) < 0.9:
        return None
    turn = tuple(slice(None, None, -1) if step < 0 else slice(None) for step in (z, y, x))
    return values[turn], grid.spacing_mm[1] * grid.spacing_mm[2]


def _spans(ct: Series, pet: Series, rows: Mapping[str, float]) -> bool:
    """Whether a CT covers a whole-body PET that lies in its coordinate system."""
    if pet.frame_of_reference_uid is None:
        return False
    if pet.frame_of_reference_uid != ct.frame_of_reference_uid:
        return False
    ends = [s.grid.corners_lps()[:, 2] for s in (ct, pet)]
    (low, high), (first, last) = ((float(e.min()), float(e.max())) for e in ends)
    near = float(rows["pet_ends_mm"])
    return last - first >= rows["pet_body_mm"] and low <= first + near and high >= last - near


def _right_lung_cm2(plane: NDArray[Any], pixel_mm2: float) -> float:
    """Area of air inside the right half of the body (left of the picture)."""
    from scipy import ndimage

    rows = table("choice")["coverage"]
    step = max(1, round(3.0 / pixel_mm2**0.5))
    coarse = np.asarray(plane[::step, ::step])
    body = coarse > rows["body_hu"]
    labels, n = ndimage.label(body)
    if n == 0:
        return 0.0
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    filled = ndimage.binary_fill_holes(labels == sizes.argmax())
    columns = np.flatnonzero(filled.any(axis=0))
    middle = (columns[0] + columns[-1]) // 2
    lung = filled & (coarse < rows["lung_hu"])
    pixels = int(np.count_nonzero(lung[:, :middle]))
    return float(pixels * pixel_mm2 * float(step) ** 2 / 100.0)


def _top(lung: NDArray[Any], step_mm: float, rows: Mapping[str, float]) -> Coverage:
    """Whether the upper end lies above the dome of the liver."""
    if lung[-1] >= rows["lung_wide_cm2"]:
        return Coverage.COMPLETE
    if lung[-1] >= rows["lung_near_cm2"]:
        return Coverage.NEARLY
    seen = np.flatnonzero(lung >= rows["lung_base_cm2"])
    if len(seen) and (len(lung) - 1 - seen[-1]) * step_mm > rows["lung_gone_mm"]:
        return Coverage.COMPLETE  # the lungs end below the upper end: the neck is in view
    return Coverage.UNKNOWN if lung[-1] >= rows["lung_none_cm2"] else Coverage.CUT


def _bottom(lung: NDArray[Any], step_mm: float, rows: Mapping[str, float]) -> Coverage:
    """Whether the lower end lies below the tip of the liver."""
    base = int(lung.argmax())
    if lung[base] < rows["lung_base_cm2"]:
        return Coverage.UNKNOWN
    while base > 0 and lung[base - 1] >= rows["lung_base_cm2"]:
        base -= 1  # gas in the colon lies below a gap
    below_mm = base * step_mm
    if below_mm >= rows["below_base_mm"]:
        return Coverage.COMPLETE
    if below_mm < rows["below_base_cut_mm"]:
        return Coverage.CUT
    return Coverage.UNKNOWN
