"""The patient and the examination, from the headers of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.reading.headers import StudyHeader
from netimg.study import Patient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.reading.headers import Header


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


def _centimetres(height: float) -> float:
    """Height in cm; some files state it in cm already."""
    return height if height >= 30.0 else height * 100.0
