"""What a CT is worth for measuring, as its header says: phase evidence, kernel, dose."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.reading.phase import PhaseReading, decide, from_tags, from_words
from netimg.reading.problems import doubt
from netimg.reading.tables import table
from netimg.reading.tracer import plain
from netimg.study import Phase

if TYPE_CHECKING:
    from netimg.flag import Flag
    from netimg.reading.draft import Draft
    from netimg.study import OrganMedians, PhaseEvidence, Series

_PHASE_WORD = "phase "
"""Begins the reason that says the phase."""


def as_candidate(series: Series, draft: Draft) -> Series:
    """The CT with what its header says about phase and dose; nothing is decided yet."""
    first = draft.headers[0]
    words = from_words(
        first.series_description, first.protocol, first.study.description, first.comments
    )
    least, n = int(table("choice")["ct"]["min_slices"]), series.grid.shape[0]
    flags = series.flags
    if n < least:
        name, number = name_of(series), series.number
        few = doubt("GEO-010/few", touches=("ct",), series=name, n=n, least=least, number=number)
        flags = (*flags, few)
    return replace(
        series,
        phase_evidence=(*words, *from_tags(first)),
        low_dose=is_low_dose(draft),
        flags=flags,
    )


def with_phase_read(series: Series, medians: OrganMedians | None = None) -> Series:
    """The CT with the phase that its evidence and the picture show; a typed one stays."""
    if series.phase_typed:
        return series
    reading = read_phase(series, medians)
    flags = [f for f in series.flags if f.code not in ("SEL-003", "phase_conflict")]
    label = name_of(series)
    if reading.conflict is not None:
        words, picture = reading.conflict
        flags.append(doubt("SEL-003", touches=("ct",), series=label, words=words, picture=picture))
        flags.append(
            doubt(
                "phase_conflict",
                touches=tuple(table("phases")["conflict"]["touches"]),
                series=label,
                words=words,
                picture=picture,
            )
        )
    elif not reading.sure:
        flags.append(doubt("SEL-003/words", touches=("ct",), series=label, words=reading.why))
    elif reading.phase is Phase.UNKNOWN:
        flags.append(doubt("SEL-003/nothing", touches=("ct",), series=label, words=reading.why))
    return replace(
        series,
        phase=reading.phase,
        phase_evidence=reading.evidence,
        why=(
            *(w for w in series.why if not w.startswith(_PHASE_WORD)),
            f"{_PHASE_WORD}{reading.phase.value}: {reading.why}",
        ),
        flags=tuple(flags),
    )


def read_phase(series: Series, medians: OrganMedians | None = None) -> PhaseReading:
    """Phase of a CT from the evidence it carries, with the picture where it is given."""
    words, tags = _split(series.phase_evidence)
    return decide(words, tags, medians)


def phase_is_open(series: Series) -> bool:
    """Whether words and tags alone leave the phase of a CT open."""
    return not series.phase_typed and read_phase(series).is_open


def with_phase(series: Series, phase: str) -> Series:
    """The series with the phase a person typed."""
    said = doubt("SEL-012/phase", touches=("ct",), series=name_of(series), phase=phase)
    return replace(
        series,
        phase=Phase(phase),
        phase_typed=True,
        why=(
            *(w for w in series.why if not w.startswith(_PHASE_WORD)),
            f"{_PHASE_WORD}{phase}: typed",
        ),
        flags=(
            *(
                _of_phase(f, series.phase.value, phase)
                for f in series.flags
                if f.code not in ("SEL-002", "SEL-003", "phase_conflict")
            ),
            said,
        ),
    )


def _of_phase(flag: Flag, before: str, now: str) -> Flag:
    """SEL-016 with the phase that is measured now; another flag as it is."""
    if flag.code != "SEL-016":
        return flag
    told = flag.sentence.replace(f"the {before} phase", f"the {now} phase")
    return replace(flag, sentence=told)


def name_of(series: Series) -> str:
    """How sentences call a series: ``series 4 "portal venous"``."""
    text = f' "{series.description}"' if series.description else ""
    return f"series {series.number}{text}"


def is_low_dose(draft: Draft) -> bool:
    """Whether a CT looks like the one made to correct a PET."""
    rows, first = table("choice")["ct"], draft.headers[0]
    text = f" {plain(first.series_description or '')} "
    if any(f" {word} " in text for word in rows["low_dose_words"]):
        return True
    thick = first.thickness_mm or 0.0
    mas = first.exposure_mas
    return mas is not None and mas < rows["low_dose_mas"] and thick >= rows["low_dose_spacing_mm"]


def kernel_class(kernel: str | None) -> int:
    """0 soft, 1 unknown, 2 sharp."""
    text = (kernel or "").casefold().strip()
    rows = table("choice")["ct"]
    if any(re.search(pattern, text) for pattern in rows["sharp_kernels"]):
        return 2
    return 0 if any(re.search(pattern, text) for pattern in rows["soft_kernels"]) else 1


def _split(
    evidence: tuple[PhaseEvidence, ...],
) -> tuple[list[PhaseEvidence], list[PhaseEvidence]]:
    """Words, and all else but the picture, which is looked at anew."""
    words = [item for item in evidence if item.source == "words"]
    tags = [item for item in evidence if item.source not in ("words", "picture")]
    return words, tags
