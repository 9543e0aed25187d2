"""Options that every command has, written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from netimg.cli.terminal import Terminal, configure_log
from netimg.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, USE_001, UsageError

_EVERY = "Every command"

Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Only errors and the result.", rich_help_panel=_EVERY),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        help="Decisions and times; twice: debug.",
        rich_help_panel=_EVERY,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="The result as one JSON document on stdout.", rich_help_panel=_EVERY
    ),
]
Color = Annotated[
    str,
    typer.Option("--color", help="auto, always or never.", metavar="WHEN", rich_help_panel=_EVERY),
]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log",
        help="JSON lines at debug level, no identity.",
        metavar="FILE",
        rich_help_panel=_EVERY,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="A settings file instead of the user's.",
        metavar="FILE",
        rich_help_panel=_EVERY,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any setting, TOML value; repeatable.",
        metavar="KEY=VALUE",
        rich_help_panel=_EVERY,
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Traceback of an unexpected error.", rich_help_panel=_EVERY)
]

_COMMON = {
    "quiet": (Quiet, False),
    "verbose": (Verbose, 0),
    "json_wanted": (Json, False),
    "color": (Color, "auto"),
    "log": (Log, None),
    "config": (Config, None),
    "set_": (Set, None),
    "debug": (Debug, False),
}


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends the work as Ctrl-C does, with an exit status of its own."""


class Stopped(Exception):  # noqa: N818  # nothing went wrong
    """A person or the system ended the work."""

    def __init__(self, interrupt: KeyboardInterrupt) -> None:
        super().__init__()
        is_terminated = isinstance(interrupt, Terminated)
        self.exit_code = EXIT_TERMINATED if is_terminated else EXIT_INTERRUPTED


def command(app: typer.Typer, name: str, **options: Any) -> Callable[..., Any]:  # noqa: ANN401  # passed on to typer
    """Register a function ``f(terminal, ...)`` as a command, with the common options added."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]
        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in _COMMON.items()
        ]

        @functools.wraps(function)
        def call(**values: Any) -> Any:  # noqa: ANN401  # whatever the command takes and gives
            try:
                terminal = _terminal({key: values.pop(key) for key in _COMMON})
                return function(terminal, **values)
            except KeyboardInterrupt as interrupt:
                # typer would turn it into an exit status without a word.
                raise Stopped(interrupt) from interrupt

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + common
        call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by inspect
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        del call.__wrapped__
        app.command(name, **options)(call)
        return function

    return register


def _terminal(values: dict[str, Any]) -> Terminal:
    configure_log(values["log"], values["verbose"])
    if values["color"] not in ("auto", "always", "never"):
        raise UsageError(
            USE_001,
            what=f"--color {values['color']!r} is not auto, always or never.",
            todo="Choose one of the three.",
        )
    return Terminal(
        quiet=values["quiet"],
        verbose=values["verbose"],
        json_wanted=values["json_wanted"],
        color=values["color"],
        debug=values["debug"],
        config=values["config"],
        changes=dict(parse_setting(text) for text in values["set_"] or ()),
    )


def parse_setting(text: str) -> tuple[str, object]:
    """``KEY=VALUE`` of ``--set``.

    Raises
    ------
    UsageError
        USE-001 without an equals sign.
    """
    from netimg.settings import parse_value

    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            USE_001,
            what=f"--set {text!r} has no value.",
            todo="Write --set KEY=VALUE, as in --set segmentation.device=cpu.",
        )
    return key.strip(), parse_value(value.strip())
