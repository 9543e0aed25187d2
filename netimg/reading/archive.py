"""What a zip says it holds, checked before anything is unpacked, and members unpacked in bounds.

Names of members are data: nothing is written under them. Stated sizes are not believed: what is
unpacked is counted while it comes.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from netimg.errors import IDX_001, IDX_003, IDX_004, IDX_009
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netimg.settings import Settings

BEGINS = b"PK\x03\x04"
"""Header of the first member of a zip."""

_CHUNK, _SNIFF = 1 << 20, 1 << 16
_RATIO_FREE = 64 << 20
_ENCRYPTED = 0x1
_LOCAL_HEAD = 30  # bytes of a member's own head, PKWARE APPNOTE 4.3.7
_ENTRY = struct.Struct("<4s6H3I5H2I")  # 4.3.12
_END, _END_SIGN, _COMMENT = struct.Struct("<4s4H2IH"), b"PK\x05\x06", 1 << 16  # 4.3.16
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGED = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive; ``size`` is what the archive says."""

    name: str
    size: int
    encrypted: bool


def is_archive(stream: BinaryIO) -> bool:
    """Whether a file is a zip, also one whose end is missing."""
    begins = stream.read(len(BEGINS)) == BEGINS
    return begins or zipfile.is_zipfile(stream)


def members(stream: BinaryIO, name: str, settings: Settings) -> list[Member]:
    """Files of an archive in order of their names.

    Raises
    ------
    InputError
        IDX-001 none; IDX-009 damaged, too many, two of one name, overlapping, a name that leads
        out of the folder or is too long.
    """
    whole = stream.seek(0, os.SEEK_END)
    _check_entries(stream, whole, name, settings)
    try:
        with zipfile.ZipFile(stream) as archive:
            infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
            table = archive.start_dir
    except _DAMAGED as error:
        raise _damaged(name) from error
    if not infos:
        raise refusal(IDX_001, folder=name, where=name)
    if len({info.filename for info in infos}) < len(infos):
        raise _closed(name, "it holds two files of one name")
    for info in infos:
        parts = re.split(r"[/\\]", info.filename)
        if ".." in parts or not parts[0] or _DRIVE.match(info.filename):
            reason = f"{info.filename or 'a file without a name'} leads out of the folder"
            raise _closed(name, reason)
    if _overlap(infos, table) or sum(info.compress_size for info in infos) > whole:
        raise _closed(name, "its parts overlap")
    infos.sort(key=lambda info: os.fsencode(info.filename))
    return [Member(i.filename, i.file_size, bool(i.flag_bits & _ENCRYPTED)) for i in infos]


def unpack(
    archive: zipfile.ZipFile,
    member: str,
    *,
    name: str,
    settings: Settings,
    count: Callable[[int], None],
    wanted: Callable[[bytes], bool],
) -> bytes:
    """Whole member, counted while it is unpacked.

    Parameters
    ----------
    name
        How the member is called in messages.
    count
        Told of every piece that was unpacked; may refuse.
    wanted
        Asked about the first 64 KiB; the rest is unpacked only if it says yes.

    Raises
    ------
    InputError
        IDX-003 damaged, IDX-004 not wanted or an archive itself, IDX-009 beyond the limits.
    """
    most: int = settings["limits.series_bytes_max"]
    ratio: int = settings["limits.zip_ratio_max"]
    parts: list[bytes] = []
    size = 0
    try:
        packed = max(1, archive.getinfo(member).compress_size)
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK if parts else _SNIFF):
                size += len(chunk)
                if size > most or (size > _RATIO_FREE and size > ratio * packed):
                    reason = f"{name} unpacks to more than {size / 2**20:.0f} MB from {packed}"
                    raise _closed(str(archive.filename), f"{reason} bytes")
                count(len(chunk))
                if not parts and chunk[: len(BEGINS)] == BEGINS:
                    raise refusal(IDX_004, "archive", file=name)
                if not parts and not wanted(chunk):
                    raise refusal(IDX_004, file=name)
                parts.append(chunk)
    except _DAMAGED as error:
        raise refusal(IDX_003, file=name, reason=str(error)) from error
    return b"".join(parts)


def _check_entries(stream: BinaryIO, whole: int, name: str, settings: Settings) -> None:
    """Refuse a table of contents with too many or too long names before it is read as a whole."""
    most, longest = settings["limits.zip_members_max"], settings["limits.zip_name_bytes_max"]
    stream.seek(max(0, whole - _COMMENT - _END.size))
    tail = stream.read()
    at = tail.rfind(_END_SIGN)
    if at < 0 or at + _END.size > len(tail):
        raise _damaged(name)
    size, offset = _END.unpack_from(tail, at)[5:7]
    place = whole - len(tail) + at - size
    if 0xFFFFFFFF in (size, offset) or place < 0:
        place, size = _table_64(stream, tail[:at], whole, name)
    stream.seek(place)
    count = 0
    while size >= _ENTRY.size:
        head = stream.read(_ENTRY.size)
        if len(head) < _ENTRY.size or not head.startswith(b"PK\x01\x02"):
            raise _damaged(name)
        of_name, of_extra, of_comment = _ENTRY.unpack(head)[10:13]
        count += 1
        if count > most:
            reason = f"it holds more than {most} files, limits.zip_members_max"
            raise _closed(name, reason)
        if of_name > longest:
            reason = f"a name of {of_name} bytes is longer than {longest}"
            raise _closed(name, f"{reason}, limits.zip_name_bytes_max")
        stream.seek(of_name + of_extra + of_comment, os.SEEK_CUR)
        size -= _ENTRY.size + of_name + of_extra + of_comment


def _table_64(stream: BinaryIO, before: bytes, whole: int, name: str) -> tuple[int, int]:
    """First byte and size of the table of contents of a large archive, APPNOTE 4.3.14."""
    locator = struct.Struct("<4sIQI")
    if len(before) < locator.size or not before[-locator.size :].startswith(b"PK\x06\x07"):
        raise _damaged(name)
    end = struct.Struct("<4sQ2H2I4Q")
    (place,) = locator.unpack(before[-locator.size :])[2:3]
    if place + end.size > whole:
        raise _damaged(name)
    stream.seek(place)
    head = stream.read(end.size)
    if not head.startswith(b"PK\x06\x06"):
        raise _damaged(name)
    size = end.unpack(head)[8]
    if size > place:
        raise _damaged(name)
    return place - size, size


def _overlap(infos: Sequence[zipfile.ZipInfo], table: int) -> bool:
    """Whether a member begins before the one in front of it, or the table, can have ended."""
    places = sorted(
        (i.header_offset, i.header_offset + _LOCAL_HEAD + len(i.orig_filename) + i.compress_size)
        for i in infos
    )
    ends = (*places, (table, table))
    return any(end > begin for (_, end), (begin, _) in pairwise(ends))


def _closed(name: str, reason: str) -> Exception:
    return refusal(IDX_009, reason=reason, where=os.path.basename(name))  # noqa: PTH119  # a name


def _damaged(name: str) -> Exception:
    reason = "its table of contents cannot be read"
    return refusal(IDX_009, "damaged", file=name, reason=reason, where=name)
