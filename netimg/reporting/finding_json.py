"""Findings, plans and verdicts in ``results.json``, and back again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from netimg.finding import Finding, Scope, Source
from netimg.reporting.json_text import Document, plain, present
from netimg.treatment import LocalTreatment, Plan, Plans, Territory
from netimg.units import UCUM
from netimg.verdict import Assessment, Comparison, Option, Reason, Status, Verdict


def finding_json(finding: Finding) -> Document:
    """A finding; ``lo``, ``hi`` and ``interval`` only where there is one."""
    return {
        "name": finding.name,
        "scope": finding.scope.value,
        "id": finding.id,
        "value": plain(finding.value),
        "unit": finding.unit,
        "ucum": finding.ucum or UCUM.get(finding.unit, ""),
        **present(lo=finding.lo, hi=finding.hi, interval=finding.interval),
        "bound": finding.bound,
        "method": finding.method,
        "source": source_json(finding.source),
        **present(reason=finding.reason),
        "flags": list(finding.flags),
        "approximate": finding.approximate,
    }


def finding_from_json(entry: Mapping[str, Any]) -> Finding:
    """The finding of `finding_json`."""
    value = entry["value"]
    source = entry["source"]
    date = source.get("date")
    return Finding(
        name=entry["name"],
        value=tuple(value) if isinstance(value, list) else value,
        unit=entry["unit"],
        scope=Scope(entry["scope"]),
        id=entry["id"],
        ucum=entry["ucum"],
        lo=entry.get("lo"),
        hi=entry.get("hi"),
        interval=entry.get("interval"),
        bound=entry["bound"],
        method=entry["method"],
        source=Source(
            kind=source["kind"],
            on=source.get("on", ""),
            by=source.get("by", ""),
            date=None if date is None else dt.date.fromisoformat(date),
        ),
        reason=entry.get("reason"),
        flags=tuple(entry["flags"]),
        approximate=entry["approximate"],
    )


def source_json(source: Source) -> Document:
    """Where a value came from."""
    return {"kind": source.kind, **present(on=source.on, by=source.by, date=source.date)}


def plan_json(plan: Plan) -> Document:
    """A plan: segments, local treatments and the findings it leads to."""
    return {
        "name": plan.name,
        **present(template=plan.template),
        "approach": plan.approach,
        "resected": list(plan.resected),
        "retained": list(plan.retained),
        "local": [
            {
                "lesion": t.lesion,
                "method": t.method,
                "margin_mm": t.margin_mm,
                **present(margin_parenchyma_ml=t.margin_parenchyma_ml),
            }
            for t in plan.local
        ],
        "findings": [finding_json(f) for f in plan.findings],
    }


def territory_json(territory: Territory) -> Document:
    """A territory of an artery: its segments and findings."""
    return {
        "name": territory.name,
        "segments": list(territory.segments),
        "findings": [finding_json(f) for f in territory.findings],
    }


def plans_from_json(document: Mapping[str, Any]) -> Plans:
    """Plans and territories of a results document."""
    return Plans(
        plans=tuple(
            Plan(
                name=entry["name"],
                resected=tuple(entry["resected"]),
                retained=tuple(entry["retained"]),
                template=entry.get("template"),
                approach=entry["approach"],
                local=tuple(LocalTreatment(**t) for t in entry["local"]),
                findings=tuple(finding_from_json(f) for f in entry["findings"]),
            )
            for entry in document.get("plans", ())
        ),
        territories=tuple(
            Territory(
                name=entry["name"],
                segments=tuple(entry["segments"]),
                findings=tuple(finding_from_json(f) for f in entry["findings"]),
            )
            for entry in document.get("territories", ())
        ),
    )


def assessment_json(assessment: Assessment) -> Document:
    """``assessment``: the document of ``netimg assess --json``."""
    return {
        "profiles": list(assessment.profiles),
        "catalogue_version": assessment.catalogue_version,
        "findings": {name: plain(value) for name, value in sorted(assessment.values.items())},
        "criteria": [_criterion(v) for v in assessment.verdicts],
        "options": [
            {
                "option": o.option,
                "profile": o.profile,
                "status": o.status,
                "deciding": list(o.deciding),
                "cautions": list(o.cautions),
            }
            for o in assessment.options
        ],
        "explain": [_explanation(v) for v in assessment.verdicts],
        "missing": [{"fact": fact, "rows": rows} for fact, rows in assessment.missing],
        **present(op=dict(sorted(assessment.operator_differences.items()))),
    }


def _criterion(verdict: Verdict) -> Document:
    return {
        "id": verdict.id,
        "profile": verdict.profile,
        "scope": verdict.scope,
        "status": verdict.status.value,
        "value": verdict.value,
        "reasons": [str(reason) for reason in verdict.reasons],
        **({"approximate": True} if verdict.approximate else {}),
    }


def _explanation(verdict: Verdict) -> Document:
    return {
        "id": verdict.id,
        "profile": verdict.profile,
        "scope": verdict.scope,
        "kind": verdict.kind,
        "question": verdict.question,
        "unit": verdict.unit,
        "comparisons": [
            {
                "fact": c.fact,
                "op": c.op,
                "value": c.value,
                "threshold": c.threshold,
                "unit": c.unit,
                "distance": c.distance,
                "status": c.status.value,
                "provenance": c.provenance,
            }
            for c in verdict.comparisons
        ],
        "certainty": verdict.certainty,
        "review": verdict.review,
        "rationale": verdict.rationale,
        "sources": [dict(source) for source in verdict.sources],
        "segment_based": verdict.segment_based,
    }


def assessment_from_json(document: Mapping[str, Any]) -> Assessment:
    """The assessment of `assessment_json`."""
    rows = zip(document["criteria"], document["explain"], strict=True)
    return Assessment(
        verdicts=tuple(_verdict(row, why) for row, why in rows),
        options=tuple(
            Option(
                option=o["option"],
                profile=o["profile"],
                status=o["status"],
                deciding=tuple(o["deciding"]),
                cautions=tuple(o["cautions"]),
            )
            for o in document["options"]
        ),
        values=document["findings"],
        missing=tuple((entry["fact"], entry["rows"]) for entry in document["missing"]),
        profiles=tuple(document["profiles"]),
        catalogue_version=document["catalogue_version"],
        operator_differences=document.get("op", {}),
    )


def _verdict(row: Mapping[str, Any], why: Mapping[str, Any]) -> Verdict:
    return Verdict(
        id=row["id"],
        profile=row["profile"],
        kind=why["kind"],
        scope=row["scope"],
        status=Status(row["status"]),
        question=why["question"],
        value=row["value"],
        unit=why["unit"],
        reasons=tuple(Reason(*text.split(":", 1)) for text in row["reasons"]),
        comparisons=tuple(
            Comparison(**(dict(c) | {"status": Status(c["status"])})) for c in why["comparisons"]
        ),
        certainty=why["certainty"],
        review=why["review"],
        rationale=why["rationale"],
        sources=tuple(why["sources"]),
        segment_based=why["segment_based"],
        approximate=row.get("approximate", False),
    )
