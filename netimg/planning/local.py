"""Local treatment: the parenchyma that a margin around a lesion costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netimg.planning.liver_model import LesionModel, LiverModel
from netimg.treatment import LocalTreatment

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy


def shell_ml(lesion_ml: float, margin_mm: float) -> float:
    """Volume of the shell of ``margin_mm`` around a sphere of ``lesion_ml``.

    >>> round(shell_ml(15.0, 10.0), 3)
    52.828
    """
    radius_cm: float = (3 * lesion_ml / (4 * math.pi)) ** (1 / 3)
    whole = 4 / 3 * math.pi * (radius_cm + margin_mm / 10) ** 3
    return whole - 4 / 3 * math.pi * radius_cm**3


def estimated_margin_ml(
    liver: LiverModel,
    lesion: LesionModel,
    treatment: LocalTreatment,
    retained: Sequence[str],
    counted: Sequence[LesionModel],
) -> float:
    """Margin parenchyma of one treated lesion, mL: given, or the shell of its retained part.

    The shell is capped by the functional volume of the retained segments that hold the lesion.
    """
    if treatment.margin_parenchyma_ml is not None:
        return treatment.margin_parenchyma_ml
    held = [s for s in retained if lesion.volume_ml.get(s, 0.0) > 0]
    part_ml = lesion.in_segments(held)
    if part_ml <= 0:
        return 0.0
    tumour_ml = math.fsum(other.in_segments(held) for other in counted)
    functional_ml = math.fsum(liver.segments_ml[s] for s in held) - tumour_ml
    return min(shell_ml(part_ml, treatment.margin_mm), max(functional_ml, 0.0))


def measured_margin_ml(
    anatomy: Anatomy,
    treatments: Sequence[tuple[str, float]],
    retained: Sequence[str],
    counted: Sequence[str],
) -> float:
    """Margin parenchyma of all treated lesions together, mL, measured in the masks.

    Parameters
    ----------
    anatomy
        With segments.
    treatments
        (lesion id, margin in mm).
    retained
        Segments that stay.
    counted
        Ids of the lesions that count as tumour; their voxels are no parenchyma.

    Notes
    -----
    Each lesion's part in the retained liver is dilated by its margin; the union, inside the
    retained liver and outside tumour, is counted once.
    """
    import edt
    import numpy as np

    from netimg.anatomy import SEGMENT_CODES

    if anatomy.segments is None:
        msg = "margins are measured in an anatomy with segments"
        raise ValueError(msg)
    codes = [code for code, name in SEGMENT_CODES.items() if name in retained]
    codes += [141, 142] if "IV" in retained else []
    stays = np.isin(anatomy.segments.labels, codes)
    numbers = {lesion.id: lesion.number for lesion in anatomy.lesions}
    labels = anatomy.lesion_labels.labels
    tumour = np.isin(labels, [numbers[name] for name in counted if name in numbers])
    inside = np.argwhere(stays)
    if not len(inside):
        return 0.0
    widest = max((margin for _, margin in treatments), default=0.0)
    pad = [int(widest / s) + 2 for s in anatomy.grid.spacing_mm]
    lo = np.maximum(inside.min(axis=0) - pad, 0)
    hi = np.minimum(inside.max(axis=0) + pad + 1, labels.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(lo, hi, strict=True))
    cut = np.zeros(labels[box].shape, dtype=bool)
    for name, margin_mm in treatments:
        part = (labels[box] == numbers[name]) & stays[box]
        if part.any():
            distance_mm = edt.edt(
                np.ascontiguousarray(~part), anisotropy=anatomy.grid.spacing_mm, parallel=1
            )
            cut |= distance_mm <= margin_mm
    cut &= stays[box] & ~tumour[box]
    return float(np.count_nonzero(cut)) * anatomy.grid.voxel_ml
