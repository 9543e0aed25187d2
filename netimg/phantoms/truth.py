"""What a perfect measurement of the phantom gives, and how far a voxel grid may be from it.

Volumes, diameters and HU come from points a quarter or half of a CT voxel apart; PET values from
the blurred and breathing activity on a grid three times finer than the PET. The bounds of a value
are the extremes of the same measurement with the voxel grid laid in different positions over the
fine one, widened by half their range and by the noise.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, signal

from netimg.anatomy import SEGMENT_CODES
from netimg.phantoms import ct_physics, pet_physics
from netimg.phantoms.render import axes, axial_grid, cover
from netimg.phantoms.scan import finer, render, seen_by_pet
from netimg.phantoms.shapes import Grown, Joined, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid
    from netimg.phantoms.anatomy import Phantom
    from netimg.phantoms.scan import Masks

PEAK_MM = 10.0 * (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0)
"""Radius of a sphere of 1 mL, mm."""
MARGIN_MM = 10.0
"""SUVmax and SUVpeak are searched this far around a lesion."""

HOW = {
    "fine_grid": "volume_ml, longest_mm: points a quarter of a CT voxel apart; hu_mean: half a CT "
    "voxel, after slice profile and kernel, without noise; PET: a third of a PET voxel, after blur "
    "and breathing, without noise",
    "lesion_bounds": "the smallest and largest result with the voxel grid laid in different "
    "positions over the fine grid, widened by half their range on either side, and by the noise",
    "volume_bounds": "liver, segments, organs: three standard errors of rounding each voxel at the "
    "surface to full or empty, sqrt(sum f (1 - f)) voxels",
    "noise": "SUVmax: -2 to +4 SD of the noise; means: three standard errors, with one "
    "independent value per grain of noise",
}


def truth(phantom: Phantom, grid: Grid, pet: Grid, masks: Masks, *, noise: float) -> dict[str, Any]:
    """Measurements of the phantom as they should come out with its true masks.

    Parameters
    ----------
    grid, pet
        Grids of the CT and the PETs.
    masks
        True masks, for the order of the lesions.
    noise
        Factor of the preset's noise that was used.

    Returns
    -------
    dict
        ``findings``: rows of scope, id, name, unit, value, low, high, with the names of
        ``results.json``; ``lesions``: what each lesion is made of.
    """
    volumes = _volumes(phantom, grid, masks)
    fine = finer(pet, (3, 3, 3))
    seen = seen_by_pet(phantom, fine)
    rows = list(volumes)
    for number, index in enumerate(masks.order, start=1):
        rows += _size(phantom.lesions[index].body.shape, grid, f"L{number}")
        rows += _density(phantom, index, grid, f"L{number}", noise=noise)
        for kind, image in seen.items():
            rows += _uptake(phantom, index, fine, image, kind, f"L{number}", noise=noise)
    for kind, image in seen.items():
        rows += _references(phantom, fine, image, kind, noise=noise)
    return {
        "how": HOW,
        "findings": rows,
        "lesions": [_recipe(phantom, n, i) for n, i in enumerate(masks.order, 1)],
    }


def _row(
    scope: str, id_: str, name: str, unit: str, value: float, low: float, high: float
) -> dict[str, Any]:
    numbers = {"value": value, "low": min(low, value), "high": max(high, value)}
    rounded = {key: float(f"{number:.7g}") for key, number in numbers.items()}
    return {"scope": scope, "id": id_, "name": name, "unit": unit, **rounded}


def _widened(
    results: Iterable[float], below: float = 0.0, above: float = 0.0
) -> tuple[float, float]:
    """Bounds from the results at different positions of the voxel grid."""
    values = list(results)
    low, high = min(values), max(values)
    return low - (high - low) / 2 - below, high + (high - low) / 2 + above


def _recipe(phantom: Phantom, number: int, index: int) -> dict[str, Any]:
    """What a lesion is made of: volume, true HU, SUV and activity of its layers."""
    layers = phantom.lesions[index].layers
    volumes_ml = [_true_ml(layer.shape) for layer in layers]
    per_suv = {kind: bqml_per_suv(phantom, kind) for kind in ("sstr", "fdg")}
    made = []
    for layer, whole_ml, inner_ml in zip(layers, volumes_ml, [*volumes_ml[1:], 0.0], strict=True):
        row: dict[str, Any] = {
            "name": layer.name,
            "volume_ml": round(whole_ml - inner_ml, 4),
            "hu": layer.hu,
        }
        for kind, factor in per_suv.items():
            suv = getattr(layer, kind)
            row |= {f"{kind}_suv": suv, f"{kind}_bqml": round(suv * factor, 3)}
        made.append(row)
    return {"id": f"L{number}", "layers": made}


def _true_ml(shape: Shape) -> float:
    """Volume of a small shape in mL, from points half a millimetre apart or closer."""
    low, high = shape.box
    step = min(0.5, max(h - a for a, h in zip(low, high, strict=True)) / 40)
    grid = axial_grid(low, high, (step, step, step))
    return float((_distance(shape, grid) < 0).sum()) * grid.voxel_ml


def bqml_per_suv(phantom: Phantom, kind: str) -> float:
    """Bq/mL of SUVbw 1 in the PET of tracer class ``kind``."""
    injection = pet_physics.Injection.from_table(phantom.config["pet"][kind])
    return injection.bqml_per_suv(phantom.config["patient"]["weight_kg"])


# ---- volumes ------------------------------------------------------------------------------------


def _filled(shape: Shape, grid: Grid) -> tuple[float, float]:
    """Volume in mL and the standard error of counting voxel centres."""
    covered = cover(shape, grid)
    if covered is None:
        return 0.0, 0.0
    f = covered.fraction.astype(np.float64)
    return float(f.sum()) * grid.voxel_ml, math.sqrt(float((f * (1 - f)).sum())) * grid.voxel_ml


def _volumes(phantom: Phantom, grid: Grid, masks: Masks) -> list[dict[str, Any]]:
    """Volumes of segments, liver and tumour, with burdens and shares."""
    spots = [phantom.lesions[index].body.shape for index in masks.order]
    segment = {SEGMENT_CODES[c]: (s, *_filled(s, grid)) for c, s in phantom.segments.items()}
    shares = {
        name: [_filled(Joined(parts=(spot, part[0]), every=True), grid) for spot in spots]
        for name, part in segment.items()
    }
    lesion = [_filled(spot, grid) for spot in spots]
    liver_ml = sum(part[1] for part in segment.values())
    liver_se = _filled(phantom.liver.shape, grid)[1]
    tumour_ml, tumour_se = sum(v for v, _ in lesion), math.hypot(*(e for _, e in lesion), 0.0)
    rows = [_volume("patient", "", "liver_volume_ml", liver_ml, liver_se)]
    rows.append(_volume("patient", "", "tumour_volume_ml", tumour_ml, tumour_se))
    both_se = math.hypot(liver_se, tumour_se)
    rows.append(_volume("patient", "", "functional_liver_ml", liver_ml - tumour_ml, both_se))
    rows.append(_percent("patient", "", "burden_pct", tumour_ml, tumour_se, liver_ml, liver_se))
    count = float(len(spots))
    rows.append(_row("patient", "", "lesion_count", "1", count, count, count))
    for code, name in ((31, "spleen_volume_ml"),):
        spleen = next(s.shape for s in phantom.structures if s.label == code)
        rows.append(_volume("patient", "", name, *_filled(spleen, grid)))
    for name, (_, whole_ml, whole_se) in segment.items():
        inside_ml = sum(v for v, _ in shares[name])
        inside_se = math.hypot(*(e for _, e in shares[name]), 0.0)
        rows.append(_volume("segment", name, "volume_ml", whole_ml, whole_se))
        rows.append(_volume("segment", name, "tumour_volume_ml", inside_ml, inside_se))
        rows.append(
            _percent("segment", name, "burden_pct", inside_ml, inside_se, whole_ml, whole_se)
        )
    for number, (whole_ml, whole_se) in enumerate(lesion, start=1):
        for name in segment:
            share_ml, share_se = shares[name][number - 1]
            if share_ml > 0:
                error = 3 * (math.hypot(share_se, whole_se) + grid.voxel_ml) / whole_ml
                value = share_ml / whole_ml
                low, high = max(0.0, value - error), min(1.0, value + error)
                rows.append(
                    _row("lesion", f"L{number}", f"segment_fraction_{name}", "1", value, low, high)
                )
    return rows


def _volume(scope: str, id_: str, name: str, value: float, error: float) -> dict[str, Any]:
    return _row(scope, id_, name, "mL", value, max(0.0, value - 3 * error), value + 3 * error)


def _percent(
    scope: str, id_: str, name: str, part: float, part_se: float, whole: float, whole_se: float
) -> dict[str, Any]:
    value = 100.0 * part / whole
    error = 3 * 100.0 * math.hypot(part_se, whole_se * part / whole) / whole
    return _row(scope, id_, name, "%", value, max(0.0, value - error), value + error)


# ---- one lesion on CT -----------------------------------------------------------------------------


def _around(shape: Shape, grid: Grid, margin_mm: float, factor: int) -> Grid:
    """Fine grid around a shape: voxels of ``grid`` divided ``factor`` times along each edge."""
    low, high = shape.box
    step = tuple(s / factor for s in grid.spacing_mm)
    lows = tuple(v - margin_mm for v in low)
    highs = tuple(v + margin_mm for v in high)
    return axial_grid(lows, highs, (step[0], step[1], step[2]))


def _distance(shape: Shape, grid: Grid) -> NDArray[np.float32]:
    """Signed distance at every voxel centre, mm."""
    x, y, z = axes(
        grid, (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
    )
    away = shape.distance(x[None, None, :], y[None, :, None], z[:, None, None])
    return np.broadcast_to(np.asarray(away, dtype=np.float32), grid.shape)


def _positions(factor: int) -> Iterable[tuple[slice, slice, slice]]:
    """Every way to take one of ``factor`` fine points along each axis."""
    for z, y, x in itertools.product(range(factor), repeat=3):
        yield slice(z, None, factor), slice(y, None, factor), slice(x, None, factor)


def _size(shape: Shape, grid: Grid, id_: str) -> list[dict[str, Any]]:
    """Volume and longest axial diameter of a lesion."""
    fine = _around(shape, grid, max(grid.spacing_mm), 4)
    inside = _distance(shape, fine) < 0
    volume_ml = float(inside.sum()) * fine.voxel_ml
    counted = [float(inside[p].sum()) * grid.voxel_ml for p in _positions(4)]
    rows = [_row("lesion", id_, "volume_ml", "mL", volume_ml, *_widened(counted))]
    longest_mm = longest_axial_mm(inside, fine.spacing_mm[1:])
    seen = [longest_axial_mm(inside[p], grid.spacing_mm[1:]) for p in list(_positions(4))[::3]]
    rows.append(_row("lesion", id_, "longest_mm", "mm", longest_mm, *_widened(seen)))
    return rows


def longest_axial_mm(inside: MaskZYX, spacing_mm: tuple[float, float]) -> float:
    """Longest in-plane diameter of a mask in one piece, outer edge to outer edge, 0 if empty.

    Row and column ends are moved out by half a pixel; ``spacing_mm`` is along y, x.
    """
    longest = 0.0
    for part in inside:
        pixels = np.argwhere(part)
        if len(pixels) == 0:
            continue
        ends = []
        for along, across in ((1, 0), (0, 1)):
            for sign, first in ((-0.5, np.minimum), (0.5, np.maximum)):
                start = part.shape[along] if sign < 0 else -1
                edge = np.full(part.shape[across], start)
                first.at(edge, pixels[:, across], pixels[:, along])
                lines = np.unique(pixels[:, across])
                point = np.empty((len(lines), 2))
                point[:, across], point[:, along] = lines, edge[lines] + sign
                ends.append(point)
        outline = np.concatenate(ends) * spacing_mm
        gaps = outline[:, None] - outline[None]
        longest = max(longest, float(np.sqrt((gaps**2).sum(axis=-1).max())))
    return longest


def _density(
    phantom: Phantom, index: int, grid: Grid, id_: str, *, noise: float
) -> list[dict[str, Any]]:
    """Mean HU of a lesion in the noiseless CT."""
    table = phantom.config["ct"]
    shape = phantom.lesions[index].body.shape
    fine = _around(shape, grid, 3 * max(grid.spacing_mm), 2)
    image = render(phantom, fine, ("hu",))["hu"]
    inside = _distance(shape, fine) < 0
    # A voxel is two fine points wide: the mean of three with half weights at the ends is centred.
    for axis in range(3):
        image = ndimage.convolve1d(image, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    image = ct_physics.with_kernel(image, fine, table["kernel_mm"])
    means = [float(image[p][inside[p]].mean()) for p in _positions(2) if inside[p].any()]
    volume_ml = float(inside.sum()) * fine.voxel_ml
    grain_ml = grid.spacing_mm[0] * table["noise_mm"] ** 2 / 1000.0
    error = 3 * noise * table["noise_hu"] / math.sqrt(max(1.0, volume_ml / grain_ml))
    value = float(image[inside].mean())
    return [_row("lesion", id_, "hu_mean", "HU", value, *_widened(means, error, error))]


# ---- PET ------------------------------------------------------------------------------------------


def _crop(fine: Grid, shape: Shape, margin_mm: float) -> tuple[Grid, tuple[slice, slice, slice]]:
    """Part of a grid around a shape."""
    low, high = shape.box
    start, stop = [], []
    for axis, lps in ((0, 2), (1, 1), (2, 0)):
        step, origin = fine.spacing_mm[axis], fine.origin_lps_mm[lps]
        start.append(max(0, math.floor((low[lps] - margin_mm - origin) / step)))
        stop.append(min(fine.shape[axis], math.ceil((high[lps] + margin_mm - origin) / step) + 1))
    part = fine.crop((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    return part, (slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2]))


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
    return share / share.sum()


def _uptake(
    phantom: Phantom, index: int, fine: Grid, image: FloatZYX, kind: str, id_: str, *, noise: float
) -> list[dict[str, Any]]:
    """SUVmax, mean and peak of a lesion on the blurred activity."""
    pet = phantom.config["pet"]
    shape = phantom.lesions[index].body.shape
    part, at = _crop(fine, shape, MARGIN_MM + 3 * max(pet["spacing_mm"]))
    seen = image[at]
    away = _distance(shape, part)
    others = [x.body.shape for i, x in enumerate(phantom.lesions) if i != index]
    near = (away < MARGIN_MM) & (_distance(phantom.liver.shape, part) < MARGIN_MM)
    for other in others:
        near &= away <= _distance(other, part)
    weights = ball(part.spacing_mm, PEAK_MM)
    voxel = ndimage.uniform_filter(seen, 3, mode="nearest")
    share = ndimage.uniform_filter((away < 0).astype(np.float32), 3)
    peak, voxel_peak = (signal.fftconvolve(x, weights, mode="same") for x in (seen, voxel))
    results: dict[str, list[float]] = {"suv_max": [], "suv_mean": [], "suv_peak_sphere": []}
    for p in _positions(3):
        if not near[p].any():
            continue
        core = share[p] >= min(0.5, float(share[p].max()))
        results["suv_max"].append(float(voxel[p][near[p]].max()))
        results["suv_mean"].append(float(voxel[p][core].mean()))
        results["suv_peak_sphere"].append(float(voxel_peak[p][near[p]].max()))
    exact = {
        "suv_max": float(seen[near].max()),
        "suv_mean": float(seen[away < 0].mean()),
        "suv_peak_sphere": float(peak[near].max()),
    }
    volume_ml = float((away < 0).sum()) * part.voxel_ml
    rows = []
    for name, value in exact.items():
        ml = {"suv_max": 0.0, "suv_mean": volume_ml, "suv_peak_sphere": 1.0}[name]
        error = _error(phantom, kind, value, ml, noise=noise)
        below, above = (2.0, 4.0) if name == "suv_max" else (3.0, 3.0)
        bounds = _widened(results[name], below * error, above * error)
        rows.append(_row("lesion", id_, f"{kind}_{name}", "g/mL{SUVbw}", value, *bounds))
    return rows


def _error(phantom: Phantom, kind: str, suv: float, volume_ml: float, *, noise: float) -> float:
    """Standard error of a mean over ``volume_ml``: one independent value per grain of noise."""
    pet = phantom.config["pet"]
    sd = pet_physics.noise_sd(suv, liver_suv=getattr(phantom.liver, kind), cov=noise * pet["noise"])
    grain_ml = (1.5 * pet["noise_mm"]) ** 3 / 1000.0
    return float(sd) / math.sqrt(max(1.0, volume_ml / grain_ml))


def _references(
    phantom: Phantom, fine: Grid, image: FloatZYX, kind: str, *, noise: float
) -> list[dict[str, Any]]:
    """Mean SUV of liver, blood pool and spleen as their reference regions see it."""
    regions: dict[str, tuple[MaskZYX | None, float]] = {
        "liver_reference": (_free_right_liver(phantom, fine), 14.1),
        "blood_pool": (_organ(phantom, fine, 24, 7.0), 1.57),
        "spleen": (_organ(phantom, fine, 31, 10.0), 20.0),
    }
    rows = []
    for id_, (mask, ml) in regions.items():
        if mask is None or not mask.any():
            continue
        values = image[mask].astype(np.float64)
        if id_ == "spleen":
            values = values[values < np.percentile(values, 95)]
        value = float(values.mean())
        error = 3 * _error(phantom, kind, value, ml, noise=noise) + 2 * float(values.std())
        unit = "g/mL{SUVbw}"
        rows.append(
            _row("region", id_, f"{kind}_suv_mean", unit, value, value - error, value + error)
        )
    return rows


def _organ(phantom: Phantom, fine: Grid, label: int, wall_mm: float) -> MaskZYX:
    """An organ without its outer ``wall_mm``."""
    shape = next(s.shape for s in phantom.structures if s.label == label)
    covered = cover(Grown(base=shape, mm=-wall_mm), fine)
    mask = np.zeros(fine.shape, dtype=bool)
    if covered is not None:
        mask[covered.at] = covered.inside
    return mask


def _free_right_liver(phantom: Phantom, fine: Grid) -> MaskZYX:
    """Right liver 6 mm under its surface and at least 10 mm away from lesions."""
    mask = np.zeros(fine.shape, dtype=bool)
    for code in (15, 16, 17, 18):
        covered = cover(phantom.segments[code], fine)
        if covered is not None:
            mask[covered.at] |= covered.inside
    inner = cover(Grown(base=phantom.liver.shape, mm=-6.0), fine)
    if inner is not None:
        keep = np.zeros(fine.shape, dtype=bool)
        keep[inner.at] = inner.inside
        mask &= keep
    for lesion in phantom.lesions:
        covered = cover(Grown(base=lesion.body.shape, mm=10.0), fine)
        if covered is not None:
            mask[covered.at] &= ~covered.inside
    return mask
