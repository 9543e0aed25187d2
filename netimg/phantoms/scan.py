"""The phantom in the scanners: painted values and labels on a grid, then CT and PET pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.phantoms import ct_physics, pet_physics
from netimg.phantoms.render import axial_grid, cover, inside, paint_on
from netimg.volume import LabelMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.arrays import FloatZYX
    from netimg.geometry import Grid
    from netimg.phantoms.anatomy import Phantom

FIELDS = ("hu", "sstr", "fdg")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masks:
    """True masks on the CT grid, voxel centres decide; lesions numbered as netimg numbers them."""

    labels: LabelMap
    """Codes of `netimg.anatomy.LABEL_NAMES`; the liver is the union of 11 to 18."""
    lesions: LabelMap
    order: tuple[int, ...]
    """Position in ``phantom.lesions`` of L1, L2, ...; lesions without a voxel are left out."""


def render(phantom: Phantom, grid: Grid, fields: tuple[str, ...]) -> dict[str, FloatZYX]:
    """True values of ``fields`` on an axial grid, with partial volume and no blur or noise.

    ``hu`` outside the body is that of air, uptake is 0.
    """
    air = {"hu": phantom.config["ct"]["air_hu"]}
    images = {f: np.full(grid.shape, air.get(f, 0.0), dtype=np.float32) for f in fields}
    for layer in phantom.layers:
        covered = cover(layer.shape, grid)
        if covered is not None:
            for field in fields:
                paint_on(images[field], covered, getattr(layer, field))
    return images


def ct_scan(
    phantom: Phantom, grid: Grid, *, noise: float, streams: Mapping[str, np.random.Generator]
) -> FloatZYX:
    """CT in HU, whole numbers: partial volume, texture of the liver, kernel, noise."""
    table, texture = phantom.config["ct"], phantom.config["texture"]
    image = render(phantom, grid, ("hu",))["hu"]
    share = np.zeros(grid.shape, dtype=np.float32)
    for shape, value in (
        (phantom.liver.shape, 1.0),
        *((x.body.shape, 0.0) for x in phantom.lesions),
    ):
        covered = cover(shape, grid)
        if covered is not None:
            paint_on(share, covered, value)
    field = ct_physics.grain(streams["texture"], grid, (texture["texture_mm"],) * 3)
    image += share * field * np.float32(noise * texture["texture_hu"])
    image = ct_physics.with_kernel(image, grid, table["kernel_mm"])
    image += ct_physics.noise_hu(
        streams["ct"], grid, sd_hu=noise * table["noise_hu"], grain_mm=table["noise_mm"]
    )
    return ct_physics.clipped(image)


def pet_grid(phantom: Phantom) -> Grid:
    """Grid of both PETs: the box of the CT, in whole PET voxels."""
    ct = phantom.config["ct"]
    return axial_grid(
        tuple(ct["low"]), tuple(ct["high"]), tuple(phantom.config["pet"]["spacing_mm"])
    )


def finer(grid: Grid, factor: tuple[int, int, int]) -> Grid:
    """Grid of the same outer faces with each voxel divided ``factor`` times along z, y, x."""
    step = tuple(s / f for s, f in zip(grid.spacing_mm, factor, strict=True))
    low = [o - s / 2 for o, s in zip(grid.origin_lps_mm, grid.spacing_mm[::-1], strict=True)]
    high = [a + e for a, e in zip(low, grid.extent_mm[::-1], strict=True)]
    return axial_grid(
        (low[0], low[1], low[2]), (high[0], high[1], high[2]), (step[0], step[1], step[2])
    )


def seen_by_pet(phantom: Phantom, fine: Grid) -> dict[str, FloatZYX]:
    """SUV of both tracers on a fine grid after blur and breathing, without noise."""
    pet = phantom.config["pet"]
    true = render(phantom, fine, ("sstr", "fdg"))
    return {
        kind: pet_physics.as_seen(
            true[kind], fine, fwhm_mm=pet["fwhm_mm"], breath_mm=pet["breath_mm"]
        )
        for kind in true
    }


def pet_scans(
    phantom: Phantom, grid: Grid, *, noise: float, streams: Mapping[str, np.random.Generator]
) -> dict[str, FloatZYX]:
    """SUVbw of both PETs on their grid, with noise."""
    pet = phantom.config["pet"]
    factor = tuple(max(1, round(s / pet["fine_mm"])) for s in grid.spacing_mm)
    triple = (factor[0], factor[1], factor[2])
    scans = {}
    for kind, seen in seen_by_pet(phantom, finer(grid, triple)).items():
        scans[kind] = pet_physics.with_noise(
            pet_physics.binned(seen, triple),
            grid,
            streams[kind],
            liver_suv=getattr(phantom.liver, kind),
            cov=noise * pet["noise"],
            grain_mm=pet["noise_mm"],
        )
    return scans


def masks(phantom: Phantom, grid: Grid) -> Masks:
    """Labels and numbered lesions on an axial grid."""
    labels = np.zeros(grid.shape, dtype=np.uint16)
    painted = [(s.shape, s.label or 0) for s in phantom.structures]
    for shape, label in (*painted, *((s, code) for code, s in phantom.segments.items())):
        labels[inside(shape, grid)] = label
    spots = [np.flatnonzero(inside(lesion.body.shape, grid)) for lesion in phantom.lesions]

    def place(index: int) -> tuple[float, ...]:
        """Volume first, then the centroid: as `netimg.anatomy.Anatomy` numbers."""
        indices = np.column_stack(np.unravel_index(spots[index], grid.shape))
        lps = grid.to_world(indices.mean(axis=0, keepdims=True))[0]
        return (-float(len(spots[index])), *(round(float(lps[k]), 1) for k in (2, 1, 0)))

    order = sorted((i for i, spot in enumerate(spots) if len(spot)), key=place)
    numbers = np.zeros(grid.shape, dtype=np.uint16)
    for number, index in enumerate(order, start=1):
        numbers.flat[spots[index]] = number
    return Masks(
        labels=LabelMap(labels=labels, grid=grid),
        lesions=LabelMap(labels=numbers, grid=grid),
        order=tuple(order),
    )
