"""``netimg criteria list|show|check``: the rule catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO


def register(app: typer.Typer) -> None:
    """Add the group ``criteria`` to the application."""
    group = typer.Typer(no_args_is_help=True, help="The rule catalogue.")
    command(group, "list", help="Every rule, one line each.")(list_rules)
    command(group, "show", help="One rule: question, expression, inputs, source.")(show)
    command(group, "check", help="Check rule files and run their examples.")(check)
    app.add_typer(group, name="criteria")


def list_rules(
    terminal: Terminal,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="P", help="Rules of one profile.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="K", help="criterion, contraindication, caution or class."),
    ] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="S", help="patient, lesion or plan.")
    ] = None,
) -> None:
    """List rules."""
    from netimg.assessment.catalogue import load_catalogue

    rules = load_catalogue(terminal.settings()).listed(profile=profile, kind=kind, scope=scope)
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.rules/1", "rules": rules})
        return
    for rule in rules:
        name = f"{rule['id']}@{rule['profile']}"
        terminal.result(f"{name:<28} {rule['kind']:<17} {rule['scope']:<8} {rule['question']}")


def show(
    terminal: Terminal,
    rule: Annotated[str, typer.Argument(help="ID or ID@PROFILE.", show_default=False)],
) -> None:
    """Show one rule."""
    from netimg.assessment.catalogue import load_catalogue

    found = load_catalogue(terminal.settings()).described(rule)
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.rules/1", "rules": [found]})
        return
    from netimg.reporting.words.terminal import rule_lines

    for line in rule_lines(found):
        terminal.result(line)


def check(
    terminal: Terminal,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; default: the catalogue.")
    ] = None,
) -> None:
    """Check rule files."""
    from netimg.assessment.catalogue import check_files

    problems, examples = check_files(paths or None, settings=terminal.settings())
    if terminal.json_wanted:
        terminal.document(
            {"schema": "netimg.criteria-check/1", "problems": problems, "examples": examples}
        )
    else:
        for line in problems:
            terminal.result(line)
        terminal.result(f"{examples} examples ran, {len(problems)} problems")
    if problems:
        raise typer.Exit(EXIT_NO)
