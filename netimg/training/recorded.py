"""Inner selection of the lesion stage: normalised as a run normalises it.

The lesion network normalises over its patch, and these statistics are its memory of the patient
(`netimg.segmentation.architectures.PatchNorm`). In a run they are recorded on the tiles with most
liver and then fixed; so they are here. In training each patch is such a tile and has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.training.cache import HU_LOW, HU_STEP, Cached
from netimg.training.inner import forward, image_outside
from netimg.training.items import IGNORE, LESION
from netimg.training.sampler import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from netimg.segmentation.architectures import PatchNormUNet
    from netimg.training.config import RunConfig

    Statistics = list[tuple[torch.Tensor, torch.Tensor]]

DILATE = 2
"""Voxels by which the liver is dilated before everything else is blanked."""


def lesion_image(
    item: Cached, config: RunConfig
) -> tuple[torch.Tensor, NDArray[np.bool_], NDArray[np.uint8]]:
    """Network input ``(1, z, y, x)``, liver and lesion codes in the box of an item's liver."""
    import numpy as np
    import torch
    from scipy import ndimage

    liver = item.liver >= 128
    near = ndimage.binary_dilation(liver, iterations=DILATE)
    where = np.argwhere(near)
    box = tuple(
        slice(int(a), int(b)) for a, b in zip(where.min(axis=0), where.max(axis=0) + 1, strict=True)
    )
    hu = HU_LOW + HU_STEP * item.ct[box].astype(np.float32)
    hu[~near[box]] = config.window_hu[0]
    image = normalise(torch.from_numpy(hu), config.window_hu)[None]
    return image, liver[box], item.lesions[box]


def record(
    network: PatchNormUNet,
    image: torch.Tensor,
    liver: NDArray[np.bool_],
    config: RunConfig,
    *,
    tiles: int,
    half: bool,
) -> Statistics:
    """Mean and variance of each normalisation, averaged over the tiles with most liver."""
    import numpy as np
    import torch

    from netimg.segmentation.slide import tiles as places

    size = config.window
    room = [max(n, p) for n, p in zip(liver.shape, size, strict=True)]
    first = [(r - n) // 2 for r, n in zip(room, liver.shape, strict=True)]
    inner = tuple(slice(f, f + n) for f, n in zip(first, liver.shape, strict=True))
    padded = torch.full((1, *room), image_outside(config)[0])
    padded[(slice(None), *inner)] = image
    share = np.zeros(room, dtype=bool)
    share[inner] = liver
    boxes = [
        tuple(slice(a, a + p) for a, p in zip(start, size, strict=True))
        for start in places(room, size, config.overlap)
    ]
    boxes.sort(key=lambda box: -int(share[box].sum()))
    norms = network.norms()
    for norm in norms:
        norm.fixed, norm.recorded = None, []
    with torch.no_grad():
        for box in boxes[:tiles]:
            forward(network, padded[(slice(None), *box)], half=half)
    statistics: Statistics = []
    for norm in norms:
        means, variances = zip(*(norm.recorded or ()), strict=True)
        sds = torch.stack(variances).sqrt().mean(dim=0)
        statistics.append((torch.stack(means).mean(dim=0), sds * sds))
        norm.recorded = None
    return statistics


def fix(network: PatchNormUNet, statistics: Statistics | None) -> None:
    """Use these statistics from now on, or each patch's own."""
    for k, norm in enumerate(network.norms()):
        norm.fixed = None if statistics is None else statistics[k]


def lesion_scores(
    network: PatchNormUNet, items: Sequence[Cached], config: RunConfig, *, half: bool
) -> dict[str, float]:
    """Lesion Dice of each item inside the reference liver, and over all; uncertain left out."""
    import torch

    from netimg.training.inner import whole

    before = [norm.fixed for norm in network.norms()]
    scores: dict[str, float] = {}
    both = total = 0.0
    for item in items:
        image, liver, lesions = lesion_image(item, config)
        fix(network, record(network, image, liver, config, tiles=4, half=half))
        found = whole(network, image, config, half=half)[0] > 0
        known = torch.from_numpy(liver & (lesions != IGNORE))
        truth = torch.from_numpy(lesions == LESION) & known
        found &= known
        overlap, size = 2.0 * float((found & truth).sum()), float(found.sum() + truth.sum())
        scores[item.name] = overlap / max(1.0, size)
        both, total = both + overlap, total + size
    for norm, fixed in zip(network.norms(), before, strict=True):
        norm.fixed = fixed
    return {**scores, "global": both / max(1.0, total)}
