"""Where lesions lie on the grid: boxes, centroids and the slice that shows each best.

Bookkeeping for pictures and tables, not measures: a diameter or a volume is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.finding import Scope

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.arrays import LabelZYX
    from netimg.finding import Findings
    from netimg.study import Series, Study

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First index and one past the last, along z, y, x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one lesion lies.

    ``slice_index`` is the slice along array axis z of its longest diameter where that is known,
    else the one with its largest area (the lower one of equals); ``box`` and ``slice_index`` are
    indices of the anatomy's grid.
    """

    lesion: str
    box: Box
    centroid_lps_mm: tuple[float, float, float]
    slice_index: int


def lesion_places(anatomy: Anatomy, findings: Findings) -> dict[str, Place]:
    """Place of each lesion that has voxels, by its id."""
    import cc3d

    labels, start = _filled(anatomy.lesion_labels.labels)
    if not anatomy.lesions or labels.size == 0:
        return {}
    found = cc3d.statistics(labels)
    places = {}
    for lesion in anatomy.lesions:
        if lesion.number >= len(found["voxel_counts"]) or not found["voxel_counts"][lesion.number]:
            continue
        slices = found["bounding_boxes"][lesion.number]
        box: Box = tuple(  # type: ignore[assignment]  # three axes
            (a + int(s.start), a + int(s.stop)) for s, a in zip(slices, start, strict=True)
        )
        areas = np.count_nonzero(labels[slices] == lesion.number, axis=(1, 2))
        point = anatomy.grid.to_world(found["centroids"][lesion.number][None] + start)[0]
        places[lesion.id] = Place(
            lesion=lesion.id,
            box=box,
            centroid_lps_mm=(float(point[0]), float(point[1]), float(point[2])),
            slice_index=_measured_slice(lesion.id, findings, box)
            or box[0][0] + int(np.argmax(areas)),
        )
    return places


def _filled(labels: LabelZYX) -> tuple[LabelZYX, tuple[int, int, int]]:
    """The part of a label array that holds labels, and where it begins."""
    there = labels > 0
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        lines = np.flatnonzero(there.any(axis=others))
        box.append((int(lines[0]), int(lines[-1]) + 1) if lines.size else (0, 0))
    part = np.ascontiguousarray(labels[tuple(slice(a, b) for a, b in box)])
    return part, (box[0][0], box[1][0], box[2][0])


def _measured_slice(lesion: str, findings: Findings, box: Box) -> int | None:
    """Slice of the longest diameter, where it was measured and lies in the lesion's box."""
    found = findings.get("longest_slice_index", Scope.LESION, lesion)
    if found is None or found.number is None:
        return None
    index = int(found.number)
    return index if box[0][0] <= index < box[0][1] else None


def instance_number(series: Series | None, slice_index: int) -> int | None:
    """DICOM instance number of a slice of a series, None where it is not said."""
    if series is None:
        return None
    found = (i.instance_number for i in series.instances if i.z_index == slice_index)
    return next(found, None)


def is_multiframe(series: Series | None) -> bool:
    """Whether the pictures of a series are frames of a file of many."""
    return series is not None and any(i.frame_number is not None for i in series.instances)


def anatomy_series(study: Study, anatomy: Anatomy) -> Series | None:
    """The series whose grid the masks lie on: the CT, else a PET."""
    candidates = ([study.ct] if study.ct else []) + list(study.pets)
    same = (s for s in candidates if s.grid.same_as(anatomy.grid, tol_mm=0.01))
    return next(same, None)
