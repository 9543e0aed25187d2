"""Runs become a model whose card says exactly what lies beside it."""

import tomllib
from pathlib import Path

import pytest

from netimg.segmentation.cards import read_card
from netimg.segmentation.weights import sha256
from netimg.training.card_out import add_golden, write_model
from netimg.training.config import RunConfig, from_table
from netimg.training.loop import run
from netimg.training.sampler import Sample

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RECIPE = """
id = "made-up"
version = "0.0.1"
name = "made up"
kind = "organ-lesion"
status = "selectable"
licence = "CC-BY-NC-SA-4.0"

[intended]
use = "to be tested"
not_for = ["patients"]
phases_covered = ["portal"]
phases_untested = ["arterial"]

[input]
modality = "CT"
unit = "HU"
channels = ["ct"]

[[stage]]
run = "first"
name = "locator"
overlap = 0.5
activation = "sigmoid"
outputs = [{ channel = 0, code = 1, name = "liver" }]

[[stage]]
run = "second"
name = "liver"
overlap = 0.25
inputs = ["ct", "locator:1"]
activation = "sigmoid"
outputs = [{ channel = 0, code = 1, name = "liver" }]

[[training.data]]
source = "LiTS"
prefix = "lits"
licence = "CC-BY-NC-ND-4.0"
url = "https://example.org"
used_as = "real"

[[known_failures]]
what = "everything"
when = "always"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from netimg.segmentation.nets import build_network

    root = tmp_path_factory.mktemp("model")
    for name, channels in (("first", 1), ("second", 2)):
        config = RunConfig(
            name=name, stage="liver", seed=1, hours=1.0, iterations=1, with_prior=channels == 2,
            painted=0.25, window=(32, 32, 32), inner=("lits-013", "ircadb-010"),
            kwargs={
                "spatial_dims": 3, "in_channels": channels, "out_channels": 1,
                "kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2],
                "filters": [4, 4, 4], "norm_name": "INSTANCE",
            },
        )  # fmt: skip
        cube = torch.zeros(1, 16, 16, 16)
        sample = Sample(cube.expand(channels, -1, -1, -1), cube, cube + 1.0, "x")
        network = build_network(config.network, config.kwargs)
        run(config, network, lambda _, s=sample: s, root / "runs" / name)  # type: ignore[misc]
    (root / "recipe.toml").write_text(RECIPE)
    card = write_model(root / "recipe.toml", models=root / "models", runs=root / "runs")
    add_golden(card.parent)
    return card.parent


def test_the_card_fits_its_schema_and_its_files(folder: Path) -> None:
    card = read_card(folder / "card.toml")
    for stage in card.stages:
        path = folder / stage.weights
        assert (stage.bytes, stage.sha256) == (path.stat().st_size, sha256(path))
        assert stage.patch == (32, 32, 32)
        assert stage.golden is not None
    assert [len(stage.normalise) for stage in card.stages] == [1, 2]


def test_a_run_on_the_made_up_image_gives_what_the_card_says(folder: Path) -> None:
    from netimg.segmentation.verify import verify_card

    assert any("as the card says" in line for line in verify_card(read_card(folder / "card.toml")))


def test_training_counts_are_those_of_the_runs(folder: Path) -> None:
    training = read_card(folder / "card.toml").tree["training"]
    assert training["iterations"] == 2
    assert (training["data"][0]["items"], training["data"][0]["patients"]) == (6, 6)
    assert training["torch_version"] == torch.__version__


def test_the_resolved_configs_can_be_read_again(folder: Path) -> None:
    table = tomllib.loads((folder / "training.toml").read_text())
    assert set(table) == {"first", "second"}
    assert from_table(table["second"], where="training.toml").with_prior


def test_without_scores_the_card_says_that_nothing_was_measured(folder: Path) -> None:
    scores = read_card(folder / "card.toml").scores
    assert scores["protocol"] == "not measured yet"
    assert scores["external"]["looks"] == 0
    assert (folder / "external_log.csv").read_text().count("\n") == 1
