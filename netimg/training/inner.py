"""Inner selection: the averaged weights on two patients that are never trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.training.cache import HU_LOW, HU_STEP, Cached
from netimg.training.sampler import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from netimg.training.config import RunConfig


def liver_scores(
    network: torch.nn.Module, items: Sequence[Cached], config: RunConfig, *, half: bool
) -> dict[str, float]:
    """Liver Dice of each item at the spacing of the stage, and the mean."""
    import torch

    scores: dict[str, float] = {}
    for item in items:
        image, box = liver_image(item, config)
        p = tiled(network, image, config.patches[0], outside=image_outside(config), half=half)
        truth = torch.from_numpy(item.liver[box] >= 128)
        found = p[0].sigmoid() > 0.5
        scores[item.name] = float(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    return {**scores, "mean": sum(scores.values()) / len(scores)}


def liver_image(item: Cached, config: RunConfig) -> tuple[torch.Tensor, tuple[slice, ...]]:
    """Network input of a whole item (locator) or of the box of its prior (liver), and the box."""
    import numpy as np
    import torch

    hu = torch.from_numpy(HU_LOW + HU_STEP * item.ct.astype(np.float32))
    box: tuple[slice, ...] = (slice(None),) * 3
    channels = [normalise(hu, config.window_hu)]
    if config.with_prior and item.prior is not None:
        where = np.argwhere(item.prior >= 128)
        margin = [int(np.ceil(15.0 / s)) for s in item.spacing_mm]
        first = np.maximum(where.min(axis=0) - margin, 0)
        box = tuple(
            slice(int(a), int(b)) for a, b in zip(first, where.max(axis=0) + margin + 1, strict=True)
        )
        channels.append(torch.from_numpy(item.prior.astype(np.float32)) / 127.5 - 1.0)
    return torch.stack([channel[box] for channel in channels]), box


def image_outside(config: RunConfig) -> tuple[float, ...]:
    """Normalised values of each channel beyond the scan."""
    import torch

    hu = float(normalise(torch.tensor(config.outside_hu), config.window_hu))
    return (hu, -1.0) if config.with_prior else (hu,)


def tiled(
    network: torch.nn.Module,
    image: torch.Tensor,
    patch: Sequence[int],
    *,
    outside: Sequence[float],
    half: bool,
    overlap: float = 0.25,
) -> torch.Tensor:
    """Logits of a whole image, tile by tile, blended with a Gaussian; ``(1, z, y, x)``."""
    import torch

    shape = image.shape[1:]
    size = [max(n, p) for n, p in zip(shape, patch, strict=True)]
    first = [(s - n) // 2 for s, n in zip(size, shape, strict=True)]
    inner = tuple(slice(f, f + n) for f, n in zip(first, shape, strict=True))
    padded = torch.stack([torch.full(size, value) for value in outside])
    padded[(slice(None), *inner)] = image
    total, weights = torch.zeros(1, *size), torch.zeros(1, *size)
    blend = _gaussian(patch)
    for z in _starts(size[0], patch[0], overlap):
        for y in _starts(size[1], patch[1], overlap):
            for x in _starts(size[2], patch[2], overlap):
                tile = tuple(slice(a, a + p) for a, p in zip((z, y, x), patch, strict=True))
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                    logit = network(padded[(slice(None), *tile)][None])[0].float()
                total[(slice(None), *tile)] += logit * blend
                weights[(slice(None), *tile)] += blend
    return (total / weights)[(slice(None), *inner)]


def _starts(size: int, patch: int, overlap: float) -> list[int]:
    import math

    if size <= patch:
        return [0]
    count = math.ceil((size - patch) / (patch * (1.0 - overlap))) + 1
    return [round(k * (size - patch) / (count - 1)) for k in range(count)]


def _gaussian(patch: Sequence[int], share: float = 0.125) -> torch.Tensor:
    """Weight of a tile: Gaussian of ``share`` of its edge, never below 1e-3."""
    import torch

    lines = []
    for n in patch:
        at = torch.arange(n) - (n - 1) / 2
        lines.append(torch.exp(-0.5 * (at / (share * n)) ** 2))
    z, y, x = lines
    return (z[:, None, None] * y[None, :, None] * x[None, None, :]).clamp_min(1e-3)
