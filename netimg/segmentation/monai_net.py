"""A card's networks, run one after the other on a CT: the Segmenter that ships.

The first stage looks at the whole scan, the next ones into the box of what it found. The networks
are loaded once per process and used by one caller at a time; other callers queue.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import SEG_107, ResourceError
from netimg.segmentation.contract import check_contract
from netimg.segmentation.device import is_out_of_memory
from netimg.segmentation.networks import tile_of
from netimg.segmentation.passes import Passes
from netimg.segmentation.preprocess import upright
from netimg.segmentation.protocol import Device, RunPlan, StagePlan
from netimg.segmentation.slide import tiles
from netimg.volume import Mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.progress import Progress
    from netimg.segmentation.cards import Card
    from netimg.segmentation.passes import Seen
    from netimg.segmentation.protocol import Budget, Prediction
    from netimg.segmentation.stages import Stage
    from netimg.study import SegContext
    from netimg.volume import Volume

log = logging.getLogger(__name__)

TYPICAL_BOX_MM = (230.0, 240.0, 240.0)
"""Liver with its margin along z, y, x: what a plan expects before the liver is found."""
TYPICAL_CPU_S = {"float32": 2.5, "bfloat16": 1.5, "float16": 1.5}
"""Seconds of one core for a million input voxels, where the card says nothing."""
TYPICAL_MB = 500.0
"""MB of activations for a million input voxels, where the card says nothing."""
GPU_SPEED = 50.0
IMPORTS_MB, OTHER_S = 350.0, 8.0
_THREAD_GAIN = 0.85
_MOST_LOOKS = 4

_LOCK = threading.Lock()


class _Looked:
    """What first looks found, for the run on one of these CTs by the same plan that follows."""

    def __init__(self) -> None:
        self._kept: list[tuple[weakref.ref[Volume], str, Seen]] = []

    def keep(self, ct: Volume, plan: RunPlan, seen: Seen) -> None:
        """Remember a look as long as somebody holds its CT; no more than a few."""
        alive = [kept for kept in self._kept if kept[0]() not in (None, ct)]
        self._kept = [*alive[1 - _MOST_LOOKS :], (weakref.ref(ct), plan.hash, seen)]

    def take(self, ct: Volume, plan: RunPlan) -> Seen | None:
        """What was seen on this very CT by this plan, once; everything else is forgotten."""
        kept, self._kept = self._kept, []
        fits = (seen for there, known, seen in kept if there() is ct and known == plan.hash)
        return next(fits, None)


_LOOKED = _Looked()


class MonaiNet:
    """The model of a card as a `netimg.segmentation.protocol.Segmenter`.

    Parameters
    ----------
    card
        From `netimg.segmentation.cards.load_card`.
    contract, locate
        Settings ``segmentation.contract`` and ``segmentation.locate``, without the prefix.
    """

    def __init__(
        self, card: Card, *, contract: Mapping[str, float], locate: Mapping[str, float]
    ) -> None:
        self.card = card
        self._contract = contract
        self._locate = locate

    def check(self, ct: Volume, context: SegContext) -> tuple[Flag, ...]:
        """See `netimg.segmentation.contract.check_contract`."""
        return check_contract(ct, context, self.card, self._contract)

    def plan(self, grid: Grid, budget: Budget, device: Device) -> RunPlan:
        """Stages with tiles, precision and what they are expected to take on this grid."""
        extent = upright(np.broadcast_to(np.float32(0), grid.shape), grid).grid.extent_mm
        stages = tuple(
            self._stage_plan(stage, extent, budget, device) for stage in self.card.stages
        )
        scan_mb = grid.n_voxels * 5 / 2**20  # float32 as given, and a mask
        return RunPlan(
            model=f"{self.card.id} {self.card.version}",
            model_hash=self.card.hash,
            stages=stages,
            device=device,
            threads=budget.threads,
            accumulate=device.name,
            seconds=OTHER_S + sum(stage.seconds for stage in stages),
            memory_mb=IMPORTS_MB + scan_mb + max(stage.memory_mb for stage in stages),
        )

    def _stage_plan(
        self, stage: Stage, extent_mm: tuple[float, ...], budget: Budget, device: Device
    ) -> StagePlan:
        """Tiles of a stage on the whole scan, or on a liver of typical size."""
        seen = extent_mm if stage.crop is None else map(min, extent_mm, TYPICAL_BOX_MM)
        shape = [max(1, round(e / s)) for e, s in zip(seen, stage.spacing_mm, strict=True)]
        patch = tile_of(stage, shape)
        inner = [p - 2 * m for p, m in zip(patch, stage.margin, strict=True)]
        count = len(
            tiles([max(n, p) for n, p in zip(shape, inner, strict=True)], inner, stage.overlap)
        )
        if stage.statistics is not None:
            count += stage.statistics.tiles
        mvoxel = math.prod(patch) / 1e6
        cpu_s = stage.cpu_s_per_mvoxel or TYPICAL_CPU_S[device.dtype]
        gain = 1 + _THREAD_GAIN * (budget.threads - 1) if device.name == "cpu" else GPU_SPEED
        return StagePlan(
            name=stage.name,
            spacing_mm=stage.spacing_mm,
            patch=patch,
            overlap=stage.overlap,
            tiles=count,
            seconds=count * mvoxel * cpu_s / gain,
            memory_mb=mvoxel * (stage.mb_per_mvoxel or TYPICAL_MB),
        )

    def first_look(self, ct: Volume, plan: RunPlan, progress: Progress) -> dict[int, Mask]:
        """Outline what the first, coarse stage sees, by label code, on its own grid.

        Raises
        ------
        ResourceError
            SEG-107 if memory ran out.
        NothingUsable
            SEG-109 if there is no liver.
        """
        try:
            with _LOCK, _threads(plan.threads):
                passes = Passes(self.card, self._locate, self._contract, plan, progress)
                found = passes.first_look(ct)
                _LOOKED.keep(ct, plan, passes.seen)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise ResourceError(
                SEG_107,
                what=f"out of memory on {plan.device.name} at the first look.",
                todo="Free memory, or choose --device cpu.",
            ) from error
        return {code: Mask(voxels=mask, grid=grid) for code, (mask, grid) in found.items()}

    def run(self, ct: Volume, plan: RunPlan, progress: Progress) -> Prediction:
        """Probabilities of liver and lesions on the box of the liver.

        Out of memory: the same tiles with their sums on the host, then on the processor.

        Raises
        ------
        ResourceError
            SEG-107 if memory ran out in every plan.
        ModelError
            SEG-108 if a network gave numbers that are not finite, in float32 too.
        NothingUsable
            SEG-109 if there is no liver.
        """
        failed = ""
        for attempt in ladder(plan):
            tried = replace(attempt, reasons=(*attempt.reasons, failed)) if failed else attempt
            try:
                with _LOCK, _threads(tried.threads):
                    seen = _LOOKED.take(ct, tried)
                    passes = Passes(
                        self.card, self._locate, self._contract, tried, progress, seen=seen
                    )
                    return passes.of(ct)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                failed = f"out of memory on {tried.device.name}, {tried.memory_mb:.0f} MB expected"
                log.warning("out of memory", extra={"device": tried.device.name})
        raise ResourceError(
            SEG_107,
            what=f"{failed}; every plan was tried.",
            todo="Free memory, or give a coarser or shorter series.",
        )


def ladder(plan: RunPlan) -> Iterator[RunPlan]:
    """Plans to try in turn: smaller in memory, the same in result."""
    yield plan
    if plan.device.name == "cpu":
        return
    yield replace(plan, accumulate="cpu")
    device = Device(name="cpu", dtype="float32", reason="the GPU ran out of memory")
    yield replace(plan, device=device, accumulate="cpu")


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Give torch this many threads in torch, then as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
