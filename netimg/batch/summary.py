"""``summary.csv`` and ``failed.csv``: rewritten whole after each study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from netimg.batch.outcome import Outcome, State


def write_tables(out: Path, outcomes: Sequence[Outcome]) -> None:
    """Rewrite both tables from the finished results and the outcomes.

    A row of ``summary.csv`` per study, failed ones included with their status; a row of
    ``failed.csv`` per failed one. Sorted by label.
    """
    from netimg.reporting.batch_tables import failed_row, summary_row, write_failed, write_summary

    ordered = sorted(outcomes, key=lambda outcome: outcome.label)
    rows = [
        summary_row(
            _document(out, outcome, "results.json"),
            _document(out, outcome, "manifest.json"),
            status=outcome.state.value,
            outcome=outcome.as_row(),
        )
        for outcome in ordered
    ]
    write_summary(out / "summary.csv", rows)
    failed = [failed_row(o.as_row()) for o in ordered if o.state is State.FAILED]
    write_failed(out / "failed.csv", failed)


def _document(out: Path, outcome: Outcome, name: str) -> dict[str, object] | None:
    """A JSON document of a finished study; None for a failed one."""
    if outcome.state is State.FAILED:
        return None
    path = out / "studies" / outcome.label / name
    document: dict[str, object] = json.loads(path.read_text("utf-8"))
    return document
