"""From finished runs to a model: weights, card, resolved configs, curves.

``python -m netimg.training.card_out configs/training/net-liver-ct.toml`` writes ``models/<id>/``.
The words of the card are data (that file); hashes, sizes, counts, versions and scores are filled in
here, so that no figure of a card is typed.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.training.config import RunConfig, from_table
from netimg.training.items import load_folds
from netimg.training.start import RUNS, training_items

if TYPE_CHECKING:
    from collections.abc import Iterable


MODELS = Path("models")
EXTERNAL_COLUMNS = ("date", "commit", "model_sha256", "case", "liver_dice", "lesion_dice", "note")


def write_model(recipe: Path, *, models: Path = MODELS, runs: Path = RUNS) -> Path:
    """Write the folder of a model from its runs; the path of its card.

    Parameters
    ----------
    recipe
        Words of the card and the run of each stage.

    Raises
    ------
    FileNotFoundError
        If a run has no checkpoint.
    """
    import tomli_w

    from netimg.training.checkpoint import load_shipped

    table = tomllib.loads(recipe.read_text(encoding="utf-8"))
    folder = models / str(table["id"])
    folder.mkdir(parents=True, exist_ok=True)
    configs = {entry["run"]: _config(runs / entry["run"]) for entry in table["stage"]}
    states = {run: json.loads((runs / run / "ckpt" / "state.json").read_text()) for run in configs}
    steps = {run: load_shipped(runs / run)[1] for run in configs}
    card: dict[str, Any] = {"schema": 1, "created": dt.datetime.now(dt.UTC).date()}
    card |= {key: value for key, value in table.items() if key not in {"stage", "training"}}
    card["stage"] = [
        _stage(entry, configs[entry["run"]], runs / entry["run"], folder)
        for entry in table["stage"]
    ]
    card["training"] = _training(table["training"], configs, states, steps)
    card["scores"] = read_scores(folder / "scores.csv")
    path = folder / "card.toml"
    path.write_text(tomli_w.dumps(card, multiline_strings=False), encoding="utf-8")
    resolved = {run: _without_none(config.as_table()) for run, config in configs.items()}
    (folder / "training.toml").write_text(tomli_w.dumps(resolved), encoding="utf-8")
    log = folder / "external_log.csv"
    if not log.exists():
        log.write_text(",".join(EXTERNAL_COLUMNS) + "\n", encoding="utf-8")
    return path


def add_golden(folder: Path) -> None:
    """Run each stage once on the made-up image and put the outcome into the card."""
    import tomli_w

    from netimg.segmentation.cards import read_card
    from netimg.segmentation.networks import golden

    path = folder / "card.toml"
    card = read_card(path)
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for entry, stage in zip(table["stage"], card.stages, strict=True):
        mean, sd = golden(card, stage)
        entry["golden"] = {"mean": mean, "sd": sd}
    path.write_text(tomli_w.dumps(table), encoding="utf-8")


def read_scores(path: Path) -> dict[str, Any]:
    """Table ``[scores]`` from ``scores.csv`` (`netimg.training.score`); without it, no score."""
    from netimg.training.score import summary

    if not path.is_file():
        return {
            "protocol": "not measured yet",
            "n_patients": 0,
            "n_scans": 0,
            "external": {"looks": 0},
        }
    with path.open(encoding="utf-8", newline="") as stream:
        return summary(list(csv.DictReader(stream)))


def _config(run: Path) -> RunConfig:
    return from_table(json.loads((run / "config.json").read_text(encoding="utf-8")), where=run.name)


def _stage(entry: dict[str, Any], config: RunConfig, run: Path, folder: Path) -> dict[str, Any]:
    """Stage of the card: the words of the recipe, the rest from the run."""
    from netimg.segmentation.weights import save_weights, sha256
    from netimg.training.checkpoint import load_shipped

    weights = folder / f"{entry['name']}.safetensors"
    save_weights(weights, load_shipped(run)[0], half=True)
    low, high = config.window_hu
    normalise = [f"window({low:g}, {high:g})"] + ["window(0, 1)"] * config.with_prior
    computed = {
        "network": {"class": config.network, "kwargs": config.as_table()["kwargs"]},
        "weights": weights.name,
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "dtype_stored": "float16",
        "spacing_mm": list(config.spacing_mm),
        "orientation": "SPL",
        "patch": list(config.window),
        "normalise": normalise,
    }
    return {key: value for key, value in entry.items() if key != "run"} | computed


def _training(
    words: dict[str, Any],
    configs: dict[str, RunConfig],
    states: dict[str, dict[str, Any]],
    steps: dict[str, int],
) -> dict[str, Any]:
    """Table ``[training]``: what was trained on, how many steps ship, how long, where."""
    names = {name for config in configs.values() for name in training_items(config)}
    digest = "".join(config.digest() for config in configs.values())
    painted = sum(steps[run] * config.painted for run, config in configs.items())
    return {
        "synthetic_fraction": round(painted / max(1, sum(steps.values())), 3),
        "iterations": sum(steps.values()),
        "hours": round(sum(float(state["seconds"]) for state in states.values()) / 3600.0, 2),
        "hardware": _all(states, "machine"),
        "seed": next(iter(configs.values())).seed,
        "config_sha256": _sha256_text(digest),
        "git_commit": _commit(),
        "torch_version": _all(states, "torch"),
        "monai_version": version("monai"),
        "data": [_source(entry, names) for entry in words["data"]],
    }


def _source(entry: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    folds = load_folds()
    mine = [n for n in names if entry["prefix"] and n.startswith(f"{entry['prefix']}-")]
    counts = {"items": len(mine), "patients": len({folds.patient(name) for name in mine})}
    return {key: value for key, value in entry.items() if key != "prefix"} | counts


def _all(states: dict[str, dict[str, Any]], key: str) -> str:
    """What the runs say of themselves, once each."""
    return ", ".join(sorted({str(state[key]) for state in states.values()}))


def _commit() -> str:
    words = ("git", "rev-parse", "HEAD")
    done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603  # fixed words
    return done.stdout.strip()


def _sha256_text(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def _without_none(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if value is not None}


if __name__ == "__main__":
    card_file = write_model(Path(sys.argv[1]))
    add_golden(card_file.parent)
    print(card_file)  # noqa: T201  # what the command says
