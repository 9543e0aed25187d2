"""``netimg inspect``: what is in a folder, what would be used and why; writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netimg.cli import options as opt
from netimg.cli.common import command
from netimg.cli.reading_options import Chosen, Reading
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO, NothingUsable

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add ``inspect`` to the application."""
    help_ = (
        "What is in a folder, what would be used and why; writes nothing.\n\n"
        "netimg inspect patient_07/"
    )
    command(app, "inspect", help=help_)(inspect)


def inspect(
    terminal: Terminal,
    path: Annotated[Path, typer.Argument(help="Folder, zip or DICOM file.", show_default=False)],
    files: Annotated[bool, typer.Option("--files", help="Every file and its fate.")] = False,
    show_patient: Annotated[bool, typer.Option("--show-patient", help="Show who it is.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 if no CT could be used.")
    ] = False,
    headers: Annotated[
        bool, typer.Option("--headers", help="The SUV fields of each PET with their candidates.")
    ] = False,
    chosen: Chosen = Chosen(),  # noqa: B008  # frozen
    reading: Reading = Reading(),  # noqa: B008  # frozen
    require: Annotated[
        list[str] | None,
        opt.option(
            "What is read", "--require", "End with 4 if pet or suv cannot be had.", metavar="PART"
        ),
    ] = None,
) -> None:
    """Inspect one study."""
    from netimg.pipeline.required import check_read
    from netimg.reading.studies import survey_study
    from netimg.reading.summary import inspect_tree
    from netimg.reading.values import with_values

    parts = opt.check_require(require, ("pet", "suv"))
    settings = terminal.settings()
    overrides = chosen.overrides() | reading.overrides()
    with terminal.progress() as progress:
        if terminal.is_live:  # elsewhere a line before every answer would only be noise
            progress.stage("read")
        found = survey_study(
            path,
            study=chosen.study,
            ct=chosen.ct,
            pet=tuple(chosen.pet or ()),
            overrides=overrides,
            settings=settings,
            progress=progress,
        )
        found = with_values(found)
    tree = inspect_tree(found, show_patient=show_patient, files=files)
    if terminal.json_wanted:
        terminal.document(tree)
    else:
        _print(terminal, tree)
        if headers:
            _print_suv(terminal, tree)
    try:
        check_read(parts, found, None)
    except NothingUsable as error:
        # The result stays the one document on stdout.
        terminal.say(str(error))
        raise typer.Exit(error.exit_code) from error
    if check and found.ct is None:
        raise typer.Exit(EXIT_NO)


def _print(terminal: Terminal, tree: Mapping[str, Any]) -> None:
    """Lines of the text form, in the order of the document."""
    from netimg.reporting.words.inspection import inspect_lines

    for line in inspect_lines(tree):
        terminal.result(line)


def _print_suv(terminal: Terminal, tree: Mapping[str, Any]) -> None:
    """What the SUV of each PET is made of, under the names of the document."""
    for series in tree["series"]:
        for key, value in (series.get("suv") or {}).items():
            name = f"series {series['number']} suv.{key}"
            if key == "candidates":
                for one in value:
                    ratio = f"{one['relative_suv']:.4g} of the SUV chosen"
                    terminal.result(f"{name}: {one['name']}, {one['reference']}, {ratio}")
            elif key != "notes":  # among the problems already
                terminal.result(f"{name}: {'not said' if value in (None, '') else value}")
