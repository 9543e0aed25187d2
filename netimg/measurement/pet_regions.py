"""Reference regions on a PET: a sphere in the liver, the blood pool, the spleen.

A reference that does not fit is refused, with the largest sphere that would; nothing smaller is
put in its place silently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.finding import Finding, Scope
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import measured
from netimg.measurement.components import among, box_of, components
from netimg.measurement.distance import depth_mm
from netimg.measurement.intensity import Statistics, statistics
from netimg.measurement.location import segment_table
from netimg.measurement.pet_ground import PetGround, grown, on_pet

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid

_AORTA, _SPLEEN = 24, 31
_VEINS = (21, 22, 23)
_PERCIST_MM = 30.0
_HIGH_PERCENTILE = 95.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Values of a reference region."""

    values: Statistics
    volume_ml: float


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
    liver, findings, flags = _liver(ground, anatomy, ground.suv)
    blood, blood_flags = _blood_pool(ground, anatomy, ground.suv)
    spleen, spleen_flags = _spleen(ground, anatomy, ground.suv)
    for name, reference in (("blood_pool", blood), ("spleen", spleen)):
        missing = f"missing_input:pet.{ground.prefix}.reference.{name}_mean"
        findings += _findings(ground, name, reference, missing)
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
    return [f for name in regions for f in _findings(ground, name, None, reason, flags=flags)]


def _liver(
    ground: PetGround, anatomy: Anatomy, suv: FloatZYX
) -> tuple[Reference | None, list[Finding], list[Flag]]:
    """Place and measure the liver sphere."""
    name = "liver_reference"
    if ground.liver is None:
        return None, _findings(ground, name, None, "missing_input:liver"), []
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
        return None, _findings(ground, name, None, missing, flags=[flag.code]), [flag]
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
    findings = _findings(ground, name, reference, "", flags=codes)
    findings += [_region(ground, name, key, value, flags=codes) for key, value in extra.items()]
    return reference, findings, flags


def _wide_vessels(ground: PetGround, anatomy: Anatomy) -> MaskZYX | None:
    """Stretches of veins wider than ``vessel_wide_mm``, on the PET; None where none is known."""
    if anatomy.organs is None:
        return None
    half = ground.number("vessel_wide_mm") / 2.0
    middle = _inside(among(anatomy.organs.labels, _VEINS), anatomy.grid, half)
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
        touches=_touched(ground, "liver"),
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
    touches = _touched(ground, "liver")
    return Flag(code=code, severity=Severity.MEDIUM, sentence=sentence, touches=touches, **finite)


def _none(ground: PetGround, region: str, code: str, sentence: str) -> Flag:
    """Remark that a reference is missing or not where it should be."""
    touches = _touched(ground, region)
    return Flag(code=code, severity=Severity.INFO, sentence=sentence, touches=touches)


def _touched(ground: PetGround, region: str) -> tuple[str, ...]:
    """Findings that hang on a reference region."""
    names = [f"ratio_{region}", "krenning", *(("tv_ml", "tl_g") if region == "liver" else ())]
    return tuple(f"{ground.prefix}_{name}" for name in names)


def _spleen(
    ground: PetGround, anatomy: Anatomy, suv: FloatZYX
) -> tuple[Reference | None, list[Flag]]:
    """Spleen away from its surface, without its hottest voxels."""
    spleen = anatomy.organ(_SPLEEN)
    least = ground.number("spleen_min_ml")
    if spleen is None or spleen.volume_ml < least:
        found = "no mask of it" if spleen is None else f"{spleen.volume_ml:.0f} mL"
        sentence = f"The spleen is no reference: {found}, at least {least:g} mL are needed."
        return None, [_none(ground, "spleen", "pet_ref_spleen_none", sentence)]
    depth = ground.number("spleen_ref_wall_mm")
    inner = _inside(spleen.voxels, anatomy.grid, depth)
    moved = on_pet(inner, anatomy.grid, ground.grid) if inner is not None else None
    if moved is None:
        sentence = f"The spleen is no reference: nothing of it lies {depth:g} mm deep on the PET."
        return None, [_none(ground, "spleen", "pet_ref_spleen_none", sentence)]
    values = suv[moved]
    kept = values[values <= np.percentile(values, _HIGH_PERCENTILE)]
    return _reference(ground, kept), []


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
        inner = _inside(aorta.voxels, anatomy.grid, ground.number("blood_ref_wall_mm"))
    moved = on_pet(inner, anatomy.grid, ground.grid) if inner is not None else None
    if moved is None:
        sentence = "There is no blood pool reference: no mask of the aorta lies on the PET."
        return None, [_none(ground, "blood", "pet_ref_blood_none", sentence)]
    lumen = _descending(moved, ground.grid)
    z, thoracic = _stretch(lumen, ground)
    cylinder = _cylinder(lumen, z, ground)
    flags = []
    if not thoracic:
        sentence = (
            "The blood pool is measured in the aorta beside the liver: the chest is not seen."
        )
        flags.append(_none(ground, "blood", "pet_ref_blood_abdominal", sentence))
    return _reference(ground, suv[cylinder]), flags


def _inside(mask: MaskZYX, grid: Grid, deep_mm: float) -> MaskZYX | None:
    """Voxels at least ``deep_mm`` from the nearest voxel outside; None where there are none."""
    box = box_of(mask, (1, 1, 1))
    if box is None:
        return None
    deep = depth_mm(mask[box], grid.spacing_mm) >= deep_mm
    if not deep.any():
        return None
    inner = np.zeros(mask.shape, dtype=np.bool_)
    inner[box] = deep
    return inner


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


def _reference(ground: PetGround, values: FloatZYX) -> Reference | None:
    found = statistics(values)
    if found is None:
        return None
    return Reference(values=found, volume_ml=found.n * ground.grid.voxel_ml)


def _findings(
    ground: PetGround,
    region: str,
    reference: Reference | None,
    reason: str,
    flags: list[str] | None = None,
) -> list[Finding]:
    """Mean, SD, volume and variation of a reference, or the reason why there is none."""
    names = ("suv_mean", "suv_sd", "volume_ml", "cov")
    if reference is None:
        return [_region(ground, region, n, None, reason=reason, flags=flags or ()) for n in names]
    values = reference.values
    independent = reference.volume_ml / ground.number("independent_ml")
    half = 1.96 * values.sd / math.sqrt(max(independent, 1.0))
    cov = values.sd / values.mean if values.mean > 0 else None
    interval = (values.mean - half, values.mean + half, "noise")
    return [
        _region(ground, region, names[0], values.mean, interval=interval, flags=flags or ()),
        _region(ground, region, names[1], values.sd, flags=flags or ()),
        _region(ground, region, names[2], reference.volume_ml, flags=flags or ()),
        _region(
            ground,
            region,
            names[3],
            cov,
            reason=None if cov is not None else f"not_assessable:{region}",
            flags=flags or (),
        ),
    ]


def _region(
    ground: PetGround,
    region: str,
    name: str,
    value: float | None,
    **more: Any,  # noqa: ANN401  # the fields of `measured`
) -> Finding:
    full = f"{ground.prefix}_{name}"
    return measured(full, value, on=ground.on, scope=Scope.REGION, id=region, **more)
