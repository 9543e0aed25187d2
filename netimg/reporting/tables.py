"""The tables of one study: lesions, findings, criteria and every file that was found."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.finding import Finding, Scope, Source, suv_name
from netimg.reporting.anatomy_json import SEGMENT_PREFIX
from netimg.reporting.csv_text import Cell, csv_text
from netimg.reporting.places import Place, anatomy_series, instance_number, lesion_places
from netimg.study import USED
from netimg.units import UCUM
from netimg.verdict import Comparison, Verdict

if TYPE_CHECKING:
    from netimg.flag import Flag
    from netimg.result import StudyResult
    from netimg.study import Series, Study

_LESION_VALUES = (
    "volume_ml", "volume_lo_ml", "volume_hi_ml", "mesh_volume_ml", "longest_mm", "longest_lo_mm",
    "longest_hi_mm", "short_axis_mm", "longest_3d_mm", "z_extent_mm", "sphericity", "surface_mm2",
    "hu_mean", "hu_sd", "hu_median", "hu_core_mean", "enhancement_vs_liver_hu", "calcified_pct",
    "necrotic_pct", "to_capsule_mm", "to_hepatic_vein_mm", "to_portal_vein_mm", "to_ivc_mm",
)  # fmt: skip
_PET_VALUES = (
    "visible", "suv_max", "suv_mean", "suv_sd", "suv_peak_sphere", "suv_peak_ibsi", "tv_ml",
    "tl_g", "ratio_liver", "ratio_spleen", "ratio_blood", "krenning", "sub_voxel", "mismatch",
)  # fmt: skip

LESION_COLUMNS = (
    "label", "lesion", "tracking_uid", "status", "type", "segments", "hemiliver", "target",
    *_LESION_VALUES,
    "centroid_l_mm", "centroid_p_mm", "centroid_s_mm", "slice_index", "instance_number",
    "confidence",
    *(f"{pet}_{name}" for pet in ("sstr", "fdg") for name in _PET_VALUES),
    "flags",
    *(f"{pet}_{name}" for pet in ("other", "unknown") for name in _PET_VALUES),
)  # fmt: skip
"""SUV columns are SUVbw; `lesion_columns` adds those of another norm that was asked for."""
FINDING_COLUMNS = (
    "label", "scope", "id", "name", "value", "unit", "ucum", "lo", "hi", "interval", "bound",
    "method", "source", "approximate", "reason", "flags",
)  # fmt: skip
CRITERIA_COLUMNS = (
    "label", "kind", "id", "profile", "scope", "status", "value", "threshold", "unit", "distance",
    "certainty", "review", "reasons", "approximate", "source",
)  # fmt: skip
INPUT_COLUMNS = ("path", "fate", "series", "code", "sentence")

_INTERVALS = {
    "volume_lo_ml": ("volume_ml", "lo"),
    "volume_hi_ml": ("volume_ml", "hi"),
    "longest_lo_mm": ("longest_mm", "lo"),
    "longest_hi_mm": ("longest_mm", "hi"),
}


def lesion_columns(study: Study) -> tuple[str, ...]:
    """Columns of the lesion table; at the end the SUVs of a norm other than body weight.

    A column holds one norm for ever, and its name says which: ``sstr_suv_lbm_janma_max``.
    """
    asked = [(p.tracer_class.value, p.suv.norm) for p in study.pets if p.suv and p.suv.possible]
    names = [name for name in _PET_VALUES if name.startswith("suv_")]
    more = [suv_name(f"{pet}_{name}", norm) for pet, norm in asked for name in names]
    return tuple(dict.fromkeys((*LESION_COLUMNS, *more)))


def lesions_csv(result: StudyResult, label: str) -> str:
    """One row per lesion, rejected ones too."""
    anatomy = result.anatomy
    columns = lesion_columns(result.study)
    if anatomy is None:
        return csv_text(columns, ())
    places = lesion_places(anatomy, result.findings)
    series = anatomy_series(result.study, anatomy)
    rows = []
    for lesion in anatomy.lesions:
        own = {f.name: f for f in result.findings.of(Scope.LESION, lesion.id)}
        rows.append(
            {
                "label": label,
                "lesion": lesion.id,
                "tracking_uid": lesion.tracking_uid,
                "status": lesion.status.value,
                "type": lesion.type.value,
                "segments": _segments(own),
                "confidence": lesion.confidence,
                "flags": _lesion_flags(lesion.id, own, result.flags),
                **_place_cells(places.get(lesion.id), series),
                **_value_cells(own, columns),
            }
        )
    return csv_text(columns, rows)


def _segments(own: Mapping[str, Finding]) -> tuple[str, ...]:
    """Segments a lesion lies in, the largest share first."""
    shares = {
        name.removeprefix(SEGMENT_PREFIX): f.number or 0.0
        for name, f in own.items()
        if name.startswith(SEGMENT_PREFIX)
    }
    return tuple(s for s in sorted(shares, key=lambda s: (-shares[s], s)) if shares[s] > 0)


def _lesion_flags(
    lesion: str, own: Mapping[str, Finding], flags: tuple[Flag, ...]
) -> tuple[str, ...]:
    touching = {flag.code for flag in flags if lesion in flag.touches}
    return tuple(sorted(touching.union(*(f.flags for f in own.values()))))


def _place_cells(place: Place | None, series: Series | None) -> dict[str, Cell]:
    if place is None:
        return {}
    left, posterior, superior = place.centroid_lps_mm
    return {
        "centroid_l_mm": left,
        "centroid_p_mm": posterior,
        "centroid_s_mm": superior,
        "slice_index": place.slice_index,
        "instance_number": instance_number(series, place.slice_index),
    }


def _value_cells(own: Mapping[str, Finding], columns: tuple[str, ...]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for column in columns:
        if column in own:
            cells[column] = own[column].value
        elif column in _INTERVALS:
            name, end = _INTERVALS[column]
            cells[column] = getattr(own[name], end) if name in own else None
    return {column: value for column, value in cells.items() if value is not None}


def findings_csv(result: StudyResult, label: str) -> str:
    """Every finding of every scope, one row each, plans and territories after the rest."""
    return csv_text(FINDING_COLUMNS, (_finding_row(f, label) for f in every_finding(result)))


def every_finding(result: StudyResult) -> list[Finding]:
    """Findings of all scopes, then those that only a plan or a territory holds."""
    planned = [f for plan in result.plans.plans for f in plan.findings]
    planned += [f for territory in result.plans.territories for f in territory.findings]
    known = {f.key for f in result.findings}
    return [*result.findings, *(f for f in planned if f.key not in known)]


def _finding_row(finding: Finding, label: str) -> dict[str, Cell]:
    return {
        "label": label,
        "scope": finding.scope.value,
        "id": finding.id,
        "name": finding.name,
        "value": finding.value,
        "unit": finding.unit,
        "ucum": finding.ucum or UCUM.get(finding.unit, ""),
        "lo": finding.lo,
        "hi": finding.hi,
        "interval": finding.interval,
        "bound": finding.bound,
        "method": finding.method,
        "source": source_text(finding.source),
        "approximate": finding.approximate,
        "reason": finding.reason,
        "flags": finding.flags,
    }


def source_text(source: Source) -> str:
    """``measured on series 4``, ``person (ward, 2026-02-28)``."""
    who = ", ".join(str(part) for part in (source.by, source.date) if part)
    where = f" on {source.on}" if source.on else ""
    return f"{source.kind}{where}" + (f" ({who})" if who else "")


def criteria_csv(result: StudyResult, label: str) -> str:
    """Every verdict and every option."""
    verdicts = (_verdict_row(v, label) for v in result.assessment.verdicts)
    options: list[dict[str, Cell]] = [
        {
            "label": label,
            "kind": "option",
            "id": o.option,
            "profile": o.profile,
            "scope": "patient",
            "status": o.status,
            "reasons": o.deciding,
        }
        for o in result.assessment.options
    ]
    return csv_text(CRITERIA_COLUMNS, [*verdicts, *options])


def _verdict_row(verdict: Verdict, label: str) -> dict[str, Cell]:
    compared = deciding_comparison(verdict)
    return {
        "label": label,
        "kind": verdict.kind,
        "id": verdict.id,
        "profile": verdict.profile,
        "scope": verdict.scope,
        "status": verdict.status.value,
        "value": compared.value if compared else verdict.value,
        "threshold": _limit(compared),
        "unit": compared.unit if compared else verdict.unit,
        "distance": compared.distance if compared else None,
        "certainty": verdict.certainty,
        "review": verdict.review,
        "reasons": tuple(str(reason) for reason in verdict.reasons),
        "approximate": verdict.approximate,
        "source": "; ".join(source_line(s) for s in verdict.sources),
    }


def _limit(comparison: Comparison | None) -> float | None:
    """The number a value is held against; a list of allowed words is none."""
    limit = comparison.threshold if comparison else None
    return limit if isinstance(limit, int | float) and not isinstance(limit, bool) else None


def source_line(source: Mapping[str, str]) -> str:
    """Citation of a rule: text, where in it, DOI or PMID."""
    ids = (f"{key} {source[key]}" for key in ("doi", "pmid") if source.get(key))
    return ", ".join(part for part in (source.get("text"), source.get("where"), *ids) if part)


def deciding_comparison(verdict: Verdict) -> Comparison | None:
    """The one comparison that a row can show: of the rule's own value, else of any.

    Among several the nearest to its threshold, relative to the threshold's size. None where
    nothing was compared, and for a class: its label is no side of a comparison.
    """
    if verdict.kind == "class":
        return None
    own = [c for c in verdict.comparisons if (c.value, c.unit) == (verdict.value, verdict.unit)]
    shown = own if own and verdict.value is not None else verdict.comparisons
    measured = [c for c in shown if c.distance is not None]
    if not measured:
        return shown[0] if shown else None

    def nearness(comparison: Comparison) -> float:
        size = comparison.threshold
        scale = abs(size) if isinstance(size, int | float) and size else 1.0
        return abs(comparison.distance or 0.0) / scale

    return min(measured, key=nearness)


def input_csv(result: StudyResult) -> str:
    """Every file that was found, with its fate."""
    aside = {entry.path: entry for entry in result.study.set_aside}
    rows: list[dict[str, Cell]] = []
    for path, fate in result.study.files:
        entry = aside.get(path)
        rows.append(
            {
                "path": path,
                "fate": fate if fate.startswith(USED) else "set aside" if entry else "series",
                "series": _numbers(fate.removeprefix("series "))
                if fate.startswith("series ")
                else None,
                "code": entry.code if entry else None,
                "sentence": entry.sentence if entry else None,
            }
        )
    return csv_text(INPUT_COLUMNS, rows)


def _numbers(text: str) -> Cell:
    """Number of a file's series; several, ``1, 2``, where a file of many frames is split."""
    return int(text) if text.isdecimal() else text


def files_from_csv(path: Path) -> tuple[tuple[str, str], ...]:
    """``Study.files`` back from ``input.csv``; empty where it was not written."""
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(
        (row["path"].removeprefix("'"), f"series {row['series']}" if row["series"] else row["fate"])
        for row in rows
    )
