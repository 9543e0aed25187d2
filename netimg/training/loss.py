"""Losses that know where nothing is known, and the painted and the uncertain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SMOOTH = 1e-5


def structure_loss(
    logit: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor,
    *,
    false_positive: float = 0.5,
    false_negative: float = 0.5,
) -> torch.Tensor:
    """Soft Dice (or Tversky) plus cross entropy of one structure.

    Parameters
    ----------
    logit, target, weight : (batch, 1, z, y, x)
        Network output; share of each voxel that belongs to the structure, 0..1; 0 where nothing
        is known: such voxels change neither term nor gradient.
    false_positive, false_negative
        Tversky weights; both 0.5 is Dice. A higher second one asks for recall.

    Returns
    -------
    () float32
    """
    from torch.nn import functional

    logit = logit.float()
    entropy = functional.binary_cross_entropy_with_logits(logit, target, weight, reduction="sum")
    entropy = entropy / weight.sum().clamp_min(1.0)
    p = logit.sigmoid() * weight
    truth = target * weight
    both = (p * truth).sum()
    missed = (truth * (1.0 - p)).sum()
    invented = (p * (1.0 - truth)).sum()
    overlap = (both + SMOOTH) / (
        both + false_positive * invented + false_negative * missed + SMOOTH
    )
    return entropy + 1.0 - overlap
