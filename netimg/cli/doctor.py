"""``netimg doctor``: is this installation fit to work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from netimg.cli.common import command
from netimg.cli.terminal import Terminal
from netimg.errors import EXIT_NO, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.doctor import Item
    from netimg.settings import Settings


def register(app: typer.Typer) -> None:
    """Add ``doctor`` to the application."""
    help_ = "Is this installation fit to work? Ends with 1 if something fails.\n\nnetimg doctor"
    command(app, "doctor", help=help_)(doctor)


def doctor(
    terminal: Terminal,
    settings: Annotated[
        bool, typer.Option("--settings", help="Every setting with the layer it came from.")
    ] = False,
    bug_report: Annotated[
        bool, typer.Option("--bug-report", help="Without paths and names, ready to paste.")
    ] = False,
) -> None:
    """Examine the installation."""
    from netimg.doctor import Status
    from netimg.doctor.settings_rows import settings_rows

    effective, broken = _settings(terminal)
    rows: list[dict[str, str]] = []
    for item in _items(effective, broken):
        row = _row(item, private=not bug_report)
        rows.append(row)
        if not terminal.json_wanted:
            terminal.result(_line(row))
    counts = {status.value: sum(r["status"] == status.value for r in rows) for status in Status}
    said = list(settings_rows(effective, private=not bug_report)) if settings or bug_report else []
    if terminal.json_wanted:
        tree: dict[str, Any] = {"schema": "netimg.doctor/1", "items": rows, "counts": counts}
        terminal.document(tree | ({"settings": said} if settings or bug_report else {}))
    else:
        for one in said:
            terminal.result(f"{one['key']} = {_toml(one['value'])}  ({one['layer']})")
        terminal.result(_sum(counts))
    if counts[Status.FAIL.value]:
        raise typer.Exit(EXIT_NO)


def _settings(terminal: Terminal) -> tuple[Settings, Item | None]:
    """Effective settings; where a file or a variable spoils them, the shipped ones and why."""
    from netimg.doctor import Item, Status
    from netimg.settings import Settings

    try:
        return terminal.settings(), None
    except SettingsError as error:
        # What was typed here and now is refused as everywhere; the rest is what a doctor is for.
        settings = Settings.shipped().with_values(terminal.changes or {}, layer="--set")
        broken = Item(
            name="settings",
            status=Status.FAIL,
            found=f"{error.code}: {{what}} The shipped ones were used here.",
            todo="{advice}",
            private={"what": f"{error.what} ({error.where})", "advice": error.todo},
        )
        return settings, broken


def _items(settings: Settings, broken: Item | None) -> Iterator[Item]:
    from netimg.doctor import examine

    for item in examine(settings):
        yield broken if broken is not None and item.name == broken.name else item


def _row(item: Item, *, private: bool) -> dict[str, str]:
    name, found, todo = item.told(private=private)
    return {"item": name, "status": item.status.value, "found": found, "todo": todo}


def _line(row: dict[str, str]) -> str:
    advice = f"  -> {row['todo']}" if row["todo"] else ""
    return f"{row['status']:<5} {row['item']:<33} {row['found']}{advice}"


def _sum(counts: dict[str, int]) -> str:
    verdict = "not fit to work" if counts["fail"] else "fit to work"
    return f"{verdict}: {counts['ok']} ok, {counts['note']} to know, {counts['fail']} failed"


def _toml(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
