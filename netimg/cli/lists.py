"""Lists of ``batch``: one path a line, or a CSV whose columns are options of ``run``.

A cell is typed as the option would be and read by the very definitions of ``run``. Several values
stand in one cell with ``|`` between them; a switch is yes or no. Paths are those of the current
folder, as on a command line.
"""

from __future__ import annotations

import csv
import difflib
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.exceptions import TyperException

from netimg.cli import options as opt
from netimg.cli.asked import Asked
from netimg.cli.mask_options import GivenMasks
from netimg.cli.reading_options import Chosen, Reading
from netimg.errors import USE_001, NetimgError, UsageError

if TYPE_CHECKING:
    from netimg.batch import Row
    from netimg.pipeline import Request
    from netimg.settings import Settings

_SETTINGS = ("outputs", "model", "device", "profile")
_CLINICAL = ("facts", "fact", "assessment_date", "require")
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_TOLD_OF_FAILURES = {"code", "what", "where", "todo", "stage", "attempts"}
"""Columns by which ``failed.csv`` is known: a list of what to try again."""


def read_list(path: Path, template: Request, settings: Settings) -> list[Row]:
    """Rows of a ``.txt`` or ``.csv`` list, every cell checked before any work.

    Raises
    ------
    UsageError
        USE-001 with file and line for a column or value that is not known, USE-002 for options
        that exclude each other.
    """
    from netimg.batch import Row

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = f"the list {path.name} cannot be read: {error}."
        todo = "Give a text file in UTF-8, .txt or .csv."
        raise UsageError(USE_001, what=what, where="--list", todo=todo) from error
    if path.suffix.lower() != ".csv":
        return [
            Row(path=Path(line.strip()), where=f"{path.name}, line {number}", request=template)
            for number, line in enumerate(text.splitlines(), start=1)
            if line.strip()
        ]
    head = text.partition("\n")[0]
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter=";" if ";" in head and "," not in head else ","
    )
    columns = [name.strip() for name in next(reader, [])]
    is_failures = set(columns) >= _TOLD_OF_FAILURES
    if not is_failures:
        _check_columns(columns, f"{path.name}, line 1")
    rows = []
    for cells in reader:
        where = f"{path.name}, line {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            what = f"there are {len(cells)} cells, and {len(columns)} columns."
            todo = "Put a cell that holds the separator in double quotes."
            raise UsageError(USE_001, what=what, where=where, todo=todo)
        said = {n: c.strip() for n, c in zip(columns, cells, strict=True) if c.strip()}
        if is_failures:
            name = said.get("label", "").rpartition("-")[0]
            said = {k: v for k, v in {"input": said.get("input"), "label": name}.items() if v}
        try:
            row = _row(said, where, template, settings)
        except NetimgError as error:
            raise type(error)(error.code, what=error.what, where=where, todo=error.todo) from error
        rows.append(replace(row, is_told=not is_failures and len(said) > 1))
    return rows


def _check_columns(columns: list[str], where: str) -> None:
    known = ("input", "label", *_of_a_row())
    if "input" not in columns:
        todo = "Name the column with the folder or zip of each study input."
        raise UsageError(USE_001, what="there is no column input.", where=where, todo=todo)
    for name in columns:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                USE_001,
                what=f"the column {name!r} is no option of a single study.",
                where=where,
                todo=f"{hint}Known: {', '.join(known)}.",
            )
        if columns.count(name) > 1:
            what = f"the column {name!r} is there {columns.count(name)} times."
            todo = "Put several values into one cell with | between them."
            raise UsageError(USE_001, what=what, where=where, todo=todo)


def _of_a_row() -> tuple[str, ...]:
    """Options of ``run`` that a row may give."""
    groups = (Chosen, Reading, GivenMasks)
    return (*(f.name for group in groups for f in fields(group)), *_CLINICAL, *_SETTINGS)


def _row(said: Mapping[str, str], where: str, template: Request, settings: Settings) -> Row:
    """One row: its cells over the options of every study."""
    from netimg.batch import Row
    from netimg.pipeline import check_settings

    if "input" not in said:
        todo = "Give the folder or zip of the study."
        raise UsageError(USE_001, what="the cell of input is empty.", todo=todo)
    typed, off = _typed({k: v for k, v in said.items() if k not in ("input", "label")})
    values = _parsed(typed)
    groups = {
        "chosen": _group(Chosen, values),
        "reading": _group(Reading, values),
        "given": _group(GivenMasks, values),
    }
    asked = Asked(**groups, **{name: values[name] for name in _CLINICAL})
    changes = opt.changes_of(**{name: values[name] for name in _SETTINGS})
    if changes:
        check_settings(settings.with_values(changes, layer="list"))
    kept = {k: v for k, v in template.overrides.items() if k not in off}
    request = asked.over(replace(template, overrides=kept))
    words = shlex.join(typed)
    command = f"{template.command} ({where}: {words})" if typed else template.command
    return Row(
        path=Path(said["input"]),
        where=where,
        name=said.get("label", ""),
        request=replace(request, command=command),
        changes=changes,
    )


def _typed(cells: Mapping[str, str]) -> tuple[list[str], set[str]]:
    """Cells as they would be typed behind ``run``, and the switches that are told to be off."""
    typed: list[str] = []
    off: set[str] = set()
    options = {one.name: one for one in _run().params}
    for name, cell in cells.items():
        option = f"--{name.replace('_', '-')}"
        if not getattr(options[name], "is_flag", False):
            many = getattr(options[name], "multiple", False)
            typed += [f"{option}={one.strip()}" for one in (cell.split("|") if many else [cell])]
        elif cell.lower() in _YES:
            typed.append(option)
        elif cell.lower() in _NO:
            off.add(name)
        else:
            what = f"{name} {cell!r} is neither yes nor no."
            raise UsageError(USE_001, what=what, todo="Write yes or no, or leave the cell empty.")
    return typed, off


def _parsed(typed: list[str]) -> dict[str, Any]:
    """Values by the definitions of ``run``."""
    try:
        return dict(_run().make_context("netimg run", [*typed, "input"]).params)
    except TyperException as error:
        what = getattr(error, "format_message", error.__str__)()
        raise UsageError(USE_001, what=what, todo="See netimg run --help.") from error


def _run() -> Any:  # noqa: ANN401  # a command of typer
    from netimg.cli import run

    app = typer.Typer()
    run.register(app)
    return typer.main.get_command(app)


def _group(kind: type[Any], values: Mapping[str, Any]) -> Any:  # noqa: ANN401  # one of three groups
    """A group of options; what was not typed is as its own default."""
    return kind(**{f.name: values[f.name] or f.default for f in fields(kind)})
