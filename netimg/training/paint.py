"""Painted metastases: simple bodies with the contrast, edge and noise of real ones.

Ranges are data (``configs/training/lesions.toml``): sizes, patterns of contrast, shape. A lesion
keeps the noise of the liver it is painted on, and is never sharper than the scan. Everything that
depends on the image stays on its device, so that a GPU never waits for an answer.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from netimg.resources import load_toml
from netimg.training.augment import normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

TRIES = 256
"""Random voxels tried as the centre of a lesion; the first inside the liver is taken."""
WAVES = 7
"""Random waves over the directions that make a surface uneven."""


@cache
def lesion_table() -> dict[str, Any]:
    """Ranges of ``configs/training/lesions.toml``."""
    return load_toml("configs", "training", "lesions.toml")


def paint(
    hu: torch.Tensor,
    liver: torch.Tensor,
    taken: torch.Tensor,
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Paint metastases of one pattern into a patch.

    Parameters
    ----------
    hu, liver : (z, y, x) float32, bool
        Patch and its liver.
    taken : (z, y, x) bool
        Real or uncertain lesions: nothing is painted over them.
    spacing_mm
        Voxel size along z, y, x.

    Returns
    -------
    hu : (z, y, x) float32
    lesion : (z, y, x) bool
        Painted lesions that can be seen.
    unseen : (z, y, x) bool
        Painted lesions below the contrast anybody can see: neither lesion nor liver.
    liver : (z, y, x) bool
        With what bulges out of it.
    """
    import torch

    table = lesion_table()
    lesion, unseen = torch.zeros_like(liver), torch.zeros_like(liver)
    free = liver & ~taken
    names = list(table["pattern"])
    weights = [table["pattern"][name]["weight"] for name in names]
    pattern = table["pattern"][
        names[int(rng.choice(len(names), p=[w / sum(weights) for w in weights]))]
    ]
    noise = hu - _blurred(hu, [2.0 / s for s in spacing_mm])
    grown = liver
    for _ in range(int(rng.integers(table["count"][0], table["count"][1] + 1))):
        radius_mm = 0.5 * _diameter(table, rng)
        depth_mm = _body(free, radius_mm, spacing_mm, table=table, rng=rng)
        blur_mm = float(rng.uniform(*table["edge_mm"]))
        room = ~taken if rng.random() < table["bulging"] else free
        inside = (2.0 / blur_mm * depth_mm).sigmoid() * room
        dhu = float(rng.uniform(*pattern["dhu"]))
        dhu *= min(1.0, radius_mm / 5.0) if rng.random() < 0.5 else 1.0
        close = (depth_mm > -radius_mm) & liver
        around = (hu * close).sum() / close.sum().clamp_min(1)
        texture = _texture(hu.shape, spacing_mm, rng, hu.device)
        value = around + dhu + texture * (float(rng.uniform(0.15, 0.35)) * abs(dhu))
        if "core_dhu" in pattern:
            core = depth_mm > float(rng.uniform(2.0, max(2.1, 0.5 * radius_mm)))
            value = value.where(~core, value - dhu + float(rng.uniform(*pattern["core_dhu"])))
        hu = hu * (1.0 - inside) + (value + noise) * inside
        body = inside >= 0.5
        grown = grown | body
        if abs(dhu) >= table["visible_hu"]:
            lesion = lesion | body
        else:
            unseen = unseen | body
    return hu, lesion, unseen & ~lesion, grown


def _diameter(table: dict[str, Any], rng: np.random.Generator) -> float:
    """Diameter in mm, drawn from the size classes."""
    classes = table["size"]
    shares = [entry["share"] for entry in classes]
    low, high = classes[int(rng.choice(len(classes), p=shares))]["mm"]
    return float(rng.uniform(low, high))


def _body(
    free: torch.Tensor,
    radius_mm: float,
    spacing_mm: Sequence[float],
    *,
    table: dict[str, Any],
    rng: np.random.Generator,
) -> torch.Tensor:
    """Depth in mm below an uneven surface about a random voxel of ``free``.

    Far below zero where no voxel tried was free.
    """
    import torch

    device, shape = free.device, free.shape
    tried = [
        torch.from_numpy(rng.integers(0, n, TRIES)).to(device, non_blocking=True) for n in shape
    ]
    hits = free[tried[0], tried[1], tried[2]]
    first = hits.to(torch.int8).argmax()
    stretch = rng.uniform(1.0, table["elongation"]) ** rng.uniform(-0.5, 0.5, size=3)
    parts = []
    for axis, (n, s, q) in enumerate(zip(shape, spacing_mm, stretch, strict=True)):
        line = (torch.arange(n, device=device) - tried[axis][first]) * (float(s) / float(q))
        parts.append(line.view([-1 if k == axis else 1 for k in range(3)]))
    distance = (parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2).sqrt()
    bumps = torch.zeros_like(distance)
    for _ in range(WAVES):
        a, b, c = (float(v) for v in rng.normal(0.0, 2.0, size=3))
        turn = (parts[0] * a + parts[1] * b + parts[2] * c) / (distance + 0.1 * radius_mm)
        bumps += torch.sin(turn + float(rng.uniform(0.0, 2.0 * math.pi)))
    bumps *= float(rng.uniform(*table["roughness"])) * math.sqrt(2.0 / WAVES)
    depth = (1.0 + bumps) * radius_mm - distance
    return depth.where(hits[first], depth.new_full((), -1e3))


def _texture(
    shape: torch.Size, spacing_mm: Sequence[float], rng: np.random.Generator, device: torch.device
) -> torch.Tensor:
    """Smooth field of SD about 1 with a correlation of some 5 mm."""
    from torch.nn import functional

    coarse = [max(2, round(n * s / 5.0)) for n, s in zip(shape, spacing_mm, strict=True)]
    field = normal(rng, (1, 1, *coarse), device)
    return functional.interpolate(field, size=tuple(shape), mode="trilinear", align_corners=True)[
        0, 0
    ]


def _blurred(hu: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    from netimg.segmentation.regrid import blurred

    batch = hu[None, None]
    for axis, sigma in enumerate(sigmas):
        batch = blurred(batch, axis + 2, sigma)
    return batch[0, 0]
