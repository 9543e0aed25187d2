"""What ships of a run: its end, unless it had been clearly better before."""

import json
from pathlib import Path

import pytest

from netimg.training import checkpoint

torch = pytest.importorskip("torch")


def run_folder(tmp_path: Path, scores: list[float]) -> Path:
    """A run of 100 steps a score; the end holds ones, the best holds twos."""
    from safetensors.torch import save_file

    folder = tmp_path / "run"
    (folder / "ckpt").mkdir(parents=True)
    save_file({"average/w": torch.ones(2)}, folder / "ckpt" / "full.safetensors")
    checkpoint.save_best(folder / "ckpt", {"w": torch.full((2,), 2.0)})
    state = {"iteration": 100 * len(scores)}
    (folder / "ckpt" / "state.json").write_text(json.dumps(state))
    lines = [f"{100 * (k + 1)},60,0.5,{score}" for k, score in enumerate(scores)]
    (folder / "val.csv").write_text("\n".join(["iteration,seconds,a,mean", *lines]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("scores", "value", "step"),
    [
        ([0.80, 0.84, 0.83], 1.0, 300),  # within 0.01: the end
        ([0.80, 0.84, 0.829], 2.0, 200),  # further below: the best
        ([0.80, 0.81, 0.85], 1.0, 300),
    ],
)
def test_the_end_ships_unless_it_is_a_hundredth_below_the_best(
    tmp_path: Path, scores: list[float], value: float, step: int
) -> None:
    weights, shipped = checkpoint.load_shipped(run_folder(tmp_path, scores))
    assert weights["w"].tolist() == [value, value]
    assert shipped == step


def test_without_inner_scores_the_end_ships(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, [0.9, 0.1])
    (folder / "val.csv").unlink()
    weights, shipped = checkpoint.load_shipped(folder)
    assert weights["w"].tolist() == [1.0, 1.0]
    assert shipped == 200
