"""The stages of a model: one network each, and how it is run.

Keys of a stage beyond the obvious:

``patch, multiple, fixed_patch``
    Input voxels of a tile. Where the image is smaller, the tile shrinks to the next ``multiple``,
    unless ``fixed_patch``: then the image is padded.
``margin``
    Voxels that the network's output is smaller than its input, on each side.
``inputs, normalise, pad_hu, clip_hu``
    Channels: ``ct``, or ``<stage>:<code>`` for the probability of an earlier stage; one
    normalisation each (``window(lo, hi)`` to -1..1, ``unit(lo, hi)`` to 0..1,
    ``zscore(mean, sd, lo, hi)``). HU are clipped to ``clip_hu`` before they are resampled; beyond
    the image there is ``pad_hu``, and probability 0.
``crop, outside``
    Box around, and value beyond, a label of an earlier stage.
``statistics``
    Normalisation statistics are recorded on that many tiles with most of the label, averaged and
    then kept (networks that normalise over their patch).
``golden``
    Mean and SD of the float32 output (before the activation) on `networks.golden_input`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Triple = tuple[float, float, float]
Voxels = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalise:
    """How one input channel is brought to the network's range; `name` of the closed list."""

    name: str
    numbers: tuple[float, ...]

    @property
    def range(self) -> tuple[float, float]:
        """Values are clipped to this, before anything else."""
        low, high = self.numbers[-2:]
        return low, high

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept after clipping."""
        low, high = self.range
        if self.name == "zscore":
            mean, sd = self.numbers[:2]
            return 1.0 / sd, -mean / sd
        if self.name == "unit":
            return 1.0 / (high - low), -low / (high - low)
        return 2.0 / (high - low), -2.0 * low / (high - low) - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One channel of a network: its label code (`netimg.anatomy.LABEL_NAMES`) and name."""

    channel: int
    code: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Box around a label of an earlier stage; margins along z, y, x."""

    from_stage: str
    label: int
    margin_mm: Triple
    min_mm: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Value given to all voxels outside a dilated label of an earlier stage."""

    from_stage: str
    label: int
    dilate_voxels: int
    value_hu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Tiles on which normalisation statistics are recorded."""

    tiles: int
    from_stage: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One network of a model and how it is run; the module's docstring explains the keys."""

    name: str
    network: str
    kwargs: Mapping[str, Any]
    weights: str
    sha256: str
    bytes: int
    dtype_stored: str
    spacing_mm: Triple
    patch: Voxels
    overlap: float
    normalise: tuple[Normalise, ...]
    activation: str
    outputs: tuple[Output, ...]
    inputs: tuple[str, ...] = ("ct",)
    multiple: Voxels = (16, 16, 16)
    fixed_patch: bool = False
    margin: Voxels = (0, 0, 0)
    blend: str = "gaussian"
    sigma_scale: float = 0.125
    clip_hu: tuple[float, float] | None = None
    pad_hu: float = -1024.0
    outside: Outside | None = None
    statistics: Statistics | None = None
    temperature: tuple[float, ...] = (1.0,)
    crop: Crop | None = None
    patch_invariant: bool = False
    cpu_s_per_mvoxel: float | None = None
    mb_per_mvoxel: float | None = None
    golden: tuple[float, float] | None = None

    def output(self, code: int) -> Output | None:
        """Output of a label code, if the stage gives it."""
        return next((o for o in self.outputs if o.code == code), None)
