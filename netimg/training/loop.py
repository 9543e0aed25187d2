"""The training loop: sample, step, average, look at two inner patients, write, go on later."""

from __future__ import annotations

import json
import logging
import math
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.progress import Progress, silent
from netimg.training import checkpoint
from netimg.training.checkpoint import State
from netimg.training.loss import structure_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from netimg.training.config import RunConfig
    from netimg.training.sampler import Sample

log = logging.getLogger(__name__)

LOG_EVERY = 20
FLOOR = 0.01  # last learning rate as a share of the highest
CLIP = 1.0  # norm of the gradient


class Stop:
    """Notices SIGTERM and SIGINT, so that a run ends after the step it is in."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Stop:
        self._before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}
        for number in self._before:
            signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True


def run(
    config: RunConfig,
    network: torch.nn.Module,
    sample: Callable[[int], Sample],
    folder: Path,
    *,
    validate: Callable[[torch.nn.Module], dict[str, float]] | None = None,
    before_step: Callable[[torch.nn.Module, Sample], None] | None = None,
    device: str = "cpu",
    resume: bool = False,
    progress: Progress = silent,
) -> State:
    """Train until the schedule ends or somebody asks to stop.

    Parameters
    ----------
    sample
        Sample ``i``; a pure function.
    folder
        ``runs/<name>``: gets ``config.json``, ``log.jsonl``, ``val.csv`` and ``ckpt/``.
    validate
        Scores of the averaged weights on the inner patients.
    before_step
        Called with the network and the sample before each pass (sets recorded statistics).
    resume
        Go on from ``ckpt/``.

    Returns
    -------
    State
        Where it stands; the averaged weights lie in ``ckpt/``.
    """
    import torch

    torch.manual_seed(config.seed)
    network.to(device).train()
    here = _Run(config, network, folder, device=device, validate=validate)
    if resume:
        here.go_back()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.as_table(), indent=1), encoding="utf-8")
    log.info("training", extra={"run": config.name, "bfloat16": here.half})
    progress.stage(f"train {config.name}")
    with Stop() as stop:
        while not stop.asked and _progress(config, here.state) < 1.0:
            here.step(sample, before_step)
            progress.step(round(1000 * min(1.0, _progress(config, here.state))), 1000)
    here.write()
    if not stop.asked:
        here.validate()
    return here.state


class _Run:
    """A run in memory: network, optimiser, averaged weights, where it stands."""

    def __init__(
        self,
        config: RunConfig,
        network: torch.nn.Module,
        folder: Path,
        *,
        device: str,
        validate: Callable[[torch.nn.Module], dict[str, float]] | None,
    ) -> None:
        from netimg.segmentation.weights import canonical

        self.config, self.network, self.folder, self.device = config, network, folder, device
        self.half = device != "cpu" or has_bfloat16()
        self.optimiser = _optimiser(config, network)
        self.average = _copy(canonical(network))
        self.state = State(config=config.digest())
        self._score = validate
        self._scored_at = -1
        self._sums = {"loss": 0.0, "loader_s": 0.0, "steps": 0.0}

    def go_back(self) -> None:
        """Stand where the checkpoint of the folder stands."""
        self.state, self.average = checkpoint.load(
            self.folder / "ckpt", self.network, self.optimiser
        )

    def write(self) -> None:
        """Write a checkpoint."""
        checkpoint.save(
            self.folder / "ckpt", self.state, self.network, self.average, self.optimiser
        )

    def step(
        self,
        sample: Callable[[int], Sample],
        before: Callable[[torch.nn.Module, Sample], None] | None,
    ) -> None:
        """One iteration, with what is due after it."""
        import torch

        from netimg.segmentation.weights import canonical

        config, state, begun = self.config, self.state, time.monotonic()
        rate = _rate(config, state)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        for part in range(config.accumulate):
            at = time.monotonic()
            drawn = sample(state.iteration * config.accumulate + part)
            self._sums["loader_s"] += time.monotonic() - at
            if before is not None:
                before(self.network, drawn)
            loss = self._loss(drawn) / config.accumulate
            loss.backward()
            self._sums["loss"] += float(loss.detach())
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP))
        if math.isfinite(norm):
            self.optimiser.step()
        _blend(self.average, canonical(self.network), _decay(config, state))
        state.iteration += 1
        state.seconds += time.monotonic() - begun
        self._sums["steps"] += 1
        if state.iteration % LOG_EVERY == 0:
            self._write_line(rate=rate, norm=norm)
        if state.iteration % config.checkpoint_every == 0:
            self.write()
        if state.iteration % config.validate_every == 0:
            self.validate()

    def validate(self) -> None:
        """Score the averaged weights, then go back to those in training; one line of val.csv."""
        if self._score is None or self._scored_at == self.state.iteration:
            return
        import torch

        from netimg.segmentation.weights import canonical, fill

        own = _copy(canonical(self.network))
        fill(self.network, self.average)
        self.network.eval()
        with torch.inference_mode():
            scores = self._score(self.network)
        self.network.train()
        fill(self.network, own)
        self._scored_at = self.state.iteration
        path = self.folder / "val.csv"
        fresh = not path.exists()
        with path.open("a", encoding="utf-8") as stream:
            if fresh:
                stream.write(",".join(("iteration", "seconds", *scores)) + "\n")
            values = (f"{value:.4f}" for value in scores.values())
            where = (str(self.state.iteration), f"{self.state.seconds:.0f}")
            stream.write(",".join((*where, *values)) + "\n")

    def _loss(self, drawn: Sample) -> torch.Tensor:
        """Loss of one sample; the network may give less than it was given."""
        import torch

        config, device = self.config, self.device
        kind = torch.device(device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.half):
            logit = self.network(drawn.image[None].to(device))
        inner = [
            slice((n - m) // 2, (n - m) // 2 + m)
            for n, m in zip(drawn.target.shape[1:], logit.shape[2:], strict=True)
        ]
        where = (slice(None), *inner)
        return structure_loss(
            logit,
            drawn.target[where][None].to(device),
            drawn.weight[where][None].to(device),
            false_positive=config.false_positive,
            false_negative=config.false_negative,
        )

    def _write_line(self, **more: float) -> None:
        """One line of log.jsonl: means since the last one."""
        state, steps = self.state, self._sums["steps"]
        entry = {
            "iteration": state.iteration,
            "seconds": round(state.seconds, 1),
            "loss": round(self._sums["loss"] / steps, 5),
            "seconds_per_iteration": round(state.seconds / state.iteration, 3),
            "loader_s": round(self._sums["loader_s"] / steps, 3),
            **more,
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
        self._sums = dict.fromkeys(self._sums, 0.0)


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself (else it is slower than float32)."""
    import torch

    asks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, ask, lambda: False)() for ask in asks)


def _optimiser(config: RunConfig, network: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW; norms and biases do not decay."""
    import torch

    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def _progress(config: RunConfig, state: State) -> float:
    """Share of the schedule that is done, 0..1."""
    if config.iterations:
        return state.iteration / config.iterations
    return state.seconds / (config.hours * 3600.0)


def _rate(config: RunConfig, state: State) -> float:
    """Learning rate: linear warm-up, then a cosine to `FLOOR`."""
    warm = min(1.0, (state.iteration + 1) / max(1, config.warm_up))
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, _progress(config, state))))
    return config.learning_rate * warm * (FLOOR + (1.0 - FLOOR) * cosine)


def _decay(config: RunConfig, state: State) -> float:
    """Decay of the average: short memory at first."""
    return min(config.average, (1.0 + state.iteration) / (10.0 + state.iteration))


def _copy(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in tensors.items()}


def _blend(average: dict[str, torch.Tensor], now: dict[str, torch.Tensor], decay: float) -> None:
    for name, value in average.items():
        value.lerp_(now[name].to(value.device), 1.0 - decay)
