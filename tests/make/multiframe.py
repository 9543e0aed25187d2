"""Multi-frame objects with known truth: Enhanced CT and PET, and legacy conversions.

Everything can be bent: ``common`` changes the data set, ``shared`` and ``per_frame`` the functional
groups (``{"PixelMeasures": {"PixelSpacing": [...]}}``; None removes a group), ``frames`` maps a
frame (from 0) to changes of its own groups, ``order`` is the order of the slices in the file.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from tests.make.dicom import body, uid, uptake

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"
PER_FRAME = ("FrameContent", "PlanePosition")

ISOTOPE = {
    "RadiopharmaceuticalAgentNumber": 1,
    "RadionuclideCodeSequence": [("35337001", "SCT", "^68^Gallium")],
    "RadiopharmaceuticalCodeSequence": [("724025002", "SCT", "Dotatate Ga^68^")],
    "RadiopharmaceuticalStartDateTime": "20240310091200",
    "RadionuclideTotalDose": "154",
    "RadionuclideHalfLife": "4057.7",
    "RadionuclidePositronFraction": "0.889",
}
"""Of an Enhanced PET: the dose is in MBq."""


def enhanced_ct(folder, values=None, *, name="enhanced_ct", **bends):
    """Write an Enhanced CT of HU ``[z, y, x]`` (default: a body in air); returns its path."""
    values = body() if values is None else np.asarray(values)
    common = {
        "SOPClassUID": ENHANCED_CT,
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "SeriesDescription": "portal venous",
        "SeriesNumber": "2",
        "ContrastBolusAgentSequence": [
            {
                "CodeValue": "C-B0322",
                "CodingSchemeDesignator": "SRT",
                "CodeMeaning": "Iohexol",
                "ContrastBolusAgentNumber": 1,
                "ContrastBolusAdministrationRouteSequence": [
                    ("G-D101", "SRT", "Intravenous route")
                ],
                "ContrastAdministrationProfileSequence": [
                    {"ContrastBolusStartTime": "100845", "ContrastBolusVolume": "100"}
                ],
            }
        ],
    }
    groups = {
        "CTImageFrameType": {
            "FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            "PixelPresentation": "MONOCHROME",
            "VolumetricProperties": "VOLUME",
            "VolumeBasedCalculationTechnique": "NONE",
        },
        "CTReconstruction": {"ConvolutionKernel": "B30f", "ReconstructionDiameter": "320"},
        "CTXRayDetails": {"KVP": "120"},
        "CTExposure": {"ExposureInmAs": 180.0},
        "ContrastBolusUsage": {
            "ContrastBolusAgentNumber": 1,
            "ContrastBolusAgentAdministered": "YES",
        },
        "PixelValueTransformation": {
            "RescaleIntercept": "-1024",
            "RescaleSlope": "1",
            "RescaleType": "HU",
        },
    }
    return multiframe(
        folder,
        np.rint(values + 1024),
        name=name,
        common=common | bends.pop("common", {}),
        shared=merged(groups, bends.pop("shared", {})),
        **bends,
    )


def enhanced_pet(folder, stored=None, *, name="enhanced_pet", isotope=None, **bends):
    """Write an Enhanced PET; stored values times 0.75 are Bq/mL, decay-corrected to 10:15:00.

    The rescale slope is 1: only the Real World Value Mapping knows activity. ``isotope``: changes
    of `ISOTOPE`, or a list of items.
    """
    stored = uptake() if stored is None else np.asarray(stored)
    items = isotope if isinstance(isotope, list) else [ISOTOPE | (isotope or {})]
    common = {
        "SOPClassUID": ENHANCED_PET,
        "Modality": "PT",
        "ImageType": ["ORIGINAL", "PRIMARY", "WHOLE_BODY", "NONE"],
        "SeriesDescription": "PET AC",
        "SeriesNumber": "5",
        "PatientWeight": "72.5",
        "PatientSize": "1.78",
        "DecayCorrected": "YES",
        "DecayCorrectionDateTime": "20240310101500",
        "AttenuationCorrected": "YES",
        "ScatterCorrected": "YES",
        "RandomsCorrected": "YES",
        "RadiopharmaceuticalInformationSequence": items,
    }
    groups = {
        "PETFrameType": {
            "FrameType": ["ORIGINAL", "PRIMARY", "WHOLE_BODY", "NONE"],
            "PixelPresentation": "MONOCHROME",
            "VolumetricProperties": "VOLUME",
            "VolumeBasedCalculationTechnique": "NONE",
        },
        "RadiopharmaceuticalUsage": {"RadiopharmaceuticalAgentNumber": 1},
        "PixelValueTransformation": {
            "RescaleIntercept": "0",
            "RescaleSlope": "1",
            "RescaleType": "US",
        },
        "RealWorldValueMapping": real_world("Bq/ml", 0.75),
    }
    return multiframe(
        folder,
        stored,
        name=name,
        common=common | bends.pop("common", {}),
        shared=merged(groups, bends.pop("shared", {})),
        **{"seconds": 120.0, "start": "20240310101500"} | bends,
    )


def real_world(code, slope, intercept=0.0):
    """Elements of a Real World Value Mapping with a UCUM unit."""
    return {
        "RealWorldValueFirstValueMapped": 0,
        "RealWorldValueLastValueMapped": 65535,
        "RealWorldValueIntercept": float(intercept),
        "RealWorldValueSlope": float(slope),
        "LUTExplanation": code,
        "LUTLabel": "RWV",
        "MeasurementUnitsCodeSequence": [(code, "UCUM", code)],
    }


def multiframe(
    folder,
    stored,
    *,
    name,
    study="study",
    frame="frame",
    instance=0,
    spacing_mm=(3.0, 2.0, 2.0),
    first_lps_mm=(-20.0, -16.0, 0.0),
    orientation=(1, 0, 0, 0, 1, 0),
    order=None,
    common=None,
    shared=None,
    frames=None,
    drop=(),
    start="20240310101000",
    seconds=1.0,
    signed=False,
    bits=16,
    syntax=ExplicitVRLittleEndian,
    encode=None,
    pieces=1,
    table="basic",
    file=None,
):
    """Write one object of the frames ``stored`` ``[z, y, x]``; see `enhanced_ct`.

    ``encode`` compresses a picture; ``table``: ``basic``, ``none`` or ``extended`` offsets.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    positions = np.array(first_lps_mm) + np.outer(
        np.arange(len(stored)) * spacing_mm[0], np.cross(row, column)
    )
    order = range(len(stored)) if order is None else order
    everywhere = {
        "PixelMeasures": {
            "PixelSpacing": [f"{spacing_mm[1]:.10g}", f"{spacing_mm[2]:.10g}"],
            "SliceThickness": f"{spacing_mm[0]:.10g}",
        },
        "PlaneOrientation": {"ImageOrientationPatient": [f"{v:.10g}" for v in orientation]},
    }
    groups = {k: v for k, v in merged(everywhere, shared or {}).items() if k not in drop}
    own = []
    for number, z in enumerate(order):
        mine = {
            "FrameContent": {
                "FrameAcquisitionDateTime": start,
                "FrameReferenceDateTime": start,
                "FrameAcquisitionDuration": seconds * 1000.0,
                "StackID": "1",
                "InStackPositionNumber": int(z) + 1,
                "DimensionIndexValues": [1, int(z) + 1],
            },
            "PlanePosition": {"ImagePositionPatient": [f"{v:.10g}" for v in positions[z]]},
        }
        mine = merged(mine, (frames or {}).get(number, {}))
        own.append(group_item({k: v for k, v in mine.items() if k not in drop}))
    elements = {
        "SOPInstanceUID": uid(study, name, instance),
        "StudyInstanceUID": uid(study),
        "SeriesInstanceUID": uid(study, name),
        "FrameOfReferenceUID": uid(study, frame),
        "PatientID": "phantom",
        "PatientName": "PHANTOM",
        "PatientSex": "M",
        "PatientAge": "052Y",
        "StudyDate": "20240310",
        "StudyTime": "100000",
        "SeriesDate": "20240310",
        "SeriesTime": "101000",
        "AcquisitionDateTime": start,
        "InstanceNumber": "1",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "NumberOfFrames": str(len(own)),
        "BitsAllocated": 16,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(signed),
        "Rows": stored.shape[1],
        "Columns": stored.shape[2],
        "SharedFunctionalGroupsSequence": [group_item(groups)],
        "PerFrameFunctionalGroupsSequence": own,
    }
    big = syntax == ExplicitVRBigEndian
    kind = np.dtype("<i2" if signed else "<u2").newbyteorder(">" if big else "<")
    planes = np.asarray(stored)[list(order)].astype(kind)
    path = folder / (file or f"{name}_{instance}.dcm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wrong values are written on purpose
        dataset = item(elements | (common or {}))
        if encode is None:
            dataset.PixelData = planes.tobytes()
            dataset["PixelData"].VR = "OW"
        else:
            pack_frames(dataset, planes, encode, pieces=pieces, table=table)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(path, enforce_file_format=True)
    return path


def pack_frames(dataset, planes, encode, *, pieces=1, table="basic"):
    """Put compressed frames into a data set."""
    packed = [encode(plane.view(f"u{plane.dtype.itemsize}")) for plane in planes]
    packed = [data + b"\0" * (len(data) % 2) for data in packed]
    if table == "extended":
        data, offsets, lengths = encapsulate_extended(packed)
        dataset.ExtendedOffsetTable = offsets
        dataset.ExtendedOffsetTableLengths = lengths
        dataset.PixelData = data
    else:
        has_bot = table == "basic"
        dataset.PixelData = encapsulate(packed, fragments_per_frame=pieces, has_bot=has_bot)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def repack(path, syntax, encode, **options):
    """Rewrite an uncompressed multi-frame file with compressed frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        shape = (int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns)
        planes = np.frombuffer(dataset.PixelData, "<u2").reshape(shape)
        pack_frames(dataset, planes, encode, **options)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, enforce_file_format=True)
    return path


def legacy(folder, paths, *, kind="CT", name="legacy"):
    """Convert classic slices with highdicom; returns the path of the one object."""
    from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedPETImage

    convert = {"CT": LegacyConvertedEnhancedCTImage, "PET": LegacyConvertedEnhancedPETImage}[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slices = [pydicom.dcmread(path) for path in paths]
        for part in slices:  # type 2 attributes that highdicom copies unasked
            for keyword in (
                "AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName",
                "Manufacturer",
            ):  # fmt: skip
                if keyword not in part:
                    setattr(part, keyword, None)
        converted = convert(
            legacy_datasets=slices,
            series_instance_uid=uid(name, "series"),
            series_number=9,
            sop_instance_uid=uid(name, "instance"),
            instance_number=1,
        )
        path = Path(folder) / f"{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        converted.save_as(path)
    return path


def merged(groups, changes):
    """Groups with changes: elements replaced one by one, a group of None removed."""
    result = dict(groups)
    for name, elements in changes.items():
        if elements is None:
            result.pop(name, None)
        elif isinstance(elements, dict):
            result[name] = dict(result.get(name) or {}) | elements
        else:
            result[name] = elements
    return result


def group_item(groups):
    """An item of functional groups: a sequence of one item each (several where a list is given)."""
    return item(
        {
            f"{name}Sequence": elements if isinstance(elements, list) else [elements]
            for name, elements in groups.items()
        }
    )


def item(elements):
    """A data set of elements; lists of dicts and of (value, scheme, meaning) become sequences."""
    dataset = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in elements.items():
            if value is None:
                continue
            nested = keyword.endswith("Sequence")
            setattr(dataset, keyword, [_sub(part) for part in value] if nested else value)
    return dataset


def _sub(part):
    if isinstance(part, Dataset):
        return part
    if isinstance(part, tuple):
        names = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
        return item(dict(zip(names, part, strict=True)))
    return item(part)
