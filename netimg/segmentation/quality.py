"""Doubts about a segmentation that the CT, the liver and the lesions themselves show.

Each doubt is a function that returns flags; limits stand in ``configs/segmentation.toml`` (table
``segmentation.flags``). A doubt is shown beside each number it touches.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netimg.flag import Flag, Severity
from netimg.segmentation.artefacts import metal, noise
from netimg.segmentation.contract import BOTH
from netimg.segmentation.pieces import boxes_of, pieces_of, sizes_of
from netimg.segmentation.preprocess import upright
from netimg.segmentation.seen import Drawn, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from netimg.anatomy import Anatomy
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid
    from netimg.lesion import Lesion
    from netimg.segmentation.postprocess import Cleaned, Step
    from netimg.segmentation.protocol import Prediction
    from netimg.study import SegContext
    from netimg.volume import Volume


def find_doubts(
    ct: Volume,
    anatomy: Anatomy,
    prediction: Prediction,
    cleaned: Cleaned,
    *,
    context: SegContext,
    limits: Mapping[str, float],
) -> tuple[Flag, ...]:
    """Every doubt about one segmentation, in a fixed order.

    Parameters
    ----------
    limits
        Settings ``segmentation.flags``, without the prefix.
    """
    turned = upright(anatomy.lesion_labels.labels, anatomy.grid)  # type: ignore[arg-type]
    box = tuple(slice(a, a + n) for a, n in zip(prediction.start, cleaned.liver.shape, strict=True))
    scan = upright(ct.values, ct.grid).values
    seen = Seen(
        scan=scan,
        shape=scan.shape,
        start=prediction.start,
        grid=prediction.grid,
        liver=cleaned.liver,
        lesions=turned.values[box],  # type: ignore[arg-type]  # labels
        liver_probability=prediction.liver,
        lesion_probability=prediction.lesion,
        locator=prediction.locator,
    )
    found = [
        *liver_cut(seen, limits, hu=seen.hu),
        *implausible_volume(seen, context, limits),
        *several_components(cleaned, seen.liver_ml, limits),
        *unsure_lesions(seen, anatomy.lesions, limits),
        *unsure_liver(seen, limits),
        *metal(seen, limits),
        *noise(seen, limits),
        *heavy_steps(cleaned.steps, seen.liver_ml, limits),
        *locator_disagrees(seen, limits),
    ]
    return tuple(found)


def given_doubts(
    anatomy: Anatomy, *, context: SegContext, limits: Mapping[str, float]
) -> tuple[Flag, ...]:
    """Doubts about a liver that was given: cut by the border of its grid, of unusual volume."""
    if not anatomy.has_liver:
        return ()
    liver = upright(anatomy.liver.voxels, anatomy.grid)  # type: ignore[arg-type]  # a mask
    lesions = upright(anatomy.lesion_labels.labels, anatomy.grid)  # type: ignore[arg-type]
    drawn = Drawn(
        shape=liver.values.shape,
        start=(0, 0, 0),
        grid=liver.grid,
        liver=liver.values,  # type: ignore[arg-type]  # a mask
        lesions=lesions.values,  # type: ignore[arg-type]  # labels
    )
    return (*liver_cut(drawn, limits), *implausible_volume(drawn, context, limits))


def liver_cut(
    drawn: Drawn, limits: Mapping[str, float], *, hu: FloatZYX | None = None
) -> list[Flag]:
    """Liver on the first or last slice, or against the border or, with HU, padding of the scan."""
    z, y, x = drawn.grid.spacing_mm
    liver = drawn.liver
    at_start = [drawn.start[k] == 0 for k in range(3)]
    at_stop = [drawn.start[k] + liver.shape[k] == drawn.shape[k] for k in range(3)]
    ends = []
    if at_start[0]:
        ends.append(("bottom", liver[0]))
    if at_stop[0]:
        ends.append(("top", liver[-1]))
    flags = []
    for name, plane in ends:
        cm2 = float(np.count_nonzero(plane)) * y * x / 100
        if cm2 > limits["cut_cm2_ends"]:
            flags.append(_cut(f"{name} of the scan", cm2, limits["cut_cm2_ends"]))
    faces = ((1, z * x), (2, z * y))
    border = 0.0
    for axis, mm2 in faces:
        for present, index in ((at_start[axis], 0), (at_stop[axis], -1)):
            if present:
                border += float(np.count_nonzero(liver.take(index, axis=axis))) * mm2 / 100
    if hu is not None:
        border += _at_padding_cm2(drawn, hu < limits["padding_hu"])
    if border > limits["cut_cm2_sides"]:
        flags.append(_cut("side of the scan", border, limits["cut_cm2_sides"]))
    return flags


def _at_padding_cm2(drawn: Drawn, empty: MaskZYX) -> float:
    """Area of the liver's faces towards the sides that lie between scan and padding."""
    z, y, x = drawn.grid.spacing_mm
    liver, found = drawn.liver, 0.0
    for axis, mm2 in ((1, z * x), (2, z * y)):
        touching = np.diff(empty.astype(np.int8), axis=axis) != 0
        inside = liver.take(range(1, liver.shape[axis]), axis=axis) | liver.take(
            range(liver.shape[axis] - 1), axis=axis
        )
        found += float(np.count_nonzero(touching & inside)) * mm2 / 100
    return found


def _cut(where: str, cm2: float, limit: float) -> Flag:
    return Flag(
        code="liver_cut_fov",
        severity=Severity.HIGH,
        sentence=f"The liver is cut at the {where} ({cm2:.1f} cm2); volumes are lower bounds.",
        value=cm2,
        threshold=limit,
        touches=(*BOTH, "flr_volume_ml"),
    )


def implausible_volume(
    drawn: Drawn, context: SegContext, limits: Mapping[str, float]
) -> list[Flag]:
    """Functional liver against what the body size lets expect, or against plain limits."""
    tumour_ml = float(np.count_nonzero(drawn.lesions)) * drawn.grid.voxel_ml
    functional_ml = drawn.liver_ml - tumour_ml
    if context.height_cm and context.weight_kg:
        bsa_m2 = math.sqrt(context.height_cm * context.weight_kg / 3600)  # Mosteller 1987
        expected_ml = -794.41 + 1267.28 * bsa_m2  # Vauthey 2002
        ratio = functional_ml / expected_ml if expected_ml > 0 else math.inf
        if limits["ratio_min"] <= ratio <= limits["ratio_max"]:
            return []
        sentence = (
            f"The functional liver of {functional_ml:.0f} mL is {ratio:.2f} times the "
            f"{expected_ml:.0f} mL that the body size lets expect."
        )
        limit = limits["ratio_min" if ratio < 1 else "ratio_max"]
        return [_implausible(sentence, ratio, limit)]
    low, high = limits["volume_ml_min"], limits["volume_ml_max"]
    if low <= drawn.liver_ml <= high:
        return []
    sentence = f"A liver of {drawn.liver_ml:.0f} mL is unusual ({low:.0f} to {high:.0f} mL)."
    return [_implausible(sentence, drawn.liver_ml, low if drawn.liver_ml < low else high)]


def _implausible(sentence: str, value: float, limit: float) -> Flag:
    return Flag(
        code="liver_volume_implausible",
        severity=Severity.HIGH,
        sentence=sentence,
        value=value,
        threshold=limit,
        touches=BOTH,
    )


def several_components(
    cleaned: Cleaned, liver_ml: float, limits: Mapping[str, float]
) -> list[Flag]:
    """More than one large piece of liver, or much that was dropped."""
    dropped_pct = 100 * cleaned.dropped_ml / liver_ml if liver_ml > 0 else 0.0
    large_ml = limits["component_ml"]
    pieces = sum(ml > large_ml for ml in cleaned.pieces_ml)
    if pieces < 2 and dropped_pct <= limits["dropped_pct"]:
        return []
    sentence = (
        f"The model found {pieces} pieces of liver above {large_ml:g} mL; "
        f"{cleaned.dropped_ml:.0f} mL were dropped."
    )
    return [
        Flag(
            code="several_components",
            severity=Severity.MEDIUM,
            sentence=sentence,
            value=float(pieces) if pieces > 1 else dropped_pct,
            threshold=2.0 if pieces > 1 else limits["dropped_pct"],
            touches=BOTH,
        )
    ]


def unsure_lesions(
    seen: Seen, lesions: tuple[Lesion, ...], limits: Mapping[str, float]
) -> list[Flag]:
    """Lesions of low confidence, or whose size hangs on the threshold."""
    if seen.lesion_probability is None or not lesions:
        return []
    shares = _core_shares(seen, seen.lesion_probability, limits)
    flags = []
    for lesion in lesions:
        share = shares.get(lesion.number, 1.0)
        sure = 1.0 if lesion.confidence is None else lesion.confidence
        if sure < limits["lesion_confidence"]:
            sentence = f"{lesion.id} has a confidence of {sure:.2f}."
            value, limit = sure, limits["lesion_confidence"]
        elif share < limits["lesion_core_share"]:
            sentence = f"Only {100 * share:.0f} % of {lesion.id} is sure: its size is doubtful."
            value, limit = share, limits["lesion_core_share"]
        else:
            continue
        flags.append(
            Flag(
                code="lesion_low_confidence",
                severity=Severity.MEDIUM,
                sentence=sentence,
                value=value,
                threshold=limit,
                touches=(lesion.id,),
            )
        )
    return flags


def _core_shares(
    seen: Seen, probability: NDArray[np.float16], limits: Mapping[str, float]
) -> dict[int, float]:
    """Volume at the sure probability over volume at the low one, around each lesion."""
    low = (probability >= np.float16(limits["lesion_low"])) & seen.liver
    sure = low & (probability >= np.float16(limits["lesion_sure"]))
    pieces = pieces_of(low)
    wide = sizes_of(pieces)
    core = np.bincount(pieces[sure], minlength=len(wide))
    shares: dict[int, float] = {}
    where = np.flatnonzero(seen.lesions)
    numbers, around = seen.lesions.ravel()[where], pieces.ravel()[where]
    for number in np.unique(numbers):
        own = np.unique(around[numbers == number])
        own = own[own > 0]
        if len(own):
            shares[int(number)] = float(core[own].sum() / wide[own].sum())
    return shares


def sureness(anatomy: Anatomy) -> tuple[Lesion, ...]:
    """Lesions with their confidence lowered by the share of surface on the liver's edge.

    Mean probability x (1 - share / 2): what bulges out of a segmented liver is more often a
    mistake than what lies inside it.
    """
    labels, liver = anatomy.lesion_labels.labels, anatomy.liver.voxels
    if not anatomy.lesions:
        return ()
    boxes = boxes_of(labels)
    out = []
    for lesion in anatomy.lesions:
        if lesion.confidence is None:
            out.append(lesion)
            continue
        box = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in boxes[lesion.number])
        share = _edge_share(labels[box] == lesion.number, liver[box], anatomy.grid)
        out.append(replace(lesion, confidence=lesion.confidence * (1 - 0.5 * share)))
    return tuple(out)


def _edge_share(lesion: MaskZYX, liver: MaskZYX, grid: Grid) -> float:
    """Share of a lesion's surface that borders on something outside the liver, by area."""
    inside = np.pad(lesion, 1)
    around = np.pad(liver, 1)
    surface = edge = 0.0
    for axis in range(3):
        area = grid.voxel_ml / grid.spacing_mm[axis]
        for step in (-1, 1):
            neighbour = np.roll(inside, step, axis=axis)
            open_faces = inside & ~neighbour
            surface += area * float(np.count_nonzero(open_faces))
            edge += area * float(np.count_nonzero(open_faces & ~np.roll(around, step, axis=axis)))
    return edge / surface if surface else 0.0


def unsure_liver(seen: Seen, limits: Mapping[str, float]) -> list[Flag]:
    """Network undecided around the liver's surface, or a volume that hangs on the threshold."""
    import edt

    spacing = seen.grid.spacing_mm
    depth = edt.edt(
        np.ascontiguousarray(seen.liver), anisotropy=spacing, black_border=False, parallel=1
    )
    band = seen.liver & (depth <= limits["liver_band_mm"])
    del depth
    away = edt.edt(~seen.liver, anisotropy=spacing, parallel=1)
    band |= ~seen.liver & (away <= limits["liver_band_mm"])
    del away
    if not band.any():
        return []
    p = seen.liver_probability[band].astype(np.float32)
    decided = float(np.maximum(p, 1 - p).mean())
    low, sure = np.float16(limits["lesion_low"]), np.float16(limits["lesion_sure"])
    open_voxels = (seen.liver_probability >= low) & (seen.liver_probability < sure) & band
    band_pct = 100 * float(np.count_nonzero(open_voxels)) * seen.grid.voxel_ml / seen.liver_ml
    if decided >= limits["liver_confidence"] and band_pct <= limits["liver_band_pct"]:
        return []
    unsure = decided < limits["liver_confidence"]
    return [
        Flag(
            code="liver_low_confidence",
            severity=Severity.MEDIUM,
            sentence=f"The model is unsure of the liver's surface: confidence {decided:.2f}, "
            f"{band_pct:.1f} % of the volume hangs on the threshold.",
            value=decided if unsure else band_pct,
            threshold=limits["liver_confidence" if unsure else "liver_band_pct"],
            touches=BOTH,
        )
    ]


def heavy_steps(
    steps: tuple[Step, ...], liver_ml: float, limits: Mapping[str, float]
) -> list[Flag]:
    """Steps of tidying up that changed much of the liver."""
    flags = []
    for step in steps:
        if "lesions" in step.name or liver_ml <= 0:
            continue
        pct = 100 * abs(step.changed_ml) / liver_ml
        if pct > limits["step_pct"]:
            flags.append(
                Flag(
                    code="postprocess_heavy",
                    severity=Severity.MEDIUM,
                    sentence=f"Tidying up changed the liver by {step.changed_ml:+.0f} mL "
                    f"({step.name}).",
                    value=pct,
                    threshold=limits["step_pct"],
                    touches=BOTH,
                )
            )
    return flags


def locator_disagrees(seen: Seen, limits: Mapping[str, float]) -> list[Flag]:
    """First stage and final liver differ."""
    if seen.locator is None:
        return []
    both = np.count_nonzero(seen.locator & seen.liver)
    sizes = np.count_nonzero(seen.locator) + np.count_nonzero(seen.liver)
    dice = float(2 * both / sizes) if sizes else 1.0
    if dice >= limits["locator_dice"]:
        return []
    return [
        Flag(
            code="locator_disagrees",
            severity=Severity.HIGH,
            sentence=f"The stages of the model disagree about the liver (Dice {dice:.2f}).",
            value=dice,
            threshold=limits["locator_dice"],
            touches=BOTH,
        )
    ]
