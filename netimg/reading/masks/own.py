"""Mask files without a series: on a grid of their own, or two of them on one grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netimg.reading.masks.bounded import check_voxels
from netimg.reading.masks.choose import choose
from netimg.reading.masks.file import opened
from netimg.reading.masks.labels import LABEL_MAX
from netimg.settings import Settings
from netimg.volume import LabelMap

if TYPE_CHECKING:
    from netimg.arrays import LabelZYX
    from netimg.geometry import Grid
    from netimg.reading.masks.file import File


def read_mask_file(
    path: str | Path,
    *,
    label: str | None = None,
    grid: Grid | None = None,
    settings: Settings | None = None,
) -> LabelMap:
    """A mask with the numbers of its file, on a grid.

    Parameters
    ----------
    path
        SEG, NIfTI or NRRD; with a ``grid`` an RT Structure Set too.
    label
        One structure by name or number; None = all.
    grid
        Where it must lie; None = its own, turned to the axes nearest to z, y, x (that of a SEG
        reaches from its first to its last frame).

    Returns
    -------
    LabelMap
        Where structures overlap, small ones stand over large ones.

    Raises
    ------
    MaskError
        As `read_given`.
    InputError
        IDX-002, IDX-003, IDX-004 where the file is no mask, IDX-010 contours without a grid.
    """
    path, settings = Path(path), settings or Settings.shipped()
    with opened(path, settings) as file:
        return _read(file, file.own_grid() if grid is None else grid, label)


def read_mask_pair(
    first: str | Path,
    second: str | Path,
    *,
    labels: tuple[str | None, str | None] = (None, None),
    settings: Settings | None = None,
) -> tuple[LabelMap, LabelMap]:
    """Two masks to compare, as `read_mask_file` reads each.

    A NIfTI or NRRD keeps its own grid. A SEG, whose frames are only those with something in them,
    and an RT Structure Set are put on the grid of the other; two SEGs on one that holds both.

    Raises
    ------
    MaskError, InputError
        As `read_mask_file`; MSK-001 where one does not lie on the grid of the other.
    """
    settings = settings or Settings.shipped()
    paths = (Path(first), Path(second))
    with opened(paths[0], settings) as a, opened(paths[1], settings) as b:
        grids = _grids(a, b, settings)
        return _read(a, grids[0], labels[0]), _read(b, grids[1], labels[1])


def _grids(a: File, b: File, settings: Settings) -> tuple[Grid, Grid]:
    """Grid for each of two files."""
    dense = [file for file in (a, b) if file.labels is not None]
    if len(dense) == 2:
        return a.own_grid(), b.own_grid()
    framed = dense or [file for file in (a, b) if not file.has_contours] or [a]
    common = framed[0].own_grid()
    if not dense and len(framed) == 2:
        common = _holding(common, b.own_grid())
        check_voxels(common.shape, 2, file=b.name, settings=settings)
    return common, common


def _read(file: File, grid: Grid, label: str | None) -> LabelMap:
    """All structures of a file, or one of them, by their numbers."""
    if file.labels is not None and label is None and not file.labels.named:
        return LabelMap(labels=file.labels.on(grid)[0], grid=grid)
    every = file.structures(grid)
    if label is not None:
        every = choose(every, want="", label=label, file=file.name)
    parts = file.drawn(every, None)
    labels: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
    usable = all(0 < structure.number <= LABEL_MAX for structure in every)
    numbers = [s.number if usable else n for n, s in enumerate(every, start=1)]
    for number, part in sorted(zip(numbers, parts, strict=True), key=lambda pair: -pair[1].count):
        labels[part.box][part.voxels] = number
    names = {n: s.name for n, s in zip(numbers, every, strict=True) if s.name}
    return LabelMap(labels=labels, grid=grid, names=names)


def _holding(first: Grid, second: Grid) -> Grid:
    """Grid of the lattice of the first that also reaches over the second."""
    corners = first.to_index(second.corners_lps())
    low = np.minimum(np.rint(corners.min(axis=0)), 0)
    high = np.maximum(np.rint(corners.max(axis=0)), np.array(first.shape) - 1)
    z, y, x = (int(n) for n in high - low + 1)
    left, back, up = (float(v) for v in first.to_world(low[None])[0])
    return replace(first, shape=(z, y, x), origin_lps_mm=(left, back, up))
