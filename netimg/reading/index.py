"""Every file below an input with its header, or set aside with a reason."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from netimg.errors import IDX_002, IDX_009, NetimgError
from netimg.progress import silent
from netimg.reading.crew import read_all
from netimg.reading.dicomdir import check, listed_files, read_disc_index
from netimg.reading.digest import digest
from netimg.reading.lean import Shared
from netimg.reading.multiframe import with_parts
from netimg.reading.person import persons
from netimg.reading.problems import code_of, doubt, refusal, sentence
from netimg.reading.tables import table
from netimg.reading.walk import count, found_file, nothing_there, too_many, walk
from netimg.study import SetAside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from netimg.flag import Flag
    from netimg.progress import Progress
    from netimg.reading.dicomdir import DiscIndex
    from netimg.reading.headers import Header
    from netimg.reading.read_files import Outcome
    from netimg.reading.walk import Found
    from netimg.settings import Settings


@dataclass(frozen=True, slots=True)
class Index:
    """All files of an input: ``count`` = files with headers + set aside."""

    headers: tuple[Header, ...]
    set_aside: tuple[SetAside, ...]
    count: int
    studies: Mapping[str, str]
    """StudyInstanceUID of set-aside files that have one, by path."""
    contradicted: frozenset[str] = frozenset()
    """Series with two files of one identity and different content, IDX-014."""
    withdrawn: tuple[Header, ...] = ()
    """Images of studies none of whose images can be trusted or read: each was set aside."""
    flags: tuple[Flag, ...] = ()
    """What is to be said of the input as a whole: disc indexes, several patients."""

    @property
    def images(self) -> tuple[Header, ...]:
        """Headers of CT and PET images."""
        return tuple(h for h in self.headers if is_image(h))


def index(root: Path, settings: Settings, *, progress: Progress = silent) -> Index:
    """Header of every DICOM file below ``root``; what cannot be read is set aside.

    The index of a disc (DICOMDIR) that is given itself stands for the files it lists; one that
    lies in a folder is only compared with what is there.

    Raises
    ------
    InputError
        IDX-001, IDX-002 (also for one file that is not DICOM), IDX-008 for an index none of whose
        files is there, IDX-009, IDX-017.
    """
    harvest = _Harvest(root, progress, settings["limits.files_max"])
    disc = _given_index(root, settings)
    if disc is None:
        harvest.expected = count(root, settings)
        files: Iterable[Found | SetAside] = walk(root, settings)
    else:
        files, harvest.flags = listed_files(disc)
        harvest.expected = len(files)
        harvest.aside.append(_index_aside(disc))
    read_all(harvest.without_aside(files), settings, expected=harvest.expected, done=harvest.add)
    return harvest.index(settings)


@dataclass(slots=True)
class _Harvest:
    """What was read so far."""

    root: Path
    progress: Progress
    most: int
    expected: int = 0
    found: int = 0
    done: int = 0
    headers: list[Header] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    discs: list[DiscIndex] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    closed: dict[Path, NetimgError] = field(default_factory=dict)
    """Archives that were refused, also after some of their members were read."""
    shared: Shared = field(default_factory=Shared)

    def without_aside(self, files: Iterable[Found | SetAside]) -> Iterator[Found]:
        """Files to read; what the walk could not open is kept here."""
        for file in files:
            self.found += 1
            if self.found > self.most:  # members of archives were not counted before
                raise too_many(self.root, self.most)
            if isinstance(file, SetAside):
                self.aside.append(file)
            else:
                yield file

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take in a chunk, in whatever order chunks come."""
        for outcome in outcomes:
            file, error = outcome.file, outcome.error
            self.headers += (self.shared.lean(header) for header in outcome.headers)
            if outcome.disc is not None:
                self.discs.append(outcome.disc)
                self.aside.append(_index_aside(outcome.disc))
            if error is None:
                continue
            if error.code is IDX_009:
                if file.path.samefile(self.root):
                    raise error
                self.closed.setdefault(file.path, error)
            self.aside.append(_refused(file.name, error))
        self.done += len(outcomes)
        self.progress.step(self.done, max(self.done, self.expected))

    def index(self, settings: Settings) -> Index:
        """Everything in order of the names, copies left out."""
        self._withdraw()
        headers = sorted(self.headers, key=_place)
        found = len({h.file.name for h in headers}) + len(self.aside)
        if not found:
            raise nothing_there(self.root)
        if self.root.is_file() and found == 1 and not headers and self.aside[0].code == "IDX-004":
            raise refusal(IDX_002, path=self.root.name, where=str(self.root))
        self.flags += self._of_discs(headers)
        kept, copies = _without_copies(headers, settings)
        aside = sorted([*self.aside, *copies], key=lambda item: os.fsencode(item.path))
        people = len(persons(h for h in kept if is_image(h)))
        if people > 1:
            self.flags.append(doubt("IDX-016", n=people))
        studies = {h.file.name: h.study_uid for h in headers}
        imaged = {h.study_uid for h in kept if is_image(h)}
        contradicted = {i.series_uid for i in copies if i.code == "IDX-014" and i.series_uid}
        return Index(
            headers=tuple(with_parts(sorted(kept, key=_place))),
            set_aside=tuple(aside),
            count=found,
            studies=studies,
            contradicted=frozenset(contradicted),
            withdrawn=tuple(h for h in headers if is_image(h) and h.study_uid not in imaged),
            flags=tuple(self.flags),
        )

    def _withdraw(self) -> None:
        """Set aside what was read of an archive that was refused: half a study is none."""
        closed = {h.file: self.closed[h.file.path] for h in self.headers if self._is_closed(h)}
        self.headers = [h for h in self.headers if not self._is_closed(h)]
        self.aside += (_refused(file.name, error) for file, error in closed.items())

    def _is_closed(self, header: Header) -> bool:
        return header.file.member is not None and header.file.path in self.closed

    def _of_discs(self, headers: Sequence[Header]) -> list[Flag]:
        """What is wrong with the indexes of discs that were found."""
        if not self.discs:
            return []
        objects = {h.file.name for h in headers}
        names = objects | {item.path for item in self.aside}
        ordered = sorted(self.discs, key=lambda disc: os.fsencode(disc.file.name))
        return [flag for disc in ordered for flag in check(disc, names, objects)]


def _place(header: Header) -> tuple[bytes, int]:
    return os.fsencode(header.file.name), header.frame_number or 0


def _given_index(root: Path, settings: Settings) -> DiscIndex | None:
    """The index of a disc, where that was given in place of a folder."""
    if not root.is_file():
        return None
    return read_disc_index(found_file(root.name, root.resolve()), settings)


def _refused(name: str, error: NetimgError) -> SetAside:
    return SetAside(path=name, code=str(error.code), sentence=error.what)


def _index_aside(disc: DiscIndex) -> SetAside:
    name, n = disc.file.name, len(disc.entries)
    return SetAside(path=name, code="IDX-010", sentence=sentence("IDX-010/index", file=name, n=n))


def is_image(header: Header) -> bool:
    """Whether a file is an image that could be measured."""
    return kind_of(header.sop_class)[1] in ("ct", "pet")


@cache
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
        if len(files) == 1:
            kept += next(iter(files.values()))
            continue
        group, unread = _digests([pictures[0] for pictures in files.values()], settings)
        aside += unread
        if len({text for _, text in group}) > 1:  # perhaps the same picture, compressed
            group, unread = _digests([h for h, _ in group], settings, decoded=True)
            aside += unread
        if len({text for _, text in group}) == 1:
            first, *copies = [header for header, _ in group]
            kept += files[first.file]
            aside += [_aside(h, "IDX-013", other=first.file.name) for h in copies]
        elif group:
            first, second, *_ = [header for header, _ in group]
            aside += [
                _aside(h, "IDX-014", other=(second if h is first else first).file.name)
                for h, _ in group
            ]
    return kept, aside


def _digests(
    group: Sequence[Header], settings: Settings, *, decoded: bool = False
) -> tuple[list[tuple[Header, str]], list[SetAside]]:
    """Digest of each file, and those that can no longer be read."""
    digests: list[tuple[Header, str]] = []
    aside: list[SetAside] = []
    for header in group:
        try:
            digests.append((header, digest(header.file, settings, decoded=decoded)))
        except NetimgError as error:
            aside.append(_refused(header.file.name, error))
    return digests, aside


def _aside(header: Header, problem: str, **numbers: object) -> SetAside:
    return SetAside(
        path=header.file.name,
        code=code_of(problem),
        sentence=sentence(problem, file=header.file.name, **numbers),
        series_uid=header.series_uid,
    )
