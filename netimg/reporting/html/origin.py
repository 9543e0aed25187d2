"""How a report came about: versions, hashes, series, and every file that was set aside."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from netimg.reporting.html.first_screen import View
from netimg.reporting.words import words
from netimg.reporting.words.sentences import listed
from netimg.study import USED, Role

if TYPE_CHECKING:
    from netimg.result import StudyResult
    from netimg.study import Series

_MOST_FILES = 200


def origin(result: StudyResult, *, privacy: bool) -> View:
    """Everything of the manifest that repeats, the series, and the files set aside."""
    return {
        "rows": _rows(result),
        "packages": ", ".join(f"{k} {v}" for k, v in _packages(result)),
        "settings": _settings(result),
        "series": [_series(series, result) for series in result.study.series],
        "aside": _aside(result, privacy=privacy),
        "counts": _counts(result),
    }


def _rows(result: StudyResult) -> list[View]:
    phrases = words()["manifest"]
    manifest = result.manifest
    if manifest is None:
        return []
    pairs = (
        ("version", manifest.version),
        ("commit", manifest.commit),
        ("platform", manifest.platform),
        ("model", manifest.model),
        ("weights", ", ".join(manifest.model_sha256)),
        ("catalogue", result.assessment.catalogue_version),
        ("settings_hash", manifest.settings_hash),
        ("input_fingerprint", manifest.input_fingerprint),
    )
    return [{"label": phrases[key], "value": value} for key, value in pairs if value]


def _packages(result: StudyResult) -> list[tuple[str, str]]:
    return sorted(result.manifest.packages.items()) if result.manifest else []


def _settings(result: StudyResult) -> list[View]:
    manifest = result.manifest
    if manifest is None:
        return []
    return [{"key": key, "value": str(value)} for key, value in sorted(manifest.settings.items())]


def _series(series: Series, result: StudyResult) -> View:
    used = series is result.study.ct or series in result.study.pets
    role = series.role.value
    if series.role is Role.OTHER and used:
        role = "other_pet"
    return {
        "number": series.number,
        "kind": series.kind,
        "description": series.description,
        "slices": series.grid.shape[0],
        "role": words()["roles"][role],
        "why": "; ".join(series.why),
        "used": used,
    }


def _aside(result: StudyResult, *, privacy: bool) -> list[View]:
    """Files set aside, each with its reason; very many of one reason are counted."""
    entries = result.study.set_aside
    if privacy or len(entries) > _MOST_FILES:
        groups = Counter((e.code, "" if privacy else e.sentence) for e in entries)
        return [
            {"path": "", "count": count, "code": code, "sentence": sentence}
            for (code, sentence), count in sorted(groups.items())
        ]
    return [{"path": e.path, "count": 1, "code": e.code, "sentence": e.sentence} for e in entries]


def _counts(result: StudyResult) -> str:
    phrases = words()["manifest"]
    aside = len(result.study.set_aside)
    files = result.study.files
    used = [(path, fate.removeprefix(USED)) for path, fate in files if fate.startswith(USED)]
    said = [phrases["all_used"]]
    if aside:
        in_series = sum(fate.startswith("series ") for _, fate in files)
        in_series = in_series or sum(len(s.instances) for s in result.study.series)
        said = [phrases["counts"].format(series=in_series, aside=aside)]
    if used:
        named = listed([phrases["used_file"].format(path=p, part=part) for p, part in used])
        said.append(phrases["used_files"].format(files=named))
    return " ".join(said)
