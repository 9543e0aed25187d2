"""From folders to tasks: which studies there are, what they are called, what became of them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.batch.outcome import Outcome, State
from netimg.batch.row import Row
from netimg.errors import USE_002, NetimgError, UsageError
from netimg.pipeline import Request
from netimg.progress import Progress, silent

if TYPE_CHECKING:
    from netimg.reading.listing import FoundStudy
    from netimg.settings import Settings

_NAME_MAX = 60
_KEY_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One study to run: its label, its key, what is asked, and settings of its own."""

    label: str
    key: str
    source: str
    """The study's folder or archive, as the user named the input."""
    request: Request
    changes: Mapping[str, object] = field(default_factory=dict)
    where: str = ""
    """File and line of the list that names it."""

    @property
    def log(self) -> Path:
        """Where a worker writes the log of an attempt; `keep_log` puts it in its place."""
        return self.request.output.parents[1] / "logs" / f".{self.label}.part"

    def earlier_failure(self, out: Path) -> Outcome | None:
        """How it failed in an earlier call; None if it did not, or has a result since."""
        from netimg.reporting.finished import finished_manifest

        earlier = Outcome.read(out, self.label)
        if earlier is None or earlier.state is not State.FAILED:
            return None
        return None if finished_manifest(self.request.output) is not None else earlier

    def remove_parts(self, pid: int) -> None:
        """Remove what a dead worker left half-written."""
        from netimg.reporting.finished import remove_parts

        remove_parts(self.request.output.parent, pid)


def keep_log(out: Path, outcome: Outcome) -> Outcome:
    """Put the log of the attempt that just ended in its place, ``logs/<label>.jsonl``.

    A study that was skipped keeps the log of the attempt that made it.
    """
    part = out / "logs" / f".{outcome.label}.part"
    name = f"logs/{outcome.label}.jsonl"
    if part.is_file():
        if outcome.state is State.SKIPPED:
            part.unlink()
        else:
            part.replace(out / name)
    return replace(outcome, log=name if (out / name).is_file() else "")


@dataclass(slots=True)
class Plan:
    """What lies below the inputs: tasks by label, and what holds no study, with the reason."""

    tasks: dict[str, Task] = field(default_factory=dict)
    refused: list[Outcome] = field(default_factory=list)

    def add(self, task: Task) -> None:
        """Take in a task; the same study given twice is one.

        Raises
        ------
        UsageError
            USE-002 where two rows ask different things about one study under one label.
        """
        there = self.tasks.get(task.label)
        if there is None or not (task.where or there.where):
            self.tasks[task.label] = task
        elif replace(task.request, command="") != replace(there.request, command="") or (
            task.changes != there.changes
        ):
            raise UsageError(
                USE_002,
                what=f"{there.where or there.source} and {task.where or task.source} ask different "
                "things about the same study.",
                where="--list",
                todo="Give each of them a label of its own, or leave one out.",
            )


def plan_tasks(
    inputs: Sequence[Path | Row],
    out: Path,
    *,
    settings: Settings,
    template: Request,
    facts_dir: Path | None = None,
    progress: Progress = silent,
) -> Plan:
    """One task per study below the inputs; everything that should hold one and does not, refused.

    A folder or a zip directly below an input is taken for a patient: without any image it is
    listed with its reason, not passed over.

    Raises
    ------
    NetimgError
        Why nothing can be read, where there is a single input and it holds no study at all;
        USE-002 where two rows contradict each other.
    """
    plan = Plan()
    hidden = bool(settings["reporting.privacy"])
    for given in inputs:
        row = given if isinstance(given, Row) else Row(path=given, where="", request=template)
        found = _findings(row, settings, progress)
        refusals = [one for one in found if isinstance(one, _Refused)]
        studies = [one for one in found if isinstance(one, _Study)]
        if len(inputs) == 1 and refusals and not studies:
            raise refusals[0].error
        for study in studies:
            label = study.key if hidden else _label(row, study.path, study.key)
            own_facts = None if row.request.facts == template.facts else row.request.facts
            request = replace(
                row.request,
                input=study.path,
                output=out / "studies" / label,
                study=study.uid,
                facts=own_facts or _facts(facts_dir, label, row.name) or template.facts,
            )
            plan.add(
                Task(
                    label=label,
                    key=study.key,
                    source=str(study.path),
                    request=request,
                    changes=row.changes,
                    where=row.where,
                )
            )
        plan.refused += [one.outcome(row, hidden=hidden) for one in refusals]
    return plan


@dataclass(frozen=True, slots=True)
class _Study:
    """A study and the deepest folder, or the archive, that holds all its images."""

    path: Path
    uid: str
    key: str

    @classmethod
    def of(cls, found: FoundStudy, root: Path) -> _Study:
        """Return a study as it was found below a root."""
        return cls(root / found.folder if found.folder else root, found.uid, found.key)


@dataclass(frozen=True, slots=True)
class _Refused:
    """A path that holds no study, and why."""

    path: Path
    error: NetimgError

    def outcome(self, row: Row, *, hidden: bool) -> Outcome:
        """The end of a study that could not begin."""
        key = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:16]
        label = key if hidden else _label(row, self.path, key)
        return Outcome.refused(label, str(self.path), self.error, stage="index")


def _findings(row: Row, settings: Settings, progress: Progress) -> list[_Study | _Refused]:
    """Every study below one input, and every patient's folder without one."""
    from netimg.reading.studies import find_studies

    root = row.path
    if row.is_told:
        return [_only(row, settings, progress)]
    patients = _patients(root)
    try:
        listed = find_studies(root, settings=settings, progress=progress)
    except NetimgError as error:
        # One archive that may not be opened does not stop the patients beside it.
        parts = [replace(row, path=path) for path in patients]
        apart = [one for part in parts for one in _findings(part, settings, progress)]
        return apart if patients and not _has_loose_files(root) else [*apart, _Refused(root, error)]
    studies = [_Study.of(s, root) for s in listed]
    empty: list[_Study | _Refused] = []
    for path in patients if studies else [root]:
        if not any(path.is_relative_to(s.path) or s.path.is_relative_to(path) for s in studies):
            why = _why_nothing(path, settings)
            empty += [] if why is None else [_Refused(path, why)]
    return [*studies, *empty]


def _only(row: Row, settings: Settings, progress: Progress) -> _Study | _Refused:
    """The one study that a row speaks of."""
    from netimg.reading import open_study
    from netimg.reading.listing import pick
    from netimg.reading.studies import find_studies

    try:
        listed = find_studies(row.path, settings=settings, progress=progress)
        if not listed:
            open_study(row.path, settings=settings)  # says why there is nothing
        uid = pick(listed, row.request.study)
    except UsageError as error:
        todo = "Name one of them in the column study, by number or UID."
        told = UsageError(error.code, what=error.what, where=row.where, todo=todo)
        return _Refused(row.path, told)
    except NetimgError as error:
        return _Refused(row.path, error)
    return _Study.of(next(study for study in listed if study.uid == uid), row.path)


def _why_nothing(path: Path, settings: Settings) -> NetimgError | None:
    """The refusal of a path without images, as ``netimg run`` says it."""
    from netimg.reading import open_study

    try:
        open_study(path, settings=settings)
    except NetimgError as error:
        return error
    return None


def _patients(root: Path) -> list[Path]:
    """Folders and archives directly below an input."""
    if not root.is_dir():
        return []
    return sorted(
        path
        for path in root.iterdir()
        if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() == ".zip")
    )


def _has_loose_files(root: Path) -> bool:
    """Whether files lie in an input that belong to no patient's folder."""
    files = (path for path in root.iterdir() if path.is_file()) if root.is_dir() else ()
    return any(p.suffix.lower() != ".zip" and not p.name.startswith(".") for p in files)


def _facts(folder: Path | None, *names: str) -> Path | None:
    """Facts of a study: ``<label>.toml`` or ``.json``, with or without the digits of its key."""
    candidates = [
        folder / f"{name}{suffix}"
        for name in names
        for suffix in (".toml", ".json")
        if folder and name
    ]
    return next((path for path in candidates if path.is_file()), None)


def _label(row: Row, path: Path, key: str) -> str:
    """Label of a study: the name the user gave, made safe, and eight digits of its key.

    Nothing of a DICOM header is in it but the digest of its UIDs.
    """
    root = row.path
    if row.name:
        name = row.name
    elif path == root:
        name = root.resolve().name if root.is_dir() else root.stem
    else:
        name = str(path.relative_to(root).with_suffix("" if path.is_file() else path.suffix))
    return f"{safe_name(name)}-{key[:_KEY_DIGITS]}"


def safe_name(name: str) -> str:
    """ASCII letters, digits, dot, dash and underscore; at most 60 characters.

    Examples
    --------
    >>> safe_name("Müller, A/2024 03")
    'Muller__A__2024_03'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    joined = plain.replace("/", "__")
    return re.sub(r"[^A-Za-z0-9._-]", "_", joined)[:_NAME_MAX].strip(".") or "study"
