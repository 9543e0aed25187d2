"""What a facts file says about the liver, as findings: the way without an image.

Plans and rules then read the same names whether a CT was measured or a person typed the volumes.
Only metastases count; indeterminate lesions are there as lesions and count on demand.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import Any

from netimg.assessment.facts_check import SEGMENTS
from netimg.finding import Facts, Finding, Findings, Scope, Source

_TYPED = Source(kind="person")


def findings_from_facts(facts: Facts) -> Findings:
    """Findings of the liver, segments, lesions and PETs that a facts file gives.

    Parameters
    ----------
    facts
        Facts with ``segments_ml`` or ``liver_ml``, ``lesions``, ``pet``; each may be missing.

    Returns
    -------
    Findings
        With the facts attached. A value that cannot be had carries its reason.
    """
    lesions = facts.get("lesions")
    segments_ml: Mapping[str, float] = facts.get("segments_ml") or {}
    approximate = facts.get("segments.source") == "approximate"
    items = [
        Finding(
            name="volume_ml", value=float(size_ml), unit="mL", scope=Scope.SEGMENT, id=name,
            source=_TYPED, approximate=approximate,
        )
        for name, size_ml in segments_ml.items()
    ]  # fmt: skip
    for lesion in lesions or ():
        items += _lesion(lesion)
    items += _totals(facts)
    for tracer, pet in (facts.get("pet") or {}).items():
        items += _pet(tracer, pet)
    return Findings(items=tuple(items), facts=facts)


def _known(name: str, value: float, unit: str, scope: Scope, id: str = "") -> Finding:  # noqa: A002  # the field's name
    return Finding(name=name, value=value, unit=unit, scope=scope, id=id, source=_TYPED)


def _lesion(lesion: Mapping[str, Any]) -> Iterator[Finding]:
    """Size, volume and shares of one lesion; a lesion of an image has none of them here."""
    name = str(lesion["id"])
    if "longest_mm" in lesion:
        yield _known("longest_mm", float(lesion["longest_mm"]), "mm", Scope.LESION, name)
    parts: Mapping[str, float] = lesion.get("vol_ml") or {}
    volume_ml = math.fsum(parts.values())
    if not parts:
        reason = f"missing_input:lesions.{name}.vol_ml"
        yield Finding(
            name="volume_ml", value=None, unit="mL", scope=Scope.LESION, id=name, source=_TYPED,
            reason=reason,
        )  # fmt: skip
        return
    yield _known("volume_ml", volume_ml, "mL", Scope.LESION, name)
    for segment in SEGMENTS:
        share = parts.get(segment, 0.0) / volume_ml if volume_ml > 0 else 0.0
        yield _known(f"segment_fraction_{segment}", share, "1", Scope.LESION, name)


def _totals(facts: Facts) -> Iterator[Finding]:
    """Volume of the liver with its tumour."""
    segments_ml = facts.get("segments_ml")
    liver_ml = facts.get("liver_ml")
    if segments_ml:
        yield _known("liver_volume_ml", math.fsum(segments_ml.values()), "mL", Scope.PATIENT)
    elif liver_ml is not None:
        yield _known("liver_volume_ml", float(liver_ml), "mL", Scope.PATIENT)
    else:
        yield Finding(
            name="liver_volume_ml", value=None, unit="mL", source=_TYPED,
            reason="missing_input:segments_ml",
        )  # fmt: skip
    if facts.get("lesions") is None:
        yield Finding(
            name="lesion_count", value=None, unit="1", source=_TYPED,
            reason="missing_input:lesions",
        )  # fmt: skip


def _pet(tracer: str, pet: Mapping[str, Any]) -> Iterator[Finding]:
    """SUVs of lesions and references; their source carries the day of the scan."""
    date = pet.get("date")
    source = Source(kind="person", date=None if date is None else dt.date.fromisoformat(date))
    regions = {"blood_pool_mean": "blood_pool", "liver_mean": "liver_reference"}
    for key, value in (pet.get("reference") or {}).items():
        region = regions.get(key, "spleen")
        yield Finding(
            name=f"{tracer}_suv_mean", value=float(value), unit="g/mL", scope=Scope.REGION,
            id=region, source=source,
        )  # fmt: skip
    for name, lesion in (pet.get("lesions") or {}).items():
        if "suvmax" in lesion:
            yield Finding(
                name=f"{tracer}_suv_max", value=float(lesion["suvmax"]), unit="g/mL",
                scope=Scope.LESION, id=name, source=source,
            )  # fmt: skip
