"""Samples for the lesion stage: real lesions with ignore, painted ones, livers with none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.training.augment import OUTSIDE_HU, change_intensities, warp
from netimg.training.paint import paint
from netimg.training.sampler import Sample, Store, generator, normalise

if TYPE_CHECKING:
    from netimg.training.config import RunConfig


def lesion_sample(store: Store, index: int, config: RunConfig) -> Sample:
    """A patch for the lesion stage.

    Outside the liver, dilated by 1-3 voxels, everything is the lowest value of the window: that is
    what the network is given at inference. Weight is 1 inside the liver where labels say anything,
    0 in the border that padding spoils.
    """
    import numpy as np
    import torch
    from scipy import ndimage

    augment, window, border = config.augment, config.window_hu, config.border
    rng = generator(config.seed, index)
    k = int(rng.integers(len(store.items)))
    item = store.items[k]
    patch = config.patches[int(rng.integers(len(config.patches)))]
    kinds = list(config.mix)
    kind = kinds[int(rng.choice(len(kinds), p=[config.mix[name] for name in kinds]))]
    near = np.asarray(store.place(k, kind, rng))
    half = np.asarray(patch) / 2 - np.asarray(border)
    centre = near + rng.uniform(-0.6, 0.6, size=3) * half
    channels, middle = store.around(k, tuple(centre), patch)
    cut = warp(channels, middle, patch, item.spacing_mm, rng=rng, augment=augment)
    share, lesion, unknown = cut[1].numpy(), cut[4].numpy() >= 0.5, cut[5].numpy() >= 0.3
    hu = (cut[0] + OUTSIDE_HU).numpy()
    liver = share >= 0.5
    if rng.random() < config.painted:
        hu, drawn, unseen = paint(hu, liver, lesion | unknown, item.spacing_mm, rng)
        lesion, unknown = lesion | drawn, unknown | unseen
    values = change_intensities(torch.from_numpy(hu), rng, augment, window)
    around = ndimage.binary_dilation(
        share >= rng.uniform(0.3, 0.7), iterations=int(rng.integers(1, 4))
    )
    values = values.where(torch.from_numpy(around), values.new_tensor(window[0]))
    weight = (liver | lesion) & ~unknown
    inner = np.zeros_like(weight)
    inner[tuple(slice(b, n - b) for b, n in zip(border, patch, strict=True))] = True
    return Sample(
        normalise(values, window)[None],
        torch.from_numpy(lesion.astype(np.float32))[None],
        torch.from_numpy((weight & inner).astype(np.float32))[None],
        item.name,
    )
