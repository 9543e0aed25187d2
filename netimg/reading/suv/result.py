"""What a resolution gives: one factor per slice, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from netimg.flag import Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class SuvResult:
    """One factor per slice, in the order of the headers, and where it came from.

    ``factors`` turn a rescaled value into SUVbw; ``norm_ratios`` turn SUVbw into another norm.
    ``candidates`` maps every decay reference that could be right to its instant; ``relative`` to
    SUV over the SUV that was chosen.
    """

    factors: tuple[float, ...]
    norm: str
    norm_ratios: Mapping[str, float]
    policy: str
    unit_path: str
    method: str
    reference_at: dt.datetime | None = None
    confirmed_by: int = 0
    """Beds whose frame times agree with the series time that was taken."""
    administered_at: dt.datetime | None = None
    uptake_s: float | None = None
    weight_kg: float | None = None
    dose_bq: float | None = None
    decayed_dose_bq: float | None = None
    half_life_s: float | None = None
    half_life_read: str | None = None
    """As the header (or a person) has it."""
    half_life_from: str | None = None
    """``header``, ``header, read as minutes``, ``table`` or ``typed``."""
    nuclide: str | None = None
    candidates: Mapping[str, dt.datetime] = field(default_factory=dict)
    relative: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Flag, ...] = ()
    typed: Mapping[str, object] = field(default_factory=dict)
    listed: Mapping[str, str] = field(default_factory=dict)
    """What the header says beside it: recorded, never used."""
