"""``netimg models list|info|verify``: the model cards."""

from __future__ import annotations

from typing import Annotated

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO


def register(app: typer.Typer) -> None:
    """Add the group ``models`` to the application."""
    group = typer.Typer(no_args_is_help=True, help="The model cards.")
    command(group, "list", help="Every model, one line each.")(list_models)
    command(group, "info", help="The card of one model.")(info)
    command(group, "verify", help="Check hashes, load the weights, run a self-test.")(verify)
    app.add_typer(group, name="models")


def list_models(terminal: Terminal) -> None:
    """List models."""
    from netimg.segmentation.cards import card_summary, list_cards

    rows = [card_summary(card) for card in list_cards()]
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.models/1", "models": rows})
        return
    from netimg.reporting.words.terminal import table_lines

    for line in table_lines(rows):
        terminal.result(line)


def info(
    terminal: Terminal,
    id: Annotated[str, typer.Argument(help="Model id.", show_default=False)],  # noqa: A002  # the card's word
) -> None:
    """Show one card."""
    from netimg.segmentation.cards import load_card

    card = load_card(id)
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.models/1", "models": [card.tree]})
        return
    for line in card.as_text():
        terminal.result(line)


def verify(
    terminal: Terminal,
    id: Annotated[str | None, typer.Argument(help="Model id; default: all.")] = None,  # noqa: A002  # the card's word
) -> None:
    """Verify one model or all."""
    from netimg.errors import NetimgError
    from netimg.segmentation.cards import list_cards, verify_card

    names = [id] if id else [card.id for card in list_cards()]
    rows: list[dict[str, str]] = []
    for name in names:
        try:
            checks = verify_card(name)
        except NetimgError as error:
            if id:
                raise
            rows.append({"model": name, "status": "fail", "detail": str(error)})
        else:
            rows.append({"model": name, "status": "ok", "detail": "; ".join(checks)})
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.models-verify/1", "models": rows})
    else:
        for row in rows:
            terminal.result(f"{row['model']:<20} {row['status']:<5} {row['detail']}")
    if any(row["status"] == "fail" for row in rows):
        raise typer.Exit(EXIT_NO)
