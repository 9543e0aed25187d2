"""The sections below the first screen, as plain text for the template."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netimg.finding import Finding, Scope, suv_name
from netimg.lesion import Lesion, LesionType
from netimg.reporting.colours import css, label_rgb, lesion_rgb
from netimg.reporting.html.first_screen import View, fact_leaves, home_segment
from netimg.reporting.html.marks import Marks
from netimg.reporting.model_card import card_sentences
from netimg.reporting.tables import every_finding, source_text
from netimg.reporting.words import words
from netimg.reporting.words.numbers import NARROW, interval, number, quantity, unit_text
from netimg.reporting.words.sentences import (
    name_text,
    norm_short,
    pet_short,
    value_text,
    why_missing,
)
from netimg.study import TracerClass

if TYPE_CHECKING:
    from netimg.result import StudyResult
    from netimg.study import Series

_DASH = "–"
_LESION_COLUMNS = (
    ("volume", "volume_ml"),
    ("longest", "longest_mm"),
    ("hu", "hu_mean"),
)
_PET_COLUMNS = (
    ("suv_max", "suv_max"),
    ("suv_mean", "suv_mean"),
    ("suv_peak", "suv_peak_sphere"),
    ("krenning", "krenning"),
)
_TWO_PET_COLUMNS = (("suv_max", "suv_max"), ("krenning", "krenning"))
"""With two PETs the table keeps to what fits; all values are in the table of findings."""


def lesions(result: StudyResult, marks: Marks) -> View:
    """The lesion table: identity, place, values of CT and of each PET, pictures by name."""
    anatomy = result.anatomy
    found = result.findings.of(Scope.LESION)
    phrases = words()["lesions"]
    columns = [(phrases[key], name) for key, name in _LESION_COLUMNS]
    pets = {pet.tracer_class: pet for pet in reversed(result.study.pets)}
    for kind, pet in reversed(pets.items()):
        named = len(pets) > 1 or kind in (TracerClass.OTHER, TracerClass.UNKNOWN)
        after = f" {pet_short(pet)}" if named else ""
        chosen = _PET_COLUMNS if len(pets) == 1 else _TWO_PET_COLUMNS
        columns += [
            (phrases[key] + after + norm_short(pet, name), _in_norm(f"{kind.value}_{name}", pet))
            for key, name in chosen
        ]
    there = {f.name for f in found if f.value is not None}
    columns = [(label, name) for label, name in columns if name in there]
    rows = (
        []
        if anatomy is None
        else [_lesion(lesion, result, columns, marks) for lesion in anatomy.lesions]
    )
    common = {row["notes"] for row in rows}
    if len(rows) > 1 and len(common) == 1:
        rows = [row | {"notes": ""} for row in rows]
    return {
        "columns": [label for label, _ in columns],
        "rows": rows,
        "intro": phrases["all"].format(notes=common.pop()) if len(common) == 1 else "",
        "confident": any(row["confidence"] for row in rows),
        "none": _none(result),
    }


def _in_norm(name: str, pet: Series) -> str:
    """Name of a finding in the norm that was asked for, where it is an SUV."""
    is_suv = "_suv_" in name and pet.suv is not None and pet.suv.possible
    return suv_name(name, pet.suv.norm) if is_suv and pet.suv is not None else name


def _none(result: StudyResult) -> str:
    """What an empty table says: it matters whether a model or a person found nothing."""
    origin = result.anatomy.origins.get("lesions") if result.anatomy else None
    return str(words()["lesions"][f"none_{origin.kind if origin else 'model'}"])


def _lesion(
    lesion: Lesion, result: StudyResult, columns: Sequence[tuple[str, str]], marks: Marks
) -> View:
    own = {f.name: f for f in result.findings.of(Scope.LESION, lesion.id)}
    phrases = words()["lesions"]
    notes = [phrases[f"status_{lesion.status.value}"]]
    if lesion.type is not LesionType.METASTASIS:
        notes.insert(0, words()["types"][lesion.type.value])
    if not lesion.counts:
        notes.append(phrases["not_counted"])
    return {
        "id": lesion.id,
        "colour": css(lesion_rgb(lesion)),
        "notes": ", ".join(notes),
        "segment": home_segment(result, lesion.id) or _DASH,
        "cells": [_cell(own.get(name)) for _, name in columns],
        "marks": marks.on(*own.values()),
        "confidence": "" if lesion.confidence is None else f"{100 * lesion.confidence:.0f} %",
    }


def _cell(finding: Finding | None) -> View:
    """A value with its interval and the number it is sorted by."""
    if finding is None or finding.value is None:
        why = "" if finding is None else why_missing(finding)
        return {"text": _DASH, "unit": "", "interval": "", "sort": "", "why": why}
    value = finding.value
    if isinstance(value, bool | str | tuple):
        text = "; ".join(value) if isinstance(value, tuple) else value_text(value, finding.unit)
        return {"text": text, "unit": "", "interval": "", "sort": text, "why": ""}
    return {
        "text": number(value, finding.unit),
        "unit": unit_text(finding.unit),
        "interval": interval(finding),
        "sort": repr(float(value)),
        "why": "",
    }


def segments(result: StudyResult) -> list[View]:
    """Volumes and burden per Couinaud segment; empty where no segments are known."""
    order = {name: position for position, name in enumerate(_SEGMENTS)}
    ids = {f.id for f in result.findings.of(Scope.SEGMENT) if f.value is not None}
    rows = []
    for segment in sorted(ids, key=lambda s: order.get(s, len(order))):
        own = {f.name: f for f in result.findings.of(Scope.SEGMENT, segment)}
        names = ("volume_ml", "tumour_volume_ml", "burden_pct", "lesion_count")
        code = order.get(segment, 0) + 11
        rows.append(
            {
                "id": segment,
                "colour": css(label_rgb(code)),
                "cells": [_cell(own.get(name)) for name in names],
            }
        )
    return rows


_SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


def plans(result: StudyResult) -> list[View]:
    """Each plan: what leaves, what stays, remnant and clearance; empty where none was measured."""
    if not any(f.value is not None for plan in result.plans.plans for f in plan.findings):
        return []
    phrases = words()["plans"]
    rows = []
    for plan in result.plans.plans:
        own = {f.name: f for f in plan.findings}
        names = ("flr_ml", "sflr_pct", "clearance_volume_pct", "residual_tumour_ml")
        local = [
            phrases["margin"].format(
                method=phrases.get(t.method, t.method),
                lesion=t.lesion,
                margin=quantity(t.margin_mm, "mm"),
            )
            for t in plan.local
        ]
        rows.append(
            {
                "name": plan.name,
                "approach": phrases.get(f"approach_{plan.approach}", plan.approach),
                "resected": ", ".join(plan.resected) or _DASH,
                "retained": ", ".join(plan.retained) or _DASH,
                "local": "; ".join(local) or _DASH,
                "cells": [_cell(own.get(name)) for name in names],
            }
        )
    return rows


def flags(marks: Marks) -> list[View]:
    """Every doubt, numbered, with what it bears on."""
    phrases = words()["flag"]
    return [
        {
            "number": mark.number,
            "code": flag.code,
            "severity": phrases[f"severity_{flag.severity.value}"],
            "level": flag.severity.value,
            "sentence": flag.sentence,
            "touches": ", ".join(name_text(t) for t in flag.touches) or phrases["whole"],
        }
        for flag, mark in zip(marks.flags, marks.numbers.values(), strict=True)
    ]


def facts(result: StudyResult) -> list[View]:
    """Clinical facts as they were entered, with date, age in days and who gave them."""
    given = result.facts
    if given is None:
        return []
    rows = []
    for name, value in fact_leaves(given.entered):
        entry: Mapping[str, Any] = value if isinstance(value, Mapping) else {"value": value}
        date = _date(entry.get("date"))
        rows.append(
            {
                "name": name_text(name),
                "key": name,
                "value": _fact_value(entry),
                "date": _date_text(entry, date),
                "age": _age_text(entry, date, given.assessment_date),
                "by": str(entry.get("by", "")),
            }
        )
    return rows


def _fact_value(entry: Mapping[str, Any]) -> str:
    value = entry.get("value")
    if isinstance(value, list | tuple):
        return "; ".join(_item(item) for item in value) or str(words()["report"]["none"])
    unit = unit_text(str(entry.get("unit", "")))
    text = value_text(value, "") if isinstance(value, bool) else str(value).replace("_", " ")
    return f"{text}{NARROW}{unit}" if unit else text


def _item(item: Any) -> str:  # noqa: ANN401  # an entry of a list of facts
    if isinstance(item, Mapping):
        return ", ".join(dict.fromkeys(str(value).replace("_", " ") for value in item.values()))
    return str(item)


def _date(value: object) -> dt.date | None:
    if isinstance(value, dt.date):
        return value
    return dt.date.fromisoformat(value) if isinstance(value, str) and value else None


def _date_text(entry: Mapping[str, Any], date: dt.date | None) -> str:
    """A date, or in privacy mode the day counted from the study."""
    if date is None:
        return words()["facts"]["day"].format(days=entry["day"]) if "day" in entry else ""
    return date.isoformat()


def _age_text(entry: Mapping[str, Any], date: dt.date | None, assessed: dt.date | None) -> str:
    """Days between a fact and the assessment."""
    days = entry.get("age_days")
    if date is not None and assessed is not None:
        days = (assessed - date).days
    return "" if days is None else str(words()["facts"]["days"].format(days=days))


def findings(result: StudyResult, marks: Marks) -> list[View]:
    """Every finding of every scope, for the long table; SUVs in norms not asked for left out."""
    asked = {pet.suv.norm for pet in result.study.pets if pet.suv is not None}
    hidden = {
        suv_name(f.name, norm)
        for f in result.findings
        if "suv_" in f.name
        for norm in set(words()["norms"]) - asked - {"bw"}
    }
    return [
        {
            "name": f.name,
            "of": f.id or f.scope.value,
            "cell": _cell(f),
            "method": f.method,
            "source": source_text(f.source),
            "marks": marks.on(f) if f.flags else [],
        }
        for f in every_finding(result)
        if f.name not in hidden
    ]


def _norms(result: StudyResult) -> list[str]:
    """Where another norm than body weight was asked for: what is in it, and by what factor."""
    phrase, norms = words()["methods"]["norm"], words()["norms"]
    said = [
        phrase.format(norm=norms[pet.suv.norm], ratio=f"{pet.suv.norm_ratios[pet.suv.norm]:.3f}")
        for pet in result.study.pets
        if pet.suv is not None and pet.suv.possible and pet.suv.norm != "bw"
    ]
    return list(dict.fromkeys(said))


def methods(result: StudyResult) -> list[str]:
    """How the numbers came about, in sentences, for what is in this study."""
    phrases = words()["methods"]
    chosen = []
    manifest = result.manifest
    if result.anatomy is not None:
        kinds = {origin.kind for origin in result.anatomy.origins.values()}
        if "model" in kinds and manifest is not None and manifest.model:
            model = manifest.model
            chosen.append(phrases["model"].format(model=model, id=model.split()[0]))
            chosen += card_sentences(model)
        if kinds - {"model"}:
            chosen.append(phrases["person"])
        chosen += [phrases["volume"], phrases["diameter"]]
    uptake = any(pet.suv is not None and pet.suv.possible for pet in result.study.pets)
    if uptake:
        chosen.append(phrases["suv"])
        chosen += _norms(result)
    if uptake or result.anatomy is not None:
        chosen.append(phrases["interval"])
    if result.assessment.verdicts:
        chosen.append(phrases["criteria"])
    return chosen
