"""Painted metastases: simple bodies with the contrast, edge and noise of real ones.

Ranges are data (``configs/training/lesions.toml``): sizes, patterns of contrast, shape. A lesion
keeps the noise of the liver it is painted on, and is never sharper than the scan.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from netimg.resources import load_toml

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX


@cache
def lesion_table() -> dict[str, Any]:
    """Ranges of ``configs/training/lesions.toml``."""
    return load_toml("configs", "training", "lesions.toml")


def paint(
    hu: FloatZYX,
    liver: MaskZYX,
    taken: MaskZYX,
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
) -> tuple[FloatZYX, MaskZYX, MaskZYX]:
    """Paint metastases of one pattern into a patch.

    Parameters
    ----------
    hu, liver : (z, y, x)
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
    """
    import numpy as np
    from scipy import ndimage

    table = lesion_table()
    hu, lesion, unseen = hu.copy(), np.zeros_like(liver), np.zeros_like(liver)
    places = np.argwhere(liver & ~taken)
    if len(places) == 0:
        return hu, lesion, unseen
    names = list(table["pattern"])
    weights = np.array([table["pattern"][name]["weight"] for name in names])
    pattern = table["pattern"][names[int(rng.choice(len(names), p=weights / weights.sum()))]]
    smooth = ndimage.gaussian_filter(hu, [2.0 / s for s in spacing_mm])
    for _ in range(int(rng.integers(table["count"][0], table["count"][1] + 1))):
        radius_mm = 0.5 * _diameter(table, rng)
        centre = places[int(rng.integers(len(places)))]
        box, inside = _body(hu.shape, centre, radius_mm, spacing_mm, table=table, rng=rng)
        inside = inside * (liver & ~taken)[box]
        if inside.sum() < 4:
            continue
        dhu = float(rng.uniform(*pattern["dhu"]))
        dhu *= min(1.0, radius_mm / 5.0) if rng.random() < 0.5 else 1.0
        around = float(np.median(hu[box][liver[box]]))
        texture = ndimage.gaussian_filter(rng.standard_normal(inside.shape), 4.0 / spacing_mm[1])
        texture *= rng.uniform(0.15, 0.35) * abs(dhu) / max(1e-6, float(texture.std()))
        value = around + dhu + texture
        if "core_dhu" in pattern:
            depth = ndimage.distance_transform_edt(inside > 0.5, sampling=spacing_mm)
            core = depth > rng.uniform(2.0, max(2.1, 0.5 * radius_mm))
            value = np.where(core, around + rng.uniform(*pattern["core_dhu"]) + texture, value)
        noise = hu[box] - smooth[box]
        hu[box] = hu[box] * (1.0 - inside) + (value + noise) * inside
        (lesion if abs(dhu) >= table["visible_hu"] else unseen)[box] |= inside >= 0.5
    return hu, lesion, unseen & ~lesion


def _diameter(table: dict[str, Any], rng: np.random.Generator) -> float:
    """Diameter in mm, drawn from the size classes."""
    classes = table["size"]
    shares = [entry["share"] for entry in classes]
    low, high = classes[int(rng.choice(len(classes), p=shares))]["mm"]
    return float(rng.uniform(low, high))


def _body(
    shape: tuple[int, ...],
    centre: Sequence[int],
    radius_mm: float,
    spacing_mm: Sequence[float],
    *,
    table: dict[str, Any],
    rng: np.random.Generator,
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """Box in the patch and, inside it, how much of each voxel the body fills, 0..1."""
    import numpy as np
    from scipy import ndimage

    stretch = rng.uniform(1.0, table["elongation"]) ** rng.uniform(-0.5, 0.5, size=3)
    reach = radius_mm * 1.6
    low = [max(0, int(c - reach / s) - 1) for c, s in zip(centre, spacing_mm, strict=True)]
    high = [
        min(n, int(c + reach / s) + 2) for c, s, n in zip(centre, spacing_mm, shape, strict=True)
    ]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    axes = [
        (np.arange(a, b) - c) * s / (radius_mm * q)
        for a, b, c, s, q in zip(low, high, centre, spacing_mm, stretch, strict=True)
    ]
    distance = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    bumps = ndimage.gaussian_filter(
        rng.standard_normal(distance.shape), [0.5 * radius_mm / s for s in spacing_mm]
    )
    bumps *= rng.uniform(*table["roughness"]) / max(1e-6, float(bumps.std()))
    blur_mm = rng.uniform(*table["edge_mm"])
    edge = (1.0 + bumps - distance) * radius_mm / blur_mm
    return box, 1.0 / (1.0 + np.exp(-np.clip(2.0 * edge, -30, 30)))
