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
    in_voxels = (matrix * spacing[None, :]) / spacing[:, None]
    axes = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in patch]
    shapes = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
    lines = [axis.view(shape) for axis, shape in zip(axes, shapes, strict=True)]
    field = _elastic(patch, spacing, rng, augment) if bent and augment.elastic_mm > 0 else None
    normal = []
    for k in range(3):
        at = torch.full((1, 1, 1), float(centre[k]))
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
    patch: Sequence[int], spacing: np.ndarray, rng: np.random.Generator, augment: Augment
) -> torch.Tensor:
    """Smooth displacement in voxels, shape ``(3, *patch)``."""
    import numpy as np
    import torch
    from torch.nn import functional

    knots = [
        max(2, int(n * s / augment.elastic_step_mm) + 1)
        for n, s in zip(patch, spacing, strict=True)
    ]
    coarse = rng.standard_normal((3, *knots)) * augment.elastic_mm / spacing[:, None, None, None]
    field = torch.from_numpy(coarse.astype(np.float32))[None]
    size = (int(patch[0]), int(patch[1]), int(patch[2]))
    return functional.interpolate(field, size=size, mode="trilinear", align_corners=True)[0]


def change_intensities(
    hu: torch.Tensor, rng: np.random.Generator, augment: Augment, window: tuple[float, float]
) -> torch.Tensor:
    """Noise, blur, coarser slices, brightness, contrast and gamma on a patch in HU."""
    import torch
    from torch.nn import functional

    low, high = window
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
        seed = int(rng.integers(2**62))
        noise = torch.randn(hu.shape, generator=torch.Generator().manual_seed(seed))
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


def cut_slab(shape: Sequence[int], rng: np.random.Generator, augment: Augment) -> slice | None:
    """Planes beyond which the field of view ends (to be emptied), or None."""
    if rng.random() >= augment.slab_p:
        return None
    planes = int(shape[0])
    depth = int(rng.integers(planes // 8, planes // 2))
    return slice(0, depth) if rng.random() < 0.5 else slice(planes - depth, planes)
