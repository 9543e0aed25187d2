"""The liver in millilitres: segments, and the tumour of every lesion in each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netimg.finding import Facts, Findings, Scope

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionModel:
    """One lesion: volume in each segment, and how it was called."""

    id: str
    volume_ml: Mapping[str, float]
    """By segment; tumour outside every segment is in none of them."""
    type: str = "metastasis"

    def in_segments(self, segments: Sequence[str]) -> float:
        """Volume in some segments, mL."""
        return math.fsum(self.volume_ml.get(s, 0.0) for s in segments)

    @property
    def total_ml(self) -> float:
        """Volume in all segments, mL."""
        return math.fsum(self.volume_ml.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class LiverModel:
    """Segments with their tumour; ``reasons`` say why plans on it cannot be computed.

    ``segments_ml`` includes tumour.
    """

    segments_ml: Mapping[str, float]
    lesions: tuple[LesionModel, ...]
    reasons: tuple[str, ...] = ()
    approximate: bool = False
    is_measured: bool = False
    """Whether an image was measured, and not only a facts file read."""
    doubts: tuple[str, ...] = field(default=())
    """Codes of the flags of its parts."""

    def counted(self, *, with_indeterminate: bool = False) -> tuple[LesionModel, ...]:
        """Lesions that count as tumour."""
        wanted = ("metastasis", "indeterminate") if with_indeterminate else ("metastasis",)
        return tuple(lesion for lesion in self.lesions if lesion.type in wanted)

    @property
    def has_indeterminate(self) -> bool:
        """Whether there is a lesion that may be tumour or not."""
        return any(lesion.type == "indeterminate" for lesion in self.lesions)


def liver_model(findings: Findings, facts: Facts | None) -> LiverModel:
    """Liver of findings, with the lesion types that the facts tell.

    Parameters
    ----------
    findings
        Segment volumes, lesion volumes and lesion shares per segment.
    facts
        A person's word on the type of each lesion; metastasis unless said.
    """
    told = (facts.get("lesions") if facts else None) or ()
    types = {str(entry["id"]): str(entry.get("type", "metastasis")) for entry in told}
    sizes = {f.id: f.number for f in findings.of(Scope.SEGMENT) if f.name == "volume_ml"}
    segments_ml = {s: float(sizes.get(s) or 0.0) for s in SEGMENTS}
    known = any(v is not None for v in sizes.values())
    reasons: tuple[str, ...] = () if known else (_no_segments(findings),)
    lesions: tuple[LesionModel, ...] = ()
    if known:
        lesions, missing = _lesions(findings, types)
        reasons = tuple(sorted(missing))
    parts = findings.of(Scope.SEGMENT)
    return LiverModel(
        segments_ml=segments_ml,
        lesions=lesions,
        reasons=reasons,
        approximate=any(f.approximate for f in parts),
        is_measured=any(f.source.kind != "person" for f in findings),
        doubts=tuple(sorted({code for f in parts for code in f.flags})),
    )


def _no_segments(findings: Findings) -> str:
    """Why there are no segments: no liver at all, or a liver that was not divided."""
    liver = findings.get("liver_volume_ml") or findings.get("liver_volume_ml", Scope.LIVER)
    if liver is not None and liver.reason:
        return liver.reason
    return "missing_input:segments_ml"


def _lesions(
    findings: Findings, types: Mapping[str, str]
) -> tuple[tuple[LesionModel, ...], set[str]]:
    """Every lesion with its parts, and what is missing for that."""
    volumes = {f.id: f for f in findings.of(Scope.LESION) if f.name == "volume_ml"}
    shares: dict[str, dict[str, float]] = {}
    for finding in findings.of(Scope.LESION):
        if finding.name.startswith("segment_fraction_") and finding.number is not None:
            segment = finding.name.removeprefix("segment_fraction_")
            shares.setdefault(finding.id, {})[segment] = finding.number
    count = findings.get("lesion_count") or findings.get("lesion_count", Scope.LIVER)
    if not volumes and (count is None or count.value is None):
        return (), {"missing_input:lesions"}
    lesions, missing = [], set()
    for name, finding in volumes.items():
        if finding.number is None:
            missing.add(finding.reason or f"missing_input:lesions.{name}.vol_ml")
        elif name not in shares:
            missing.add("missing_input:segments_ml")
        else:
            parts = {s: finding.number * x for s, x in shares[name].items()}
            kind = types.get(name, "metastasis")
            lesions.append(LesionModel(id=name, volume_ml=parts, type=kind))
    return tuple(lesions), missing
