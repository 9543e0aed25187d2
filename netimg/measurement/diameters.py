"""Diameters of a mask: longest axial with its short axis, longest in 3-D, extent in slices.

The outline of a mask is where the line from an inside voxel to its outside neighbour is halved:
row ends and column ends moved out by half a voxel. Lengths use the spacing, never world axes, so
they hold on any oblique grid; "axial" is the plane of the slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull

from netimg.measurement.components import components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import IndicesZYX, MaskZYX

_TIE_MM = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class AxialDiameter:
    """Longest axial diameter and the short axis in the same slice and part.

    ``end_a`` and ``end_b`` are voxel indices (z, y, x; halves are outline points);
    ``outside_mm`` is the length of the long axis that runs outside the mask.
    """

    longest_mm: float
    short_mm: float
    slice_index: int
    end_a: tuple[float, float, float]
    end_b: tuple[float, float, float]
    outside_mm: float


def longest_axial(mask: MaskZYX, spacing_mm: tuple[float, float, float]) -> AxialDiameter:
    """Longest distance between two outline points of one part of one slice.

    Parameters
    ----------
    mask : (z, y, x) bool
        At least one voxel inside.
    spacing_mm
        z, y, x.

    Returns
    -------
    AxialDiameter
        Maximum over slices and their 8-connected parts; of equal ones the lowest slice, then the
        largest short axis. A single voxel gives ``max(sy, sx)``.

    Raises
    ------
    ValueError
        If the mask is empty.

    Notes
    -----
    RECIST 1.1 measures in one slice and never across a gap: the islands of a U are two parts.
    The digital diameter exceeds the true one by up to one in-plane voxel diagonal.
    """
    if not mask.any():
        msg = "an empty mask has no diameter"
        raise ValueError(msg)
    in_plane = np.array(spacing_mm[1:])
    best: tuple[float, float, int, NDArray[np.float64]] | None = None
    for z in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        rows = np.flatnonzero(mask[z].any(axis=1))
        columns = np.flatnonzero(mask[z].any(axis=0))
        box = np.array([rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1])
        if best is not None and math.hypot(*(box * in_plane)) <= best[0]:
            continue
        for part in _parts(mask[z]):
            hull = _hull(_outline(part) * in_plane)
            length, short, ends = _axes(hull)
            if best is None or _longer(length, short, z, best):
                best = (length, short, z, ends / in_plane)
    assert best is not None  # noqa: S101  # a slice with a voxel has a part
    length, short, at, ends = best
    a, b = (tuple(float(v) for v in end) for end in ends)
    return AxialDiameter(
        longest_mm=length,
        short_mm=short,
        slice_index=at,
        end_a=(float(at), a[0], a[1]),
        end_b=(float(at), b[0], b[1]),
        outside_mm=_outside_mm(mask[at], ends, length),
    )


def longest_3d_mm(mask: MaskZYX, spacing_mm: tuple[float, float, float]) -> float:
    """Farthest pair of surface points (vertices of the mesh at 0.5), in mm.

    0.0 for an empty mask. A single voxel gives its longest edge.
    """
    if not mask.any():
        return 0.0
    corners = _hull(_surface_ends(mask) * np.array(spacing_mm))
    return float(max(_distances(corners, i).max() for i in range(len(corners))))


def z_extent_mm(mask: MaskZYX, spacing_mm: tuple[float, float, float]) -> float:
    """Slices touched times slice spacing, in mm."""
    return int(np.count_nonzero(mask.any(axis=(1, 2)))) * spacing_mm[0]


def _longer(
    length: float, short: float, z: int, best: tuple[float, float, int, NDArray[np.float64]]
) -> bool:
    """Whether a diameter replaces the best so far; in a tie the first slice stays."""
    if abs(length - best[0]) > _TIE_MM:
        return length > best[0]
    return z == best[2] and short > best[1] + _TIE_MM


def _parts(image: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """8-connected parts of a slice."""
    labels, count = components(image)
    return [labels == label for label in range(1, count + 1)]


def _outline(part: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Row ends and column ends moved out by half a voxel, (n, 2) in voxels (y, x)."""
    points: list[NDArray[np.float64]] = []
    for axis in (0, 1):
        lines = part if axis == 0 else part.T
        at = np.flatnonzero(lines.any(axis=1))
        first = lines[at].argmax(axis=1) - 0.5
        last = lines.shape[1] - 0.5 - lines[at, ::-1].argmax(axis=1)
        pairs = ((at, end) if axis == 0 else (end, at) for end in (first, last))
        points.extend(np.stack(pair, axis=1) for pair in pairs)
    return np.concatenate(points).astype(np.float64)


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corner points of the convex hull, counter-clockwise in 2-D.

    An outline is never degenerate: one voxel has a point on each of its sides.
    """
    corners: NDArray[np.float64] = points[ConvexHull(points).vertices]
    return corners


def _distances(points: NDArray[np.float64], i: int) -> NDArray[np.float64]:
    """Distances from point ``i`` to every point."""
    gaps: NDArray[np.float64] = np.sqrt(((points - points[i]) ** 2).sum(axis=1))
    return gaps


def _axes(hull: NDArray[np.float64]) -> tuple[float, float, NDArray[np.float64]]:
    """Longest chord, the longest chord perpendicular to it, and the ends of the first; mm."""
    gaps = np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(axis=2))
    length = float(gaps.max())
    pairs = [(int(i), int(j)) for i, j in np.argwhere(gaps >= length - _TIE_MM) if i < j]
    shorts = [_perpendicular(hull, i, j) for i, j in pairs]
    widest = max(shorts)
    tied = [p for p, s in zip(pairs, shorts, strict=True) if s >= widest - _TIE_MM]
    ends = min((np.array(sorted((hull[i].tolist(), hull[j].tolist()))) for i, j in tied), key=_flat)
    return length, widest, ends


def _flat(ends: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(ends.ravel().tolist())


def _perpendicular(hull: NDArray[np.float64], i: int, j: int) -> float:
    """Longest chord of a convex polygon perpendicular to its diameter from corner i to j, mm.

    The diameter's ends are the extremes along it, so the corners between them form two monotone
    chains; the chord is longest at a corner.
    """
    along = (hull[j] - hull[i]) / np.linalg.norm(hull[j] - hull[i])
    t = (hull - hull[i]) @ along
    side = (hull - hull[i]) @ np.array([-along[1], along[0]])
    order = np.roll(np.arange(len(hull)), -i)
    turn = int(np.flatnonzero(order == j)[0])
    one, other = order[: turn + 1], np.append(order[turn:], i)[::-1]
    upper = np.interp(t, t[one], side[one])
    lower = np.interp(t, t[other], side[other])
    return float(np.abs(upper - lower).max())


def _outside_mm(image: NDArray[np.bool_], ends: NDArray[np.float64], length: float) -> float:
    """Length of the line between the ends that lies on voxels outside the mask, mm."""
    steps: int = 10 * max(image.shape)
    middle = (np.arange(steps) + 0.5)[:, None] / steps
    points = np.rint(ends[0] + middle * (ends[1] - ends[0])).astype(int)
    y, x = np.clip(points, 0, np.array(image.shape) - 1).T
    return int(np.count_nonzero(~image[y, x])) / steps * length


def _surface_ends(mask: MaskZYX) -> IndicesZYX:
    """Ends of every line of voxels along each axis, moved out by half a voxel, (n, 3)."""
    points: list[NDArray[np.float64]] = []
    for axis in range(3):
        lines = np.moveaxis(mask, axis, -1)
        at = np.argwhere(lines.any(axis=-1))
        hit = lines[at[:, 0], at[:, 1]]
        first = hit.argmax(axis=1) - 0.5
        last = hit.shape[1] - 0.5 - hit[:, ::-1].argmax(axis=1)
        ends = (first, last)
        points.extend(np.insert(at.astype(np.float64), axis, end, axis=1) for end in ends)
    return np.concatenate(points)
