"""``netimg phantom``: a test patient with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import USE_001, UsageError


def register(app: typer.Typer) -> None:
    """Add ``phantom`` to the application."""
    help_ = (
        "Make a phantom patient: CT, SSTR PET, FDG PET, truth and facts.\n\n"
        "netimg phantom -o phantom/ --seed 7"
    )
    command(app, "phantom", help=help_)(phantom)


def phantom(
    terminal: Terminal,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder to write; new, or an older phantom."),
    ] = None,
    preset: Annotated[
        str, typer.Option("--preset", help="A file of configs/phantoms.")
    ] = "net-phantom",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same bytes.")] = 7,
    spacing_mm: Annotated[
        str | None,
        typer.Option("--spacing-mm", help="CT voxels z,y,x, as in 3,2,2.", metavar="Z,Y,X"),
    ] = None,
    lesion_count: Annotated[
        int | None,
        typer.Option("--lesion-count", min=0, help="Lesions to draw; default: as the preset says."),
    ] = None,
    noise: Annotated[float, typer.Option("--noise", min=0.0, help="1 = as the preset says.")] = 1.0,
    followup: Annotated[
        bool, typer.Option("--followup", help="The same patient half a year later.")
    ] = False,
    list_presets: Annotated[bool, typer.Option("--list", help="Name the presets and end.")] = False,
) -> None:
    """Write one phantom."""
    from netimg.phantoms import presets, write_phantom

    if list_presets:
        if terminal.json_wanted:
            known = [{"name": name, "title": title} for name, title in presets()]
            terminal.document({"schema": "netimg.phantom/1", "presets": known})
            return
        for name, title in presets():
            terminal.result(f"{name:<14} {title}")
        return
    if output is None:
        what = "no output folder was given."
        raise UsageError(USE_001, what=what, todo="Add -o DIR.")
    spacing = None if spacing_mm is None else _spacing(spacing_mm)
    with terminal.progress() as progress:
        path = write_phantom(
            output,
            preset=preset,
            seed=seed,
            spacing_mm=spacing,
            lesion_count=lesion_count,
            noise=noise,
            followup=followup,
            progress=progress,
        )
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.phantom/1", "path": str(path)})
    else:
        terminal.result(f"phantom {path}")


def _spacing(text: str) -> tuple[float, float, float]:
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError:
        what = f"--spacing-mm {text!r} is not three numbers."
        raise UsageError(USE_001, what=what, todo="Write z,y,x in mm, as in 3,2,2.") from None
    return (z, y, x)
