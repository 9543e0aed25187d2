"""Many studies on one machine: worker processes, a status and a reason for every study.

In: folders or archives of studies, settings. Out: one result folder per study, ``summary.csv``
and ``failed.csv``. The unit of work is one study and is idempotent: a finished one is known by its
manifest and skipped. A bad study, or a worker that dies, costs that study only.
Start reading at `queue`; `workers` keeps the processes; `summary` rewrites the tables.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.batch.outcome import BatchResult, Outcome, State
from netimg.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netimg.pipeline import Request
    from netimg.settings import Settings

__all__ = ["BatchResult", "Outcome", "State", "run_batch"]


def run_batch(
    inputs: Sequence[Path],
    out: Path,
    *,
    settings: Settings,
    template: Request | None = None,
    facts_dir: Path | None = None,
    retry_failed: bool = False,
    progress: Progress = silent,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> BatchResult:
    """Run every study below the inputs into ``out/studies/<label>``.

    Parameters
    ----------
    inputs
        Folders, archives or files, each holding any number of studies.
    template
        Options that apply to every study (overrides, required parts).
    facts_dir
        Folder with ``<label>.toml`` or ``.json`` per study.
    retry_failed
        Try studies again that failed in an earlier call.
    tell
        Called once for each study that ended, in the order they end.

    Raises
    ------
    NetimgError
        IDX-001, IDX-002 where an input holds nothing; OUT-001 where ``out`` cannot be written.
    """
    from netimg.batch.queue import plan_tasks
    from netimg.batch.summary import write_tables
    from netimg.batch.workers import run_tasks

    began = time.monotonic()
    progress.stage("index")
    tasks, refused = plan_tasks(inputs, out, template=template, facts_dir=facts_dir)
    waiting, known = [], list(refused)
    for task in tasks:
        earlier = task.earlier_failure(out)
        if earlier is not None and not retry_failed:
            known.append(earlier)
        else:
            waiting.append(task)
    outcomes: list[Outcome] = []
    progress.stage("studies")

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        outcome.write(out)
        tell(outcome)
        write_tables(out, [*known, *outcomes])
        progress.step(len(known) + len(outcomes), len(known) + len(tasks))

    for outcome in known:
        tell(outcome)
    write_tables(out, known)
    run_tasks(waiting, settings=settings, done=note)
    return BatchResult(
        outcomes=tuple(sorted([*known, *outcomes], key=lambda o: o.label)),
        seconds=time.monotonic() - began,
    )
