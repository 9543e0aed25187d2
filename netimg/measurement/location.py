"""Where a lesion lies: its segments, and how far its surface is from capsule and vessels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.anatomy import SEGMENT_CODES
from netimg.measurement.components import Box, box_of
from netimg.measurement.distance import depth_mm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX, PointsLPS

HEMILIVERS: Mapping[str, tuple[str, ...]] = {
    "right": ("V", "VI", "VII", "VIII"),
    "left": ("II", "III", "IV"),
    "caudate": ("I",),
}
"""Segments of each side; segment I counts for neither."""

_CODES_OF_IV = (141, 142)


def segment_fractions(segments: LabelZYX) -> dict[str, float]:
    """Share of voxels in each Couinaud segment I..VIII; shares of unlabelled voxels are lost.

    Parameters
    ----------
    segments : any shape, uint16
        Segment codes (`netimg.anatomy.LABEL_NAMES`) at the voxels of one lesion, at least one.
    """
    counts = segment_counts(segments)
    return {name: n / segments.size for name, n in counts.items()}


def segment_table() -> NDArray[np.uint8]:
    """Table from label code to 1..8 for segments I..VIII, 0 for every other code."""
    table = np.zeros(np.iinfo(np.uint16).max + 1, dtype=np.uint8)
    for place, code in enumerate(SEGMENT_CODES, start=1):
        table[code] = place
    table[list(_CODES_OF_IV)] = table[14]
    return table


def segment_counts(segments: LabelZYX) -> dict[str, int]:
    """Voxels of each Couinaud segment I..VIII; IVa and IVb count as IV."""
    places = np.bincount(segment_table()[segments].ravel(), minlength=9)
    return {name: int(places[k]) for k, name in enumerate(SEGMENT_CODES.values(), start=1)}


def listed_segments(fractions: Mapping[str, float], *, at_least: float) -> tuple[str, ...]:
    """Segments that hold at least this share of a lesion, the largest share first."""
    ranked = sorted(fractions, key=lambda name: -fractions[name])
    return tuple(name for name in ranked if fractions[name] >= at_least)


def hemiliver(fractions: Mapping[str, float]) -> str | None:
    """Side that holds most of a lesion: right, left, caudate; None outside every segment."""
    shares = {side: sum(fractions[s] for s in names) for side, names in HEMILIVERS.items()}
    side = max(shares, key=lambda name: shares[name])
    return side if shares[side] > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Surface of a structure, ready to be asked how far a lesion is.

    ``depth_mm`` is, on ``box`` of the grid, the distance of each voxel centre from the nearest
    voxel centre on the other side of the surface; 0 in the structure itself for a vessel.
    """

    box: Box
    depth_mm: FloatZYX
    points_mm: PointsLPS
    spacing_mm: tuple[float, float, float]

    @classmethod
    def around(cls, organ: MaskZYX, spacing_mm: tuple[float, float, float]) -> Surface:
        """Outer surface of an organ, seen from inside (the liver capsule).

        The edge of the image is no surface: what the scan cut off is not the capsule.

        Raises
        ------
        ValueError
            If the organ has no surface inside the image.
        """
        box = box_of(organ, (1, 1, 1))
        if box is None or organ[box].all():
            msg = "the organ has no surface inside the image"
            raise ValueError(msg)
        inside = organ[box]
        depth = depth_mm(inside, spacing_mm)
        points = _faces(inside, spacing_mm) + _corner_mm(box, spacing_mm)
        return cls(box, depth, points, spacing_mm)

    @classmethod
    def towards(
        cls, structure: MaskZYX, box: Box, spacing_mm: tuple[float, float, float]
    ) -> Surface:
        """Surface of a structure seen from outside, within ``box`` (a vessel in the liver).

        Raises
        ------
        ValueError
            If the structure has no voxel in the box.
        """
        inside = structure[box]
        if not inside.any():
            msg = "the structure does not reach the box"
            raise ValueError(msg)
        depth = depth_mm(~inside, spacing_mm)
        points = _faces(inside, spacing_mm) + _corner_mm(box, spacing_mm)
        return cls(box, depth, points, spacing_mm)

    def distance_mm(self, lesion: MaskZYX, lesion_box: Box) -> float:
        """Shortest distance from the surface of a lesion to this surface, 0 where they touch.

        Parameters
        ----------
        lesion : (z, y, x) bool
            On ``lesion_box`` of the grid, which lies inside this surface's box.
        lesion_box
            Where the lesion lies on the grid.
        """
        from scipy.spatial import cKDTree

        inside = tuple(
            slice(a.start - b.start, a.stop - b.start)
            for a, b in zip(lesion_box, self.box, strict=True)
        )
        depth = self.depth_mm[inside]
        least = float(depth[lesion].min())
        if least == 0.0:
            return 0.0
        # whatever is nearest belongs to a voxel at most one diagonal deeper than the shallowest
        reach = least + 2.0 * math.hypot(*self.spacing_mm)
        shallow = lesion & (depth <= reach)
        own = _faces(np.pad(shallow, 1), self.spacing_mm) - np.array(self.spacing_mm)
        own += _corner_mm(lesion_box, self.spacing_mm)
        low, high = own.min(axis=0) - reach, own.max(axis=0) + reach
        near = self.points_mm
        for axis in range(3):  # axis by axis: most points fall away with the first
            at = near[:, axis]
            near = near[(at >= low[axis]) & (at <= high[axis])]
        gaps, _ = cKDTree(near).query(own, distance_upper_bound=reach)
        return float(np.min(gaps))


def _faces(mask: MaskZYX, spacing_mm: tuple[float, float, float]) -> PointsLPS:
    """Midpoints of the voxel faces between inside and outside, (n, 3), mm along z, y, x."""
    points = []
    for axis in range(3):
        found = np.argwhere(np.diff(mask.view(np.int8), axis=axis)).astype(np.float64)
        found[:, axis] += 0.5
        points.append(found)
    faces: PointsLPS = np.concatenate(points) * np.array(spacing_mm)
    return faces


def _corner_mm(box: Box, spacing_mm: tuple[float, float, float]) -> PointsLPS:
    corner: PointsLPS = np.array([b.start for b in box]) * np.array(spacing_mm)
    return corner
