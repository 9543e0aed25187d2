"""What a segmenter is: check, plan, run; and the nouns that pass between the three.

`netimg.segmentation.monai_net.MonaiNet` is the one that ships. Anything else with these three
methods and a card takes its place through `netimg.segmentation.segment_with`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.progress import Progress
    from netimg.segmentation.cards import Card
    from netimg.study import SegContext
    from netimg.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where networks run, in which precision, and why."""

    name: str
    """As torch says it: ``cpu``, ``cuda:0``."""
    dtype: str
    """``float32``, ``bfloat16`` or ``float16``."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may take: threads, and MB of memory that are free now."""

    threads: int
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """One stage as it will run; tiles, seconds and MB are expectations."""

    name: str
    spacing_mm: tuple[float, float, float]
    patch: tuple[int, int, int]
    overlap: float
    tiles: int
    seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Everything a run decides beforehand; the same plan on the same image gives the same bits.

    ``accumulate``: where tiles are added up, ``device`` or ``host``. ``reasons``: why this plan
    and not the one before it, where a device ran out of memory or a number was not finite.
    """

    model: str
    model_hash: str
    stages: tuple[StagePlan, ...]
    device: Device
    threads: int
    accumulate: str
    seconds: float
    memory_mb: float
    reasons: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of what decides the result; expectations are left out."""
        stages = [(s.name, s.spacing_mm, s.patch, s.overlap) for s in self.stages]
        decided = (self.model_hash, stages, self.device.name, self.device.dtype, self.threads)
        return hashlib.sha256(repr(decided).encode()).hexdigest()

    def explain(self) -> str:
        """The plan as a few lines for a person."""
        lines = [
            f"model   {self.model}",
            f"device  {self.device.name}, {self.device.dtype} ({self.device.reason})",
            f"threads {self.threads}",
        ]
        for stage in self.stages:
            spacing = " x ".join(f"{s:g}" for s in stage.spacing_mm)
            patch = " x ".join(str(p) for p in stage.patch)
            lines.append(
                f"stage   {stage.name}: {spacing} mm, tiles of {patch} voxels, overlap "
                f"{stage.overlap:g}, about {stage.tiles} tiles, {stage.seconds:.0f} s, "
                f"{stage.memory_mb:.0f} MB"
            )
        lines.append(f"in all  {self.seconds:.0f} s and {self.memory_mb:.0f} MB expected")
        return "\n".join((*lines, *(f"note    {reason}" for reason in self.reasons)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What the networks said, on a box of the upright CT grid, before any threshold.

    Parameters
    ----------
    grid
        Box of the CT's own grid, axes turned to +S, +P, +L.
    start
        First voxel of the box in the upright grid.
    liver : (z, y, x) float16
        Probability of liver, lesions included.
    lesion : (z, y, x) float16 or None
        Probability of lesion where there is liver; None for a model without lesions.
    locator : (z, y, x) bool or None
        Liver of the first stage, where another stage drew the final one.
    plan
        The plan that was really used.
    """

    grid: Grid
    start: tuple[int, int, int]
    liver: NDArray[np.float16]
    lesion: NDArray[np.float16] | None
    locator: MaskZYX | None
    plan: RunPlan
    seconds: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    log: tuple[str, ...] = ()


class Segmenter(Protocol):
    """A model behind the door: says whether it may, plans, runs."""

    @property
    def card(self) -> Card:
        """What it is and may be used for."""

    def check(self, ct: Volume, context: SegContext) -> tuple[Flag, ...]:
        """Doubts about this CT.

        Raises
        ------
        NetimgError
            `netimg.errors.ContractError` with SEG-101 to SEG-103 where the image is outside the
            card; `netimg.errors.NothingUsable` with SEG-105 where it shows no abdomen.
        """

    def plan(self, grid: Grid, budget: Budget, device: Device) -> RunPlan:
        """Everything that `run` decides, and what it will take."""

    def run(self, ct: Volume, plan: RunPlan, progress: Progress) -> Prediction:
        """Probabilities for one CT.

        Raises
        ------
        NetimgError
            SEG-107 out of memory in every plan, SEG-108 output not finite, SEG-109 no liver.
        """
