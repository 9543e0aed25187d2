"""From typed PET headers to one SUV factor per slice: `resolve`.

``SUV = factor * norm_ratio * (slope * stored + intercept)``. The order of decisions is fixed and
the first failure wins: equal slices, scale, units, attenuation, decay, then the path of the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netimg.reading.suv import checks, norms
from netimg.reading.suv.header import PetSlice
from netimg.reading.suv.job import Job
from netimg.reading.suv.notes import Notes
from netimg.reading.suv.paths import by_unit
from netimg.reading.suv.result import SuvResult
from netimg.reading.suv.typed import OVERRIDES, said, typed_in

__all__ = ["OVERRIDES", "POLICIES", "resolve"]

POLICIES = ("auto", "qiba", "ibsi")


def resolve(
    headers: Sequence[PetSlice],
    policy: str = "auto",
    overrides: Mapping[str, object] | None = None,
    norm: str = "bw",
) -> SuvResult:
    """SUV factors of a PET series.

    Parameters
    ----------
    headers
        One per slice, any order; factors come back in the same order.
    policy
        ``auto``, ``qiba`` or ``ibsi``: which time the values were decay-corrected to.
    overrides
        What a person typed: ``weight_kg, height_m, sex, dose_bq, residual_bq, injection_time,
        reference_time, half_life_s, branching_corrected, injection, allow_intercept``.
    norm
        ``bw, lbm-janma, lbm-james, lbm-morgan, ibw, bsa``: must be possible; the others are
        computed where they are.

    Returns
    -------
    SuvResult

    Raises
    ------
    SUVError
        With the SUV- or PIX- code of the first thing that stands in the way.
    ValueError
        If there are no headers, or policy, norm or an override's key is unknown.
    """
    typed = dict(overrides or {})
    _check_call(headers, policy, norm, typed)
    notes = Notes()
    slices = typed_in(headers, typed)
    checks.check_equal(slices)
    checks.check_scale(slices, policy, notes, allowed=bool(typed.get("allow_intercept")))
    checks.check_units(slices[0], policy)
    checks.check_corrections(slices[0], policy, notes)
    result = by_unit(Job(slices, policy, typed, norm, notes, headers[0]))
    return replace(result, notes=(*said(result), *result.notes))


def _check_call(
    headers: Sequence[PetSlice], policy: str, norm: str, typed: Mapping[str, object]
) -> None:
    if not headers:
        msg = "SUV needs at least one header"
        raise ValueError(msg)
    if policy not in POLICIES:
        msg = f"policy is one of {POLICIES}, not {policy!r}"
        raise ValueError(msg)
    if norm not in norms.NORMS:
        msg = f"norm is one of {norms.NORMS}, not {norm!r}"
        raise ValueError(msg)
    unknown = sorted(set(typed) - set(OVERRIDES))
    if unknown:
        msg = f"unknown overrides {unknown}"
        raise ValueError(msg)
