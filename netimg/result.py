"""Everything about one study in one object: `StudyResult`, and how it came about: `Manifest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from netimg.finding import Facts, Findings
from netimg.treatment import Plans
from netimg.verdict import Assessment

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.flag import Flag
    from netimg.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Manifest:
    """How a result came about; the reproducible part is hashed, the rest is ``volatile``.

    Parameters
    ----------
    settings_hash, input_fingerprint
        SHA-256 of the effective settings that can change a number, and of the input files' UIDs
        and sizes.
    config_hash
        SHA-256 of everything but the input that the result depends on: settings, version, model
        and weights or masks, facts, profiles, outputs. Same input and config: same result.
    model, model_sha256
        Card id with version and the hashes of its weights; empty where masks were given.
    stages
        (stage, seconds) in order; volatile.
    """

    version: str
    commit: str = ""
    command: str = ""
    settings_hash: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    input_fingerprint: str = ""
    config_hash: str = ""
    model: str = ""
    model_sha256: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    started_at: str = ""
    finished_at: str = ""
    stages: tuple[tuple[str, float], ...] = ()
    peak_memory_mb: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "packages", MappingProxyType(dict(self.packages)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyResult:
    """One study, read, segmented, measured, planned and judged.

    ``anatomy`` is None for a PET-only result without a person's masks.
    """

    study: Study
    anatomy: Anatomy | None
    findings: Findings
    plans: Plans
    assessment: Assessment
    flags: tuple[Flag, ...] = ()
    manifest: Manifest | None = None

    @property
    def facts(self) -> Facts | None:
        """Clinical facts that were used."""
        return self.findings.facts

    @classmethod
    def of(
        cls,
        study: Study,
        anatomy: Anatomy | None,
        findings: Findings,
        plans: Plans,
        assessment: Assessment,
        *,
        manifest: Manifest | None = None,
    ) -> StudyResult:
        """Put a result together; flags of all parts are gathered, each once, in order."""
        parts = (study.flags, anatomy.flags if anatomy else (), findings.flags)
        series = [s.flags for s in study.series if s is study.ct or s in study.pets]
        gathered = dict.fromkeys(flag for part in (*parts, *series) for flag in part)
        return cls(
            study=study,
            anatomy=anatomy,
            findings=findings,
            plans=plans,
            assessment=assessment,
            flags=tuple(gathered),
            manifest=manifest,
        )
