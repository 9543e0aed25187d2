"""``results.json``: one `StudyResult` as a document, and read back from a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import OUT_006, OutputError
from netimg.finding import Facts, Findings
from netimg.reporting.anatomy_json import anatomy_from_json, anatomy_json, lesions_json
from netimg.reporting.finding_json import (
    assessment_from_json,
    assessment_json,
    finding_from_json,
    finding_json,
    plan_json,
    plans_from_json,
    territory_json,
)
from netimg.reporting.json_text import Document, json_text
from netimg.reporting.manifest import manifest_from_json, reproducible
from netimg.reporting.places import anatomy_series
from netimg.reporting.study_json import (
    flag_from_json,
    flag_json,
    patient_json,
    series_json,
    set_aside_json,
    study_from_json,
    study_json,
)
from netimg.reporting.tables import files_from_csv
from netimg.reporting.words import words
from netimg.result import Manifest, StudyResult

if TYPE_CHECKING:
    from netimg.study import Study

SCHEMA = "netimg.results/1"
SCHEMA_VERSION = "1.0"


def result_document(
    result: StudyResult,
    files: Sequence[Mapping[str, str]] = (),
    *,
    privacy: bool = False,
) -> Document:
    """Everything about one study as a JSON document of schema ``netimg.results/1``.

    Parameters
    ----------
    files
        ``{"path", "kind"}`` of each file that is written beside it.
    privacy
        Whether ``result`` has had its identity taken out (`privacy.without_identity`).

    Returns
    -------
    dict
        Keys in the schema's order; what no room filled is an absent key.
    """
    manifest = result.manifest or Manifest(version="")
    study, findings = result.study, result.findings
    document: Document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "disclaimer": words()["report"]["disclaimer"],
        "generator": {
            "name": "netimg",
            "version": manifest.version,
            **({"commit": manifest.commit} if manifest.commit else {}),
        },
        "privacy": privacy,
        "patient": patient_json(study.patient, privacy=privacy),
        "study": study_json(study),
        "series": [series_json(series) for series in study.series],
        "set_aside": _set_aside(study, privacy=privacy),
        **_anatomy(result, frozenset(f["path"] for f in files)),
        "findings": [finding_json(f) for f in findings],
        "assessment": assessment_json(result.assessment),
        "plans": [plan_json(p) for p in result.plans.plans],
    }
    if result.plans.territories:
        document["territories"] = [territory_json(t) for t in result.plans.territories]
    document["flags"] = [flag_json(flag) for flag in result.flags]
    document["files"] = [dict(f) for f in files]
    document["manifest"] = reproducible(manifest)
    return document


def to_json(result: StudyResult) -> str:
    """Text of ``results.json``, without the list of files beside it."""
    return json_text(result_document(result))


def _set_aside(study: Study, *, privacy: bool) -> list[Document]:
    """Every file that was set aside; in privacy mode counts by code."""
    if not privacy:
        return [set_aside_json(aside) for aside in study.set_aside]
    counts = Counter(aside.code for aside in study.set_aside)
    return [{"code": code, "count": counts[code]} for code in sorted(counts)]


def _anatomy(result: StudyResult, files: frozenset[str]) -> Document:
    anatomy = result.anatomy
    if anatomy is None:
        return {"lesions": []}
    series = anatomy_series(result.study, anatomy)
    return {
        "anatomy": anatomy_json(anatomy, files, series.number if series else None),
        "lesions": lesions_json(anatomy, result.findings),
    }


def load_result(
    out: str | Path, *, read_facts: Callable[[Mapping[str, Any]], Facts] | None = None
) -> StudyResult:
    """Result of a finished folder: numbers, verdicts and masks; images stay where they are.

    Parameters
    ----------
    out
        A folder that `write_report` completed.
    read_facts
        Gives meaning to the tree of ``facts.json``; without it the result has no facts.

    Raises
    ------
    OutputError
        OUT-006 if the folder is not a finished netimg result of this major schema.
    """
    folder = Path(out)
    document = read_results(folder)
    findings = Findings(
        items=tuple(finding_from_json(entry) for entry in document["findings"]),
        facts=_facts(folder, read_facts),
    )
    files = files_from_csv(folder / "input.csv")
    return StudyResult(
        study=study_from_json(document, files),
        anatomy=anatomy_from_json(document, folder),
        findings=findings,
        plans=plans_from_json(document),
        assessment=assessment_from_json(document["assessment"]),
        flags=tuple(flag_from_json(entry) for entry in document["flags"]),
        manifest=_manifest(folder, document),
    )


def read_results(folder: Path) -> Document:
    """The document ``results.json`` of a finished folder.

    Raises
    ------
    OutputError
        OUT-006 if there is none, or it is of another schema.
    """
    try:
        document: Document = dict(json.loads((folder / "results.json").read_text("utf-8")))
        json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise _not_a_result(folder, "it has no readable results.json and manifest.json") from error
    if document.get("schema") != SCHEMA:
        raise _not_a_result(folder, f"its results.json is not of schema {SCHEMA}")
    return document


def _not_a_result(folder: Path, why: str) -> OutputError:
    return OutputError(
        OUT_006,
        what=f"{why}.",
        where=str(folder),
        todo="Give the folder that netimg run wrote with -o.",
    )


def _facts(folder: Path, read_facts: Callable[[Mapping[str, Any]], Facts] | None) -> Facts | None:
    path = folder / "facts.json"
    if read_facts is None or not path.is_file():
        return None
    return read_facts(json.loads(path.read_text("utf-8")))


def _manifest(folder: Path, document: Document) -> Manifest:
    whole = json.loads((folder / "manifest.json").read_text("utf-8"))
    return manifest_from_json(whole | document["manifest"])
