"""The front door: `run_batch`, every study below some inputs into one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.batch.outcome import BatchResult, Outcome, State
from netimg.errors import OUT_002, OUT_005, USE_001, OutputError, UsageError
from netimg.progress import Progress, silent

if TYPE_CHECKING:
    from netimg.batch.queue import Plan, Task
    from netimg.batch.row import Row
    from netimg.batch.summary import Tables
    from netimg.pipeline import Request
    from netimg.settings import Settings

_OURS = ("batch.json", "status", "studies")
"""One of these in a folder says that an earlier call made it."""


def run_batch(
    inputs: Sequence[Path | Row],
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
        Folders, archives or files, each holding any number of studies; or rows of a list.
    template
        Options that apply to every study; a row holds them already, with its own over them.
    facts_dir
        Folder with ``<label>.toml`` or ``.json`` per study.
    retry_failed
        Try studies again that failed in an earlier call.
    tell
        Called once for each study that ended, in the order they end.

    Raises
    ------
    NetimgError
        USE-, CRIT- or MDL- codes for options no study could be run with; IDX- codes where a single
        input holds no study; OUT-001, OUT-002, OUT-003, OUT-005 where ``out`` cannot be used.
    """
    from netimg.batch.queue import plan_tasks
    from netimg.batch.summary import Tables
    from netimg.batch.workers import run_tasks
    from netimg.pipeline import Request, check_settings

    check_settings(settings)
    paths = [one if isinstance(one, Path) else one.path for one in inputs]
    _check_out(out, paths)
    if facts_dir is not None and not facts_dir.is_dir():
        raise UsageError(
            USE_001,
            what=f"{facts_dir} is not a folder.",
            where="--facts-dir",
            todo="Give the folder that holds <label>.toml or <label>.json for each study.",
        )
    progress.stage("index")
    plan = plan_tasks(
        inputs,
        out,
        settings=settings,
        template=template or Request(input=out, output=out),
        facts_dir=facts_dir,
        progress=progress,
    )
    progress.stage("studies")
    book = _Book(
        out, plan, Tables(out), settings, tuple(str(path) for path in paths), progress, tell
    )
    waiting: list[Task] = []
    for _, task in sorted(plan.tasks.items()):
        earlier = None if retry_failed else task.earlier_failure(out)
        if earlier is None:
            waiting.append(task)
        else:
            book.note(earlier)
    for refused in plan.refused:
        book.note(refused)
    book.write()
    if waiting:
        run_tasks(waiting, settings=settings, done=book.done)
    return book.write()


def _check_out(out: Path, inputs: Sequence[Path]) -> None:
    """Refuse, before any work, a folder of other things or one that shares files with an input."""
    target = out.resolve()
    for path in (given.resolve() for given in inputs):
        if path.exists() and (target.is_relative_to(path) or path.is_relative_to(target)):
            raise OutputError(
                OUT_005,
                what=f"{out} and the input {path.name} lie inside each other.",
                where=str(out),
                todo="Give another folder with -o.",
            )
    strange = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if strange and not any((target / name).exists() for name in _OURS):
        raise OutputError(
            OUT_002,
            what="it is not empty, and no earlier netimg batch wrote it.",
            where=str(out),
            todo="Give an empty or new folder with -o, or that of an earlier netimg batch.",
        )


@dataclass(slots=True)
class _Book:
    """What is known so far, in memory and on disk."""

    out: Path
    plan: Plan
    tables: Tables
    settings: Settings
    inputs: tuple[str, ...]
    progress: Progress
    tell: Callable[[Outcome], None]
    outcomes: list[Outcome] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def note(self, outcome: Outcome) -> None:
        """Take an outcome in and keep it as the status of its study."""
        from netimg.batch.queue import keep_log

        outcome = keep_log(self.out, self._completed(outcome))
        outcome.write(self.out)
        self.outcomes.append(outcome)
        self.tables.add(outcome)
        self.tell(outcome)
        self.progress.step(len(self.outcomes), len(self.plan.tasks) + len(self.plan.refused))

    def done(self, outcome: Outcome) -> None:
        """Take in an outcome and show it in the tables at once."""
        self.note(outcome)
        self.tables.write()

    def write(self) -> BatchResult:
        """Write the tables and ``batch.json``; the result as of now."""
        from netimg.batch.summary import write_document

        result = BatchResult(
            outcomes=tuple(sorted(self.outcomes, key=lambda outcome: outcome.label)),
            seconds=round(time.monotonic() - self.began, 3),
        )
        keys = {label: task.key for label, task in self.plan.tasks.items()}
        inputs = () if self._hidden else self.inputs
        self.tables.write()
        write_document(self.out, result, keys=keys, inputs=inputs, settings=self.settings)
        return result

    @property
    def _hidden(self) -> bool:
        return bool(self.settings["reporting.privacy"])

    def _completed(self, outcome: Outcome) -> Outcome:
        """A skipped study keeps the time, the host and the seconds of the call that made it."""
        kept = Outcome.read(self.out, outcome.label) if outcome.state is State.SKIPPED else None
        if kept is not None and kept.state is not State.FAILED:
            outcome = replace(kept, state=State.SKIPPED)
        return outcome.without_identity() if self._hidden else outcome
