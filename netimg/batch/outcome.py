"""What became of one study of a batch: `Outcome`; of all of them: `BatchResult`."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.errors import CODES, EXIT_NOTHING, EXIT_OK, EXIT_PARTIAL, NetimgError

if TYPE_CHECKING:
    from netimg.reporting.csv_text import Cell

SCHEMA = "netimg.status/1"


class State(Enum):
    """How a study ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Finished before, with the same input and configuration: kept and listed as ``done``."""

    @property
    def kept(self) -> str:
        """The word that files hold: it says what a study has, not what a call did."""
        return State.DONE.value if self is State.SKIPPED else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one study: its state, and the four parts of the refusal where it failed."""

    label: str
    input: str
    state: State
    code: str = ""
    what: str = ""
    where: str = ""
    todo: str = ""
    stage: str = ""
    exit_code: int = 0
    attempts: int = 1
    seconds: float = 0.0
    host: str = ""
    finished_at: str = ""
    log: str = ""
    """Log of the last attempt, relative to the folder of the batch."""

    @classmethod
    def refused(cls, label: str, source: str, error: NetimgError, *, stage: str = "") -> Outcome:
        """Return the end of a study that a refusal stopped."""
        return cls(
            label=label,
            input=source,
            state=State.FAILED,
            code=error.code.id,
            what=error.what,
            where=error.where,
            todo=error.todo,
            stage=stage,
            exit_code=error.exit_code,
        )

    def ended(self, *, seconds: float) -> Outcome:
        """Return it as ended on this machine, now, after so many seconds."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        host = socket.gethostname()
        return replace(self, seconds=round(seconds, 3), host=host, finished_at=now)

    def as_row(self) -> dict[str, Cell]:
        """Return the fields as plain values, the state as the word that files hold."""
        return asdict(self) | {"state": self.state.kept}

    def without_identity(self) -> Outcome:
        """Return it without paths, host and names of files, for privacy mode.

        The title of the code takes the place of the sentence, which may quote a file's name.
        """
        title = f"{CODES[self.code].title}." if self.code else ""
        return replace(self, input="", where="", host="", what=title)

    def write(self, out: Path) -> None:
        """Keep it as ``status/<label>.json``, replaced whole."""
        from netimg.reporting.layout import write_atomic

        document = {"schema": SCHEMA} | self.as_row()
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        write_atomic(out / "status" / f"{self.label}.json", text)

    @classmethod
    def read(cls, out: Path, label: str) -> Outcome | None:
        """Return a kept outcome; None where there is none or it cannot be read."""
        try:
            document = json.loads((out / "status" / f"{label}.json").read_text("utf-8"))
            if document["schema"] != SCHEMA:
                return None
            values = {field.name: document[field.name] for field in fields(cls)}
            return cls(**values | {"state": State(values["state"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """Every study of a batch, by label."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    def count(self, state: State) -> int:
        """Number of studies that ended in a state."""
        return sum(outcome.state is state for outcome in self.outcomes)

    @property
    def failures_by_code(self) -> Counter[str]:
        """How often each code stopped a study."""
        return Counter(o.code for o in self.outcomes if o.state is State.FAILED)

    @property
    def exit_code(self) -> int:
        """0 all done, 5 some failed, 4 every study failed."""
        failed = self.count(State.FAILED)
        if failed == 0:
            return EXIT_OK
        return EXIT_NOTHING if failed == len(self.outcomes) else EXIT_PARTIAL
