"""Headers of very many files, read by this process and by helpers on the other cores.

A helper is a child process that is told which files to read and answers with what it found. Plain
child processes rather than `multiprocessing`: they start inside a batch worker too, and whatever
the caller's main module is. All take the next chunk from one stream, so that nothing but the chunks
under way is held; a helper that dies costs nothing but time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import netimg
from netimg.reading.read_files import FileReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netimg.reading.read_files import Outcome
    from netimg.reading.walk import Found
    from netimg.settings import Settings

_CHUNK = 100
_FILES_PER_HELPER = 1500  # fewer are read before it has started
_SERVE = "import sys; sys.path.append(sys.argv[2]); from netimg.reading.crew import serve; serve()"
_AHEAD = 3
_JOIN_S = 0.2


def read_all(
    files: Iterable[Found],
    settings: Settings,
    *,
    expected: int,
    done: Callable[[Sequence[Outcome]], None],
) -> None:
    """Read every file; ``done`` hears of each chunk, in this thread or another, one at a time.

    Parameters
    ----------
    files
        Taken as they come. Members of archives are read by this process, which counts them.
    expected
        About how many; decides whether helpers are started.
    done
        May refuse by raising; then nothing more is read.
    """
    chunks = _Chunks(files, done)
    cores: int = settings["resources.threads"] or _cores()
    count = min(cores - 1, expected // _FILES_PER_HELPER)
    helpers = [helper for _ in range(count) if (helper := _start(settings, chunks)) is not None]
    try:
        with FileReader(settings) as reader:
            while chunk := chunks.take():
                chunks.finish(chunk, reader.read(chunk))
            for helper in helpers:
                while helper.is_alive():
                    helper.join(_JOIN_S)
            while chunk := chunks.take():  # of helpers that died
                chunks.finish(chunk, reader.read(chunk))
    finally:
        for helper in helpers:
            helper.close()
    if chunks.failure is not None:
        raise chunks.failure


class _Chunks:
    """The next files to read, and where outcomes go; thread-safe."""

    def __init__(self, files: Iterable[Found], done: Callable[[Sequence[Outcome]], None]) -> None:
        self._files, self._done = iter(files), done
        self._lock = threading.RLock()
        self._again: list[list[Found]] = []
        self._archived: list[list[Found]] = []
        self.failure: BaseException | None = None

    def take(self, *, archived: bool = True) -> list[Found]:
        """Some files; none when there are no more, or when nothing more is wanted."""
        with self._lock:
            try:
                return self._take(archived=archived)
            except BaseException as error:  # noqa: BLE001  # raised by `read_all`
                self.failure = self.failure or error
                return []

    def finish(self, chunk: Sequence[Found], outcomes: Sequence[Outcome]) -> None:
        """Hand on what was read; an empty answer to a chunk means that it must be read again."""
        with self._lock:
            if not outcomes:
                self._again.append(list(chunk))
                return
            try:
                self._done(outcomes)
            except BaseException as error:  # noqa: BLE001  # raised by `read_all`
                self.failure = self.failure or error

    def _take(self, *, archived: bool) -> list[Found]:
        if self.failure is not None:
            return []
        if archived:
            for kept in (self._again, self._archived):
                if kept:
                    return kept.pop()
        while chunk := list(islice(self._files, _CHUNK)):
            if archived:
                return chunk
            inside = [file for file in chunk if file.member is not None]
            if inside:
                self._archived.append(inside)
            if outside := [file for file in chunk if file.member is None]:
                return outside
        return []


class _Helper(threading.Thread):
    """A child process and the thread that waits for its answers."""

    def __init__(
        self, connection: Connection, process: subprocess.Popen[bytes], chunks: _Chunks
    ) -> None:
        super().__init__(daemon=True)
        self._connection, self._process, self._chunks = connection, process, chunks

    def run(self) -> None:
        """Hand out chunks until there are no more; some ahead, so that nobody waits."""
        ahead: deque[list[Found]] = deque()
        try:
            while True:
                while len(ahead) < _AHEAD and (chunk := self._chunks.take(archived=False)):
                    ahead.append(chunk)
                    self._connection.send(chunk)
                if not ahead:
                    return
                outcomes = self._connection.recv()
                self._chunks.finish(ahead.popleft(), outcomes)
        except (OSError, EOFError):
            for chunk in ahead:
                self._chunks.finish(chunk, ())

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self.join()
        self._connection.close()


def serve() -> None:
    """Read files for the process at the other end of the socket; the life of a helper."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other end decides
    with Connection(int(sys.argv[1])) as connection, suppress(EOFError, OSError):
        settings = connection.recv()
        with FileReader(settings) as reader:
            while True:
                connection.send(reader.read(connection.recv()))


def _start(settings: Settings, chunks: _Chunks) -> _Helper | None:
    """A helper at work; None where the system starts no more processes."""
    ours, theirs = socket.socketpair()
    root = str(Path(netimg.__file__).resolve().parents[1])
    try:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and code
            [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno()), root],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    except OSError:
        ours.close()
        return None
    finally:
        theirs.close()
    connection = Connection(ours.detach())
    helper = _Helper(connection, process, chunks)
    with suppress(OSError):
        connection.send(settings)
    helper.start()
    return helper


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
