"""What `netimg inspect` says about a study: one tree of plain JSON types."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from netimg.errors import CODES
from netimg.reading.nothing import by_name, too_coarse
from netimg.reading.problems import advice
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.study import Registration, Series, Study, SuvRecord


def inspect_tree(
    study: Study, *, show_patient: bool = False, files: bool = False
) -> dict[str, Any]:
    """Everything `inspect` knows, schema ``netimg.inspect/1``, plain JSON types.

    Parameters
    ----------
    show_patient
        With the patient's identity; without it no key holds any.
    files
        With the fate of every single file.

    Returns
    -------
    dict
        ``series`` (``not_used``: why it is not measured), ``used`` with every reason,
        ``problems`` by sentence with counts, ``set_aside`` by reason with its files, ``files``:
        found = in_series + set_aside.
    """
    tree: dict[str, Any] = {
        "schema": "netimg.inspect/1",
        "input": study.source,
        "study": {
            "uid": study.uid,
            "date": study.date.isoformat() if study.date else None,
            "time": study.time.isoformat() if study.time else None,
            "description": study.description,
        },
        "series": [_series(s, study) for s in study.series],
        "used": used(study),
        "problems": problems(study),
        "set_aside": set_aside(study),
        "files": counts(study),
    }
    if show_patient:
        tree["patient"] = _patient(study)
        tree["study"]["accession"] = study.accession
    if files:
        tree["every_file"] = [{"path": path, "fate": fate} for path, fate in study.files]
    return tree


def used(study: Study) -> list[dict[str, Any]]:
    """Series that are measured, CT first, with their role and every reason."""
    chosen = [s for s in (study.ct, *study.pets) if s is not None]
    return [
        {"number": s.number, "kind": s.kind, "role": s.role.value, "why": list(s.why)}
        for s in chosen
    ]


def problems(study: Study) -> list[dict[str, Any]]:
    """Every doubt and every reason why files were set aside, with counts, by code.

    What is both is said once, as a reason; files of a series that differ by name alone are said by
    the first of them. ``count``: files that were set aside, else flags.
    """
    said = {(s.uid, f.code): f.sentence for s in study.series for f in s.flags}
    alike: dict[tuple[str, str, str | None], list[str]] = {}
    for item in study.set_aside:
        told = said.get((str(item.series_uid), item.code), item.sentence)
        name = item.path.rpartition("/")[2]
        kind, own = told, None
        if item.series_uid and name:
            kind = told.replace(item.path, "\0").replace(name, "\1")
            own = item.series_uid if kind != told else None
        alike.setdefault((item.code, kind, own), []).append(told)
    aside = Counter[tuple[str, str]]()
    for (code, _, _), sentences in alike.items():
        aside[code, sentences[0]] += len(sentences)
    flags = [*study.flags, *(f for s in study.series for f in s.flags)]
    found = Counter(
        (f.code, f.severity.value, f.sentence) for f in flags if (f.code, f.sentence) not in aside
    )
    found |= Counter({(code, "set aside", told): n for (code, told), n in aside.items()})
    return [
        {
            "code": code,
            "severity": severity,
            "count": n,
            "sentence": told,
            "todo": advice(code, told),
        }
        for (code, severity, told), n in sorted(found.items())
    ]


def set_aside(study: Study) -> list[dict[str, Any]]:
    """Files that are in no series by reason, with their names."""
    grouped: dict[tuple[str, str | None], list[tuple[str, str]]] = {}
    for item in study.set_aside:
        key = (item.code, item.series_uid if item.code[:3] != "IDX" else None)
        grouped.setdefault(key, []).append((item.path, item.sentence))
    return [
        {
            "code": code,
            "title": CODES[code].title if code in CODES else "",
            "series_uid": series_uid,
            "count": len(items),
            "sentences": _once(sentence for _, sentence in items),
            "files": [path for path, _ in items],
        }
        for (code, series_uid), items in sorted(grouped.items(), key=str)
    ]


def counts(study: Study) -> dict[str, int]:
    """Files found, in a series, and set aside; the first is the sum of the others."""
    fates = Counter("set_aside" if fate == "set aside" else "in_series" for _, fate in study.files)
    return {
        "found": len(study.files),
        "in_series": fates["in_series"],
        "set_aside": fates["set_aside"],
    }


def _series(s: Series, study: Study) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "number": s.number,
        "uid": s.uid,
        "kind": s.kind,
        "description": s.description,
        "series_number": s.series_number,
        "used": _is_used(s, study),
        "not_used": None if _is_used(s, study) else _not_used(s, study),
        "role": s.role.value,
        "files": len({(i.path, i.member) for i in s.instances}),
        "multiframe": any(i.frame_number is not None for i in s.instances),
        "slices": s.grid.shape[0],
        "shape": list(s.grid.shape),
        "spacing_mm": list(s.grid.spacing_mm),
        "origin_lps_mm": list(s.grid.origin_lps_mm),
        "directions": [list(row) for row in s.grid.directions],
        "plane": plane_of(s.grid),
        "extent_mm": [n * mm for n, mm in zip(s.grid.shape, s.grid.spacing_mm, strict=True)],
        "frame_of_reference_uid": s.frame_of_reference_uid,
        "acquired_at": s.acquired_at.isoformat() if s.acquired_at else None,
        "slice_thickness_mm": s.slice_thickness_mm,
        "manufacturer": s.manufacturer,
        "why": list(s.why),
        "flags": [_flag(f) for f in s.flags],
    }
    if s.kind == "CT":
        tree |= {
            "phase": s.phase.value,
            "phase_typed": s.phase_typed,
            "phase_source": s.phase_source,
            "phase_evidence": [
                {"says": e.says, "phase": e.phase, "weight": e.weight, "source": e.source}
                for e in s.phase_evidence
            ],
            "liver": s.coverage.value,
            "low_dose": s.low_dose,
            "kernel": s.kernel,
            "contrast": s.contrast,
        }
    else:
        tree |= {
            "tracer": s.tracer,
            "tracer_name": None if s.tracer is None else table("tracers")[s.tracer]["name"],
            "tracer_class": s.tracer_class.value,
            "nuclide": s.nuclide,
            "suv": None if s.suv is None else _suv(s.suv),
            "registration": None if s.registration is None else _registration(s.registration),
        }
    return tree


def plane_of(grid: Grid) -> str:
    """Axial, coronal or sagittal, with ``oblique`` before it where the slices are turned."""
    normal = [abs(row[0]) for row in grid.directions]  # components L, P, S of the slice axis
    nearest = max(range(3), key=normal.__getitem__)
    name = ("sagittal", "coronal", "axial")[nearest]
    straight = math.cos(math.radians(table("geometry")["split"]["straight_deg"]))
    return name if normal[nearest] > straight else f"oblique {name}"


def _registration(found: Registration) -> dict[str, Any]:
    return {
        "accepted": found.accepted,
        "refusal": found.refusal,
        "matrix": [list(row) for row in found.matrix],
        "rotation_deg": found.rotation_deg,
        "translation_mm": found.translation_mm,
        "similarity_before": found.similarity_before,
        "similarity_after": found.similarity_after,
        "liver_gap_mm": found.liver_gap_mm,
    }


def _suv(suv: SuvRecord) -> dict[str, Any]:
    factors = suv.factors
    return {
        "possible": suv.possible,
        "norm": suv.norm,
        "policy": suv.policy,
        "code": suv.code,
        "sentence": suv.sentence,
        "todo": suv.todo,
        "unit_path": suv.unit_path,
        "method": suv.method,
        "factors": list(dict.fromkeys(factors)) if len(set(factors)) == 1 else list(factors),
        "weight_kg": suv.weight_kg,
        "dose_bq": suv.dose_bq,
        "half_life_s": suv.half_life_s,
        "half_life_read": suv.half_life_read,
        "half_life_from": suv.half_life_from,
        "administered_at": suv.administered_at,
        "reference_at": suv.reference_at,
        "uptake_s": suv.uptake_s,
        "decayed_dose_bq": suv.decayed_dose_bq,
        "norm_ratios": dict(suv.norm_ratios),
        "candidates": [
            {"name": c.name, "reference": c.reference, "relative_suv": c.relative_suv}
            for c in suv.candidates
        ],
        "notes": [_flag(f) for f in suv.notes],
        "typed": dict(suv.typed),
        "listed": dict(suv.listed),
    }


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "code": flag.code,
        "severity": flag.severity.value,
        "sentence": flag.sentence,
        "touches": list(flag.touches),
    }


def _patient(study: Study) -> dict[str, Any]:
    person = study.patient
    return {
        "id": person.id,
        "name": person.name,
        "birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "sex": person.sex,
        "age_y": person.age_y,
        "weight_kg": person.weight_kg,
        "height_cm": person.height_cm,
    }


def _is_used(s: Series, study: Study) -> bool:
    return s is study.ct or any(s is pet for pet in study.pets)


def _not_used(s: Series, study: Study) -> str:
    """Why a series that could be read is not measured."""
    if s.kind == "CT":
        if study.ct is None:
            return f"{too_coarse(s)}."
        return f"series {study.ct.number} is measured (take this one with --ct {s.number})."
    if study.pets and not by_name(s):
        numbers = " and ".join(str(pet.number) for pet in study.pets)
        return f"series {numbers} is measured (take this one with --pet {s.number})."
    return by_name(s)


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
