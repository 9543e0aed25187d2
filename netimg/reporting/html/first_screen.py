"""What a reader sees first: who, what was used, what limits it, six numbers, options, gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netimg.finding import Finding, Scope, suv_name
from netimg.flag import Severity
from netimg.reporting.anatomy_json import SEGMENT_PREFIX
from netimg.reporting.html.marks import Marks
from netimg.reporting.places import is_multiframe
from netimg.reporting.study_json import OLDEST_AGE_Y
from netimg.reporting.words import words
from netimg.reporting.words.numbers import interval, number, quantity, unit_text
from netimg.reporting.words.sentences import (
    listed,
    name_text,
    norm_short,
    pet_name,
    reason_text,
    tracer_name,
    why_missing,
)
from netimg.resources import load_toml
from netimg.study import Phase

if TYPE_CHECKING:
    from netimg.result import StudyResult
    from netimg.study import Patient, Series, Study, SuvRecord

View = dict[str, Any]
"""What a template sees: text, lists of text, nothing computed."""


def head(result: StudyResult, *, privacy: bool) -> View:
    """The first line: patient, date, research use, version and model."""
    phrases = words()["report"]
    study, manifest = result.study, result.manifest
    version = manifest.version if manifest else ""
    date = study.date.isoformat() if study.date else phrases["unknown_date"]
    return {
        "title": phrases["title"],
        "patient": person_name(study.patient.name) or study.patient.id or phrases["no_patient"],
        "details": _person(study.patient, privacy=privacy),
        "date": phrases["day0"] if privacy else date,
        "description": study.description or "",
        "disclaimer": phrases["disclaimer"],
        "made_by": phrases["made_by"].format(version=version),
        "model": _model(result),
    }


def _model(result: StudyResult) -> str:
    phrases = words()["report"]
    if result.anatomy is None:
        return ""
    kinds = {origin.kind for origin in result.anatomy.origins.values()}
    model = result.manifest.model if result.manifest else ""
    if "model" in kinds and model:
        return str(phrases["model"].format(model=model))
    return "" if "model" in kinds else str(phrases["no_model"])


def person_name(name: str | None) -> str:
    """``Doe, Jane`` of DICOM's ``Doe^Jane``; the first spelling where there are several.

    Examples
    --------
    >>> person_name("Doe^Jane^^Dr"), person_name("Doe")
    ('Doe, Jane Dr', 'Doe')
    """
    family, _, rest = (name or "").split("=")[0].partition("^")
    given = " ".join(rest.replace("^", " ").split())
    return f"{family.strip()}, {given}" if given else family.strip()


def _person(patient: Patient, *, privacy: bool) -> list[str]:
    phrases = words()["report"]
    parts = []
    if patient.name and patient.id:
        parts.append(patient.id)
    if patient.birth_date and not privacy:
        parts.append(phrases["born"].format(date=patient.birth_date.isoformat()))
    if patient.age_y is not None:
        old = privacy and patient.age_y >= OLDEST_AGE_Y
        age = f"{OLDEST_AGE_Y:g}+" if old else f"{patient.age_y:g}"
        parts.append(phrases["age"].format(age=age))
    if patient.sex:
        parts.append(patient.sex)
    return parts


def used(result: StudyResult) -> list[View]:
    """CT, PETs, masks and facts that were used."""
    phrases = words()["used"]
    study = result.study
    blocks = [_block(phrases["ct"], [_ct(study.ct, study)] if study.ct else [[phrases["no_ct"]]])]
    pets = [_pet(pet, study) for pet in study.pets] or [[phrases["no_pet"]]]
    blocks.append(_block(phrases["pet"], pets))
    blocks.append(_block(phrases["masks"], [_masks(result)]))
    blocks.append(_block(phrases["facts"], [_facts(result)]))
    return blocks


def _block(label: str, groups: list[list[str]]) -> View:
    return {"label": label, "groups": groups}


def _ct(ct: Series, study: Study) -> list[str]:
    phrases = words()["used"]
    slices, rows, columns = ct.grid.shape
    z, row, column = (f"{s:.3g}" for s in ct.grid.spacing_mm)
    phase = words()["phases"][ct.phase.value]
    if ct.phase_typed and ct.phase is not Phase.UNKNOWN:
        phase = f"{phase}, {phrases['phase_typed']}"
    return [
        phase[:1].upper() + phase[1:],
        phrases["ct_line"].format(number=ct.number, slices=slices, rows=rows, columns=columns),
        phrases["ct_spacing" if row != column else "ct_square"].format(z=z, row=row, column=column),
        *_origin(ct, study),
    ]


def _origin(series: Series, study: Study) -> list[str]:
    """What was done to a series before it was measured, and what it is a part of."""
    phrases = words()["used"]
    lines = []
    if is_multiframe(series):
        files = len({i.sop_instance_uid for i in series.instances})
        key = "frames_one_file" if files == 1 else "frames"
        lines.append(phrases[key].format(count=len(series.instances), files=files))
    volumes = [other for other in study.series if other.uid == series.uid]
    if len(volumes) > 1:
        text = phrases["split"].format(count=len(volumes))
        lines.append(f"{text}: {series.description}" if series.description else text)
    if any(flag.code == "GEO-018" for flag in series.flags):
        lines.append(phrases["regridded"])
    laid = series.registration
    if laid is not None and laid.accepted:
        turned, shifted = f"{laid.rotation_deg:.1f}", f"{laid.translation_mm:.0f}"
        lines.append(phrases["registered"].format(degrees=turned, shift=shifted))
    return lines


def _norm(suv: SuvRecord) -> str:
    """What SUV is normalised by, and in which norm the lesion table shows it."""
    phrases, norms = words()["used"], words()["norms"]
    ratio = suv.norm_ratios.get(suv.norm)
    if suv.norm == "bw" or ratio is None:
        return str(phrases["suv"].format(norm=norms["bw"]))
    other = norms.get(suv.norm, suv.norm)
    return str(phrases["suv_other"].format(norm=norms["bw"], ratio=f"{ratio:.3f}", other=other))


def _pet(pet: Series, study: Study) -> list[str]:
    phrases = words()["used"]
    lines = [tracer_name(pet.tracer, pet.nuclide)]
    suv = pet.suv
    about = [f"series {pet.number}"]
    if suv is not None and suv.uptake_s is not None:
        about.append(phrases["pet_uptake"].format(minutes=f"{suv.uptake_s / 60:.0f}"))
    lines.append(", ".join(about))
    if suv is not None and suv.possible:
        lines.append(_norm(suv))
        if suv.typed:
            lines.append(phrases["typed"].format(names=", ".join(sorted(suv.typed))))
    else:
        lines.append(phrases["no_suv"])
    return [*lines, *_origin(pet, study)]


def _masks(result: StudyResult) -> list[str]:
    phrases = words()["used"]
    if result.anatomy is None:
        return [phrases["no_anatomy"]]
    by_origin: dict[tuple[str, str], list[str]] = {}
    for part, origin in result.anatomy.origins.items():
        if part in words()["parts"]:
            key = (origin.kind, origin.name)
            by_origin.setdefault(key, []).append(words()["parts"][part])
    lines = [
        phrases[f"from_{kind}"].format(part=listed(parts), name=name)
        for (kind, name), parts in by_origin.items()
    ]
    return [line[:1].upper() + line[1:] for line in lines]


def _facts(result: StudyResult) -> list[str]:
    phrases = words()["used"]
    facts = result.facts
    if facts is None:
        return [phrases["no_facts"]]
    count = len(list(fact_leaves(facts.entered)))
    by = _by(facts.entered)
    if facts.assessment_date is None:
        return [phrases["facts_given_undated"].format(count=count), by]
    date = facts.assessment_date.isoformat()
    return [phrases["facts_given"].format(count=count, date=date), by]


def _by(entered: Mapping[str, Any]) -> str:
    """By whom the facts are: how many each person gave."""
    phrases = words()["used"]
    leaves = [value for _, value in fact_leaves(entered)]
    names = Counter(str(v["by"]) for v in leaves if isinstance(v, Mapping) and v.get("by"))
    parts = [phrases["facts_by"].format(count=n, name=name) for name, n in sorted(names.items())]
    if len(leaves) > names.total():
        parts.append(phrases["facts_by_nobody"].format(count=len(leaves) - names.total()))
    return listed(parts)


def fact_leaves(tree: Any, path: str = "") -> Any:  # noqa: ANN401  # a tree of facts
    """(path, value) of each fact of a tree; a value with a unit or a date is one fact."""
    for key, value in tree.items():
        here = f"{path}.{key}" if path else str(key)
        if here in ("schema", "assessment_date", "id", "title", "comment", "expected"):
            continue
        if isinstance(value, dict) and "value" not in value:
            yield from fact_leaves(value, here)
        else:
            yield here, value


def problems(result: StudyResult, marks: Marks) -> list[View]:
    """What limits the answer, as framed sentences."""
    framed = set(load_toml("configs", "reporting", "report.toml")["framed"])
    shown = [
        {"sentence": mark.sentence, "number": mark.number}
        for flag, mark in zip(marks.flags, marks.numbers.values(), strict=True)
        if flag.severity is Severity.HIGH or flag.code in framed
    ]
    said = {entry["sentence"] for entry in shown}
    for pet in result.study.pets:
        suv = pet.suv
        if suv is not None and not suv.possible and suv.sentence not in said:
            text = f"{suv.code or ''} {suv.sentence} {suv.todo}".strip()
            shown.append({"sentence": text, "number": None})
    no_liver = result.anatomy is None or not result.anatomy.has_liver
    if no_liver and not shown:
        shown.append({"sentence": words()["headline"]["nothing_outlined"], "number": None})
    return shown


def numbers(result: StudyResult, marks: Marks) -> list[View]:
    """The six numbers with their intervals and marks."""
    phrases = words()["headline"]
    liver, tumour, burden, count, longest = (
        _patient(result, name)
        for name in (
            "liver_volume_ml", "tumour_volume_ml", "burden_pct", "lesion_count", "longest_mm",
        )
    )  # fmt: skip
    bilobar = _patient(result, "bilobar")
    sides = ""
    if bilobar is not None and isinstance(bilobar.value, bool) and count and count.value:
        sides = phrases["both_sides" if bilobar.value else "one_side"]
    tiles = [
        _tile(phrases["liver"], liver, marks),
        _tile(phrases["tumour"], tumour, marks),
        _tile(phrases["burden"], burden, marks),
        _tile(phrases["lesions"], count, marks, detail=sides, also=bilobar),
        _tile(phrases["longest"], longest, marks, detail=_where_longest(result, longest)),
        _pet_tile(result, marks),
    ]
    if count is not None and count.value == 0:
        tiles[3]["detail"] = phrases["none_found"]
        tiles[4] |= {"value": "–", "unit": "", "detail": ""}
    return tiles


def _patient(result: StudyResult, name: str) -> Finding | None:
    found = result.findings
    return found.get(name) or found.get(name, Scope.LIVER)


def _tile(
    label: str,
    finding: Finding | None,
    marks: Marks,
    *,
    detail: str = "",
    also: Finding | None = None,
) -> View:
    phrases = words()["headline"]
    if finding is None or finding.number is None:
        return {
            "label": label,
            "value": "–",
            "unit": "",
            "detail": why_missing(finding),
            "marks": marks.on(finding, also),
        }
    bound = phrases[finding.bound] if finding.bound in ("lower", "upper") else ""
    details = [part for part in (interval(finding), bound, detail) if part]
    value = finding.value if isinstance(finding.value, int) else finding.number
    return {
        "label": label,
        "value": number(value, finding.unit),
        "unit": unit_text(finding.unit),
        "detail": ", ".join(details),
        "marks": marks.on(finding, also),
    }


def _where_longest(result: StudyResult, longest: Finding | None) -> str:
    """``L1, segment VII`` of the lesion with the longest diameter."""
    if longest is None or longest.number is None:
        return ""
    sizes = {
        f.id: f.number
        for f in result.findings.of(Scope.LESION)
        if f.name == "longest_mm" and f.number is not None
    }
    lesion = next((key for key, size in sizes.items() if size == longest.number), None)
    if lesion is None:
        return ""
    home = home_segment(result, lesion)
    phrase = words()["headline"]["in_segment"]
    return lesion if home is None else str(phrase.format(lesion=lesion, segment=home))


def home_segment(result: StudyResult, lesion: str) -> str | None:
    """The segment that holds most of a lesion, as the findings say."""
    shares = {
        f.name.removeprefix(SEGMENT_PREFIX): f.number or 0.0
        for f in result.findings.of(Scope.LESION, lesion)
        if f.name.startswith(SEGMENT_PREFIX)
    }
    there = {segment: share for segment, share in shares.items() if share > 0}
    return max(there, key=lambda s: (there[s], s)) if there else None


def _pet_tile(result: StudyResult, marks: Marks) -> View:
    """SUVmax, tumour volume on PET and Krenning of the first PET that has them."""
    phrases = words()["headline"]
    label = phrases["pet"]
    if not result.study.pets:
        return {"label": label, "value": "–", "unit": "", "detail": phrases["no_pet"], "marks": []}
    for pet in result.study.pets:
        prefix = pet.tracer_class.value
        norm = pet.suv.norm if pet.suv is not None and pet.suv.possible else "bw"
        suv_max = _highest_uptake(result, prefix, norm)
        if suv_max is None or suv_max.number is None:
            continue
        whose = suv_max.id if suv_max.scope is Scope.LESION else phrases["whole_scan"]
        details = [whose, *_pet_details(result, prefix)]
        name = f"{phrases['suv_max']}{norm_short(pet)}, {pet_name(pet)}"
        return {
            "label": name,
            "value": number(suv_max.number, suv_max.unit),
            "unit": "",
            "detail": ", ".join(details),
            "marks": marks.on(suv_max),
        }
    first = result.study.pets[0]
    missing = _highest_uptake(result, first.tracer_class.value)
    return {
        "label": pet_name(first),
        "value": "–",
        "unit": "",
        "detail": why_missing(missing),
        "marks": marks.on(missing),
    }


def _highest_uptake(result: StudyResult, prefix: str, norm: str = "bw") -> Finding | None:
    """SUVmax of the lesions; without lesions, of the whole PET series."""
    name = suv_name(f"{prefix}_suv_max", norm)
    lesions = [f for f in result.findings.of(Scope.LESION) if f.name == name]
    numbers = [f for f in lesions if f.number is not None]
    whole = next((f for f in result.findings.of(Scope.PET) if f.name == name), None)
    if numbers:
        return max(numbers, key=lambda f: f.number or 0.0)
    return whole or (lesions[0] if lesions else None)


def _pet_details(result: StudyResult, prefix: str) -> list[str]:
    phrases = words()["headline"]
    details = []
    for name in (f"{prefix}_liver_tv_ml", f"{prefix}_body_tv_ml"):
        found = next((f for f in result.findings.of(Scope.PET) if f.name == name), None)
        if found is not None and found.number is not None:
            volume = "SSTR-TV" if prefix == "sstr" else "MTV"
            value = quantity(found.number, found.unit)
            details.append(phrases["tumour_volume"].format(name=volume, value=value))
            break
    scores = [
        f.value
        for f in result.findings.of(Scope.LESION)
        if f.name == f"{prefix}_krenning" and f.value is not None
    ]
    if scores:
        highest = max(scores, key=str)
        details.append(phrases["krenning_highest"].format(value=highest))
    return details


def missing(result: StudyResult) -> list[View]:
    """The three missing facts that most rows wait for."""
    phrases = words()["missing"]
    return [
        {
            "fact": name_text(fact),
            "name": fact,
            "rows": phrases["row" if rows == 1 else "rows"].format(rows=rows),
        }
        for fact, rows in result.assessment.missing[:3]
        if rows > 0
    ]


def reasons(verdict_reasons: Any) -> str:  # noqa: ANN401  # a tuple of Reason
    """Reasons of a verdict as one phrase."""
    return "; ".join(reason_text(reason) for reason in verdict_reasons)
