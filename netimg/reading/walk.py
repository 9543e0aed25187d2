"""Every file below an input: a folder of any depth (with zips in it), a zip, or one file.

Names are data. Only regular files inside the folder are opened; links are not followed, because
what a link inside the folder points to is found by itself. Members of an archive are read through,
with the bytes counted while they are unpacked, and never written anywhere.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from netimg.errors import IDX_001, IDX_002, IDX_003, IDX_009, IDX_017, NetimgError
from netimg.reading.archive import is_archive, members, unpack
from netimg.reading.filebytes import FileBytes
from netimg.reading.problems import code_of, refusal, sentence
from netimg.reading.scan import may_be_dicom
from netimg.study import SetAside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from netimg.settings import Settings

Bytes: TypeAlias = bytes | FileBytes
"""What a file's content is read from."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_ZIP = ".zip"


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its name relative to the input, where it is, and its size in bytes.

    ``member`` is its name inside the archive ``path``. ``mtime_ns`` is when the file (or the
    archive) was last changed, None where that is not compared.
    """

    name: str
    path: Path
    member: str | None
    size: int
    mtime_ns: int | None = None


class Archives:
    """Archives held open while their members are read, and the bytes unpacked from each so far.

    A context manager; closes what it opened. An archive that was refused once stays refused.
    """

    def __init__(self, settings: Settings) -> None:
        self.most: int = settings["limits.zip_bytes_max"]
        self.unpacked: Counter[Path] = Counter()
        self._refused: dict[Path, NetimgError] = {}
        self._open: dict[Path, tuple[zipfile.ZipFile, BinaryIO]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for archive, stream in self._open.values():
            archive.close()
            stream.close()
        self._open.clear()

    def at(self, file: Found) -> zipfile.ZipFile:
        """The open archive of a member."""
        if file.path not in self._open:
            stream = open_found(file)
            try:
                archive = zipfile.ZipFile(stream)
            except zipfile.BadZipFile as error:
                stream.close()
                raise refusal(IDX_003, file=file.name, reason=str(error)) from error
            archive.filename = file.path.name
            self._open[file.path] = (archive, stream)
        return self._open[file.path][0]

    def add(self, n: int, path: Path) -> None:
        """Count bytes unpacked from an archive; refuse beyond the limit."""
        self.unpacked[path] += n
        if self.unpacked[path] > self.most:
            reason = f"it unpacks to more than {self.most / 1e9:.3g} GB, limits.zip_bytes_max"
            raise refusal(IDX_009, reason=reason, where=path.name)

    def content(self, file: Found, settings: Settings) -> bytes:
        """Whole member of an archive.

        Raises
        ------
        InputError
            IDX-003 damaged, IDX-004 not DICOM, IDX-009 unpacks beyond the limits.
        """
        if file.path in self._refused:
            raise self._refused[file.path]
        try:
            return unpack(
                self.at(file),
                str(file.member),
                name=file.name,
                settings=settings,
                count=lambda n: self.add(n, file.path),
                wanted=may_be_dicom,
            )
        except NetimgError as error:
            if error.code is IDX_009:
                self._refused[file.path] = error
            raise


def walk(root: Path, settings: Settings) -> Iterator[Found | SetAside]:
    """Every file of a folder, a zip, or the file itself, one after the other, in order of names.

    What may not be opened is set aside.

    Raises
    ------
    InputError
        IDX-002 for a path that is none of the three or not there, IDX-009 for an archive that is
        damaged or may not be opened, IDX-017 beyond the limits on files and depth.
    """
    if root.is_dir():
        yield from _Folder(root, settings).walk()
        return
    if not root.is_file():
        variant = "" if root.exists() else "missing"
        raise refusal(IDX_002, variant, path=root.name or str(root), where=str(root))
    file = found_file(root.name, root.resolve())
    if _is_archive(file):
        yield from _members(file, settings, prefix="")
    else:
        yield file


def count(root: Path, settings: Settings) -> int:
    """Number of entries below a folder without looking at any of them; 1 for a file.

    Raises
    ------
    InputError
        IDX-017 beyond the limit on files, before one of them was opened.
    """
    if not root.is_dir():
        return 1
    most: int = settings["limits.files_max"]
    n = 0
    stack = [(str(root), 0)]
    while stack:
        folder, depth = stack.pop()
        with suppress(OSError), os.scandir(folder) as entries:  # said when it is walked
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if depth < settings["limits.depth_max"]:
                        stack.append((entry.path, depth + 1))
                else:
                    n += 1
        if n > most:
            raise too_many(root, most)
    return n


def too_many(root: Path, most: int) -> NetimgError:
    """IDX-017: more files than may lie below one input."""
    reason = f"more than {most} files, limits.files_max"
    return refusal(IDX_017, "folder", folder=root.name or str(root), reason=reason)


def nothing_there(root: Path) -> NetimgError:
    """IDX-001: a folder without files."""
    return refusal(IDX_001, folder=root.name or str(root), where=str(root))


def shown(name: str) -> str:
    """A name for a terminal: what cannot be printed is written out."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def found_file(name: str, path: Path, status: os.stat_result | None = None) -> Found:
    """A file on disk as it is now."""
    status = status or path.stat()
    return Found(shown(name), path, None, status.st_size, status.st_mtime_ns)


def open_found(file: Found) -> BinaryIO:
    """A file that was found, opened for reading; never a link, a pipe or a device.

    Raises
    ------
    InputError
        IDX-003 where the system refuses, or where it is no longer the file that was found.
    """
    try:
        descriptor = os.open(file.path, _FLAGS)
    except OSError as error:
        raise refusal(IDX_003, file=file.name, reason=error.strerror or str(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(IDX_003, file=file.name, reason="it is no longer a file")
        _check_same(file, status)
    except NetimgError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering=0 if file.member is None else -1)


@contextmanager
def content(file: Found, settings: Settings, archives: Archives | None = None) -> Iterator[Bytes]:
    """Bytes of a file: read as they are asked for, or unpacked and counted for a member of a zip.

    ``archives`` keeps archives open and counts over many files.

    Raises
    ------
    InputError
        IDX-003 where the system refuses or the file was changed meanwhile, IDX-004 and IDX-009
        for a member that is not DICOM or unpacks beyond the limits.
    """
    if file.member is not None:
        if archives is not None:
            yield archives.content(file, settings)
        else:
            with Archives(settings) as own:
                data = own.content(file, settings)
            yield data
        return
    with open_found(file) as stream:
        yield FileBytes(stream.fileno(), os.fstat(stream.fileno()).st_size, file.name)
        _check_same(file, os.fstat(stream.fileno()))


def _check_same(file: Found, status: os.stat_result) -> None:
    """Refuse a file that was changed since it was found."""
    if file.mtime_ns is None:
        return
    if file.member is None and status.st_size != file.size:
        reason = f"it changed while being read: {file.size} bytes before, {status.st_size} now"
        raise refusal(IDX_003, file=file.name, reason=reason)
    if status.st_mtime_ns != file.mtime_ns:
        raise refusal(IDX_003, file=file.name, reason="it changed while being read")


class _Folder:
    """One walk through a folder."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root, self.settings = root, settings
        self.base = os.path.realpath(root)
        self.linked: dict[tuple[int, int], str] = {}
        """Files with several names, by device and inode."""

    def walk(self) -> Iterator[Found | SetAside]:
        """Files and what is set aside, in order of the names."""
        stack: list[tuple[str, int]] = [("", 0)]
        most: int = self.settings["limits.depth_max"]
        while stack:
            name, depth = stack.pop()
            if not name.endswith("/") and name:
                yield from self._entry(name)
                continue
            if depth > most:
                reason = f"more than {most} folders deep, limits.depth_max"
                raise refusal(IDX_017, "folder", folder=name.rstrip("/"), reason=reason)
            try:
                entries = _entries(os.path.join(self.root, name))  # noqa: PTH118  # many of them
            except OSError as error:
                reason = error.strerror or str(error)
                yield _aside(name.rstrip("/") or self.root.name, "IDX-003", reason=reason)
                continue
            stack += [(name + entry, depth + 1) for entry in reversed(entries)]

    def _entry(self, name: str) -> Iterator[Found | SetAside]:
        path = self.root / name
        longest: int = self.settings["limits.path_bytes_max"]
        if len(os.fsencode(path)) > longest:
            reason = f"a path of more than {longest} bytes, limits.path_bytes_max"
            yield _aside(name, "IDX-017", reason=reason)
            return
        try:
            status = path.lstat()
        except OSError as error:
            yield _aside(name, "IDX-003", reason=error.strerror or str(error))
            return
        if stat.S_ISLNK(status.st_mode):
            yield self._link(name, path)
        elif not stat.S_ISREG(status.st_mode):
            yield _aside(name, "IDX-006", kind=_kind(status.st_mode))
        elif status.st_nlink > 1 and (other := self._other_name(name, status)):
            yield _aside(name, "IDX-007/file", other=other)
        else:
            yield from self._file(found_file(name, path, status))

    def _link(self, name: str, path: Path) -> SetAside:
        """What a link points to inside the folder is found by itself; nothing else is opened."""
        try:
            real = os.path.realpath(path, strict=True)
        except OSError:
            return _aside(name, "IDX-006", kind="link to nothing")
        if real != self.base and not real.startswith(os.path.join(self.base, "")):  # noqa: PTH118
            return _aside(name, "IDX-006", kind="link leading out of the folder")
        folder = os.path.relpath(real, self.base)
        folder = self.root.name or str(self.root) if folder == "." else folder
        return _aside(name, "IDX-007", folder=folder)

    def _other_name(self, name: str, status: os.stat_result) -> str:
        """Name under which a file was found before; empty the first time."""
        first = self.linked.setdefault((status.st_dev, status.st_ino), name)
        return "" if first == name else first

    def _file(self, file: Found) -> Iterator[Found | SetAside]:
        """A file, or the members of an archive that lies in the folder."""
        if not file.name.lower().endswith(_ZIP) or not _is_archive(file):
            yield file
            return
        try:
            yield from _members(file, self.settings, prefix=f"{file.name}/")
        except NetimgError as error:
            yield SetAside(path=file.name, code=str(error.code), sentence=error.what)


def _entries(folder: str) -> list[str]:
    """Names in a folder, folders with a slash, in the order of the paths below them."""
    with os.scandir(folder) as entries:
        names = [e.name + "/" * e.is_dir(follow_symlinks=False) for e in entries]
    names.sort(key=os.fsencode)
    return names


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"


def _aside(name: str, problem: str, **numbers: object) -> SetAside:
    name = shown(name)
    text = sentence(problem, file=name, **numbers)
    return SetAside(path=name, code=code_of(problem), sentence=text)


def _is_archive(file: Found) -> bool:
    try:
        with open_found(file) as stream:
            return is_archive(stream)
    except (NetimgError, OSError):
        return False


def _members(file: Found, settings: Settings, prefix: str) -> Iterator[Found | SetAside]:
    """Members of an archive; encrypted ones are set aside."""
    with open_found(file) as stream:
        inside = members(stream, file.name, settings)
    for member in inside:
        name = shown(prefix + member.name)
        if member.encrypted:
            yield _aside(name, "IDX-019")
        else:
            yield Found(name, file.path, member.name, member.size, file.mtime_ns)
