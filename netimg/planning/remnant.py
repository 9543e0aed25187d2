"""What a plan leaves and what it clears, in mL and %."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netimg.planning.liver_model import LiverModel
from netimg.planning.local import estimated_margin_ml
from netimg.treatment import LocalTreatment

CLEARED_ML = 0.001
"""A lesion with no more residue than this counts as cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remnant:
    """Volumes of a plan; percentages are None where their denominator is zero."""

    flr_ml: float
    margin_parenchyma_ml: float
    is_margin_estimated: bool
    functional_ml: float
    tumour_ml: float
    residual_ml: float
    clearance_count_pct: float | None

    @property
    def mflr_pct(self) -> float | None:
        """Remnant as a share of the functional liver, %."""
        return None if self.functional_ml <= 0 else 100 * self.flr_ml / self.functional_ml

    @property
    def clearance_volume_pct(self) -> float | None:
        """Share of the tumour volume that leaves, %; None without tumour."""
        if self.tumour_ml <= 0:
            return None
        return 100 * (self.tumour_ml - self.residual_ml) / self.tumour_ml


def remnant(
    liver: LiverModel,
    retained: Sequence[str],
    local: Sequence[LocalTreatment],
    *,
    with_indeterminate: bool = False,
    measured_margin_ml: float | None = None,
) -> Remnant:
    """Remnant and clearance of a plan.

    Parameters
    ----------
    liver
        With segments.
    retained
        Segments that stay.
    local
        Lesions that are cut out or ablated in the retained liver.
    with_indeterminate
        Whether indeterminate lesions count as tumour.
    measured_margin_ml
        Margin parenchyma measured in the masks, in place of the estimate.

    Notes
    -----
    Remnant = retained segments - tumour in them - margin parenchyma, never below 0. Tumour left
    behind is not remnant.
    """
    counted = liver.counted(with_indeterminate=with_indeterminate)
    by_id = {lesion.id: lesion for lesion in counted}
    treated = [t for t in local if t.lesion in by_id]
    if measured_margin_ml is None:
        parts = [estimated_margin_ml(liver, by_id[t.lesion], t, retained, counted) for t in treated]
        margin_ml = math.fsum(parts)
    else:
        margin_ml = measured_margin_ml
    left_ml = math.fsum(liver.segments_ml[s] for s in retained)
    tumour_left_ml = math.fsum(lesion.in_segments(retained) for lesion in counted)
    tumour_ml = math.fsum(lesion.total_ml for lesion in counted)
    names = {t.lesion for t in treated}
    residues = {i.id: 0.0 if i.id in names else i.in_segments(retained) for i in counted}
    return Remnant(
        flr_ml=max(left_ml - tumour_left_ml - margin_ml, 0.0),
        margin_parenchyma_ml=margin_ml,
        is_margin_estimated=measured_margin_ml is None
        and any(t.margin_parenchyma_ml is None for t in treated),
        functional_ml=math.fsum(liver.segments_ml.values()) - tumour_ml,
        tumour_ml=tumour_ml,
        residual_ml=math.fsum(residues.values()),
        clearance_count_pct=_cleared_pct(residues),
    )


def _cleared_pct(residues: Mapping[str, float]) -> float | None:
    """Share of lesions that are gone, %; None without lesions."""
    if not residues:
        return None
    return 100 * sum(residue <= CLEARED_ML for residue in residues.values()) / len(residues)
