"""HU of the organs that tell a contrast phase: a side door beside `netimg.segmentation.segment`.

`located` runs the first, coarse network of a model alone; `organ_medians` takes masks that are
there already. Both give medians of each structure, 2 mm of its border left out.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import SEG_109, ContractError, NothingUsable
from netimg.progress import silent
from netimg.segmentation.door import load_segmenter, make_plan
from netimg.segmentation.monai_net import MonaiNet
from netimg.study import OrganMedians, SegContext
from netimg.volume import Mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netimg.anatomy import Anatomy
    from netimg.arrays import MaskZYX
    from netimg.progress import Progress
    from netimg.settings import Settings
    from netimg.volume import Volume

log = logging.getLogger(__name__)

BORDER_MM = 2.0
"""Left out around each structure: partial volume and an outline that is not exact."""
_MOST_POINTS = 200_000

_CODES: Mapping[str, tuple[int, ...]] = {
    "aorta": (24,),
    "portal_vein": (22,),
    "liver": (1,),
    "spleen": (31,),
    "cava": (23,),
    "kidney": (32, 33),
}
"""Label codes of each structure, `netimg.anatomy.LABEL_NAMES`."""


def located(
    ct: Volume,
    *,
    model: str | None = None,
    device: str = "auto",
    settings: Settings | None = None,
    progress: Progress = silent,
) -> OrganMedians:
    """Medians of what the first network of a model outlines; for the shipped one, the liver.

    Parameters
    ----------
    ct
        In HU.
    model, device, settings, progress
        As in `netimg.segmentation.segment`.

    Returns
    -------
    OrganMedians
        What is not there has its reason in ``absent``: the network does not outline it, there was
        no liver, or the image is outside the model's card.

    Raises
    ------
    ModelError
        MDL-001 to MDL-008 of the card and its weights.
    ResourceError
        SEG-106 device absent, SEG-107 out of memory.
    """
    segmenter, used = load_segmenter(model, settings)
    if not isinstance(segmenter, MonaiNet):
        return OrganMedians(absent=dict.fromkeys(_CODES, "this model has no first look"))
    card = segmenter.card
    try:
        segmenter.check(ct, SegContext())
        plan = make_plan(segmenter, ct.grid, device=device, settings=used)
        found = segmenter.first_look(ct, plan, progress)
    except (NothingUsable, ContractError) as error:
        log.info("not located", extra={"code": error.code.id})
        why = "no liver was found" if error.code is SEG_109 else f"{error.code}: {error.what}"
        return OrganMedians(absent=dict.fromkeys(_CODES, why))
    absent = {
        part: f"{card.id} {card.version} does not outline it at first sight"
        for part, codes in _CODES.items()
        if not set(codes) & set(found)
    }
    masks = {part: [found[c] for c in codes if c in found] for part, codes in _CODES.items()}
    return _medians(ct, masks, absent)


def organ_medians(ct: Volume, anatomy: Anatomy) -> OrganMedians:
    """Medians of the structures that an anatomy holds; lesions are not liver here.

    Parameters
    ----------
    ct
        In HU, on the grid of ``anatomy``.
    anatomy
        A person's masks, or another tool's.
    """
    found: dict[str, list[Mask]] = {}
    absent = {}
    for part, codes in _CODES.items():
        if part == "liver":
            masks = [_healthy(anatomy)] if anatomy.has_liver else []
        else:
            masks = [mask for code in codes if (mask := anatomy.organ(code)) is not None]
        found[part] = masks
        if not masks:
            absent[part] = "nobody outlined it"
    if anatomy.has_liver and found["cava"]:
        found["cava"] = [_below(found["cava"][0], anatomy.liver)]
    return _medians(ct, found, absent)


def _healthy(anatomy: Anatomy) -> Mask:
    lesions = anatomy.lesion_labels.labels > 0
    return Mask(voxels=anatomy.liver.voxels & ~lesions, grid=anatomy.grid)


def _below(cava: Mask, liver: Mask) -> Mask:
    """Part of the vena cava below the liver; all of it where the scan shows none there."""
    lowest = _heights(liver).min(initial=np.inf)
    points = np.argwhere(cava.voxels)
    under = (
        cava.grid.to_world(points.astype(np.float64))[:, 2] < lowest
        if len(points)
        else np.zeros(0, dtype=bool)
    )
    if not under.any():
        return cava
    voxels = np.zeros(cava.grid.shape, dtype=bool)
    voxels[tuple(points[under].T)] = True
    return replace(cava, voxels=voxels)


def _heights(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    points: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = mask.grid.to_world(
        np.argwhere(mask.voxels).astype(np.float64)
    )[:, 2]
    return points


def _medians(
    ct: Volume, found: Mapping[str, Iterable[Mask]], absent: dict[str, str]
) -> OrganMedians:
    values: dict[str, Any] = {}
    for part, masks in found.items():
        hu = [v for mask in masks if len(v := _core_hu(ct, mask))]
        if hu:
            values[part] = float(np.median(np.concatenate(hu)))
        elif part not in absent:
            absent[part] = f"nothing is left of it without {BORDER_MM:.0f} mm of its border"
    return OrganMedians(**values, absent=absent)


def _core_hu(ct: Volume, mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """HU at the voxels of a mask that are farther than `BORDER_MM` from its border."""
    nothing: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.zeros(0, dtype=np.float32)
    hits = [np.flatnonzero(mask.voxels.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if any(not len(hit) for hit in hits):
        return nothing
    box = tuple(slice(int(hit[0]), int(hit[-1]) + 1) for hit in hits)
    deep = _without_border(np.array(mask.voxels[box]), mask.grid.spacing_mm)
    points = np.argwhere(deep)[:: max(1, int(np.count_nonzero(deep)) // _MOST_POINTS)]
    if not len(points):
        return nothing
    at = points + np.array([part.start for part in box])
    index = np.rint(ct.grid.to_index(mask.grid.to_world(at))).astype(int)
    within = ((index >= 0) & (index < ct.grid.shape)).all(axis=1)
    z, y, x = index[within].T
    return np.asarray(ct.values[z, y, x], dtype=np.float32)


def _without_border(inside: MaskZYX, spacing_mm: tuple[float, float, float]) -> MaskZYX:
    """Voxels whose centre lies farther than `BORDER_MM` from the faces of the mask."""
    import edt

    away = edt.edt(inside, anisotropy=spacing_mm, black_border=True, parallel=1)
    # `away` ends in the middle of the nearest voxel outside; its face is half a voxel nearer.
    kept: MaskZYX = away - 0.5 * min(spacing_mm) > BORDER_MM
    for axis, step_mm in enumerate(spacing_mm):
        layers = math.floor(BORDER_MM / step_mm + 0.5)  # whose centre lies within the border
        padded = np.pad(inside, [(layers, layers) if k == axis else (0, 0) for k in range(3)])
        for shift in range(1, layers + 1):
            for start in (layers - shift, layers + shift):
                kept &= padded.take(range(start, start + inside.shape[axis]), axis=axis)
    return kept
