"""The tables of a batch: ``summary.csv`` and ``failed.csv``, from results documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from netimg.reporting.csv_text import Cell, csv_text
from netimg.reporting.layout import write_atomic

if TYPE_CHECKING:
    from netimg.study import Study

SUMMARY_COLUMNS = (
    "label", "input", "status", "code", "exit_code", "attempts", "seconds", "peak_memory_mb",
    "host", "finished_at", "netimg_version", "model", "study_uid", "study_date", "ct_series_uid",
    "ct_phase", "ct_spacing_z_mm", "pet_sstr_series_uid", "tracer", "pet_fdg_series_uid",
    "liver_volume_ml", "tumour_volume_ml", "burden_pct", "burden_lo_pct", "burden_hi_pct",
    "lesion_count", "bilobar", "segments_involved", "dominant_lesion_pct", "longest_mm",
    "sum_diameters_mm", "sstr_suv_max", "sstr_tv_ml", "sstr_tl_g", "krenning_max", "fdg_suv_max",
    "netpet", "options_eligible", "options_open", "options_excluded", "criteria_met",
    "criteria_not_met", "criteria_unknown", "facts", "missing_first", "flags_high",
    "flags_medium", "report",
)  # fmt: skip
FAILED_COLUMNS = (
    "label", "input", "code", "what", "where", "todo", "stage", "exit_code", "attempts",
    "seconds", "host", "log",
)  # fmt: skip

_PATIENT = (
    "liver_volume_ml", "tumour_volume_ml", "burden_pct", "lesion_count", "bilobar",
    "segments_involved", "dominant_lesion_pct", "longest_mm", "sum_diameters_mm",
)  # fmt: skip
_UPTAKE = ("sstr_suv_max", "fdg_suv_max")
_FROM_BATCH = (
    "label", "input", "code", "exit_code", "attempts", "seconds", "host", "finished_at",
)  # fmt: skip
_OPTIONS = {"options_eligible": "eligible", "options_open": "open", "options_excluded": "excluded"}
_CRITERIA = {
    "criteria_met": "met",
    "criteria_not_met": "not_met",
    "criteria_unknown": "unknown",
}


def label_of(study: Study) -> str:
    """Label of a study outside a batch: the last part of its input's path, made safe."""
    name = PurePath(study.source.replace("\\", "/")).name or "study"
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60]


def summary_row(
    document: Mapping[str, Any] | None,
    manifest: Mapping[str, Any] | None,
    *,
    status: str,
    outcome: Mapping[str, Cell],
) -> dict[str, Cell]:
    """One row of ``summary.csv``.

    Parameters
    ----------
    document, manifest
        ``results.json`` and ``manifest.json`` of a finished study; None for one that failed.
    status
        How the study ended: ``done``, ``failed``, ``skipped``.
    outcome
        What the batch knows of it: ``label, input, code, exit_code, attempts, seconds, host,
        finished_at``; keys that are no column are left out.
    """
    row = {column: outcome.get(column) for column in _FROM_BATCH}
    if manifest:
        files = manifest["files"]
        row |= {
            "netimg_version": manifest["version"],
            "model": manifest.get("model"),
            "peak_memory_mb": manifest.get("peak_memory_mb"),
            "facts": "facts.json" in files,
            "report": f"studies/{outcome['label']}/report.html" if "report.html" in files else None,
        }
    if document:
        row |= _study_cells(document) | _finding_cells(document) | _verdict_cells(document)
        if document["privacy"]:
            row["input"] = None
    return row | {"status": status}


def failed_row(outcome: Mapping[str, Cell]) -> dict[str, Cell]:
    """One row of ``failed.csv`` from what the batch knows of a study."""
    return {column: outcome.get(column) for column in FAILED_COLUMNS}


def _study_cells(document: Mapping[str, Any]) -> dict[str, Cell]:
    study = document["study"]
    by_number = {series["number"]: series for series in document["series"]}
    ct = by_number.get(study.get("ct_series"), {})
    pets = [by_number[number] for number in study.get("pet_series", ())]
    by_class = {pet["tracer_class"]: pet for pet in reversed(pets)}
    hidden = document["privacy"]
    return {
        "study_uid": None if hidden else study["uid"],
        "study_date": study.get("date"),
        "ct_series_uid": ct.get("uid"),
        "ct_phase": ct.get("phase"),
        "ct_spacing_z_mm": ct["grid"]["spacing_mm"][0] if ct else None,
        "pet_sstr_series_uid": by_class.get("sstr", {}).get("uid"),
        "tracer": ";".join(pet["tracer"] for pet in pets if "tracer" in pet) or None,
        "pet_fdg_series_uid": by_class.get("fdg", {}).get("uid"),
    }


def _finding_cells(document: Mapping[str, Any]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    highest: dict[str, list[Any]] = {}
    for finding in document["findings"]:
        name, value, scope = finding["name"], finding["value"], finding["scope"]
        if scope in ("patient", "liver") and name in _PATIENT:
            cells[name] = value
            if name == "burden_pct":
                cells["burden_lo_pct"] = finding.get("lo")
                cells["burden_hi_pct"] = finding.get("hi")
        elif scope == "pet" and name in ("sstr_liver_tv_ml", "sstr_liver_tl_g"):
            cells[name.replace("liver_", "")] = value
        elif scope == "pet" and name in _UPTAKE and value is not None:
            cells[name] = value  # where no lesion is known; else the lesions' below
        elif scope == "lesion" and value is not None:
            highest.setdefault(name, []).append(value)
    for column, name in (*((name, name) for name in _UPTAKE), ("krenning_max", "sstr_krenning")):
        if name in highest:
            cells[column] = max(highest[name])
    return cells


def _verdict_cells(document: Mapping[str, Any]) -> dict[str, Cell]:
    assessment = document["assessment"]
    criteria = [row["status"] for row in assessment["criteria"]]
    options = [row["status"] for row in assessment["options"]]
    severities = [flag["severity"] for flag in document["flags"]]
    missing = assessment["missing"]
    return {
        **{column: criteria.count(status) for column, status in _CRITERIA.items()},
        **{column: options.count(status) for column, status in _OPTIONS.items()},
        "netpet": assessment["findings"].get("netpet"),
        "missing_first": missing[0]["fact"] if missing else None,
        "flags_high": severities.count("high"),
        "flags_medium": severities.count("medium"),
    }


def write_summary(path: Path, rows: Iterable[Mapping[str, Cell]]) -> None:
    """Write ``summary.csv`` whole, sorted by label; a reader sees the old or the new table."""
    ordered = sorted(rows, key=lambda row: str(row["label"]))
    write_atomic(path, csv_text(SUMMARY_COLUMNS, ordered))


def write_failed(path: Path, rows: Iterable[Mapping[str, Cell]]) -> None:
    """Write ``failed.csv`` whole, sorted by label; its header alone where nothing failed."""
    ordered = sorted(rows, key=lambda row: str(row["label"]))
    write_atomic(path, csv_text(FAILED_COLUMNS, ordered))
