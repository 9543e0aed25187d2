"""Codec workers: started when first needed, kept for the life of the process, replaced when bad.

A worker is a child process at the other end of two pipes (`worker`). It is ended by its own id
when it crashes, hangs, needs too much memory or answers nonsense. Plain child processes rather
than `multiprocessing`: they start inside a batch worker too, and no object comes back from them.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.reading.decode import worker as child
from netimg.reading.decode.worker import ANSWER, MAGIC, REQUEST, Codec, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COMMAND = (sys.executable, "-P", str(Path(child.__file__)))
"""How a worker is started; block, memory and seconds follow. ``-P``: nothing of the working
directory is imported."""

_START_S = 60.0
_PIPE_BYTES = 1 << 20
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerDied(Exception):  # noqa: N818  # what happened, not whose fault it was
    """The worker did not answer properly and is gone."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


class NotDecoded(Exception):  # noqa: N818
    """The codec refused the codestream; the worker lives."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Request:
    """A codestream and the picture that must come of it."""

    codec: Codec
    codestream: bytes
    shape: tuple[int, int]
    itemsize: int

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded picture."""
        return self.shape[0] * self.shape[1] * self.itemsize


class Worker:
    """One child process. `send`, then `receive`; both end the process when it misbehaves.

    Parameters
    ----------
    frame_bytes
        Largest picture it will decode; its memory limit follows.
    seconds
        Most time from `send` to the answer.
    memory_bytes
        Address space beside four pictures.
    """

    def __init__(
        self,
        frame_bytes: int,
        *,
        seconds: int,
        memory_bytes: int,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.frame_bytes, self.seconds = frame_bytes, seconds
        self.memory_bytes = memory_bytes + 4 * frame_bytes
        self._block = _shared_block()
        arguments = [*command, str(self._block), str(self.memory_bytes), str(seconds)]
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and file
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._block,),
            env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
            bufsize=0,
        )
        assert self._process.stdin is not None  # noqa: S101  # asked for above
        assert self._process.stdout is not None  # noqa: S101
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        with suppress(AttributeError, OSError):  # a wider pipe spares switches; Linux only
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._started = False
        self._request: Request | None = None
        self._deadline = 0.0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, request: Request) -> None:
        """Hand over a codestream.

        Raises
        ------
        WorkerDied
            It could not be started, ended, or took nothing within the time.
        """
        if not self._started:
            status, _ = self._answer(time.monotonic() + _START_S, "did not start")
            if status != Status.READY:
                raise self._end(why="did not start")
            self._started = True
        os.ftruncate(self._block, request.nbytes)
        self._request = request
        self._deadline = time.monotonic() + self.seconds
        head = REQUEST.pack(
            request.codec, *request.shape, request.itemsize, len(request.codestream)
        )
        for part in (head, request.codestream):
            self._write(part)

    def receive(self) -> NDArray[Any]:
        """Samples of the picture sent last, unsigned, little endian, (rows, columns).

        Raises
        ------
        NotDecoded
            The codec refused.
        WorkerDied
            It crashed, hung, ran out of memory, or answered nonsense.
        """
        request = self._request
        assert request is not None  # noqa: S101  # a caller's bug
        status, checksum = self._answer(self._deadline, f"took longer than {self.seconds} s")
        if status == Status.FAILED:
            self._request = None
            raise NotDecoded(why="its decoder refused it")
        if status == Status.OTHER_PICTURE:
            self._request = None
            raise NotDecoded(why="it holds another picture than the file says")
        if status == Status.TWO_PICTURES:
            self._request = None
            raise NotDecoded(why="two decoders make different pictures of it, bytes are missing")
        if status == Status.NO_MEMORY:
            raise self._end(why=f"needed more than {self.memory_bytes / 1e9:.1f} GB")
        if status != Status.DECODED:
            raise self._end(why="its decoder answered nonsense")
        samples = np.empty(request.shape, dtype=f"<u{request.itemsize}")
        # Copied out first, judged then: the block stays in the other's hands.
        got = os.preadv(self._block, [samples.data.cast("B")], 0)
        if got != request.nbytes or zlib.crc32(samples.data) != checksum:
            raise self._end(why="its decoder answered nonsense")
        self._request = None
        return samples

    def close(self) -> None:
        """End the process and forget the block."""
        if self._block < 0:
            return
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._release()

    def _release(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        os.close(self._block)
        self._block = -1

    @property
    def idle(self) -> bool:
        """Whether it can take a request."""
        return self._block >= 0 and self._request is None and self._process.poll() is None

    def fits(self, frame_bytes: int, *, seconds: int, memory_bytes: int) -> bool:
        """Whether its limits are those asked for, and its pictures large enough."""
        own = self.memory_bytes - 4 * self.frame_bytes
        return frame_bytes <= self.frame_bytes and (seconds, memory_bytes) == (self.seconds, own)

    def abandon(self) -> None:
        """Let go of a process that belongs to the process this one was forked from."""
        self._process.returncode = 0  # not ours to wait for
        self._release()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait(
                self._in, select.POLLOUT, self._deadline, f"took longer than {self.seconds} s"
            )
            try:
                view = view[os.write(self._in, view[:_PIPE_BYTES]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._gone() from None

    def _answer(self, deadline: float, late: str) -> tuple[int, int]:
        """Status and checksum of the next answer."""
        data = b""
        while len(data) < ANSWER.size:
            self._wait(self._out, select.POLLIN, deadline, late)
            part = os.read(self._out, ANSWER.size - len(data))
            if not part:
                raise self._gone()
            data += part
        magic, status, checksum = ANSWER.unpack(data)
        if magic != MAGIC:
            raise self._end(why="its decoder answered nonsense")
        return status, checksum

    def _wait(self, descriptor: int, event: int, deadline: float, late: str) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left_ms = max(0.0, deadline - time.monotonic()) * 1000
        if not poll.poll(left_ms):
            raise self._end(why=late)

    def _gone(self) -> WorkerDied:
        """What a closed pipe means, once the process has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        code = self._process.poll()
        if code is not None and code == -signal.SIGALRM:
            return self._end(why=f"took longer than {self.seconds} s")
        if code is not None and code < 0:
            return self._end(why=f"its decoder crashed, {signal.Signals(-code).name}")
        if not self._started:
            return self._end(why="its decoder did not start")
        return self._end(why="its decoder ended without an answer")

    def _end(self, *, why: str) -> WorkerDied:
        self.close()
        return WorkerDied(why=why)


class Pool:
    """Idle workers. Thread-safe; forgets its workers in a forked child."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def take(self, frame_bytes: int, *, seconds: int, memory_bytes: int) -> Worker:
        """A worker for pictures up to ``frame_bytes``; `give` it back, or close it.

        Raises
        ------
        WorkerDied
            The system starts no more processes.
        """
        with self._lock:
            for worker in reversed(self._idle):  # the one that was busy last
                if worker.fits(frame_bytes, seconds=seconds, memory_bytes=memory_bytes):
                    self._idle.remove(worker)
                    return worker
            if self._idle:
                self._idle.pop().close()  # its limits are for other pictures
        try:
            return Worker(
                frame_bytes, seconds=seconds, memory_bytes=memory_bytes, command=self._command
            )
        except OSError as error:
            why = f"its decoder did not start: {error.strerror}"
            raise WorkerDied(why=why) from error

    def give(self, worker: Worker) -> None:
        """Take a worker back; one that is still busy is ended."""
        if not worker.idle:
            worker.close()
            return
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        """End every idle worker."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def forget(self) -> None:
        """Leave the workers to the process that was forked from."""
        self._lock = threading.Lock()
        while self._idle:
            self._idle.pop().abandon()


def _shared_block() -> int:
    """Descriptor of memory that two processes can map; no name in any file system."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("netimg", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@cache
def process_pool() -> Pool:
    """The pool of this process: ended with it, left behind by a fork."""
    pool = Pool()
    atexit.register(pool.close)
    os.register_at_fork(after_in_child=pool.forget)
    return pool
