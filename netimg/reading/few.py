"""A PET of one or two slices: listed with what its header says, never measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import GEO_010, InputError
from netimg.geometry import Grid
from netimg.reading.draft import stacked
from netimg.reading.problems import doubt
from netimg.reading.stack import Stack

if TYPE_CHECKING:
    from netimg.errors import NetimgError
    from netimg.reading.draft import Draft
    from netimg.settings import Settings
    from netimg.study import Series

_SAME_MM = 1e-3  # two slices nearer than this lie at one place
_THICK_MM = 1.0  # of a single slice that does not say how thick it is


def stacked_or_few(draft: Draft, settings: Settings) -> Stack:
    """Grid of a PET; where it has too few slices for one, they are laid beside each other.

    Raises
    ------
    InputError
        GEO-: why not even its slices can be placed.
    """
    try:
        return stacked(draft, settings)
    except InputError as error:
        if error.code is not GEO_010:
            raise
        return _few(draft)


def is_few(series: Series) -> bool:
    """Whether a series has too few slices to be measured, also when it is asked for."""
    return too_few(series) is not None


def too_few(series: Series) -> NetimgError | None:
    """GEO-010 of a PET that is only listed; None for any other series."""
    told = next((f.sentence for f in series.flags if f.code == "GEO-010"), None)
    if told is None or series.kind != "PET":
        return None
    return InputError(GEO_010, what=told)


def _few(draft: Draft) -> Stack:
    """The slices that lie at different places, in order; the first of each place is kept."""
    first = draft.headers[0]
    turned = np.array(first.orientation, dtype=np.float64).reshape(2, 3)
    rows, columns = (axis / np.linalg.norm(axis) for axis in turned)
    normal = np.cross(rows, columns)
    points = np.array([h.position for h in draft.headers], dtype=np.float64)
    along = points @ normal
    order: list[int] = []
    for i in np.argsort(along, kind="stable").tolist():
        if not order or along[i] - along[order[-1]] > _SAME_MM:
            order.append(i)
    step_mm = float(along[order[-1]] - along[order[0]]) / max(1, len(order) - 1)
    left, posterior, superior = (
        (float(n), float(c), float(r)) for n, c, r in zip(normal, columns, rows, strict=True)
    )
    size_mm = [float(mm) for mm in first.pixel_spacing or ()]
    grid = Grid(
        shape=(len(order), int(first.pixels.rows or 0), int(first.pixels.columns or 0)),
        spacing_mm=(step_mm or first.thickness_mm or _THICK_MM, size_mm[0], size_mm[1]),
        origin_lps_mm=tuple(points[order[0]].tolist()),
        directions=(left, posterior, superior),
    )
    n = len(order)
    slices = "1 slice" if n == 1 else f"{n} slices"
    flag = doubt("GEO-010", touches=draft.touches, series=draft.label, slices=slices)
    return Stack(grid, tuple(order), (), (flag,))
