"""``netimg models list|info|verify``: the model cards."""

from __future__ import annotations

from typing import Annotated

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO, MDL_001, ModelError


def register(app: typer.Typer) -> None:
    """Add the group ``models`` to the application."""
    group = typer.Typer(no_args_is_help=True, help="The model cards.")
    command(group, "list", help="Every model, one line each.")(list_models)
    command(group, "info", help="The card of one model.")(info)
    command(group, "verify", help="Check hashes, load the weights, run a self-test.")(verify)
    app.add_typer(group, name="models")


def list_models(terminal: Terminal) -> None:
    """List models."""
    from netimg.reporting.words.models import model_row
    from netimg.segmentation.cards import list_cards

    settings = terminal.settings()
    rows = [model_row(card.tree) for card in list_cards(settings["segmentation.model_folders"])]
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
    from netimg.reporting.words.models import card_lines
    from netimg.segmentation.cards import load_card

    settings = terminal.settings()
    card = load_card(
        id,
        settings["segmentation.model_folders"],
        allow_test_only=settings["segmentation.allow_test_model"],
    )
    if terminal.json_wanted:
        terminal.document({"schema": "netimg.models/1", "models": [card.tree]})
        return
    for line in card_lines(card.tree):
        terminal.result(line)


def verify(
    terminal: Terminal,
    id: Annotated[str | None, typer.Argument(help="Model id; default: all.")] = None,  # noqa: A002  # the card's word
) -> None:
    """Verify one model or all."""
    from netimg.segmentation.cards import list_cards, load_card
    from netimg.segmentation.verify import verify_card

    settings = terminal.settings()
    folders = settings["segmentation.model_folders"]
    names = [id] if id else [card.id for card in list_cards(folders)]
    allowed = bool(settings["segmentation.allow_test_model"])
    rows: list[dict[str, str]] = []
    for name in names:
        try:
            checks = verify_card(load_card(name, folders, allow_test_only=allowed))
        except ModelError as error:
            if error.code is MDL_001:
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
