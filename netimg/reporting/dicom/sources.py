"""Headers of the source images, cleaned so that highdicom can copy from them."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from netimg.errors import IDX_003, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from netimg.study import Instance

_PERSON = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "PatientSize", "PatientWeight",
)  # fmt: skip
_STUDY = (
    "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip
_IMAGE = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "PositionReferenceIndicator", "Modality", "ImageType", "InstanceNumber", "Rows", "Columns",
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SliceThickness",
    "NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence", "DimensionIndexSequence",
)  # fmt: skip
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that highdicom reads without asking whether they are there."""


def source_headers(instances: Sequence[Instance]) -> list[Dataset]:
    """Header-only copies of the source images, in the order of the grid.

    Text is decoded to UTF-8, missing type 2 attributes are empty, private tags and whatever
    highdicom does not need are left out.

    Raises
    ------
    InputError
        IDX-003 if a source file cannot be read again.
    """
    ordered = sorted(instances, key=lambda i: (i.z_index is None, i.z_index or 0))
    try:
        return _read(ordered)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            IDX_003,
            what=f"an image that was read before cannot be read again: {error}.",
            where="DICOM SEG",
            todo="Put the files back, or leave SEG out with --outputs html,csv,nifti.",
        ) from error


def _read(ordered: Sequence[Instance]) -> list[Dataset]:
    archives: dict[Path, zipfile.ZipFile] = {}
    with ExitStack() as stack:
        headers = []
        for instance in ordered:
            if instance.member is None:
                headers.append(_clean(_header(instance.path)))
                continue
            if instance.path not in archives:
                archives[instance.path] = stack.enter_context(zipfile.ZipFile(instance.path))
            content = archives[instance.path].read(instance.member)
            headers.append(_clean(_header(io.BytesIO(content))))
    return headers


def _header(source: Path | io.BytesIO) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a value that breaks its VR is dropped below
        return pydicom.dcmread(source, stop_before_pixels=True, force=True)


def _clean(header: Dataset) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header.decode()
        kept = Dataset()
        for name in (*_PERSON, *_STUDY, *_IMAGE):
            if name in header and (element := header[name]).value not in (None, ""):
                kept[element.tag] = element
    for name in _TYPE_2:
        if name not in kept:
            setattr(kept, name, None)
    kept.SpecificCharacterSet = "ISO_IR 192"
    kept.setdefault("SliceThickness", None)
    kept.file_meta = FileMetaDataset()
    kept.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return kept
