"""The training cache: every item at the spacing of a stage, small enough to keep in memory.

One ``.npz`` per item and spacing: ``ct`` uint8 (2 HU a step), ``liver`` uint8 (share of the voxel
that is liver, 255 = all), ``lesions`` uint8 codes, and for later stages ``prior``, the probability
of the stage before. Ignored by git, rebuilt by ``netimg train CONFIG --prepare``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.training.items import CYST, IGNORE, LESION, Item, load_source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netimg.training.items import Source

HU_LOW, HU_STEP = -200.0, 2.0
"""HU = HU_LOW + HU_STEP * stored value; 310 HU is the highest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cached:
    """One item at one spacing."""

    name: str
    source: Source
    spacing_mm: tuple[float, float, float]
    ct: NDArray[np.uint8]
    liver: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    has_lesion_labels: bool
    prior: NDArray[np.uint8] | None


def cache_file(cache: Path, name: str, spacing_mm: tuple[float, float, float]) -> Path:
    """File of an item: ``<cache>/lits-006@2.5x1x1.npz``."""
    return cache / f"{name}@{'x'.join(f'{s:g}' for s in spacing_mm)}.npz"


def prior_file(cache: Path, name: str, spacing_mm: tuple[float, float, float]) -> Path:
    """Probability of the stage before, beside an item: uint8, 255 = certain."""
    return cache_file(cache, name, spacing_mm).with_suffix(".prior.npy")


def write_item(cache: Path, item: Item, spacing_mm: tuple[float, float, float]) -> Path:
    """Resample one item and store it; the path of its file."""
    import numpy as np
    import torch

    from netimg.segmentation.regrid import regrid, shape_at

    target = shape_at(item.ct.shape, item.spacing_mm, spacing_mm)
    low, high = item.source.window_hu
    ct = torch.from_numpy(np.clip(item.ct, max(low, HU_LOW), high))[None]
    parts = np.stack([item.liver, *(item.lesions == code for code in (LESION, CYST, IGNORE))])
    shares = regrid(torch.from_numpy(parts.astype(np.float32)), target).numpy()
    lesions = np.zeros(target, dtype=np.uint8)
    for code, share in zip((LESION, CYST, IGNORE), shares[1:], strict=True):
        lesions[share >= 0.5] = code
    path = cache_file(cache, item.name, spacing_mm)
    path.parent.mkdir(parents=True, exist_ok=True)
    extent = [n * s for n, s in zip(item.ct.shape, item.spacing_mm, strict=True)]
    np.savez_compressed(
        path,
        ct=np.rint((regrid(ct, target)[0].numpy() - HU_LOW) / HU_STEP).clip(0, 255).astype("u1"),
        liver=np.rint(shares[0].clip(0, 1) * 255).astype("u1"),
        lesions=lesions,
        has_lesion_labels=item.has_lesion_labels,
        spacing_mm=np.array([e / n for e, n in zip(extent, target, strict=True)]),
    )
    return path


def read_cached(cache: Path, name: str, spacing_mm: tuple[float, float, float]) -> Cached:
    """Load one item of the cache, with its prior where there is one."""
    import numpy as np

    path = cache_file(cache, name, spacing_mm)
    prior_path = prior_file(cache, name, spacing_mm)
    with np.load(path) as arrays:
        z, y, x = (float(s) for s in arrays["spacing_mm"])
        floor = (load_source(name).window_hu[0] - HU_LOW) / HU_STEP
        ct = arrays["ct"].copy()
        ct[ct <= floor] = 0  # clipped by the source: air or lung, not fat
        return Cached(
            name=name,
            source=load_source(name),
            spacing_mm=(z, y, x),
            ct=ct,
            liver=arrays["liver"],
            lesions=arrays["lesions"],
            has_lesion_labels=bool(arrays["has_lesion_labels"]),
            prior=np.load(prior_path) if prior_path.is_file() else None,
        )
