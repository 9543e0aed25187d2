"""The coordinator's side: keeps worker processes, gives out tasks, survives a worker's death."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from netimg.batch.outcome import Outcome
from netimg.batch.worker import serve
from netimg.errors import RUN_001, RUN_002, ResourceError

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from netimg.batch.queue import Task
    from netimg.settings import Settings

_POLL_S = 1.0
_ATTEMPTS = 2
"""A study is tried once more after a worker's death, never after a refusal."""


def jobs_for(studies: int, settings: Settings) -> int:
    """Worker processes: as set, else limited by studies, memory and two cores each."""
    import psutil

    wanted: int = settings["batch.jobs"]
    if wanted:
        return min(wanted, max(studies, 1))
    free_gb = psutil.virtual_memory().available / 2**30
    by_memory = int(free_gb / settings["batch.memory_per_study_gb"])
    return max(1, min(studies, by_memory, cores() // 2))


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def run_tasks(
    tasks: Sequence[Task], *, settings: Settings, done: Callable[[Outcome], None]
) -> None:
    """Run every task; ``done`` hears of each as it ends.

    A worker that dies costs one attempt of one study, and is replaced. A study longer than
    ``resources.timeout_batch_s`` is ended (RUN-002). However this function ends, no worker and no
    part folder of one is left.
    """
    count = jobs_for(len(tasks), settings)
    crew = _Crew(settings, threads=settings["resources.threads"] or max(1, cores() // count))
    queue = deque((task, 1) for task in tasks)
    try:
        while queue or crew.busy:
            while queue and len(crew.busy) < count:
                crew.give(*queue.popleft())
            for task, attempt, ended in crew.ended():
                if ended.code == RUN_001.id and attempt < _ATTEMPTS:
                    queue.append((task, attempt + 1))
                else:
                    done(replace(ended, attempts=attempt))
    finally:
        crew.stop()


@dataclass(slots=True)
class _Job:
    """A task in the hands of a worker."""

    task: Task
    attempt: int
    began: float
    stage: str = "start"


@dataclass(slots=True)
class _Worker:
    """A worker process and our end of the line to it."""

    process: SpawnProcess
    line: Connection

    def end(self) -> None:
        """Kill it and wait for its end."""
        self.process.kill()
        self.process.join()
        self.line.close()


@dataclass(slots=True)
class _Crew:
    """The workers: those that wait, and those at work with their job."""

    settings: Settings
    threads: int
    idle: list[_Worker] = field(default_factory=list)
    busy: list[tuple[_Worker, _Job]] = field(default_factory=list)

    def give(self, task: Task, attempt: int) -> None:
        """Hand a task to a worker that waits, or to a new one."""
        job = _Job(task, attempt, time.monotonic())
        while True:
            worker = self.idle.pop() if self.idle else self._hired()
            try:
                worker.line.send(task)
            except ConnectionError:
                worker.end()  # it died while it waited: the task is not the reason
                continue
            self.busy.append((worker, job))
            return

    def ended(self) -> Iterator[tuple[Task, int, Outcome]]:
        """Wait up to a second; give each study that ended, with its attempt."""
        limit_s: float = self.settings["resources.timeout_batch_s"]
        wait([worker.line for worker, _ in self.busy], timeout=_POLL_S)
        for pair in list(self.busy):
            worker, job = pair
            outcome = _heard(worker, job) or _overdue(job, limit_s)
            if outcome is None:
                continue
            self.busy.remove(pair)
            if outcome.code in (RUN_001.id, RUN_002.id):
                worker.end()
                job.task.remove_parts(worker.process.pid or 0)
            else:
                self.idle.append(worker)
            yield job.task, job.attempt, outcome

    def stop(self) -> None:
        """End every worker and remove what the busy ones have half-written."""
        for worker in self.idle:
            worker.end()
        for worker, job in self.busy:
            worker.end()
            job.task.remove_parts(worker.process.pid or 0)
            job.task.log.unlink(missing_ok=True)

    def _hired(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=serve, args=(theirs, self.settings, self.threads), daemon=True
        )
        with _deaf_to_ctrl_c():
            process.start()
        theirs.close()
        return _Worker(process, ours)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Whatever is started here never hears Ctrl-C: the coordinator decides when to stop."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _heard(worker: _Worker, job: _Job) -> Outcome | None:
    """How a study ended, None while it goes on; a closed line is a dead worker."""
    with suppress(EOFError, ConnectionError):
        while worker.line.poll():
            kind, content = worker.line.recv()
            if kind == "ended":
                ended: Outcome = content
                return ended
            job.stage = content
        return None
    worker.process.join(timeout=5)
    status = worker.process.exitcode
    cause = f"exit status {status}"
    if status is not None and status < 0:
        cause = signal.Signals(-status).name
    error = ResourceError(
        RUN_001,
        what=f"the worker was ended by {cause} during {job.stage}.",
        todo="If memory ran out, use fewer --jobs; else run the study alone with netimg run.",
    )
    return _refused(job, error)


def _overdue(job: _Job, limit_s: float) -> Outcome | None:
    """The refusal of a study that takes too long."""
    if time.monotonic() - job.began <= limit_s:
        return None
    error = ResourceError(
        RUN_002,
        what=f"the study took longer than {limit_s:g} s and was ended during {job.stage}.",
        todo="Give it more time with --timeout-s, or run it alone with netimg run.",
    )
    return _refused(job, error)


def _refused(job: _Job, error: ResourceError) -> Outcome:
    outcome = Outcome.refused(job.task.label, job.task.source, error, stage=job.stage)
    return outcome.ended(seconds=time.monotonic() - job.began)
