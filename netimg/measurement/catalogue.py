"""Every measure by name: its unit and how it is taken.

The names are those of facts, criteria and tables. A name that is not here cannot become a finding
of this room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from netimg.anatomy import SEGMENT_CODES
from netimg.finding import Finding, Scope, Source, Value, suv_name
from netimg.study import TracerClass
from netimg.units import ucum

if TYPE_CHECKING:
    from netimg.study import Series


@dataclass(frozen=True, slots=True)
class Measure:
    """Unit and method of a measure."""

    unit: str
    method: str


_HU = {
    "mean": "mean",
    "sd": "SD over N",
    "median": "median",
    "p10": "10th percentile",
    "p90": "90th percentile",
    "min": "minimum",
    "max": "maximum",
}
_AXES = {"l": "left", "p": "posterior", "s": "superior"}

PATIENT: Mapping[str, Measure] = {
    "liver_volume_ml": Measure("mL", "voxel count, lesions included"),
    "tumour_volume_ml": Measure("mL", "voxel count of the metastases"),
    "functional_liver_ml": Measure("mL", "liver minus tumour"),
    "burden_pct": Measure("%", "100 x tumour / liver, lesions included"),
    "burden_right_pct": Measure("%", "100 x tumour / liver in V-VIII"),
    "burden_left_pct": Measure("%", "100 x tumour / liver in II-IV"),
    "burden_caudate_pct": Measure("%", "100 x tumour / liver in I"),
    "lesion_count": Measure("1", "metastases"),
    "bilobar": Measure("bool", "tumour in II-IV and in V-VIII"),
    "segments_involved": Measure("list", "segments that hold tumour"),
    "dominant_lesion": Measure("label", "lesion of largest volume"),
    "dominant_lesion_pct": Measure("%", "100 x largest lesion / tumour"),
    "longest_mm": Measure("mm", "longest axial diameter of all metastases"),
    "sum_diameters_mm": Measure("mm", "RECIST 1.1 targets, at most two in the liver"),
    "spleen_volume_ml": Measure("mL", "voxel count"),
}
PART: Mapping[str, Measure] = {
    "volume_ml": Measure("mL", "voxel count, lesions included"),
    "tumour_volume_ml": Measure("mL", "voxel count of the metastases"),
    "burden_pct": Measure("%", "100 x tumour / part, lesions included"),
    "lesion_count": Measure("1", "metastases with a voxel here"),
}
HU_NAMES = tuple(f"hu_{name}" for name in _HU)
CORE_NAMES = tuple(f"hu_core_{name}" for name in _HU)
LESION: Mapping[str, Measure] = {
    "volume_ml": Measure("mL", "voxel count"),
    "mesh_volume_ml": Measure("mL", "marching cubes at 0.5"),
    "surface_mm2": Measure("mm2", "marching cubes at 0.5"),
    "sphericity": Measure("1", "(36 pi V^2)^(1/3) / A of the mesh"),
    "longest_mm": Measure("mm", "longest axial diameter of the outline"),
    "short_axis_mm": Measure("mm", "longest chord perpendicular to it, same slice and part"),
    "longest_slice_index": Measure("1", "slice of the longest axial diameter, from 0"),
    **{
        f"longest_end_{end}_{axis}_mm": Measure("mm", f"end of the longest diameter, {word}")
        for end in "ab"
        for axis, word in _AXES.items()
    },
    **{f"centroid_{axis}_mm": Measure("mm", f"centroid, {w}") for axis, w in _AXES.items()},
    "longest_3d_mm": Measure("mm", "farthest pair of mesh vertices"),
    "z_extent_mm": Measure("mm", "slices touched x slice spacing"),
    "elongation": Measure("1", "sqrt of second / first eigenvalue of the covariance"),
    "flatness": Measure("1", "sqrt of third / first eigenvalue of the covariance"),
    **{f"hu_{name}": Measure("HU", word) for name, word in _HU.items()},
    **{f"hu_core_{name}": Measure("HU", f"{word}, 1 mm inside") for name, word in _HU.items()},
    "enhancement_vs_liver_hu": Measure("HU", "lesion mean minus mean of tumour-free liver"),
    "enhancement_ratio": Measure("1", "lesion mean / mean of tumour-free liver"),
    "enhancement_class": Measure("label", "hyper, iso or hypo against the liver"),
    "calcified_pct": Measure("%", "voxels above the limit for calcium"),
    "necrotic_pct": Measure("%", "voxels of fluid density 1 mm inside"),
    **{
        f"segment_fraction_{name}": Measure("1", "share of the lesion's voxels")
        for name in SEGMENT_CODES.values()
    },
    "segments": Measure("list", "segments that hold at least 10 % of it, largest share first"),
    "hemiliver": Measure("label", "side that holds most of it"),
    "to_capsule_mm": Measure("mm", "surface to surface of the liver"),
    "to_hepatic_vein_mm": Measure("mm", "surface to surface"),
    "to_portal_vein_mm": Measure("mm", "surface to surface"),
    "to_ivc_mm": Measure("mm", "surface to surface"),
    "confidence": Measure("1", "mean calibrated probability"),
    "target": Measure("bool", "RECIST 1.1 target by the rules of choice"),
}
_SUV = {
    "suv_max": "maximum, core and margin",
    "suv_mean": "mean of the core",
    "suv_sd": "SD over N of the core",
    "suv_median": "median of the core",
    "suv_p10": "10th percentile of the core",
    "suv_p90": "90th percentile of the core",
    "suv_min": "minimum of the core",
    "suv_max_core": "maximum of the core",
    "suv_peak_sphere": "1 mL sphere, weighted, global",
    "suv_peak_ibsi": "1 mL sphere, voxel centres, global",
    "suv_peak_sphere_local": "1 mL sphere, weighted, at the maximum",
    "suv_peak_ibsi_local": "1 mL sphere, voxel centres, at the maximum",
}
NORMS: Mapping[str, str] = {
    "lbm-janma": "g/mL",
    "lbm-james": "g/mL",
    "lbm-morgan": "g/mL",
    "ibw": "g/mL",
    "bsa": "cm2/mL",
}
"""Norms of SUV beside body weight, with the unit of each."""
IN_NORMS = ("suv_max", "suv_mean", "suv_sd", "suv_peak_sphere", "suv_peak_ibsi")
"""SUVs that are given in every norm there is; the others by body weight alone."""
_SUV_IN_NORMS = {
    suv_name(name, norm): Measure(unit, f"SUV by {norm}, {_SUV[name]}")
    for norm, unit in NORMS.items()
    for name in IN_NORMS
}
PET_LESION: Mapping[str, Measure] = {
    **{name: Measure("g/mL", f"SUVbw, {word}") for name, word in _SUV.items()},
    "tv_ml": Measure("mL", "voxels above the threshold"),
    "tl_g": Measure("g", "SUVmean x volume above the threshold"),
    "ratio_liver": Measure("1", "SUVmax / SUVmean of the liver reference"),
    "ratio_spleen": Measure("1", "SUVmax / SUVmean of the spleen"),
    "ratio_blood": Measure("1", "SUVmax / SUVmean of the blood pool"),
    "krenning": Measure("1", "modified Krenning score from SUVs"),
    "sub_voxel": Measure("bool", "no PET voxel is half inside"),
}
PET: Mapping[str, Measure] = {
    "suv_max": Measure("g/mL", "SUVbw, maximum of the whole series"),
    "uptake_time_min": Measure("min", "administration to reference time"),
    "liver_tv_ml": Measure("mL", "sum over the liver lesions"),
    "liver_tl_g": Measure("g", "sum over the liver lesions"),
    **{
        suv_name("suv_max", norm): Measure(unit, f"SUV by {norm}, maximum of the whole series")
        for norm, unit in NORMS.items()
    },
}
REGION: Mapping[str, Measure] = {
    "suv_mean": Measure("g/mL", "SUVbw, mean"),
    "suv_sd": Measure("g/mL", "SUVbw, SD over N"),
    "volume_ml": Measure("mL", "voxel count"),
    "cov": Measure("1", "SD / mean"),
    "clearance_mm": Measure("mm", "centre to the nearest surface or lesion margin"),
    "share_pct": Measure("%", "share of the tumour-free right liver"),
    **{f"centre_{axis}_mm": Measure("mm", f"centre, {word}") for axis, word in _AXES.items()},
}


def source_of(series: Series) -> Source:
    """Source of what is measured on a series: ``series 4`` and the day it was acquired."""
    date = None if series.acquired_at is None else series.acquired_at.date()
    return Source(kind="measured", on=f"series {series.number}", date=date)


_PREFIXES = tuple(tracer.value for tracer in TracerClass)


def _with_prefixes(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    return {f"{p}_{name}": measure for p in _PREFIXES for name, measure in measures.items()}


MEASURES: Mapping[Scope, Mapping[str, Measure]] = MappingProxyType(
    {
        Scope.PATIENT: PATIENT,
        Scope.SEGMENT: PART,
        Scope.HEMILIVER: PART,
        Scope.LESION: {**LESION, **_with_prefixes({**PET_LESION, **_SUV_IN_NORMS})},
        Scope.PET: _with_prefixes(PET),
        Scope.REGION: _with_prefixes(REGION),
    }
)
"""Name -> measure for each scope of this room; PET names carry their tracer class."""


def measured(
    name: str,
    value: Value | None,
    *,
    on: Source,
    scope: Scope = Scope.PATIENT,
    id: str = "",  # noqa: A002  # the field's name
    reason: str | None = None,
    interval: tuple[float, float, str] | None = None,
    bound: str | None = None,
    flags: Iterable[str] = (),
    note: str = "",
    approximate: bool = False,
) -> Finding:
    """A measured finding with the unit and method of its name.

    Parameters
    ----------
    name, value
        A name of `MEASURES`; None needs a ``reason``.
    on
        The series it was measured on, with its date.
    interval
        Lower end, upper end and kind.
    note
        Added to the method.

    Raises
    ------
    KeyError
        If the scope has no measure of that name.
    """
    measure = MEASURES[scope][name]
    lo, hi, kind = interval or (None, None, None)
    method = f"{measure.method}; {note}" if note else measure.method
    return Finding(
        name=name,
        value=value,
        unit=measure.unit,
        ucum=ucum(measure.unit),
        scope=scope,
        id=id,
        lo=lo,
        hi=hi,
        interval=kind,
        bound=bound,
        method=method,
        source=on,
        reason=reason if value is None or reason else None,
        flags=tuple(dict.fromkeys(flags)),
        approximate=approximate,
    )
