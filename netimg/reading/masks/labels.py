"""Numbers on a lattice of their own, as NIfTI and NRRD hold them: onto a grid, or as they lie."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from netimg.errors import MSK_009, MSK_011
from netimg.geometry import Grid
from netimg.reading.masks.bounded import read_exactly
from netimg.reading.masks.part import Numbered, Structure
from netimg.reading.masks.place import Placement, overlap, place
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import LabelZYX

LABEL_MAX = 65535
_WHOLE_TOL = 1e-3
_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Named:
    """A segment that a file describes: its number among the labels of one layer, name, code."""

    number: int
    name: str
    code: str | None = None
    layer: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of a mask file in its own axes, and the affine from their indices to LPS.

    Several ``layers`` where segments overlap. ``named`` is empty where the file names nothing.
    """

    file: str
    layers: tuple[NDArray[np.uint16], ...]
    affine_lps: NDArray[np.float64]
    named: tuple[Named, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis, in the order of the file."""
        a, b, c = self.layers[0].shape
        return a, b, c

    def placed(self, grid: Grid) -> Placement:
        """Where the labels lie on a grid.

        Raises
        ------
        MaskError
            MSK-001, MSK-009, MSK-014.
        """
        return place(self.shape, self.affine_lps, grid, name=self.file)

    def structures(self, grid: Grid) -> list[Structure]:
        """Every segment the file names, else every number in it, ascending.

        Raises
        ------
        MaskError
            MSK-001, MSK-009, MSK-014.
        """
        where = self.placed(grid)
        layers = [Numbered(where.turned(layer), where.start) for layer in self.layers]
        named = self.named or tuple(
            Named(number, "", layer=at)
            for at, layer in enumerate(layers)
            for number in layer.present()
        )
        return [
            Structure(
                one.number, partial(layers[one.layer].part, one.number, grid), one.name, one.code
            )
            for one in named
        ]

    def on(self, grid: Grid) -> tuple[LabelZYX, int]:
        """Numbers on a grid, uint16 ``[z, y, x]``, and how many voxels of them lie off it.

        0 where the file does not reach; a number of a later layer stands over one of an earlier.

        Raises
        ------
        MaskError
            MSK-001, MSK-009, MSK-014.
        """
        where = self.placed(grid)
        whole: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
        outside = 0
        for layer in self.layers:
            turned = where.turned(layer)
            here, there = overlap(where.start, turned.shape, grid.shape)
            part = turned[there]
            np.copyto(whole[here], part, where=part != 0)
            outside += int(np.count_nonzero(layer)) - int(np.count_nonzero(part))
        return whole, outside


def own_grid(shape: tuple[int, int, int], affine_lps: NDArray[np.float64], file: str) -> Grid:
    """Grid of a lattice, its axes turned to lie nearest to z, y, x.

    Raises
    ------
    MaskError
        MSK-009 where the axes are no grid.
    """
    axes = affine_lps[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    if not (np.isfinite(affine_lps).all() and (spacing > 0).all()):
        raise refusal(MSK_009, where=file, how="does not say")
    share = np.abs(axes / spacing)
    best = max(
        itertools.permutations(range(3)),
        key=lambda order: sum(share[w, a] for w, a in zip((2, 1, 0), order, strict=True)),
    )
    corner, columns = np.zeros(3), []
    for world, axis in zip((2, 1, 0), best, strict=True):
        flip = axes[world, axis] < 0
        corner[axis] = shape[axis] - 1 if flip else 0
        columns.append(axes[:, axis] / spacing[axis] * (-1 if flip else 1))
    origin = axes @ corner + affine_lps[:3, 3]
    rows = np.array(columns).T
    a, b, c = best
    try:
        return Grid(
            shape=(shape[a], shape[b], shape[c]),
            spacing_mm=(float(spacing[a]), float(spacing[b]), float(spacing[c])),
            origin_lps_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
            directions=(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])),
        )
    except ValueError as error:
        raise refusal(MSK_009, where=f"{file}: {error}", how="does not say") from error


def read_labels(
    stream: IO[bytes],
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    *,
    file: str,
    scale: tuple[float, float] = (1.0, 0.0),
) -> NDArray[np.uint16]:
    """Values of a stream as labels, the first axis fastest; a few planes at a time.

    Parameters
    ----------
    scale
        Slope and intercept.

    Raises
    ------
    MaskError
        MSK-011 for fractions beyond a thousandth, negative and huge values, what is no number.
    InputError, MaskError
        As `read_exactly`.
    """
    *plane, planes = shape
    size = math.prod(plane) * dtype.itemsize
    step = max(1, _CHUNK // size)
    parts: list[NDArray[np.uint16]] = []
    for at in range(0, planes, step):
        n = min(step, planes - at) * size
        data = read_exactly(stream, n, file=file, before=at * size, total=planes * size)
        values = np.frombuffer(data, dtype=dtype)
        if scale != (1.0, 0.0):
            values = values * scale[0] + scale[1]
        parts.append(_whole(values, file).astype(np.uint16))
    labels = np.empty(shape, dtype=np.uint16, order="F")
    for at in range((planes - 1) // step * step, -1, -step):  # each part is let go when copied
        part = parts.pop()
        labels[..., at : at + step] = part.reshape((*plane, -1), order="F")
    return labels


def _whole(plane: NDArray[Any], name: str) -> NDArray[Any]:
    if plane.dtype.kind in "biu":
        low, high = (int(plane.min()), int(plane.max())) if plane.size else (0, 0)
        if low < 0 or high > LABEL_MAX:
            raise refusal(MSK_011, where=name, value=float(low if low < 0 else high))
        return plane
    rounded: NDArray[Any] = np.rint(plane)
    with np.errstate(invalid="ignore"):  # infinity less infinity is no whole number either
        off = np.abs(plane - rounded)
    wrong = ~(off <= _WHOLE_TOL) | (rounded < 0) | (rounded > LABEL_MAX)
    if wrong.any():
        raise refusal(MSK_011, where=name, value=float(plane[wrong][0]))
    return rounded
