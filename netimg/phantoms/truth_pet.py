"""What the PETs of the phantom should say: uptake of lesions and reference regions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, signal

from netimg.phantoms import ct_physics, pet_physics
from netimg.phantoms.bounds import SURE, Subject, distance, positions, widened
from netimg.phantoms.render import inside, part_of
from netimg.phantoms.scan import finer
from netimg.phantoms.shapes import Grown, Joined, Without

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid
    from netimg.phantoms.anatomy import Phantom

FACTOR = 3
"""Fine points along each edge of a PET voxel; odd, so that every voxel has a middle point."""
PEAK_MM = 10.0 * (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0)
"""Radius of a sphere of 1 mL, mm."""
MARGIN_MM = 10.0
"""SUVmax and SUVpeak are searched this far around a lesion."""
AORTA, SPLEEN = 24, 31
UNIT = "g/mL"


def fine_grid(phantom: Phantom, pet: Grid) -> Grid:
    """Fine grid over liver and spleen, 24 mm around them, and up to the top of the PET."""
    spleen = next(s.shape for s in phantom.structures if s.label == SPLEEN)
    organs = Joined(parts=(phantom.liver.shape, spleen), every=False)
    at = part_of(Grown(base=organs, mm=24.0), pet)
    if at is None:
        return finer(pet, (FACTOR,) * 3)
    start, stop = [s.start for s in at], [s.stop for s in at]
    part = pet.crop((start[0], start[1], start[2]), (pet.shape[0], stop[1], stop[2]))
    return finer(part, (FACTOR,) * 3)


def ball(spacing_mm: tuple[float, float, float], radius_mm: float) -> NDArray[np.float64]:
    """Share of each voxel in a sphere around the middle voxel's centre; sums to 1."""
    half = [math.ceil(radius_mm / s + 0.5) for s in spacing_mm]
    sub = (np.arange(7) - 3) / 7
    lines = [
        ((np.arange(-h, h + 1)[:, None] + sub[None, :]) * s).ravel()
        for h, s in zip(half, spacing_mm, strict=True)
    ]
    z, y, x = np.meshgrid(*lines, indexing="ij", sparse=True)
    points = (z * z + y * y + x * x <= radius_mm * radius_mm).astype(np.float64)
    n = [2 * h + 1 for h in half]
    share = points.reshape(n[0], 7, n[1], 7, n[2], 7).mean(axis=(1, 3, 5))
    weights: NDArray[np.float64] = share / share.sum()
    return weights


def uptake(
    phantom: Phantom,
    index: int,
    fine: Grid,
    seen: dict[str, FloatZYX],
    subject: Subject,
    *,
    noise: float,
) -> list[dict[str, Any]]:
    """SUVmax, mean and peak of a lesion on both blurred activities."""
    spacing_mm = max(phantom.config["pet"]["spacing_mm"])
    shape = phantom.lesions[index].body.shape
    at = part_of(Grown(base=shape, mm=MARGIN_MM + 3 * spacing_mm), fine)
    if at is None:
        return []
    start, stop = [s.start for s in at], [s.stop for s in at]
    part = fine.crop((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    lesion = distance(shape, part) < 0
    near = _searched(phantom, index, part)
    rows = []
    for kind, image in seen.items():
        exact, results = _measured(image[at], lesion, near, part)
        volume_ml = float(lesion.sum()) * part.voxel_ml
        averaged_ml = {"suv_max": 0.0, "suv_mean": volume_ml, "suv_peak_sphere": 1.0}
        for name, value in exact.items():
            error = _error(phantom, kind, value, averaged_ml[name], noise=noise)
            below, above = (2.0, 4.0) if name == "suv_max" else (SURE, SURE)
            bounds = widened(results[name], below * error, above * error)
            rows.append(subject.row(f"{kind}_{name}", UNIT, value, bounds))
    return rows


def _searched(phantom: Phantom, index: int, part: Grid) -> MaskZYX:
    """Where SUVmax of a lesion is looked for: close to it, to no other, and to the liver."""
    away = distance(phantom.lesions[index].body.shape, part)
    near: MaskZYX = (away < MARGIN_MM) & (distance(phantom.liver.shape, part) < MARGIN_MM)
    for other, lesion in enumerate(phantom.lesions):
        if other != index:
            near = near & (away <= distance(lesion.body.shape, part))
    return near


def _measured(
    seen: FloatZYX, lesion: MaskZYX, near: MaskZYX, part: Grid
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Values on the fine grid, and those of every position of the PET's voxels over it."""
    weights = ball(part.spacing_mm, PEAK_MM)
    voxel = ndimage.uniform_filter(seen, FACTOR, mode="nearest")
    share = ndimage.uniform_filter(lesion.astype(np.float32), FACTOR)
    peak, voxel_peak = (signal.fftconvolve(x, weights, mode="same") for x in (seen, voxel))
    exact = {
        "suv_max": float(seen[near].max()),
        "suv_mean": float(seen[lesion].mean()),
        "suv_peak_sphere": float(peak[near].max()),
    }
    results: dict[str, list[float]] = {name: [] for name in exact}
    for p in positions(FACTOR):
        core = share[p] >= min(0.5, float(share[p].max()))
        results["suv_max"].append(float(voxel[p][near[p]].max()))
        results["suv_mean"].append(float(voxel[p][core].mean()))
        results["suv_peak_sphere"].append(float(voxel_peak[p][near[p]].max()))
    return exact, results


def _error(phantom: Phantom, kind: str, suv: float, volume_ml: float, *, noise: float) -> float:
    """Standard error of a mean over ``volume_ml``: one independent value per grain of noise."""
    pet = phantom.config["pet"]
    sd = pet_physics.noise_sd(suv, liver_suv=getattr(phantom.liver, kind), cov=noise * pet["noise"])
    grain_ml = ct_physics.grain_ml((pet["noise_mm"],) * 3)
    return sd / math.sqrt(max(1.0, volume_ml / grain_ml))


def references(
    phantom: Phantom, fine: Grid, seen: dict[str, FloatZYX], *, noise: float
) -> list[dict[str, Any]]:
    """Mean SUV of liver, blood pool and spleen, wherever their reference regions may be put."""
    liver = _free_right_liver(phantom, fine)
    aorta, spleen = _organ(phantom, fine, AORTA, 7.0), _organ(phantom, fine, SPLEEN, 10.0)
    rows = []
    for kind, image in seen.items():
        regions = (
            ("liver_reference", 14.1, image[liver]),
            ("blood_pool", 1.57, _stretches(image, aorta, fine)),
            ("spleen", 20.0, _below_p95(image[spleen])),
        )
        for id_, volume_ml, values in regions:
            if len(values) == 0:
                continue
            value = float(values.mean(dtype=np.float64))
            error = SURE * _error(phantom, kind, value, volume_ml, noise=noise)
            error += 2 * float(values.std(dtype=np.float64))
            bounds = (value - error, value + error)
            subject = Subject(scope="region", id=id_)
            rows.append(subject.row(f"{kind}_suv_mean", UNIT, value, bounds))
    return rows


def _below_p95(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[values < np.percentile(values, 95)] if len(values) else values


def _stretches(image: FloatZYX, aorta: MaskZYX, fine: Grid) -> NDArray[np.float32]:
    """Means over 20 mm of the aorta, one for each place along S."""
    planes = [k for k in range(fine.shape[0]) if aorta[k].any()]
    means = np.array([image[k][aorta[k]].mean() for k in planes], dtype=np.float32)
    count = min(len(means), round(20.0 / fine.spacing_mm[0]))
    return np.convolve(means, np.full(count, 1 / count, dtype=np.float32), mode="valid")


def _organ(phantom: Phantom, fine: Grid, label: int, wall_mm: float) -> MaskZYX:
    """An organ without its outer ``wall_mm``."""
    shape = next(s.shape for s in phantom.structures if s.label == label)
    return inside(Grown(base=shape, mm=-wall_mm), fine)


def _free_right_liver(phantom: Phantom, fine: Grid) -> MaskZYX:
    """Right liver 6 mm under its surface and at least 10 mm away from lesions."""
    right = Joined(parts=tuple(phantom.segments[code] for code in (15, 16, 17, 18)), every=False)
    inner = Joined(parts=(Grown(base=phantom.liver.shape, mm=-6.0), right), every=True)
    taken = tuple(Grown(base=lesion.body.shape, mm=10.0) for lesion in phantom.lesions)
    return inside(Without(base=inner, cut=taken), fine)
