"""From slice positions to a `Grid`, or a refusal with the numbers that decide.

Pure: headers in, grid and order out. Slices are ordered by position along the normal, never by
file name, instance number or slice location. Tolerances: ``configs/reading/geometry.toml``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import (
    GEO_001,
    GEO_002,
    GEO_005,
    GEO_007,
    GEO_008,
    GEO_010,
    GEO_011,
    GEO_014,
    GEO_019,
    InputError,
)
from netimg.geometry import Grid
from netimg.reading.problems import count, doubt, refusal
from netimg.reading.regrid import Resampling, resampling
from netimg.reading.spacing import Slices, check_regular
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
    resampling: Resampling | None = None
    """How slices that make no grid become one, where that was asked for; else None."""

    def stored_grid(self, first: Header) -> Grid:
        """Grid of the size that the files have, for reading them before they are resampled."""
        rows, columns = int(first.pixels.rows or 0), int(first.pixels.columns or 0)
        return replace(self.grid, shape=(len(self.order), rows, columns))


def stack(
    headers: Sequence[Header],
    *,
    series: str,
    kind: str,
    same_picture: Callable[[int, int], bool],
    regrid: bool = False,
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
    regrid
        Straighten or fill a CT that makes no grid, within limits; a PET never.

    Raises
    ------
    InputError
        GEO-001 to 008, 010, 011, 014, 016, 019 with the numbers.
    """
    _complete(headers, series)
    rows, columns, notes = _directions(headers, series=series, kind=kind)
    normal = np.cross(rows, columns)
    points = np.array([header.position for header in headers], dtype=np.float64)
    order, dropped = _without_copies(headers, points, normal, same_picture, series=series)
    if dropped:
        copies = count(len(dropped), "slice")
        notes.append(doubt("GEO-013", touches=_touches(kind), slices=copies))
    if len(order) < table("geometry")["size"]["min_slices"]:
        n = len(order)
        raise refusal(GEO_010, series=series, slices="1 slice" if n == 1 else f"{n} slices")
    slices = Slices(
        points=points[order],
        normal=normal,
        pixel_mm=_pixel_mm(headers, series),
        numbers=tuple(headers[i].instance_number for i in order),
        series=series,
        kind=kind,
    )
    first = headers[order[0]]
    shape = (len(order), int(first.pixels.rows or 0), int(first.pixels.columns or 0))
    directions = _matrix(normal, columns, rows)
    step_mm, origin, change = slices.step_mm, slices.points[0], None
    try:
        check_regular(slices)
        notes += slices.notes()
    except InputError as fault:
        if not regrid or kind != "CT":
            raise
        change = resampling(slices, shape, (columns, rows), fault)
        shape, step_mm, origin = change.shape, change.step_mm, change.origin(slices.points[0])
        notes.append(change.flag(series))
    grid = Grid(
        shape=shape,
        spacing_mm=(step_mm, *slices.pixel_mm),
        origin_lps_mm=tuple(origin.tolist()),
        directions=directions,
    )
    notes += _size(grid, first, series=series, kind=kind)
    notes += _lying(first, grid, series=series, kind=kind)
    return Stack(grid, tuple(order), tuple(dropped), tuple(notes), change)


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
            raise refusal(GEO_019, picture=_picture(header, index), series=series)
        if not has_place(header):
            worst = max(header.position or (), key=abs)
            picture = _picture(header, index)
            raise refusal(GEO_019, "far", picture=picture, series=series, value=worst)
        spacing = header.pixel_spacing
        if spacing is None or len(spacing) != 2:
            n = 0 if spacing is None else len(spacing)
            value = "absent" if not n else "1 value" if n == 1 else f"{n} values"
            raise refusal(GEO_011, series=series, value=value)
        if not all(limits["min_mm"] <= mm <= limits["max_mm"] for mm in spacing):
            value = " x ".join(f"{mm:g} mm" for mm in spacing)
            raise refusal(GEO_011, series=series, value=value)
    frames = {header.frame_of_reference for header in headers} - {None}
    if len(frames) > 1:
        raise refusal(GEO_014, "mixed", series=series, n=len(frames))
    sizes = {(header.pixels.rows, header.pixels.columns) for header in headers}
    if len(sizes) > 1:
        text = ", ".join(f"{rows}x{columns}" for rows, columns in sorted(sizes, key=str))
        raise refusal(GEO_008, series=series, sizes=text)


def _picture(header: Header, index: int) -> str:
    """How a sentence calls a slice: by its number, a frame by its file too."""
    if header.frame_number is not None:
        return header.name
    n = header.instance_number if header.instance_number is not None else index
    return f"slice {n}"


def has_place(header: Header) -> bool:
    """Whether a slice says where it lies, within reason."""
    place = header.position
    if place is None or len(place) != 3:
        return False
    farthest = table("geometry")["size"]["farthest_mm"]
    return all(math.isfinite(mm) and abs(mm) <= farthest for mm in place)


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
    worst = float(_askew(every).max())
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


def _askew(orientations: Vectors) -> Vectors:
    """How far each of (n, 6) orientations is from two unit vectors at right angles."""
    orientations = np.clip(orientations, -2.0, 2.0)  # what is longer is no unit vector anyway
    norms = np.abs(np.linalg.norm(orientations.reshape(-1, 2, 3), axis=2) - 1).max(axis=1)
    skew = np.abs(np.einsum("ij,ij->i", orientations[:, :3], orientations[:, 3:]))
    worst: Vectors = np.maximum(norms, skew)
    return worst


@lru_cache(maxsize=1 << 12)
def broken_direction(orientation: tuple[float, ...] | None) -> bool:
    """Whether an orientation is absent or is not two unit vectors at right angles (GEO-002)."""
    if orientation is None or len(orientation) != 6 or not all(map(math.isfinite, orientation)):
        return True
    limit = table("geometry")["direction"]["right_angle_note"]
    return float(_askew(np.array([orientation], dtype=np.float64))[0]) > float(limit)


def _turn_deg(vectors: Vectors, to: Vectors) -> float:
    """Largest angle in degrees between vectors and one direction."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cross = np.linalg.norm(np.cross(unit, to), axis=1)
    return float(np.degrees(np.arctan2(cross, unit @ to)).max())


def same_place_mm(along: Vectors) -> float:
    """Distance in mm below which two slices lie at one place."""
    limits = table("geometry")["duplicate"]
    gaps = np.diff(np.sort(along))
    steps = gaps[gaps > limits["same_place_mm"]]
    near = float(limits["same_place_mm"])
    if steps.size:
        near = min(near, limits["same_place_fraction"] * float(np.median(steps)))
    return near


def _without_copies(
    headers: Sequence[Header],
    points: Vectors,
    normal: Vectors,
    same_picture: Callable[[int, int], bool],
    *,
    series: str,
) -> tuple[list[int], list[tuple[int, int]]]:
    """Indices by position, without second copies of one picture; (left out, kept) pairs."""
    along = points @ normal
    order = [int(i) for i in np.argsort(along, kind="stable")]
    near = same_place_mm(along)
    beside = max(near, float(table("geometry")["drift"]["accept_mm"]))
    kept: list[int] = []
    dropped: list[tuple[int, int]] = []
    for index in order:
        if not kept or along[index] - along[kept[-1]] >= near:
            kept.append(index)
            continue
        apart_mm = float(np.linalg.norm(points[index] - points[kept[-1]]))
        if apart_mm > beside or not same_picture(kept[-1], index):
            names = headers[kept[-1]].name, headers[index].name
            z_mm, n = float(along[index]), len(headers)
            if float(np.ptp(along)) < near:
                raise refusal(
                    GEO_005, "times", series=series, z_mm=z_mm, n=n, a=names[0], b=names[1]
                )
            raise refusal(GEO_005, series=series, z_mm=z_mm, a=names[0], b=names[1])
        dropped.append((index, kept[-1]))
    return kept, dropped


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
        factor = f"thickness {thick / step_mm:.2f} times the distance"
        how = f"overlap by {thick - step_mm:.2f} mm ({factor})"
        if thick < step_mm:
            how = f"leave gaps of {step_mm - thick:.2f} mm ({factor})"
        notes.append(
            doubt(
                "GEO-015",
                touches=_touches(kind),
                series=series,
                thickness_mm=thick,
                spacing_mm=step_mm,
                how=how,
            )
        )
    stated = abs(first.stated_spacing_mm or 0.0)  # its sign is a direction, told by positions
    if stated and abs(stated / step_mm - 1) > spacing["stated_note"]:
        both = {"stated_mm": stated, "spacing_mm": step_mm}
        notes.append(doubt("GEO-021", touches=_touches(kind), series=series, **both))
    return notes


def _lying(first: Header, grid: Grid, *, series: str, kind: str) -> list[Flag]:
    """A word where the patient did not lie on the back, or where axial pictures are turned."""
    rows = table("geometry")["lying"]
    code = (first.patient_position or "").strip().upper()
    if code in rows["positions"]:
        lay = rows["positions"][code]
        return [doubt("GEO-022", touches=_touches(kind), position=lay)]
    normal, column, row = (grid.matrix[:, k] for k in range(3))
    straight = math.cos(math.radians(rows["axial_deg"]))
    usual = row[0] > straight and column[1] > straight
    if abs(float(normal[2])) > straight and not usual:
        return [
            doubt(
                "GEO-022/turned",
                touches=_touches(kind),
                series=series,
                right=_towards(row),
                down=_towards(column),
            )
        ]
    return []


def _towards(vector: Vectors) -> str:
    """The side of the patient that a direction points to most."""
    axis = int(np.abs(vector).argmax())
    sides = table("geometry")["lying"]["sides"]
    return str(sides[axis][0 if vector[axis] > 0 else 1])
