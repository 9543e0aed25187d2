"""How a result folder becomes complete or stays absent.

Everything is written into a part folder beside the target, each file synced, the manifest last;
one rename makes it the result. What a crash leaves is cleared up by the next start.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from netimg.errors import OUT_001, OUT_002, OUT_003, OUT_005, OutputError
from netimg.reporting.finished import foreign_files, is_result

log = logging.getLogger(__name__)

_PART = ".netimg-part-"
_OLD = ".netimg-old-"
_STALE_S = 24 * 3600.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_target(out: Path, *, overwrite: bool, source: str = "") -> Path:
    """The folder to write, resolved; refused before any work where it cannot be used.

    Parameters
    ----------
    out
        Absent, an empty folder, or with ``overwrite`` a netimg result.
    source
        The input; neither may lie inside the other.

    Raises
    ------
    OutputError
        OUT-001 not writable, OUT-002 holds something else, OUT-005 inside the input.
    """
    target = out.resolve()
    if source:
        _check_apart(target, Path(source).resolve(), out)
    _finish_old(target)
    if target.exists():
        _check_replaceable(target, out, overwrite=overwrite)
    existing = next(parent for parent in target.parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        _refuse_write(out, f"the folder {existing} takes no new files")
    return target


def _check_apart(target: Path, source: Path, out: Path) -> None:
    if source.exists() and (target.is_relative_to(source) or source.is_relative_to(target)):
        raise OutputError(
            OUT_005,
            what=f"{out} and the input {source} lie inside each other.",
            where=str(out),
            todo="Give another folder with -o.",
        )


def _check_replaceable(target: Path, out: Path, *, overwrite: bool) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    ours = is_result(target)
    if ours and overwrite:
        _check_foreign(target, out)
        return
    what = "it is not empty." if target.is_dir() else "it is a file."
    raise OutputError(
        OUT_002,
        what="a netimg result is there already." if ours else what,
        where=str(out),
        todo="Add --overwrite to replace it, or give another folder with -o."
        if ours
        else "Give an empty or new folder with -o; only a netimg result can be replaced.",
    )


def _check_foreign(target: Path, out: Path) -> None:
    """Refuse to replace a result in which somebody keeps files of their own."""
    others = foreign_files(target)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise OutputError(
            OUT_002,
            what=f"beside a netimg result it holds {', '.join(others[:3])}{more}.",
            where=str(out),
            todo="Move these files away, or give another folder with -o.",
        )


@contextmanager
def part_folder(target: Path, *, key: str = "run") -> Iterator[Path]:
    """A folder to fill; on leaving without an error it becomes ``target``, else it vanishes.

    Raises
    ------
    OutputError
        OUT-001 or OUT-003, whatever the system said, with nothing left behind.
    """
    parent = target.parent
    part = parent / f"{_PART}{key}-{os.getpid()}-{secrets.token_hex(4)}"
    inner = part / "result"
    try:
        with _translated(target):
            parent.mkdir(parents=True, exist_ok=True)
            _clear_stale(parent)
            part.mkdir(mode=0o700)
            inner.mkdir()
        with _translated(target):
            yield inner
        with _translated(target):
            _sync_tree(inner)
            _replace(inner, target)
            _sync_folder(parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _translated(target: Path) -> Iterator[None]:
    """The system's refusals while writing, as ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            free = _free_gb(target)
            raise OutputError(
                OUT_003,
                what=f"{free:.2f} GB are free there and more is needed.",
                where=str(target),
                todo="Free some space, or give another folder with -o.",
            ) from error
        named = str(error.filename or target)
        if _PART not in named and Path(named) not in (target, *target.parents):
            raise  # the input, not the output, could not be read
        _refuse_write(target, error.strerror or type(error).__name__, error)


def _refuse_write(out: Path, why: str, cause: OSError | None = None) -> NoReturn:
    raise OutputError(
        OUT_001,
        what=f"{why}.",
        where=str(out),
        todo="Give a folder with -o that you may write to.",
    ) from cause


def write_file(root: Path, path: str, content: bytes | str | Callable[[Path], object]) -> None:
    """Write and sync one file of a part folder.

    Parameters
    ----------
    path
        Relative, with ``/``; folders are made.
    content
        Bytes, text (UTF-8), or a function that writes the file it is given.
    """
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):
        content(target)
    else:
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())


def write_atomic(path: Path, content: str) -> None:
    """Replace a file whole: a reader sees the old text or the new one.

    Raises
    ------
    OutputError
        OUT-001 or OUT-003.
    """
    part = path.parent / f"{_PART}{os.getpid()}-{secrets.token_hex(4)}"
    with _translated(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path.parent, part.name, content)
            part.replace(path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def check_space(target: Path, needed_bytes: int) -> None:
    """Refuse early where the disk is plainly too full (a courtesy; writing is what decides).

    Raises
    ------
    OutputError
        OUT-003 with both sizes.
    """
    free = _free_gb(target)
    if free * 1e9 < needed_bytes:
        raise OutputError(
            OUT_003,
            what=f"about {needed_bytes / 1e9:.2f} GB are needed and {free:.2f} GB are free.",
            where=str(target),
            todo="Free some space, or give another folder with -o.",
        )


def _free_gb(target: Path) -> float:
    existing = next(path for path in (target, *target.parents) if path.exists())
    return shutil.disk_usage(existing).free / 1e9


def _replace(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target``; an old result is moved out of the way first."""
    if target.exists() and any(target.iterdir()):
        old = target.parent / f"{_OLD}{target.name}-{secrets.token_hex(4)}"
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(target)


def _finish_old(target: Path) -> None:
    """Roll back a replacement that a crash cut in two, or clear what it left."""
    with contextlib.suppress(OSError):
        for old in sorted(target.parent.glob(f"{_OLD}{target.name}-????????")):
            if target.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.rename(target)
                log.warning("result restored after a crash")


def _clear_stale(parent: Path) -> None:
    """Remove part folders older than a day whose process is gone."""
    for part in sorted(parent.glob(f"{_PART}*")):
        pid = part.name.split("-")[-2]
        with contextlib.suppress(OSError):
            old = time.time() - part.stat().st_mtime > _STALE_S
            if old and not (pid.isdigit() and Path(f"/proc/{pid}").exists()):
                shutil.rmtree(part, ignore_errors=True)
                log.warning("left-over part folder removed")


def _sync_tree(root: Path) -> None:
    for folder in (root, *(path for path in sorted(root.rglob("*")) if path.is_dir())):
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
