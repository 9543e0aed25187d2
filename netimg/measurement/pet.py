"""Each chosen PET in turn: references, lesions, totals, the whole series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.finding import Finding, Scope
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import measured
from netimg.measurement.pet_ground import PetGround, pet_ground
from netimg.measurement.pet_lesion import lesion_findings, missing_findings
from netimg.measurement.pet_norms import in_other_norms
from netimg.measurement.pet_regions import missing_reason, reference_findings
from netimg.study import TracerClass

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.measurement.pet_regions import References
    from netimg.progress import Progress
    from netimg.settings import Settings
    from netimg.study import Series, Study

_TOTALS = {"liver_tv_ml": "tv_ml", "liver_tl_g": "tl_g"}


def pet_findings(
    study: Study,
    anatomy: Anatomy | None,
    host: Series | None,
    settings: Settings,
    *,
    longest_mm: dict[str, float],
    progress: Progress,
) -> tuple[list[Finding], list[Flag]]:
    """Findings of every chosen PET, one per tracer class.

    Parameters
    ----------
    study, anatomy, host
        The study; the anatomy and the series it was drawn on, if there is one.
    settings
        Margins, sizes and methods.
    longest_mm
        Longest diameter by lesion id, from the grid it was drawn on.
    progress
        Told of each PET.
    """
    findings: list[Finding] = []
    flags: list[Flag] = []
    seen: dict[TracerClass, Series] = {}
    for done, series in enumerate(study.pets, start=1):
        first = seen.setdefault(series.tracer_class, series)
        if first is not series:
            flags.append(_second(series, first))
            continue
        ground = pet_ground(series, anatomy, host, settings)
        found, doubts = _one(ground, anatomy, longest_mm)
        findings += found
        flags += doubts
        progress.step(done, len(study.pets))
    return findings, flags


def _one(
    ground: PetGround, anatomy: Anatomy | None, longest_mm: dict[str, float]
) -> tuple[list[Finding], list[Flag]]:
    references, findings, flags = reference_findings(ground, anatomy)
    lesions: list[Finding] = []
    for lesion in anatomy.lesions if anatomy else ():
        if ground.suv is None or not ground.paired:
            lesions += missing_findings(ground, lesion, missing_reason(ground, anatomy))
        elif lesion.number not in ground.cores:
            lesions += missing_findings(ground, lesion, f"not_assessable:{lesion.id}")
            flags.append(_outside(ground, lesion.id))
        else:
            found, doubts = lesion_findings(
                ground, lesion, references, longest_mm=longest_mm.get(lesion.id)
            )
            lesions += found
            flags += doubts
    totals = _totals(ground, anatomy, references, lesions)
    flags += _below_zero(ground)
    series = _series(ground)
    record = ground.series.suv
    ratios = record.norm_ratios if record is not None and record.possible else {}
    others = in_other_norms([*lesions, *series], ratios)
    return [*findings, *lesions, *totals, *series, *others], flags


def _totals(
    ground: PetGround, anatomy: Anatomy | None, references: References, lesions: list[Finding]
) -> list[Finding]:
    """Sums over the liver lesions that count; their regions do not overlap."""
    reason = missing_reason(ground, anatomy)
    counted: set[str] = set()
    if anatomy is not None and ground.suv is not None and ground.paired:
        counted = {lesion.id for lesion in anatomy.lesions if lesion.counts}
        reason = "missing_input:lesions"
        if references.liver is None:
            reason = f"missing_input:pet.{ground.prefix}.reference.liver_mean"
    looked = anatomy is not None and anatomy.has_lesions and references.liver is not None
    totals = []
    for name, part in _TOTALS.items():
        own = [f for f in lesions if f.id in counted and f.name == f"{ground.prefix}_{part}"]
        known = looked and all(f.value is not None for f in own)
        if looked and not known:
            reason = next(f.reason or "" for f in own if f.value is None)
        value = sum(f.number or 0.0 for f in own) if known else None
        totals.append(
            _pet(ground, name, value, None if known else reason, own[0].method if own else "")
        )
    return totals


def _series(ground: PetGround) -> list[Finding]:
    """Maximum of the whole series and uptake time."""
    record = ground.series.suv
    seconds = record.uptake_s if record is not None else None
    minutes = None if seconds is None else seconds / 60.0
    maximum = None if ground.suv is None else float(ground.suv.max())
    return [
        _pet(ground, "suv_max", maximum, None if maximum is not None else "missing_input:suv"),
        _pet(
            ground,
            "uptake_time_min",
            minutes,
            None if minutes is not None else "missing_input:uptake_time",
        ),
    ]


def _pet(
    ground: PetGround, name: str, value: float | None, reason: str | None, note: str = ""
) -> Finding:
    return measured(
        f"{ground.prefix}_{name}",
        value,
        on=ground.on,
        scope=Scope.PET,
        id=ground.prefix,
        reason=reason,
        flags=ground.refused,
        note=note,
    )


def _below_zero(ground: PetGround) -> list[Flag]:
    """Voxels that no uptake explains: noise of the reconstruction, or a wrong scale."""
    below = 0 if ground.suv is None else int((ground.suv < 0).sum())
    if not below:
        return []
    voxels = "1 voxel" if below == 1 else f"{below} voxels"
    return [
        Flag(
            code="SUV-021",
            severity=Severity.MEDIUM,
            sentence=f"{voxels} of the {ground.prefix.upper()} PET {_lie(below)} below zero.",
            touches=("pet",),
            value=float(below),
        )
    ]


def _lie(n: int) -> str:
    return "lies" if n == 1 else "lie"


def _outside(ground: PetGround, lesion: str) -> Flag:
    return Flag(
        code="outside_pet",
        severity=Severity.MEDIUM,
        sentence=f"{lesion} lies outside the field of the {ground.prefix.upper()} PET.",
        touches=(lesion,),
    )


def _second(series: Series, first: Series) -> Flag:
    return Flag(
        code="pet_second",
        severity=Severity.INFO,
        sentence=(
            f"Series {series.number} is a second PET of the same tracer class as series "
            f"{first.number} and was not measured."
        ),
        touches=("pet",),
    )
