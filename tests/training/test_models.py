"""What ships says of itself what its files say."""

import csv
import tomllib
from pathlib import Path

import pytest

from netimg.resources import shipped
from netimg.segmentation.cards import read_card
from netimg.segmentation.weights import sha256
from netimg.training.config import from_table
from netimg.training.items import load_folds
from netimg.training.score import summary
from netimg.training.start import training_items

MODELS = sorted(path.parent for path in shipped("models").glob("*/card.toml"))


@pytest.fixture(params=MODELS, ids=lambda folder: folder.name)
def model(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_file_is_small_enough_and_the_one_the_card_means(model: Path) -> None:
    for stage in read_card(model / "card.toml").stages:
        path = model / stage.weights
        assert path.stat().st_size == stage.bytes < 16 * 2**20
        assert sha256(path) == stage.sha256
    figures = sum(path.stat().st_size for path in model.glob("figures/*.png"))
    assert figures <= 2**20


def test_the_scores_of_the_card_are_those_of_its_table(model: Path) -> None:
    assert read_card(model / "card.toml").scores == summary(rows(model / "scores.csv"))


def test_scores_of_what_began_from_public_weights_say_so(model: Path) -> None:
    card = read_card(model / "card.toml")
    began = any(source["used_as"] == "weights" for source in card.tree["training"]["data"])
    assert began == ("may have seen these patients" in card.scores["protocol"])
    assert began == (model / "NOTICE").is_file()


def test_nobody_has_looked_at_the_external_cases_more_often_than_the_card_admits(
    model: Path,
) -> None:
    looks = read_card(model / "card.toml").scores["external"]["looks"]
    assert len(rows(model / "external_log.csv")) == looks


def test_no_stage_was_trained_on_the_patients_it_is_scored_on(model: Path) -> None:
    folds = load_folds()
    scored = {row["patient"] for row in rows(model / "scores.csv")}
    for name, table in tomllib.loads((model / "training.toml").read_text()).items():
        learnt = {folds.patient(item) for item in training_items(from_table(table, where=name))}
        assert not learnt & scored


def test_a_model_comes_with_its_licence_and_its_failures(model: Path) -> None:
    card = read_card(model / "card.toml")
    assert card.licence.split("-", 1)[0] in (model / "LICENSE").read_text()
    assert card.tree["known_failures"]
