"""The order of work: the grid the anatomy was drawn on first, then each PET."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.finding import Finding, Findings, Scope, Source
from netimg.flag import Flag, Severity
from netimg.measurement.burden import (
    dominant_findings,
    no_lesions_reason,
    patient_findings,
    segment_findings,
    tissue_of,
)
from netimg.measurement.catalogue import PATIENT, measured, source_of
from netimg.measurement.components import among, boxes_of
from netimg.measurement.ct_lesion import lesion_findings
from netimg.measurement.intensity import statistics, tissue
from netimg.measurement.lesion_part import Ground, part_of
from netimg.measurement.liver_tissue import tumour_free
from netimg.measurement.location import Surface
from netimg.measurement.pet import pet_findings
from netimg.measurement.targets import Candidate, choose_targets
from netimg.measurement.uncertainty import ModelBand
from netimg.study import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.anatomy import Anatomy
    from netimg.arrays import MaskZYX
    from netimg.lesion import Lesion
    from netimg.progress import Progress
    from netimg.settings import Settings
    from netimg.study import Series, Study

log = logging.getLogger(__name__)

_GRID_TOL_MM = 0.01
_EVERY_NUMBER = ("GEO-018",)
"""A CT that was straightened or filled on request."""
_VESSELS = {"hepatic_vein": 21, "portal_vein": 22, "ivc": 23}
_TREATED = (61, 62, 63)


def everything(
    study: Study, anatomy: Anatomy | None, settings: Settings, progress: Progress
) -> Findings:
    """Findings of a study; see `netimg.measurement.measure`."""
    if anatomy is None:
        findings = [
            measured(name, None, on=Source(kind="measured"), reason="missing_input:liver")
            for name in sorted(PATIENT)
        ]
        flags: list[Flag] = []
    else:
        findings, flags = _on_own_grid(study, anatomy, settings, progress)
    longest = {f.id: f.number for f in findings if f.name == "longest_mm" and f.number}
    on_pets, doubts = pet_findings(
        study,
        anatomy,
        None if anatomy is None else host(study, anatomy),
        settings,
        longest_mm=longest,
        progress=progress,
    )
    findings += on_pets
    flags += doubts
    log.info("measured", extra={"findings": len(findings), "flags": len(flags)})
    return Findings(items=tuple(findings), flags=tuple(dict.fromkeys(flags)))


def _on_own_grid(
    study: Study, anatomy: Anatomy, settings: Settings, progress: Progress
) -> tuple[list[Finding], list[Flag]]:
    """Volumes, burden and lesions on the grid that the anatomy lies on."""
    series = host(study, anatomy)
    on = source_of(series)
    cropped = tissue_of(anatomy)
    ground = _ground(anatomy, series, on, settings)
    lesions, flags, band = _lesions(anatomy, ground, progress)
    total = band.total() if band else None
    segments, doubts = segment_findings(anatomy, cropped, on, settings)
    findings = [
        *patient_findings(anatomy, cropped, on, total),
        *dominant_findings(cropped, anatomy, on),
        *segments,
        *lesions,
        *_diameters(anatomy, lesions, flags, series=series, on=on, settings=settings),
    ]
    lasting = [flag for flag in series.flags if flag.code in _EVERY_NUMBER]
    return _marked(findings, lasting), flags + doubts + lasting


def _marked(findings: Sequence[Finding], lasting: Sequence[Flag]) -> list[Finding]:
    """Findings with the codes of doubts that go with every number of their series."""
    codes = [flag.code for flag in lasting]
    return [
        replace(f, flags=tuple(dict.fromkeys((*f.flags, *codes)))) if f.value is not None else f
        for f in findings
    ]


def host(study: Study, anatomy: Anatomy) -> Series:
    """Return the series whose grid the anatomy lies on: the CT, a PET, any other.

    Raises
    ------
    ValueError
        If there is none.
    """
    chosen = (study.ct, *study.pets, *study.series)
    for series in chosen:
        if series is not None and series.grid.same_as(anatomy.grid, tol_mm=_GRID_TOL_MM):
            return series
    msg = f"the anatomy ({anatomy.grid!r}) lies on the grid of no series of this study"
    raise ValueError(msg)


def _ground(anatomy: Anatomy, series: Series, on: Source, settings: Settings) -> Ground:
    """What the lesions share: HU, tumour-free liver, surfaces, segments."""
    grid = anatomy.grid
    hu = series.load().values if series.kind == "CT" else None
    surfaces = _surfaces(anatomy)
    capsule = surfaces.get("capsule")
    liver_hu = None
    if hu is not None and capsule is not None:
        free = tumour_free(
            capsule.depth_mm,
            anatomy.lesion_labels.labels[capsule.box],
            grid.spacing_mm,
            deep_mm=float(settings["measurement.tumour_free_depth_mm"]),
            gap_mm=float(settings["measurement.tumour_free_lesion_gap_mm"]),
        )
        vessels = _organs(anatomy, tuple(_VESSELS.values()))
        if vessels is not None:
            free &= ~vessels[capsule.box]
        mean = statistics(tissue(hu[capsule.box][free]))
        liver_hu = mean.mean if mean else None
    return Ground(
        grid=grid,
        on=on,
        labels=anatomy.lesion_labels.labels,
        settings=settings,
        hu=hu,
        phase=series.phase,
        liver_hu=liver_hu,
        segments=None if anatomy.segments is None else anatomy.segments.labels,
        surfaces=surfaces,
        treated=_organs(anatomy, _TREATED),
    )


def _surfaces(anatomy: Anatomy) -> dict[str, Surface]:
    """Capsule and vessels, as far as they are known and inside the image."""
    liver = anatomy.liver.voxels
    if not anatomy.has_liver or anatomy.liver.is_empty or liver.all():
        return {}
    spacing = anatomy.grid.spacing_mm
    capsule = Surface.around(liver, spacing)
    surfaces = {"capsule": capsule}
    for name, code in _VESSELS.items():
        vessel = _organs(anatomy, (code,))
        if vessel is not None and vessel[capsule.box].any():
            surfaces[name] = Surface.towards(vessel, capsule.box, spacing)
    return surfaces


def _organs(anatomy: Anatomy, codes: tuple[int, ...]) -> MaskZYX | None:
    """Voxels of some organs together; None where none of them is known."""
    if anatomy.organs is None or not set(codes) & set(anatomy.organs.present()):
        return None
    return among(anatomy.organs.labels, codes)


def _lesions(
    anatomy: Anatomy, ground: Ground, progress: Progress
) -> tuple[list[Finding], list[Flag], ModelBand | None]:
    """Findings of every lesion, their doubts, and the model's band of those that count."""
    findings: list[Finding] = []
    flags = _phase_doubt(anatomy, ground)
    band = None
    if anatomy.lesion_probability is not None:
        band = ModelBand(anatomy.lesion_probability, ground.labels, ground.grid, ground.settings)
    boxes = boxes_of(ground.labels, max((n.number for n in anatomy.lesions), default=0))
    for done, lesion in enumerate(anatomy.lesions, start=1):
        if lesion.number in boxes:
            box = boxes[lesion.number]
            own = band.lesion(lesion.number, box) if band and lesion.counts else None
            found, doubts = lesion_findings(part_of(ground, lesion, box), ground, own)
            findings += found
            flags += doubts
        progress.step(done, len(anatomy.lesions))
    return findings, flags, band


def _phase_doubt(anatomy: Anatomy, ground: Ground) -> list[Flag]:
    """Doubt about every HU where nobody said the contrast phase; said once."""
    known = ground.hu is None or ground.phase is not Phase.UNKNOWN or not anatomy.lesions
    if known or any(flag.code == "phase_unknown" for flag in anatomy.flags):
        return []
    return [
        Flag(
            code="phase_unknown",
            severity=Severity.MEDIUM,
            sentence=f"The contrast phase of {ground.on.on} is not known: HU depend on it.",
            touches=("hu_mean", "enhancement_vs_liver_hu"),
        )
    ]


def _diameters(
    anatomy: Anatomy,
    lesions: list[Finding],
    flags: list[Flag],
    *,
    series: Series,
    on: Source,
    settings: Settings,
) -> list[Finding]:
    """Longest diameter of all, targets and their sum; RECIST 1.1 has targets on CT only."""
    names = ("longest_mm", "sum_diameters_mm")
    by_key = {(f.id, f.name): f for f in lesions}
    counted = [n for n in anatomy.lesions if n.counts and (n.id, "longest_mm") in by_key]
    if not counted:
        reason = no_lesions_reason(anatomy)
        return [measured(name, None, on=on, reason=reason) for name in names]
    longest = max((by_key[n.id, "longest_mm"] for n in counted), key=lambda f: f.number or 0.0)
    interval = (longest.lo or 0.0, longest.hi or 0.0, longest.interval or "boundary")
    over_all = measured(
        "longest_mm", longest.value, on=on, interval=interval, note=f"of {longest.id}"
    )
    if series.kind != "CT":
        no_ct = "missing_input:ct"
        return [
            *(
                measured("target", None, on=on, scope=Scope.LESION, id=n.id, reason=no_ct)
                for n in counted
            ),
            over_all,
            measured("sum_diameters_mm", None, on=on, reason=no_ct),
        ]
    targets = choose_targets(
        _candidates(counted, by_key, flags),
        at_most=int(settings["measurement.recist_targets_liver"]),
        thickness_mm=max(series.slice_thickness_mm or 0.0, anatomy.grid.spacing_mm[0]),
        min_mm=float(settings["measurement.recist_min_mm"]),
        thick_slice_mm=float(settings["measurement.recist_thick_slice_mm"]),
    )
    chosen = {target.lesion.id: target for target in targets}
    findings = [
        measured("target", lesion.id in chosen, on=on, scope=Scope.LESION, id=lesion.id)
        for lesion in counted
    ]
    findings.append(over_all)
    if not targets:
        reason = "not_assessable:lesions"
        return [*findings, measured("sum_diameters_mm", None, on=on, reason=reason)]
    total = sum(target.longest_mm for target in targets)
    note = "targets " + ", ".join(chosen)
    return [*findings, measured("sum_diameters_mm", total, on=on, note=note)]


def _candidates(
    counted: list[Lesion], by_key: Mapping[tuple[str, str], Finding], flags: list[Flag]
) -> list[Candidate]:
    """What the choice of targets reads, from the findings and flags of each lesion."""
    return [
        Candidate(
            lesion=lesion,
            longest_mm=by_key[lesion.id, "longest_mm"].number or 0.0,
            flags=frozenset(flag.code for flag in flags if lesion.id in flag.touches),
            contrast_hu=by_key[lesion.id, "enhancement_vs_liver_hu"].number,
        )
        for lesion in counted
    ]
