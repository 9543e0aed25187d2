"""A person's masks, or another tool's, in place of the model.

Files are opened by ``netimg.reading.masks``; here masks on one grid become an Anatomy.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netimg.anatomy import LABEL_NAMES, SEGMENT_CODES, Anatomy, Origin
from netimg.errors import MSK_004, MSK_006, MaskError
from netimg.flag import Flag, Severity
from netimg.segmentation.contract import LESIONS
from netimg.segmentation.door import table
from netimg.segmentation.pieces import pieces_of
from netimg.segmentation.quality import given_doubts
from netimg.settings import Settings
from netimg.study import SegContext
from netimg.volume import LabelMap, Mask

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from netimg.arrays import LabelZYX
    from netimg.geometry import Grid

SEGMENTS = (*SEGMENT_CODES, 141, 142)
"""Label codes of Couinaud segments, IVa and IVb included."""

LIVER_CODES = (1, 2, *SEGMENTS, 61, 62, 63, 65)
"""Label codes that together are the liver."""


def anatomy_from_masks(
    grid: Grid,
    *,
    liver: Mask | None = None,
    lesions: Mask | LabelMap | None = None,
    segments: LabelMap | None = None,
    labels: LabelMap | None = None,
    no_lesions: bool = False,
    origins: Mapping[str, Origin] | None = None,
    context: SegContext | None = None,
    settings: Settings | None = None,
) -> Anatomy:
    """Anatomy from given masks on one grid.

    Parameters
    ----------
    grid
        Grid of all masks: the CT's, or the PET's where there is no CT with a liver.
    liver
        Whole liver, with its lesions. Without it: the union of `LIVER_CODES` in ``labels``, or of
        the segments; without those the Anatomy has lesions only.
    lesions
        A mask, or a label map with one label per lesion; else code 2 of ``labels``.
    segments
        Couinaud segments by label code; else those of ``labels``.
    labels
        Codes of `netimg.anatomy.LABEL_NAMES`; what is neither liver, lesion nor segment becomes
        organs.
    no_lesions
        A person says that there are none.
    origins
        Where each part came from (``liver``, ``lesions``, ``segments``, ``organs``); ``labels``
        for all parts that came out of ``labels``.
    context
        Body size, which says how large a liver may be expected; without it plain limits hold.
    settings
        Limits of the doubts, table ``segmentation.flags``; None = the shipped ones.

    Returns
    -------
    Anatomy
        Its flags: MSK-004 for an empty lesion mask, MSK-013 for lesions off the liver,
        ``liver_cut_fov`` and ``liver_volume_implausible``.

    Raises
    ------
    MaskError
        MSK-004 if a liver is given and holds no voxel.
    ValueError
        If nothing is given, a mask lies on another grid, or ``no_lesions`` contradicts a mask.
    """
    _check_grids(grid, liver, lesions, segments, labels)
    if no_lesions and lesions is not None:
        message = "lesions were given together with no_lesions"
        raise ValueError(message)
    if labels is not None:
        segments = segments or _only(labels, SEGMENTS)
        liver = liver or _liver(labels)
        lesions = lesions or (labels.mask(2) if 2 in labels.present() else None)
    if liver is None and segments is not None:
        liver = _liver(segments)
    if liver is not None and liver.is_empty:
        raise MaskError(
            MSK_004,
            what="the liver mask is empty.",
            todo="Give a mask with a liver in it, or leave --liver-mask out.",
        )
    if no_lesions:
        lesions = Mask(voxels=np.zeros(grid.shape, dtype=bool), grid=grid)
    organs = None if labels is None else _only(labels, set(labels.present()) - {1, 2, *SEGMENTS})
    parts = {"liver": liver, "lesions": lesions, "segments": segments, "organs": organs}
    named = {part for part, mask in parts.items() if mask is not None}
    limits = table(settings or Settings.shipped(), "segmentation.flags")
    anatomy = Anatomy.from_masks(
        liver,
        lesions,
        segments=segments,
        organs=organs,
        origins=None if origins is None else _origins(origins, named),
    )
    doubts = given_doubts(anatomy, context=context or SegContext(), limits=limits)
    about_lesions = () if no_lesions else _lesion_flags(lesions, liver, limits["outside_mm"])
    return replace(anatomy, flags=(*about_lesions, *doubts))


def join_lesions(parts: Sequence[Mask | LabelMap]) -> Mask | LabelMap | None:
    """Lesions of several files as one; lesions of different files stay apart though they touch.

    Parameters
    ----------
    parts
        Masks (each 26-connected piece is a lesion) or label maps (each label is one) on one grid.

    Returns
    -------
    Mask, LabelMap or None
        None for no file; the only one as it is.

    Raises
    ------
    MaskError
        MSK-006 if lesions of two files overlap.
    """
    if len(parts) < 2:
        return parts[0] if parts else None
    joined = np.zeros(parts[0].grid.shape, dtype=np.uint16)
    tracked: dict[int, str] = {}
    for part in parts:
        own = _apart(part)
        twice = float(np.count_nonzero((joined > 0) & (own > 0))) * part.grid.voxel_ml
        if twice > 0:
            raise MaskError(
                MSK_006,
                what=f"two lesions overlap in {twice:.2f} mL.",
                todo="Give each lesion once with --lesion-mask.",
            )
        before = int(joined.max())
        tracked |= {before + number: uid for number, uid in _known(part, own).items()}
        joined = np.where(own > 0, own + before, joined).astype(np.uint16)
    return LabelMap(labels=joined, grid=parts[0].grid, tracking_uids=tracked)


def _known(part: Mask | LabelMap, own: LabelZYX) -> dict[int, str]:
    """Tracking UIDs of one file by the numbers its lesions have apart."""
    if isinstance(part, Mask) or not part.tracking_uids:
        return {}
    if len(part.present()) > 1:
        return dict(part.tracking_uids)
    return {1: next(iter(part.tracking_uids.values()))} if int(own.max()) == 1 else {}


def _apart(part: Mask | LabelMap) -> LabelZYX:
    """Lesions of one file by number: labels where there are several, else connected pieces."""
    if isinstance(part, LabelMap) and len(part.present()) > 1:
        return part.labels
    inside = part.voxels if isinstance(part, Mask) else part.labels > 0
    pieces = pieces_of(inside)
    return pieces.astype(np.uint16)


def _check_grids(grid: Grid, *parts: Mask | LabelMap | None) -> None:
    for part in parts:
        if part is not None and not part.grid.same_as(grid, tol_mm=0.1):
            message = f"a mask on {part.grid} was given for {grid}"
            raise ValueError(message)


def _liver(labels: LabelMap) -> Mask | None:
    """Union of all codes that are liver; None where there is none."""
    if not set(labels.present()) & set(LIVER_CODES):
        return None
    return Mask(voxels=np.isin(labels.labels, LIVER_CODES), grid=labels.grid)


def _origins(origins: Mapping[str, Origin], parts: Collection[str]) -> dict[str, Origin]:
    """Origin of each part that is there; ``labels`` stands for those that are not named."""
    rest = origins.get("labels", Origin(kind="person", name="given masks"))
    return {part: origins.get(part, rest) for part in sorted(parts)}


def _only(labels: LabelMap, codes: Collection[int]) -> LabelMap | None:
    """Label map with some codes kept; None where none of them occurs."""
    if not set(labels.present()) & set(codes):
        return None
    keep = np.isin(labels.labels, list(codes))
    names = {code: LABEL_NAMES[code] for code in labels.present() if code in LABEL_NAMES}
    return LabelMap(
        labels=np.where(keep, labels.labels, np.uint16(0)),
        grid=labels.grid,
        names={code: name for code, name in names.items() if code in codes},
    )


def _lesion_flags(
    lesions: Mask | LabelMap | None, liver: Mask | None, reach_mm: float
) -> tuple[Flag, ...]:
    """Empty lesion mask (MSK-004), lesions away from the liver (MSK-013)."""
    if lesions is None:
        return ()
    inside = lesions.voxels if isinstance(lesions, Mask) else lesions.labels > 0
    if not inside.any():
        sentence = "The lesion mask is empty: taken as no lesions."
        return (Flag(code="MSK-004", severity=Severity.INFO, sentence=sentence, touches=LESIONS),)
    if liver is None:
        return ()
    outside_ml = _outside_ml(inside & ~liver.voxels, liver, reach_mm)
    if outside_ml == 0:
        return ()
    return (
        Flag(
            code="MSK-013",
            severity=Severity.MEDIUM,
            sentence=f"{outside_ml:.1f} mL of lesions lie more than {reach_mm:.0f} mm outside "
            "the liver.",
            value=outside_ml,
            threshold=0.0,
            touches=LESIONS,
        ),
    )


def _outside_ml(
    beyond: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], liver: Mask, reach_mm: float
) -> float:
    """Volume of voxels farther than ``reach_mm`` from the liver."""
    import edt

    points = np.argwhere(beyond)
    if not len(points):
        return 0.0
    grid = liver.grid
    reach = np.array([math.ceil(reach_mm / s) + 1 for s in grid.spacing_mm])
    low = np.maximum(points.min(axis=0) - reach, 0)
    box = tuple(
        slice(int(a), int(b)) for a, b in zip(low, points.max(axis=0) + reach + 1, strict=True)
    )
    away = edt.edt(
        np.ascontiguousarray(~liver.voxels[box]),
        anisotropy=grid.spacing_mm,
        black_border=False,
        parallel=1,
    )
    # A distance within the box that meets no liver at all is 0 or infinite: far in both cases.
    far = (away > reach_mm) if liver.voxels[box].any() else np.ones(away.shape, dtype=bool)
    return float(np.count_nonzero(beyond[box] & far)) * grid.voxel_ml
