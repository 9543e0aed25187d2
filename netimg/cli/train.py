"""``netimg train``: train a model from one config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netimg.cli import checks
from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import USE_001, UsageError


def register(app: typer.Typer) -> None:
    """Add ``train`` to the application."""
    help_ = (
        "Train a model from one config.\n\n"
        "netimg train configs/training/net-liver-ct-liver.toml --hours 1"
    )
    command(app, "train", help=help_)(train)


def train(
    terminal: Terminal,
    recipe: Annotated[
        Path | None, typer.Argument(help="A file of configs/training.", metavar="CONFIG")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Folder of an earlier run.", metavar="RUN")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Processor threads; default: torch's.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option("--hours", min=0.0, help="Wall-clock budget.")
    ] = None,
    fold: Annotated[int | None, typer.Option("--fold", min=1, max=5, help="Fold held out.")] = None,
    prepare: Annotated[bool, typer.Option("--prepare", help="Build the cache and end.")] = False,
    check_data: Annotated[
        bool, typer.Option("--check-data", help="Check every item and end.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of the cache.", metavar="DIR")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run.")
    ] = None,
) -> None:
    """Train, prepare or check."""
    from netimg import training

    if recipe is None and (resume is None or prepare or check_data):
        what = "no config was given."
        raise UsageError(USE_001, what=what, todo="Name a config: netimg train CONFIG.")
    checks.device(device)
    if resume is not None and not (resume / "config.json").is_file():
        raise UsageError(
            USE_001,
            what=f"{resume} is not the folder of an earlier run: it holds no config.json.",
            where="--resume",
            todo="Name a folder that netimg train wrote, as in runs/NAME.",
        )
    changes = dict(terminal.changes or {})
    if recipe is not None and (check_data or prepare):
        action = training.check_data if check_data else training.prepare
        lines = action(recipe, cache=cache, changes=changes)
        if terminal.json_wanted:
            terminal.document({"schema": "netimg.train/1", "lines": list(lines)})
            return
        for line in lines:
            terminal.result(line)
        return
    with terminal.progress() as progress:
        path = training.train(
            recipe,
            resume=resume,
            device=device,
            threads=threads,
            hours=hours,
            fold=fold,
            cache=cache,
            out=output,
            changes=changes,
            progress=progress,
        )
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.train/1", "path": str(path)})
    else:
        terminal.result(f"run {path}")
