"""The `netimg` command: its subcommands, and the one place where errors become an exit status."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from netimg import __version__
from netimg.cli import batch, criteria, doctor, evaluate, inspect, models, phantom, run, train
from netimg.cli.common import Stopped, Terminated
from netimg.cli.terminal import Terminal
from netimg.errors import (
    EXITS,
    INT_001,
    USE_001,
    NetimgError,
    UsageError,
)

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="netimg",
    help="CT and PET of neuroendocrine liver metastases: from DICOM to reasons. "
    "Research use; not a medical device.",
    epilog="First try:  netimg run FOLDER -o OUT\n\nExit status: "
    + ", ".join(f"{number} {name}" for number, (name, _) in EXITS.items()),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(_version_line())
        raise typer.Exit


def _version_line() -> str:
    from importlib.metadata import PackageNotFoundError, version

    from netimg.resources import source_commit
    from netimg.settings import Settings

    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "not installed"
    model = Settings.shipped()["segmentation.model"]
    python = ".".join(map(str, sys.version_info[:3]))
    commit, _, changes = (source_commit() or "not known").partition("+")
    commit = commit[:12] + (f"+{changes}" if changes else "")
    return f"netimg {__version__} (commit {commit}, python {python}, torch {torch}, model {model})"


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """CT and PET of neuroendocrine liver metastases: from DICOM to reasons."""


for _room in (run, batch, inspect, phantom, evaluate, models, criteria, train, doctor):
    _room.register(app)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(call(sys.argv[1:] if argv is None else argv))


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def call(argv: Sequence[str]) -> int:
    """Run one command line and give its exit status (the table in `netimg.errors`)."""
    terminal = Terminal.plain(json_wanted="--json" in argv)
    try:
        status = app(args=list(argv), prog_name="netimg", standalone_mode=False)
    except Exception as error:  # noqa: BLE001  # the last door: all become one sentence
        return _end(terminal, error, debug="--debug" in argv)
    return status if isinstance(status, int) else 0


def _end(terminal: Terminal, error: Exception, *, debug: bool) -> int:
    """Exit status and words of what ended a command."""
    match error:
        case Stopped():
            terminal.say("stopped; nothing half-written is left")
            return error.exit_code
        case NetimgError():
            return _refuse(terminal, error)
        case TyperException():
            return _refuse_usage(terminal, error)
    return _refuse_bug(terminal, error, debug=debug)


def _refuse(terminal: Terminal, error: NetimgError) -> int:
    if terminal.json_wanted:
        part = {"code": error.code.id, "what": error.what, "where": error.where, "todo": error.todo}
        document = {"schema": "netimg.error/1", "exit_code": error.exit_code, "errors": [part]}
        terminal.document(document)
    terminal.say(str(error))
    return error.exit_code


def _refuse_usage(terminal: Terminal, error: TyperException) -> int:
    """Say what typer found wrong as one of our own refusals (USE-001)."""
    what = getattr(error, "format_message", error.__str__)()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(what)
        return 2
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "netimg"
    todo = f"See {command} --help."
    return _refuse(terminal, UsageError(USE_001, what=what, where=command, todo=todo))


def _refuse_bug(terminal: Terminal, error: BaseException, *, debug: bool) -> int:
    """One sentence for a bug; the traceback only with --debug, since it may quote values."""
    if debug:
        terminal.say("The traceback below may quote values of the patient's files.")
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119  # text, not a path
    bug = NetimgError(
        INT_001,
        what=f"{type(error).__name__} in {place}.",
        todo="This is a bug in netimg. Run the command again with --debug to see the details, "
        "and report them without patient data, with what `netimg doctor --bug-report` prints.",
    )
    return _refuse(terminal, bug)
