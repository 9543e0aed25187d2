"""A tilted or uneven CT made regular because a person asked for it (``--regrid``).

Slices keep their direction. A tilt is sheared back in plane, uneven or missing slices are filled
along the normal, both by linear interpolation between the places where pixels really lie. Numbers
from such a volume carry GEO-018. Limits: ``configs/reading/geometry.toml``.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import GEO_003, GEO_004, GEO_006
from netimg.reading.problems import count, doubt, refusal
from netimg.reading.spacing import (
    beyond_evening,
    beyond_filling,
    by_turns,
    missing_times,
    too_many,
    too_wide,
)
from netimg.reading.tables import table
from netimg.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX
    from netimg.errors import InputError
    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.reading.spacing import Slices
    from netimg.study import Opener

    Vectors = NDArray[np.float64]

TOUCHED = ("ct", "plan", "territory")
"""What the doubt bears on; each number measured on the CT carries its code besides."""

_SAME_PLACE = 0.05
"""Steps; so near to a slice of the grid one of the files is that slice."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """From slices as they lie to a regular grid of ``shape`` with slices ``step_mm`` apart.

    ``places`` are those of the slices in steps from the first one; ``shifts`` how many rows and
    columns each lies behind the first row and column of the grid; ``corner_mm`` the way from the
    first slice's first pixel to the grid's, in L, P, S.
    """

    shape: tuple[int, int, int]
    step_mm: float
    places: tuple[float, ...]
    shifts: tuple[tuple[float, float], ...]
    corner_mm: tuple[float, float, float]
    done: str
    """What was done, with its numbers, as a reader sees it."""

    @property
    def made(self) -> tuple[int, ...]:
        """Slices of the grid where none of the files lies."""
        there = {round(p) for p in self.places if abs(p - round(p)) <= _SAME_PLACE}
        return tuple(z for z in range(self.shape[0]) if z not in there)

    def origin(self, first: Vectors) -> Vectors:
        """Centre of the grid's first voxel, from that of the first slice."""
        corner: Vectors = first + np.array(self.corner_mm)
        return corner

    def flag(self, series: str) -> Flag:
        """GEO-018: the volume carries interpolation."""
        return doubt("GEO-018", touches=TOUCHED, series=series, done=self.done)

    def apply(self, values: FloatZYX, outside: float) -> FloatZYX:
        """Values on the grid.

        Parameters
        ----------
        values : (n, rows, columns) float32
            Slices in order of position.
        outside
            Value where no slice lies.

        Returns
        -------
        ``shape`` float32
        """
        result = np.empty(self.shape, dtype=np.float32)
        places = np.array(self.places)
        last = len(places) - 1
        for z in range(self.shape[0]):
            above = int(np.clip(np.searchsorted(places, z, side="right"), 1, last))
            low, high = places[above - 1], places[above]
            part = float(np.clip((z - low) / (high - low), 0.0, 1.0))
            result[z] = 0.0
            for index, weight in ((above - 1, 1.0 - part), (above, part)):
                if weight > 0:
                    result[z] += weight * self._moved(values[index], self.shifts[index], outside)
        return result

    def _moved(
        self, plane: NDArray[np.float32], shift: tuple[float, float], outside: float
    ) -> NDArray[np.float32]:
        """A slice on the rows and columns of the grid, linear between its pixels."""
        size = self.shape[1:]
        if shift == (0.0, 0.0) and plane.shape == size:
            return plane
        whole = tuple(math.floor(s) for s in shift)
        y, x = (np.float32(s - w) for s, w in zip(shift, whole, strict=True))
        edged = np.pad(plane, 1, constant_values=outside)
        rows = edged[1:] if y == 0 else y * edged[:-1] + (1 - y) * edged[1:]
        both = rows[:, 1:] if x == 0 else x * rows[:, :-1] + (1 - x) * rows[:, 1:]
        moved = np.full(size, outside, dtype=np.float32)
        height, width = (
            min(n, most - start) for n, most, start in zip(both.shape, size, whole, strict=True)
        )
        moved[whole[0] : whole[0] + height, whole[1] : whole[1] + width] = both[:height, :width]
        return moved


@dataclass(slots=True, eq=False, weakref_slot=True)
class RegridOpener:
    """Loads slices as they lie and lays them on the grid; picklable.

    Remembers its last volume only as long as others hold it.
    """

    slices: Opener
    change: Resampling
    grid: Grid
    outside: float
    _alive: Any = field(default=None, init=False, repr=False)

    def __call__(self) -> Volume:
        """Read, decode, rescale and resample; raises `netimg.errors.InputError`."""
        volume: Volume | None = self._alive() if self._alive is not None else None
        if volume is None:
            read = self.slices()
            values = self.change.apply(read.values, self.outside)
            volume = Volume(values=values, grid=self.grid, quantity=read.quantity, flags=read.flags)
            self._alive = weakref.ref(volume)
        return volume

    def __getstate__(self) -> tuple[Any, ...]:
        """Everything but the volume."""
        return self.slices, self.change, self.grid, self.outside

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Everything but the volume."""
        self.slices, self.change, self.grid, self.outside = state
        self._alive = None


def resampling(
    slices: Slices,
    shape: tuple[int, int, int],
    axes: tuple[Vectors, Vectors],
    fault: InputError,
) -> Resampling:
    """How slices that were refused become regular.

    Parameters
    ----------
    slices
        What was refused.
    shape
        Slices, rows, columns as they are.
    axes
        Unit vectors along a column (rows count along it) and along a row.
    fault
        Why they were refused.

    Raises
    ------
    InputError
        ``fault`` where that is no matter of straightening, as of two scans in one; GEO-003 or
        GEO-004 where more is missing than may be filled.
    """
    if fault.code not in (GEO_003, GEO_004, GEO_006) or slices.wanders:
        raise fault
    if fault.code is GEO_003 and by_turns(slices.gaps) is not None:
        raise fault
    tilted, uneven = slices.tilt_deg is not None, fault.code is not GEO_006
    most = table("geometry")["regrid"]["tilt_most_deg"]
    if slices.tilt_deg is not None and slices.tilt_deg > most:
        raise refusal(GEO_006, "beyond", series=slices.series, deg=slices.tilt_deg, most=most)
    step_mm, places, done = slices.step_mm, np.arange(len(slices.along), dtype=np.float64), []
    if tilted:
        done.append(f"straightened by {slices.tilt_deg:.1f} degrees")
    if uneven:
        _check_fillable(slices)
        step_mm = float(np.median(slices.gaps))
        places = (slices.along - slices.along[0]) / step_mm
        done.append(_filled(slices, step_mm))
    n = math.floor(places[-1] + 1e-6) + 1
    moved = slices.shift if tilted else np.zeros_like(slices.shift)
    beside = np.stack([moved @ axis for axis in axes], axis=1)
    corner = beside.min(axis=0)
    shifts = (beside - corner) / np.array(slices.pixel_mm)
    more = np.ceil(shifts.max(axis=0) - 1e-6).astype(int)
    return Resampling(
        shape=(n, shape[1] + int(more[0]), shape[2] + int(more[1])),
        step_mm=step_mm,
        places=tuple(places.tolist()),
        shifts=tuple((float(y), float(x)) for y, x in shifts.tolist()),
        corner_mm=_triple(corner[0] * axes[0] + corner[1] * axes[1]),
        done=" and ".join(done),
    )


def _check_fillable(slices: Slices) -> None:
    """Refuse to fill more than a few single slices, or wider gaps than one slice leaves."""
    times = missing_times(slices.gaps)
    if times is None and too_wide(slices.gaps):
        raise beyond_evening(slices)
    if times is not None and too_many(times):
        raise beyond_filling(slices, times)


def _filled(slices: Slices, step_mm: float) -> str:
    times = missing_times(slices.gaps)
    if times is None:
        gaps = slices.gaps
        return (
            f"brought from {gaps.min():.2f} to {gaps.max():.2f} mm between slices to "
            f"{step_mm:.2f} mm"
        )
    n = int((times - 1).sum())
    return f"filled where {count(n, 'slice')} missing"


def _triple(values: Sequence[Any]) -> tuple[float, float, float]:
    first, second, third = (float(v) for v in values)
    return first, second, third
