"""What the command line prints as a result: short lines, the same words as the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.finding import Finding, Scope
from netimg.flag import Severity
from netimg.reporting.doubts import together
from netimg.reporting.verdict_rows import counted
from netimg.reporting.words import words
from netimg.reporting.words.numbers import NARROW, interval, quantity
from netimg.reporting.words.sentences import name_text, pet_name, tracer_name, why_missing
from netimg.verdict import Status

if TYPE_CHECKING:
    from netimg.result import StudyResult
    from netimg.study import Series

_FLAGS_SHOWN = 6


def run_summary(result: StudyResult, path: Path) -> Iterator[str]:
    """At most 25 lines: what was used, the six numbers, criteria by status, doubts, the report."""
    study = result.study
    yield _ct_line(study.ct)
    for series in study.pets:
        yield _pet_line(series)
    yield _liver_line(result)
    for series in study.pets:
        line = _uptake_line(result, series)
        if line:
            yield line
    yield _criteria_line(result)
    doubts = [f for f in together(result.flags) if f.severity is not Severity.INFO]
    doubts.sort(key=lambda f: f.severity is not Severity.HIGH)
    for flag in doubts[:_FLAGS_SHOWN]:
        yield f"! {flag.code}: {flag.sentence}"
    if len(doubts) > _FLAGS_SHOWN:
        yield f"! and {len(doubts) - _FLAGS_SHOWN} more, in the report"
    report = path / "report.html"
    yield f"report {report if report.exists() else path / 'results.json'}"


def _ct_line(ct: Series | None) -> str:
    if ct is None:
        return f"CT   {words()['used']['no_ct']}"
    phase = words()["phases"][ct.phase.value]
    why = f"  ({ct.why[0]})" if ct.why else ""
    spacing, count = ct.grid.spacing_mm[0], ct.grid.shape[0]
    return f"CT   series {ct.number}  {phase}, {spacing:.3g} mm, {count} slices{why}"


def _pet_line(series: Series) -> str:
    suv = series.suv
    tracer = tracer_name(series.tracer, series.nuclide)
    if suv is None or not suv.possible:
        reason = f"{suv.code} {suv.sentence}" if suv is not None else ""
        return (
            f"PET  series {series.number}  {tracer}, {words()['used']['no_suv']}  {reason}".rstrip()
        )
    uptake = "" if suv.uptake_s is None else f", {suv.uptake_s / 60:.0f} min after injection"
    return f"PET  series {series.number}  {tracer}, SUVbw{uptake}"


def _liver_line(result: StudyResult) -> str:
    found = result.findings
    parts = []
    for word, name in (
        ("liver", "liver_volume_ml"),
        ("tumour", "tumour_volume_ml"),
        ("burden", "burden_pct"),
    ):
        parts.append(f"{word} {_text(found.get(name))}")
    count = found.get("lesion_count")
    parts.append(_lesions_text(count, found.get("longest_mm")))
    return "   ".join(parts)


def _text(finding: Finding | None) -> str:
    """Value with unit and interval, or that it is not known and why."""
    if finding is None:
        return str(words()["headline"]["unknown"])
    if finding.number is None:
        return f"{words()['headline']['unknown']} ({why_missing(finding)})"
    text = quantity(finding.number, finding.unit).replace(NARROW, " ")
    between = interval(finding)
    return f"{text} {between}" if between else text


def _lesions_text(count: Finding | None, longest: Finding | None) -> str:
    if count is None or count.number is None:
        return f"lesions {words()['headline']['unknown']}"
    if count.number == 0:
        return f"lesions {words()['headline']['none_found']}"
    size = "" if longest is None or longest.number is None else f", longest {_text(longest)}"
    return f"{count.number:.0f} lesion{'s' if count.number != 1 else ''}{size}"


def _uptake_line(result: StudyResult, series: Series) -> str:
    """SUVmax and, where there is some, tumour volume of a PET; empty where nothing was measured."""
    prefix = series.tracer_class.value
    name = pet_name(series)
    best = result.findings.get(f"{prefix}_suv_max", Scope.PET, prefix)
    volume = result.findings.get(f"{prefix}_liver_tv_ml", Scope.PET, prefix)
    parts = []
    if best is not None and best.number is not None:
        parts.append(f"SUVmax {_text(best)}")
    if volume is not None and volume.number:
        parts.append(f"volume in the liver {_text(volume)}")
    return f"{name}  {'   '.join(parts)}" if parts else ""


def _criteria_line(result: StudyResult) -> str:
    view = result.assessment
    facts = [fact for fact, rows in view.missing if rows] or [fact for fact, _ in view.missing]
    waiting = ", ".join(name_text(fact) for fact in facts[:2])
    tail = f"  (waiting for {waiting})" if view.count(Status.UNKNOWN) and waiting else ""
    return f"criteria  {counted(view.verdicts)}{tail}"


def rule_lines(rule: Mapping[str, Any]) -> Iterator[str]:
    """One rule as text: every key that says something."""
    yield f"{rule['id']}@{rule['profile']}  {rule['question']}"
    for key, value in rule.items():
        if key in ("id", "profile", "question") or value in (None, "", [], {}):
            continue
        yield f"  {key}: {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{k} {_plain(v)}" for k, v in value.items() if v not in (None, ""))
    if isinstance(value, list | tuple):
        return " | ".join(_plain(v) for v in value)
    return str(value)


def score_lines(scores: Mapping[str, Any]) -> Iterator[str]:
    """Scores of an evaluation: a row per structure, then the size classes of its lesions."""
    yield from table_lines([_score_row(structure) for structure in scores["structures"]])
    for structure in scores["structures"]:
        found = structure["detection"]
        if found is None:
            continue
        classes = [
            f"{_size_class(c)} {c['found']}/{c['n_ref']}" for c in found["by_size"] if c["n_ref"]
        ]
        yield f"{structure['name']} found by size: {', '.join(classes) or 'no reference lesion'}"
        small, middle, large = found["false_by_ml"]
        pieces = f"below 0.1 mL: {small}, 0.1 to 1 mL: {middle}, above 1 mL: {large}"
        yield f"{structure['name']} false: {pieces}"
    if scores["burden_error_pct"] is not None:
        yield f"burden error {scores['burden_error_pct']:+.2f} points"


def _size_class(limits: Mapping[str, Any]) -> str:
    open_end = limits["to_mm"] == "inf"
    low = f"{limits['from_mm']:g}"
    return f"> {low} mm" if open_end else f"{low}-{limits['to_mm']:g} mm"


def _score_row(structure: Mapping[str, Any]) -> dict[str, str]:
    volume, found = structure["volume"], structure["detection"]
    error = volume["error_pct"]
    row = {
        "structure": structure["name"],
        "Dice": f"{structure['dice']:.4f}",
        "mL": f"{volume['pred_ml']:.2f}",
        "reference mL": f"{volume['ref_ml']:.2f}",
        "error %": error if isinstance(error, str) else f"{error:+.1f}",
        "found": "-" if found is None else f"{found['found']}/{found['n_ref']}",
        "false": "-" if found is None else f"{found['false']}/{found['n_pred']}",
    }
    for name in ("sensitivity", "precision"):
        value = None if found is None else found[name]
        row[name] = "-" if value is None else f"{value:.3f}"
    return row


def table_lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Rows of equal keys as aligned columns; nothing for no rows."""
    if not rows:
        return
    names = list(rows[0])
    texts = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(text[i]) for text in texts) for i in range(len(names))]
    for text in texts:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(text, widths, strict=True)
        ).rstrip()
