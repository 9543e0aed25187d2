"""``netimg evaluate``: score a mask against a reference mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO, USE_001, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add ``evaluate`` to the application."""
    help_ = (
        "Score a mask against a reference: Dice, volume, lesions found.\n\n"
        "netimg evaluate out/masks/lesions.nii.gz reader.nii.gz --labels lesion=1"
    )
    command(app, "evaluate", help=help_)(evaluate)


def evaluate(
    terminal: Terminal,
    pred: Annotated[Path, typer.Argument(help="NIfTI mask.", show_default=False)],
    ref: Annotated[
        Path, typer.Argument(help="Reference mask on the same grid.", show_default=False)
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="Names of numbers, as in liver=1,lesion=2; default: any non-zero."
        ),
    ] = None,
    size_classes_mm: Annotated[
        str, typer.Option("--size-classes-mm", help="Borders of the size classes of lesions.")
    ] = "5,10,20,50",
    minimum: Annotated[
        list[str] | None,
        typer.Option(
            "--min", help="End with 1 if missed, as in liver_dice=0.95.", metavar="NAME=X"
        ),
    ] = None,
) -> None:
    """Score one pair of files."""
    from netimg.measurement.evaluate import evaluate_masks
    from netimg.reading.masks import read_mask_file

    prediction, reference = read_mask_file(pred), read_mask_file(ref)
    names = _labels(labels)
    scores = evaluate_masks(
        prediction, reference, labels=names, size_classes_mm=_numbers(size_classes_mm)
    )
    limits = dict(_limit(text) for text in minimum or ())
    missed = _missed(scores, limits)
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.evaluate/1", "scores": scores, "missed": missed})
    else:
        from netimg.reporting.words.terminal import score_lines

        for line in score_lines(scores):
            terminal.result(line)
    for line in missed:
        terminal.say(line)
    if missed:
        raise typer.Exit(EXIT_NO)


def _labels(text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    try:
        return {k.strip(): int(v) for k, v in (part.split("=") for part in text.split(","))}
    except ValueError:
        what = f"--labels {text!r} cannot be read."
        raise UsageError(USE_001, what=what, todo="Write liver=1,lesion=2.") from None


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        what = f"--size-classes-mm {text!r} cannot be read."
        raise UsageError(USE_001, what=what, todo="Write 5,10,20,50.") from None


def _limit(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        what = f"--min {text!r} cannot be read."
        raise UsageError(USE_001, what=what, todo="Write --min liver_dice=0.95.") from None


def _missed(scores: Mapping[str, Mapping[str, Any]], limits: Mapping[str, float]) -> list[str]:
    """Limits not reached; a name is a structure and a score: ``liver_dice``."""
    flat = {
        f"{structure}_{name}": value
        for structure, row in scores.items()
        for name, value in row.items()
        if isinstance(value, int | float)
    }
    lines = []
    for name, least in limits.items():
        if name not in flat:
            known = ", ".join(sorted(flat))
            what = f"--min names {name!r}, which was not scored."
            raise UsageError(USE_001, what=what, todo=f"Scores: {known}.")
        if flat[name] < least:
            lines.append(f"{name} is {flat[name]:.4f}, below {least}")
    return lines
