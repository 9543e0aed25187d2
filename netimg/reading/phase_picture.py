"""What the brightness of vessels and organs says about the contrast phase: pure.

A phase is excluded by any number outside its limits. With every number of a rule at hand and
inside, the picture shows that phase. With some missing, it says what is left: one phase, or only
whether contrast was given and whether the phase can be arterial.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from netimg.reading.tables import table
from netimg.study import PhaseEvidence

if TYPE_CHECKING:
    from netimg.study import OrganMedians

_NAMES = {
    "aorta": "aorta",
    "portal_vein": "portal vein",
    "liver": "liver",
    "spleen": "spleen",
    "cava": "vena cava",
    "kidney": "kidney",
    "renal_pelvis": "renal pelvis",
}


def from_picture(medians: OrganMedians) -> tuple[PhaseEvidence, ...]:
    """Evidence of the picture; empty where it shows nothing that decides."""
    left = possible(medians)
    if medians.aorta is None or not left:
        return ()
    alone = medians.stand_in and medians.liver is None and medians.portal_vein is None
    says = seen_text(medians)
    if len(left) == 1 and _may_be_named(left[0], medians, alone=alone):
        early = table("phases")["picture"]["early_portal_hu"]
        portal = medians.portal_vein
        if left == ("arterial",) and portal is not None and portal < early:
            says = f"{says}, early"
        return (_evidence(left[0], says),)
    found = []
    if "arterial" not in left:
        found.append(_evidence("not_arterial", says))
    if "unenhanced" not in left and not alone:
        found.append(_evidence("contrast", says))
    return tuple(found)


def possible(medians: OrganMedians) -> tuple[str, ...]:
    """Phases that no known number excludes; the first one alone if all its numbers are known."""
    rows, numbers = table("phases")["picture"], _numbers(medians)
    left = []
    for phase, rule in rows["rules"].items():
        if all(_fits(numbers[name], limits) for name, limits in rule.items() if name in numbers):
            left.append(str(phase))
            if set(rule) - set(rows["if_seen"]) <= set(numbers):
                break
    return tuple(left)


def seen_text(medians: OrganMedians) -> str:
    """``aorta 152 HU, liver 104 HU``; what is not seen is left out."""
    parts = []
    for field, name in _NAMES.items():
        value = getattr(medians, field)
        if value is not None:
            parts.append(f"{name} {value:.0f} HU")
    return ", ".join(parts) or "no vessel or organ was recognised"


def _may_be_named(phase: str, medians: OrganMedians, *, alone: bool) -> bool:
    """Whether the only phase left may be said, and not only what it is not.

    ``alone``: nothing but a stand-in for the aorta was seen.
    """
    rows = table("phases")["picture"]
    if phase in ("portal", "delayed"):
        return getattr(medians, rows["named_only_with"]) is not None
    if phase == "arterial":
        bright = (medians.aorta or 0.0) >= float(rows["stand_in_arterial_hu"])
        return bright or not medians.stand_in
    return not alone


def _fits(value: float, limits: str) -> bool:
    """Whether a number lies within ``< 85``, ``>= 180`` or ``100..220`` (ends included)."""
    low, between, high = limits.partition("..")
    if between:
        return float(low) <= value <= float(high)
    sign, _, limit = limits.partition(" ")
    return bool({"<": operator.lt, ">": operator.gt, ">=": operator.ge}[sign](value, float(limit)))


def _evidence(phase: str, says: str) -> PhaseEvidence:
    weight = int(table("phases")["weights"]["picture"])
    return PhaseEvidence(says=says, phase=phase, weight=weight, source="picture")


def _numbers(medians: OrganMedians) -> dict[str, float]:
    """Numbers that the rules ask for, as far as they can be had."""
    known = {name: float(v) for name in _NAMES if (v := getattr(medians, name)) is not None}
    for name, (first, second) in _DIFFERENCES.items():
        if first in known and second in known:
            difference = known[first] - known[second]
            known[name] = abs(difference) if name.endswith("_gap") else difference
    return known


_DIFFERENCES = {
    "aorta_minus_portal": ("aorta", "portal_vein"),
    "aorta_portal_gap": ("aorta", "portal_vein"),
    "aorta_cava_gap": ("aorta", "cava"),
    "portal_minus_cava": ("portal_vein", "cava"),
}
"""Differences of two numbers; a gap has no sign."""
