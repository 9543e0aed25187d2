"""One pass of a CT through the stages of a card, by a plan that is fixed beforehand."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import SEG_109, NothingUsable
from netimg.flag import Flag, Severity
from netimg.segmentation.networks import (
    PRECISION_ERROR_MAX,
    Forward,
    NotFiniteError,
    activate,
    load_network,
    pad_values,
    precision_error,
    record,
    tile_of,
)
from netimg.segmentation.pieces import largest_piece
from netimg.segmentation.preprocess import at_spacing, body_of, box_around, levelled, onto, upright
from netimg.segmentation.protocol import Prediction
from netimg.segmentation.slide import fitted, slide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import torch
    from numpy.typing import NDArray

    from netimg.arrays import MaskZYX
    from netimg.geometry import Grid
    from netimg.progress import Progress
    from netimg.segmentation.cards import Card
    from netimg.segmentation.preprocess import Upright
    from netimg.segmentation.protocol import RunPlan, StagePlan
    from netimg.segmentation.stages import Stage
    from netimg.volume import Volume

log = logging.getLogger(__name__)

LIVER, LESION = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """Probability of one label, with its place."""

    values: NDArray[np.float16]
    grid: Grid
    threshold: float

    @property
    def mask(self) -> MaskZYX:
        """Largest piece at or above the threshold."""
        return largest_piece(self.values >= np.float16(self.threshold))


@dataclass(slots=True, kw_only=True, eq=False)
class Seen:
    """What a run has found so far."""

    fields: dict[tuple[str, int], Field] = field(default_factory=dict)
    masks: dict[tuple[str, int], tuple[MaskZYX, Grid]] = field(default_factory=dict)
    flags: list[Flag] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def mask(self, stage: str, label: int) -> tuple[MaskZYX, Grid]:
        """Mask of a label of an earlier stage, made once."""
        if (stage, label) not in self.masks:
            found = self.fields[stage, label]
            self.masks[stage, label] = (found.mask, found.grid)
        return self.masks[stage, label]


class Passes:
    """One pass through the stages of a card; ``seen`` is what a first look found already."""

    def __init__(
        self,
        card: Card,
        locate: Mapping[str, float],
        contract: Mapping[str, float],
        plan: RunPlan,
        progress: Progress,
        *,
        seen: Seen | None = None,
    ) -> None:
        self.card = card
        self.locate = locate
        self.tilt_deg_max = contract["tilt_deg_max"]
        self.body_hu = contract["body_hu"]
        self.plan = plan
        self.progress = progress
        self.seen = Seen() if seen is None else seen
        self.done = 0.0

    def of(self, ct: Volume) -> Prediction:
        """Run every stage and bring the last word on each label to the CT grid."""
        given = upright(ct.values, ct.grid)
        source = levelled(given) if given.tilt_deg > self.tilt_deg_max else given
        for stage, planned in zip(self.card.stages, self.plan.stages, strict=True):
            if stage.name not in self.seen.seconds:
                self._look(stage, planned, source)
            self.done += planned.seconds
        begun = time.perf_counter()
        prediction = self._on_ct(given)
        self.seen.seconds["onto the CT grid"] = time.perf_counter() - begun
        self.progress.step(100, 100)
        seconds = dict(self.seen.seconds)
        lines = [*self.seen.log, *(f"{name}: {s:.1f} s" for name, s in seconds.items())]
        return replace(prediction, seconds=seconds, log=tuple(lines))

    def _look(self, stage: Stage, planned: StagePlan, source: Upright) -> None:
        """Run one stage, timed; after the first there must be a liver."""
        begun = time.perf_counter()
        self._run_stage(stage, planned, source)
        if stage is self.card.stages[0] and stage.output(LIVER) is not None:
            self._found_liver(stage, planned, source)
        self.seen.seconds[stage.name] = time.perf_counter() - begun
        log.info("stage", extra={"stage": stage.name, "seconds": self.seen.seconds[stage.name]})

    def first_look(self, ct: Volume) -> dict[int, tuple[MaskZYX, Grid]]:
        """Outline what the first stage sees, by label code, upright; SEG-109 without a liver."""
        given = upright(ct.values, ct.grid)
        source = levelled(given) if given.tilt_deg > self.tilt_deg_max else given
        stage = self.card.stages[0]
        self._look(stage, self.plan.stages[0], source)
        return {o.code: self.seen.mask(stage.name, o.code) for o in stage.outputs if o.code}

    def _run_stage(
        self,
        stage: Stage,
        planned: StagePlan,
        source: Upright,
        *,
        overlap: float | None = None,
        threshold: float = 0.5,
    ) -> None:
        """Probabilities of one stage into `seen.fields`."""
        image, grid = self._image(stage, source)

        def tile_done(done: int, total: int) -> None:
            share = (self.done + planned.seconds * done / total) / max(self.plan.seconds, 1e-9)
            self.progress.step(min(99, int(100 * share)), 100)

        patch = tile_of(stage, [int(n) for n in image.shape[1:]])
        shares = self._shares(stage, image, grid, patch=patch, overlap=overlap, done=tile_done)
        for output in stage.outputs:
            if output.code:
                values = shares[output.channel].numpy().astype(np.float16)
                found = Field(values=values, grid=grid, threshold=threshold)
                self.seen.fields[stage.name, output.code] = found
                self.seen.masks.pop((stage.name, output.code), None)

    def _shares(
        self,
        stage: Stage,
        image: torch.Tensor,
        grid: Grid,
        *,
        patch: tuple[int, int, int],
        overlap: float | None = None,
        done: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> torch.Tensor:
        """Probabilities ``(classes, z, y, x)`` of a stage, in tiles of one size."""
        keep = None
        if stage.crop is not None:
            near_mm = self.locate["tile_near_mm"]
            keep = self._near(stage.crop.from_stage, stage.crop.label, grid, near_mm)
        network = load_network(self.card, stage.name, self.plan.device.name)

        def over(dtype: str) -> tuple[torch.Tensor, torch.Tensor]:
            forward = Forward(network, self.plan.device.name, dtype, stage.name)
            with self._statistics(stage, network, forward, image, grid):
                return slide(
                    image,
                    forward,
                    patch=patch,
                    margin=stage.margin,
                    overlap=stage.overlap if overlap is None else overlap,
                    blend=stage.blend,
                    sigma_scale=stage.sigma_scale,
                    pad=pad_values(stage),
                    keep=keep,
                    accumulate=self.plan.accumulate,
                    tile_done=done,
                )

        dtype = self._dtype(stage)
        try:
            logits, covered = over(dtype)
        except NotFiniteError:
            self._fall_back(f"{stage.name}: two tiles were not finite in {dtype}")
            logits, covered = over("float32")
        shares = activate(logits, stage)
        shares[:, ~covered] = 0.0
        return shares

    def _found_liver(self, stage: Stage, planned: StagePlan, source: Upright) -> None:
        """Look again, more generously, if the first stage found too little; then give up."""
        wanted = self.locate["liver_ml_min"]
        found = self._liver_ml(stage)
        if found < wanted:
            self.seen.log.append(f"{stage.name}: {found:.0f} mL found, looked a second time")
            self._run_stage(
                stage,
                planned,
                source,
                overlap=max(stage.overlap, self.locate["second_overlap"]),
                threshold=self.locate["second_threshold"],
            )
            found = self._liver_ml(stage)
        self.seen.log.append(f"{stage.name}: liver of {found:.0f} mL")
        if found < wanted:
            raise self._no_liver(
                stage, what=f"only {found:.0f} mL looked like liver, {wanted:.0f} mL are needed."
            )
        agreement = self._second_look(stage, source)
        if agreement is None:
            return
        self.seen.log.append(f"{stage.name}: two looks agree to Dice {agreement:.3f}")
        if agreement < self.locate["agreement_min"]:
            log.info(
                "liver did not hold in tiles of another size",
                extra={"dice": agreement, "needed": self.locate["agreement_min"]},
            )
            what = f"what looked like liver ({found:.0f} mL) did not hold in a second look."
            raise self._no_liver(stage, what=what)

    def _no_liver(self, stage: Stage, *, what: str) -> NothingUsable:
        return NothingUsable(
            SEG_109,
            what=what,
            where=f"{self.card.id}, stage {stage.name}",
            todo="Choose another series with --ct, or give the liver with --liver-mask.",
        )

    def _second_look(self, stage: Stage, source: Upright) -> float | None:
        """Dice of a stage's liver in its usual tiles with that in tiles of another size.

        A network that normalises over its tile sees another image then. A liver stays a liver;
        what is taken for one where there is none does not. None where there is no other size.
        """
        image, grid = self._image(stage, source)
        shape = [int(n) for n in image.shape[1:]]
        small = fitted(stage.patch, stage.multiple, stage.margin, shape)
        other = small if stage.fixed_patch else stage.patch
        output = stage.output(LIVER)
        if other == tile_of(stage, shape) or output is None:
            return None
        shares = self._shares(stage, image, grid, patch=other)[output.channel].numpy()
        again = largest_piece(shares >= self.seen.fields[stage.name, LIVER].threshold)
        liver, _ = self.seen.mask(stage.name, LIVER)
        both = int(np.count_nonzero(again & liver))
        return 2 * both / (int(np.count_nonzero(again)) + int(np.count_nonzero(liver)))

    def _liver_ml(self, stage: Stage) -> float:
        mask, grid = self.seen.mask(stage.name, LIVER)
        return float(np.count_nonzero(mask)) * grid.voxel_ml

    def _image(self, stage: Stage, source: Upright) -> tuple[torch.Tensor, Grid]:
        """Normalised channels of a stage, ``(channels, z, y, x)``, and their grid."""
        import torch

        if stage.crop is None:
            box = body_of(source, self.body_hu).box
        else:
            mask, where = self.seen.mask(stage.crop.from_stage, stage.crop.label)
            box = box_around(mask, where, source.grid, stage.crop.margin_mm, stage.crop.min_mm)
        hu, grid = at_spacing(source, box, stage)
        if stage.outside is not None:
            part = stage.outside
            near = self._near(part.from_stage, part.label, grid, 0.0, part.dilate_voxels)
            hu[:, ~torch.from_numpy(near)] = part.value_hu
        channels = []
        for name, normalise in zip(stage.inputs, stage.normalise, strict=True):
            if name == "ct":
                values = hu
            else:
                earlier, code = name.split(":")
                values = torch.from_numpy(self._at(self.seen.fields[earlier, int(code)], grid))[
                    None
                ]
            slope, intercept = normalise.line
            channels.append(values.clamp(*normalise.range).mul_(slope).add_(intercept))
        return torch.cat(channels), grid

    def _at(self, found: Field, grid: Grid) -> NDArray[np.float32]:
        """Probability of an earlier stage on another grid."""
        out = np.empty(grid.shape, dtype=np.float32)
        for first, last, slab in onto(found.values[None], found.grid, grid):
            out[first:last] = slab[0]
        return out

    def _near(
        self, stage: str, label: int, grid: Grid, margin_mm: float, voxels: int = 0
    ) -> MaskZYX:
        """Mask of an earlier stage on another grid, grown by mm or by voxels."""
        from scipy import ndimage

        mask, where = self.seen.mask(stage, label)
        out = np.empty(grid.shape, dtype=bool)
        for first, last, slab in onto(mask[None].astype(np.float16), where, grid):
            out[first:last] = slab[0] >= 0.5
        if voxels:
            out = ndimage.binary_dilation(out, iterations=voxels)
        if margin_mm and out.any():
            import edt

            away = edt.edt(~out, anisotropy=grid.spacing_mm, parallel=1)
            out = away <= margin_mm
        return out

    @contextlib.contextmanager
    def _statistics(
        self,
        stage: Stage,
        network: torch.nn.Module,
        forward: Forward,
        image: torch.Tensor,
        grid: Grid,
    ) -> Iterator[None]:
        """Fix the normalisation of a network to what the tiles with most liver have."""
        if stage.statistics is None:
            yield
            return
        wanted = stage.statistics
        norms: list[Any] = network.norms()  # type: ignore[operator]  # PatchNormUNet has it
        share = self._near(wanted.from_stage, wanted.label, grid, 0.0)
        for norm in norms:
            norm.recorded = []
        count = record(image, forward, share=share, stage=stage, count=wanted.tiles)
        for norm in norms:
            means = sum(mean for mean, _ in norm.recorded) / len(norm.recorded)
            sds = sum(variance.sqrt() for _, variance in norm.recorded) / len(norm.recorded)
            norm.recorded, norm.fixed = None, (means, sds * sds)
        self.seen.log.append(f"{stage.name}: statistics of {count} tiles")
        try:
            yield
        finally:
            for norm in norms:
                norm.recorded = norm.fixed = None

    def _dtype(self, stage: Stage) -> str:
        """Precision of a stage: the plan's, unless this machine gets it wrong."""
        dtype = self.plan.device.dtype
        if dtype == "float32":
            return dtype
        error = precision_error(self.card, stage.name, self.plan.device.name, dtype)
        if error < PRECISION_ERROR_MAX:
            return dtype
        self._fall_back(f"{stage.name}: {dtype} is off by {100 * error:.0f} % on this machine")
        return "float32"

    def _fall_back(self, why: str) -> None:
        self.seen.log.append(why)
        self.seen.flags.append(
            Flag(
                code="precision_fallback",
                severity=Severity.INFO,
                sentence=f"The network ran in float32 ({why}).",
            )
        )

    def _on_ct(self, given: Upright) -> Prediction:
        """Probabilities of the last stage that gives each label, on the box of the liver."""
        liver_stage = self._last(LIVER)
        if liver_stage is None:
            message = f"{self.card.id} gives no liver"
            raise ValueError(message)
        liver = self._whole_liver(liver_stage)
        margin = (self.locate["box_margin_mm"],) * 3
        box = self._ct_box(liver, given, margin)
        grid = given.grid.crop(
            tuple(part.start for part in box),
            tuple(part.stop for part in box),
        )
        first = self.card.stages[0]
        locator = None
        if first.name != liver_stage.name and first.output(LIVER) is not None:
            mask, where = self.seen.mask(first.name, LIVER)
            locator = _half(mask[None].astype(np.float16), where, grid)[0] >= np.float16(0.5)
        flags = list(self.seen.flags)
        if self.plan.reasons:
            sentence = f"The plan was changed: {'; '.join(self.plan.reasons)}."
            flags.append(Flag(code="memory_fallback", severity=Severity.INFO, sentence=sentence))
        return Prediction(
            grid=grid,
            start=(box[0].start, box[1].start, box[2].start),
            liver=_half(liver.values[None], liver.grid, grid)[0],
            lesion=self._lesion_share(grid),
            locator=locator,
            plan=self.plan,
            flags=tuple(flags),
        )

    def _ct_box(
        self, liver: Field, given: Upright, margin: tuple[float, float, float]
    ) -> tuple[slice, slice, slice]:
        """Voxels of the CT around the liver; of all of it where the scan is tilted."""
        mask = liver.values >= np.float16(min(liver.threshold, 0.3))
        turned = given.grid.matrix.T @ liver.grid.matrix
        if not mask.any() or not np.allclose(turned, np.eye(3), atol=1e-5):
            z, y, x = (slice(0, n) for n in given.grid.shape)
            return z, y, x
        return box_around(mask, liver.grid, given.grid, margin, 0.0)

    def _last(self, code: int) -> Stage | None:
        return next((s for s in reversed(self.card.stages) if s.output(code) is not None), None)

    def _whole_liver(self, stage: Stage) -> Field:
        """Liver with its lesions: the sum of both where one softmax gives them apart."""
        liver = self.seen.fields[stage.name, LIVER]
        if stage.activation == "softmax" and stage.output(LESION) is not None:
            both = liver.values.astype(np.float32) + self.seen.fields[stage.name, LESION].values
            return replace(liver, values=both.astype(np.float16))
        return liver

    def _lesion_share(self, grid: Grid) -> NDArray[np.float16] | None:
        """Probability of lesion where there is liver, on a box of the CT."""
        stage = self._last(LESION)
        if stage is None:
            return None
        lesion = self.seen.fields[stage.name, LESION]
        if stage.activation != "softmax" or stage.output(LIVER) is None:
            alone: NDArray[np.float16] = _half(lesion.values[None], lesion.grid, grid)[0]
            return alone
        both = np.stack((lesion.values, self._whole_liver(stage).values))
        out: NDArray[np.float16] = np.empty(grid.shape, dtype=np.float16)
        for first, last, (share, whole) in onto(both, lesion.grid, grid):
            out[first:last] = share / np.maximum(whole, 1e-3)
        return out


def _half(values: NDArray[Any], source: Grid, target: Grid) -> NDArray[np.float16]:
    """Values on another grid in float16, slab by slab."""
    out = np.empty((values.shape[0], *target.shape), dtype=np.float16)
    for first, last, slab in onto(values, source, target):
        out[:, first:last] = slab
    return out
