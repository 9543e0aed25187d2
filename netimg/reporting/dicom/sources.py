"""Headers of the source images, cleaned so that highdicom can copy from them."""

from __future__ import annotations

import io
import uuid
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
_PLACE = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
}
"""Where a frame says what a slice of its own says at the top."""

_CONVERTED = (
    "UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence",
)  # fmt: skip
_SINGLE = {
    "1.2.840.10008.5.1.4.1.1.2.1": "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.2": "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.130": "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.128.1": "1.2.840.10008.5.1.4.1.1.128",
}
"""SOP class of single slices by that of the object with many frames."""
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that highdicom reads without asking whether they are there."""


@dataclass(frozen=True, slots=True)
class FrameReference:
    """How an output refers to one frame."""

    sop_class_uid: str
    sop_instance_uid: str
    number: int


def source_headers(instances: Sequence[Instance]) -> list[Dataset]:
    """Header-only copies of the source images, in the order of the grid.

    A frame of a file of many looks like a slice of its own; `tell_apart` gives it a UID. Text is
    decoded to UTF-8, missing type 2 attributes are empty, private tags and whatever
    highdicom does not need are left out.

    Raises
    ------
    InputError
        IDX-003 if a source file cannot be read again.
    """
    try:
        return _read(in_order(instances))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            IDX_003,
            what=f"an image that was read before cannot be read again: {error}.",
            where="DICOM SEG",
            todo="Put the files back, or leave SEG out with --outputs html,csv,nifti.",
        ) from error


def tell_apart(
    headers: Sequence[Dataset], instances: Sequence[Instance]
) -> dict[str, FrameReference]:
    """Give frames of one file UIDs of their own, in place, while an output is built of them.

    Parameters
    ----------
    headers
        Of `source_headers`, with the UIDs that the output shall name.
    instances
        Those that the headers were read for.

    Returns
    -------
    dict
        By such a UID, the file and frame that it stands for; empty where no file has many frames.
    """
    meant = {}
    for header, instance in zip(headers, in_order(instances), strict=True):
        if instance.frame_number is None:
            continue
        file, number = str(header.SOPInstanceUID), instance.frame_number
        header.SOPInstanceUID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{file} {number}').int}"
        header.SOPClassUID = _SINGLE.get(instance.sop_class_uid, instance.sop_class_uid)
        meant[header.SOPInstanceUID] = FrameReference(instance.sop_class_uid, file, number)
    return meant


def name_frames(output: Dataset, meant: dict[str, FrameReference]) -> None:
    """Let an output refer to the frames that UIDs of `tell_apart` stand for, in place."""
    for item in output.get("PerFrameFunctionalGroupsSequence", ()):
        for derivation in item.get("DerivationImageSequence", ()):
            for source in derivation.get("SourceImageSequence", ()):
                frame = meant.get(source.ReferencedSOPInstanceUID)
                if frame is not None:
                    _refer(source, frame)
                    source.ReferencedFrameNumber = frame.number
    lists = [series.ReferencedInstanceSequence for series in output.ReferencedSeriesSequence]
    for references in (*lists, output.get("SourceImageSequence")):
        if references is None:
            continue
        once: dict[str, Dataset] = {}
        for reference in references:
            frame = meant.get(reference.ReferencedSOPInstanceUID)
            if frame is not None:
                _refer(reference, frame)
            once.setdefault(reference.ReferencedSOPInstanceUID, reference)
        references[:] = once.values()


def _refer(reference: Dataset, frame: FrameReference) -> None:
    reference.ReferencedSOPClassUID = frame.sop_class_uid
    reference.ReferencedSOPInstanceUID = frame.sop_instance_uid


def in_order(instances: Sequence[Instance]) -> list[Instance]:
    """Instances in the order of the grid."""
    return sorted(instances, key=lambda i: (i.z_index is None, i.z_index or 0))


def _read(ordered: Sequence[Instance]) -> list[Dataset]:
    archives: dict[Path, zipfile.ZipFile] = {}
    files: dict[tuple[Path, str | None], Dataset] = {}
    with ExitStack() as stack:
        headers = []
        for instance in ordered:
            place = instance.path, instance.member
            if place not in files:
                files[place] = _clean(_content(instance, archives, stack))
            header = files[place]
            if instance.frame_number is not None:
                header = _as_slice(header, instance.frame_number)
            headers.append(header)
    return headers


def _content(
    instance: Instance, archives: dict[Path, zipfile.ZipFile], stack: ExitStack
) -> Dataset:
    """Header of a file on disk or in an archive."""
    if instance.member is None:
        return _header(instance.path)
    if instance.path not in archives:
        archives[instance.path] = stack.enter_context(zipfile.ZipFile(instance.path))
    return _header(io.BytesIO(archives[instance.path].read(instance.member)))


def _as_slice(whole: Dataset, number: int) -> Dataset:
    """One frame as if it were a slice of its own."""
    groups = [whole.PerFrameFunctionalGroupsSequence[number - 1]]
    groups += list(whole.get("SharedFunctionalGroupsSequence", ()))
    kept = Dataset()
    for element in whole:
        if not element.keyword.endswith("FunctionalGroupsSequence"):
            kept.add_new(element.tag, element.VR, element.value)  # its own, to be changed alone
    kept.file_meta = whole.file_meta
    kept.InstanceNumber = number
    for name, sequence in _PLACE.items():
        places = [item for group in groups for item in group.get(sequence, ())]
        places += [i for converted in _CONVERTED for g in groups for i in g.get(converted, ())]
        value = next((place.get(name) for place in places if place.get(name) is not None), None)
        setattr(kept, name, value)
    return kept


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
