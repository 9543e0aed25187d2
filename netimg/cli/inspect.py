"""``netimg inspect``: what is in a folder, what would be used and why; writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netimg.cli.common import command
from netimg.cli.reading_options import Reading
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO

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
    reading: Reading = Reading(),  # noqa: B008  # frozen
) -> None:
    """Inspect one study."""
    from netimg.reading.studies import survey_study
    from netimg.reading.summary import inspect_tree

    settings = terminal.settings()
    found = survey_study(
        path,
        study=reading.study,
        ct=reading.ct,
        pet=tuple(reading.pet or ()),
        overrides=reading.overrides(),
        settings=settings,
    )
    tree = inspect_tree(found, show_patient=show_patient, files=files)
    if terminal.json_wanted:
        terminal.document(tree)
    else:
        _print(terminal, tree)
    if check and found.ct is None:
        raise typer.Exit(EXIT_NO)


def _print(terminal: Terminal, tree: Mapping[str, Any]) -> None:
    """Lines of the text form, in the order of the document."""
    from netimg.reporting.words.terminal import inspect_lines

    for line in inspect_lines(tree):
        terminal.result(line)
