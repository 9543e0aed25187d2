"""Options that every command has, written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from netimg.cli import checks
from netimg.cli.options import option
from netimg.cli.terminal import Terminal, configure_log
from netimg.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, USE_001, UsageError

_EVERY = "Every command"

Quiet = Annotated[bool, option(_EVERY, "--quiet", "Only errors and the result.", short="-q")]
Verbose = Annotated[
    int, option(_EVERY, "--verbose", "Decisions and times; twice: debug.", short="-v", count=True)
]
Json = Annotated[bool, option(_EVERY, "--json", "The result as one JSON document on stdout.")]
Color = Annotated[str, option(_EVERY, "--color", "auto, always or never.", metavar="WHEN")]
Log = Annotated[
    Path | None,
    option(_EVERY, "--log", "JSON lines at debug level, no identity.", metavar="FILE"),
]
Config = Annotated[
    Path | None,
    option(_EVERY, "--config", "A settings file instead of the user's.", metavar="FILE"),
]
Set = Annotated[
    list[str] | None,
    option(_EVERY, "--set", "Any setting, TOML value; repeatable.", metavar="KEY=VALUE"),
]
Debug = Annotated[bool, option(_EVERY, "--debug", "Traceback of an unexpected error.")]

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
    """Register a function ``f(terminal, ...)`` as a command, with the common options added.

    A parameter whose type is a dataclass stands for a group of options: one per field.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function, eval_str=True)
        groups: dict[str, Any] = {
            p.name: p.annotation
            for p in signature.parameters.values()
            if is_dataclass(p.annotation) and p.annotation is not Terminal
        }
        own = [one for p in list(signature.parameters.values())[1:] for one in _spread(p)]
        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in _COMMON.items()
        ]

        @functools.wraps(function)
        def call(**values: Any) -> Any:  # noqa: ANN401  # whatever the command takes and gives
            try:
                terminal = _terminal({key: values.pop(key) for key in _COMMON})
                for group, kind in groups.items():
                    values[group] = kind(**{f.name: values.pop(f.name) for f in fields(kind)})
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


def _spread(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options a parameter stands for: the fields of a group, else itself."""
    kind = parameter.annotation
    if not is_dataclass(kind):
        return [parameter]
    hints = get_type_hints(kind, include_extras=True)
    return [
        parameter.replace(name=f.name, default=f.default, annotation=hints[f.name])
        for f in fields(kind)
    ]


def _terminal(values: dict[str, Any]) -> Terminal:
    configure_log(values["log"], values["verbose"])
    checks.one_of("--color", values["color"], ("auto", "always", "never"))
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
