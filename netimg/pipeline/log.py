"""The log of a run as JSON lines: stages, choices and counts; no word of a header."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netimg.result import StudyResult
    from netimg.study import Study

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """One JSON object per event; values from ``extra`` as they are, no identity by design."""

    _USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        """Return the event as one line."""
        extra = {k: v for k, v in vars(record).items() if k not in self._USUAL}
        event = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "where": record.name,
            "event": record.getMessage(),
        }
        return json.dumps(event | extra, default=str, ensure_ascii=False)


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write netimg's events into a file, replacing it, until the block ends."""
    root = logging.getLogger("netimg")
    level = root.level
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


def tell_chosen(study: Study) -> None:
    """Log which series are measured and why, without the words of their headers."""
    for series in (study.ct, *study.pets):
        if series is None:
            continue
        why = series.why[0] if series.why else ""
        for other in study.series:
            # A reason names the series it was preferred to, with its description in quotes.
            why = why.replace(f' "{other.description}"', "")
        event = f"{series.kind} chosen"
        log.info(event, extra={"series": series.number, "role": series.role.value, "why": why})
    if study.ct is None:
        log.info("no CT chosen", extra={"n_series": len(study.series)})


def tell_result(done: StudyResult) -> None:
    """Log the counts of a result: findings, criteria, doubts by code."""
    log.info(
        "result",
        extra={
            "findings": len(done.findings.items),
            "flags": len(done.flags),
            "codes": sorted({flag.code for flag in done.flags}),
        },
    )
