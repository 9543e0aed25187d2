"""DICOM SEG of liver and lesions, and of segments and organs."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom as hd
import numpy as np
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
    SegmentsOverlapValues,
)
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from netimg.anatomy import LABEL_NAMES, SEGMENT_CODES
from netimg.finding import Scope
from netimg.reporting.anatomy_json import SEGMENT_PREFIX
from netimg.reporting.colours import Rgb, code_of, codes, label_rgb, lesion_rgb
from netimg.reporting.dicom.pseudonyms import hide
from netimg.reporting.dicom.sources import (
    FrameReference,
    name_frames,
    source_headers,
    tell_apart,
)
from netimg.reporting.places import anatomy_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.anatomy import Anatomy, Origin
    from netimg.lesion import Lesion
    from netimg.result import Manifest, StudyResult
    from netimg.settings import Settings

_NAMESPACE = uuid.UUID("0f2a9a34-0a50-5c1e-9c57-6f1b1c5d9e21")
_SAME_PLACE_MM = 0.01


class _Overlapping(Segmentation):
    """A BINARY SEG from a label array in which segment 1 holds every other segment.

    highdicom 0.28 takes overlapping segments only as a 4-D stack, which for fifty lesions on 400
    slices is 5 GB; here the frames of segment 1 are the voxels with any label.
    """

    @staticmethod
    def _get_segment_pixel_array(
        pixel_array: NDArray[Any],
        segment_number: int,
        *args: Any,  # noqa: ANN401  # handed on
        **kwargs: Any,  # noqa: ANN401  # handed on
    ) -> NDArray[Any]:
        if segment_number == 1:
            return (pixel_array > 0).astype(np.uint8)
        return Segmentation._get_segment_pixel_array(  # noqa: SLF001  # the parent's own hook
            pixel_array, segment_number, *args, **kwargs
        )


@dataclass(frozen=True, slots=True)
class _Segment:
    """What one segment is called and coded as."""

    label: str
    category: str
    code: dict[str, str]
    rgb: Rgb
    origin: Origin | None
    tracking: tuple[str, str] | None = None
    in_liver: bool = False
    description: str = ""


def seg_files(
    result: StudyResult,
    when: dt.datetime,
    settings: Settings,
    *,
    hidden: StudyResult | None = None,
) -> dict[str, Callable[[Path], object]]:
    """SEG objects by path, as functions that write them.

    Empty where the masks do not lie on a DICOM series whose files can be named.

    Parameters
    ----------
    when
        Content and series time.
    hidden
        The result without identity; where given, names, dates and UIDs come from it.
    """
    anatomy = result.anatomy
    series = None if anatomy is None else anatomy_series(result.study, anatomy)
    if anatomy is None or series is None or not _named(series.instances):
        return {}
    headers = source_headers(series.instances)
    if hidden is not None:
        twin = next(s for s in hidden.study.series if s.number == series.number)
        hide(headers, hidden.study, twin)
        result, anatomy = hidden, hidden.anatomy or anatomy
    frames = tell_apart(headers, series.instances)
    filed = all(i.z_index is not None for i in series.instances)
    base = int(settings["reporting.dicom.series_base"])
    files: dict[str, Callable[[Path], object]] = {}
    liver_labels, liver_segments = _liver_and_lesions(anatomy, result)
    if liver_segments:
        job = _Job(
            anatomy, headers, frames, filed, result.manifest, when, base + 1, "LIVER_LESIONS"
        )
        kind = _Overlapping if liver_segments[0].label == "Liver" else Segmentation
        files["dicom/seg_lesions.dcm"] = job.writer(kind, liver_labels, liver_segments)
    labels, segments = _structures(anatomy)
    if segments:
        job = _Job(anatomy, headers, frames, filed, result.manifest, when, base + 2, "ANATOMY")
        files["dicom/seg_anatomy.dcm"] = job.writer(Segmentation, labels, segments)
    return files


def _named(instances: Sequence[Any]) -> bool:
    return bool(instances) and all(i.sop_instance_uid and i.path != Path() for i in instances)


def _liver_and_lesions(
    anatomy: Anatomy, result: StudyResult
) -> tuple[NDArray[np.uint16], list[_Segment]]:
    """Label array and descriptions: the liver 1 where it is known, then the lesions in order."""
    labels: NDArray[np.uint16] = np.zeros(anatomy.grid.shape, dtype=np.uint16)
    segments: list[_Segment] = []
    if anatomy.has_liver and not anatomy.liver.is_empty:
        labels[anatomy.liver.voxels] = 1
        origin = anatomy.origins["liver"]
        segments.append(_Segment("Liver", "anatomy", dict(code_of(1) or {}), label_rgb(1), origin))
    present = set(anatomy.lesion_labels.present())
    table = np.zeros(max(present, default=0) + 1, dtype=np.uint16)
    for lesion in anatomy.lesions:
        if lesion.number in present:
            segments.append(_lesion_segment(lesion, anatomy, result))
            table[lesion.number] = len(segments)
    inside = anatomy.lesion_labels.labels > 0
    labels[inside] = table[anatomy.lesion_labels.labels[inside]]
    return labels, segments


def _lesion_segment(lesion: Lesion, anatomy: Anatomy, result: StudyResult) -> _Segment:
    shares = {
        f.name.removeprefix(SEGMENT_PREFIX): f.number or 0.0
        for f in result.findings.of(Scope.LESION, lesion.id)
        if f.name.startswith(SEGMENT_PREFIX)
    }
    home = max(shares, key=lambda s: shares[s]) if shares else None
    return _Segment(
        label=lesion.id if home is None else f"{lesion.id} seg {home}",
        category="morphology",
        code=dict(code_of(lesion) or {}),
        rgb=lesion_rgb(lesion),
        origin=anatomy.origins.get("lesions"),
        tracking=(lesion.id, lesion.tracking_uid),
        in_liver=True,
    )


def _structures(anatomy: Anatomy) -> tuple[NDArray[np.uint16], list[_Segment]]:
    """Label array of the Couinaud segments and organs that have a code."""
    labels: NDArray[np.uint16] = np.zeros(anatomy.grid.shape, dtype=np.uint16)
    segments: list[_Segment] = []
    for part, given in (("organs", anatomy.organs), ("segments", anatomy.segments)):
        if given is None:
            continue
        present = given.present()
        table = np.zeros(max(present, default=0) + 1, dtype=np.uint16)
        for code in present:
            known = code_of(code)
            if known is not None and code != 1:
                name = LABEL_NAMES.get(code, f"label {code}")
                is_part = code in SEGMENT_CODES or code in (141, 142)
                segments.append(
                    _Segment(
                        label=name[:1].upper() + name[1:],
                        category="anatomy",
                        code=dict(known),
                        rgb=label_rgb(code),
                        origin=anatomy.origins.get(part),
                        description=name if is_part else "",
                    )
                )
                table[code] = len(segments)
        numbered = table[given.labels]
        labels[numbered > 0] = numbered[numbered > 0]
    return _without_gaps(labels, segments)


def _without_gaps(
    labels: NDArray[np.uint16], segments: list[_Segment]
) -> tuple[NDArray[np.uint16], list[_Segment]]:
    """Drop segments that others cover wholly, and number the rest from 1."""
    counts = np.bincount(labels.ravel(), minlength=len(segments) + 1)
    kept = [k for k in range(1, len(segments) + 1) if counts[k]]
    table = np.zeros(len(segments) + 1, dtype=np.uint16)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[labels], [segments[k - 1] for k in kept]


@dataclass(frozen=True, slots=True)
class _Job:
    """What both objects of a run share, and what tells them apart."""

    anatomy: Anatomy
    headers: list[Dataset]
    frames: dict[str, FrameReference]
    filed: bool
    """Whether slices of the grid are those of the files: not where they were resampled."""
    manifest: Manifest | None
    when: dt.datetime
    series_number: int
    content_label: str

    def writer(
        self, kind: type[Segmentation], labels: NDArray[np.uint16], segments: list[_Segment]
    ) -> Callable[[Path], object]:
        """A function that builds the object and saves it."""

        def write(path: Path) -> None:
            self.build(kind, labels, segments).save_as(path)

        return write

    def build(
        self, kind: type[Segmentation], labels: NDArray[np.uint16], segments: list[_Segment]
    ) -> Segmentation:
        """The SEG object; a patient's name is copied as it is, also where it has one part only."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The string .* is unlikely to represent")
            return self._built(kind, labels, segments)

    def _built(
        self, kind: type[Segmentation], labels: NDArray[np.uint16], segments: list[_Segment]
    ) -> Segmentation:
        pixels = labels.astype(np.uint8) if len(segments) < 256 else labels
        version = self.manifest.version if self.manifest else ""
        uid = self._uid_maker(pixels)
        seg = kind(
            source_images=self.headers,
            pixel_array=pixels if self._slice_by_slice() else self._volume(pixels),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[
                self._description(number, segment)
                for number, segment in enumerate(segments, start=1)
            ],
            series_instance_uid=uid("series"),
            series_number=self.series_number,
            sop_instance_uid=uid("instance"),
            instance_number=1,
            manufacturer="netimg",
            manufacturer_model_name="netimg",
            software_versions=version or "0",
            device_serial_number="0",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            content_label=self.content_label,
            content_description="Research use. Not a medical device.",
            content_creator_name="netimg^",
            series_description=f"netimg {self.content_label.lower().replace('_', ' and ')}",
        )
        if kind is _Overlapping and len(segments) > 1:
            seg.SegmentsOverlap = SegmentsOverlapValues.YES.value
        seg.BodyPartExamined = "ABDOMEN"
        for part in ("Series", "Content", "InstanceCreation"):
            setattr(seg, f"{part}Date", self.when.strftime("%Y%m%d"))
            setattr(seg, f"{part}Time", self.when.strftime("%H%M%S"))
        for tool in seg.get("ContributingEquipmentSequence", ()):
            tool.ContributionDateTime = self.when.strftime("%Y%m%d%H%M%S")
        if not self.filed:
            _claim_no_source(seg)
        name_frames(seg, self.frames)
        _steady_dimension_uid(seg, uid("dimensions"))
        return seg

    def _uid_maker(self, pixels: NDArray[Any]) -> Callable[[str], str]:
        """UIDs from the source images, the content and the recorded time."""
        digest = hashlib.sha256(np.ascontiguousarray(pixels).data)
        for header in sorted(str(h.SOPInstanceUID) for h in self.headers):
            digest.update(header.encode())
        digest.update(f"{self.content_label} {self.when.isoformat()}".encode())
        content = digest.hexdigest()
        return lambda kind: f"2.25.{uuid.uuid5(_NAMESPACE, f'{kind} {content}').int}"

    def _slice_by_slice(self) -> bool:
        """Whether source image k is slice k of the grid."""
        grid = self.anatomy.grid
        if not self.filed or len(self.headers) != grid.shape[0]:
            return False
        ends = [0, grid.shape[0] - 1]
        expected = grid.to_world(np.array([[z, 0, 0] for z in ends], dtype=np.float64))
        there = [self.headers[z].get("ImagePositionPatient") for z in ends]
        if any(position is None for position in there):
            return False
        gap = np.abs(np.array(there, dtype=np.float64) - expected)
        return bool(gap.max() < _SAME_PLACE_MM)

    def _volume(self, pixels: NDArray[Any]) -> hd.Volume:
        """The labels with their own geometry, for frames that are not one file each."""
        return hd.Volume(
            pixels,
            self.anatomy.grid.affine_lps,
            coordinate_system="PATIENT",
            frame_of_reference_uid=self.headers[0].get("FrameOfReferenceUID"),
        )

    def _description(self, number: int, segment: _Segment) -> SegmentDescription:
        automatic = segment.origin is not None and segment.origin.kind == "model"
        kind = SegmentAlgorithmTypeValues["AUTOMATIC" if automatic else "MANUAL"]
        regions = [_coded(dict(code_of(1) or {}))] if segment.in_liver else None
        side = segment.code.get("side")
        description = SegmentDescription(
            segment_number=number,
            segment_label=segment.label[:64],
            segmented_property_category=_coded(codes()["categories"][segment.category]),
            segmented_property_type=_coded(segment.code),
            algorithm_type=kind,
            algorithm_identification=self._algorithm(segment.origin) if automatic else None,
            tracking_id=segment.tracking[0] if segment.tracking else None,
            tracking_uid=segment.tracking[1] if segment.tracking else None,
            anatomic_regions=regions,
            display_color=hd.color.CIELabColor.from_rgb(*segment.rgb),
        )
        if segment.description:
            description.SegmentDescription = segment.description
        if side:
            item = description.SegmentedPropertyTypeCodeSequence[0]
            item.SegmentedPropertyTypeModifierCodeSequence = [_coded(codes()["sides"][side])]
        return description

    def _algorithm(self, origin: Origin | None) -> hd.AlgorithmIdentificationSequence:
        family = codes()["algorithm_family"]
        settings_hash = self.manifest.settings_hash if self.manifest else ""
        parameters = {
            "weights_sha256": origin.sha256 if origin else None,
            "settings_sha256": settings_hash,
        }
        return hd.AlgorithmIdentificationSequence(
            name=(origin.name if origin else "")[:64] or "model",
            family=_coded(family),
            version=(self.manifest.version if self.manifest else "") or "0",
            parameters={key: value for key, value in parameters.items() if value} or None,
        )


def _coded(entry: dict[str, str]) -> CodedConcept:
    return CodedConcept(entry["code"], entry.get("scheme", "SCT"), entry["meaning"])


def _claim_no_source(seg: Dataset) -> None:
    """Let no frame say that it was drawn on one slice: it lies where slices were resampled to."""
    for item in seg.PerFrameFunctionalGroupsSequence:
        if "DerivationImageSequence" in item:
            del item.DerivationImageSequence


def _steady_dimension_uid(seg: Dataset, uid: str) -> None:
    """Replace the random UID of the dimension organisation, so that bytes repeat."""
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid
