"""Which examinations lie below a path, and which of them is meant."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.errors import USE_003, USE_005, UsageError
from netimg.progress import Progress, silent
from netimg.reading.index import Index, index, kind_of
from netimg.reading.pair import same_person
from netimg.reading.person import study_header
from netimg.reading.problems import doubt
from netimg.settings import Settings

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from netimg.flag import Flag
    from netimg.reading.headers import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """One examination below a path: what `batch` and `--study` list.

    ``folder`` is the deepest folder (or the zip) that holds all its images, relative to the path
    ("" for the path itself); ``counts`` the number of images by kind, ``instances`` their SOP
    Instance UIDs and sizes in bytes, ``key`` 16 hex digits over the UIDs and sizes.
    """

    number: int
    uid: str
    key: str
    label: str
    folder: str
    date: dt.date | None
    counts: Mapping[str, int]
    instances: tuple[tuple[str, int], ...]


def find_studies(
    path: str | Path, *, settings: Settings | None = None, progress: Progress = silent
) -> tuple[FoundStudy, ...]:
    """Every examination with CT or PET images below a path, by date and UID.

    Raises
    ------
    InputError
        IDX-001, IDX-002, IDX-008, IDX-009, IDX-017.
    """
    root = Path(path)
    found = index(root, settings or Settings.shipped(), progress=progress)
    return listed(found, root)


def listed(found: Index, root: Path) -> tuple[FoundStudy, ...]:
    """Studies with CT or PET images of an index, by date and UID.

    One all of whose images were set aside is listed as well, and says why when it is opened.
    """
    groups: dict[str, list[Header]] = {}
    for header in (*found.images, *found.withdrawn):
        groups.setdefault(header.study_uid, []).append(header)
    heads = {uid: study_header(own) for uid, own in groups.items()}

    def place(uid: str) -> tuple[str, str, str]:
        return str(heads[uid].date or ""), str(heads[uid].time or ""), uid

    folders = {uid: _folder(own, root) for uid, own in groups.items()}
    disc = root.resolve().parent
    if root.is_file() and any(_on_disc(header, root) for header in found.images):
        labels = _labels({uid: _folder(own, disc) for uid, own in groups.items()}, disc)
    else:
        labels = _labels(folders, root)
    result = []
    for number, uid in enumerate(sorted(groups, key=place), start=1):
        own = groups[uid]
        folder = folders[uid]
        result.append(
            FoundStudy(
                number=number,
                uid=uid,
                key=_key(uid, own),
                label=labels[uid],
                folder="" if folder == root else str(folder.relative_to(root)),
                date=heads[uid].date,
                counts=dict(Counter(kind_of(h.sop_class)[1].upper() for h in own)),
                instances=tuple((h.sop_instance, h.file.size) for h in own),
            )
        )
    return tuple(result)


def _key(uid: str, own: Sequence[Header]) -> str:
    """First digits of SHA-256 over the study's UID and its images' UIDs and sizes."""
    digest = hashlib.sha256(uid.encode())
    for instance, size in sorted((h.sop_instance, h.file.size) for h in own):
        digest.update(f"\n{instance} {size}".encode())
    return digest.hexdigest()[:16]


def _labels(folders: Mapping[str, Path], root: Path) -> dict[str, str]:
    """Name of each study: its first folder, the whole way where two share that, or its UID."""

    def ways(folder: Path) -> tuple[str, str]:
        if folder == root:
            name = root.stem if root.is_file() else root.resolve().name
            return name, name
        parts = folder.relative_to(root).parts
        return (folder.stem if folder.is_file() else parts[0]), "-".join(parts)

    first = Counter(ways(folder)[0] for folder in folders.values())
    whole = Counter(ways(folder)[1] for folder in folders.values())
    labels = {}
    for uid, folder in folders.items():
        short, long = ways(folder)
        labels[uid] = (
            short if first[short] == 1 else long if whole[long] == 1 else f"{long}-{uid[-8:]}"
        )
    return labels


def _on_disc(header: Header, root: Path) -> bool:
    """Whether a file was listed by the index of a disc that was given, rather than given itself."""
    return header.file.member is None and header.file.path != root.resolve()


def _folder(own: Sequence[Header], root: Path) -> Path:
    """Deepest folder (or the archive) that holds all images of a study."""
    if root.is_file():
        return root
    if own[0].file.member is not None:
        return own[0].file.path
    return Path(os.path.commonpath({str(h.file.path.parent) for h in own}))


def pick(present: Sequence[FoundStudy], asked: str | None) -> str:
    """UID of the study to read; empty where there are no images at all."""
    if asked is not None:
        for one in present:
            if asked in (one.uid, str(one.number), one.label) or (
                len(asked) >= 8 and one.uid.startswith(asked)
            ):
                return one.uid
        raise UsageError(
            USE_005, what=f"there is no study {asked!r}. Present: {_list(present)}.",
            todo="Give the UID or the number of one of them.",
        )  # fmt: skip
    if len(present) > 1:
        raise UsageError(
            USE_003,
            what=f"{len(present)} studies: {_list(present)}.",
            todo="Choose one with --study, by number or UID, or take all with `netimg batch`.",
        )
    return present[0].uid if present else ""


def _list(present: Sequence[FoundStudy]) -> str:
    def line(one: FoundStudy) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(one.counts.items()))
        return f"--study {one.number} is {one.label} ({one.date or 'no date'}; {kinds}; {one.uid})"

    text = "; ".join(line(one) for one in present[:10])
    return text if len(present) <= 10 else f"{text}; and {len(present) - 10} more"


def elsewhere(found: Index, root: Path, uid: str, kind: str) -> Flag | None:
    """That another study of the person holds what this one lacks, in its coordinate system.

    ``kind``: ``ct`` or ``pet``, what is looked for. None where there is no such series.
    """
    images = found.images
    own = {h.frame_of_reference: h.patient for h in images if h.study_uid == uid}
    for header in images:
        person = own.get(header.frame_of_reference)
        if header.study_uid == uid or kind_of(header.sop_class)[1] != kind:
            continue
        if not header.frame_of_reference or person is None:
            continue
        if not same_person(person, header.patient):
            continue
        ct, pet = (header.study_uid, uid) if kind == "ct" else (uid, header.study_uid)
        numbers = {one.uid: one.number for one in listed(found, root)}
        series = next(
            (
                h.series_uid
                for h in images
                if h.study_uid == pet
                and h.frame_of_reference == header.frame_of_reference
                and kind_of(h.sop_class)[1] == "pet"
            ),
            None,
        )
        if series is not None:
            return doubt(
                "IDX-016/elsewhere",
                kind=kind.upper(),
                other=numbers[header.study_uid],
                own=numbers[uid],
                ct=numbers[ct],
                series=series,
            )
    return None
