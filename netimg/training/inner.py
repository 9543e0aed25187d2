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
        p = whole(network, image, config, half=half)
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
            slice(int(a), int(b))
            for a, b in zip(first, where.max(axis=0) + margin + 1, strict=True)
        )
        channels.append(torch.from_numpy(item.prior.astype(np.float32)) / 127.5 - 1.0)
    return torch.stack([channel[box] for channel in channels]), box


def image_outside(config: RunConfig) -> tuple[float, ...]:
    """Normalised values of each channel beyond the scan."""
    import torch

    hu = float(normalise(torch.tensor(config.outside_hu), config.window_hu))
    return (hu, -1.0) if config.with_prior else (hu,)


def whole(
    network: torch.nn.Module,
    image: torch.Tensor,
    config: RunConfig,
    *,
    half: bool,
) -> torch.Tensor:
    """Logits of a whole image, tile by tile as in a run; ``(1, z, y, x)`` float32."""
    from netimg.segmentation.slide import slide

    logits, _ = slide(
        image,
        lambda tile: forward(network, tile, half=half),
        patch=config.window,
        overlap=config.overlap,
        pad=image_outside(config),
        accumulate=str(next(network.parameters()).device),
    )
    return logits


def forward(network: torch.nn.Module, tile: torch.Tensor, *, half: bool) -> torch.Tensor:
    """Logits ``(1, z, y, x)`` float32 of one tile ``(channels, z, y, x)``, where the network is."""
    import torch

    device = next(network.parameters()).device
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        logits: torch.Tensor = network(tile[None].to(device))[0]
    return logits.float()
