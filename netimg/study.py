"""What was found in a folder: `Study`, its `Series`, and every file that was set aside.

Every file is in a `Series` or in `SetAside`. Nouns know no DICOM: `Series.load` calls a picklable
opener that ``reading`` put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.volume import Volume

USED = "used: "
"""How the fate of a file begins that a person gave and that lies inside the input."""


class Phase(Enum):
    """Contrast phase of a CT."""

    UNENHANCED = "unenhanced"
    ARTERIAL = "arterial"
    PORTAL = "portal"
    DELAYED = "delayed"
    CONTRAST = "contrast"
    """Contrast was given, the phase is not said."""
    UNKNOWN = "unknown"


class Role(Enum):
    """What a series is used for; the value is the one of ``results.json``."""

    PRIMARY_CT = "primary_ct"
    CT = "ct"
    PET_SSTR = "pet_sstr"
    PET_FDG = "pet_fdg"
    OTHER = "other"


class TracerClass(Enum):
    """What a PET tracer binds to; the value is the prefix of finding names."""

    SSTR = "sstr"
    FDG = "fdg"
    OTHER = "other"
    UNKNOWN = "unknown"


class Coverage(Enum):
    """How much of the liver a CT is thought to show, before anything was segmented."""

    COMPLETE = "complete"
    NEARLY = "nearly complete"
    """Cut by less than 5 % at the first or last slices."""
    UNKNOWN = "unknown"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEvidence:
    """One statement about a contrast phase: what says it, for which phase, how much it counts."""

    says: str
    phase: str
    """A `Phase`, or ``not_arterial``."""
    weight: int
    source: str
    """``words``, ``tags``, ``time``, ``order`` or ``picture``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganMedians:
    """HU of what tells a contrast phase: medians of structures, None where not seen.

    ``stand_in``: the aorta was found without a mask. ``absent`` says per structure why it is not
    there.
    """

    aorta: float | None = None
    portal_vein: float | None = None
    liver: float | None = None
    spleen: float | None = None
    cava: float | None = None
    """Inferior vena cava below the liver."""
    kidney: float | None = None
    renal_pelvis: float | None = None
    stand_in: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "absent", dict(self.absent))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How a PET was turned and shifted onto a CT, and how good that is.

    ``matrix``: four rows of four numbers, from points of the PET's own coordinate system to points
    of the CT's (L, P, S, mm). Rotation and translation are those at the centre of the liver.
    """

    matrix: tuple[tuple[float, float, float, float], ...]
    rotation_deg: float
    translation_mm: float
    similarity_before: float
    """Mutual information (nats) where the series lie by their headers."""
    similarity_after: float
    liver_gap_mm: float | None
    """Median distance between the liver's surfaces on CT and PET; None where the PET shows none."""
    accepted: bool
    refusal: str = ""
    """Why it was not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One picture: what outputs must refer to. ``z_index`` is its slice in the grid.

    A file of its own, or a frame of a file of many: then several share ``sop_instance_uid`` and
    ``frame_number`` tells them apart.
    """

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None = None
    """What a viewer counts by: the frame number where the file has many frames."""
    frame_number: int | None = None
    """From 1, of a frame of a multi-frame file; else None."""
    z_index: int | None = None
    size_bytes: int = 0
    member: str | None = None
    """Name inside the archive ``path``, where the file came from a zip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A file that is in no series, with the reason: a problem code and a sentence."""

    path: str
    """Relative to the input."""
    code: str
    sentence: str
    series_uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The person, as the headers say; ``None`` means not said.

    ``sources`` says per field where it came from: ``header`` or ``typed``.
    """

    id: str | None = None
    name: str | None = None
    birth_date: dt.date | None = None
    sex: str | None = None
    age_y: float | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", dict(self.sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuvCandidate:
    """A decay reference time that could be right, and what it would do to the SUV."""

    name: str
    reference: str
    """ISO instant, local time of the scanner."""
    relative_suv: float
    """SUV by this candidate over the SUV that was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuvRecord:
    """How SUVs of a PET come about, or why there are none.

    ``possible`` false: ``code`` and ``sentence`` say why, the numbers are None.
    """

    possible: bool
    norm: str = "bw"
    policy: str = "auto"
    code: str | None = None
    sentence: str = ""
    todo: str = ""
    unit_path: str | None = None
    method: str | None = None
    factors: tuple[float, ...] = ()
    """g/mL per unit of rescaled value, one per slice in grid order."""
    weight_kg: float | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    half_life_read: str | None = None
    """As it stands in the header, or as it was typed."""
    half_life_from: str | None = None
    """``header``, ``header, read as minutes``, ``table`` or ``typed``."""
    administered_at: str | None = None
    reference_at: str | None = None
    uptake_s: float | None = None
    decayed_dose_bq: float | None = None
    norm_ratios: Mapping[str, float] = field(default_factory=dict)
    """SUV in another norm over SUVbw, for each norm that can be computed."""
    candidates: tuple[SuvCandidate, ...] = ()
    notes: tuple[Flag, ...] = ()
    typed: Mapping[str, float | str] = field(default_factory=dict)
    """Overrides a person typed."""
    listed: Mapping[str, str] = field(default_factory=dict)
    """What the header says beside it: told, never used."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm_ratios", dict(self.norm_ratios))
        object.__setattr__(self, "typed", dict(self.typed))
        object.__setattr__(self, "listed", dict(self.listed))


class Opener(Protocol):
    """Loads the pixels of one series; picklable, made by ``reading``."""

    def __call__(self) -> Volume:
        """Read, decode and rescale; raises `netimg.errors.InputError`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One volume of a study, geometry checked, pixels not yet read.

    ``why`` holds one sentence per decision (phase, tracer, choice). ``suv`` is set for PET.
    """

    uid: str
    number: int
    """As `netimg inspect` lists it, from 1; stable for the same input."""
    kind: str
    """``CT`` or ``PET``."""
    description: str
    grid: Grid
    instances: tuple[Instance, ...]
    """In grid order, feet to head along axis z where the series is axial."""
    opener: Opener
    role: Role = Role.OTHER
    series_number: int | None = None
    frame_of_reference_uid: str | None = None
    acquired_at: dt.datetime | None = None
    slice_thickness_mm: float | None = None
    phase: Phase = Phase.UNKNOWN
    phase_typed: bool = False
    phase_evidence: tuple[PhaseEvidence, ...] = ()
    """What the phase rests on: words, tags, order in time, the picture."""
    coverage: Coverage = Coverage.UNKNOWN
    low_dose: bool = False
    """Whether a CT looks like the one made to correct a PET."""
    kernel: str | None = None
    body_part: str | None = None
    contrast: str | None = None
    manufacturer: str | None = None
    tracer: str | None = None
    """Tracer id of ``configs/reading/tracers.toml``; None = not recognised."""
    tracer_class: TracerClass = TracerClass.UNKNOWN
    nuclide: str | None = None
    suv: SuvRecord | None = None
    regridded: tuple[int, ...] | None = None
    """Slices that no file shows, of a series that was made regular on request (--regrid): those
    between the slices of its files. None where it lies as it was sent."""
    registration: Registration | None = None
    """A PET that was registered to the CT, or was refused; its grid is where it lies now."""
    why: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    def load(self) -> Volume:
        """Pixels as a Volume: HU for CT, SUVbw for PET (activity or stored values without SUV)."""
        return self.opener()

    @property
    def phase_source(self) -> str:
        """Where the phase comes from: ``typed``, ``picture`` or ``header``."""
        if self.phase_typed:
            return "typed"
        seen = any(item.source == "picture" for item in self.phase_evidence)
        return "picture" if seen else "header"

    def __repr__(self) -> str:
        """One line: number, kind, description, size."""
        spacing = "x".join(f"{s:.3g}" for s in self.grid.spacing_mm)
        size = "x".join(map(str, self.grid.shape))
        return f"Series({self.number}, {self.kind}, {self.description!r}, {size}, {spacing} mm)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegContext:
    """What a segmenter may know about a CT beyond its voxels."""

    phase: Phase = Phase.UNKNOWN
    phase_source: str = "not said"
    modality: str = "CT"
    body_part: str | None = None
    contrast: str | None = None
    kernel: str | None = None
    sex: str | None = None
    age_y: float | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    slice_thickness_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """One examination of one patient: every file accounted for, CT and PETs chosen.

    ``ct`` is None where there is no usable CT; ``flags`` say so. ``pets`` holds the chosen PETs,
    SSTR before FDG before others.
    """

    uid: str
    patient: Patient
    series: tuple[Series, ...]
    set_aside: tuple[SetAside, ...]
    ct: Series | None
    pets: tuple[Series, ...]
    files: tuple[tuple[str, str], ...]
    """(path relative to the input, fate) for every file: ``series 4``, ``set aside``, or what a
    person's file was used as (``used: liver mask``)."""
    source: str
    """The input as the user named it."""
    date: dt.date | None = None
    time: dt.time | None = None
    description: str | None = None
    accession: str | None = None
    flags: tuple[Flag, ...] = ()
    register: bool = False
    """Whether a person asked for PETs of another coordinate system to be laid over the CT."""

    @property
    def cts(self) -> tuple[Series, ...]:
        """Every usable CT of the study, all phases."""
        return tuple(s for s in self.series if s.kind == "CT")

    def pet(self, tracer_class: TracerClass) -> Series | None:
        """The chosen PET of a tracer class, if there is one."""
        return next((s for s in self.pets if s.tracer_class is tracer_class), None)

    def context(self) -> SegContext:
        """What the segmenter may know about the primary CT."""
        person = {
            "sex": self.patient.sex,
            "age_y": self.patient.age_y,
            "weight_kg": self.patient.weight_kg,
            "height_cm": self.patient.height_cm,
        }
        if self.ct is None:
            return SegContext(**person)  # type: ignore[arg-type]  # the values fit field by field
        return SegContext(
            phase=self.ct.phase,
            phase_source=self.ct.phase_source,
            body_part=self.ct.body_part,
            contrast=self.ct.contrast,
            kernel=self.ct.kernel,
            slice_thickness_mm=self.ct.slice_thickness_mm,
            **person,  # type: ignore[arg-type]  # the values fit field by field
        )

    def __repr__(self) -> str:
        """One line: what is in it."""
        n = len(self.set_aside)
        return f"Study({len(self.series)} series, ct={self.ct!r}, {len(self.pets)} PET, {n} aside)"
