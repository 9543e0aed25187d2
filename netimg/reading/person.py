"""The patient and the examination, from the headers of a study."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from netimg.reading.headers import StudyHeader
from netimg.study import Patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netimg.reading.headers import Header, PatientHeader


def same_identity(a: PatientHeader, b: PatientHeader) -> bool:
    """Whether two headers can be of one person: nothing that both say differs.

    Compared are Patient ID and its issuer, family and given name, and birth date.
    """
    return not _differences(a, b)


def differing(people: Sequence[PatientHeader]) -> list[str]:
    """By what several persons differ, in words without any of the values."""
    found = {
        what: None
        for i, a in enumerate(people)
        for b in people[i + 1 :]
        for what in _differences(a, b)
    }
    return list(found)


def _differences(a: PatientHeader, b: PatientHeader) -> list[str]:
    """What both headers say and say differently."""
    pairs = (
        ("Patient ID", a.id, b.id),
        ("issuer of the Patient ID", a.issuer, b.issuer),
        *(("name", *names) for names in zip(_plain(a.name), _plain(b.name), strict=False)),
        ("birth date", a.birth_date, b.birth_date),
    )
    found = [what for what, one, other in pairs if one and other and one != other]
    return list(dict.fromkeys(found))


def identities(images: Iterable[Header]) -> list[list[Header]]:
    """Images of one study by the person they name, in order of first appearance."""
    groups: list[list[Header]] = []
    by_patient: dict[PatientHeader, list[Header]] = {}
    for image in images:
        own = by_patient.get(image.patient)
        if own is None:
            fits = (g for g in groups if all(_agree(image, p) for p in _patients(g)))
            own = next(fits, None)
            if own is None:
                own = []
                groups.append(own)
            by_patient[image.patient] = own
        own.append(image)
    return groups


def persons(images: Iterable[Header]) -> list[PatientHeader]:
    """One header of each person among several studies; without a Patient ID each study is one."""
    found: list[PatientHeader] = []
    by_study: dict[str, dict[PatientHeader, Header]] = {}
    for image in images:
        by_study.setdefault(image.study_uid, {}).setdefault(image.patient, image)
    for own in by_study.values():
        for group in identities(own.values()):
            person = group[0].patient
            known = any(p.id and p.id == person.id and same_identity(p, person) for p in found)
            if not known:
                found.append(person)
    return found


def patient_of(images: Sequence[Header], overrides: Mapping[str, object]) -> Patient:
    """The person; what was typed wins over the headers. The first header that says it counts."""
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for name, of in (
        ("id", "id"),
        ("name", "name"),
        ("birth_date", "birth_date"),
        ("sex", "sex"),
        ("age_y", "age_y"),
        ("weight_kg", "weight_kg"),
        ("height_cm", "height_m"),
    ):
        value = next((v for h in images if (v := getattr(h.patient, of)) is not None), None)
        if value is not None:
            values[name] = _centimetres(value) if name == "height_cm" else value
            sources[name] = "header"
    for key, name in (("sex", "sex"), ("weight_kg", "weight_kg"), ("height_m", "height_cm")):
        if key in overrides:
            typed = overrides[key]
            values[name] = float(str(typed)) * 100.0 if key == "height_m" else typed
            sources[name] = "typed"
    return Patient(**values, sources=sources)  # type: ignore[arg-type]  # the values fit field by field


def study_header(images: Sequence[Header]) -> StudyHeader:
    """Date, time, description and accession; the earliest date, the first text."""
    if not images:
        return StudyHeader(None, None, None, None)
    dates = sorted(h.study.date for h in images if h.study.date is not None)
    times = sorted(h.study.time for h in images if h.study.time is not None)
    return StudyHeader(
        dates[0] if dates else None,
        times[0] if times else None,
        next((h.study.description for h in images if h.study.description), None),
        next((h.study.accession for h in images if h.study.accession), None),
    )


def _agree(image: Header, patient: PatientHeader) -> bool:
    return same_identity(image.patient, patient)


def _patients(group: Sequence[Header]) -> set[PatientHeader]:
    return {image.patient for image in group}


def _plain(name: str | None) -> list[tuple[str, ...]]:
    """Family and given name without case, accents' spelling, titles and padding.

    One for each way a name is written: in letters, in ideographs, by its sound.
    """
    found = []
    for text in unicodedata.normalize("NFKC", name or "").casefold().split("="):
        parts = (re.sub(r"[\s.,]+", " ", part).strip() for part in text.split("^")[:2])
        found.append(tuple(part for part in parts if part))
    return found


def _centimetres(height: float) -> float:
    """Height in cm; some files state it in cm already."""
    return height if height >= 30.0 else height * 100.0
