"""One network of a card: loaded, checked, run on one tile.

Loaded once per process and device; the precision of a machine is tried on a made-up image before
it is believed.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from netimg.errors import SEG_108, ModelError
from netimg.segmentation.slide import fitted, lay

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from netimg.arrays import MaskZYX
    from netimg.segmentation.cards import Card
    from netimg.segmentation.stages import Stage

PRECISION_ERROR_MAX = 0.05
"""Largest relative error of a lower precision; above it float32 is used."""


def tile_of(stage: Stage, shape: tuple[int, ...] | list[int]) -> tuple[int, int, int]:
    """Input voxels of a tile for an image of this shape."""
    if stage.fixed_patch:
        return stage.patch
    return fitted(stage.patch, stage.multiple, stage.margin, shape)


def record(
    image: torch.Tensor,
    forward: Callable[[torch.Tensor], torch.Tensor],
    *,
    share: MaskZYX,
    stage: Stage,
    count: int,
) -> int:
    """Run the ``count`` tiles with most of a structure; how many there were.

    Parameters
    ----------
    image : (channels, z, y, x)
        Normalised.
    share : (z, y, x) bool
        The structure.
    """
    patch = tile_of(stage, [int(n) for n in image.shape[1:]])
    laid = lay(
        image, patch=patch, margin=stage.margin, overlap=stage.overlap, pad=pad_values(stage)
    )
    chosen = sorted(laid.starts, key=lambda at: (-laid.held(share, at), at))[:count]
    for start in chosen:
        forward(laid.tile(start))
    return len(chosen)


def pad_values(stage: Stage) -> tuple[float, ...]:
    """Normalised value of each channel beyond the image."""
    values = []
    for name, normalise in zip(stage.inputs, stage.normalise, strict=True):
        low, high = normalise.range
        slope, intercept = normalise.line
        raw = stage.pad_hu if name == "ct" else 0.0
        values.append(min(max(raw, low), high) * slope + intercept)
    return tuple(values)


def activate(logits: torch.Tensor, stage: Stage) -> torch.Tensor:
    """Probabilities ``(classes, z, y, x)`` float32 of calibrated logits."""
    scale = logits.new_tensor(stage.temperature).view(-1, 1, 1, 1)
    scaled = logits.float() / scale
    return scaled.softmax(dim=0) if stage.activation == "softmax" else scaled.sigmoid()


class NotFiniteError(Exception):
    """Two tiles of a volume were not finite."""


class Forward:
    """One tile through a network, float32 out; a tile that is not finite is run again."""

    def __init__(self, network: torch.nn.Module, device: str, dtype: str, stage: str) -> None:
        self.network = network
        self.device = device
        self.dtype = dtype
        self.stage = stage
        self.failures = 0

    def __call__(self, tile: torch.Tensor) -> torch.Tensor:
        """Logits ``(classes, z, y, x)`` of ``(channels, z, y, x)``."""
        out = run_tile(self.network, tile, self.device, self.dtype)
        if bool(out.isfinite().all()):
            return out
        self.failures += 1
        if self.dtype != "float32":
            if self.failures > 1:
                raise NotFiniteError
            out = run_tile(self.network, tile, self.device, "float32")
            if bool(out.isfinite().all()):
                return out
        raise ModelError(
            SEG_108,
            what="the network gave numbers that are not finite, in float32 too.",
            where=f"stage {self.stage}",
            todo="Check the model with `netimg models verify`.",
        )


def run_tile(network: torch.nn.Module, tile: torch.Tensor, device: str, dtype: str) -> torch.Tensor:
    """Logits of one tile in a given precision, as float32 on the device."""
    import torch

    half = dtype != "float32"
    kind = torch.device(device).type
    with (
        torch.inference_mode(),
        torch.autocast(kind, dtype=getattr(torch, dtype) if half else None, enabled=half),
    ):
        out: torch.Tensor = network(tile[None].to(device))
    return out[0].float()


@lru_cache(maxsize=8)
def load_network(card: Card, stage_name: str, device: str) -> torch.nn.Module:
    """Network of a stage with its weights, checked, ready on a device; kept for the process.

    Raises
    ------
    ModelError
        MDL-003 to MDL-006.
    """
    import torch

    from netimg.segmentation.nets import build_network
    from netimg.segmentation.weights import fill, load_weights

    stage = card.stage(stage_name)
    tensors = load_weights(
        card.folder / stage.weights, expected_bytes=stage.bytes, expected_sha256=stage.sha256
    )
    network = build_network(stage.network, stage.kwargs)
    fill(network, tensors)
    return network.to(torch.device(device)).eval().requires_grad_(requires_grad=False)


def golden_input(stage: Stage) -> torch.Tensor:
    """Made-up image of a stage's smallest tile: smooth waves between -1 and 1."""
    import torch

    shape = fitted(stage.patch, stage.multiple, stage.margin, (1, 1, 1))
    lines = [torch.linspace(0.0, 6.0 + axis, n) for axis, n in enumerate(shape)]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    waves = [
        torch.sin(z + k) * torch.cos(y - k) + torch.sin(x * (k + 1))
        for k in range(len(stage.inputs))
    ]
    return torch.stack(waves) / 2.0


@lru_cache(maxsize=16)
def precision_error(card: Card, stage_name: str, device: str, dtype: str) -> float:
    """Relative error of a precision against float32 on the made-up image; inf if not finite."""
    stage = card.stage(stage_name)
    network = load_network(card, stage_name, device)
    tile = golden_input(stage)
    exact = run_tile(network, tile, device, "float32")
    rough = run_tile(network, tile, device, dtype)
    error = float((rough - exact).norm() / exact.norm().clamp(min=1e-12))
    return error if math.isfinite(error) else math.inf


def golden(card: Card, stage: Stage) -> tuple[float, float]:
    """Mean and SD of the float32 output on the made-up image: what a card's ``golden`` holds."""
    out = run_tile(load_network(card, stage.name, "cpu"), golden_input(stage), "cpu", "float32")
    return float(out.mean()), float(out.std())


def self_test(card: Card, stage: Stage) -> str:
    """Strict load and a run on the made-up image; one line of what was found.

    Raises
    ------
    ModelError
        MDL-003 to MDL-006, or SEG-108 if the output is not finite or not the card's ``golden``.
    """
    mean, sd = golden(card, stage)
    wanted = stage.golden
    right = wanted is None or (
        math.isclose(mean, wanted[0], rel_tol=1e-3, abs_tol=1e-3 * max(wanted[1], 1e-6))
        and math.isclose(sd, wanted[1], rel_tol=1e-3)
    )
    if not (math.isfinite(mean) and math.isfinite(sd) and right):
        raise ModelError(
            SEG_108,
            what=f"the made-up image gives {mean:.6g} +- {sd:.6g}, the card says {wanted}.",
            where=f"{card.id}, stage {stage.name}",
            todo="Install the model again, or report this machine.",
        )
    return f"made-up image {mean:.4g} +- {sd:.4g}, {'as the card says' if wanted else 'finite'}"
