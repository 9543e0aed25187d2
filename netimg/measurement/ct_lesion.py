"""One lesion on the grid it was drawn on: size, shape, place, and with a CT its density.

Every function works on the lesion's own crop of the grid, never on a full-size array per lesion.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import binary_dilation

from netimg.finding import Finding
from netimg.flag import Flag, Severity
from netimg.measurement.density import density_findings
from netimg.measurement.diameters import AxialDiameter, longest_3d_mm, longest_axial, z_extent_mm
from netimg.measurement.lesion_part import (
    Ground,
    Part,
    codes_of,
    lesion_finding,
    lesion_flag,
)
from netimg.measurement.location import hemiliver, listed_segments, segment_fractions
from netimg.measurement.mesh import Mesh, mesh
from netimg.measurement.uncertainty import Interval, containing, length_interval, wider

_VESSELS = ("hepatic_vein", "portal_vein", "ivc")


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
        *_volume(part, ground, mesh(part.mask, part.grid), model_band, codes_of(flags)),
        *_lengths(part, ground, axial, codes_of(flags)),
        *_shape(part, ground),
        *_place(part, ground),
    ]
    density, doubts = density_findings(part, ground)
    if part.lesion.confidence is not None:
        density.append(lesion_finding(part, ground, "confidence", part.lesion.confidence))
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
        lesion_finding(
            part,
            ground,
            "volume_ml",
            volume,
            interval=containing(volume, band),
            flags=touched,
            bound=cut,
        ),
        *(
            lesion_finding(part, ground, name, value, flags=touched)
            for name, value in values.items()
        ),
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
            lesion_finding(
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
        lesion_finding(
            part,
            ground,
            "longest_3d_mm",
            longest_3d,
            interval=length_interval(longest_3d, spacing),
            flags=[f for f in flags if f in ("touches_fov", "one_slice", "touches_lesion")],
            bound=cut,
        ),
        lesion_finding(part, ground, "z_extent_mm", z_extent_mm(part.mask, spacing), bound=cut),
        lesion_finding(part, ground, "longest_slice_index", axial.slice_index + part.box[0].start),
        *(
            lesion_finding(part, ground, f"{name}_{axis}_mm", float(point[k]))
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
        return [lesion_finding(part, ground, name, None, reason=reason) for name in names]
    least, minor, major = np.linalg.eigvalsh(np.cov(points.T))
    ratios = {"elongation": minor / major, "flatness": least / major}
    return [
        lesion_finding(part, ground, name, math.sqrt(max(0.0, float(ratios[name]))))
        for name in names
    ]


def _place(part: Part, ground: Ground) -> list[Finding]:
    findings = []
    if ground.segments is None:
        reason = "missing_input:segments_ml"
        findings += [
            lesion_finding(part, ground, n, None, reason=reason) for n in ("segments", "hemiliver")
        ]
    else:
        shares = segment_fractions(ground.segments[part.box][part.mask])
        findings += [
            lesion_finding(part, ground, f"segment_fraction_{name}", share)
            for name, share in shares.items()
        ]
        side = hemiliver(shares)
        least = ground.number("segment_listed_share")
        outside = None if side else f"not_assessable:{part.lesion.id}"
        findings += [
            lesion_finding(part, ground, "segments", listed_segments(shares, at_least=least)),
            lesion_finding(part, ground, "hemiliver", side, reason=outside),
        ]
    for name in ("capsule", *_VESSELS):
        surface = ground.surfaces.get(name)
        distance = None if surface is None else surface.distance_mm(part.mask, part.box)
        missing = "liver" if name == "capsule" else name
        unknown = f"missing_input:{missing}" if distance is None else None
        findings.append(lesion_finding(part, ground, f"to_{name}_mm", distance, reason=unknown))
    return findings


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
        flags.append(lesion_flag(part, "touches_fov", Severity.MEDIUM, sentence))
    if slices == 1:
        sentence = f"{name} is seen in one slice only."
        flags.append(lesion_flag(part, "one_slice", Severity.INFO, sentence, value=1.0))
    if share > ground.number("line_outside_share"):
        sentence = f"{100 * share:.0f} % of the longest diameter of {name} runs outside its mask."
        limit = {"value": share, "threshold": ground.number("line_outside_share")}
        flags.append(lesion_flag(part, "line_leaves_lesion", Severity.INFO, sentence, **limit))
    if others:
        listed = ", ".join(f"L{n}" for n in others)
        sentence = f"{name} touches {listed}: the border between them is a reader's."
        count = float(len(others))
        flags.append(lesion_flag(part, "touches_lesion", Severity.INFO, sentence, value=count))
    if tilt > ground.number("not_axial_deg"):
        sentence = f"Slices tilted by {tilt:.0f} degrees: the diameters of {name} are not axial."
        limit = {"value": tilt, "threshold": ground.number("not_axial_deg")}
        flags.append(lesion_flag(part, "not_axial", Severity.MEDIUM, sentence, **limit))
    return flags


def _neighbours(part: Part, ground: Ground) -> list[int]:
    """Numbers of the lesions that share a face, an edge or a corner with this one."""
    reach = np.ones((3, 3, 3), dtype=np.bool_)
    around = binary_dilation(part.mask, structure=reach) & ~part.mask
    return sorted({int(n) for n in np.unique(ground.labels[part.box][around]) if n})
