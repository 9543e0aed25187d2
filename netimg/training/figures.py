"""Pictures of a model: learning curves, and the worst cases with both contours.

``python -m netimg.training.figures net-liver-ct`` after `netimg.training.score`, into
``models/<id>/figures/``.
"""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.training.items import LESION, load_item
from netimg.training.start import DATA, RUNS

if TYPE_CHECKING:
    from netimg.training.items import Item

WORST = 3
SLICES = 5
DICE = (0.6, 1.0)
WINDOW_HU = (-60.0, 200.0)
REFERENCE, DRAWN = "#ffb000", "#38d0ff"
"""Colours of the labels and of the model."""


def draw_curves(path: Path, runs: list[Path]) -> None:
    """Loss and inner score against the step, one panel per run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.0 * len(runs), 2.6), layout="constrained")
    for axes, run in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs, strict=True):
        lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines]
        axes.plot([e["iteration"] for e in entries], [e["loss"] for e in entries], color="0.6")
        axes.set(title=run.name, xlabel="step", ylabel="loss (grey)")
        scores = run / "val.csv"
        if scores.is_file():
            with scores.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
            last = list(rows[0])[-1]
            twin = axes.twinx()
            steps = [int(row["iteration"]) for row in rows]
            twin.plot(steps, [float(row[last]) for row in rows], "o-", color="#0060a0", ms=3)
            twin.set_ylim(*DICE)
            twin.set_ylabel(f"inner Dice, {last}", color="#0060a0")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def draw_case(path: Path, item: Item, masks: Path, *, title: str) -> None:
    """Five axial slices with the labels and what the model drew."""
    import numpy as np
    from matplotlib.figure import Figure

    with np.load(masks) as kept:
        liver, lesions = kept["liver"], kept["lesions"] > 0
    both = np.flatnonzero((liver | item.liver).any(axis=(1, 2)))
    figure = Figure(figsize=(3.0 * SLICES, 3.0), layout="constrained")
    figure.suptitle(f"{title}   labels orange, model blue; lesions dashed", fontsize=9)
    low, high = WINDOW_HU
    chosen = np.linspace(both[0], both[-1], SLICES + 2)[1:-1].round().astype(int)
    for axes, z in zip(figure.subplots(1, SLICES), chosen, strict=True):
        axes.imshow(item.ct[z], cmap="gray", vmin=low, vmax=high)
        for mask, colour, style in (
            (item.liver, REFERENCE, "solid"),
            (liver, DRAWN, "solid"),
            (item.lesions == LESION, REFERENCE, "dashed"),
            (lesions, DRAWN, "dashed"),
        ):
            if mask[z].any():
                axes.contour(mask[z], [0.5], colors=colour, linestyles=style, linewidths=0.8)
        axes.set_axis_off()
        axes.set_title(f"slice {z}", fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)


def worst_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cases with the lowest liver Dice, worst first."""
    return sorted(rows, key=lambda row: float(row["liver_dice"]))[:WORST]


def _main(model: str) -> None:
    folder = Path("models") / model
    recipe = Path("configs") / "training" / f"{model}.toml"
    stages = tomllib.loads(recipe.read_text(encoding="utf-8"))["stage"]
    draw_curves(folder / "figures" / "curves.png", [RUNS / stage["run"] for stage in stages])
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in worst_rows(rows):
        draw_case(
            folder / "figures" / f"worst-{row['case']}.png",
            load_item(DATA, row["case"]),
            RUNS / f"{model}-scores" / f"{row['case']}.npz",
            title=f"{row['case']}: liver Dice {float(row['liver_dice']):.3f}",
        )


if __name__ == "__main__":
    _main(sys.argv[1])
