"""What one DICOM file says about itself: the `Header`, typed, pixels unread."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import IDX_004, IDX_015
from netimg.reading.attributes import Attributes
from netimg.reading.pet_header import pet_slice
from netimg.reading.pixel_format import PixelFormat, lossy_ratio, pixel_formats
from netimg.reading.problems import refusal
from netimg.reading.scan import scan
from netimg.reading.walk import content

if TYPE_CHECKING:
    from netimg.reading.suv.header import PetSlice
    from netimg.reading.walk import Archives, Found
    from netimg.settings import Settings

PET = "1.2.840.10008.5.1.4.1.1.128"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One file. Numbers are NaN where the text is none, None where it is absent."""

    file: Found
    sop_class: str
    sop_instance: str
    study_uid: str
    series_uid: str
    modality: str | None
    frame_of_reference: str | None
    image_type: tuple[str, ...]
    frames: int | None
    instance_number: int | None
    series_number: int | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, ...] | None
    thickness_mm: float | None
    stated_spacing_mm: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str | None
    modality_table: bool
    pixels: PixelFormat
    patient: PatientHeader
    study: StudyHeader
    series_description: str | None
    protocol: str | None
    comments: str | None
    body_part: str | None
    manufacturer: str | None
    kernel: str | None
    contrast_agent: str | None
    contrast_route: str | None
    contrast_time: str | None
    exposure_mas: float | None
    lossy: str | None
    acquired_at: dt.datetime | None
    series_at: dt.datetime | None
    pet: PetSlice | None
    frame: FrameOf | None = None
    """Set for a frame of a multi-frame object: this header is one of its virtual slices."""
    kvp: float | None = None
    kev: float | None = None
    """Energy of a monoenergetic picture, (0018,937C) or in its words."""
    reconstruction_mm: float | None = None
    """Diameter of the reconstructed field."""
    acquisition_number: int | None = None
    temporal_position: int | None = None
    """Temporal Position Identifier (0020,0100)."""
    temporal_index: int | None = None
    """Temporal Position Index (0020,9128) of a frame."""
    cardiac_phase_pct: float | None = None
    stack_id: str | None = None
    in_stack_position: int | None = None
    patient_position: str | None = None
    """How the patient lay, as ``HFS``."""
    trigger_ms: float | None = None
    """Trigger Time (0018,1060): which part of a breath or heartbeat a gated picture shows."""
    slices_said: int | None = None
    """Number of Slices (0054,0081): how many each volume of a classic PET has."""
    time_slot: int | None = None
    """Time or gate of a classic PET by its Image Index (0054,1330), from 0."""
    mapped: tuple[float, float] | None = None
    """Stored values that the Real World Value Mapping of a PET speaks of, lowest and highest."""

    @property
    def frame_number(self) -> int | None:
        """Number in the file, from 1, of a frame of a multi-frame object; else None."""
        return None if self.frame is None else self.frame.number

    @property
    def identity(self) -> tuple[str, int | None]:
        """What no two pictures share: SOPInstanceUID and frame number."""
        return self.sop_instance, self.frame_number

    @property
    def name(self) -> str:
        """How sentences call the picture: its file, and its frame where the file has many."""
        if self.frame is None:
            return self.file.name
        return f"{self.file.name}, frame {self.frame.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOf:
    """Which frame of a multi-frame object a virtual slice is, and what the object says of it."""

    number: int
    """From 1, within the file."""
    announced: int
    """Frames the object says it has."""
    described: int
    """Items of its per-frame functional groups."""
    missing: tuple[str, ...] = ()
    """Functional groups that the frame needs and lacks."""
    volumetric: str | None = None
    """VolumetricProperties (0008,9206): VOLUME, or SAMPLED, DISTORTED, MIXED."""
    technique: str | None = None
    """VolumeBasedCalculationTechnique (0008,9207): NONE, or MAX_IP, VOLUME_RENDER and others."""
    concatenation: str | None = None
    """ConcatenationUID where the object is a part of a larger one."""
    part: int | None = None
    """InConcatenationNumber."""
    parts: int | None = None
    """InConcatenationTotalNumber."""
    parts_here: int | None = None
    """Parts that were found, where some were not."""


@dataclass(frozen=True, slots=True)
class PatientHeader:
    """The person as one file says."""

    id: str | None
    issuer: str | None
    name: str | None
    birth_date: dt.date | None
    sex: str | None
    age_y: float | None
    weight_kg: float | None
    height_m: float | None


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """The examination as one file says."""

    date: dt.date | None
    time: dt.time | None
    description: str | None
    accession: str | None


def read_header(file: Found, settings: Settings, archives: Archives | None = None) -> Header:
    """Header of a file; ``archives`` keeps archives open over many files.

    Raises
    ------
    InputError
        IDX-003 to 005, 015, 017: not readable, not DICOM, broken off, without identity, too large.
    """
    with content(file, settings, archives) as data:
        found = scan(data, name=file.name, settings=settings)
        return header_of(Attributes(found, file.name), file)


def header_of(
    a: Attributes,
    file: Found,
    *,
    pixels: PixelFormat | None = None,
    like: Header | None = None,
) -> Header:
    """Header from scanned attributes.

    ``pixels`` where they are known already; ``like`` has the same person and examination.
    """
    sop_class = a.uid(0x00080016) or a.uid(0x00020002)
    if sop_class is None:
        bare = bytes(a.scan.data[128:132]) != b"DICM"
        raise refusal(IDX_004 if bare else IDX_015, file=file.name, attribute="SOPClassUID")
    identity = {
        "SOPInstanceUID": a.uid(0x00080018) or a.uid(0x00020003),
        "StudyInstanceUID": a.uid(0x0020000D),
        "SeriesInstanceUID": a.uid(0x0020000E),
    }
    for attribute, value in identity.items():
        if value is None:
            raise refusal(IDX_015, file=file.name, attribute=attribute)
    acquired = (a.text(0x00080022), a.text(0x00080032))
    pixels = pixels or pixel_formats(a)[0]
    return Header(
        file=file,
        sop_class=sop_class,
        sop_instance=str(identity["SOPInstanceUID"]),
        study_uid=str(identity["StudyInstanceUID"]),
        series_uid=str(identity["SeriesInstanceUID"]),
        modality=a.text(0x00080060),
        frame_of_reference=a.uid(0x00200052),
        image_type=tuple(value.upper() for value in a.texts(0x00080008)),
        frames=a.integer(0x00280008),
        instance_number=a.integer(0x00200013),
        series_number=a.integer(0x00200011),
        position=a.floats(0x00200032),
        orientation=a.floats(0x00200037),
        pixel_spacing=a.floats(0x00280030),
        thickness_mm=a.float(0x00180050),
        stated_spacing_mm=a.float(0x00180088),
        slope=a.float(0x00281053),
        intercept=a.float(0x00281052),
        rescale_type=a.text(0x00281054),
        modality_table=0x00283000 in a,
        pixels=pixels,
        patient=_patient(a) if like is None else like.patient,
        study=_study(a) if like is None else like.study,
        series_description=a.text(0x0008103E),
        protocol=a.text(0x00181030),
        comments=a.text(0x00204000),
        body_part=a.text(0x00180015),
        manufacturer=a.text(0x00080070),
        kernel=a.text(0x00181210),
        contrast_agent=a.text(0x00180010) or ("given" if 0x00180012 in a else None),
        contrast_route=a.text(0x00181040),
        contrast_time=a.text(0x00181042),
        exposure_mas=_exposure_mas(a),
        lossy=lossy_ratio(a, pixels),
        acquired_at=stamp(a.text(0x0008002A) or "") or moment(*acquired),
        series_at=moment(a.text(0x00080021), a.text(0x00080031)),
        pet=pet_slice(a) if sop_class == PET else None,
        kvp=a.float(0x00180060),
        kev=_kev(a),
        reconstruction_mm=a.float(0x00181100),
        acquisition_number=a.integer(0x00200012),
        temporal_position=a.integer(0x00200100),
        temporal_index=a.integer(0x00209128),
        cardiac_phase_pct=a.float(0x00209241),
        stack_id=a.text(0x00209056),
        in_stack_position=a.integer(0x00209057),
        patient_position=a.text(0x00185100),
        trigger_ms=a.float(0x00181060),
        slices_said=a.integer(0x00540081),
        time_slot=_time_slot(a),
    )


def _time_slot(a: Attributes) -> int | None:
    """Image Index counts the slices of the first time, then the next (PS3.3 C.8.9.4.1.9)."""
    index, slices = a.integer(0x00541330), a.integer(0x00540081)
    return (index - 1) // slices if index and slices and index > 0 and slices > 0 else None


def _kev(a: Attributes) -> float | None:
    """Energy of a monoenergetic picture: its own element, or a number of keV in its words."""
    stated = a.float(0x0018937C)
    if stated is not None:
        return stated
    words = " ".join((*a.texts(0x00080008), a.text(0x0008103E) or ""))
    found = re.search(r"(\d{2,3}(?:\.\d)?) ?_?keV", words, re.IGNORECASE)
    return float(found[1]) if found else None


def moment(date: str | None, time: str | None) -> dt.datetime | None:
    """Date and time of day as one instant, local to the scanner; None where either is unusable."""
    day, clock = day_of(date), clock_of(time)
    return None if day is None or clock is None else dt.datetime.combine(day, clock)


def stamp(text: str) -> dt.datetime | None:
    """A DICOM date-time without regard to its offset; None where it is unusable."""
    found = re.fullmatch(r"(\d{8})([\d.]+)(?:[+-]\d{4})?", text.strip())
    return moment(found[1], found[2]) if found else None


def day_of(text: str | None) -> dt.date | None:
    """A DICOM date; None where it is none."""
    found = re.fullmatch(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})", (text or "").strip())
    try:
        return dt.date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def clock_of(text: str | None) -> dt.time | None:
    """A DICOM time of day; None where it is none."""
    found = re.fullmatch(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?", (text or "").strip())
    if not found:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    micro = int((found.group(4) or "0").ljust(6, "0"))
    try:
        return dt.time(hour, minute, min(second, 59), micro)
    except ValueError:
        return None


def _exposure_mas(a: Attributes) -> float | None:
    """Tube current times exposure time, mAs; the exposure itself where either is missing.

    Some scanners write the exposure divided by the pitch or the number of rows.
    """
    current_ma, time_ms = a.float(0x00181151), a.float(0x00181150)
    if current_ma is not None and time_ms is not None and current_ma > 0 and time_ms > 0:
        return current_ma * time_ms / 1000.0
    return a.float(0x00181152)


def _patient(a: Attributes) -> PatientHeader:
    age = re.fullmatch(r"(\d{1,3})([YMWD])", a.text(0x00101010) or "")
    per_year = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}
    return PatientHeader(
        id=a.text(0x00100020),
        issuer=a.text(0x00100021),
        name=a.text(0x00100010),
        birth_date=day_of(a.text(0x00100030)),
        sex=a.text(0x00100040),
        age_y=int(age[1]) / per_year[age[2]] if age else None,
        weight_kg=_positive(a.float(0x00101030)),
        height_m=_positive(a.float(0x00101020)),
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _study(a: Attributes) -> StudyHeader:
    return StudyHeader(
        date=day_of(a.text(0x00080020)),
        time=clock_of(a.text(0x00080030)),
        description=a.text(0x00081030),
        accession=a.text(0x00080050),
    )
