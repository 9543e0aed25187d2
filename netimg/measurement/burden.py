"""Liver, tumour and burden: of the patient, of each side, of each segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.anatomy import SEGMENT_CODES
from netimg.finding import Finding, Scope
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import measured
from netimg.measurement.components import among, box_of
from netimg.measurement.location import HEMILIVERS, segment_counts, segment_table
from netimg.measurement.mesh import band_ml
from netimg.measurement.uncertainty import (
    Interval,
    burden_interval,
    containing,
    wider,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.anatomy import Anatomy
    from netimg.arrays import LabelZYX, MaskZYX
    from netimg.finding import Source
    from netimg.settings import Settings

_SPLEEN = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A volume with its interval, mL."""

    ml: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tissue:
    """Liver and tumour on the box of the liver.

    ``lesion_numbers`` are those that count as tumour; ``model_band`` the model's interval of the
    whole tumour, where it gave a probability.
    """

    liver: MaskZYX
    tumour: MaskZYX
    labels: LabelZYX
    segments: LabelZYX | None
    voxel_ml: float
    lesion_numbers: tuple[int, ...]


def tissue_of(anatomy: Anatomy) -> Tissue | None:
    """Crop an Anatomy to the box of its liver and lesions; None where it is empty."""
    box = box_of(anatomy.liver.voxels)
    if box is None:
        return None
    labels = anatomy.lesion_labels.labels[box]
    numbers = tuple(lesion.number for lesion in anatomy.lesions if lesion.counts)
    return Tissue(
        liver=anatomy.liver.voxels[box],
        tumour=among(labels, numbers),
        labels=labels,
        segments=None if anatomy.segments is None else anatomy.segments.labels[box],
        voxel_ml=anatomy.grid.voxel_ml,
        lesion_numbers=numbers,
    )


def patient_findings(
    anatomy: Anatomy, tissue: Tissue | None, on: Source, model_band: Interval | None
) -> list[Finding]:
    """Volumes, burden and count of the whole liver.

    Parameters
    ----------
    anatomy, tissue
        The anatomy and its crop.
    on
        The series it was drawn on.
    model_band
        Interval of the tumour volume by the model's probability.

    Returns
    -------
    list of Finding
        Without a known liver or lesions the findings that need them are missing with a reason.
    """
    findings = [_spleen(anatomy, on)]
    liver = _liver(anatomy, tissue) if anatomy.has_liver else None
    tumour = _tumour(anatomy, tissue, model_band) if anatomy.has_lesions else None
    no_liver, no_lesions = "missing_input:liver", "missing_input:lesions"
    cut = "lower" if any(flag.code == "liver_cut_fov" for flag in anatomy.flags) else None
    findings.append(_amount("liver_volume_ml", liver, on, no_liver, cut))
    findings.append(_amount("tumour_volume_ml", tumour, on, no_lesions))
    count = len(tissue.lesion_numbers) if tissue else 0
    findings.append(
        measured("lesion_count", count, on=on)
        if anatomy.has_lesions
        else measured("lesion_count", None, on=on, reason=no_lesions)
    )
    if liver is None or tumour is None:
        reason = no_liver if liver is None else no_lesions
        names = ("functional_liver_ml", "burden_pct")
        return findings + [measured(name, None, on=on, reason=reason) for name in names]
    findings.append(_functional(liver, tumour, on))
    findings.append(_burden("burden_pct", liver, tumour, on))
    return findings


def dominant_findings(tissue: Tissue | None, anatomy: Anatomy, on: Source) -> list[Finding]:
    """Which lesion is the largest, and its share of the tumour."""
    names = ("dominant_lesion", "dominant_lesion_pct")
    if not anatomy.has_lesions or tissue is None or not tissue.lesion_numbers:
        reason = no_lesions_reason(anatomy)
        return [measured(name, None, on=on, reason=reason) for name in names]
    counts = np.bincount(tissue.labels[tissue.tumour], minlength=max(tissue.lesion_numbers) + 1)
    sizes = {n: int(counts[n]) for n in tissue.lesion_numbers}
    largest = max(sizes, key=lambda n: (sizes[n], -n))
    share = 100.0 * sizes[largest] / sum(sizes.values())
    return [measured(names[0], f"L{largest}", on=on), measured(names[1], share, on=on)]


def no_lesions_reason(anatomy: Anatomy) -> str:
    """Why there is no lesion to speak of: nobody looked, or none counts as tumour."""
    return "not_applicable:lesions" if anatomy.has_lesions else "missing_input:lesions"


def segment_findings(
    anatomy: Anatomy, tissue: Tissue | None, on: Source, settings: Settings
) -> tuple[list[Finding], list[Flag]]:
    """Volumes and burden of segments and sides, involved segments, bilobar disease."""
    if tissue is None or tissue.segments is None or not anatomy.has_liver:
        names = (*_SIDE_BURDENS, "segments_involved", "bilobar")
        reason = "missing_input:segments_ml"
        return [measured(name, None, on=on, reason=reason) for name in names], []
    masks = _segment_masks(tissue)
    findings: list[Finding] = []
    for name, inside in masks.items():
        findings += _part(anatomy, tissue, inside, scope=Scope.SEGMENT, id=name, on=on)
    for side, members in HEMILIVERS.items():
        inside = np.logical_or.reduce([masks[name] for name in members])
        part = _part(anatomy, tissue, inside, scope=Scope.HEMILIVER, id=side, on=on)
        findings.append(_side_burden(side, part, on))
        if side != "caudate":
            findings += part
    spread, flags = _spread(anatomy, tissue, on, settings)
    return findings + spread, _unlabelled(tissue, masks, settings) + flags


_SIDE_BURDENS = tuple(f"burden_{side}_pct" for side in HEMILIVERS)


def _spleen(anatomy: Anatomy, on: Source) -> Finding:
    spleen = anatomy.organ(_SPLEEN)
    if spleen is None:
        return measured("spleen_volume_ml", None, on=on, reason="missing_input:spleen")
    band = _band(spleen.voxels, anatomy)
    return measured("spleen_volume_ml", spleen.volume_ml, on=on, interval=band)


def _liver(anatomy: Anatomy, tissue: Tissue | None) -> Amount | None:
    if tissue is None:
        return None
    ml = int(np.count_nonzero(tissue.liver)) * tissue.voxel_ml
    return Amount(ml=ml, interval=_band(tissue.liver, anatomy))


def _tumour(anatomy: Anatomy, tissue: Tissue | None, model_band: Interval | None) -> Amount:
    if tissue is None:
        return Amount(ml=0.0, interval=(0.0, 0.0, "boundary"))
    ml = int(np.count_nonzero(tissue.tumour)) * tissue.voxel_ml
    band = wider(_band(tissue.tumour, anatomy), model_band)
    return Amount(ml=ml, interval=containing(ml, band))


def _band(mask: MaskZYX, anatomy: Anatomy) -> Interval:
    """Half-voxel band of a mask."""
    box = box_of(mask)
    lo, hi = (0.0, 0.0) if box is None else band_ml(mask[box], anatomy.grid)
    return (lo, hi, "boundary")


def _functional(liver: Amount, tumour: Amount, on: Source) -> Finding:
    """Liver minus tumour, with both intervals at their far ends."""
    lo = max(0.0, liver.interval[0] - tumour.interval[1])
    hi = liver.interval[1] - tumour.interval[0]
    interval = containing(liver.ml - tumour.ml, (lo, hi, liver.interval[2]))
    return measured("functional_liver_ml", liver.ml - tumour.ml, on=on, interval=interval)


def _part(
    anatomy: Anatomy,
    tissue: Tissue,
    inside: MaskZYX,
    *,
    scope: Scope,
    id: str,  # noqa: A002  # the field's name
    on: Source,
) -> list[Finding]:
    """Volume, tumour, burden and count of a part of the liver."""
    about: dict[str, Any] = {"on": on, "scope": scope, "id": id}
    whole = Amount(
        ml=int(np.count_nonzero(inside)) * tissue.voxel_ml, interval=_band(inside, anatomy)
    )
    findings = [measured("volume_ml", whole.ml, interval=whole.interval, **about)]
    names = ("tumour_volume_ml", "burden_pct", "lesion_count")
    if not anatomy.has_lesions:
        reason = "missing_input:lesions"
        return findings + [measured(name, None, reason=reason, **about) for name in names]
    own = tissue.tumour & inside
    tumour = Amount(ml=int(np.count_nonzero(own)) * tissue.voxel_ml, interval=_band(own, anatomy))
    present = np.bincount(tissue.labels[own], minlength=1)[1:]
    return [
        *findings,
        measured(names[0], tumour.ml, interval=tumour.interval, **about),
        _burden(names[1], whole, tumour, **about),
        measured(names[2], int(np.count_nonzero(present)), **about),
    ]


def _burden(name: str, liver: Amount, tumour: Amount, on: Source, **about: Any) -> Finding:  # noqa: ANN401  # scope and id
    if liver.ml == 0.0:
        return measured(name, None, on=on, reason="missing_input:liver", **about)
    value = 100.0 * tumour.ml / liver.ml
    interval = containing(value, burden_interval(tumour.interval, liver.interval))
    return measured(name, value, on=on, interval=interval, **about)


def _side_burden(side: str, part: list[Finding], on: Source) -> Finding:
    """Burden of a side under its patient-level name."""
    name = f"burden_{side}_pct"
    burden = next(f for f in part if f.name == "burden_pct")
    if burden.value is None or burden.lo is None or burden.hi is None:
        return measured(name, None, on=on, reason=burden.reason)
    interval = (burden.lo, burden.hi, burden.interval or "boundary")
    return measured(name, burden.value, on=on, interval=interval)


def _segment_masks(tissue: Tissue) -> dict[str, MaskZYX]:
    """Liver voxels of each segment I..VIII."""
    assert tissue.segments is not None  # noqa: S101  # the caller looked
    names = segment_table()[tissue.segments] * tissue.liver
    return {name: names == at for at, name in enumerate(SEGMENT_CODES.values(), start=1)}


def _unlabelled(tissue: Tissue, masks: Mapping[str, MaskZYX], settings: Settings) -> list[Flag]:
    """Doubt where the segments do not fill the liver."""
    limit = float(settings["measurement.segments_missing_max"])
    whole = int(np.count_nonzero(tissue.liver))
    share = 1.0 - sum(int(np.count_nonzero(mask)) for mask in masks.values()) / whole
    if share <= limit:
        return []
    return [
        Flag(
            code="segments_incomplete",
            severity=Severity.MEDIUM,
            sentence=f"{100 * share:.1f} % of the liver belongs to no segment.",
            touches=("segment", "hemiliver", *_SIDE_BURDENS),
            value=share,
            threshold=limit,
        )
    ]


def _spread(
    anatomy: Anatomy, tissue: Tissue, on: Source, settings: Settings
) -> tuple[list[Finding], list[Flag]]:
    """Involved segments and bilobar disease."""
    if not anatomy.has_lesions:
        names, reason = ("segments_involved", "bilobar"), "missing_input:lesions"
        return [measured(name, None, on=on, reason=reason) for name in names], []
    assert tissue.segments is not None  # noqa: S101  # the caller looked
    counts = segment_counts(tissue.segments[tissue.tumour])
    involved = tuple(name for name in SEGMENT_CODES.values() if counts[name] > 0)
    left, right = (any(counts[n] for n in HEMILIVERS[side]) for side in ("left", "right"))
    flags = _spill(tissue, settings) if left and right else []
    codes = [flag.code for flag in flags]
    return [
        measured("segments_involved", involved, on=on),
        measured("bilobar", left and right, on=on, flags=codes),
    ], flags


def _spill(tissue: Tissue, settings: Settings) -> list[Flag]:
    """Doubt where one side holds only a small piece of one lesion."""
    assert tissue.segments is not None  # noqa: S101  # the caller looked
    by_side = {
        side: {n: c for n, c in _counts_in(tissue, HEMILIVERS[side]).items() if c > 0}
        for side in ("left", "right")
    }
    whole = np.bincount(tissue.labels[tissue.tumour])
    for side, pieces in by_side.items():
        if len(pieces) != 1:
            continue
        ((number, voxels),) = pieces.items()
        share, ml = 100.0 * voxels / int(whole[number]), voxels * tissue.voxel_ml
        limit = float(settings["measurement.spill_pct"])
        if share < limit and ml < float(settings["measurement.spill_ml"]):
            sentence = f"The {side} side holds only {share:.1f} % ({ml:.2f} mL) of L{number}."
            return [
                Flag(
                    code="bilobar_by_spill",
                    severity=Severity.MEDIUM,
                    sentence=sentence,
                    touches=("bilobar",),
                    value=share,
                    threshold=limit,
                )
            ]
    return []


def _counts_in(tissue: Tissue, members: tuple[str, ...]) -> dict[int, int]:
    """Tumour voxels of each lesion within some segments."""
    assert tissue.segments is not None  # noqa: S101  # the caller looked
    wanted = [at for at, name in enumerate(SEGMENT_CODES.values(), start=1) if name in members]
    inside = tissue.tumour & among(segment_table()[tissue.segments], wanted)
    counts = np.bincount(tissue.labels[inside], minlength=1)
    return {n: int(counts[n]) for n in tissue.lesion_numbers if n < len(counts)}


def _amount(
    name: str, amount: Amount | None, on: Source, reason: str, bound: str | None = None
) -> Finding:
    if amount is None:
        return measured(name, None, on=on, reason=reason)
    return measured(name, amount.ml, on=on, interval=amount.interval, bound=bound)
