"""Reference regions of a PET together: liver, blood pool, spleen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.finding import Finding
from netimg.flag import Flag
from netimg.measurement.components import components
from netimg.measurement.pet_ground import PetGround, on_pet
from netimg.measurement.pet_liver import liver_reference
from netimg.measurement.pet_reference import (
    Reference,
    inside_by,
    reference_of,
    region_findings,
    region_remark,
)

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid

_AORTA, _SPLEEN = 24, 31
_HIGH_PERCENTILE = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """References of one PET; None where one cannot be had."""

    liver: Reference | None
    blood_pool: Reference | None
    spleen: Reference | None


def reference_findings(
    ground: PetGround, anatomy: Anatomy | None
) -> tuple[References, list[Finding], list[Flag]]:
    """Measure liver, blood pool and spleen; say why where one is missing."""
    none = References(liver=None, blood_pool=None, spleen=None)
    if ground.suv is None or anatomy is None or not ground.paired:
        return none, _all_missing(ground, anatomy), []
    liver, findings, flags = liver_reference(ground, anatomy, ground.suv)
    blood, blood_flags = _blood_pool(ground, anatomy, ground.suv)
    spleen, spleen_flags = _spleen(ground, anatomy, ground.suv)
    for name, reference, remarks in (
        ("blood_pool", blood, blood_flags),
        ("spleen", spleen, spleen_flags),
    ):
        missing = f"missing_input:pet.{ground.prefix}.reference.{name}_mean"
        codes = [flag.code for flag in remarks]
        findings += region_findings(ground, name, reference, missing, flags=codes)
    references = References(liver=liver, blood_pool=blood, spleen=spleen)
    return references, findings, flags + blood_flags + spleen_flags


def missing_reason(ground: PetGround, anatomy: Anatomy | None) -> str:
    """Why nothing can be measured at the anatomy on this PET."""
    if ground.suv is None:
        return "missing_input:suv"
    if anatomy is None:
        return "missing_input:liver"
    return "needs_reader:flag.SEL-010"


def _all_missing(ground: PetGround, anatomy: Anatomy | None) -> list[Finding]:
    reason, flags = missing_reason(ground, anatomy), list(ground.refused)
    regions = ("liver_reference", "blood_pool", "spleen")
    return [f for name in regions for f in region_findings(ground, name, None, reason, flags=flags)]


def _spleen(
    ground: PetGround, anatomy: Anatomy, suv: FloatZYX
) -> tuple[Reference | None, list[Flag]]:
    """Spleen away from its surface, without its hottest voxels."""
    spleen = anatomy.organ(_SPLEEN)
    least = ground.number("spleen_min_ml")
    if spleen is None or spleen.volume_ml < least:
        found = "no mask of it" if spleen is None else f"{spleen.volume_ml:.0f} mL"
        sentence = f"The spleen is no reference: {found}, at least {least:g} mL are needed."
        return None, [region_remark(ground, "spleen", "pet_ref_spleen_none", sentence)]
    depth = ground.number("spleen_ref_wall_mm")
    inner = inside_by(spleen.voxels, anatomy.grid, depth)
    moved = on_pet(inner, anatomy.grid, ground.grid) if inner is not None else None
    if moved is None:
        sentence = f"The spleen is no reference: nothing of it lies {depth:g} mm deep on the PET."
        return None, [region_remark(ground, "spleen", "pet_ref_spleen_none", sentence)]
    values = suv[moved]
    kept = values[values <= np.percentile(values, _HIGH_PERCENTILE)]
    return reference_of(ground, kept), []


def _blood_pool(
    ground: PetGround, anatomy: Anatomy, suv: FloatZYX
) -> tuple[Reference | None, list[Flag]]:
    """Cylinder along z in the middle of the descending aorta.

    The stretch just above the liver is thoracic and descending; where the aorta is not seen that
    high, its highest stretch stands in, flagged.
    """
    aorta = anatomy.organ(_AORTA)
    inner = None
    if aorta is not None:
        inner = inside_by(aorta.voxels, anatomy.grid, ground.number("blood_ref_wall_mm"))
    moved = on_pet(inner, anatomy.grid, ground.grid) if inner is not None else None
    if moved is None:
        sentence = "There is no blood pool reference: no mask of the aorta lies on the PET."
        return None, [region_remark(ground, "blood", "pet_ref_blood_none", sentence)]
    lumen = _descending(moved, ground.grid)
    z, thoracic = _stretch(lumen, ground)
    cylinder = _cylinder(lumen, z, ground)
    flags = []
    if not thoracic:
        sentence = (
            "The blood pool is measured in the aorta beside the liver: the chest is not seen."
        )
        flags.append(region_remark(ground, "blood", "pet_ref_blood_abdominal", sentence))
    return reference_of(ground, suv[cylinder]), flags


def _descending(aorta: MaskZYX, grid: Grid) -> MaskZYX:
    """Keep the most posterior part of the aorta in each slice: not the arch's front limb."""
    kept = np.zeros(aorta.shape, dtype=np.bool_)
    for z in np.flatnonzero(aorta.any(axis=(1, 2))).tolist():
        parts, count = components(aorta[z])
        best, back = 0, -math.inf
        for label in range(1, count + 1):
            pixels = np.argwhere(parts == label)
            index = np.insert(pixels.astype(np.float64), 0, z, axis=1)
            posterior = float(grid.to_world(index)[:, 1].mean())
            if posterior > back:
                best, back = label, posterior
        kept[z] = parts == best
    return kept


def _stretch(lumen: MaskZYX, ground: PetGround) -> tuple[list[int], bool]:
    """Slices of the cylinder, and whether they lie above the liver."""
    slices = np.flatnonzero(lumen.any(axis=(1, 2)))
    index = np.zeros((len(slices), 3))
    index[:, 0] = slices
    height = ground.grid.to_world(index)[:, 2]
    length = ground.number("blood_ref_length_mm")
    bottom = float(height.max()) - length
    thoracic = False
    if ground.liver is not None:
        dome = ground.grid.to_world(np.argwhere(ground.liver).astype(np.float64))[:, 2].max()
        thoracic = bool(height.max() >= dome + length)
        bottom = float(dome) if thoracic else bottom
    chosen = (height > bottom) & (height <= bottom + length)
    return slices[chosen].tolist(), thoracic


def _cylinder(lumen: MaskZYX, slices: list[int], ground: PetGround) -> MaskZYX:
    """Voxels of the lumen within the cylinder's radius of its middle, slice by slice."""
    radius = ground.number("blood_ref_diameter_mm") / 2.0
    in_plane = np.array(ground.grid.spacing_mm[1:])
    cylinder = np.zeros(lumen.shape, dtype=np.bool_)
    for z in slices:
        pixels = np.argwhere(lumen[z])
        away = np.linalg.norm((pixels - pixels.mean(axis=0)) * in_plane, axis=1)
        y, x = pixels[away <= max(radius, float(away.min()))].T
        cylinder[z, y, x] = True
    return cylinder
