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
    from collections.abc import Callable, Sequence

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
    resume
        Go on from ``ckpt/``.

    Returns
    -------
    State
        Where it stands; the averaged weights lie in ``ckpt/``.
    """
    import torch

    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = device != "cpu"  # every step has the same shapes
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
            here.step(sample)
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
        import torch

        from netimg.segmentation.weights import canonical

        self.config, self.network, self.folder, self.device = config, network, folder, device
        self.half = device != "cpu" or has_bfloat16()
        compiled = config.compiled and device != "cpu"
        self.forward = torch.compile(network, dynamic=False) if compiled else network
        self.optimiser = _optimiser(config, network, fused=device != "cpu")
        self._now = canonical(network)  # shares the memory of the parameters
        self.average = _copy(self._now)
        self.state = State(
            config=config.digest(), machine=machine_name(device), torch=str(torch.__version__)
        )
        self._score = validate
        self._scored_at, self._best = -1, -math.inf
        self._loss_sum = torch.zeros((), device=device)
        self._sums = {"loader_s": 0.0, "steps": 0.0}

    def go_back(self) -> None:
        """Stand where the checkpoint of the folder stands."""
        self.state, average = checkpoint.load(self.folder / "ckpt", self.network, self.optimiser)
        self.average = {name: value.to(self.device) for name, value in average.items()}

    def write(self) -> None:
        """Write a checkpoint."""
        checkpoint.save(
            self.folder / "ckpt", self.state, self.network, self.average, self.optimiser
        )

    def step(self, sample: Callable[[int], Sample]) -> None:
        """One iteration, with what is due after it.

        On a GPU nothing here waits for an answer but the line of the log.
        """
        import torch

        config, state, begun = self.config, self.state, time.monotonic()
        rate = _rate(config, state)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        for part in range(config.accumulate):
            at = time.monotonic()
            first = (state.iteration * config.accumulate + part) * config.batch
            drawn = [sample(first + k) for k in range(config.batch)]
            self._sums["loader_s"] += time.monotonic() - at
            loss = self._loss(drawn) / config.accumulate
            loss.backward()
            self._loss_sum += loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self._update(norm)
        _blend(self.average, self._now, _decay(config, state))
        state.iteration += 1
        self._sums["steps"] += 1
        if state.iteration % LOG_EVERY == 0:
            self._write_line(rate=rate, norm=float(norm))
        state.seconds += time.monotonic() - begun
        begun = time.monotonic()
        if state.iteration % config.checkpoint_every == 0:
            self.write()
        if state.iteration % config.validate_every == 0:
            self.validate()
        state.seconds += time.monotonic() - begun

    def _update(self, norm: torch.Tensor) -> None:
        """Step of the optimiser, left out where the gradient is not finite."""
        if self.device == "cpu":
            if math.isfinite(float(norm)):
                self.optimiser.step()
            return
        self.optimiser.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]  # read by its fused step, without waiting for the GPU
        self.optimiser.step()

    def validate(self) -> None:
        """Score the averaged weights, then go back to those in training; one line of val.csv."""
        if self._score is None or self._scored_at == self.state.iteration:
            return
        import torch

        from netimg.segmentation.weights import fill

        own = _copy(self._now)
        fill(self.network, self.average)
        self.network.eval()
        with torch.inference_mode():
            scores = self._score(self.network)
        self.network.train()
        fill(self.network, own)
        self._scored_at = self.state.iteration
        last = list(scores.values())[-1]
        if last > self._best:
            self._best = last
            checkpoint.save_best(self.folder / "ckpt", self.average)
        path = self.folder / "val.csv"
        fresh = not path.exists()
        with path.open("a", encoding="utf-8") as stream:
            if fresh:
                stream.write(",".join(("iteration", "seconds", *scores)) + "\n")
            values = (f"{value:.4f}" for value in scores.values())
            where = (str(self.state.iteration), f"{self.state.seconds:.0f}")
            stream.write(",".join((*where, *values)) + "\n")

    def _loss(self, drawn: Sequence[Sample]) -> torch.Tensor:
        """Loss of a batch; the network may give less than it was given."""
        import torch

        config, device = self.config, self.device
        image, target, weight = (
            torch.stack([getattr(one, part) for one in drawn]).to(device)
            for part in ("image", "target", "weight")
        )
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=self.half):
            logit = self.forward(image)
        inner = [
            slice((n - m) // 2, (n - m) // 2 + m)
            for n, m in zip(target.shape[2:], logit.shape[2:], strict=True)
        ]
        where = (slice(None), slice(None), *inner)
        return structure_loss(
            logit,
            target[where],
            weight[where],
            false_positive=config.false_positive,
            false_negative=config.false_negative,
        )

    def _write_line(self, **more: float) -> None:
        """One line of log.jsonl: means since the last one."""
        state, steps = self.state, self._sums["steps"]
        entry = {
            "iteration": state.iteration,
            "seconds": round(state.seconds, 1),
            "loss": round(float(self._loss_sum) / steps, 5),
            "seconds_per_iteration": round(state.seconds / state.iteration, 3),
            "loader_s": round(self._sums["loader_s"] / steps, 3),
            **more,
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._loss_sum.zero_()


def machine_name(device: str) -> str:
    """Name of the GPU, or the number and name of the cores, that a run trains on."""
    import os
    import platform

    import torch

    if device != "cpu":
        return str(torch.cuda.get_device_name(device))
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor()}"


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself (else it is slower than float32)."""
    import torch

    asks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, ask, lambda: False)() for ask in asks)


def _optimiser(
    config: RunConfig, network: torch.nn.Module, *, fused: bool
) -> torch.optim.Optimizer:
    """AdamW; norms and biases do not decay."""
    import torch

    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=fused)


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
