"""Rows of ``truth.json``: a value, and how far a measurement on voxels may be from it.

The bounds of a lesion are the extremes of one measurement with the voxel grid laid in different
positions over a finer grid, widened by half their range and by the noise.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.phantoms.render import axes, axial_grid, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from netimg.geometry import Grid
    from netimg.phantoms.shapes import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What rows are about: ``lesion``, ``L1``."""

    scope: str
    id: str = ""

    def row(
        self, name: str, unit: str, value: float, bounds: tuple[float, float]
    ) -> dict[str, Any]:
        """One row; the bounds always hold the value itself."""
        numbers = {"value": value, "low": min(bounds[0], value), "high": max(bounds[1], value)}
        rounded = {key: float(f"{number:.7g}") for key, number in numbers.items()}
        return {"scope": self.scope, "id": self.id, "name": name, "unit": unit, **rounded}

    def volume(self, name: str, measured: Counted) -> dict[str, Any]:
        """Row of a volume in mL."""
        ml, error = measured.ml, 3 * measured.error_ml
        return self.row(name, "mL", ml, (max(0.0, ml - error), ml + error))

    def percent(self, name: str, part: Counted, of: Counted) -> dict[str, Any]:
        """Row of a share in %."""
        value = 100.0 * part.ml / of.ml
        error = 300.0 * math.hypot(part.error_ml, of.error_ml * part.ml / of.ml) / of.ml
        return self.row(name, "%", value, (max(0.0, value - error), value + error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A volume, and the standard error of counting the voxels whose centre is inside it."""

    ml: float
    error_ml: float

    def __add__(self, other: Counted) -> Counted:
        return Counted(ml=self.ml + other.ml, error_ml=math.hypot(self.error_ml, other.error_ml))

    def __sub__(self, other: Counted) -> Counted:
        return Counted(ml=self.ml - other.ml, error_ml=math.hypot(self.error_ml, other.error_ml))


SURE = 4.0
"""Standard errors of the noise on either side of a mean: passed once in 16 000."""
NOTHING = Counted(ml=0.0, error_ml=0.0)


def widened(
    results: Iterable[float], below: float = 0.0, above: float = 0.0
) -> tuple[float, float]:
    """Bounds from the results at different positions of the voxel grid, and the noise."""
    values = list(results)
    low, high = min(values), max(values)
    return low - (high - low) / 2 - below, high + (high - low) / 2 + above


def positions(factor: int) -> Iterable[tuple[slice, slice, slice]]:
    """Every way to take one of ``factor`` fine points along each axis."""
    for z, y, x in itertools.product(range(factor), repeat=3):
        yield slice(z, None, factor), slice(y, None, factor), slice(x, None, factor)


def around(shape: Shape, grid: Grid, *, margin_mm: float, factor: int) -> Grid:
    """Fine grid around a shape: voxels of ``grid`` divided ``factor`` times along each edge."""
    low, high = shape.box
    step = tuple(s / factor for s in grid.spacing_mm)
    return axial_grid(
        (low[0] - margin_mm, low[1] - margin_mm, low[2] - margin_mm),
        (high[0] + margin_mm, high[1] + margin_mm, high[2] + margin_mm),
        (step[0], step[1], step[2]),
    )


def distance(shape: Shape, grid: Grid) -> NDArray[np.float32]:
    """Signed distance at every voxel centre of an axial grid, mm."""
    x, y, z = axes(grid, whole(grid))
    away = shape.distance(x[None, None, :], y[None, :, None], z[:, None, None])
    return np.broadcast_to(np.asarray(away, dtype=np.float32), grid.shape)
