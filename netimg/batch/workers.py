"""The coordinator's side: keeps worker processes, gives out tasks, survives a worker's death."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    task: Task | None = None
    attempt: int = 1
    stage: str = ""
    began: float = 0.0


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
    ``resources.timeout_batch_s`` is ended (RUN-002).
    """
    if not tasks:
        return
    context = multiprocessing.get_context("spawn")
    count = jobs_for(len(tasks), settings)
    threads = settings["resources.threads"] or max(1, cores() // count)
    queue = deque((task, 1) for task in tasks)

    def start() -> _Worker:
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, settings, threads), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    pool = [start() for _ in range(count)]
    limit_s: float = settings["resources.timeout_batch_s"]
    try:
        while queue or any(worker.task for worker in pool):
            _give(pool, queue)
            wait([w.connection for w in pool], timeout=_POLL_S)
            for position, worker in enumerate(pool):
                ended = _listen(worker, limit_s)
                if ended is None or worker.task is None:
                    continue
                if not worker.process.is_alive():
                    pool[position] = start()
                if ended.code == RUN_001.id and worker.attempt < _ATTEMPTS:
                    queue.append((worker.task, worker.attempt + 1))
                else:
                    done(replace(ended, attempts=worker.attempt))
                worker.task = None
    finally:
        for worker in pool:
            worker.process.kill()
            worker.process.join()


def _give(pool: Sequence[_Worker], queue: deque[tuple[Task, int]]) -> None:
    """Hand the next task to each idle worker."""
    for worker in pool:
        if worker.task is None and queue:
            worker.task, worker.attempt = queue.popleft()
            worker.stage, worker.began = "", time.monotonic()
            worker.connection.send(worker.task)


def _listen(worker: _Worker, limit_s: float) -> Outcome | None:
    """How the worker's study ended, None while it goes on."""
    if worker.task is None:
        return None
    try:
        while worker.connection.poll():
            kind, content = worker.connection.recv()
            if kind == "ended":
                ended: Outcome = content
                return ended
            worker.stage = content
    except (EOFError, ConnectionError):
        worker.process.join(timeout=5)
        return _died(worker)
    if not worker.process.is_alive():
        return _died(worker)
    if time.monotonic() - worker.began > limit_s:
        worker.process.kill()
        worker.process.join()
        error = ResourceError(
            RUN_002,
            what=f"the study took longer than {limit_s:.0f} s and was ended.",
            todo="Give it more time with --timeout-s, or run it alone.",
        )
        return _ended(worker, error)
    return None


def _died(worker: _Worker) -> Outcome:
    code = worker.process.exitcode
    cause = f"exit status {code}"
    if code is not None and code < 0:
        cause = signal.Signals(-code).name
    error = ResourceError(
        RUN_001,
        what=f"the worker was ended by {cause} during {worker.stage or 'start'}.",
        todo="If it ran out of memory, use fewer --jobs; else run the study alone.",
    )
    return _ended(worker, error)


def _ended(worker: _Worker, error: ResourceError) -> Outcome:
    task = worker.task
    assert task is not None  # noqa: S101  # only a worker with a task is listened to
    task.remove_parts(worker.process.pid or 0)
    outcome = Outcome.refused(task.label, task.source, error, stage=worker.stage)
    return replace(outcome, seconds=round(time.monotonic() - worker.began, 3))
