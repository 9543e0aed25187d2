"""Real DICOM files with known truth: CT and PET series, written with pydicom.

``ct_series`` and ``pet_series`` write a plain, valid series and return the paths in order of
position. Every element can be bent: ``common`` changes all files, ``per_slice`` one, and None
removes an element. Values are written as given, also wrong ones.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
PET = "1.2.840.10008.5.1.4.1.1.128"

RADIOPHARMACEUTICAL = {
    "Radiopharmaceutical": "DOTATATE",
    "RadiopharmaceuticalStartTime": "091200",
    "RadiopharmaceuticalStartDateTime": "20240310091200",
    "RadionuclideTotalDose": "154000000",
    "RadionuclideHalfLife": "4057.7",
    "RadionuclidePositronFraction": "0.889",
    "RadionuclideCode": ("C-131A3", "SRT", "^68^Gallium"),
}


def uid(*parts):
    """A UID that depends on its parts alone."""
    number = int(hashlib.sha256(repr(parts).encode()).hexdigest()[:24], 16)
    return f"2.25.{number}"


def ct_series(folder, values=None, **bends):
    """Write an axial CT; ``values`` are HU ``[z, y, x]`` (default: a body in air)."""
    values = body() if values is None else np.asarray(values)
    common = {
        "SOPClassUID": CT,
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SeriesDescription": "portal venous",
        "KVP": "120",
        "ConvolutionKernel": "B30f",
        "ContrastBolusAgent": "iodine",
        "AcquisitionNumber": "1",
        "RescaleSlope": "1",
        "RescaleIntercept": "-1024",
        "RescaleType": "HU",
        "PixelRepresentation": 0,
        "BitsStored": 16,
        "SeriesNumber": "2",
    }
    bends["common"] = common | bends.get("common", {})
    intercept = float(bends["common"].get("RescaleIntercept") or 0)
    slope = float(bends["common"].get("RescaleSlope") or 1) or 1.0
    return series(folder, np.rint((values - intercept) / slope), **{"name": "ct"} | bends)


def pet_series(folder, stored=None, *, radiopharmaceutical=None, **bends):
    """Write a PET in Bq/mL; ``stored`` are stored values ``[z, y, x]``, slope 0.75.

    Default: 1000 everywhere but in one corner of the last slice, which has no uptake.

    ``radiopharmaceutical``: dict over `RADIOPHARMACEUTICAL` (None removes a field), a list of
    dicts, or False for no sequence at all.
    """
    stored = uptake() if stored is None else np.asarray(stored)
    common = {
        "SOPClassUID": PET,
        "Modality": "PT",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "SeriesDescription": "PET AC",
        "Manufacturer": "SIEMENS",
        "SeriesDate": "20240310",
        "SeriesTime": "101500",
        "AcquisitionDate": "20240310",
        "AcquisitionTime": "101500",
        "FrameReferenceTime": "74839.855",
        "ActualFrameDuration": "150000",
        "PatientWeight": "72.5",
        "PatientSize": "1.78",
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"],
        "AttenuationCorrectionMethod": "measured",
        "SeriesType": ["WHOLE BODY", "IMAGE"],
        "RescaleSlope": "0.75",
        "RescaleIntercept": "0",
        "PixelRepresentation": 0,
        "BitsStored": 16,
        "SeriesNumber": "5",
    }
    bends["common"] = common | bends.get("common", {})
    if radiopharmaceutical is not False:
        given = radiopharmaceutical if isinstance(radiopharmaceutical, list) else [
            RADIOPHARMACEUTICAL | (radiopharmaceutical or {})
        ]  # fmt: skip
        bends["common"]["RadiopharmaceuticalInformationSequence"] = [injection(i) for i in given]
    return series(folder, stored, **{"name": "pet"} | bends)


def series(
    folder,
    stored,
    *,
    name,
    study="study",
    patient="phantom",
    frame="frame",
    spacing_mm=(3.0, 2.0, 2.0),
    first_lps_mm=(-20.0, -16.0, 0.0),
    orientation=(1, 0, 0, 0, 1, 0),
    positions=None,
    common=None,
    per_slice=None,
    private=None,
    syntax=ExplicitVRLittleEndian,
    names="IM{:04d}.dcm",
):
    """Write one file per slice of ``stored``; see `ct_series` and `pet_series`.

    UIDs depend on ``study``, ``name`` and slice; ``frame`` names the frame of reference.
    ``positions`` (n, 3) replaces the regular stack; ``per_slice`` maps a slice to element changes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    normal = np.cross(row, column)
    if positions is None:
        positions = np.array(first_lps_mm) + np.outer(
            np.arange(len(stored)) * spacing_mm[0], normal
        )
    paths = []
    for z, plane in enumerate(stored):
        elements = {
            "SOPInstanceUID": uid(study, name, z),
            "StudyInstanceUID": uid(study),
            "SeriesInstanceUID": uid(study, name),
            "FrameOfReferenceUID": uid(study, frame),
            "PatientID": patient,
            "PatientName": patient.upper(),
            "PatientSex": "M",
            "PatientAge": "052Y",
            "StudyDate": "20240310",
            "StudyTime": "100000",
            "SeriesDate": "20240310",
            "SeriesTime": "101000",
            "AcquisitionDate": "20240310",
            "AcquisitionTime": "101000",
            "InstanceNumber": str(z + 1),
            "ImagePositionPatient": [_decimal(v) for v in positions[z]],
            "ImageOrientationPatient": [_decimal(v) for v in orientation],
            "PixelSpacing": [_decimal(spacing_mm[1]), _decimal(spacing_mm[2])],
            "SliceThickness": _decimal(spacing_mm[0]),
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
        }
        elements |= common or {}
        elements |= (per_slice or {}).get(z, {})
        path = folder / names.format(z + 1)
        write(path, elements, plane, private=private, syntax=syntax)
        paths.append(path)
    return paths


def write(path, elements, plane=None, *, private=None, syntax=ExplicitVRLittleEndian):
    """Write one file of elements by keyword; None leaves an element out."""
    dataset = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wrong values are written on purpose
        for keyword, value in elements.items():
            if value is not None:
                setattr(dataset, keyword, value)
        for creator, values in (private or {}).items():
            _private(dataset, creator, values)
        if plane is not None:
            _pixels(dataset, plane, elements, big=syntax == ExplicitVRBigEndian)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.file_meta.MediaStorageSOPClassUID = elements.get("SOPClassUID") or CT
        dataset.file_meta.MediaStorageSOPInstanceUID = elements.get("SOPInstanceUID") or uid(0)
        dataset.save_as(path, enforce_file_format=True)
    return path


def injection(fields):
    """One item of the Radiopharmaceutical Information Sequence."""
    item = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in fields.items():
            if value is None:
                continue
            if keyword == "RadionuclideCode":
                item.RadionuclideCodeSequence = [code(*value)]
            elif keyword == "RadiopharmaceuticalCode":
                item.RadiopharmaceuticalCodeSequence = [code(*value)]
            else:
                setattr(item, keyword, value)
    return item


def code(value, scheme, meaning):
    """A code item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def uptake(shape=(6, 16, 20), stored=1000):
    """Stored values of a PET: the same everywhere but in one corner of the last slice."""
    values = np.full(shape, stored)
    values[-1, -1, -1] = 0
    return values


def body(shape=(12, 32, 40), hu=60.0):
    """HU of an elliptic body in air, ``[z, y, x]``."""
    y, x = np.mgrid[: shape[1], : shape[2]]
    inside = ((y - shape[1] / 2) / (shape[1] * 0.4)) ** 2 + (
        (x - shape[2] / 2) / (shape[2] * 0.4)
    ) ** 2 < 1
    return np.broadcast_to(np.where(inside, hu, -1000.0), shape)


def bend(path, **elements):
    """Change elements of a written file; None removes one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        for keyword, value in elements.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path)


def later(time, seconds):
    """A DICOM time some seconds later: ``later("101500", 150)``."""
    start = dt.datetime.strptime(time, "%H%M%S")  # noqa: DTZ007  # a time of day has no zone
    return (start + dt.timedelta(seconds=seconds)).strftime("%H%M%S")


def _decimal(value):
    return f"{float(value):.10g}"


def _private(dataset, creator, values):
    for tag, value in values.items():
        group, element = (int(part, 16) for part in tag.split(","))
        vr = "DS" if group == 0x7053 else "DT"
        if creator == "(none)":
            dataset.add_new((group, element), vr, value)
            continue
        block = dataset.private_block(group, creator, create=True)
        block.add_new(element & 0xFF, vr, value)


def _pixels(dataset, plane, elements, *, big):
    bits = int(elements.get("BitsStored", 16) or 16)
    signed = bool(elements.get("PixelRepresentation", 0))
    plane = np.asarray(plane)
    dataset.Rows, dataset.Columns = plane.shape
    for keyword in ("Rows", "Columns"):
        if keyword in elements:
            setattr(dataset, keyword, elements[keyword])
    if "HighBit" not in elements:
        dataset.HighBit = bits - 1
    kind = np.dtype("<i2" if signed else "<u2").newbyteorder(">" if big else "<")
    dataset.PixelData = plane.astype(kind).tobytes()
    dataset["PixelData"].VR = "OW"
