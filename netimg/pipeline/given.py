"""A person's masks, from files to an Anatomy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from netimg.errors import MSK_001, MaskError

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy, Origin
    from netimg.geometry import Grid
    from netimg.pipeline.request import MaskFile, Masks
    from netimg.settings import Settings
    from netimg.study import SegContext, Series, Study
    from netimg.volume import LabelMap, Mask


def given_anatomy(study: Study, masks: Masks, *, settings: Settings) -> Anatomy:
    """A person's masks, on the CT grid or else on the grid of the first PET they fit."""
    places = [s for s in (study.ct, *study.pets) if s is not None]
    refusals: list[MaskError] = []
    for series in places:
        try:
            return _anatomy_on(series, masks, study.context(), settings)
        except MaskError as error:
            if not error.code.id.startswith(("MSK-001", "MSK-002", "MSK-014", "MSK-008")):
                raise
            refusals.append(error)
    if refusals:
        raise refusals[0]
    raise MaskError(
        MSK_001, what="there is no CT and no PET to put the masks on.", todo="Check the input."
    )


def _anatomy_on(series: Series, masks: Masks, context: SegContext, settings: Settings) -> Anatomy:
    from netimg.anatomy import Origin
    from netimg.reading.masks import read_label_map, read_mask
    from netimg.segmentation.given import anatomy_from_masks, join_lesions

    grid: Grid = series.grid
    frame = series.frame_of_reference_uid
    origins: dict[str, Origin] = {}

    def note(part: str, source: MaskFile) -> None:
        digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
        detail = source.label or ""
        name = source.path.name
        origins[part] = Origin(kind="file", name=name, sha256=digest, detail=detail)

    def mask(source: MaskFile, part: str) -> Mask | LabelMap:
        found = read_mask(
            source.path, grid, want=part, label=source.label, frame_of_reference_uid=frame
        )
        note("lesions" if part == "lesion" else part, source)
        return found

    labels = None
    if masks.labels is not None:
        labels = read_label_map(masks.labels.path, grid, masks.legend)
        note("labels", masks.labels)
    segments = None
    if masks.segments is not None:
        segments = read_label_map(masks.segments.path, grid, "netimg")
        note("segments", masks.segments)
    return anatomy_from_masks(
        grid,
        liver=_as_mask(mask(masks.liver, "liver")) if masks.liver else None,
        lesions=join_lesions([mask(source, "lesion") for source in masks.lesions]),
        segments=segments,
        labels=labels,
        no_lesions=masks.no_lesions,
        origins=origins,
        context=context,
        settings=settings,
    )


def _as_mask(found: Mask | LabelMap) -> Mask:
    """Return one structure as a mask, whatever form the reader gave it."""
    from netimg.volume import Mask

    if isinstance(found, Mask):
        return found
    return Mask(voxels=found.labels > 0, grid=found.grid)
