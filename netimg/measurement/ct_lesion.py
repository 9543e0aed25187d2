"""One lesion on the grid it was drawn on: size, shape, density, place.

Every function works on the lesion's own crop of the grid, never on a full-size array per lesion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import binary_dilation

from netimg.finding import Finding, Scope, Value
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import CORE_NAMES, HU_NAMES, measured
from netimg.measurement.components import Box, touches_border, widened
from netimg.measurement.diameters import AxialDiameter, longest_3d_mm, longest_axial, z_extent_mm
from netimg.measurement.intensity import Statistics, core, statistics, tissue
from netimg.measurement.location import hemiliver, listed_segments, segment_fractions
from netimg.measurement.mesh import Mesh, mesh
from netimg.measurement.uncertainty import Interval, containing, length_interval, wider
from netimg.study import Phase

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX
    from netimg.finding import Source
    from netimg.geometry import Grid
    from netimg.lesion import Lesion
    from netimg.measurement.location import Surface
    from netimg.settings import Settings

NOT_AXIAL_DEG = 30.0
_OUTSIDE_SHARE = 0.10
_VESSELS = ("hepatic_vein", "portal_vein", "ivc")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What all lesions of one grid share.

    ``hu`` is None where the lesions were drawn on a PET. ``liver_hu`` is the mean of tumour-free
    liver, None where there is none. ``surfaces`` holds ``capsule``, ``hepatic_vein``,
    ``portal_vein`` and ``ivc`` as far as they are known; ``treated`` what was put into the liver
    (clips, lipiodol, ablation).
    """

    grid: Grid
    on: Source
    labels: LabelZYX
    settings: Settings
    hu: FloatZYX | None = None
    phase: Phase = Phase.UNKNOWN
    liver_hu: float | None = None
    segments: LabelZYX | None = None
    surfaces: Mapping[str, Surface]
    treated: MaskZYX | None = None

    def number(self, key: str) -> float:
        """Setting ``measurement.<key>`` as a number."""
        return float(self.settings[f"measurement.{key}"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One lesion on its crop of the grid, one voxel of margin where the grid allows it."""

    lesion: Lesion
    box: Box
    mask: MaskZYX
    grid: Grid
    touches_fov: bool


def part_of(ground: Ground, lesion: Lesion, box: Box) -> Part:
    """Cut a lesion out of the label map; ``box`` is its tight box."""
    wide = widened(box, (1, 1, 1), ground.grid.shape)
    start, stop = _corners(wide)
    return Part(
        lesion=lesion,
        box=wide,
        mask=ground.labels[wide] == lesion.number,
        grid=ground.grid.crop(start, stop),
        touches_fov=touches_border(box, ground.grid.shape),
    )


def lesion_findings(
    part: Part, ground: Ground, model_band: Interval | None = None
) -> tuple[list[Finding], list[Flag]]:
    """Everything that the lesion's own grid says about it, with its doubts.

    Parameters
    ----------
    part, ground
        The lesion and what all lesions share.
    model_band
        Volume interval of the model, where the model gave a probability.

    Returns
    -------
    findings, flags
        Names of the catalogue's lesion table; what cannot be had has its reason.
    """
    axial = longest_axial(part.mask, part.grid.spacing_mm)
    flags = _size_flags(part, ground, axial)
    findings = [
        *_volume(part, ground, mesh(part.mask, part.grid), model_band, _codes(flags)),
        *_lengths(part, ground, axial, _codes(flags)),
        *_shape(part, ground),
        *_place(part, ground),
    ]
    density, doubts = _density(part, ground)
    if part.lesion.confidence is not None:
        density.append(_lesion(part, ground, "confidence", part.lesion.confidence))
    return findings + density, flags + doubts


def _volume(
    part: Part, ground: Ground, surface: Mesh, model_band: Interval | None, flags: tuple[str, ...]
) -> list[Finding]:
    volume = int(np.count_nonzero(part.mask)) * part.grid.voxel_ml
    band = wider((surface.lo_ml, surface.hi_ml, "boundary"), model_band)
    touched = [f for f in flags if f in ("touches_fov", "one_slice", "touches_lesion")]
    cut = "lower" if part.touches_fov else None
    values = {
        "mesh_volume_ml": surface.volume_ml,
        "surface_mm2": surface.surface_mm2,
        "sphericity": surface.sphericity,
    }
    return [
        _lesion(
            part,
            ground,
            "volume_ml",
            volume,
            interval=containing(volume, band),
            flags=touched,
            bound=cut,
        ),
        *(_lesion(part, ground, name, value, flags=touched) for name, value in values.items()),
    ]


def _lengths(
    part: Part, ground: Ground, axial: AxialDiameter, flags: tuple[str, ...]
) -> list[Finding]:
    spacing = part.grid.spacing_mm
    cut = "lower" if part.touches_fov else None
    in_slice = [f for f in flags if f != "one_slice"]
    longest_3d = longest_3d_mm(part.mask, spacing)
    corner = np.array([b.start for b in part.box], dtype=np.float64)
    ends = ground.grid.to_world(np.array([axial.end_a, axial.end_b]) + corner)
    centroid = part.grid.to_world(np.argwhere(part.mask).mean(axis=0)[None])[0]
    points = {"longest_end_a": ends[0], "longest_end_b": ends[1], "centroid": centroid}
    return [
        *(
            _lesion(
                part,
                ground,
                name,
                value,
                interval=length_interval(value, spacing[1:]),
                flags=in_slice,
                bound=cut,
            )
            for name, value in (("longest_mm", axial.longest_mm), ("short_axis_mm", axial.short_mm))
        ),
        _lesion(
            part,
            ground,
            "longest_3d_mm",
            longest_3d,
            interval=length_interval(longest_3d, spacing),
            flags=[f for f in flags if f in ("touches_fov", "one_slice", "touches_lesion")],
            bound=cut,
        ),
        _lesion(part, ground, "z_extent_mm", z_extent_mm(part.mask, spacing), bound=cut),
        _lesion(part, ground, "longest_slice_index", axial.slice_index + part.box[0].start),
        *(
            _lesion(part, ground, f"{name}_{axis}_mm", float(point[k]))
            for name, point in points.items()
            for k, axis in enumerate("lps")
        ),
    ]


def _shape(part: Part, ground: Ground) -> list[Finding]:
    """Elongation and flatness from the principal axes of the voxel centres (IBSI)."""
    points = np.argwhere(part.mask) * np.array(part.grid.spacing_mm)
    names = ("elongation", "flatness")
    if len(points) < 2:
        reason = f"not_assessable:{part.lesion.id}"
        return [_lesion(part, ground, name, None, reason=reason) for name in names]
    least, minor, major = np.linalg.eigvalsh(np.cov(points.T))
    ratios = {"elongation": minor / major, "flatness": least / major}
    return [_lesion(part, ground, name, math.sqrt(max(0.0, float(ratios[name])))) for name in names]


def _place(part: Part, ground: Ground) -> list[Finding]:
    findings = []
    if ground.segments is None:
        reason = "missing_input:segments_ml"
        findings += [
            _lesion(part, ground, n, None, reason=reason) for n in ("segments", "hemiliver")
        ]
    else:
        shares = segment_fractions(ground.segments[part.box][part.mask])
        findings += [
            _lesion(part, ground, f"segment_fraction_{name}", share)
            for name, share in shares.items()
        ]
        side = hemiliver(shares)
        outside = None if side else f"not_assessable:{part.lesion.id}"
        findings += [
            _lesion(part, ground, "segments", listed_segments(shares)),
            _lesion(part, ground, "hemiliver", side, reason=outside),
        ]
    for name in ("capsule", *_VESSELS):
        surface = ground.surfaces.get(name)
        distance = None if surface is None else surface.distance_mm(part.mask, part.box)
        missing = "liver" if name == "capsule" else name
        unknown = f"missing_input:{missing}" if distance is None else None
        findings.append(_lesion(part, ground, f"to_{name}_mm", distance, reason=unknown))
    return findings


def _density(part: Part, ground: Ground) -> tuple[list[Finding], list[Flag]]:
    """HU of the lesion and its core, against the liver, calcium and fluid."""
    derived = ("enhancement_vs_liver_hu", "enhancement_ratio", "enhancement_class")
    if ground.hu is None:
        names = (*HU_NAMES, *CORE_NAMES, *derived, "calcified_pct", "necrotic_pct")
        reason = "missing_input:ct"
        return [_lesion(part, ground, name, None, reason=reason) for name in names], []
    hu = ground.hu[part.box]
    flags = []
    inner = core(part.mask, part.grid.spacing_mm, ground.number("core_depth_mm"))
    if not inner.any():
        sentence = f"{part.lesion.id} is too thin for values 1 mm inside its outline."
        flags.append(_flag(part, "too_thin", Severity.INFO, sentence))
    untested = () if ground.phase is not Phase.UNKNOWN else ("phase_unknown",)
    whole = statistics(tissue(hu[part.mask]))
    note = f"phase {ground.phase.value}"
    findings = [
        *_statistics(part, ground, HU_NAMES, whole, note=note, flags=untested),
        *_statistics(
            part,
            ground,
            CORE_NAMES,
            statistics(tissue(hu[inner])),
            note=note,
            flags=(*untested, *_codes(flags)),
        ),
        *_enhancement(part, ground, whole, note, untested),
        _calcified(part, ground, hu),
        _necrotic(part, ground, tissue(hu[inner])),
    ]
    return findings, flags


def _statistics(
    part: Part,
    ground: Ground,
    names: tuple[str, ...],
    values: Statistics | None,
    *,
    note: str,
    flags: tuple[str, ...],
) -> list[Finding]:
    """One finding per name ``hu_mean ... hu_max`` or ``hu_core_mean ... hu_core_max``."""
    reason = None if values else f"not_assessable:{part.lesion.id}"
    return [
        _lesion(
            part,
            ground,
            name,
            getattr(values, name.rpartition("_")[2]) if values else None,
            reason=reason,
            note=note,
            flags=flags,
        )
        for name in names
    ]


def _enhancement(
    part: Part, ground: Ground, whole: Statistics | None, note: str, flags: tuple[str, ...]
) -> list[Finding]:
    names = ("enhancement_vs_liver_hu", "enhancement_ratio", "enhancement_class")
    if whole is None or ground.liver_hu is None:
        reason = "missing_input:tumour_free_liver" if whole else f"not_assessable:{part.lesion.id}"
        return [_lesion(part, ground, name, None, reason=reason) for name in names]
    gap = whole.mean - ground.liver_hu
    iso = ground.number("enhancement_iso_hu")
    kind = "hyper" if gap > iso else "hypo" if gap < -iso else "iso"
    ratio = whole.mean / ground.liver_hu if ground.liver_hu > 0 else None
    without = None if ratio is not None else "missing_input:tumour_free_liver"
    return [
        _lesion(part, ground, names[0], gap, note=note, flags=flags),
        _lesion(part, ground, names[1], ratio, reason=without, note=note, flags=flags),
        _lesion(part, ground, names[2], kind, note=note, flags=flags),
    ]


def _calcified(part: Part, ground: Ground, hu: FloatZYX) -> Finding:
    """Share of dense voxels; what was put into the liver is not calcium."""
    limit = ground.number("calcified_above_hu")
    own = part.mask if ground.treated is None else part.mask & ~ground.treated[part.box]
    share = 100.0 * int(np.count_nonzero(hu[own] > limit)) / int(np.count_nonzero(part.mask))
    return _lesion(part, ground, "calcified_pct", share, note=f"> {limit:g} HU")


def _necrotic(part: Part, ground: Ground, inner: FloatZYX) -> Finding:
    low, high = ground.number("necrotic_from_hu"), ground.number("necrotic_to_hu")
    note = f"{low:g} to {high:g} HU"
    if ground.phase in (Phase.UNKNOWN, Phase.UNENHANCED):
        reason = "missing_input:contrast_phase"
    elif not inner.size:
        reason = f"not_assessable:{part.lesion.id}"
    else:
        share = 100.0 * int(np.count_nonzero((inner >= low) & (inner <= high))) / inner.size
        return _lesion(part, ground, "necrotic_pct", share, note=note)
    return _lesion(part, ground, "necrotic_pct", None, reason=reason, note=note)


def _size_flags(part: Part, ground: Ground, axial: AxialDiameter) -> list[Flag]:
    """Doubts about the size of a lesion; each with the number that raised it."""
    name = part.lesion.id
    share = axial.outside_mm / axial.longest_mm
    slices = int(np.count_nonzero(part.mask.any(axis=(1, 2))))
    tilt = ground.grid.slice_normal_tilt_deg
    others = _neighbours(part, ground)
    flags = []
    if part.touches_fov:
        sentence = f"{name} reaches the edge of the image: its size is a lower bound."
        flags.append(_flag(part, "touches_fov", Severity.MEDIUM, sentence))
    if slices == 1:
        sentence = f"{name} is seen in one slice only."
        flags.append(_flag(part, "one_slice", Severity.INFO, sentence, value=1.0))
    if share > _OUTSIDE_SHARE:
        sentence = f"{100 * share:.0f} % of the longest diameter of {name} runs outside its mask."
        limit = {"value": share, "threshold": _OUTSIDE_SHARE}
        flags.append(_flag(part, "line_leaves_lesion", Severity.INFO, sentence, **limit))
    if others:
        listed = ", ".join(f"L{n}" for n in others)
        sentence = f"{name} touches {listed}: the border between them is a reader's."
        count = float(len(others))
        flags.append(_flag(part, "touches_lesion", Severity.INFO, sentence, value=count))
    if tilt > NOT_AXIAL_DEG:
        sentence = f"Slices tilted by {tilt:.0f} degrees: the diameters of {name} are not axial."
        limit = {"value": tilt, "threshold": NOT_AXIAL_DEG}
        flags.append(_flag(part, "not_axial", Severity.MEDIUM, sentence, **limit))
    return flags


def _neighbours(part: Part, ground: Ground) -> list[int]:
    """Numbers of the lesions that share a face, an edge or a corner with this one."""
    reach = np.ones((3, 3, 3), dtype=np.bool_)
    around = binary_dilation(part.mask, structure=reach) & ~part.mask
    return sorted({int(n) for n in np.unique(ground.labels[part.box][around]) if n})


def _flag(
    part: Part,
    code: str,
    severity: Severity,
    sentence: str,
    *,
    value: float | None = None,
    threshold: float | None = None,
) -> Flag:
    return Flag(
        code=code,
        severity=severity,
        sentence=sentence,
        touches=(part.lesion.id,),
        value=value,
        threshold=threshold,
    )


def _codes(flags: list[Flag]) -> tuple[str, ...]:
    return tuple(flag.code for flag in flags)


def _lesion(part: Part, ground: Ground, name: str, value: Value | None, **more: Any) -> Finding:  # noqa: ANN401  # the fields of `measured`
    return measured(name, value, on=ground.on, scope=Scope.LESION, id=part.lesion.id, **more)


def _corners(box: Box) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    z, y, x = box
    return (z.start, y.start, x.start), (z.stop, y.stop, x.stop)
