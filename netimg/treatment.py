"""What could be done, in volumes: `Plan` (a resection with local treatments) and `Plans`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netimg.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTreatment:
    """Wedge resection or ablation of one lesion with a margin."""

    lesion: str
    method: str
    """``wedge`` or ``ablation``."""
    margin_mm: float
    margin_parenchyma_ml: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A named plan: resected segments, local treatments, and its measured findings.

    ``findings`` have scope plan and the plan's name as id (names ``flr_ml, sflr_pct,
    clearance_volume_pct, ...``); a finding that cannot be had carries its reason.
    """

    name: str
    resected: tuple[str, ...]
    """Segments I..VIII that leave."""
    retained: tuple[str, ...]
    template: str | None = None
    approach: str = "one_stage"
    local: tuple[LocalTreatment, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """A part of the liver supplied by one artery, for embolisation."""

    name: str
    segments: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """All plans of a study, in the order they were asked for."""

    plans: tuple[Plan, ...] = ()
    territories: tuple[Territory, ...] = ()

    def __getitem__(self, name: str) -> Plan:
        """Plan by its name; KeyError if there is none."""
        for plan in self.plans:
            if plan.name == name:
                return plan
        raise KeyError(name)
