"""One worker process: takes requests, loads the model once, hands back how each study ended."""

from __future__ import annotations

import os
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.batch.outcome import Outcome, State
from netimg.errors import INT_001, NetimgError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from netimg.batch.queue import Task
    from netimg.settings import Settings


class _Stages:
    """Passes the stage of a study on to the coordinator, and remembers it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.name = "start"

    def stage(self, name: str) -> None:
        self.name = name
        self._connection.send(("stage", name))

    def step(self, done: int, total: int) -> None:
        pass


def serve(connection: Connection, settings: Settings, threads: int) -> None:
    """Run tasks from ``connection`` until it closes.

    The environment is set before numpy and torch are imported, which read it once.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    os.environ["MPLBACKEND"] = "Agg"
    settings = settings.with_values({"resources.threads": threads}, layer="batch")
    with suppress(EOFError, ConnectionError):  # the coordinator is gone or has no more work
        while True:
            task: Task = connection.recv()
            connection.send(("ended", run_task(task, settings, _Stages(connection))))


def run_task(task: Task, settings: Settings, stages: _Stages) -> Outcome:
    """One study; a refusal or a bug becomes its outcome."""
    from netimg.pipeline import run
    from netimg.pipeline.log import logged_to

    began = time.monotonic()
    try:
        with logged_to(task.log):
            own = settings.with_values(task.changes, layer="list")
            finished = run(task.request, own, stages)
    except NetimgError as error:
        outcome = Outcome.refused(task.label, task.source, error, stage=stages.name)
    except ConnectionError:
        raise  # nobody listens: the study is not the reason
    except Exception as error:  # noqa: BLE001  # a bug costs this study, not the batch
        frame = traceback.extract_tb(error.__traceback__)[-1]
        bug = NetimgError(
            INT_001,
            what=f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno} "
            f"during {stages.name}.",
            todo="Run this study alone with netimg run --debug.",
        )
        outcome = Outcome.refused(task.label, task.source, bug, stage=stages.name)
    else:
        state = State.SKIPPED if finished.result is None else State.DONE
        outcome = Outcome(label=task.label, input=task.source, state=state)
    return outcome.ended(seconds=time.monotonic() - began)
