"""A resolution as the record that travels with a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.reading.tables import table
from netimg.study import SuvCandidate, SuvRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.errors import SUVError
    from netimg.reading.suv.result import SuvResult

_WORTH_A_WORD = 0.005
"""Relative difference of SUV from which another candidate is named in the sentence."""

_MOST_BEDS = 30
"""More acquisition times than this are those of a bed in motion."""


def record(result: SuvResult) -> SuvRecord:
    """SUV that is possible: factors, how they came about, every candidate, the notes."""
    at = result.reference_at
    candidates = [
        SuvCandidate(
            name=name,
            reference=result.candidates[name].isoformat() if name in result.candidates else "",
            relative_suv=relative,
        )
        for name, relative in result.relative.items()
    ]
    return SuvRecord(
        possible=True,
        norm=result.norm,
        policy=result.policy,
        sentence=_sentence(result),
        unit_path=result.unit_path,
        method=result.method,
        factors=result.factors,
        weight_kg=result.weight_kg,
        dose_bq=result.dose_bq,
        half_life_s=result.half_life_s,
        half_life_read=result.half_life_read,
        half_life_from=result.half_life_from,
        administered_at=result.administered_at.isoformat() if result.administered_at else None,
        reference_at=at.isoformat() if at else None,
        uptake_s=result.uptake_s,
        decayed_dose_bq=result.decayed_dose_bq,
        norm_ratios=dict(result.norm_ratios),
        candidates=tuple(candidates),
        notes=result.notes,
        typed=_typed(result.typed),
        listed=result.listed,
    )


def refused_record(
    error: SUVError, *, norm: str, policy: str, typed: Mapping[str, object]
) -> SuvRecord:
    """SUV that is not possible: the code, why, and what to do."""
    return SuvRecord(
        possible=False,
        norm=norm,
        policy=policy,
        code=str(error.code),
        sentence=error.what,
        todo=error.todo,
        typed=_typed(typed),
    )


def _sentence(result: SuvResult) -> str:
    """One line: how SUV came about, and what other readings of the times would give."""
    words, sources = table("suv")["words"], table("suv")["sources"]
    if result.reference_at is None:
        parts = [words[result.method]]
    else:
        time = result.reference_at.time().isoformat("seconds")
        parts = [words["reference"].format(time=time, source=sources[result.method])]
        if result.confirmed_by:
            parts[0] += words["confirmed"].format(beds=_beds(result.confirmed_by))
    parts += [
        words["other"].format(source=sources[name], percent=100.0 * (relative - 1.0))
        for name, relative in result.relative.items()
        if abs(relative - 1.0) > _WORTH_A_WORD
    ]
    return "; ".join(parts)


def _beds(n: int) -> str:
    words = table("suv")["words"]
    name = "one_bed" if n == 1 else "beds" if n <= _MOST_BEDS else "motion"
    return str(words[name]).format(n=n)


def _typed(typed: Mapping[str, object]) -> dict[str, float | str]:
    return {k: float(v) if isinstance(v, (int, float)) else str(v) for k, v in typed.items()}
