"""The two streams of a command: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import USE_001, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.progress import Progress
    from netimg.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What a command may say, and how: the options that every command has."""

    quiet: bool = False
    verbose: int = 0
    json_wanted: bool = False
    color: str = "auto"
    debug: bool = False
    config: Path | None = None
    changes: Mapping[str, object] | None = None

    @classmethod
    def plain(cls, *, json_wanted: bool) -> Terminal:
        """Return a terminal before any option is known."""
        return cls(json_wanted=json_wanted)

    def result(self, text: str) -> None:
        """Print a line of the result."""
        _write(sys.stdout, text)

    def document(self, tree: Mapping[str, Any]) -> None:
        """Print the result as one JSON document; no NaN can get through."""
        _write(sys.stdout, json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False))

    def say(self, text: str) -> None:
        """Print a line that is not the result (errors, flags)."""
        _write(sys.stderr, text)

    def note(self, text: str) -> None:
        """Print a decision or a time; only with -v."""
        if self.verbose:
            _write(sys.stderr, text)

    def settings(self) -> Settings:
        """Return the effective settings: shipped, user file, environment, ``--set``."""
        from netimg.settings import Settings

        settings = Settings.load(self.config)
        return settings.with_values(self.changes or {}, layer="--set")

    @property
    def is_live(self) -> bool:
        """Whether a person watches stderr and control characters are welcome."""
        if self.color == "never" or os.environ.get("TERM") == "dumb":
            return False
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """One bar with the stage's name on a terminal, one plain line per stage elsewhere."""
        from netimg.progress import silent

        if self.quiet:
            yield silent
        elif self.is_live:
            with _Bar() as bar:
                yield bar
        else:
            yield _Lines(self)


class _Lines:
    """One plain line per stage."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def stage(self, name: str) -> None:
        self._terminal.say(f"{name} ...")

    def step(self, done: int, total: int) -> None:
        pass


class _Bar:
    """One rich bar; the stage's name in front of it."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            Task,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Left(TimeRemainingColumn):
            """``0:03:10 left``; nothing while nobody knows."""

            def render(self, task: Task) -> Text:
                time_left = super().render(task)
                return time_left.append(" left") if time_left.plain else time_left

        console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn(), Left())
        self._bar = Progress(*columns, console=console, transient=True)
        self._bar.start()
        self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, name: str) -> None:
        self._bar.update(self._task, description=name, total=None, completed=0)

    def step(self, done: int, total: int) -> None:
        self._bar.update(self._task, total=total, completed=done)


def configure_log(path: Path | None, verbose: int) -> None:
    """Send netimg's log as JSON lines to a file, or to stderr with -vv."""
    root = logging.getLogger("netimg")
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    if path is None and verbose < 2:
        return
    from netimg.pipeline.log import JsonLines

    handler = logging.StreamHandler(sys.stderr) if path is None else _log_file(path)
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)


def _log_file(path: Path) -> logging.Handler:
    try:
        return logging.FileHandler(path, mode="w", encoding="utf-8")
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror}."
        todo = "Name a file in a folder that is there."
        raise UsageError(USE_001, what=what, where="--log", todo=todo) from error


def _write(stream: Any, text: str) -> None:  # noqa: ANN401  # a text stream
    """Print foreign text safely: no control characters, no encoding errors."""
    clean = "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(clean.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        # The reader went away (`| head`): say nothing more, and let the work go on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
