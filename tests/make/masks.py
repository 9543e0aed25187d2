"""Mask files of every kind that is read, on the grid of `tests.make.dicom.ct_series`."""

import itertools
import json
import warnings

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset

from netimg.geometry import Grid
from tests.make.dicom import ct_series, uid, write

SHAPE = (12, 32, 40)
SPACING_MM = (3.0, 2.0, 2.0)
GRID = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(-20.0, -16.0, 0.0))
OBLIQUE = Grid(
    shape=SHAPE,
    spacing_mm=SPACING_MM,
    origin_lps_mm=(5.0, -7.0, 11.0),
    directions=((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0)),
)
TURNS = list(itertools.permutations(range(3)))
FLIPS = [tuple(a for a in range(3) if bits >> a & 1) for bits in range(8)]
"""Orders and directions of axes; together 48."""

_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def block(start=(3, 8, 10), stop=(7, 20, 22), shape=SHAPE):
    """True inside a box."""
    voxels = np.zeros(shape, dtype=bool)
    voxels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return voxels


def turned(voxels, grid=GRID, turn=(2, 1, 0), flips=()):
    """The same voxels with their axes in another order and direction, and the affine to LPS."""
    array = np.transpose(np.asarray(voxels), turn)
    affine = grid.affine_lps[:, [*turn, 3]].copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
        array = np.flip(array, axis)
    return (array.astype(np.uint8) if array.dtype == bool else array), affine


def nifti(path, voxels, grid=GRID, *, turn=(2, 1, 0), flips=(), sform=1, qform=1, qshift=0.0,
          kind=nib.Nifti1Image):  # fmt: skip
    """Write an array of a grid as NIfTI, its axes in any order and direction."""
    array, affine = turned(voxels, grid, turn, flips)
    image = kind(np.ascontiguousarray(array), None, dtype=array.dtype)
    ras = _RAS @ affine
    image.header.set_sform(ras, code=sform)
    moved = ras.copy()
    moved[0, 3] += qshift
    image.header.set_qform(moved, code=qform)
    nib.save(image, path)
    return path


def sitk_image(voxels, grid=GRID, turn=(2, 1, 0), flips=()):
    """A SimpleITK image of an array of a grid."""
    import SimpleITK as sitk  # noqa: N813  # the usual short name

    array, affine = turned(voxels, grid, turn, flips)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def nrrd(path, voxels, grid=GRID, *, turn=(2, 1, 0), flips=(), compressed=True):
    """Write an array of a grid as NRRD with SimpleITK."""
    import SimpleITK as sitk  # noqa: N813  # the usual short name

    sitk.WriteImage(sitk_image(voxels, grid, turn, flips), str(path), compressed)
    return path


def nrrd_header(grid=GRID, *, space="left-posterior-superior", **fields):
    """Lines of an NRRD header for uint8 voxels of a grid; None leaves a field out."""
    sign = {"L": 1, "R": -1, "P": 1, "A": -1, "S": 1}
    to_space = np.diag([sign[word[0].upper()] for word in space.split("-")])
    affine = grid.affine_lps
    axes = [to_space @ affine[:3, axis] for axis in (2, 1, 0)]
    lines = {
        "type": "unsigned char",
        "dimension": "3",
        "space": space,
        "sizes": " ".join(map(str, grid.shape[::-1])),
        "space directions": " ".join(_vector(axis) for axis in axes),
        "encoding": "raw",
        "space origin": _vector(to_space @ affine[:3, 3]),
    }
    lines |= {name.replace("_", " "): value for name, value in fields.items()}
    text = "NRRD0004\n# by hand\n"
    return text + "".join(f"{k}: {v}\n" for k, v in lines.items() if v is not None)


def slicer(path, segments, grid=GRID):
    """Segmentation as 3D Slicer writes it: ``[(name, voxels, label, layer, type code)]``."""
    import gzip

    layers = 1 + max(layer for _, _, _, layer, _ in segments)
    stored = np.zeros((*grid.shape, layers), np.uint8)
    keys = "Segmentation_MasterRepresentation:=Binary labelmap\n"
    for n, (name, voxels, label, layer, code) in enumerate(segments):
        stored[voxels, layer] = label
        entry = (
            f"Segmentation.Status:inprogress|TerminologyEntry:Segmentation category and type - "
            f"3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~SCT^{code}^x~^^~"
            f"Anatomic codes - DICOM master list~SCT^10200004^Liver~^^|"
        )
        keys += f"Segment{n}_ID:=Segment_{n}\nSegment{n}_LabelValue:={label}\n"
        keys += f"Segment{n}_Layer:={layer}\nSegment{n}_Name:={name}\nSegment{n}_Tags:={entry}\n"
    fields = {"encoding": "gzip"}
    if layers > 1:
        plain = nrrd_header(grid)
        directions = next(x for x in plain.splitlines() if x.startswith("space directions"))
        fields |= {
            "dimension": "4",
            "sizes": f"{layers} " + " ".join(map(str, grid.shape[::-1])),
            "space_directions": "none " + directions.partition(": ")[2],
            "kinds": "list domain domain domain",
        }
    head = nrrd_header(grid, **fields) + keys + "\n"
    path.write_bytes(head.encode() + gzip.compress(stored.tobytes(), mtime=0))
    return path


def bricks(voxels, grid=GRID):
    """Contours that enclose exactly the voxels of a mask: a rectangle for each run in a row."""
    contours = []
    for z, y in np.argwhere(voxels.any(axis=2)):
        edges = np.flatnonzero(np.diff(voxels[z, y].astype(np.int8), prepend=0, append=0))
        contours += [square(z, (y, a), (y + 1, b), grid=grid) for a, b in edges.reshape(-1, 2)]
    return contours


def rtstruct(path, regions, *, frame="frame", frame_uid=None, kind="CLOSED_PLANAR", kinds=None,
             series=None):  # fmt: skip
    """Structure set of ``{name: [(n, 3) points, ...]}``.

    ``kinds``: interpreted type of regions by name; ``series``: the one it was drawn on.
    """
    frame_uid = frame_uid or uid("study", frame)
    named, drawn, seen = [], [], []
    for number, (name, contours) in enumerate(regions.items(), start=1):
        item = Dataset()
        item.ROINumber, item.ROIName = str(number), name
        item.ReferencedFrameOfReferenceUID = frame_uid
        named.append(item)
        about = Dataset()
        about.ObservationNumber = about.ReferencedROINumber = str(number)
        about.RTROIInterpretedType = (kinds or {}).get(name, "")
        seen.append(about)
        roi = Dataset()
        roi.ReferencedROINumber = str(number)
        roi.ContourSequence = []
        for drawn_as in contours:
            points, own = drawn_as if isinstance(drawn_as, tuple) else (drawn_as, kind)
            contour = Dataset()
            contour.ContourGeometricType = own
            contour.NumberOfContourPoints = str(len(points))
            contour.ContourData = [f"{v:.4f}" for v in np.ravel(points)]
            roi.ContourSequence.append(contour)
        drawn.append(roi)
    elements = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3",
        "SOPInstanceUID": uid("rtstruct"),
        "StudyInstanceUID": uid("study"),
        "SeriesInstanceUID": uid("rtstruct series"),
        "StructureSetROISequence": named,
        "ROIContourSequence": drawn,
        "RTROIObservationsSequence": seen,
    }
    if series is not None:
        source, study, frame_item = Dataset(), Dataset(), Dataset()
        source.SeriesInstanceUID = series
        study.RTReferencedSeriesSequence = [source]
        frame_item.RTReferencedStudySequence = [study]
        elements["ReferencedFrameOfReferenceSequence"] = [frame_item]
    return write(path, elements)


def square(z, low, high, off=0.0, grid=GRID):
    """Corners between voxels: rows and columns low..high-1 are inside."""
    (y0, x0), (y1, x1) = np.subtract(low, 0.5), np.subtract(high, 0.5)
    index = np.array([[z, y0, x0], [z, y0, x1], [z, y1, x1], [z, y1, x0]])
    return grid.to_world(index) + np.array([0.0, 0.0, off])


def source_images(paths):
    """Data sets with the elements that highdicom wants and our series leave out."""
    images = [pydicom.dcmread(path) for path in paths]
    for image in images:
        for name in ("StudyID", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate",
                     "PatientSex", "Manufacturer"):  # fmt: skip
            if name not in image:
                setattr(image, name, "")
    return images


def seg(folder, segments, *, images=None, pixels=None, kind="BINARY", name="seg.dcm", **more):
    """SEG of ``{name: (voxels, type code[, tracking UID])}``, written by highdicom.

    ``images``: its sources, default a CT of `GRID` beside it; ``pixels`` in place of the voxels.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    if images is None:
        images = source_images(ct_series(folder / "ct"))
    described = []
    for number, (label, (_, value, *tracking)) in enumerate(segments.items(), start=1):
        described.append(
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=label,
                segmented_property_category=codes.SCT.Organ,
                segmented_property_type=hd.sr.CodedConcept(value, "SCT", meaning="structure"),
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
                tracking_id=f"T{number}" if tracking else None,
                tracking_uid=tracking[0] if tracking else None,
            )
        )
    if pixels is None:
        pixels = np.stack([voxels for voxels, *_ in segments.values()], axis=-1).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = hd.seg.Segmentation(
            source_images=images,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=described,
            series_instance_uid=uid("seg series"),
            series_number=7,
            sop_instance_uid=uid("seg"),
            instance_number=1,
            manufacturer="netimg",
            manufacturer_model_name="test",
            software_versions="1",
            device_serial_number="1",
            **more,
        )
        made.save_as(folder / name)
    return folder / name


def dcmqi_seg(folder, segments, *, ct, name="dcmqi.dcm", options=()):
    """SEG of ``{name: (voxels, type code)}``, written by dcmqi's ``itkimage2segimage``."""
    import subprocess
    import sys
    from pathlib import Path

    files, described = [], []
    for number, (label, (voxels, value)) in enumerate(segments.items(), start=1):
        files.append(str(nrrd(folder / f"{number}.nrrd", voxels)))
        described.append([{
            "labelID": 1,
            "SegmentLabel": label,
            "SegmentDescription": label,
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": {
                "CodeValue": "123037004", "CodingSchemeDesignator": "SCT",
                "CodeMeaning": "Anatomical Structure",
            },
            "SegmentedPropertyTypeCodeSequence": {
                "CodeValue": value, "CodingSchemeDesignator": "SCT", "CodeMeaning": label,
            },
        }])  # fmt: skip
    about = {
        "ContentCreatorName": "Reader^One", "ClinicalTrialSeriesID": "1",
        "ClinicalTrialTimePointID": "1", "SeriesDescription": "Segmentation",
        "SeriesNumber": "300", "InstanceNumber": "1", "BodyPartExamined": "ABDOMEN",
        "segmentAttributes": described,
    }  # fmt: skip
    (folder / "about.json").write_text(json.dumps(about))
    program = Path(sys.executable).with_name("itkimage2segimage")
    words = [program, "--inputImageList", ",".join(files), "--inputDICOMDirectory", ct,
             "--inputMetadata", folder / "about.json", "--outputDICOM", folder / name]  # fmt: skip
    done = subprocess.run(
        [str(word) for word in (*words, *options)], capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert (folder / name).exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return folder / name


def _vector(values):
    return "(" + ",".join(f"{float(v):.17g}" for v in values) + ")"
