"""The index of a disc (DICOMDIR): which files it lists, and whether they are there.

What it says is data. A listed file is looked for below the folder of the index and nowhere else,
also in lower case, as some systems show discs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import IDX_008, NetimgError
from netimg.reading.attributes import Attributes
from netimg.reading.problems import count, doubt, refusal
from netimg.reading.scan import scan
from netimg.reading.walk import content, found_file
from netimg.resources import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from netimg.flag import Flag
    from netimg.reading.walk import Archives, Found
    from netimg.settings import Settings

MEDIA = "1.2.840.10008.1.3.10"
"""SOP class of the index of a disc."""

_RECORDS, _FILE_ID = 0x00041220, 0x00041500
_PART = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class DiscIndex:
    """Files that an index lists, each as the parts of its path as they are written."""

    file: Found
    entries: tuple[tuple[str, ...], ...]


def read_disc_index(
    file: Found, settings: Settings, archives: Archives | None = None
) -> DiscIndex | None:
    """Read the index of a disc; None for a file that is something else or cannot be read."""
    try:
        with content(file, settings, archives) as data:
            a = Attributes(scan(data, name=file.name, settings=settings), file.name)
            if (a.uid(0x00080016) or a.uid(0x00020002)) != MEDIA:
                return None
            listed = (record.verbatim(_FILE_ID) for record in a.items(_RECORDS) or ())
            entries = [tuple(part.strip() for part in text.split("\\")) for text in listed if text]
    except NetimgError:
        return None
    return DiscIndex(file, tuple(dict.fromkeys(entries)))


def listed_files(disc: DiscIndex) -> tuple[list[Found], list[Flag]]:
    """Files that an index on disk lists, in order of their names, and what is wrong with it.

    Raises
    ------
    InputError
        IDX-008 where none of them is there.
    """
    folder = disc.file.path.parent
    found: dict[Path, Found] = {}
    missing: list[str] = []
    outside: list[str] = []
    for entry in disc.entries:
        if not _is_plain(entry):
            outside.append(_shown(entry))
            continue
        path = _look_up(folder, entry)
        if path is None:
            missing.append(_shown(entry))
            continue
        names = path.relative_to(folder).parts
        real = inside(folder, names)
        if real is None:
            outside.append(_shown(entry))
        elif real.is_file():
            found[real] = found_file("/".join(names), real)
        else:
            missing.append(_shown(entry))
    if not found:
        first = _shown(disc.entries[0]) if disc.entries else "none"
        n = len(disc.entries)
        raise refusal(IDX_008, "none", n=n, first=first, where=disc.file.name)
    files = sorted(found.values(), key=lambda file: os.fsencode(file.name))
    return files, _flags(missing, outside, [])


def check(disc: DiscIndex, names: Iterable[str], dicom: Iterable[str]) -> list[Flag]:
    """What is wrong with an index whose folder was walked.

    Parameters
    ----------
    disc
        The index.
    names
        Names of all files that were found.
    dicom
        Names of those that hold DICOM objects, indexes left out.
    """
    folder = disc.file.name.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    there = {name[len(prefix) :] for name in names if name.startswith(prefix)}
    objects = {name[len(prefix) :] for name in dicom if name.startswith(prefix)}
    by_fold = {name.casefold(): name for name in there}
    missing: list[str] = []
    outside: list[str] = []
    listed: set[str] = set()
    for entry in disc.entries:
        name = "/".join(entry)
        real = name if name in there else by_fold.get(name.casefold())
        if not _is_plain(entry):
            outside.append(_shown(entry))
        elif real is None:
            missing.append(_shown(entry))
        else:
            listed.add(real)
    return _flags(missing, outside, sorted(objects - listed))


def _flags(missing: list[str], outside: list[str], unlisted: list[str]) -> list[Flag]:
    flags = []
    if missing:
        n = len(missing)
        files = "1 file that is" if n == 1 else f"{n} files that are"
        flags.append(doubt("IDX-008", files=files, first=missing[0]))
    if outside:
        flags.append(doubt("IDX-008/outside", n=len(outside), first=outside[0]))
    if unlisted:
        flags.append(
            doubt("IDX-008/unlisted", files=count(len(unlisted), "file"), first=unlisted[0])
        )
    return flags


def _is_plain(entry: tuple[str, ...]) -> bool:
    """Whether every part is a name: no way up, no absolute path, nothing unusual."""
    return all(_PART.fullmatch(part) and part.strip(".") for part in entry)


def _look_up(folder: Path, entry: tuple[str, ...]) -> Path | None:
    """Path of an entry below a folder, in its own spelling or, failing that, in another case."""
    path = folder.joinpath(*entry)
    if path.exists():
        return path
    path = folder
    for part in entry:
        names = _names(path)
        name = names.get(part.casefold())
        if name is None:
            return None
        path /= name
    return path


def _names(folder: Path) -> Mapping[str, str]:
    try:
        return {name.casefold(): name for name in sorted(os.listdir(folder))}  # noqa: PTH208
    except OSError:
        return {}


def _shown(entry: tuple[str, ...]) -> str:
    return "/".join(entry)
