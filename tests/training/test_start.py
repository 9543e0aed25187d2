"""From a config and labelled CTs to weights, once, small."""

import json
from pathlib import Path

import numpy as np
import pytest

from netimg.training import prepare, train
from netimg.training.cache import cache_file, prior_file
from netimg.training.checkpoint import load_average
from tests.training.test_checks import write_item

torch = pytest.importorskip("torch")

NAMES = [
    "lits-002", "lits-011", "ircadb-002", "ircadb-008", "ircadb-013", "lits-003", "lits-012",
    "ircadb-003", "ircadb-009", "ircadb-015", "lits-004", "lits-013", "ircadb-005", "ircadb-010",
    "ircadb-016", "ircadb-020", "lits-005", "ircadb-004", "ircadb-006", "ircadb-011", "ircadb-014",
    "ircadb-018",
]  # fmt: skip
"""All items but those of fold 1."""

RUN = """
name = "tiny"
stage = "liver"
seed = 1
hours = 1
iterations = 4
inner = ["lits-013"]
leave_out = {left}
spacing_mm = [11.0, 11.0, 11.0]
patches = [[16, 16, 16]]
window = [16, 16, 16]
validate_every = 2

[kwargs]
spatial_dims = 3
in_channels = 1
out_channels = 1
kernel_size = [3, 3, 3]
strides = [1, 2, 2]
upsample_kernel_size = [2, 2]
filters = [4, 4, 4]
norm_name = "INSTANCE"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two items beside it."""
    for name in ("lits-002", "lits-013"):
        write_item(tmp_path / "shared" / "data", name, spacing_mm=11.0)
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    path = tmp_path / "checkout" / "tiny.toml"
    left = json.dumps([n for n in NAMES if n not in {"lits-002", "lits-013"}])
    path.write_text(RUN.replace("{left}", left))
    return path


def test_a_run_leaves_its_config_log_scores_and_weights(config: Path) -> None:
    folder = train(config)
    assert folder == Path("runs/tiny")
    assert json.loads((folder / "config.json").read_text())["name"] == "tiny"
    assert (folder / "val.csv").read_text().splitlines()[0] == "iteration,seconds,lits-013,mean"
    assert all(np.isfinite(t.numpy()).all() for t in load_average(folder / "ckpt").values())


def test_a_finished_run_resumed_without_its_config_changes_nothing(config: Path) -> None:
    folder = train(config)
    before = load_average(folder / "ckpt")
    assert train(None, resume=folder) == folder
    after = load_average(folder / "ckpt")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_cache_is_built_once_and_says_what_it_wrote(config: Path) -> None:
    lines = list(prepare(config))
    assert [line.split("@", 1)[0] for line in lines] == ["lits-002", "lits-013"]
    assert cache_file(Path("training-cache"), "lits-002", (11.0, 11.0, 11.0)).is_file()
    assert not prior_file(Path("training-cache"), "lits-002", (11.0, 11.0, 11.0)).is_file()
    assert list(prepare(config)) == []
