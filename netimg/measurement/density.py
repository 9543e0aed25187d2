"""Density of one lesion on CT: HU, enhancement against the liver, calcium, fluid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netimg.finding import Finding
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import CORE_NAMES, HU_NAMES
from netimg.measurement.intensity import Statistics, core, statistics, tissue
from netimg.measurement.lesion_part import (
    Ground,
    Part,
    codes_of,
    lesion_finding,
    lesion_flag,
)
from netimg.study import Phase

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX


def density_findings(part: Part, ground: Ground) -> tuple[list[Finding], list[Flag]]:
    """HU of a lesion and its core, against the liver, calcium and fluid; with the doubts."""
    derived = ("enhancement_vs_liver_hu", "enhancement_ratio", "enhancement_class")
    if ground.hu is None:
        names = (*HU_NAMES, *CORE_NAMES, *derived, "calcified_pct", "necrotic_pct")
        reason = "missing_input:ct"
        return [lesion_finding(part, ground, name, None, reason=reason) for name in names], []
    hu = ground.hu[part.box]
    flags = []
    inner = core(part.mask, part.grid.spacing_mm, ground.number("core_depth_mm"))
    if not inner.any():
        sentence = f"{part.lesion.id} is too thin for values 1 mm inside its outline."
        flags.append(lesion_flag(part, "too_thin", Severity.INFO, sentence))
    untested = () if ground.phase is not Phase.UNKNOWN else ("phase_unknown",)
    whole = statistics(tissue(hu[part.mask]))
    note = f"phase {ground.phase.value}"
    findings = [
        *_statistics(part, ground, HU_NAMES, whole, note=note, flags=untested),
        *_statistics(
            part,
            ground,
            CORE_NAMES,
            statistics(tissue(hu[inner])),
            note=note,
            flags=(*untested, *codes_of(flags)),
        ),
        *_enhancement(part, ground, whole, note, untested),
        _calcified(part, ground, hu),
        _necrotic(part, ground, tissue(hu[inner])),
    ]
    return findings, flags


def _statistics(
    part: Part,
    ground: Ground,
    names: tuple[str, ...],
    values: Statistics | None,
    *,
    note: str,
    flags: tuple[str, ...],
) -> list[Finding]:
    """One finding per name ``hu_mean ... hu_max`` or ``hu_core_mean ... hu_core_max``."""
    reason = None if values else f"not_assessable:{part.lesion.id}"
    return [
        lesion_finding(
            part,
            ground,
            name,
            getattr(values, name.rpartition("_")[2]) if values else None,
            reason=reason,
            note=note,
            flags=flags,
        )
        for name in names
    ]


def _enhancement(
    part: Part, ground: Ground, whole: Statistics | None, note: str, flags: tuple[str, ...]
) -> list[Finding]:
    names = ("enhancement_vs_liver_hu", "enhancement_ratio", "enhancement_class")
    if whole is None or ground.liver_hu is None:
        reason = "missing_input:tumour_free_liver" if whole else f"not_assessable:{part.lesion.id}"
        return [lesion_finding(part, ground, name, None, reason=reason) for name in names]
    gap = whole.mean - ground.liver_hu
    iso = ground.number("enhancement_iso_hu")
    kind = "hyper" if gap > iso else "hypo" if gap < -iso else "iso"
    ratio = whole.mean / ground.liver_hu if ground.liver_hu > 0 else None
    without = None if ratio is not None else "missing_input:tumour_free_liver"
    return [
        lesion_finding(part, ground, names[0], gap, note=note, flags=flags),
        lesion_finding(part, ground, names[1], ratio, reason=without, note=note, flags=flags),
        lesion_finding(part, ground, names[2], kind, note=note, flags=flags),
    ]


def _calcified(part: Part, ground: Ground, hu: FloatZYX) -> Finding:
    """Share of dense voxels; what was put into the liver is not calcium."""
    limit = ground.number("calcified_above_hu")
    own = part.mask if ground.treated is None else part.mask & ~ground.treated[part.box]
    share = 100.0 * int(np.count_nonzero(hu[own] > limit)) / int(np.count_nonzero(part.mask))
    return lesion_finding(part, ground, "calcified_pct", share, note=f"> {limit:g} HU")


def _necrotic(part: Part, ground: Ground, inner: FloatZYX) -> Finding:
    low, high = ground.number("necrotic_from_hu"), ground.number("necrotic_to_hu")
    note = f"{low:g} to {high:g} HU"
    if ground.phase in (Phase.UNKNOWN, Phase.UNENHANCED):
        reason = "missing_input:contrast_phase"
    elif not inner.size:
        reason = f"not_assessable:{part.lesion.id}"
    else:
        share = 100.0 * int(np.count_nonzero((inner >= low) & (inner <= high))) / inner.size
        return lesion_finding(part, ground, "necrotic_pct", share, note=note)
    return lesion_finding(part, ground, "necrotic_pct", None, reason=reason, note=note)
