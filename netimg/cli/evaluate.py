"""``netimg evaluate``: score a mask against a reference mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO, USE_001, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.measurement.evaluate import Evaluation


def register(app: typer.Typer) -> None:
    """Add ``evaluate`` to the application."""
    help_ = (
        "Score a mask against a reference: Dice, volume, lesions found.\n\n"
        "netimg evaluate out/masks/lesions.nii.gz reader.nii.gz --labels lesion=1"
    )
    command(app, "evaluate", help=help_)(evaluate)


def evaluate(
    terminal: Terminal,
    pred: Annotated[
        str,
        typer.Argument(
            help="SEG, RTSTRUCT, NIfTI or NRRD; all of it, or a structure by name or number.",
            metavar="FILE[:LABEL]",
            show_default=False,
        ),
    ],
    ref: Annotated[
        str,
        typer.Argument(
            help="Reference mask on the same grid, of any of these kinds.",
            metavar="FILE[:LABEL]",
            show_default=False,
        ),
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
    from netimg.pipeline import MaskFile
    from netimg.reading.masks import read_mask_pair

    names = _labels(labels)
    given, truth = MaskFile.parse(pred), MaskFile.parse(ref)
    masks = read_mask_pair(given.path, truth.path, labels=(given.label, truth.label))
    evaluation = evaluate_masks(
        *masks,
        labels=names,
        size_classes_mm=_numbers(size_classes_mm),
    )
    missed = _missed(_flat(evaluation), dict(_limit(text) for text in minimum or ()))
    if terminal.json_wanted:
        scores = evaluation.to_dict()
        terminal.document({"schema": "netimg.evaluate/1", "missed": missed} | scores)
    else:
        from netimg.reporting.words.terminal import score_lines

        for line in score_lines(evaluation.to_dict()):
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


def _flat(evaluation: Evaluation) -> dict[str, float]:
    """Scores that ``--min`` can name: structure and score, as in ``liver_dice``."""
    flat: dict[str, float] = {}
    for structure in evaluation.structures:
        flat[f"{structure.name}_dice"] = structure.dice
        found = structure.detection
        for score in ("sensitivity", "precision", "f1"):
            value = None if found is None else getattr(found, score)
            if value is not None:
                flat[f"{structure.name}_{score}"] = value
    return flat


def _missed(scores: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """Limits that were not reached, a sentence each."""
    lines = []
    for name, least in limits.items():
        if name not in scores:
            what = f"--min names {name!r}, which was not scored."
            raise UsageError(USE_001, what=what, todo=f"Scores: {', '.join(sorted(scores))}.")
        if scores[name] < least:
            lines.append(f"{name} is {scores[name]:.4f}, below {least}")
    return lines
