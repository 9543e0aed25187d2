"""The study in ``results.json``: patient, series, set-aside files; and back again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import IDX_003, InputError
from netimg.flag import Flag, Severity
from netimg.geometry import Grid
from netimg.reporting.json_text import Document, plain, present
from netimg.study import (
    Coverage,
    Instance,
    Patient,
    Phase,
    PhaseEvidence,
    Registration,
    Role,
    Series,
    SetAside,
    Study,
    SuvCandidate,
    SuvRecord,
    TracerClass,
)

if TYPE_CHECKING:
    from netimg.volume import Volume

OLDEST_AGE_Y = 90.0
"""Ages from here on are ``90+`` in privacy mode."""
_PATIENT = ("id", "name", "birth_date", "sex", "age_y", "weight_kg", "height_cm")
_SUV_PLAIN = (
    "norm", "policy", "code", "sentence", "todo", "unit_path", "method", "weight_kg", "dose_bq",
    "half_life_s", "half_life_read", "half_life_from", "administered_at", "reference_at",
    "uptake_s", "decayed_dose_bq", "norm_ratios", "typed", "listed",
)  # fmt: skip
_SERIES_PLAIN = (
    "series_number", "frame_of_reference_uid", "slice_thickness_mm", "kernel", "body_part",
    "contrast", "manufacturer", "tracer", "nuclide",
)  # fmt: skip
_EVIDENCE_PLAIN = ("says", "phase", "weight", "source")
_REGISTRATION_PLAIN = (
    "rotation_deg", "translation_mm", "similarity_before", "similarity_after", "accepted",
    "refusal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PixelsAbsent:
    """Opener of a series that came from ``results.json``: its DICOM files are elsewhere."""

    where: str

    def __call__(self) -> Volume:
        """Refuse.

        Raises
        ------
        InputError
            IDX-003, always.
        """
        raise InputError(
            IDX_003,
            what="a result on disk holds masks and numbers, not the images they came from.",
            where=self.where,
            todo="Read the DICOM folder again with open_study.",
        )


def patient_json(patient: Patient, *, privacy: bool = False) -> Document:
    """``patient``: each value with its source; what is not known is absent.

    In privacy mode an age of 90 or more is ``"90+"``.
    """
    entries = {
        name: {"value": plain(value), "source": patient.sources.get(name, "header")}
        for name in _PATIENT
        if (value := getattr(patient, name)) is not None
    }
    if privacy and patient.age_y is not None and patient.age_y >= OLDEST_AGE_Y:
        entries["age_y"]["value"] = f"{OLDEST_AGE_Y:.0f}+"
    return entries


def study_json(study: Study) -> Document:
    """``study``: identity and date, and which series are used."""
    return {
        "uid": study.uid,
        **present(
            date=study.date,
            time=study.time,
            accession=study.accession,
            description=study.description,
            source=study.source,
            ct_series=study.ct.number if study.ct else None,
            pet_series=[pet.number for pet in study.pets],
        ),
        **({"register": True} if study.register else {}),
    }


def series_json(series: Series) -> Document:
    """One entry of ``series``."""
    return {
        "number": series.number,
        "uid": series.uid,
        "kind": series.kind,
        "role": series.role.value,
        "description": series.description,
        **present(**{name: getattr(series, name) for name in _SERIES_PLAIN}),
        "phase": series.phase.value,
        "phase_typed": series.phase_typed,
        **_ct_json(series),
        "tracer_class": series.tracer_class.value,
        **present(acquired_at=series.acquired_at, why=series.why),
        "grid": grid_json(series.grid),
        "n": len(series.instances),
        "instances": _instances_json(series.instances),
        **({} if series.suv is None else {"suv": _suv_json(series.suv)}),
        **_registration_json(series.registration),
        "flags": [flag_json(flag) for flag in series.flags],
    }


def _ct_json(series: Series) -> Document:
    """Of a CT: what its phase rests on, how much of the liver it shows, whether it is low dose."""
    if series.kind != "CT":
        return {}
    evidence = [
        {name: getattr(item, name) for name in _EVIDENCE_PLAIN} for item in series.phase_evidence
    ]
    return {
        **present(phase_evidence=evidence),
        "coverage": series.coverage.value,
        "low_dose": series.low_dose,
    }


def grid_json(grid: Grid) -> Document:
    """A grid in array order z, y, x, exact."""
    return {
        "shape": list(grid.shape),
        "spacing_mm": list(grid.spacing_mm),
        "origin_lps_mm": list(grid.origin_lps_mm),
        "directions": [list(row) for row in grid.directions],
    }


def set_aside_json(aside: SetAside) -> Document:
    """One entry of ``set_aside``."""
    return {
        "path": aside.path,
        "code": aside.code,
        "sentence": aside.sentence,
        **present(series_uid=aside.series_uid),
    }


def flag_json(flag: Flag) -> Document:
    """A flag: code, severity, sentence, what it touches, the number that raised it."""
    return {
        "code": flag.code,
        "severity": flag.severity.value,
        "sentence": flag.sentence,
        "touches": list(flag.touches),
        **present(value=flag.value, threshold=flag.threshold),
    }


def _registration_json(found: Registration | None) -> Document:
    """How a PET was laid over the CT: the way its points went, and how good that is."""
    if found is None:
        return {}
    return {
        "registration": {
            "matrix_lps_mm": [list(row) for row in found.matrix],
            **{name: getattr(found, name) for name in _REGISTRATION_PLAIN},
            **present(liver_gap_mm=found.liver_gap_mm),
        }
    }


def _instances_json(instances: Sequence[Instance]) -> Document:
    """Columns of what outputs refer to; the order is the one of the grid."""
    return {
        "sop_class_uid": list(dict.fromkeys(i.sop_class_uid for i in instances)),
        "sop_instance_uid": [i.sop_instance_uid for i in instances],
        "instance_number": [i.instance_number for i in instances],
        "z_index": [i.z_index for i in instances],
        **present(frame_number=_frame_numbers(instances)),
    }


def _frame_numbers(instances: Sequence[Instance]) -> list[int | None] | None:
    """Frames within their files; None where every picture is a file of its own."""
    numbers = [i.frame_number for i in instances]
    return numbers if any(number is not None for number in numbers) else None


def _suv_json(suv: SuvRecord) -> Document:
    factors = list(suv.factors)
    same = len(set(factors)) == 1
    return {
        "possible": suv.possible,
        **present(**{name: getattr(suv, name) for name in _SUV_PLAIN}),
        **({"factor": factors[0]} if same else present(factors=factors)),
        **present(
            candidates=[
                {"name": c.name, "reference": c.reference, "relative_suv": c.relative_suv}
                for c in suv.candidates
            ],
            notes=[flag_json(note) for note in suv.notes],
        ),
    }


def study_from_json(document: Mapping[str, Any], files: Sequence[tuple[str, str]]) -> Study:
    """The study of a results document; its series have no pixels to load."""
    head = document["study"]
    series = tuple(_series(entry) for entry in document["series"])
    by_number = {s.number: s for s in series}
    return Study(
        uid=head["uid"],
        patient=_patient(document["patient"]),
        series=series,
        set_aside=tuple(SetAside(**entry) for entry in document["set_aside"] if "path" in entry),
        ct=by_number.get(head.get("ct_series", -1)),
        pets=tuple(by_number[number] for number in head.get("pet_series", ())),
        files=tuple(files),
        source=head.get("source", ""),
        date=_maybe(dt.date.fromisoformat, head.get("date")),
        time=_maybe(dt.time.fromisoformat, head.get("time")),
        description=head.get("description"),
        accession=head.get("accession"),
        register=head.get("register", False),
    )


def grid_from_json(entry: Mapping[str, Any]) -> Grid:
    """The grid of `grid_json`."""
    return Grid(
        shape=tuple(entry["shape"]),
        spacing_mm=tuple(entry["spacing_mm"]),
        origin_lps_mm=tuple(entry["origin_lps_mm"]),
        directions=tuple(tuple(row) for row in entry["directions"]),  # type: ignore[arg-type]  # three rows of three
    )


def flag_from_json(entry: Mapping[str, Any]) -> Flag:
    """The flag of `flag_json`."""
    return Flag(
        code=entry["code"],
        severity=Severity(entry["severity"]),
        sentence=entry["sentence"],
        touches=tuple(entry["touches"]),
        value=entry.get("value"),
        threshold=entry.get("threshold"),
    )


def _patient(entries: Mapping[str, Mapping[str, Any]]) -> Patient:
    values = {name: entry["value"] for name, entry in entries.items()}
    if "birth_date" in values:
        values["birth_date"] = dt.date.fromisoformat(values["birth_date"])
    if isinstance(values.get("age_y"), str):
        values["age_y"] = float(values["age_y"].removesuffix("+"))
    return Patient(**values, sources={name: entry["source"] for name, entry in entries.items()})


def _series(entry: Mapping[str, Any]) -> Series:
    grid = grid_from_json(entry["grid"])
    plain: dict[str, Any] = {name: entry.get(name) for name in _SERIES_PLAIN}
    return Series(
        uid=entry["uid"],
        number=entry["number"],
        kind=entry["kind"],
        description=entry["description"],
        grid=grid,
        instances=_instances(entry["instances"]),
        opener=PixelsAbsent(f"series {entry['number']}"),
        role=Role(entry["role"]),
        acquired_at=_maybe(dt.datetime.fromisoformat, entry.get("acquired_at")),
        phase=Phase(entry["phase"]),
        phase_typed=entry["phase_typed"],
        phase_evidence=tuple(PhaseEvidence(**item) for item in entry.get("phase_evidence", ())),
        coverage=Coverage(entry.get("coverage", Coverage.UNKNOWN.value)),
        low_dose=entry.get("low_dose", False),
        tracer_class=TracerClass(entry["tracer_class"]),
        suv=_suv(entry["suv"], grid) if "suv" in entry else None,
        registration=_registration(entry["registration"]) if "registration" in entry else None,
        why=tuple(entry.get("why", ())),
        flags=tuple(flag_from_json(flag) for flag in entry["flags"]),
        **plain,
    )


def _registration(entry: Mapping[str, Any]) -> Registration:
    return Registration(
        matrix=tuple((a, b, c, d) for a, b, c, d in entry["matrix_lps_mm"]),
        liver_gap_mm=entry.get("liver_gap_mm"),
        **{name: entry[name] for name in _REGISTRATION_PLAIN},
    )


def _instances(columns: Mapping[str, Sequence[Any]]) -> tuple[Instance, ...]:
    classes = columns["sop_class_uid"]
    uids = columns["sop_instance_uid"]
    frames = columns.get("frame_number", [None] * len(uids))
    rows = zip(uids, columns["instance_number"], columns["z_index"], frames, strict=True)
    return tuple(
        Instance(
            path=Path(),
            sop_instance_uid=uid,
            sop_class_uid=classes[0],
            instance_number=number,
            frame_number=frame,
            z_index=z,
        )
        for uid, number, z, frame in rows
    )


def _suv(entry: Mapping[str, Any], grid: Grid) -> SuvRecord:
    values = {name: entry[name] for name in _SUV_PLAIN if name in entry}
    factors = entry.get("factors", [entry["factor"]] * grid.shape[0] if "factor" in entry else [])
    return SuvRecord(
        possible=entry["possible"],
        factors=tuple(factors),
        candidates=tuple(SuvCandidate(**c) for c in entry.get("candidates", ())),
        notes=tuple(flag_from_json(note) for note in entry.get("notes", ())),
        **values,
    )


def _maybe(read: Any, text: str | None) -> Any:  # noqa: ANN401  # a parser and what it parses
    return None if text is None else read(text)
