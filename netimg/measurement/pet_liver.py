"""The liver reference of a PET: a sphere in tumour-free liver, or a refusal.

A sphere that does not fit is refused, with the largest that would; nothing smaller is put in its
place silently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netimg.finding import Finding
from netimg.flag import Flag, Severity
from netimg.measurement.components import among, box_of
from netimg.measurement.distance import depth_mm
from netimg.measurement.intensity import Statistics, statistics
from netimg.measurement.location import segment_table
from netimg.measurement.pet_ground import PetGround, grown, on_pet
from netimg.measurement.pet_reference import (
    Reference,
    inside_by,
    region_finding,
    region_findings,
    touched_by,
)

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid

_VEINS = (21, 22, 23)
_PERCIST_MM = 30.0
_RIGHT_PLACES = tuple(range(5, 9))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sphere:
    """A sphere in tumour-free liver: its voxels, centre and clearance in mm.

    ``largest_mm`` is the diameter of the largest sphere that would fit; ``mask`` is None where
    the one that was asked for does not.
    """

    mask: MaskZYX | None
    centre: tuple[int, int, int]
    clearance_mm: float
    largest_mm: float


def liver_sphere(free: MaskZYX, right: MaskZYX, grid: Grid, *, diameter_mm: float) -> Sphere:
    """Place a sphere where it is farthest from the liver's surface and from every lesion.

    Parameters
    ----------
    free : (z, y, x) bool
        Liver without what must be kept away from: lesions with their gap, large vessels.
    right : (z, y, x) bool
        Where the centre may lie.
    grid
        Of both masks.
    diameter_mm
        The centre must lie at least half of it plus one voxel from whatever is not free.

    Returns
    -------
    Sphere
        Centre at the largest distance, the lowest (z, y, x) in a tie; voxels whose centre lies
        within the radius.
    """
    nowhere = Sphere(mask=None, centre=(0, 0, 0), clearance_mm=0.0, largest_mm=0.0)
    box = box_of(free)
    if box is None or not (free & right).any():
        return nowhere
    depth = np.zeros(free.shape, dtype=np.float32)
    depth[box] = depth_mm(free[box], grid.spacing_mm, border=True)
    depth[~right] = 0.0
    best = int(np.argmax(depth.round(3)))
    z, y, x = (int(i) for i in np.unravel_index(best, depth.shape))
    clearance = float(depth[z, y, x])
    voxel = max(grid.spacing_mm)
    largest = max(0.0, 2.0 * (clearance - voxel))
    mask = None
    if clearance >= diameter_mm / 2.0 + voxel:
        lines = (
            ((np.arange(n) - c) * s) ** 2
            for n, c, s in zip(free.shape, (z, y, x), grid.spacing_mm, strict=True)
        )
        zz, yy, xx = lines
        mask = zz[:, None, None] + yy[:, None] + xx <= (diameter_mm / 2.0) ** 2
    return Sphere(mask=mask, centre=(z, y, x), clearance_mm=clearance, largest_mm=largest)


def liver_reference(
    ground: PetGround, anatomy: Anatomy, suv: FloatZYX
) -> tuple[Reference | None, list[Finding], list[Flag]]:
    """Place and measure the liver sphere."""
    name = "liver_reference"
    if ground.liver is None:
        return None, region_findings(ground, name, None, "missing_input:liver"), []
    lesions = grown(ground.owner > 0, ground.grid, ground.number("liver_ref_lesion_gap_mm"))
    free = ground.liver & ~lesions
    vessels = _wide_vessels(ground, anatomy)
    if vessels is not None:
        free &= ~vessels
    right = _right(ground, anatomy, ground.liver)
    diameter = ground.number("liver_ref_mm")
    sphere = liver_sphere(free, right, ground.grid, diameter_mm=diameter)
    if sphere.mask is None:
        flag = _refusal(ground, sphere, diameter, ground.liver)
        missing = f"missing_input:pet.{ground.prefix}.reference.liver_mean"
        return None, region_findings(ground, name, None, missing, flags=[flag.code]), [flag]
    values = statistics(suv[sphere.mask])
    assert values is not None  # noqa: S101  # the sphere has voxels
    reference = Reference(values=values, volume_ml=values.n * ground.grid.voxel_ml)
    flags = _quality(ground, values, float(np.median(suv[free])), diameter)
    codes = [flag.code for flag in flags]
    centre = ground.grid.to_world(np.array([sphere.centre], dtype=np.float64))[0]
    tumour_free = int(np.count_nonzero(right & ground.liver & (ground.owner == 0)))
    extra = {
        "clearance_mm": sphere.clearance_mm,
        "share_pct": min(100.0, 100.0 * values.n / max(tumour_free, 1)),
        **{f"centre_{axis}_mm": float(centre[k]) for k, axis in enumerate("lps")},
    }
    findings = region_findings(ground, name, reference, "", flags=codes)
    findings += [
        region_finding(ground, name, key, value, flags=codes) for key, value in extra.items()
    ]
    return reference, findings, flags


def _wide_vessels(ground: PetGround, anatomy: Anatomy) -> MaskZYX | None:
    """Stretches of veins wider than ``vessel_wide_mm``, on the PET; None where none is known."""
    if anatomy.organs is None:
        return None
    half = ground.number("vessel_wide_mm") / 2.0
    middle = inside_by(among(anatomy.organs.labels, _VEINS), anatomy.grid, half)
    if middle is None:
        return None
    return on_pet(grown(middle, anatomy.grid, half), anatomy.grid, ground.grid)


def _right(ground: PetGround, anatomy: Anatomy, liver: MaskZYX) -> MaskZYX:
    """Right hemiliver on the PET: V-VIII, or what lies right of the liver's centroid."""
    if anatomy.segments is not None:
        places = among(segment_table()[anatomy.segments.labels], _RIGHT_PLACES)
        right = on_pet(places, anatomy.grid, ground.grid)
        if right is not None:
            return right & liver
    voxels = np.argwhere(liver)
    left_mm = ground.grid.to_world(voxels.astype(np.float64))[:, 0]
    right = np.zeros(liver.shape, dtype=np.bool_)
    right[tuple(voxels[left_mm < left_mm.mean()].T)] = True  # L grows to the patient's left
    return right


def _refusal(ground: PetGround, sphere: Sphere, diameter: float, liver: MaskZYX) -> Flag:
    tumour = int(np.count_nonzero((ground.owner > 0) & liver)) / int(np.count_nonzero(liver))
    sentence = (
        f"No sphere of {diameter:g} mm fits into the tumour-free right liver; the largest that "
        f"would is {sphere.largest_mm:.0f} mm, and {100 * tumour:.0f} % of the liver is tumour."
    )
    return Flag(
        code="pet_ref_liver_none",
        severity=Severity.MEDIUM,
        sentence=sentence,
        touches=touched_by(ground, "liver"),
        value=sphere.largest_mm,
        threshold=diameter,
    )


def _quality(ground: PetGround, values: Statistics, median: float, diameter: float) -> list[Flag]:
    """Doubts about the liver sphere: uneven, unlike the rest of the liver, or not of 30 mm."""
    flags = []
    cov = values.sd / values.mean if values.mean > 0 else math.inf
    off = abs(values.mean - median) / median if median > 0 else math.inf
    limits = (ground.number("liver_ref_cov_max"), ground.number("liver_ref_off_median_max"))
    if cov > limits[0] or off > limits[1]:
        sentence = (
            f"The liver reference is doubtful: it varies by {100 * cov:.0f} % and lies "
            f"{100 * off:.0f} % off the median of the tumour-free liver."
        )
        flags.append(_doubt(ground, "liver_ref_doubtful", sentence, value=cov, threshold=limits[0]))
    if diameter != _PERCIST_MM:
        sentence = f"The liver reference is a sphere of {diameter:g} mm, not of 30 mm."
        flags.append(
            _doubt(ground, "liver_ref_size", sentence, value=diameter, threshold=_PERCIST_MM)
        )
    return flags


def _doubt(ground: PetGround, code: str, sentence: str, **more: float) -> Flag:
    """Doubt about the liver reference."""
    finite = more if all(math.isfinite(v) for v in more.values()) else {}
    touches = touched_by(ground, "liver")
    return Flag(code=code, severity=Severity.MEDIUM, sentence=sentence, touches=touches, **finite)
