"""SUVs by body weight in every other norm that a PET's header can give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netimg.finding import Finding, suv_name
from netimg.measurement.catalogue import IN_NORMS, NORMS, measured


def in_other_norms(findings: Iterable[Finding], ratios: Mapping[str, float]) -> list[Finding]:
    """The same values by lean mass, ideal weight, surface.

    Parameters
    ----------
    findings
        SUVs by body weight; what is no SUV or is given by body weight alone is left out.
    ratios
        SUV in a norm over SUVbw: one number for the whole PET, as it rests on the body alone.

    Returns
    -------
    list
        Value and interval times the ratio; flags, bound, source and the reason of a missing value
        as they were.
    """
    own = [f for f in findings if _is_given(f.name)]
    return [_scaled(f, norm, ratios[norm]) for norm in NORMS if norm in ratios for f in own]


def _is_given(name: str) -> bool:
    return name.partition("_")[2] in IN_NORMS


def _scaled(finding: Finding, norm: str, ratio: float) -> Finding:
    lo, hi = finding.lo, finding.hi
    interval = None
    if lo is not None and hi is not None and finding.interval is not None:
        interval = (lo * ratio, hi * ratio, finding.interval)
    return measured(
        suv_name(finding.name, norm),
        None if finding.number is None else finding.number * ratio,
        on=finding.source,
        scope=finding.scope,
        id=finding.id,
        interval=interval,
        reason=finding.reason,
        bound=finding.bound,
        flags=finding.flags,
    )
