"""What the reference regions of a PET share: their values, findings and remarks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.finding import Finding, Scope
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import measured
from netimg.measurement.components import box_of
from netimg.measurement.distance import depth_mm
from netimg.measurement.intensity import Statistics, statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.arrays import FloatZYX, MaskZYX
    from netimg.geometry import Grid
    from netimg.measurement.pet_ground import PetGround


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Values of a reference region."""

    values: Statistics
    volume_ml: float


def reference_of(ground: PetGround, values: FloatZYX) -> Reference | None:
    """Reference of some values; None where there are none."""
    found = statistics(values)
    if found is None:
        return None
    return Reference(values=found, volume_ml=found.n * ground.grid.voxel_ml)


def region_findings(
    ground: PetGround,
    region: str,
    reference: Reference | None,
    reason: str,
    flags: Sequence[str] = (),
) -> list[Finding]:
    """Mean, SD, volume and variation of a reference, or the reason why there is none."""
    names = ("suv_mean", "suv_sd", "volume_ml", "cov")
    if reference is None:
        return [region_finding(ground, region, n, None, reason=reason, flags=flags) for n in names]
    values = reference.values
    independent = reference.volume_ml / ground.number("independent_ml")
    half = 1.96 * values.sd / math.sqrt(max(independent, 1.0))
    cov = values.sd / values.mean if values.mean > 0 else None
    interval = (values.mean - half, values.mean + half, "noise")
    return [
        region_finding(ground, region, names[0], values.mean, interval=interval, flags=flags),
        region_finding(ground, region, names[1], values.sd, flags=flags),
        region_finding(ground, region, names[2], reference.volume_ml, flags=flags),
        region_finding(
            ground,
            region,
            names[3],
            cov,
            reason=None if cov is not None else f"not_assessable:{region}",
            flags=flags,
        ),
    ]


def region_finding(
    ground: PetGround,
    region: str,
    name: str,
    value: float | None,
    **more: Any,  # noqa: ANN401  # the fields of `measured`
) -> Finding:
    """Finding of a reference region with the unit and method of its name."""
    full = f"{ground.prefix}_{name}"
    return measured(full, value, on=ground.on, scope=Scope.REGION, id=region, **more)


def region_remark(ground: PetGround, region: str, code: str, sentence: str) -> Flag:
    """Remark that a reference is missing or not where it should be."""
    touches = touched_by(ground, region)
    return Flag(code=code, severity=Severity.INFO, sentence=sentence, touches=touches)


def touched_by(ground: PetGround, region: str) -> tuple[str, ...]:
    """Findings that hang on a reference region."""
    names = [f"ratio_{region}", "krenning", *(("tv_ml", "tl_g") if region == "liver" else ())]
    return tuple(f"{ground.prefix}_{name}" for name in names)


def inside_by(mask: MaskZYX, grid: Grid, deep_mm: float) -> MaskZYX | None:
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
