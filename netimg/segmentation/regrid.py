"""Between the grid of a scan and the grid of a network, in torch, on any device.

A grid is shrunk or grown so that the *edges* of both fields of view coincide: the voxel size that
results is the asked one up to rounding of the number of voxels (below 1 % for 100 voxels), and no
half-voxel shift can arise. Shrinking is preceded by a Gaussian of 0.35 of the new voxel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

BLUR = 0.35
"""SD of the Gaussian before shrinking, in new voxels; none below a factor of `SHRINK`."""
SHRINK = 1.2


def shape_at(
    shape: Sequence[int], spacing_mm: Sequence[float], target_mm: Sequence[float]
) -> tuple[int, int, int]:
    """Voxels along z, y, x that cover the same field of view at about ``target_mm``."""
    z, y, x = (
        max(1, round(n * s / t)) for n, s, t in zip(shape, spacing_mm, target_mm, strict=True)
    )
    return z, y, x


def regrid(volume: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Image values or probabilities on a grid of another ``shape`` over the same field of view.

    Parameters
    ----------
    volume : (channels, z, y, x) float32
        Values; linear interpolation, edge values repeated.
    shape
        New voxels along z, y, x.

    Returns
    -------
    (channels, z, y, x) float32
    """
    from torch.nn import functional

    if tuple(volume.shape[1:]) == tuple(shape):
        return volume
    factors = [old / new for old, new in zip(volume.shape[1:], shape, strict=True)]
    batch = volume.unsqueeze(0)
    for axis, factor in enumerate(factors):
        if factor > SHRINK:
            batch = blurred(batch, axis + 2, BLUR * factor)
    size = (int(shape[0]), int(shape[1]), int(shape[2]))
    return functional.interpolate(batch, size=size, mode="trilinear", align_corners=False)[0]


def blurred(batch: torch.Tensor, axis: int, sigma: float) -> torch.Tensor:
    """Gaussian along one axis of ``(1, channels, z, y, x)``, edges repeated."""
    import torch
    from torch.nn import functional

    radius = max(1, round(3.0 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=batch.dtype, device=batch.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    lines = batch.movedim(axis, -1)
    shape = lines.shape
    lines = functional.pad(lines.reshape(1, -1, shape[-1]), (radius, radius), mode="replicate")
    lines = functional.conv1d(lines.transpose(0, 1), kernel.view(1, 1, -1))
    return lines.reshape(shape).movedim(-1, axis)
