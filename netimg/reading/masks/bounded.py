"""Bytes of a mask file within what its header says: never more is read or unpacked."""

from __future__ import annotations

import bz2
import gzip
import zlib
from typing import IO, TYPE_CHECKING

import numpy as np

from netimg.errors import IDX_003, MSK_015
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from netimg.settings import Settings

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 22


def unpacked(stream: IO[bytes], encoding: str) -> IO[bytes]:
    """What a stream holds from here on, unpacked as it is read; ``raw``, ``gzip`` or ``bzip2``."""
    if encoding == "gzip":
        return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]  # it reads bytes
    if encoding == "bzip2":
        return bz2.BZ2File(stream)
    return stream


def check_voxels(shape: tuple[int, ...], itemsize: int, *, file: str, settings: Settings) -> None:
    """Refuse a stated size beyond the limits, before anything is read.

    Raises
    ------
    MaskError
        MSK-015.
    """
    voxels = float(np.prod(shape, dtype=np.float64)) if shape else 0.0
    stated = "x".join(map(str, shape))
    if any(n < 1 for n in shape) or not 0 < voxels <= settings["limits.mask_voxels_max"]:
        raise refusal(MSK_015, where=file, what=f"{stated} voxels")
    if voxels * itemsize > settings["limits.series_bytes_max"]:
        what = f"{stated} voxels of {itemsize} bytes"
        raise refusal(MSK_015, where=file, what=what)


def read_exactly(
    stream: IO[bytes], n: int, *, file: str, before: int = 0, total: int | None = None
) -> bytearray:
    """The next ``n`` bytes; memory grows with the bytes that come, not with those announced.

    Parameters
    ----------
    before, total
        Bytes of the values that were read before, and all of them. After the last of them nothing
        may follow in a packed stream: one byte more is read to see.

    Raises
    ------
    InputError
        IDX-003 where there are fewer, or they cannot be unpacked.
    MaskError
        MSK-015 where more follow.
    """
    data = bytearray()
    try:
        while len(data) < n:
            part = stream.read(min(_CHUNK, n - len(data)))
            if not part:
                there, needed = before + len(data), n if total is None else total
                reason = f"it has {there} bytes of values where {needed} are needed"
                raise refusal(IDX_003, file=file, reason=reason)
            data += part
        packed = isinstance(stream, (gzip.GzipFile, bz2.BZ2File))
        more = packed and before + n == total and stream.read(1)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise refusal(IDX_003, file=file, reason=str(error)) from error
    if more:
        raise refusal(MSK_015, where=file, what=f"more than the {total} bytes its header says")
    return data


def skip(stream: IO[bytes], n: int, *, file: str) -> None:
    """Read over ``n`` bytes, a few at a time.

    Raises
    ------
    InputError
        IDX-003 where there are fewer.
    """
    while n > 0:
        step = min(n, _CHUNK)
        read_exactly(stream, step, file=file)
        n -= step
