"""Every file below an input: a folder of any depth (with zips in it), a zip, or one file.

Names are data. Only regular files inside the folder are opened; members of an archive are read
through, with the bytes counted while they are unpacked, and never written anywhere.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from netimg.errors import IDX_001, IDX_002, IDX_003, IDX_009, IDX_017, NetimgError
from netimg.reading.problems import code_of, refusal, sentence
from netimg.study import SetAside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netimg.settings import Settings

Bytes: TypeAlias = bytes | mmap
"""What a file's content is read from."""

_CHUNK = 1 << 20
_RATIO_FREE = 64 << 20
_ENCRYPTED = 0x1
_BEGINS = b"PK\x03\x04"
"""Header of the first member of a zip."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its name relative to the input, where it is, and its size in bytes."""

    name: str
    path: Path
    member: str | None
    size: int


class Archives:
    """Archives held open while their members are read, and the bytes unpacked from them so far.

    A context manager; closes what it opened.
    """

    def __init__(self, settings: Settings) -> None:
        self.most: int = settings["limits.zip_bytes_max"]
        self.unpacked = 0
        self._open: dict[Path, zipfile.ZipFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for archive in self._open.values():
            archive.close()
        self._open.clear()

    def at(self, path: Path) -> zipfile.ZipFile:
        """The open archive of a path."""
        if path not in self._open:
            self._open[path] = zipfile.ZipFile(path)
        return self._open[path]

    def add(self, n: int, name: str) -> None:
        """Count unpacked bytes; refuse beyond the limit."""
        self.unpacked += n
        if self.unpacked > self.most:
            reason = f"it unpacks to more than {self.most / 1e9:.3g} GB"
            raise refusal(IDX_009, reason=reason, where=name)


@dataclass(frozen=True, slots=True)
class Walk:
    """What lies below an input, in order of the names; what may not be opened is set aside."""

    found: tuple[Found, ...]
    set_aside: tuple[SetAside, ...]

    @property
    def count(self) -> int:
        """Number of files found."""
        return len(self.found) + len(self.set_aside)


def walk(root: Path, settings: Settings) -> Walk:
    """Every file of a folder, a zip, or the file itself.

    Raises
    ------
    InputError
        IDX-001 for a folder without files, IDX-002 for a path that is none of the three or not
        there, IDX-009 for an archive that is damaged or may not be opened, IDX-017 beyond the
        limits on files and depth.
    """
    if root.is_dir():
        result = _folder(root, settings)
        if not result.count:
            raise refusal(IDX_001, folder=root.name or str(root), where=str(root))
        return result
    if not root.is_file():
        variant = "" if root.exists() else "missing"
        raise refusal(IDX_002, variant, path=root.name or str(root), where=str(root))
    if _is_archive(root):
        return _archive(root, settings)
    return Walk((Found(root.name, root, None, root.stat().st_size),), ())


@contextmanager
def content(file: Found, settings: Settings, archives: Archives | None = None) -> Iterator[Bytes]:
    """Bytes of a file: mapped for a file on disk, unpacked and counted for a member of a zip.

    ``archives`` keeps archives open and counts over many files.

    Raises
    ------
    InputError
        IDX-003 where the system refuses, IDX-009 where a member unpacks beyond the limits.
    """
    if file.member is not None:
        if archives is not None:
            yield _unpack(file, settings, archives)
        else:
            with Archives(settings) as own:
                data = _unpack(file, settings, own)
            yield data
        return
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise refusal(IDX_003, file=file.name, reason=error.strerror or str(error)) from error
    try:
        size = os.fstat(descriptor).st_size
        view: Bytes = mmap(descriptor, 0, access=ACCESS_READ) if size else b""
    except OSError as error:
        raise refusal(IDX_003, file=file.name, reason=error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    try:
        yield view
    finally:
        if isinstance(view, mmap):
            view.close()


def _folder(root: Path, settings: Settings) -> Walk:
    base = root.resolve()
    found: list[Found] = []
    aside: list[SetAside] = []
    status = base.stat()
    seen = {(status.st_dev, status.st_ino)}
    stack: list[tuple[Path, int]] = [(root, 0)]
    while stack:
        folder, depth = stack.pop()
        if depth > settings["limits.depth_max"]:
            reason = f"more than {settings['limits.depth_max']} folders deep"
            raise refusal(IDX_017, file=str(folder.relative_to(root)), reason=reason)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            aside.append(_aside(root, folder, "IDX-003", reason=error.strerror or str(error)))
            continue
        for entry in entries:
            path = Path(entry.path)
            kind = _kind(path, base, seen)
            if kind == "folder":
                stack.append((path, depth + 1))
            elif kind == "file":
                inside, closed = _file_or_archive(root, path, settings)
                found += inside
                aside += closed
            elif kind != "seen":
                aside.append(_aside(root, path, "IDX-006", kind=kind))
        if len(found) > settings["limits.files_max"]:
            reason = f"more than {settings['limits.files_max']} files"
            raise refusal(IDX_017, file=root.name, reason=reason)
    found.sort(key=lambda file: os.fsencode(file.name))
    return Walk(tuple(found), tuple(aside))


def _file_or_archive(
    root: Path, path: Path, settings: Settings
) -> tuple[list[Found], list[SetAside]]:
    """A file, or the members of an archive that lies in the folder."""
    name = str(path.relative_to(root))
    if path.suffix.lower() != ".zip" or not _is_archive(path):
        return [Found(name, path, None, path.stat().st_size)], []
    try:
        inside = _archive(path, settings)
    except NetimgError as error:
        return [], [SetAside(path=name, code=str(error.code), sentence=error.what)]
    found = [replace(file, name=f"{name}/{file.name}") for file in inside.found]
    return found, [replace(a, path=f"{name}/{a.path}") for a in inside.set_aside]


def _kind(path: Path, base: Path, seen: set[tuple[int, int]]) -> str:
    """``file``, ``folder``, ``seen`` (a loop or a second link), or what it is instead."""
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(base):
            return "link leading out of the folder"
        status = path.stat()
    except OSError:
        return "link to nothing"
    regular, folder = stat.S_ISREG(status.st_mode), stat.S_ISDIR(status.st_mode)
    if not regular and not folder:
        return "pipe, socket or device"
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return "seen"
    seen.add(key)
    return "file" if regular else "folder"


def _aside(root: Path, path: Path, problem: str, **numbers: object) -> SetAside:
    name = str(path.relative_to(root))
    return SetAside(
        path=name, code=code_of(problem), sentence=sentence(problem, file=name, **numbers)
    )


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip, also one whose end is missing."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_BEGINS)) == _BEGINS
    except OSError:
        return False
    return begins or zipfile.is_zipfile(path)


def _archive(path: Path, settings: Settings) -> Walk:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        reason = "its table of contents cannot be read"
        raise refusal(IDX_009, "damaged", file=path.name, reason=reason, where=path.name) from error
    except (OSError, NotImplementedError) as error:
        raise refusal(IDX_009, reason=str(error), where=path.name) from error
    if not members:
        raise refusal(IDX_001, folder=path.name, where=str(path))
    if len(members) > settings["limits.zip_members_max"]:
        reason = f"it holds {len(members)} files, more than {settings['limits.zip_members_max']}"
        raise refusal(IDX_009, reason=reason, where=path.name)
    if len({info.filename for info in members}) < len(members):
        raise refusal(IDX_009, reason="it holds two files of one name", where=path.name)
    if sum(info.compress_size for info in members) > path.stat().st_size:
        raise refusal(IDX_009, reason="its parts overlap", where=path.name)
    found: list[Found] = []
    aside: list[SetAside] = []
    for info in sorted(members, key=lambda info: info.filename):
        if info.flag_bits & _ENCRYPTED:
            text = sentence("IDX-019", file=info.filename)
            aside.append(SetAside(path=info.filename, code="IDX-019", sentence=text))
        else:
            found.append(Found(info.filename, path, info.filename, info.file_size))
    return Walk(tuple(found), tuple(aside))


def _unpack(file: Found, settings: Settings, archives: Archives) -> bytes:
    """Whole member of a zip, counted while it is unpacked; the stated size is not believed."""
    most: int = settings["limits.series_bytes_max"]
    ratio: int = settings["limits.zip_ratio_max"]
    member = str(file.member)
    parts: list[bytes] = []
    size = 0
    try:
        archive = archives.at(file.path)
        packed = max(1, archive.getinfo(member).compress_size)
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > most or (size > _RATIO_FREE and size > ratio * packed):
                    raise _bomb(file, size, packed)
                archives.add(len(chunk), file.path.name)
                parts.append(chunk)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise refusal(IDX_003, file=file.name, reason=str(error)) from error
    return b"".join(parts)


def _bomb(file: Found, size: int, packed: int) -> NetimgError:
    reason = f"{file.name} unpacks to more than {size / 2**20:.0f} MB from {packed} bytes"
    return refusal(IDX_009, reason=reason, where=file.path.name)
