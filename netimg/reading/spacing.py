"""Whether slices of one direction stand upright and at equal distances, or why not.

Everything from positions along the common normal; SliceThickness and the header's own spacing are
never asked. Tolerances: ``configs/reading/geometry.toml``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import GEO_003, GEO_004, GEO_006, GEO_016
from netimg.reading.problems import count, doubt, refusal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.errors import NetimgError
    from netimg.flag import Flag

    Vectors = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slices:
    """Slices of one direction in order of position: ``points`` (n, 3) L, P, S in mm."""

    points: Vectors
    normal: Vectors
    pixel_mm: tuple[float, float]
    """Distance between rows, and between columns."""
    numbers: tuple[int | None, ...]
    """Instance numbers, for sentences."""
    series: str
    kind: str

    @cached_property
    def along(self) -> Vectors:
        """Places along the normal, mm."""
        along: Vectors = self.points @ self.normal
        return along

    @cached_property
    def gaps(self) -> Vectors:
        """Distances between neighbours, mm."""
        gaps: Vectors = np.diff(self.along)
        return gaps

    @property
    def step_mm(self) -> float:
        """Mean distance between neighbours."""
        return float((self.along[-1] - self.along[0]) / (len(self.along) - 1))

    @cached_property
    def shift(self) -> Vectors:
        """How far each slice lies beside the first one in its own plane: (n, 3), mm."""
        travel = self.along - self.along[0]
        shift: Vectors = self.points - self.points[0] - np.outer(travel, self.normal)
        return shift

    @property
    def drift_mm(self) -> float:
        """Largest shift in plane."""
        return float(np.linalg.norm(self.shift, axis=1).max())

    @cached_property
    def tilt_deg(self) -> float | None:
        """Angle of the gantry where the drift is too large and linear in position; else None."""
        limits = table("geometry")["drift"]
        if self.drift_mm <= self._drift_limit("note"):
            return None
        travel = self.along - self.along[0]
        slope = (travel @ self.shift) / max(float(travel @ travel), 1e-12)
        rest = self.shift - np.outer(travel, slope)
        centred = self.shift - self.shift.mean(axis=0)
        if float((rest**2).sum()) > (1 - limits["tilt_r2"]) * float((centred**2).sum()):
            return None
        return math.degrees(math.atan(float(np.linalg.norm(slope))))

    @property
    def wanders(self) -> bool:
        """Whether slices lie beside one another by more than is accepted, but not by a tilt."""
        return self.drift_mm > self._drift_limit("note") and self.tilt_deg is None

    def _drift_limit(self, name: str) -> float:
        limits = table("geometry")["drift"]
        return float(min(limits[f"{name}_mm"], limits[f"{name}_pixels"] * min(self.pixel_mm)))

    @property
    def off_mm(self) -> float:
        """Largest distance of a slice from its regular place along the normal."""
        places = self.along[0] + self.step_mm * np.arange(len(self.along))
        return float(np.abs(self.along - places).max())

    def notes(self) -> list[Flag]:
        """What is said about an accepted stack."""
        regular_mm = table("geometry")["spacing"]["regular_mm"]
        if self.off_mm <= regular_mm and self.drift_mm <= self._drift_limit("accept"):
            return []
        worst = max(self.off_mm, self.drift_mm)
        touches = (self.kind.lower(),)
        return [doubt("GEO-012", touches=touches, series=self.series, off_mm=worst, measured=worst)]


def check_regular(slices: Slices) -> None:
    """Refuse slices that are uneven, incomplete, tilted, or that do not lie over one another.

    Raises
    ------
    InputError
        GEO-003, GEO-004, GEO-006, GEO-016 with the numbers.
    """
    limits, step_mm = table("geometry")["spacing"], slices.step_mm
    if not limits["min_mm"] <= step_mm <= limits["max_mm"]:
        value = f"slices are {step_mm:.3g} mm apart"
        raise refusal(GEO_016, series=slices.series, value=value)
    name = slices.kind.lower()
    note = min(limits[f"{name}_note_mm"], limits[f"{name}_note_fraction"] * step_mm)
    if slices.off_mm > max(limits["regular_mm"], note):
        raise _uneven(slices)
    deg = slices.tilt_deg
    if deg is not None:
        most = table("geometry")["regrid"]["tilt_most_deg"]
        variant = "beyond" if deg > most and slices.kind == "CT" else _for(slices)
        raise refusal(GEO_006, variant, series=slices.series, deg=deg, most=most)
    if slices.wanders:
        raise refusal(GEO_003, "drift", series=slices.series, drift_mm=slices.drift_mm)


def missing_times(gaps: Vectors) -> NDArray[np.int_] | None:
    """Gaps as multiples of the usual one where a few slices are missing.

    None where that is no explanation, as for two spacings in one series.
    """
    limits = table("geometry")["spacing"]
    usual = float(np.median(gaps))
    if usual <= 0:
        return None
    times = np.rint(gaps / usual).astype(int)
    whole = (np.abs(gaps - times * usual) <= limits["missing_fraction"] * usual) & (times > 0)
    wide = times >= 2
    in_a_row = np.convolve(wide, np.ones(limits["missing_run"]), mode="valid")
    few = wide.sum() <= max(1.0, limits["missing_share"] * len(gaps))
    if whole.all() and wide.any() and few and in_a_row.max(initial=0) < limits["missing_run"]:
        return times
    return None


def by_turns(gaps: Vectors) -> tuple[float, float] | None:
    """Two gaps that take turns (narrow, wide; mm), as where two scans lie in one series; or None.

    Scans of unlike length take turns only where both are there.
    """
    limits = table("geometry")["spacing"]
    if len(gaps) < 3:
        return None
    usual = float(np.median(gaps))
    alike = np.abs(gaps[2:] - gaps[:-2]) <= limits["turns_equal"] * usual
    apart = np.abs(gaps[1:-1] - gaps[:-2]) > limits["missing_fraction"] * usual
    # Runs of gaps that each repeat the last but one and differ from the last.
    edges = np.flatnonzero(np.diff(np.concatenate(([0], alike & apart, [0]))))
    runs = sorted(
        ((int(b - a) + 2, int(a)) for a, b in zip(edges[::2], edges[1::2], strict=True)),
        reverse=True,
    )
    if not runs or runs[0][0] < limits["turns_run"]:
        return None
    n, start = runs[0]
    turns = (float(np.mean(gaps[start + k : start + n : 2])) for k in (0, 1))
    narrow, wide = sorted(turns)
    return narrow, wide


def too_many(times: NDArray[np.int_]) -> bool:
    """Whether more is missing than --regrid fills in: several slices, or two side by side."""
    wide = times > 1
    most = table("geometry")["regrid"]["missing_most"]
    beside = bool((wide[1:] & wide[:-1]).any())
    return bool((times - 1).sum() > most or times.max() > 2 or beside)


def too_wide(gaps: Vectors) -> bool:
    """Whether a gap is wider than --regrid bridges."""
    usual = float(np.median(gaps))
    return usual <= 0 or float(gaps.max()) > table("geometry")["regrid"]["widest_gap"] * usual


def beyond_filling(slices: Slices, times: NDArray[np.int_]) -> NetimgError:
    """Refusal of a series that lacks more than may be filled in."""
    return refusal(
        GEO_004,
        "beyond",
        series=slices.series,
        missing=count(int((times - 1).sum()), "slice"),
        between=between(slices, times),
        most=table("geometry")["regrid"]["missing_most"],
    )


def beyond_evening(slices: Slices) -> NetimgError:
    """Refusal of uneven slices with a gap that is not bridged."""
    return refusal(
        GEO_003,
        "beyond",
        series=slices.series,
        spacings=spacings(slices.along),
        widest_mm=float(slices.gaps.max()),
        most_mm=table("geometry")["regrid"]["widest_gap"] * float(np.median(slices.gaps)),
    )


def between(slices: Slices, times: NDArray[np.int_]) -> str:
    """Where slices are missing: their neighbours by instance number, and their places."""
    along, numbers = slices.along, slices.numbers
    return "; ".join(
        f"instance {numbers[i]} and {numbers[i + 1]} ({along[i]:.1f} and {along[i + 1]:.1f} mm)"
        for i in np.flatnonzero(times > 1)[:4].tolist()
    )


def spacings(along: Vectors) -> str:
    """Runs of equal spacing with their ranges: ``2.50 mm from -20.0 to 80.0 mm``."""
    gaps = np.round(np.diff(along), 2)
    cuts = [0, *(np.flatnonzero(np.diff(gaps)) + 1).tolist(), len(gaps)]
    runs = [(float(gaps[a]), a, b) for a, b in pairwise(cuts)]
    text = [f"{mm:.2f} mm from {along[a]:.1f} to {along[b]:.1f} mm" for mm, a, b in runs[:4]]
    if len(runs) > 4:
        text.append(f"and {len(runs) - 4} more changes")
    return ", ".join(text)


def _uneven(slices: Slices) -> NetimgError:
    """Why slices are not at equal distances: some are missing, or there are several spacings."""
    series, deg = slices.series, slices.tilt_deg
    times = missing_times(slices.gaps)
    if times is not None:
        return _missing(slices, times)
    turns = by_turns(slices.gaps)
    if turns is not None:
        low, high = turns
        step_mm = low + high
        return refusal(
            GEO_003, "turns", series=series, narrow_mm=low, wide_mm=high, step_mm=step_mm
        )
    if slices.kind == "CT" and too_wide(slices.gaps):
        return beyond_evening(slices)
    text = spacings(slices.along)
    if deg is None or slices.kind != "CT":
        return refusal(GEO_003, _for(slices), series=series, spacings=text)
    return refusal(GEO_003, "tilt", series=series, spacings=text, deg=deg)


def _missing(slices: Slices, times: NDArray[np.int_]) -> NetimgError:
    """How many slices are missing, and where."""
    if slices.kind == "CT" and too_many(times):
        return beyond_filling(slices, times)
    numbers: dict[str, str] = {
        "missing": count(int((times - 1).sum()), "slice"),
        "series": slices.series,
        "between": between(slices, times),
    }
    deg = slices.tilt_deg
    if deg is None or slices.kind != "CT":
        return refusal(GEO_004, _for(slices), **numbers)
    return refusal(GEO_004, "tilt", deg=deg, **numbers)


def _for(slices: Slices) -> str:
    """Variant of a sentence: a CT can be straightened or filled on request, a PET never."""
    return "" if slices.kind == "CT" else "pet"
