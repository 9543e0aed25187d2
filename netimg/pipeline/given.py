"""A person's masks, from files to an Anatomy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from netimg.errors import MSK_001, USE_002, MaskError, UsageError
from netimg.volume import LabelMap, Mask

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.pipeline.request import MaskFile, Masks
    from netimg.reading.masks import Given
    from netimg.settings import Settings
    from netimg.study import Series, Study


def given_anatomy(study: Study, masks: Masks, *, settings: Settings) -> Anatomy:
    """A person's masks, on the CT grid or else on the grid of the first PET they fit."""
    places = [s for s in (study.ct, *study.pets) if s is not None]
    refusals: list[MaskError] = []
    for series in places:
        try:
            return _anatomy_on(series, masks, study, settings)
        except MaskError as error:
            if not error.code.id.startswith(("MSK-001", "MSK-002", "MSK-014", "MSK-008")):
                raise
            refusals.append(error)
    if refusals:
        raise refusals[0]
    raise MaskError(
        MSK_001, what="there is no CT and no PET to put the masks on.", todo="Check the input."
    )


def _anatomy_on(series: Series, masks: Masks, study: Study, settings: Settings) -> Anatomy:
    from dataclasses import replace

    from netimg.anatomy import Origin
    from netimg.reading.masks import read_given, read_given_labels
    from netimg.segmentation.given import anatomy_from_masks, join_lesions

    grid: Grid = series.grid
    place: dict[str, Any] = {
        "frame_of_reference_uid": series.frame_of_reference_uid,
        "series_uids": _series_uids(study),
        "regridded": series.regridded,
        "settings": settings,
    }
    origins: dict[str, Origin] = {}
    flags: list[Flag] = []

    def taken(part: str, source: MaskFile, found: Given) -> Mask | LabelMap:
        digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
        detail = source.label or ""
        name = source.path.name
        origins[part] = Origin(kind="file", name=name, sha256=digest, detail=detail)
        flags.extend(found.flags)
        return found.mask

    def mask(source: MaskFile, want: str) -> Mask | LabelMap:
        found = read_given(source.path, grid, want=want, label=source.label, **place)
        return taken("lesions" if want == "lesion" else want, source, found)

    def labels(part: str, source: MaskFile | None, legend: str) -> LabelMap | None:
        if source is None:
            return None
        segments = part == "segments"
        beside = ("lesion",) if masks.lesions or segments else ()
        given = read_given_labels(
            source.path, grid, legend, beside=beside, segments=segments, **place
        )
        found = taken(part, source, given)
        return found if isinstance(found, LabelMap) else None

    whole = labels("labels", masks.labels, masks.legend)
    segments = labels("segments", masks.segments, "netimg")
    if whole is not None and segments is not None:
        _check_segments_once(whole)
    anatomy = anatomy_from_masks(
        grid,
        liver=_as_mask(mask(masks.liver, "liver")) if masks.liver else None,
        lesions=join_lesions([mask(source, "lesion") for source in masks.lesions]),
        segments=segments,
        labels=whole,
        no_lesions=masks.no_lesions,
        origins=origins,
        context=study.context(),
        settings=settings,
    )
    return replace(anatomy, flags=(*dict.fromkeys(flags), *anatomy.flags))


def _series_uids(study: Study) -> frozenset[str]:
    """Series that are in the input, used or set aside."""
    aside = {file.series_uid for file in study.set_aside if file.series_uid}
    return frozenset(aside | {series.uid for series in study.series})


def _check_segments_once(labels: LabelMap) -> None:
    """Refuse segments in two files: which of them are meant is not said."""
    from netimg.segmentation.given import SEGMENTS

    there = [code for code in labels.present() if code in SEGMENTS]
    if there:
        raise UsageError(
            USE_002,
            what="--mask and --segments-mask both give the segments "
            f"({', '.join(labels.names[code] for code in there)}).",
            todo="Leave --segments-mask out, or give the liver alone with --liver-mask.",
        )


def _as_mask(found: Mask | LabelMap) -> Mask:
    """Return one structure as a mask, whatever form the reader gave it."""
    if isinstance(found, Mask):
        return found
    return Mask(voxels=found.labels > 0, grid=found.grid)
