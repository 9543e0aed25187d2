"""One lesion on one PET: uptake, peaks, volume above threshold, ratios, Krenning score.

Means are taken in the core; maximum and peaks are looked for in the core and in what is hotter than
liver in the margin around it, because breathing and blur move uptake out of a mask that was drawn
on the CT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.finding import Finding, Scope, Value
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import PET_LESION, measured
from netimg.measurement.intensity import Statistics, statistics
from netimg.measurement.pet_ground import PetGround, search_region
from netimg.measurement.pet_volume import PERCIST, tumour_volume
from netimg.measurement.scores import krenning
from netimg.measurement.suv_peak import peaks
from netimg.study import TracerClass

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.lesion import Lesion
    from netimg.measurement.components import Box
    from netimg.measurement.pet_reference import Reference
    from netimg.measurement.pet_regions import References
    from netimg.measurement.uncertainty import Interval

_FEW_VOXELS = 3
_CORE_NAMES = ("mean", "sd", "median", "p10", "p90", "min")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Uptake:
    """Values of a lesion: statistics of the core, and the region the maximum was sought in."""

    lesion: Lesion
    core: Statistics
    maximum: float
    region: MaskZYX
    box: Box
    flags: tuple[str, ...]
    bound: str | None


def names_for(ground: PetGround) -> tuple[str, ...]:
    """Measures of a lesion on this PET; the Krenning score belongs to SSTR tracers."""
    is_sstr = ground.series.tracer_class is TracerClass.SSTR
    return tuple(name for name in PET_LESION if is_sstr or name != "krenning")


def missing_findings(ground: PetGround, lesion: Lesion, reason: str) -> list[Finding]:
    """Every measure of a lesion on this PET, missing for one reason."""
    return [
        _finding(ground, lesion, name, None, reason=reason, flags=ground.refused)
        for name in names_for(ground)
    ]


def lesion_findings(
    ground: PetGround,
    lesion: Lesion,
    references: References,
    *,
    longest_mm: float | None,
) -> tuple[list[Finding], list[Flag]]:
    """Everything that a PET says about a lesion.

    Parameters
    ----------
    ground, references
        The PET with the lesion's core on it, with SUV; its reference regions.
    lesion
        Whose core lies in the field.
    longest_mm
        From the grid it was drawn on; decides about partial volume.
    """
    assert ground.suv is not None  # noqa: S101  # the caller looked
    uptake, flags = _uptake(ground, lesion, ground.suv, longest_mm, references.liver)
    spread = _spread(ground)
    findings = [
        *_statistics(ground, uptake, spread),
        *_peaks(ground, uptake, ground.suv, spread, flags),
        *_volumes(ground, uptake, ground.suv, references.liver),
        *_ratios(ground, uptake, references),
        _finding(ground, lesion, "sub_voxel", ground.cores[lesion.number].sub_voxel),
    ]
    if ground.series.tracer_class is TracerClass.SSTR:
        findings.append(_krenning(ground, uptake, references, longest_mm))
    return findings, flags


def _uptake(
    ground: PetGround,
    lesion: Lesion,
    suv: FloatZYX,
    longest_mm: float | None,
    liver: Reference | None,
) -> tuple[_Uptake, list[Flag]]:
    """Core statistics, the searched region and the doubts about them."""
    core = ground.cores[lesion.number]
    values = statistics(suv[core.box][core.mask])
    assert values is not None  # noqa: S101  # a core has a voxel
    above = ground.number("pet_margin_liver_sd")
    liver_ends = None if liver is None else liver.values.mean + above * liver.values.sd
    region, box = search_region(ground, lesion.number, liver_ends=liver_ends)
    maximum = float(suv[box][region].max())
    flags = _doubts(ground, lesion, values, maximum, longest_mm)
    codes = tuple(flag.code for flag in flags)
    uptake = _Uptake(
        lesion=lesion,
        core=values,
        maximum=maximum,
        region=region,
        box=box,
        flags=codes,
        bound="lower" if "sub_resolution" in codes else None,
    )
    return uptake, flags


def _doubts(
    ground: PetGround, lesion: Lesion, core: Statistics, maximum: float, longest_mm: float | None
) -> list[Flag]:
    name, on = lesion.id, ground.prefix.upper()
    flags = []
    if ground.cores[lesion.number].sub_voxel:
        sentence = f"{name} fills no {on} PET voxel by half; the best covered one is measured."
        flags.append(_flag(lesion, "sub_voxel", Severity.INFO, sentence))
    limit = 2.0 * ground.number("fwhm_mm")
    if core.n < _FEW_VOXELS or (longest_mm is not None and longest_mm < limit):
        sentence = f"{name} is below the resolution of the {on} PET: its uptake is a lower bound."
        flags.append(
            _flag(lesion, "sub_resolution", Severity.INFO, sentence, value=longest_mm, limit=limit)
        )
    if maximum > core.max:
        sentence = (
            f"The hottest {on} PET voxel of {name} ({maximum:.1f}) lies in the margin around its "
            f"mask, not inside ({core.max:.1f})."
        )
        flags.append(
            _flag(lesion, "peak_in_margin", Severity.INFO, sentence, value=maximum, limit=core.max)
        )
    return flags


def _statistics(
    ground: PetGround, uptake: _Uptake, spread: tuple[float, float] | None
) -> list[Finding]:
    values = {
        "suv_max": uptake.maximum,
        "suv_max_core": uptake.core.max,
        **{f"suv_{name}": float(getattr(uptake.core, name)) for name in _CORE_NAMES},
    }
    return [_suv(ground, uptake, name, value, spread) for name, value in values.items()]


def _peaks(
    ground: PetGround,
    uptake: _Uptake,
    suv: FloatZYX,
    spread: tuple[float, float] | None,
    flags: list[Flag],
) -> list[Finding]:
    """Return the four peaks; a sphere that left the image adds its flag to ``flags``."""
    whole = np.zeros(suv.shape, dtype=np.bool_)
    whole[uptake.box] = uptake.region
    found = peaks(suv, whole, ground.grid.spacing_mm, peak_ml=ground.number("peak_ml"))
    codes = uptake.flags
    if found.truncated:
        sentence = f"The peak sphere of {uptake.lesion.id} leaves the image."
        flags.append(_flag(uptake.lesion, "truncated", Severity.INFO, sentence))
        codes = (*codes, "truncated")
    values = {
        "suv_peak_sphere": found.sphere,
        "suv_peak_ibsi": found.ibsi,
        "suv_peak_sphere_local": found.sphere_local,
        "suv_peak_ibsi_local": found.ibsi_local,
    }
    return [_suv(ground, uptake, name, v, spread, flags=codes) for name, v in values.items()]


def _volumes(
    ground: PetGround, uptake: _Uptake, suv: FloatZYX, liver: Reference | None
) -> list[Finding]:
    names = ("tv_ml", "tl_g")
    tracer = ground.series.tracer_class
    key = f"measurement.pet_volume_{tracer.value}"
    reason = None
    if tracer not in (TracerClass.SSTR, TracerClass.FDG):
        reason = "missing_input:tracer"
    elif liver is None:
        reason = f"missing_input:pet.{ground.prefix}.reference.liver_mean"
    elif tracer is not TracerClass.FDG and ground.settings[key] == PERCIST:
        reason = f"not_assessable:{PERCIST}"
    if reason or liver is None:
        return [_finding(ground, uptake.lesion, name, None, reason=reason) for name in names]
    part = suv[uptake.box]
    found = tumour_volume(
        part,
        uptake.region,
        ground.grid.voxel_ml,
        method=str(ground.settings[key]),
        liver=liver.values,
    )
    note = f"{found.method}, threshold {found.threshold:.4g}"
    empty = "below_threshold" if found.tv_ml == 0.0 else None
    return [
        _finding(ground, uptake.lesion, name, value, note=note, reason=empty, flags=uptake.flags)
        for name, value in zip(names, (found.tv_ml, found.tl_g), strict=True)
    ]


def _ratios(ground: PetGround, uptake: _Uptake, references: References) -> list[Finding]:
    findings = []
    for name, reference in (
        ("liver", references.liver),
        ("spleen", references.spleen),
        ("blood", references.blood_pool),
    ):
        mean = reference.values.mean if reference is not None else 0.0
        ratio = uptake.maximum / mean if mean > 0 else None
        key = "blood_pool" if name == "blood" else name
        reason = f"missing_input:pet.{ground.prefix}.reference.{key}_mean"
        findings.append(
            _finding(
                ground,
                uptake.lesion,
                f"ratio_{name}",
                ratio,
                reason=None if ratio is not None else reason,
                flags=uptake.flags,
                bound=uptake.bound,
            )
        )
    return findings


def _krenning(
    ground: PetGround, uptake: _Uptake, references: References, longest_mm: float | None
) -> Finding:
    """Krenning score, or the references and the size that keep it open."""
    score = krenning(
        uptake.maximum,
        blood_pool=_mean(references.blood_pool),
        liver=_mean(references.liver),
        spleen=_mean(references.spleen),
        longest_mm=longest_mm,
        min_lesion_mm=ground.number("pet_min_lesion_mm"),
    )
    reasons = [f"missing_input:pet.{ground.prefix}.reference.{n}_mean" for n in score.missing]
    if score.too_small:
        reasons.append(f"not_assessable:lesions.{uptake.lesion.id}")
    note = "" if score.value is not None else f"{score.lowest}..{score.highest}"
    reason = None if score.value is not None else ";".join(sorted(reasons))
    return _finding(
        ground, uptake.lesion, "krenning", score.value, reason=reason, note=note, flags=uptake.flags
    )


def _mean(reference: Reference | None) -> float | None:
    return None if reference is None else reference.values.mean


def _spread(ground: PetGround) -> tuple[float, float] | None:
    """Smallest and largest SUV of the decay candidates, relative to the one that was taken."""
    record = ground.series.suv
    factors = [] if record is None else [c.relative_suv for c in record.candidates]
    low, high = min(factors, default=1.0), max(factors, default=1.0)
    return None if low == high else (min(low, 1.0), max(high, 1.0))


def _suv(
    ground: PetGround,
    uptake: _Uptake,
    name: str,
    value: float,
    spread: tuple[float, float] | None,
    *,
    flags: tuple[str, ...] | None = None,
) -> Finding:
    interval: Interval | None = None
    if spread is not None:
        interval = (value * spread[0], value * spread[1], "repeat")
    return _finding(
        ground,
        uptake.lesion,
        name,
        value,
        interval=interval,
        flags=uptake.flags if flags is None else flags,
        bound=uptake.bound if name not in ("suv_sd", "suv_min") else None,
    )


def _finding(
    ground: PetGround,
    lesion: Lesion,
    name: str,
    value: Value | None,
    **more: Any,  # noqa: ANN401  # the fields of `measured`
) -> Finding:
    full = f"{ground.prefix}_{name}"
    return measured(full, value, on=ground.on, scope=Scope.LESION, id=lesion.id, **more)


def _flag(
    lesion: Lesion,
    code: str,
    severity: Severity,
    sentence: str,
    *,
    value: float | None = None,
    limit: float | None = None,
) -> Flag:
    return Flag(
        code=code,
        severity=severity,
        sentence=sentence,
        touches=(lesion.id,),
        value=value,
        threshold=limit,
    )
