"""``summary.csv``, ``failed.csv`` and ``batch.json``: each replaced whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg import __version__
from netimg.batch.outcome import BatchResult, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.reporting.csv_text import Cell
    from netimg.settings import Settings

SCHEMA = "netimg.batch/1"
SCHEMA_VERSION = "1.0"


@dataclass(slots=True)
class Tables:
    """The two tables of a batch; the row of a study is made once, when it ends."""

    out: Path
    _rows: dict[str, dict[str, Cell]] = field(default_factory=dict)
    _failed: dict[str, dict[str, Cell]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take a study in; ``write`` shows it.

        Every study has a row in ``summary.csv``, failed ones with their status and code.
        """
        from netimg.reporting.batch_tables import failed_row, summary_row

        self._rows[outcome.label] = summary_row(
            self._document(outcome, "results.json"),
            self._document(outcome, "manifest.json"),
            status=outcome.state.kept,
            outcome=outcome.as_row(),
        )
        if outcome.state is State.FAILED:
            self._failed[outcome.label] = failed_row(outcome.as_row())

    def write(self) -> None:
        """Rewrite both tables, sorted by label."""
        from netimg.reporting.batch_tables import write_failed, write_summary

        write_summary(self.out / "summary.csv", self._rows.values())
        write_failed(self.out / "failed.csv", self._failed.values())

    def _document(self, outcome: Outcome, name: str) -> dict[str, Any] | None:
        """A JSON document of a finished study; None for a failed one."""
        if outcome.state is State.FAILED:
            return None
        path = self.out / "studies" / outcome.label / name
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return document


def write_document(
    out: Path,
    result: BatchResult,
    *,
    keys: Mapping[str, str],
    inputs: Sequence[str],
    settings: Settings,
) -> None:
    """Write ``batch.json``: what was asked, which studies there are, how each ended.

    Parameters
    ----------
    keys
        Key of each study by its label; a folder without any image has none. A study without an
        outcome is ``waiting``.
    inputs
        Paths as they were typed; empty in privacy mode.
    """
    from netimg.reporting.layout import write_atomic

    waiting = {label: {"key": key, "status": "waiting"} for label, key in keys.items()}
    ended = {o.label: _study(o, keys.get(o.label)) for o in result.outcomes}
    studies = dict(sorted((waiting | ended).items()))
    document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "inputs": list(inputs),
        "settings": settings.different_from_shipped(),
        "settings_hash": settings.hash,
        "seconds": result.seconds,
        "counts": dict(sorted(Counter(str(one["status"]) for one in studies.values()).items())),
        "studies": studies,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(out / "batch.json", text)


def _study(outcome: Outcome, key: str | None) -> dict[str, object]:
    """One study of ``batch.json``: the four parts of the refusal where it failed."""
    entry: dict[str, object] = {"status": outcome.state.kept, "seconds": outcome.seconds}
    if key is not None:
        entry = {"key": key} | entry
    if outcome.state is State.FAILED:
        entry |= {
            "code": outcome.code,
            "what": outcome.what,
            "where": outcome.where,
            "todo": outcome.todo,
            "attempts": outcome.attempts,
        }
    return entry
