"""What stands behind `netimg.segmentation.segment`: card, check, plan, run, tidy up, doubt."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netimg.anatomy import Anatomy, Origin
from netimg.flag import Flag, Severity
from netimg.progress import silent
from netimg.segmentation.postprocess import clean
from netimg.segmentation.preprocess import upright
from netimg.segmentation.protocol import Device
from netimg.segmentation.quality import find_doubts, sureness
from netimg.settings import Settings
from netimg.study import SegContext
from netimg.volume import Mask, Quantity, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.geometry import Grid
    from netimg.progress import Progress
    from netimg.segmentation.cards import Card
    from netimg.segmentation.postprocess import Cleaned
    from netimg.segmentation.protocol import Prediction, RunPlan, Segmenter

log = logging.getLogger(__name__)


def load_segmenter(model: str | None, settings: Settings | None) -> tuple[Segmenter, Settings]:
    """Segmenter of a card by its id, and the settings in use.

    Raises
    ------
    ModelError
        MDL-001 to MDL-008.
    """
    from netimg.segmentation.cards import load_card
    from netimg.segmentation.monai_net import MonaiNet

    used = Settings.shipped() if settings is None else settings
    card = load_card(
        model or used["segmentation.model"],
        used["segmentation.model_folders"],
        allow_test_only=used["segmentation.allow_test_model"] and model is not None,
    )
    return (
        MonaiNet(
            card,
            contract=table(used, "segmentation.contract"),
            locate=table(used, "segmentation.locate"),
        ),
        used,
    )


def make_plan(segmenter: Segmenter, grid: Grid, *, device: str, settings: Settings) -> RunPlan:
    """Plan of a run on this grid, device chosen.

    Raises
    ------
    ResourceError
        SEG-106 if a device was asked for that is not there.
    """
    from netimg.segmentation.device import budget, choose_device

    asked = settings["segmentation.device"] if device == "auto" else device
    may = budget(settings["resources.threads"])
    rough = segmenter.plan(grid, may, Device(name="cpu", dtype="float32", reason="for its size"))
    chosen = choose_device(
        asked, precision=settings["segmentation.precision"], memory_mb=rough.memory_mb
    )
    plan = segmenter.plan(grid, may, chosen)
    log.info("plan", extra={"device": chosen.name, "why": chosen.reason, "seconds": plan.seconds})
    return plan


def segment_with(
    segmenter: Segmenter,
    ct: Volume,
    *,
    context: SegContext | None = None,
    device: str = "auto",
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Anatomy:
    """`netimg.segmentation.segment` with any Segmenter in place of a card's networks."""
    used = Settings.shipped() if settings is None else settings
    known = SegContext() if context is None else context
    flags = (*_card_flags(segmenter.card), *segmenter.check(ct, known))
    plan = make_plan(segmenter, ct.grid, device=device, settings=used)
    prediction = segmenter.run(ct, plan, progress)
    limits = table(used, "segmentation.postprocess") | dict(segmenter.card.postprocess)
    cleaned = clean(prediction, limits)
    anatomy = _on_whole_ct(ct, segmenter.card, prediction, cleaned)
    doubts = find_doubts(
        ct, anatomy, prediction, cleaned, context=known, limits=table(used, "segmentation.flags")
    )
    return replace(anatomy, flags=(*flags, *prediction.flags, *doubts))


def _card_flags(card: Card) -> tuple[Flag, ...]:
    """What the card itself says against believing the numbers."""
    if card.status != "test-only":
        return ()
    sentence = f"{card.id} exists for tests: no number here is to be believed."
    return (Flag(code="test_model", severity=Severity.HIGH, sentence=sentence),)


def table(settings: Settings, prefix: str) -> dict[str, float]:
    """Settings below a dotted prefix, without it."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in settings.values.items() if k.startswith(start)}


def _on_whole_ct(ct: Volume, card: Card, prediction: Prediction, cleaned: Cleaned) -> Anatomy:
    """Anatomy on the CT's own grid, axes turned back."""
    lesions = None
    if cleaned.lesions is not None:
        lesions = Mask(voxels=_placed(cleaned.lesions, prediction, ct), grid=ct.grid)
    origin = Origin(
        kind="model",
        name=f"{card.id} {card.version}",
        sha256=card.hash,
        detail=prediction.plan.hash,
    )
    probability = _lesion_probability(ct, prediction, cleaned)
    steps = tuple(str(step) for step in cleaned.steps)
    anatomy = Anatomy.from_masks(
        Mask(voxels=_placed(cleaned.liver, prediction, ct), grid=ct.grid),
        lesions,
        lesion_probability=probability,
        origins={"liver": origin} | ({} if lesions is None else {"lesions": origin}),
        log=(*prediction.plan.explain().splitlines(), *prediction.log, *steps),
    )
    if probability is None:
        return anatomy
    return replace(anatomy, lesions=sureness(anatomy))


def _placed(mask: NDArray[np.bool_], prediction: Prediction, ct: Volume) -> NDArray[np.bool_]:
    """Mask of the box on the CT's whole grid, in the CT's own order of axes."""
    out = np.zeros(ct.grid.shape, dtype=bool)
    turned = upright(out, ct.grid).values
    stop = (a + n for a, n in zip(prediction.start, mask.shape, strict=True))
    turned[tuple(slice(a, b) for a, b in zip(prediction.start, stop, strict=True))] = mask
    return out


def _lesion_probability(ct: Volume, prediction: Prediction, cleaned: Cleaned) -> Volume | None:
    """Probability of lesion inside the liver, on the smallest box around it, in the CT's order."""
    if prediction.lesion is None or not cleaned.liver.any():
        return None
    inside = np.where(cleaned.liver, prediction.lesion, np.float16(0))
    box = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        hit = np.flatnonzero(cleaned.liver.any(axis=others))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    grid = prediction.grid.crop(
        (box[0].start, box[1].start, box[2].start), (box[0].stop, box[1].stop, box[2].stop)
    )
    values = inside[tuple(box)].astype(np.float32)
    # The box in the order of the CT's axes: turn the CT's directions onto the box.
    turn = upright(np.empty(ct.grid.shape, dtype=bool), ct.grid)
    back = turn.back(values)
    corner = np.array(
        [[0 if not flip else n - 1 for flip, n in zip(turn.flips, grid.shape, strict=True)]]
    )
    start = grid.to_world(corner.astype(np.float64))[0]
    own = replace(ct.grid, shape=back.shape, origin_lps_mm=tuple(start.tolist()))
    return Volume(values=back, grid=own, quantity=Quantity.PROBABILITY)
