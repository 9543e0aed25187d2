"""Augmentation of patches, in torch, each a pure function of a random generator.

Geometry is one `grid_sample` (affine and elastic together); intensities are HU until `normalise`.
Strengths are settings (``[augment]`` of a training config), not constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

OUTSIDE_HU = -1024.0
UNENHANCED_HU, ENHANCED_HU = 45.0, 250.0
"""Soft tissue without contrast medium; above the second it is bone or a dense vessel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """Probabilities and ranges of the augmentation."""

    warp_p: float = 0.7
    rotate_deg: tuple[float, float, float] = (15.0, 10.0, 10.0)  # about z, y, x
    scale: tuple[float, float] = (0.8, 1.25)
    elastic_mm: float = 2.0
    elastic_step_mm: float = 20.0
    gamma_p: float = 0.25
    gamma: tuple[float, float] = (0.7, 1.5)
    shift_p: float = 0.3
    shift_hu: float = 15.0
    contrast: tuple[float, float] = (0.85, 1.2)
    noise_p: float = 0.3
    noise_hu: float = 20.0
    blur_p: float = 0.2
    blur_voxels: tuple[float, float] = (0.5, 1.2)
    lowres_p: float = 0.25
    lowres_z: float = 5.0
    lowres_xy: float = 2.0
    slab_p: float = 0.1
    window_p: float = 0.3
    window_hu: tuple[float, float] = (20.0, 30.0)
    fade_p: float = 0.0  # contrast medium taken back, towards an unenhanced scan
    fade: tuple[float, float] = (0.1, 0.9)  # share of the enhancement that is left
    liver_p: float = 0.0  # a liver brighter or darker than it was: fat, phase
    liver_hu: tuple[float, float] = (-50.0, 25.0)
    field_p: float = 0.0  # a smaller field of view


def warp(
    channels: torch.Tensor,
    centre: Sequence[float],
    patch: Sequence[int],
    spacing_mm: Sequence[float],
    *,
    rng: np.random.Generator,
    augment: Augment,
) -> torch.Tensor:
    """Cut a patch around ``centre``, turned, scaled and bent.

    Parameters
    ----------
    channels : (c, z, y, x) float32
        Whole item. What lies outside becomes 0: store values so that 0 is right there.
    centre
        Voxel that becomes the middle of the patch.
    patch
        Voxels of the patch along z, y, x.

    Returns
    -------
    (c, *patch) float32
    """
    import numpy as np
    import torch
    from torch.nn import functional

    spacing = np.asarray(spacing_mm, dtype=np.float64)
    matrix = np.eye(3)
    bent = rng.random() < augment.warp_p
    if bent:
        matrix = _rotation(rng, augment.rotate_deg) @ np.diag(
            1.0 / rng.uniform(*augment.scale, size=3)
        )
    else:  # on the voxels themselves: nothing is blurred
        centre = [int(c) + (n - 1) % 2 / 2 for c, n in zip(centre, patch, strict=True)]
    in_voxels = (matrix * spacing[None, :]) / spacing[:, None]
    device = channels.device
    axes = [torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2 for n in patch]
    shapes = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
    lines = [axis.view(shape) for axis, shape in zip(axes, shapes, strict=True)]
    field = None
    if bent and augment.elastic_mm > 0:
        field = _elastic(patch, spacing, rng, augment, device=device)
    normal = []
    for k in range(3):
        at = torch.full((1, 1, 1), float(centre[k]), device=device)
        for j in range(3):
            at = at + float(in_voxels[k, j]) * lines[j]
        if field is not None:
            at = at + field[k]
        normal.append((2.0 * at + 1.0) / channels.shape[k + 1] - 1.0)
    grid = torch.stack([value.expand(*patch) for value in reversed(normal)], dim=-1)
    return functional.grid_sample(
        channels[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=False
    )[0]


def _rotation(rng: np.random.Generator, limits_deg: Sequence[float]) -> np.ndarray:
    """Rotation about the array axes z, y, x by uniform angles."""
    import numpy as np

    total = np.eye(3)
    for axis, limit in enumerate(limits_deg):
        angle = np.deg2rad(rng.uniform(-limit, limit))
        a, b = (k for k in range(3) if k != axis)
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        total = turn @ total
    return total


def _elastic(
    patch: Sequence[int],
    spacing: np.ndarray,
    rng: np.random.Generator,
    augment: Augment,
    *,
    device: torch.device,
) -> torch.Tensor:
    """Smooth displacement in voxels, shape ``(3, *patch)``."""
    import torch
    from torch.nn import functional

    knots = [
        max(2, int(n * s / augment.elastic_step_mm) + 1)
        for n, s in zip(patch, spacing, strict=True)
    ]
    coarse = normal(rng, (3, *knots), device)
    field = torch.stack([coarse[k] * (augment.elastic_mm / float(spacing[k])) for k in range(3)])
    size = (int(patch[0]), int(patch[1]), int(patch[2]))
    return functional.interpolate(field[None], size=size, mode="trilinear", align_corners=True)[0]


def normal(
    rng: np.random.Generator, shape: Sequence[int], device: torch.device | str
) -> torch.Tensor:
    """Normal random numbers of a shape, drawn on a device by a seed of ``rng``."""
    import torch

    source = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    return torch.randn(tuple(shape), generator=source, device=device)


def change_intensities(
    hu: torch.Tensor, rng: np.random.Generator, augment: Augment, window: tuple[float, float]
) -> torch.Tensor:
    """Less contrast medium, noise, blur, coarser slices, brightness and gamma on a patch in HU."""
    from torch.nn import functional

    low, high = window
    if rng.random() < augment.fade_p:
        above = hu.clamp(UNENHANCED_HU, ENHANCED_HU) - UNENHANCED_HU
        hu = hu - above * (1.0 - rng.uniform(*augment.fade))
    if rng.random() < augment.blur_p:
        hu = _smooth(hu, rng.uniform(*augment.blur_voxels))
    if rng.random() < augment.lowres_p:
        factor_z, factor_xy = rng.uniform(1, augment.lowres_z), rng.uniform(1, augment.lowres_xy)
        size = [
            max(2, round(n / f))
            for n, f in zip(hu.shape, (factor_z, factor_xy, factor_xy), strict=True)
        ]
        coarse = functional.interpolate(hu[None, None], size=size, mode="area")
        hu = functional.interpolate(
            coarse, size=tuple(hu.shape), mode="trilinear", align_corners=False
        )[0, 0]
    if rng.random() < augment.noise_p:
        noise = normal(rng, hu.shape, hu.device)
        if rng.random() < 0.5:
            noise = _smooth(noise, 0.6)
            noise = noise / noise.std()
        hu = hu + noise * rng.uniform(0, augment.noise_hu)
    if rng.random() < augment.shift_p:
        hu = (hu - 60.0) * rng.uniform(*augment.contrast) + 60.0
        hu = hu + rng.uniform(-augment.shift_hu, augment.shift_hu)
    if rng.random() < augment.gamma_p:
        unit = ((hu - low) / (high - low)).clamp(0, 1)
        hu = unit ** rng.uniform(*augment.gamma) * (high - low) + low
    if rng.random() < augment.window_p:
        cut = rng.uniform(0, augment.window_hu[0]), rng.uniform(0, augment.window_hu[1])
        hu = hu.clamp(low + cut[0], high - cut[1])
    return hu


def _smooth(volume: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian of ``sigma`` voxels on ``(z, y, x)``."""
    from netimg.segmentation.regrid import blurred

    batch = volume[None, None]
    for axis in (2, 3, 4):
        batch = blurred(batch, axis, sigma)
    return batch[0, 0]


def cut_field(
    sizes_mm: Sequence[float], rng: np.random.Generator, *, least_mm: float
) -> list[tuple[float, float]]:
    """Random part of each axis that a smaller field of view keeps, as shares from 0 to 1.

    Never shorter than ``least_mm``, nor than half of the axis.
    """
    parts = []
    for size_mm in sizes_mm:
        least = min(1.0, max(0.5, least_mm / size_mm))
        share = float(rng.uniform(least, 1.0))
        first = float(rng.uniform(0.0, 1.0 - share))
        parts.append((first, first + share))
    return parts


def cut_slab(shape: Sequence[int], rng: np.random.Generator, augment: Augment) -> slice | None:
    """Planes beyond which the field of view ends (to be emptied), or None."""
    if rng.random() >= augment.slab_p:
        return None
    planes = int(shape[0])
    depth = int(rng.integers(planes // 8, planes // 2))
    return slice(0, depth) if rng.random() < 0.5 else slice(planes - depth, planes)
