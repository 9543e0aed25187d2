"""From slice positions to a `Grid`, or a refusal with the numbers that decide.

Pure: headers in, grid and order out. Slices are ordered by position along the normal, never by
file name, instance number or slice location. Tolerances: ``configs/reading/geometry.toml``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import (
    GEO_001,
    GEO_002,
    GEO_003,
    GEO_004,
    GEO_005,
    GEO_006,
    GEO_007,
    GEO_008,
    GEO_010,
    GEO_011,
    GEO_016,
    GEO_019,
)
from netimg.geometry import Grid
from netimg.reading.problems import count, doubt, refusal
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from netimg.flag import Flag
    from netimg.geometry import Matrix3
    from netimg.reading.headers import Header

    Vectors = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stack:
    """Regular grid of a series: ``order`` holds header indices along axis z.

    ``dropped`` are headers whose picture is there twice, as (left out, kept).
    """

    grid: Grid
    order: tuple[int, ...]
    dropped: tuple[tuple[int, int], ...]
    flags: tuple[Flag, ...]


def stack(
    headers: Sequence[Header],
    *,
    series: str,
    kind: str,
    same_picture: Callable[[int, int], bool],
) -> Stack:
    """Grid of a series and the order of its slices.

    Parameters
    ----------
    headers
        One per slice, in any order.
    series
        How sentences call the series.
    kind
        ``CT`` or ``PET``: beds of a PET overlap with jitter.
    same_picture
        Tells whether two headers (by index) hold equal pixels; asked for slices at one place.

    Raises
    ------
    InputError
        GEO-001 to 008, 010, 011, 016, 019 with the numbers.
    """
    limits = table("geometry")
    _complete(headers, series)
    rows, columns, notes = _directions(headers, series=series, kind=kind)
    normal = np.cross(rows, columns)
    points = np.array([header.position for header in headers], dtype=np.float64)
    along = points @ normal
    order, dropped = _without_copies(headers, along, same_picture)
    if dropped:
        slices = count(len(dropped), "slice")
        notes.append(doubt("GEO-013", touches=_touches(kind), slices=slices))
    if len(order) < limits["size"]["min_slices"]:
        n = len(order)
        raise refusal(GEO_010, series=series, slices="1 slice" if n == 1 else f"{n} slices")
    numbers = [headers[i].instance_number for i in order]
    along, points = along[order], points[order]
    pixel = _pixel_mm(headers, series)
    step_mm = float((along[-1] - along[0]) / (len(along) - 1))
    off_mm = _regular(along, step_mm, numbers=numbers, series=series, kind=kind)
    drift_mm = _drift(points, along, normal, pixel_mm=min(pixel), series=series)
    worst = max(off_mm, drift_mm)
    if off_mm > limits["spacing"]["regular_mm"] or drift_mm > _drift_accept(min(pixel)):
        notes.append(
            doubt("GEO-012", touches=_touches(kind), series=series, off_mm=worst, measured=worst)
        )
    first = headers[order[0]]
    grid = Grid(
        shape=(len(order), int(first.pixels.rows or 0), int(first.pixels.columns or 0)),
        spacing_mm=(step_mm, *pixel),
        origin_lps_mm=tuple(points[0].tolist()),
        directions=_matrix(normal, columns, rows),
    )
    notes += _size(grid, first, series=series, kind=kind)
    return Stack(grid, tuple(order), tuple(dropped), tuple(notes))


def _touches(kind: str) -> tuple[str, ...]:
    return (kind.lower(),)


def _complete(headers: Sequence[Header], series: str) -> None:
    """Refuse slices without place, direction, size; and slices of different size."""
    limits = table("geometry")["pixel"]
    for index, header in enumerate(headers, start=1):
        which = header.instance_number if header.instance_number is not None else index
        if len(header.position or ()) != 3 or len(header.orientation or ()) != 6:
            raise refusal(GEO_001, slice=which, series=series)
        if not all(map(math.isfinite, (*(header.position or ()), *(header.orientation or ())))):
            raise refusal(GEO_019, slice=which, series=series)
        spacing = header.pixel_spacing
        if spacing is None or len(spacing) != 2:
            value = "absent" if spacing is None else f"{len(spacing)} values"
            raise refusal(GEO_011, series=series, value=value)
        if not all(limits["min_mm"] <= mm <= limits["max_mm"] for mm in spacing):
            value = " x ".join(f"{mm:g} mm" for mm in spacing)
            raise refusal(GEO_011, series=series, value=value)
    sizes = {(header.pixels.rows, header.pixels.columns) for header in headers}
    if len(sizes) > 1:
        text = ", ".join(f"{rows}x{columns}" for rows, columns in sorted(sizes, key=str))
        raise refusal(GEO_008, series=series, sizes=text)


def _pixel_mm(headers: Sequence[Header], series: str) -> tuple[float, float]:
    """Row and column spacing in mm, equal in all slices."""
    every = np.array([header.pixel_spacing for header in headers], dtype=np.float64)
    first = every[0]
    if np.any(np.abs(every / first - 1) > table("geometry")["pixel"]["equal"]):
        text = ", ".join(sorted({f"{a:g} x {b:g} mm" for a, b in every.tolist()})[:4])
        raise refusal(GEO_008, series=series, sizes=text)
    return float(first[0]), float(first[1])


def _directions(
    headers: Sequence[Header], *, series: str, kind: str
) -> tuple[Vectors, Vectors, list[Flag]]:
    """Unit vectors along a row and along a column, common to all slices."""
    limits = table("geometry")["direction"]
    every = np.array([header.orientation for header in headers], dtype=np.float64)
    norms = np.linalg.norm(every.reshape(-1, 2, 3), axis=2)
    skew = np.abs(np.einsum("ij,ij->i", every[:, :3], every[:, 3:]))
    worst = max(float(np.abs(norms - 1).max()), float(skew.max()))
    degrees = math.degrees(math.asin(min(1.0, worst)))
    if worst > limits["right_angle_note"]:
        raise refusal(GEO_002, series=series, deg=degrees)
    mean = every.mean(axis=0)
    rows = mean[:3] / max(float(np.linalg.norm(mean[:3])), 1e-12)
    columns = mean[3:] - (mean[3:] @ rows) * rows
    columns = columns / max(float(np.linalg.norm(columns)), 1e-12)
    turn = max(_turn_deg(every[:, :3], rows), _turn_deg(every[:, 3:], columns))
    if turn > max(limits["turn_deg"], degrees):
        spread = max(_turn_deg(every[:, :3], every[0, :3]), _turn_deg(every[:, 3:], every[0, 3:]))
        raise refusal(GEO_007, series=series, deg=spread)
    notes: list[Flag] = []
    if worst > limits["right_angle"]:
        notes.append(doubt("GEO-002/note", touches=_touches(kind), series=series, deg=degrees))
    return rows, columns, notes


def _turn_deg(vectors: Vectors, to: Vectors) -> float:
    """Largest angle in degrees between vectors and one direction."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cross = np.linalg.norm(np.cross(unit, to), axis=1)
    return float(np.degrees(np.arctan2(cross, unit @ to)).max())


def _without_copies(
    headers: Sequence[Header], along: Vectors, same_picture: Callable[[int, int], bool]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Indices by position, without second copies of one picture; (left out, kept) pairs."""
    limits = table("geometry")["duplicate"]
    order = [int(i) for i in np.argsort(along, kind="stable")]
    gaps = np.diff(along[order])
    steps = gaps[gaps > limits["same_place_mm"]]
    near = limits["same_place_mm"]
    if steps.size:
        near = min(near, limits["same_place_fraction"] * float(np.median(steps)))
    kept: list[int] = []
    dropped: list[tuple[int, int]] = []
    for index in order:
        if kept and along[index] - along[kept[-1]] < near:
            if not same_picture(kept[-1], index):
                names = headers[kept[-1]].file.name, headers[index].file.name
                raise refusal(GEO_005, z_mm=float(along[index]), a=names[0], b=names[1])
            dropped.append((index, kept[-1]))
        else:
            kept.append(index)
    return kept, dropped


def _drift_accept(pixel_mm: float) -> float:
    limits = table("geometry")["drift"]
    return float(min(limits["accept_mm"], limits["accept_pixels"] * pixel_mm))


def _drift(
    points: Vectors, along: Vectors, normal: Vectors, *, pixel_mm: float, series: str
) -> float:
    """Largest shift of a slice in its own plane, in mm; a tilted gantry is refused by its angle."""
    limits = table("geometry")["drift"]
    travel = along - along[0]
    shift = points - points[0] - np.outer(travel, normal)
    drift_mm = float(np.linalg.norm(shift, axis=1).max())
    if drift_mm <= min(limits["note_mm"], limits["note_pixels"] * pixel_mm):
        return drift_mm
    slope = (travel @ shift) / (travel @ travel)
    rest = shift - np.outer(travel, slope)
    centred = shift - shift.mean(axis=0)
    if float((rest**2).sum()) <= (1 - limits["tilt_r2"]) * float((centred**2).sum()):
        degrees = math.degrees(math.atan(float(np.linalg.norm(slope))))
        raise refusal(GEO_006, deg=degrees)
    raise refusal(GEO_003, "drift", series=series, drift_mm=drift_mm)


def _regular(
    along: Vectors,
    step_mm: float,
    *,
    numbers: Sequence[int | None],
    series: str,
    kind: str,
) -> float:
    """Largest distance of a slice from its regular place in mm; refused where it is too large."""
    limits = table("geometry")["spacing"]
    if not limits["min_mm"] <= step_mm <= limits["max_mm"]:
        value = f"slices are {step_mm:.3g} mm apart"
        raise refusal(GEO_016, series=series, value=value)
    places = along[0] + step_mm * np.arange(len(along))
    off_mm = float(np.abs(along - places).max())
    name = kind.lower()
    note = min(limits[f"{name}_note_mm"], limits[f"{name}_note_fraction"] * step_mm)
    if off_mm <= max(limits["regular_mm"], note):
        return off_mm
    times = _missing_times(np.diff(along))
    if times is not None:
        raise _missing(along, times, numbers=numbers, series=series)
    raise refusal(GEO_003, series=series, spacings=_spacings(along))


def _missing_times(gaps: Vectors) -> NDArray[np.int_] | None:
    """Gaps as multiples of the usual one where a few slices are missing.

    None where that is no explanation, as for two spacings in one series.
    """
    limits = table("geometry")["spacing"]
    usual = float(np.median(gaps))
    times = np.rint(gaps / usual).astype(int)
    whole = np.abs(gaps - times * usual) <= limits["missing_fraction"] * usual
    wide = times >= 2
    in_a_row = np.convolve(wide, np.ones(limits["missing_run"]), mode="valid")
    few = wide.sum() <= max(1.0, limits["missing_share"] * len(gaps))
    if whole.all() and wide.any() and few and in_a_row.max(initial=0) < limits["missing_run"]:
        return times
    return None


def _missing(
    along: Vectors, times: NDArray[np.int_], *, numbers: Sequence[int | None], series: str
) -> Exception:
    """Error for slices that are not there: how many, and between which."""
    holes = np.flatnonzero(times > 1)
    between = "; ".join(
        f"instance {numbers[i]} and {numbers[i + 1]} ({along[i]:.1f} and {along[i + 1]:.1f} mm)"
        for i in holes[:4].tolist()
    )
    n = int((times - 1).sum())
    return refusal(GEO_004, missing=count(n, "slice"), series=series, between=between)


def _spacings(along: Vectors) -> str:
    """Runs of equal spacing with their ranges: ``2.50 mm from -20.0 to 80.0 mm``."""
    gaps = np.round(np.diff(along), 2)
    cuts = [0, *(np.flatnonzero(np.diff(gaps)) + 1).tolist(), len(gaps)]
    runs = [(float(gaps[a]), a, b) for a, b in pairwise(cuts)]
    text = [f"{mm:.2f} mm from {along[a]:.1f} to {along[b]:.1f} mm" for mm, a, b in runs[:4]]
    if len(runs) > 4:
        text.append(f"and {len(runs) - 4} more changes")
    return ", ".join(text)


def _matrix(normal: Vectors, columns: Vectors, rows: Vectors) -> Matrix3:
    """Directions in array order: the columns are normal (z), column (y), row (x)."""
    first, second, third = (
        (float(n), float(c), float(r)) for n, c, r in zip(normal, columns, rows, strict=True)
    )
    return first, second, third


def _size(grid: Grid, first: Header, *, series: str, kind: str) -> list[Flag]:
    """Notes on the size of the grid and on what the header says about spacing."""
    limits, spacing = table("geometry")["size"], table("geometry")["spacing"]
    notes: list[Flag] = []
    step_mm = grid.spacing_mm[0]
    extent = step_mm * (grid.shape[0] - 1)
    field = grid.extent_mm[1:]
    values = []
    if not limits["min_extent_mm"] <= extent <= limits["max_extent_mm"]:
        values.append(f"{extent:.0f} mm from first to last slice")
    if not all(limits["min_field_mm"] <= mm <= limits["max_field_mm"] for mm in field):
        values.append(f"a field of {field[0]:.0f} x {field[1]:.0f} mm")
    if values:
        text = " and ".join(values)
        notes.append(doubt("GEO-016/note", touches=_touches(kind), series=series, value=text))
    thick = first.thickness_mm
    if thick and abs(thick / step_mm - 1) > spacing["thickness_note"]:
        how = f"overlap by {thick - step_mm:.2f} mm"
        if thick < step_mm:
            how = f"leave gaps of {step_mm - thick:.2f} mm"
        notes.append(
            doubt(
                "GEO-015",
                touches=_touches(kind),
                thickness_mm=thick,
                spacing_mm=step_mm,
                how=how,
            )
        )
    stated = first.stated_spacing_mm
    if stated and abs(abs(stated) / step_mm - 1) > spacing["stated_note"]:
        notes.append(doubt("GEO-021", touches=_touches(kind), stated_mm=stated, spacing_mm=step_mm))
    return notes
