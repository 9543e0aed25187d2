"""The training loop: sample, step, average, look at two inner patients, write, go on later."""

from __future__ import annotations

import json
import logging
import math
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
FLOOR = 0.01                # last learning rate as a share of the highest
CLIP = 1.0                  # norm of the gradient


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

    from netimg.segmentation.weights import canonical

    torch.manual_seed(config.seed)
    network.to(device).train()
    optimiser = _optimiser(config, network)
    state, average = State(config=config.digest()), _copy(canonical(network))
    if resume:
        state, average = checkpoint.load(folder / "ckpt", network, optimiser)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.as_table(), indent=1), encoding="utf-8")
    half = device != "cpu" or has_bfloat16()
    log.info("training", extra={"run": config.name, "bfloat16": half, "from": state.iteration})
    progress.stage(f"train {config.name}")
    sums = {"loss": 0.0, "loader_s": 0.0, "steps": 0.0}
    with Stop() as stop, (folder / "log.jsonl").open("a", encoding="utf-8") as lines:
        while not stop.asked and _progress(config, state) < 1.0:
            begun = time.monotonic()
            rate = _rate(config, state)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            for part in range(config.accumulate):
                at = time.monotonic()
                drawn = sample(state.iteration * config.accumulate + part)
                sums["loader_s"] += time.monotonic() - at
                if before_step is not None:
                    before_step(network, drawn)
                loss = _loss(config, network, drawn, device=device, half=half) / config.accumulate
                loss.backward()
                sums["loss"] += float(loss.detach())
            norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP))
            if math.isfinite(norm):
                optimiser.step()
            _blend(average, canonical(network), _decay(config, state))
            state.iteration += 1
            progress.step(round(1000 * min(1.0, _progress(config, state))), 1000)
            state.seconds += time.monotonic() - begun
            sums["steps"] += 1
            if state.iteration % LOG_EVERY == 0:
                _write_line(lines, state, sums, rate=rate, norm=norm)
            if state.iteration % config.checkpoint_every == 0:
                checkpoint.save(folder / "ckpt", state, network, average, optimiser)
            if validate is not None and state.iteration % config.validate_every == 0:
                _validate(folder, state, network, average, validate)
    checkpoint.save(folder / "ckpt", state, network, average, optimiser)
    if validate is not None and not stop.asked:
        _validate(folder, state, network, average, validate)
    return state


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


def _loss(
    config: RunConfig, network: torch.nn.Module, drawn: Sample, *, device: str, half: bool
) -> torch.Tensor:
    import torch

    image = drawn.image[None].to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=half):
        logit = network(image)
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


def _blend(
    average: dict[str, torch.Tensor], now: dict[str, torch.Tensor], decay: float
) -> None:
    for name, value in average.items():
        value.lerp_(now[name].to(value.device), 1.0 - decay)


def _write_line(lines: Any, state: State, sums: dict[str, float], **more: float) -> None:
    steps = sums["steps"]
    entry = {
        "iteration": state.iteration,
        "seconds": round(state.seconds, 1),
        "loss": round(sums["loss"] / steps, 5),
        "seconds_per_iteration": round(state.seconds / state.iteration, 3),
        "loader_s": round(sums["loader_s"] / steps, 3),
        **more,
    }
    lines.write(json.dumps(entry) + "\n")
    lines.flush()
    for key in sums:
        sums[key] = 0.0


def _validate(
    folder: Path,
    state: State,
    network: torch.nn.Module,
    average: dict[str, torch.Tensor],
    validate: Callable[[torch.nn.Module], dict[str, float]],
) -> None:
    """Score the averaged weights, then go back to those in training."""
    import torch

    from netimg.segmentation.weights import canonical, fill

    own = _copy(canonical(network))
    fill(network, average)
    network.eval()
    with torch.inference_mode():
        scores = validate(network)
    network.train()
    fill(network, own)
    path = folder / "val.csv"
    fresh = not path.exists()
    with path.open("a", encoding="utf-8") as stream:
        if fresh:
            stream.write(",".join(("iteration", "seconds", *scores)) + "\n")
        values = (f"{value:.4f}" for value in scores.values())
        stream.write(",".join((str(state.iteration), f"{state.seconds:.0f}", *values)) + "\n")


