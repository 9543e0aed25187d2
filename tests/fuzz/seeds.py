"""The valid small files that mutants are made of, one folder each.

A seed is a folder as a person would give it and the one file in it that is bent.
"""

from __future__ import annotations

import shutil
import warnings
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import imagecodecs
import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from netimg.geometry import Grid
from tests.make.codecs import ENCODERS, pack
from tests.make.dicom import body, ct_series, pet_series, uid, write

SHAPE = (6, 24, 28)
SPACING_MM = (3.0, 2.0, 2.0)
GRID = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(-20.0, -16.0, 0.0))
SAMPLES = Path(__file__).resolve().parents[2]
BEHIND = 2
"""The slice that is bent."""

OBJECTS = {
    "secondary-capture": "1.2.840.10008.5.1.4.1.1.7",
    "structured-report": "1.2.840.10008.5.1.4.1.1.88.33",
    "dose-report": "1.2.840.10008.5.1.4.1.1.88.67",
    "presentation": "1.2.840.10008.5.1.4.1.1.11.1",
    "encapsulated-pdf": "1.2.840.10008.5.1.4.1.1.104.1",
    "raw-data": "1.2.840.10008.5.1.4.1.1.66",
    "registration": "1.2.840.10008.5.1.4.1.1.66.1",
    "rt-dose": "1.2.840.10008.5.1.4.1.1.481.2",
    "parametric-map": "1.2.840.10008.5.1.4.1.1.30",
    "magnetic-resonance": "1.2.840.10008.5.1.4.1.1.4",
    "private": "1.3.12.2.1107.5.9.1",
}
"""Kinds of object that are set aside, by name."""


@dataclass(frozen=True)
class Seed:
    """``kind``: ``images`` (a folder), ``archive``, ``index``, ``mask``, ``facts`` or ``rules``."""

    name: str
    kind: str
    folder: Path
    file: Path

    @cached_property
    def bytes(self) -> bytes:
        """The unbent content."""
        return self.file.read_bytes()


def write_seeds(root: Path) -> list[Seed]:
    """Write every seed below ``root``; in a fixed order."""
    seeds = [*_images(root), *_objects(root), *_archives(root), *_indexes(root)]
    return [*seeds, *_masks(root), *_texts(root)]


def block() -> np.ndarray:
    """A box inside the body, the truth of every mask."""
    voxels = np.zeros(SHAPE, dtype=bool)
    voxels[1:5, 8:16, 9:19] = True
    return voxels


def _images(root: Path) -> list[Seed]:
    values = body(SHAPE)
    found = []

    def add(name: str, paths: list[Path]) -> None:
        found.append(Seed(name, "images", paths[0].parent, paths[min(BEHIND, len(paths) - 1)]))

    add("ct", ct_series(root / "ct", values))
    add("ct-implicit", ct_series(root / "ct-implicit", values, syntax=ImplicitVRLittleEndian))
    add("ct-big-endian", ct_series(root / "ct-big-endian", values, syntax=ExplicitVRBigEndian))
    deflated = {"syntax": DeflatedExplicitVRLittleEndian}
    add("ct-deflated", ct_series(root / "ct-deflated", values, **deflated))
    signed = {"PixelRepresentation": 1, "RescaleIntercept": "0", "PixelPaddingValue": -2000}
    add("ct-signed", ct_series(root / "ct-signed", values, common=signed))
    twelve = {"BitsStored": 12}
    add("ct-12-bit", ct_series(root / "ct-12-bit", values, common=twelve))
    bare = ct_series(root / "ct-bare", values, syntax=ImplicitVRLittleEndian)
    for path in bare:
        _without_preamble(path)
    add("ct-bare", bare)
    for encoder, (syntax, encode) in ENCODERS.items():
        name = "ct-" + encoder.lower().replace(" ", "-").replace(",", "")
        paths = ct_series(root / name, values)
        for path in paths:
            pack(path, syntax, encode)
        add(name, paths)
    add("ct-jpeg", _baseline(root / "ct-jpeg"))
    stored = 200 + 40 * block().astype(int) * 20
    add("pet", pet_series(root / "pet", stored))
    philips = {
        "Philips PET Private Group": {"7053,1000": "0.000412", "7053,1009": "1.25"},
    }
    counts = {"Units": "CNTS", "Manufacturer": "Philips Medical Systems"}
    add("pet-philips", pet_series(root / "pet-philips", stored, common=counts, private=philips))
    per_slice = {z: {"RescaleSlope": f"{0.5 + z / 10}"} for z in range(SHAPE[0])}
    add("pet-per-slice", pet_series(root / "pet-per-slice", stored, per_slice=per_slice))
    both = root / "ct-and-pet"
    paths = ct_series(both, values, names="CT{:04d}")
    pet_series(both, stored, names="PT{:04d}")
    add("ct-and-pet", paths)
    add("legacy-ct", [_legacy(root / "legacy-ct", "CT")])
    add("legacy-pet", [_legacy(root / "legacy-pet", "PET")])
    return found


def _without_preamble(path: Path) -> None:
    """The data set alone, as old archives wrote it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        dataset.preamble = None
        del dataset.file_meta
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)


def _baseline(folder: Path) -> list[Path]:
    """A CT of eight bits in baseline JPEG."""
    small = {"BitsAllocated": 8, "BitsStored": 8, "RescaleSlope": "8"}
    paths = ct_series(folder, body(SHAPE), common=small)
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path)
            wide = np.frombuffer(dataset.PixelData, "<u2").reshape(SHAPE[1:])
            dataset.PixelData = pydicom.encaps.encapsulate(
                [bytes(imagecodecs.jpeg8_encode(wide.astype(np.uint8)))]
            )
            dataset["PixelData"].VR = "OB"
            dataset["PixelData"].is_undefined_length = True
            dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
            dataset.save_as(path, enforce_file_format=True)
    return paths


def _legacy(folder: Path, kind: str) -> Path:
    """A legacy converted multi-frame object."""
    from highdicom.legacy import (
        LegacyConvertedEnhancedCTImage,
        LegacyConvertedEnhancedPETImage,
    )

    classic = folder.parent / f"{folder.name}-classic"
    if kind == "CT":
        paths, convert = ct_series(classic, body(SHAPE)), LegacyConvertedEnhancedCTImage
    else:
        stored = 200 + 800 * block().astype(int)
        paths, convert = pet_series(classic, stored), LegacyConvertedEnhancedPETImage
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = [pydicom.dcmread(path) for path in paths]
        for dataset in files:
            for keyword in ("AccessionNumber", "ReferringPhysicianName", "StudyID"):
                setattr(dataset, keyword, "")
            dataset.PatientBirthDate = ""
            dataset.PatientOrientation = ["L", "P"]
            dataset.Manufacturer = "SIEMENS"
        new = convert(files, uid(kind, "series"), 9, uid(kind, "instance"), 1)
        new.save_as(folder / "frames.dcm")
    shutil.rmtree(classic)
    return folder / "frames.dcm"


def _objects(root: Path) -> list[Seed]:
    """One object of each unused kind in the folder of a CT."""
    found = []
    for name, sop_class in OBJECTS.items():
        folder = root / f"object-{name}"
        ct_series(folder, body(SHAPE))
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "126000", "DCM", "Report"
        elements = {
            "SOPClassUID": sop_class,
            "SOPInstanceUID": uid(name),
            "StudyInstanceUID": uid("study"),
            "SeriesInstanceUID": uid(name, "series"),
            "Modality": "OT",
            "PatientID": "phantom",
            "ConceptNameCodeSequence": [item],
            "ContentDate": "20240310",
        }
        found.append(Seed(folder.name, "images", folder, write(folder / "object", elements)))
    return found


def _archives(root: Path) -> list[Seed]:
    """Zips of a CT: stored, packed, nested, one below folders."""
    found = []
    members = ct_series(root / "zipped", body(SHAPE))
    for name, packing in (("zip-stored", zipfile.ZIP_STORED), ("zip-packed", zipfile.ZIP_DEFLATED)):
        folder = root / name
        folder.mkdir()
        with zipfile.ZipFile(folder / "study.zip", "w", packing) as archive:
            for path in members:
                archive.writestr(zipfile.ZipInfo(f"CT/{path.name}"), path.read_bytes(), packing)
        found.append(Seed(name, "archive", folder, folder / "study.zip"))
    nested = root / "zip-nested"
    nested.mkdir()
    with zipfile.ZipFile(nested / "study.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("inner.zip"), found[0].bytes)
        archive.writestr(zipfile.ZipInfo("one.dcm"), members[0].read_bytes())
    found.append(Seed("zip-nested", "archive", nested, nested / "study.zip"))
    shutil.rmtree(root / "zipped")
    return found


def _indexes(root: Path) -> list[Seed]:
    """A disc: a DICOMDIR and the files it lists."""
    folder = root / "disc"
    ct_series(root / "disc-source", body(SHAPE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = FileSet()
        for path in sorted((root / "disc-source").iterdir()):
            dataset = pydicom.dcmread(path)
            dataset.StudyID, dataset.AccessionNumber = "1", "1"
            files.add(dataset)
        files.write(folder)
        files._stage["t"].cleanup()  # or it complains when it is collected
    shutil.rmtree(root / "disc-source")
    index = folder / "DICOMDIR"
    return [Seed("disc-folder", "images", folder, index), Seed("disc", "index", folder, index)]


def _masks(root: Path) -> list[Seed]:
    import SimpleITK

    folder = root / "masks"
    folder.mkdir()
    found = []

    def add(path: Path) -> None:
        found.append(Seed(f"mask-{path.name}", "mask", folder, path))

    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ GRID.affine_lps[:, [2, 1, 0, 3]]
    for name, kind in (("a.nii", np.uint8), ("b.nii.gz", np.uint8), ("c.nii", np.float32)):
        image = nib.Nifti1Image(np.transpose(block(), (2, 1, 0)).astype(kind), ras)
        nib.save(image, folder / name)
        add(folder / name)
    image = SimpleITK.GetImageFromArray(block().astype(np.uint8))
    image.SetSpacing(SPACING_MM[::-1])
    image.SetOrigin(GRID.origin_lps_mm)
    for name, packed in (("d.nrrd", False), ("e.nrrd", True)):
        SimpleITK.WriteImage(image, str(folder / name), useCompression=packed)
        add(folder / name)
    sources = ct_series(root / "mask-source", body(SHAPE))
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        add(_segmentation(folder / f"{kind.lower()}.dcm", sources, kind))
    add(_contours(folder / "contours.dcm", sources[0]))
    shutil.rmtree(root / "mask-source")
    return found


def _segmentation(path: Path, sources: list[Path], kind: str) -> Path:
    import highdicom as hd
    from highdicom.seg import Segmentation, SegmentDescription

    liver = hd.sr.CodedConcept("10200004", "SCT", "Liver")
    organ = hd.sr.CodedConcept("123037004", "SCT", "Anatomical Structure")
    algorithm = hd.AlgorithmIdentificationSequence(
        name="drawn", family=hd.sr.CodedConcept("123109", "DCM", "Manual Processing"), version="1"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = [pydicom.dcmread(source) for source in sources]
        for dataset in files:
            dataset.AccessionNumber = dataset.StudyID = dataset.ReferringPhysicianName = ""
            dataset.PatientBirthDate = ""
        object_ = Segmentation(
            files,
            block().astype(np.float32 if kind == "FRACTIONAL" else np.uint8),
            kind,
            [SegmentDescription(1, "Liver", organ, liver, "AUTOMATIC", algorithm)],
            uid(kind),
            7,
            uid(kind, "instance"),
            1,
            "netimg",
            "phantom",
            "1",
            "1",
        )
        object_.save_as(path)
    return path


def _contours(path: Path, source: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = pydicom.dcmread(source)
    region, contours = Dataset(), []
    region.ROINumber, region.ROIName = "1", "liver"
    region.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
    for z in range(1, 5):
        contour = Dataset()
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
        corners = ((-3, -1), (17, -1), (17, 15), (-3, 15))
        contour.ContourData = [str(v) for x, y in corners for v in (x, y, z * SPACING_MM[0])]
        contours.append(contour)
    drawn = Dataset()
    drawn.ReferencedROINumber, drawn.ContourSequence = "1", contours
    elements = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3",
        "SOPInstanceUID": uid("contours"),
        "StudyInstanceUID": first.StudyInstanceUID,
        "SeriesInstanceUID": uid("contours", "series"),
        "FrameOfReferenceUID": first.FrameOfReferenceUID,
        "Modality": "RTSTRUCT",
        "StructureSetROISequence": [region],
        "ROIContourSequence": [drawn],
    }
    return write(path, elements)


def _texts(root: Path) -> list[Seed]:
    """The facts of the sample patient and the shipped rule files."""
    folder = root / "texts"
    folder.mkdir()
    found = []
    for kind, source in (
        ("facts", SAMPLES / "sample_data" / "net-phantom" / "facts.toml"),
        *(("rules", path) for path in sorted((SAMPLES / "configs" / "criteria").glob("*.toml"))),
    ):
        copy = folder / f"{kind}-{source.name}"
        shutil.copyfile(source, copy)
        found.append(Seed(copy.name, kind, folder, copy))
    return found
