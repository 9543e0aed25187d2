"""CT and PET series as DICOM files: uncompressed, plain, plainly of nobody.

UIDs and times come from the caller, so the same phantom gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from netimg.arrays import FloatZYX
    from netimg.geometry import Grid
    from netimg.phantoms.pet_physics import Injection

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PET_IMAGE = "1.2.840.10008.5.1.4.1.1.128"
_NAMESPACE = uuid.UUID("8a3c7a52-6f0d-5b0e-9d8b-2f6d1f4b7c10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What every file of the study says; ``key`` makes its UIDs its own."""

    key: str
    patient: Mapping[str, Any]
    patient_id: str
    date: dt.date
    description: str
    version: str

    def uid(self, *what: object) -> str:
        """UID of a thing of this study, always the same for the same words."""
        name = "/".join(str(w) for w in (self.key, *what))
        return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def write_ct(folder: Path, header: Header, grid: Grid, hu: FloatZYX, *, kernel: str) -> str:
    """Write a portal venous CT; return its SeriesInstanceUID. ``hu``: whole numbers from -1024."""
    stored = (hu + 1024.0).astype(np.uint16)
    series = _series(header, "CT", number=2, description="NETIMG PHANTOM PORTAL VENOUS 75S")
    start = _clock(header, 9 * 3600 + 12 * 60)
    _timed(series, start)
    series.update(
        _ds(
            ContrastBolusAgent="IODINATED CONTRAST", ContrastBolusRoute="IV",
            ContrastBolusStartTime=_tm(start - dt.timedelta(seconds=75)),
            KVP="120", XRayTubeCurrent="220", Exposure="150", ConvolutionKernel=kernel,
            PatientPosition="HFS", AcquisitionNumber="1", ScanOptions="HELICAL MODE",
            RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU",
            WindowCenter="60", WindowWidth="360",
        )
    )  # fmt: skip
    series.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    for index, number in _numbered(grid):
        image = _image(series, header, grid, index, number, sop_class=CT_IMAGE)
        _pixels(image, stored[index], bits=12)
        _save(image, folder, number)
    return str(series.SeriesInstanceUID)


def write_pet(
    folder: Path,
    header: Header,
    grid: Grid,
    bqml: FloatZYX,
    injection: Injection,
    *,
    kind: str,
    number: int,
    fwhm_mm: float,
) -> str:
    """Write a static PET in Bq/mL, decay-corrected to its start; return its SeriesInstanceUID."""
    series = _series(header, "PT", kind, number=number, description=injection.description)
    start = _clock(header, 10 * 3600 + 20 * 60 if kind == "sstr" else 14 * 3600 + 5 * 60)
    _timed(series, start)
    series.update(
        _ds(
            Units="BQML", CountsSource="EMISSION", SeriesType=["STATIC", "IMAGE"],
            CorrectedImage=["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"], DecayCorrection="START",
            CollimatorType="NONE", NumberOfSlices=grid.shape[0],
            AttenuationCorrectionMethod="measured CT", ScatterCorrectionMethod="model based",
            RandomsCorrectionMethod="DLYD", ReconstructionMethod="OSEM phantom",
            ConvolutionKernel=f"GAUSS {fwhm_mm:g} mm",
            ReconstructionDiameter=_ds_text(max(grid.extent_mm[1:])),
            FrameReferenceTime=_ds_text(1000.0 * injection.mean_count_s),
            ActualFrameDuration=str(round(1000 * injection.frame_s)),
            DecayFactor=_ds_text(injection.decay_factor), DoseCalibrationFactor="1",
            ScatterFractionFactor="0", DeadTimeFactor="1", SliceSensitivityFactor="1",
            RescaleIntercept="0", AcquisitionMatrix=None,
        )
    )  # fmt: skip
    series.ImageType = ["ORIGINAL", "PRIMARY"]
    series.PatientOrientationCodeSequence = [_code("102538003", "SCT", "recumbent")]
    series.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = Sequence(
        [_code("40199007", "SCT", "supine")]
    )
    series.PatientGantryRelationshipCodeSequence = [_code("102540008", "SCT", "headfirst")]
    series.RadiopharmaceuticalInformationSequence = [_injected(injection, start)]
    for index, instance in _numbered(grid):
        image = _image(series, header, grid, index, instance, sop_class=PET_IMAGE)
        slope = max(float(bqml[index].max()), 1.0) / 32767.0
        image.RescaleSlope = _ds_text(slope)
        image.ImageIndex = instance
        stored = np.rint(bqml[index] / float(image.RescaleSlope)).astype(np.int16)
        _pixels(image, stored, bits=16)
        _save(image, folder, instance)
    return str(series.SeriesInstanceUID)


def _numbered(grid: Grid) -> list[tuple[int, int]]:
    """(index along z, instance number): numbers run from head to feet, as most scanners count."""
    return [(index, grid.shape[0] - index) for index in range(grid.shape[0])]


def _series(header: Header, modality: str, *what: str, number: int, description: str) -> Dataset:
    """Patient, study, series, frame of reference and equipment of one series."""
    patient = header.patient
    born = patient["birth_date"]
    before_birthday = (header.date.month, header.date.day) < (born.month, born.day)
    years = header.date.year - born.year - before_birthday
    return _ds(
        SpecificCharacterSet="ISO_IR 192",
        PatientName=patient["name"], PatientID=header.patient_id, PatientSex=patient["sex"],
        PatientBirthDate=_da(born), PatientAge=f"{years:03d}Y",
        PatientWeight=_ds_text(patient["weight_kg"]),
        PatientSize=_ds_text(patient["height_cm"] / 100),
        PatientComments="synthetic phantom, not a person",
        StudyInstanceUID=header.uid("study"), StudyID="1",
        AccessionNumber="", ReferringPhysicianName="",
        StudyDate=_da(header.date), StudyTime="090000",
        StudyDescription=header.description,
        SeriesInstanceUID=header.uid("series", modality, *what), SeriesNumber=str(number),
        SeriesDescription=description, Modality=modality, BodyPartExamined="ABDOMEN",
        FrameOfReferenceUID=header.uid("frame"), PositionReferenceIndicator="",
        Manufacturer="netimg", ManufacturerModelName="netimg phantom",
        InstitutionName="netimg phantom",
        SoftwareVersions=header.version, DeviceSerialNumber="0",
    )  # fmt: skip


def _timed(series: Dataset, start: dt.datetime) -> None:
    for word in ("Series", "Acquisition", "Content"):
        setattr(series, f"{word}Date", _da(start))
        setattr(series, f"{word}Time", _tm(start))


def _image(
    series: Dataset, header: Header, grid: Grid, index: int, number: int, *, sop_class: str
) -> FileDataset:
    """One slice of a series, still without pixels."""
    uid = header.uid("image", series.SeriesInstanceUID, number)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.183519347014830112403325466123408245777")
    meta.ImplementationVersionName = "NETIMG_PHANTOM"
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.update(series)
    x, y, z = grid.to_world(np.array([[index, 0, 0]]))[0].tolist()
    across, down = grid.matrix[:, 2].tolist(), grid.matrix[:, 1].tolist()
    image.update(
        _ds(
            SOPClassUID=sop_class, SOPInstanceUID=uid, InstanceNumber=str(number),
            ImagePositionPatient=[_ds_text(v) for v in (x, y, z)],
            ImageOrientationPatient=[_ds_text(v) for v in (*across, *down)],
            PixelSpacing=[_ds_text(v) for v in grid.spacing_mm[1:]],
            SliceThickness=_ds_text(grid.spacing_mm[0]), SliceLocation=_ds_text(z),
        )
    )  # fmt: skip
    return image


def _pixels(image: FileDataset, stored: np.ndarray[Any, Any], *, bits: int) -> None:
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = stored.shape
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, bits, bits - 1
    image.PixelRepresentation = 1 if stored.dtype == np.int16 else 0
    image.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    image["PixelData"].VR = "OW"


def _save(image: FileDataset, folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)


def _injected(injection: Injection, start: dt.datetime) -> Dataset:
    injected_at = start - dt.timedelta(seconds=injection.uptake_s)
    item = _ds(
        Radiopharmaceutical=injection.radiopharmaceutical,
        RadiopharmaceuticalRoute="IV",
        RadiopharmaceuticalStartTime=_tm(injected_at),
        RadiopharmaceuticalStartDateTime=f"{injected_at:%Y%m%d%H%M%S}",
        RadionuclideTotalDose=_ds_text(injection.dose_bq),
        RadionuclideHalfLife=_ds_text(injection.half_life_s),
        RadionuclidePositronFraction=_ds_text(injection.positron_fraction),
    )
    item.RadionuclideCodeSequence = [_code(*injection.nuclide_code)]
    item.RadiopharmaceuticalCodeSequence = [_code(*injection.tracer_code)]
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _ds(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _ds(**elements: Any) -> Dataset:  # noqa: ANN401  # whatever the element takes
    dataset = Dataset()
    for keyword, value in elements.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def _clock(header: Header, seconds: int) -> dt.datetime:
    return dt.datetime.combine(header.date, dt.time()) + dt.timedelta(seconds=seconds)


def _da(day: dt.date) -> str:
    return f"{day:%Y%m%d}"


def _tm(moment: dt.datetime) -> str:
    return f"{moment:%H%M%S}"


def _ds_text(value: float) -> str:
    """A decimal string of at most 16 characters that reads back to ten digits or more."""
    text = f"{value:.10g}"
    return text if len(text) <= 16 else f"{value:.9e}"
