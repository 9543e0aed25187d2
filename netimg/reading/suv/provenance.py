"""A resolution as the record that travels with a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.study import SuvCandidate, SuvRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.errors import SUVError
    from netimg.reading.suv.result import SuvResult


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
        administered_at=result.administered_at.isoformat() if result.administered_at else None,
        reference_at=at.isoformat() if at else None,
        uptake_s=result.uptake_s,
        decayed_dose_bq=result.decayed_dose_bq,
        norm_ratios=dict(result.norm_ratios),
        candidates=tuple(candidates),
        notes=result.notes,
        typed=_typed(result.typed),
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
    if result.reference_at is None:
        return {
            "stored_suv": "the values are SUV already",
            "philips_suv_factor": "the scanner's own SUV factor",
            "admin": "corrected for decay to the injection",
        }.get(result.method, "not corrected for decay: one factor per slice")
    others = [
        f"{name} would give {100 * (relative - 1):+.1f} %"
        for name, relative in result.relative.items()
        if abs(relative - 1) > 0.005
    ]
    text = f"reference {result.reference_at.time().isoformat('seconds')} ({result.method})"
    return "; ".join((text, *others))


def _typed(typed: Mapping[str, object]) -> dict[str, float | str]:
    return {k: float(v) if isinstance(v, (int, float)) else str(v) for k, v in typed.items()}
