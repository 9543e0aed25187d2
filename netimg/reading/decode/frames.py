"""Compressed pictures to stored samples: checked, decoded apart, in order, a few at a time.

JPEG, JPEG-LS, JPEG 2000 and HTJ2K are decoded by workers (`pool`), RLE here (`rle`). A worker that
dies costs one more try of its picture, with nothing beside it; the third death ends the series.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from netimg.errors import PIX_003, PIX_004
from netimg.reading.decode.codestream import CODECS, RLE, BadCodestream, read_codestream
from netimg.reading.decode.pool import (
    NotDecoded,
    Pool,
    Request,
    Worker,
    WorkerDied,
    process_pool,
)
from netimg.reading.decode.rle import decode_rle
from netimg.reading.decode.worker import Codec
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from netimg.reading.decode.codestream import Codestream
    from netimg.reading.pixel_format import PixelFormat
    from netimg.settings import Settings

    Work: TypeAlias = "Worker | NDArray[Any] | NotDecoded | WorkerDied"

_WORKERS_MAX = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One compressed picture: the file's name, what its header says, and its bytes."""

    name: str
    pixels: PixelFormat
    codestream: bytes

    @property
    def itemsize(self) -> int:
        """Bytes of a sample."""
        return (self.pixels.bits_allocated or 16) // 8

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (self.pixels.rows or 0, self.pixels.columns or 0)


def decode_frame(frame: Frame, settings: Settings) -> NDArray[Any]:
    """Stored samples of one picture; see `decode_frames`."""
    return next(decode_frames((frame,), settings))


def decode_frames(
    frames: Iterable[Frame], settings: Settings, *, pool: Pool | None = None
) -> Iterator[NDArray[Any]]:
    """Stored samples of pictures, in order, as (rows, columns) integers of BitsAllocated.

    Signed where the header says so. Bits above BitsStored are as coded: mask them and take the
    sign from there. As many pictures as there are workers are under way at a time.

    Raises
    ------
    InputError
        PIX-003 not decoded, PIX-004 a picture of another size or format than the header says.
    """
    series = _Series(settings, pool or process_pool())
    try:
        for frame in frames:
            done = series.finish() if series.full else None
            series.begin(frame)
            if done is not None:
                yield done
        while series.pending:
            yield series.finish()
    finally:
        series.stop()


def check_said(said: Codestream, pixels: PixelFormat, *, file: str, settings: Settings) -> None:
    """Compare what a codestream says with its header, before a decoder sees it.

    Raises
    ------
    InputError
        PIX-003 beyond the limits of a codestream, PIX-004 another size or format.
    """
    if said.rows is not None and (said.rows, said.columns) != (pixels.rows, pixels.columns):
        there = f"{said.rows} x {said.columns}"
        raise refusal(PIX_004, file=file, said=f"{pixels.rows} x {pixels.columns}", there=there)
    if not _same_format(said, pixels):
        raise refusal(PIX_004, file=file, said=_words_of(pixels), there=_words_said(said))
    for what, number in (("tiles", said.tiles), ("layers", said.layers), ("levels", said.levels)):
        most = settings[f"limits.{what}_max"]
        if number > most:
            reason = f"it says {number} {what}, more than {most} (limits.{what}_max)"
            raise refusal(PIX_003, file=file, reason=reason)


def _same_format(said: Codestream, pixels: PixelFormat) -> bool:
    """Whether the samples can be those of the header.

    Encoders write BitsAllocated or BitsStored for the precision of a JPEG; both hold the same
    bits. Fewer than BitsStored leave the place of the sign open, unless the stream has its own.
    """
    allocated, stored = pixels.bits_allocated or 0, pixels.bits_stored or 0
    bits = said.bits or 0
    if said.samples is None:  # RLE
        return bits == allocated * (pixels.samples or 0)
    if said.samples != pixels.samples or bits > allocated or (said.signed and not pixels.signed):
        return False
    return bits >= stored or not pixels.signed or said.signed is True


def _words_of(pixels: PixelFormat) -> str:
    sign = "signed" if pixels.signed else "unsigned"
    return f"{pixels.samples} x {pixels.bits_stored} bits of {pixels.bits_allocated}, {sign}"


def _words_said(said: Codestream) -> str:
    if said.samples is None:
        return f"{said.bits} bits"
    sign = {True: ", signed", False: ", unsigned", None: ""}[said.signed]
    return f"{said.samples} x {said.bits} bits{sign}"


@dataclass(frozen=True, slots=True)
class _Job:
    """A picture under way; ``request`` is what a worker was asked."""

    frame: Frame
    request: Request | None
    work: Work


@dataclass(slots=True)
class _Series:
    """Pictures under way, first one first."""

    settings: Settings
    pool: Pool
    pending: deque[_Job] = field(default_factory=deque)
    deaths: int = 0

    @property
    def full(self) -> bool:
        cores = self.settings["resources.threads"] or len(os.sched_getaffinity(0))
        return len(self.pending) >= min(cores, _WORKERS_MAX)

    def begin(self, frame: Frame) -> None:
        """Check a picture and hand it to a worker, or decode it here."""
        stream, syntax = frame.codestream, frame.pixels.syntax
        try:
            said = read_codestream(stream, 0, len(stream), syntax)
            check_said(said, frame.pixels, file=frame.name, settings=self.settings)
            if syntax == RLE:
                samples = decode_rle(stream, frame.shape, frame.itemsize)
                self.pending.append(_Job(frame, None, samples))
                return
        except BadCodestream as error:
            raise refusal(PIX_003, file=frame.name, reason=str(error)) from error
        request = Request(_codec(said, syntax), stream, frame.shape, frame.itemsize)
        self.pending.append(_Job(frame, request, self._send(request)))

    def finish(self) -> NDArray[Any]:
        """Samples of the first picture under way."""
        job = self.pending.popleft()
        frame, outcome = job.frame, self._outcome(job.work)
        if isinstance(outcome, WorkerDied) and job.request is not None:
            outcome = self._again(job.request, outcome)
        if isinstance(outcome, (NotDecoded, WorkerDied)):
            raise refusal(PIX_003, file=frame.name, reason=str(outcome)) from outcome
        return outcome.view(f"<{'i' if frame.pixels.signed else 'u'}{frame.itemsize}")

    def stop(self) -> None:
        """End what is still under way."""
        while self.pending:
            work = self.pending.popleft().work
            if isinstance(work, Worker):
                work.close()

    def _again(self, request: Request, died: WorkerDied) -> NDArray[Any] | NotDecoded | WorkerDied:
        """Second try, once the others are done."""
        others = [replace(job, work=self._outcome(job.work)) for job in self.pending]
        self.pending = deque(others)
        self.deaths += 1
        if self.deaths >= self.settings["limits.decode_deaths_max"]:
            return WorkerDied(why=f"{died}, as {self.deaths - 1} others of its series did")
        outcome = self._outcome(self._send(request))
        self.deaths += isinstance(outcome, WorkerDied)
        return outcome

    def _send(self, request: Request) -> Worker | WorkerDied:
        try:
            worker = self.pool.take(
                request.nbytes,
                seconds=self.settings["limits.decode_frame_s"],
                memory_bytes=self.settings["limits.decode_memory_bytes"],
            )
            worker.send(request)
        except WorkerDied as error:
            return error
        return worker

    def _outcome(self, work: Work) -> NDArray[Any] | NotDecoded | WorkerDied:
        """What became of a picture, waited for."""
        if not isinstance(work, Worker):
            return work
        try:
            return work.receive()
        except (NotDecoded, WorkerDied) as error:
            return error
        finally:
            self.pool.give(work)


def _codec(said: Codestream, syntax: str) -> Codec:
    """Codec of a stream; only plain lossless JPEG has two decoders to compare."""
    codec = CODECS[syntax]
    if codec is Codec.JPEG_LOSSLESS and (said.restarts or said.lossy):
        return Codec.JPEG
    return codec
