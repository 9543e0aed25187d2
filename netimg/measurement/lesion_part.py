"""One lesion on its crop of the grid, and what all lesions of a grid share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netimg.finding import Finding, Scope, Value
from netimg.flag import Flag, Severity
from netimg.measurement.catalogue import measured
from netimg.measurement.components import Box, touches_border, widened
from netimg.study import Phase

if TYPE_CHECKING:
    from netimg.arrays import FloatZYX, LabelZYX, MaskZYX
    from netimg.finding import Source
    from netimg.geometry import Grid
    from netimg.lesion import Lesion
    from netimg.measurement.location import Surface
    from netimg.settings import Settings


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


def lesion_finding(
    part: Part,
    ground: Ground,
    name: str,
    value: Value | None,
    **more: Any,  # noqa: ANN401  # the fields of `measured`
) -> Finding:
    """Finding of a lesion with the unit and method of its name."""
    return measured(name, value, on=ground.on, scope=Scope.LESION, id=part.lesion.id, **more)


def lesion_flag(
    part: Part,
    code: str,
    severity: Severity,
    sentence: str,
    *,
    value: float | None = None,
    threshold: float | None = None,
) -> Flag:
    """Doubt about one lesion."""
    return Flag(
        code=code,
        severity=severity,
        sentence=sentence,
        touches=(part.lesion.id,),
        value=value,
        threshold=threshold,
    )


def codes_of(flags: list[Flag]) -> tuple[str, ...]:
    """Codes of some flags, in order."""
    return tuple(flag.code for flag in flags)


def _corners(box: Box) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    z, y, x = box
    return (z.start, y.start, x.start), (z.stop, y.stop, x.stop)
