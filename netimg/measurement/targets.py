"""RECIST 1.1 targets: which lesions are measurable, and which would be measured.

A proposal by fixed keys; a reader's choice goes before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.lesion import LesionStatus, LesionType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netimg.lesion import Lesion

_SPOILING = ("line_leaves_lesion", "touches_lesion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the choice of targets needs to know of a lesion.

    ``contrast_hu`` is the difference to the liver, None where it is not known.
    """

    lesion: Lesion
    longest_mm: float
    flags: frozenset[str]
    contrast_hu: float | None = None


def measurable(
    candidate: Candidate, *, thickness_mm: float, min_mm: float, thick_slice_mm: float
) -> bool:
    """Whether a lesion is measurable by RECIST 1.1.

    At least ``min_mm`` long, with slices thicker than ``thick_slice_mm`` twice the thickness;
    cysts, treated lesions and lesions cut by the image never are.
    """
    limit = min_mm if thickness_mm <= thick_slice_mm else max(min_mm, 2.0 * thickness_mm)
    is_tumour = candidate.lesion.type is LesionType.METASTASIS and candidate.lesion.counts
    return is_tumour and candidate.longest_mm >= limit and "touches_fov" not in candidate.flags


def choose_targets(
    candidates: Iterable[Candidate],
    *,
    at_most: int,
    thickness_mm: float,
    min_mm: float,
    thick_slice_mm: float,
) -> tuple[Candidate, ...]:
    """Targets in order of rank.

    Ranked by: accepted before proposed; neither ``line_leaves_lesion`` nor ``touches_lesion``;
    seen in two slices or more; longest diameter in classes of 1 mm; contrast to the liver; number.
    """
    fit = [
        c
        for c in candidates
        if measurable(c, thickness_mm=thickness_mm, min_mm=min_mm, thick_slice_mm=thick_slice_mm)
    ]
    return tuple(sorted(fit, key=_rank)[:at_most])


def _rank(candidate: Candidate) -> tuple[float, ...]:
    lesion = candidate.lesion
    return (
        0.0 if lesion.status in (LesionStatus.ACCEPTED, LesionStatus.EDITED) else 1.0,
        1.0 if candidate.flags.intersection(_SPOILING) else 0.0,
        1.0 if "one_slice" in candidate.flags else 0.0,
        -float(int(candidate.longest_mm)),
        -abs(candidate.contrast_hu or 0.0),
        float(lesion.number),
    )
