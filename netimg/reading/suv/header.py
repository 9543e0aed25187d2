"""What SUV is computed from: one `PetSlice` per slice or frame, DICOM text verbatim.

Every field is the text of the header, or None where the header does not have it. Nothing is
parsed here, so that `resolve` can say which text it could not read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Private:
    """A private value, and whether the element that names its creator stood there."""

    text: str
    creator_present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One item of the Radiopharmaceutical Information Sequence (0054,0016)."""

    tracer: str | None = None
    start_time: str | None = None
    start_datetime: str | None = None
    dose: str | None = None
    half_life: str | None = None
    positron_fraction: str | None = None
    nuclide_code: str | None = None
    nuclide_scheme: str | None = None
    nuclide_meaning: str | None = None
    tracer_code: str | None = None
    tracer_scheme: str | None = None
    tracer_meaning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PetSlice:
    """Header of one PET slice (classic) or frame (enhanced)."""

    units: str | None = None
    suv_type: str | None = None
    corrected_image: tuple[str, ...] | None = None
    decay_correction: str | None = None
    attenuation_method: str | None = None
    series_type: tuple[str, ...] = ()
    slope: str | None = None
    intercept: str | None = None
    series_date: str | None = None
    series_time: str | None = None
    acquisition_date: str | None = None
    acquisition_time: str | None = None
    acquisition_datetime: str | None = None
    frame_reference_ms: str | None = None
    frame_duration_ms: str | None = None
    decay_factor: str | None = None
    """Recorded; tells only whether a SPECT console corrected for decay at all."""
    listed: tuple[tuple[str, str], ...] = ()
    """Values that are told beside SUV and never used: name with tag, text."""
    calibration_factor: str | None = None
    decay_datetime: str | None = None
    timezone: str | None = None
    manufacturer: str | None = None
    weight: str | None = None
    size: str | None = None
    sex: str | None = None
    pixel_spacing: str | None = None
    thickness: str | None = None
    ge_scan_datetime: Private | None = None
    siemens_decay_datetime: Private | None = None
    philips_suv_factor: Private | None = None
    philips_activity_factor: Private | None = None
    injections: tuple[Injection, ...] | None = None
    enhanced: bool = False
    """True for the Enhanced PET IOD, where the dose is in MBq by definition."""
    attenuation_corrected: str | None = None
    """Enhanced only: YES or NO."""
    decay_corrected: str | None = None
    """Enhanced only: YES or NO."""
