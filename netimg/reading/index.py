"""Every file below an input with its header, or set aside with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import IDX_002, IDX_009, InputError
from netimg.progress import silent
from netimg.reading.digest import digest
from netimg.reading.multiframe import read_headers, with_parts
from netimg.reading.problems import code_of, refusal, sentence
from netimg.reading.tables import table
from netimg.reading.walk import Archives, walk
from netimg.study import SetAside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from netimg.progress import Progress
    from netimg.reading.headers import Header
    from netimg.reading.walk import Found
    from netimg.settings import Settings

_EVERY = 64


@dataclass(frozen=True, slots=True)
class Index:
    """All files of an input: ``count`` = files with headers + set aside."""

    headers: tuple[Header, ...]
    set_aside: tuple[SetAside, ...]
    count: int
    studies: Mapping[str, str]
    """StudyInstanceUID of set-aside files that have one, by path."""

    @property
    def images(self) -> tuple[Header, ...]:
        """Headers of CT and PET images."""
        return tuple(h for h in self.headers if is_image(h))


def index(root: Path, settings: Settings, *, progress: Progress = silent) -> Index:
    """Header of every DICOM file below ``root``; what cannot be read is set aside.

    Raises
    ------
    InputError
        IDX-001, IDX-002 (also for one file that is not DICOM), IDX-009.
    """
    files = walk(root, settings)
    headers: list[Header] = []
    aside = list(files.set_aside)
    with Archives(settings) as archives:
        for done, file in enumerate(files.found):
            if done % _EVERY == 0:
                progress.step(done, len(files.found))
            try:
                headers += read_headers(file, settings, archives)
            except InputError as error:
                if error.code is IDX_009:
                    raise
                aside.append(SetAside(path=file.name, code=str(error.code), sentence=error.what))
    progress.step(len(files.found), len(files.found))
    if root.is_file() and len(files.found) == 1 and not headers and aside[0].code == "IDX-004":
        raise refusal(IDX_002, path=root.name, where=str(root))
    kept, copies = _without_copies(headers, settings)
    kept = with_parts(kept)
    aside += copies
    studies = {h.file.name: h.study_uid for h in headers}
    return Index(tuple(kept), tuple(sorted(aside, key=lambda s: s.path)), files.count, studies)


def is_image(header: Header) -> bool:
    """Whether a file is an image that could be measured."""
    return kind_of(header.sop_class)[1] in ("ct", "pet")


def kind_of(sop_class: str) -> tuple[str, str]:
    """Plain name of a kind of object, and what becomes of it (``ct``, ``pet``, ``mask`` ...)."""
    rows = table("objects")["objects"]
    fits = [uid for uid in rows if sop_class == uid or sop_class.startswith(f"{uid}.")]
    if not fits:
        return "an object of another kind", "other"
    name, fate = rows[max(fits, key=len)]
    # A longer UID below an image class is another kind of image, not that one.
    exact = sop_class in fits or fate not in ("ct", "pet", "mask")
    return (str(name), str(fate)) if exact else ("an object of another kind", "other")


def _without_copies(
    headers: Iterable[Header], settings: Settings
) -> tuple[list[Header], list[SetAside]]:
    """One image of each identity; exact copies are left out, contradicting ones both."""
    by_identity: dict[str, dict[Found, list[Header]]] = {}
    kept: list[Header] = []
    for header in headers:
        if is_image(header):
            files = by_identity.setdefault(header.sop_instance, {})
            files.setdefault(header.file, []).append(header)
        else:
            kept.append(header)
    aside: list[SetAside] = []
    for files in by_identity.values():
        group = [pictures[0] for pictures in files.values()]
        first = group[0]
        if len(group) == 1:
            kept += files[first.file]
            continue
        if len({digest(header.file, settings) for header in group}) == 1:
            kept += files[first.file]
            aside += [_aside(h, "IDX-013", other=first.file.name) for h in group[1:]]
        else:
            aside += [
                _aside(h, "IDX-014", other=(group[1] if h is first else first).file.name)
                for h in group
            ]
    return kept, aside


def _aside(header: Header, problem: str, **numbers: object) -> SetAside:
    return SetAside(
        path=header.file.name,
        code=code_of(problem),
        sentence=sentence(problem, file=header.file.name, **numbers),
        series_uid=header.series_uid,
    )
