"""From folders to tasks: which studies there are, what they are called, what became of them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.batch.outcome import Outcome, State
from netimg.errors import NetimgError
from netimg.pipeline import Request

if TYPE_CHECKING:
    from netimg.reading.studies import FoundStudy

_NAME_MAX = 60
_KEY_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One study to run: its label and what is asked."""

    label: str
    source: str
    """The input as the user named it, with the study's folder below it."""
    request: Request

    def earlier_failure(self, out: Path) -> Outcome | None:
        """How it failed in an earlier call; None if it did not."""
        earlier = Outcome.read(out / "status" / f"{self.label}.json")
        return earlier if earlier is not None and earlier.state is State.FAILED else None

    def remove_parts(self, pid: int) -> None:
        """Remove what a dead worker left half-written."""
        from netimg.reporting.finished import remove_parts

        remove_parts(self.request.output.parent, pid)


def plan_tasks(
    inputs: Sequence[Path],
    out: Path,
    *,
    template: Request | None = None,
    facts_dir: Path | None = None,
) -> tuple[list[Task], list[Outcome]]:
    """One task per study below the inputs, by label; inputs that hold none, as outcomes.

    Raises
    ------
    NetimgError
        If there is a single input and nothing can be found in it.
    """
    from netimg.reading.studies import find_studies

    tasks: dict[str, Task] = {}
    refused: list[Outcome] = []
    for path in inputs:
        try:
            found = find_studies(path)
        except NetimgError as error:
            if len(inputs) == 1:
                raise
            refused.append(Outcome.refused(safe_name(path.name), str(path), error, stage="index"))
            continue
        for study in found:
            task = _task(path, study, out, template=template, facts_dir=facts_dir)
            tasks[task.label] = task
    return [tasks[label] for label in sorted(tasks)], refused


def _task(
    path: Path, study: FoundStudy, out: Path, *, template: Request | None, facts_dir: Path | None
) -> Task:
    label = label_of(path, study)
    request = template or Request(input=path, output=out)
    facts = request.facts
    for suffix in (".toml", ".json"):
        candidate = facts_dir / f"{label}{suffix}" if facts_dir else None
        if candidate is not None and candidate.is_file():
            facts = candidate
    source = path / study.folder if study.folder else path
    return Task(
        label=label,
        source=str(source),
        request=replace(
            request,
            input=path if path.is_file() else source,
            output=out / "studies" / label,
            study=study.uid,
            facts=facts,
        ),
    )


def label_of(path: Path, study: FoundStudy) -> str:
    """Label of a study: the name the user gave, made safe, and eight digits of the study's key.

    Nothing of a DICOM header is in it but the digest of its UIDs.
    """
    name = study.folder.replace("/", "__") or path.resolve().stem
    return f"{safe_name(name)}-{study_key(study)[:_KEY_DIGITS]}"


def safe_name(name: str) -> str:
    """ASCII letters, digits, dot, dash and underscore; at most 60 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]", "_", plain)[:_NAME_MAX].strip(".") or "study"


def study_key(study: FoundStudy) -> str:
    """First 16 hex digits of SHA-256 over the study's UID and its files' UIDs and sizes."""
    digest = hashlib.sha256(study.uid.encode())
    for uid, size in sorted(study.instances):
        digest.update(f"\n{uid} {size}".encode())
    return digest.hexdigest()[:16]
