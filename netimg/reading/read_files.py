"""Headers of one file after the other, on a thread that is left behind when a drive stalls."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from netimg.errors import IDX_003, IDX_015, NetimgError
from netimg.reading.dicomdir import DiscIndex, read_disc_index
from netimg.reading.multiframe import read_headers
from netimg.reading.problems import refusal
from netimg.reading.walk import Archives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.reading.headers import Header
    from netimg.reading.walk import Found
    from netimg.settings import Settings

_LOOK_S = 0.5  # between two looks at a thread that has not finished
_BUSY = 0.002  # share of that time that a thread which computes has had, even on a full machine


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: its headers, or the index of a disc, or why it cannot be read."""

    file: Found
    headers: tuple[Header, ...] = ()
    disc: DiscIndex | None = None
    error: NetimgError | None = None


def read_file(file: Found, settings: Settings, archives: Archives) -> Outcome:
    """Read one file; a refusal is an outcome too."""
    try:
        return Outcome(file, read_headers(file, settings, archives))
    except NetimgError as error:
        if error.code is not IDX_015:
            return Outcome(file, error=error)
        disc = read_disc_index(file, settings, archives)
        return Outcome(file, disc=disc, error=None if disc else error)


class FileReader:
    """Reads files in order. A context manager; holds archives open in between.

    A file that the system does not hand out within ``limits.read_s`` is given up, IDX-003; the
    thread that waits for it is left to itself. A thread that computes is not waiting.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._archives = Archives(settings)
        self._jobs: SimpleQueue[_Job | None] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._jobs is not None:
            self._jobs.put(None)

    def read(self, files: Sequence[Found]) -> list[Outcome]:
        """Outcome of each file, in their order."""
        outcomes: list[Outcome] = []
        while len(outcomes) < len(files):
            outcomes += self._some(files[len(outcomes) :])
        return outcomes

    def _some(self, files: Sequence[Found]) -> list[Outcome]:
        """Outcomes of the files up to one that stalls."""
        if self._jobs is None or self._thread is None:
            self._jobs = SimpleQueue()
            arguments = (self._jobs, self._settings, self._archives)
            self._thread = threading.Thread(target=_work, args=arguments, daemon=True)
            self._thread.start()
        job = _Job(files)
        self._jobs.put(job)
        most: int = self._settings["limits.read_s"]
        cpu_s = busy = 0.0
        while not job.finished.wait(_LOOK_S):
            done, now = list(job.outcomes), time.monotonic()
            spent_s = _cpu_s(self._thread)
            if spent_s - cpu_s > _BUSY * _LOOK_S:
                cpu_s, busy = spent_s, now
            if now - max(job.since, busy) > most and len(done) < len(files):
                return [*done, self._give_up(files[len(done)], most)]
        if job.failure is not None:
            raise job.failure
        return job.outcomes

    def _give_up(self, file: Found, seconds: int) -> Outcome:
        assert self._jobs is not None  # noqa: S101  # it stalled while working
        self._jobs.put(None)  # ends the thread, should it ever wake up
        unpacked = self._archives.unpacked
        self._jobs, self._thread, self._archives = None, None, Archives(self._settings)
        self._archives.unpacked.update(unpacked)
        reason = f"the drive did not answer within {seconds} s, limits.read_s"
        return Outcome(file, error=refusal(IDX_003, file=file.name, reason=reason))


def _cpu_s(thread: threading.Thread) -> float:
    """Seconds that a thread has computed; 0 where the system does not say."""
    if thread.ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


@dataclass(slots=True)
class _Job:
    """Files to read, and how far that is."""

    files: Sequence[Found]
    outcomes: list[Outcome] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    finished: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None


def _work(jobs: SimpleQueue[_Job | None], settings: Settings, archives: Archives) -> None:
    """Do jobs until there are no more."""
    with archives:
        while (job := jobs.get()) is not None:
            try:
                for file in job.files:
                    job.since = time.monotonic()
                    job.outcomes.append(read_file(file, settings, archives))
            except BaseException as error:  # noqa: BLE001  # raised where the work was given out
                job.failure = error
            job.finished.set()
