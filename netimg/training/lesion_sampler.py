"""Samples for the lesion stage: real lesions with ignore, painted ones, livers with none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.training.augment import OUTSIDE_HU, change_intensities, warp
from netimg.training.paint import paint
from netimg.training.sampler import Sample, Store, generator, normalise, patch_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from netimg.training.config import RunConfig
    from netimg.training.sampler import Box

DILATE = 3
"""Most voxels by which the liver is dilated before everything else is blanked."""


def lesion_sample(store: Store, index: int, config: RunConfig) -> Sample:
    """A patch for the lesion stage.

    The patch lies where a tile lies at inference: inside the box of the liver, or about its middle
    where the box is the smaller one, and the image ends with the box. Outside the liver, dilated by
    1-3 voxels, everything is the lowest value of the window. Weight is 1 inside the liver where
    labels say anything, 0 in the border that padding spoils.
    """
    import torch

    augment, window, border = config.augment, config.window_hu, config.border
    rng = generator(config.seed, index)
    k = int(rng.integers(len(store.items)))
    item = store.items[k]
    patch = patch_of(config, index)
    kinds = list(config.mix)
    kind = kinds[int(rng.choice(len(kinds), p=[config.mix[name] for name in kinds]))]
    box = store.liver_box(k, DILATE)
    centre = tile_centre(store.place(k, kind, rng), box, patch, border, rng)
    channels, middle = store.around(k, centre, patch, box)
    cut = warp(channels, middle, patch, item.spacing_mm, rng=rng, augment=augment)
    share, inside = cut[1], cut[3] > 0.5
    lesion, unknown = cut[4] >= 0.5, cut[5] >= 0.3
    hu, liver = cut[0] + OUTSIDE_HU, share >= 0.5
    if rng.random() < config.painted:
        hu, drawn, unseen, grown = paint(hu, liver, lesion | unknown, item.spacing_mm, rng)
        lesion, unknown = lesion | drawn, unknown | unseen
        liver, share = grown, share.maximum(grown.float())
    values = change_intensities(hu, rng, augment, window)
    around = _dilated(share >= float(rng.uniform(0.3, 0.7)), int(rng.integers(1, DILATE + 1)))
    values = values.masked_fill(~around, window[0]).masked_fill(~inside, config.outside_hu)
    weight = (liver | lesion) & ~unknown
    inner = torch.zeros_like(weight)
    inner[tuple(slice(b, n - b) for b, n in zip(border, patch, strict=True))] = True
    return Sample(
        normalise(values, window)[None],
        lesion[None].float(),
        (weight & inner)[None].float(),
        item.name,
    )


def tile_centre(
    near: Sequence[float],
    box: Box,
    patch: Sequence[int],
    border: Sequence[int],
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Middle of a patch that holds ``near`` inside its border and lies in ``box`` if it can."""
    middles = []
    for c, part, p, b in zip(near, box, patch, border, strict=True):
        reach = max(0.0, 0.9 * (p / 2 - b))
        low, high = part.start + p / 2, part.stop - p / 2
        if low >= high:
            middles.append((part.start + part.stop) / 2 + float(rng.uniform(-0.05, 0.05)) * p)
        else:
            middles.append(min(max(c + float(rng.uniform(-reach, reach)), low), high))
    return middles[0], middles[1], middles[2]


def _dilated(mask: torch.Tensor, steps: int) -> torch.Tensor:
    """Dilation by faces, as that of the stage before at inference."""
    from torch.nn import functional

    share = mask[None, None].float()
    for _ in range(steps):
        share = (
            functional.max_pool3d(share, (3, 1, 1), 1, (1, 0, 0))
            .maximum(functional.max_pool3d(share, (1, 3, 1), 1, (0, 1, 0)))
            .maximum(functional.max_pool3d(share, (1, 1, 3), 1, (0, 0, 1)))
        )
    return share[0, 0] > 0.5
