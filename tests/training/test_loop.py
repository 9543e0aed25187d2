"""A run learns, stops when asked, and goes on as if it had never stopped."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest

from netimg.segmentation.nets import build_network
from netimg.segmentation.weights import canonical
from netimg.training import checkpoint
from netimg.training.checkpoint import load_average
from netimg.training.config import RunConfig
from netimg.training.loop import run
from netimg.training.loss import structure_loss
from netimg.training.sampler import Sample

torch = pytest.importorskip("torch")

KWARGS = {
    "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 8, 8],
    "norm_name": "INSTANCE",
}  # fmt: skip


def config(iterations: int, **more: object) -> RunConfig:
    plain = RunConfig(
        name="test", stage="liver", seed=3, hours=1.0, iterations=iterations, kwargs=KWARGS,
        learning_rate=1e-2, warm_up=2, average=0.5, checkpoint_every=1000, validate_every=1000,
    )  # fmt: skip
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return build_network("DynUNet", KWARGS)


def ball(index: int, *, fixed: bool = False) -> Sample:
    rng = torch.Generator().manual_seed(0 if fixed else index)
    z, y, x = torch.meshgrid(*(torch.arange(16.0) for _ in range(3)), indexing="ij")
    inside = ((z - 8) ** 2 + (y - 8) ** 2 + (x - 8) ** 2 < 25).float()
    image = inside + 0.3 * torch.randn(inside.shape, generator=rng)
    return Sample(image[None], inside[None], torch.ones(1, 16, 16, 16), "ball")


@pytest.fixture(autouse=True)
def one_thread() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_thirty_iterations_lower_the_loss_on_one_sample_by_a_third(tmp_path: Path) -> None:
    net, sample = network(), ball(0, fixed=True)

    def loss() -> float:
        with torch.no_grad():
            logit = net(sample.image[None])
            return float(structure_loss(logit, sample.target[None], sample.weight[None]))

    before = loss()
    run(config(30, learning_rate=5e-2), net, lambda _: sample, tmp_path)
    assert loss() < 0.7 * before


def test_twenty_steps_and_twenty_more_are_forty(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setattr("netimg.training.loop.has_bfloat16", lambda: False)  # type: ignore[attr-defined]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(config(12), network(), ball, whole)

    drawn: list[int] = []

    def stop_after(index: int) -> Sample:
        drawn.append(index)
        if len(drawn) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return ball(index)

    run(config(12), network(), stop_after, parts)
    state = json.loads((parts / "ckpt" / "state.json").read_text())
    assert state["iteration"] == 6  # SIGTERM: the step is finished, a checkpoint written
    run(config(12), network(), lambda i: drawn.append(i) or ball(i), parts, resume=True)
    assert drawn == list(range(12))
    a, b = load_average(whole / "ckpt"), load_average(parts / "ckpt")
    for name, value in a.items():
        assert torch.allclose(value, b[name], atol=1e-6), name


def test_the_handlers_of_signals_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(config(1), network(), ball, tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_checkpoint_holds_every_tensor_once(tmp_path: Path) -> None:
    net = network()
    run(config(1), net, ball, tmp_path)
    assert set(load_average(tmp_path / "ckpt")) == set(canonical(net))
    assert checkpoint.State(**json.loads((tmp_path / "ckpt" / "state.json").read_text())).iteration


def test_inner_scores_are_those_of_the_averaged_weights(tmp_path: Path) -> None:
    net = network()
    seen: list[float] = []

    def score(candidate: torch.nn.Module) -> dict[str, float]:
        value = sum(float(tensor.double().sum()) for tensor in canonical(candidate).values())
        seen.append(value)
        return {"sum": value}

    run(config(4, validate_every=2), net, ball, tmp_path, validate=score)
    last = sum(float(tensor.double().sum()) for tensor in load_average(tmp_path / "ckpt").values())
    assert seen[-1] == pytest.approx(last, rel=1e-6)
    assert (tmp_path / "val.csv").read_text().startswith("iteration,seconds,sum\n2,")


def test_a_step_draws_its_batches_one_after_the_other(tmp_path: Path) -> None:
    drawn: list[int] = []

    def count(index: int) -> Sample:
        drawn.append(index)
        return ball(index)

    state = run(config(2, batch=3, accumulate=2), network(), count, tmp_path)
    assert drawn == list(range(12))
    assert state.iteration == 2
    assert "core" in state.machine
    assert state.torch == torch.__version__


def test_the_best_inner_score_is_kept_beside_the_end(tmp_path: Path) -> None:
    scores = iter([0.9, 0.5, 0.4])
    kept = config(6, validate_every=2)
    run(kept, network(), ball, tmp_path, validate=lambda _net: {"mean": next(scores)})
    weights, step = checkpoint.load_shipped(tmp_path)
    end = load_average(tmp_path / "ckpt")
    assert step == 2
    assert any(not torch.equal(weights[name], end[name]) for name in end)
