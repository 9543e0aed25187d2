"""The process that runs native codecs: one compressed picture in, its samples out.

Started by its path (see `pool`), so that it holds nothing but numpy and imagecodecs: no patient's
header, no model, no file. It gives up what it does not need before it reads the first byte, and
answers with a struct of fixed size: whatever a codestream makes of this process, its parent reads
no object from it. Only five functions of imagecodecs are called, none that guesses a format.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import struct
import sys
import zlib
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

REQUEST = struct.Struct("<IIIIQ")
"""Codec, rows, columns, bytes of a sample, bytes of the codestream that follows."""

ANSWER = struct.Struct("<4sII")
"""`MAGIC`, status, CRC-32 of the samples in the shared block."""

MAGIC = b"nimg"

_OPEN_FILES = 64
_NICE = 5
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS of linux/prctl.h


class Codec(IntEnum):
    """The families of codestreams."""

    JPEG = 1
    """Any JPEG, also lossless with restart markers or a point transform."""
    JPEG_LOSSLESS = 2
    """Plain lossless JPEG: two decoders must agree."""
    JPEG_LS = 3
    JPEG_2000 = 4
    HTJ2K = 5


class Status(IntEnum):
    """How a request ended."""

    READY = 1
    DECODED = 2
    FAILED = 3
    """The codec refused the codestream."""
    OTHER_PICTURE = 4
    """Decoded, but not to the size or the number format asked for."""
    NO_MEMORY = 5
    TWO_PICTURES = 6
    """Two decoders disagree."""


def serve(block: int, *, memory_bytes: int, seconds: int) -> None:
    """Answer requests from standard input until it closes.

    Parameters
    ----------
    block
        File descriptor of the shared block that samples are written to.
    memory_bytes
        Most address space of this process.
    seconds
        Most time for a picture; past it the process ends by SIGALRM, also where nobody waits.
    """
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    decoders = _decoders()
    _give_up(memory_bytes)

    def answer(status: Status, checksum: int = 0) -> None:
        answers.write(ANSWER.pack(MAGIC, status, checksum))
        answers.flush()

    answer(Status.READY)
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        codec, rows, columns, itemsize, length = REQUEST.unpack(head)
        codestream = requests.read(length)
        signal.alarm(seconds)
        try:
            picture = _picture(decoders[codec](codestream), (rows, columns), itemsize)
            signal.alarm(0)
            if picture is None:
                answer(Status.OTHER_PICTURE)
                continue
            with mmap.mmap(block, picture.nbytes) as shared:
                shared[:] = picture.tobytes()
            answer(Status.DECODED, zlib.crc32(picture.data))
        except MemoryError:
            answer(Status.NO_MEMORY)
        except _Disagree:
            answer(Status.TWO_PICTURES)
        except Exception:  # noqa: BLE001  # each codec has its own errors; the parent needs no words
            answer(Status.FAILED)
        finally:
            signal.alarm(0)


def _picture(decoded: NDArray[Any], shape: tuple[int, int], itemsize: int) -> NDArray[Any] | None:
    """Samples widened to the size asked for, their own sign kept; None for another picture."""
    import numpy as np

    if decoded.ndim == 3 and decoded.shape[2] == 1:
        decoded = decoded[:, :, 0]
    if decoded.shape != shape or decoded.dtype.kind not in "iu":
        return None
    if decoded.dtype.itemsize > itemsize:
        return None
    return np.ascontiguousarray(decoded, dtype=f"<{decoded.dtype.kind}{itemsize}")


def _decoders() -> dict[int, Callable[[bytes], NDArray[Any]]]:
    """Functions of imagecodecs, loaded before anything foreign is read.

    Not ``ljpeg_decode`` alone (imagecodecs 2026.3.6): it ignores restart markers and point
    transforms and returns another picture without a word. ``jpeg_decode`` falls back on it.
    """
    import imagecodecs

    jpeg_2000 = imagecodecs.jpeg2k_decode
    return {
        Codec.JPEG: imagecodecs.jpeg8_decode,
        Codec.JPEG_LOSSLESS: _lossless,
        Codec.JPEG_LS: imagecodecs.jpegls_decode,
        Codec.JPEG_2000: lambda codestream: jpeg_2000(codestream, numthreads=1),
        Codec.HTJ2K: imagecodecs.htj2k_decode,
    }


def _lossless(codestream: bytes) -> NDArray[Any]:
    """Lossless JPEG by two decoders.

    A stream whose end is missing is decoded by both without a word, each filling the rest with
    its own invention.
    """
    import imagecodecs
    import numpy as np

    picture: NDArray[Any] = imagecodecs.jpeg8_decode(codestream)
    if not np.array_equal(picture, imagecodecs.ljpeg_decode(codestream)):
        raise _Disagree
    return picture


class _Disagree(Exception):  # noqa: N818  # neither decoder is known to be wrong
    """Two decoders make different pictures of one codestream."""


def _give_up(memory_bytes: int) -> None:
    """Limit this process for good."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; we end with its pipe
    os.nice(_NICE)
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
    }
    for limit, value in limits.items():
        with suppress(ValueError, OSError):  # a stricter limit is in force, or the system has none
            resource.setrlimit(limit, (value, value))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


if __name__ == "__main__":
    _block, _memory, _seconds = map(int, sys.argv[1:4])
    serve(_block, memory_bytes=_memory, seconds=_seconds)
