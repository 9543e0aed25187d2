"""The aorta of a CT that nobody outlined: a round tube before and to the left of the spine.

A stand-in, not a segmentation: discs brighter than what surrounds them are followed from slice to
slice, and the best stretch gives one number. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.coverage import axial
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from netimg.volume import Volume

_PIXEL_MM = 2.0
"""Pixel size the discs are looked for at."""
_NEVER = -1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A tube that was followed: its HU, how much brighter it is than around it, and its length."""

    hu: float
    above_hu: float
    length_mm: float
    centres: tuple[tuple[int, float, float], ...]
    """Slice from the feet, mm from the back of the picture's top and from its left edge."""


def find_aorta(ct: Volume) -> Tube | str:
    """Aorta of an axial CT, or why there is none, as the end of a sentence."""
    rows = table("phases")["picture"]["tube"]
    seen = axial(ct.values, ct.grid)
    if seen is None:
        return "the slices are not axial"
    values, _ = seen
    spacing = (ct.grid.spacing_mm[1], ct.grid.spacing_mm[2])
    step_mm = ct.grid.spacing_mm[0]
    thin = max(1, int(5.0 / step_mm + 1e-6))
    windows, corners, slices = [], [], []
    for z in range(0, values.shape[0], thin):
        plane = _resampled(values[z], spacing)
        spine = _spine(plane, rows)
        if spine is None:
            continue
        corner = (
            spine[0] - int(rows["reach_front_mm"] / _PIXEL_MM),
            spine[1] - int(rows["reach_right_mm"] / _PIXEL_MM),
        )
        windows.append(_window(plane, corner, rows))
        corners.append(corner)
        slices.append(z)
    if len(windows) * step_mm * thin < rows["length_mm"]:
        return "no spine was recognised to find it by"
    return _followed(windows, corners, slices, step_mm * thin, rows)


def _resampled(plane: NDArray[Any], spacing: tuple[float, float]) -> NDArray[np.float32]:
    """A slice, smoothed and on pixels of `_PIXEL_MM`; values beyond -200..600 HU are cut."""
    from scipy import ndimage

    clipped = np.clip(np.asarray(plane, dtype=np.float32), -200.0, 600.0)
    smooth = ndimage.gaussian_filter(clipped, [0.5 * _PIXEL_MM / s for s in spacing])
    shape = [max(1, int(n * s / _PIXEL_MM)) for n, s in zip(plane.shape, spacing, strict=True)]
    at = np.meshgrid(
        *(np.arange(n) * _PIXEL_MM / s for n, s in zip(shape, spacing, strict=True)), indexing="ij"
    )
    found: NDArray[np.float32] = ndimage.map_coordinates(smooth, at, order=1, mode="nearest")
    return found


def _spine(plane: NDArray[np.float32], rows: Mapping[str, Any]) -> tuple[int, int] | None:
    """Middle of the vertebra's front edge (row, column); None where no spine is seen."""
    from scipy import ndimage

    body = plane > -150.0
    labels, n = ndimage.label(body)
    if n == 0:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    inside = ndimage.binary_fill_holes(labels == sizes.argmax())
    columns = np.flatnonzero(inside.any(axis=0))
    lines = np.flatnonzero(inside.any(axis=1))
    if len(columns) * _PIXEL_MM < 150.0 or len(lines) * _PIXEL_MM < 100.0:
        return None
    middle = (columns[0] + columns[-1]) / 2.0
    half = int(50.0 / _PIXEL_MM)
    left, right = max(0, int(middle) - half), int(middle) + half
    first = (lines[0] + lines[-1]) // 2 - int(10.0 / _PIXEL_MM)
    bone = plane[first : lines[-1] + 1, left:right] > rows["bone_hu"]
    bone = ndimage.binary_opening(bone)
    labels, n = ndimage.label(ndimage.binary_dilation(bone))
    if n == 0:
        return None
    # The vertebra is the piece whose weight lies farthest to the back and in the middle.
    best, found = 0.0, None
    for label in range(1, n + 1):
        y, x = np.nonzero((labels == label) & bone)
        if not len(y) or len(y) * _PIXEL_MM**2 < 150.0:
            continue
        weight = len(y) * (1.0 + y.mean() / bone.shape[0])
        if weight > best:
            best, found = weight, (y, x)
    if found is None:
        return None
    y, x = found
    centre = int(np.median(x))
    near = np.abs(x - centre) * _PIXEL_MM <= 12.0
    front = int(np.percentile(y[near], 3.0)) if near.any() else int(y.min())
    return first + front, left + centre


def _window(
    plane: NDArray[np.float32], corner: tuple[int, int], rows: Mapping[str, Any]
) -> NDArray[np.float32]:
    """Part of a slice where the aorta may lie, padded where it leaves the picture."""
    margin = int(rows["ring_mm"][1] / _PIXEL_MM) + 1
    height = int((rows["reach_front_mm"] + rows["reach_back_mm"]) / _PIXEL_MM)
    width = int((rows["reach_right_mm"] + rows["reach_left_mm"]) / _PIXEL_MM)
    out = np.full((height + 2 * margin, width + 2 * margin), -200.0, dtype=np.float32)
    y0, x0 = corner[0] - margin, corner[1] - margin
    part = plane[max(0, y0) : y0 + out.shape[0], max(0, x0) : x0 + out.shape[1]]
    y, x = max(0, -y0), max(0, -x0)
    out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return out


def _followed(
    windows: Sequence[NDArray[np.float32]],
    corners: Sequence[tuple[int, int]],
    slices: Sequence[int],
    step_mm: float,
    rows: Mapping[str, Any],
) -> Tube | str:
    """Best stretch of discs whose centres move little from slice to slice."""
    from scipy import ndimage

    margin = int(rows["ring_mm"][1] / _PIXEL_MM) + 1
    near_mm, far_mm = rows["ring_mm"]
    disc, ring = _disc(0.0, rows["disc_mm"], margin), _disc(near_mm, far_mm, margin)
    inner = slice(margin, -margin)
    means, scores = [], []
    for window in windows:
        mean = ndimage.convolve(window, disc)[inner, inner]
        square = ndimage.convolve(window * window, disc)[inner, inner]
        around = ndimage.convolve(window, ring)[inner, inner]
        spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
        means.append(mean)
        above = np.minimum(mean - around, rows["above_most_hu"])
        scores.append(above - rows["spread_weight"] * spread)
    reach = max(1, round(rows["move_mm"] * step_mm / 10.0 / _PIXEL_MM))
    count = max(2, int(np.ceil(rows["length_mm"] / step_mm)))
    best_score, best_path = -np.inf, None
    # The best path of `count` slices that ends in each slice, by dynamic programming.
    for end in range(count - 1, len(windows)):
        path = _path(scores[end - count + 1 : end + 1], corners[end - count + 1 : end + 1], reach)
        if path is not None and path[0] > best_score:
            best_score, best_path = path[0], (end - count + 1, path[1])
    if best_path is None or best_score / count < rows["above_hu"]:
        return "no round tube beside the spine could be followed"
    start, points = best_path
    values = [float(means[start + i][y, x]) for i, (y, x) in enumerate(points)]
    return Tube(
        hu=float(np.percentile(values, rows["percentile"])),
        above_hu=best_score / count,
        length_mm=count * step_mm,
        centres=tuple(
            (
                slices[start + i],
                float(corners[start + i][0] + y) * _PIXEL_MM,
                float(corners[start + i][1] + x) * _PIXEL_MM,
            )
            for i, (y, x) in enumerate(points)
        ),
    )


def _path(
    scores: Sequence[NDArray[np.float32]], corners: Sequence[tuple[int, int]], reach: int
) -> tuple[float, list[tuple[int, int]]] | None:
    """Path through a stack of scores with the highest sum, one point a slice, small steps."""
    from scipy import ndimage

    size = 2 * reach + 1
    totals = [scores[0]]
    for before, now, score in zip(corners, corners[1:], scores[1:], strict=False):
        shifted = _shifted(totals[-1], now[0] - before[0], now[1] - before[1])
        totals.append(score + ndimage.maximum_filter(shifted, size=size, mode="nearest"))
    y, x = (int(i) for i in np.unravel_index(int(totals[-1].argmax()), totals[-1].shape))
    total = float(totals[-1][y, x])
    if not np.isfinite(total):
        return None
    points = [(y, x)]
    for i in range(len(scores) - 2, -1, -1):
        dy, dx = (corners[i + 1][k] - corners[i][k] for k in (0, 1))
        y0, x0 = y + dy, x + dx  # the same place in the slice before
        a, b = max(0, y0 - reach), max(0, x0 - reach)
        part = totals[i][a : max(a + 1, y0 + reach + 1), b : max(b + 1, x0 + reach + 1)]
        if not part.size:
            return None
        j, k = np.unravel_index(int(part.argmax()), part.shape)
        y, x = a + int(j), b + int(k)
        points.append((y, x))
    return total, points[::-1]


def _shifted(values: NDArray[np.float32], dy: int, dx: int) -> NDArray[np.float32]:
    """Values of a window as seen from one whose corner lies (dy, dx) further on."""
    out = np.full(values.shape, _NEVER, dtype=np.float32)
    h, w = values.shape
    if abs(dy) >= h or abs(dx) >= w:
        return out
    out[max(0, -dy) : h - max(0, dy), max(0, -dx) : w - max(0, dx)] = values[
        max(0, dy) : h - max(0, -dy), max(0, dx) : w - max(0, -dx)
    ]
    return out


def _disc(inner_mm: float, outer_mm: float, margin: int) -> NDArray[np.float32]:
    """Weights of a ring (a disc where it has no hole) that sum to 1."""
    y, x = np.mgrid[-margin : margin + 1, -margin : margin + 1] * _PIXEL_MM
    away = np.hypot(y, x)
    inside = (away >= inner_mm) & (away <= outer_mm)
    weights: NDArray[np.float32] = (inside / inside.sum()).astype(np.float32)
    return weights
