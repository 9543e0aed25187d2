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
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.make.codecs import ENCODERS, pack
from tests.make.dicom import body, ct_series, pet_series, uid, write
from tests.make.masks import block, bricks, nifti, nrrd, rtstruct, seg, slicer, source_images
from tests.make.multiframe import enhanced_ct, enhanced_pet, legacy, repack

SHAPE = (6, 24, 28)
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
    stored = np.full(SHAPE, 1000)
    stored[:, ::2] = 1200
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
    for kind, write_classic, given in (("CT", ct_series, values), ("PET", pet_series, stored)):
        name = f"legacy-{kind.lower()}"
        classic = write_classic(root / "classic", given)
        add(name, [legacy(root / name, classic, kind=kind)])
        shutil.rmtree(root / "classic")
    add("enhanced-ct", [enhanced_ct(root / "enhanced-ct", values)])
    add("enhanced-pet", [enhanced_pet(root / "enhanced-pet", stored)])
    for encoder in ("RLE", "JPEG-LS", "JPEG 2000 lossless"):
        name = f"enhanced-{encoder.lower().replace(' ', '-')}"
        add(name, [repack(enhanced_ct(root / name, values), *ENCODERS[encoder])])
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
    """The same box as NIfTI, NRRD, Slicer's file, SEG of each type and coding, and contours."""
    folder, ras = root / "masks", block()
    folder.mkdir()
    sources = ct_series(root / "mask-source")
    images = source_images(sources)
    liver = {"liver": (ras, "10200004")}
    paths = [
        nifti(folder / "plain.nii", ras),
        nifti(folder / "packed.nii.gz", ras),
        nifti(folder / "floats.nii", ras.astype(np.float32)),
        nrrd(folder / "plain.nrrd", ras, compressed=False),
        nrrd(folder / "packed.nrrd", ras),
        slicer(folder / "layers.seg.nrrd", [("liver", ras, 1, 0, "10200004"),
                                            ("tumour", ras, 2, 1, "4147007")]),
        rtstruct(folder / "contours.dcm", {"liver": bricks(ras)}),
        seg(folder, liver, images=images, name="binary.dcm"),
        seg(folder, liver, images=images, kind="LABELMAP", name="labelmap.dcm"),
        seg(folder, liver, images=images, kind="FRACTIONAL", name="fractional.dcm"),
        seg(folder, liver, images=images, kind="FRACTIONAL", name="rle.dcm",
            transfer_syntax_uid=RLELossless),
        seg(folder, liver, images=images, kind="FRACTIONAL", name="jpeg-2000.dcm",
            transfer_syntax_uid=JPEG2000Lossless),
    ]  # fmt: skip
    shutil.rmtree(root / "mask-source")
    return [Seed(f"mask-{path.name}", "mask", folder, path) for path in paths]


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
