"""A result without the identity of its patient, as ``--privacy`` writes it.

Gone: name, ID, birth date, accession, descriptions, original UIDs, paths, exact dates, people.
UIDs and the alias come from a keyed hash, so that a follow-up of the same patient still matches on
the same computer; dates become days from the study. Burned-in text of pictures is not removed.
"""

from __future__ import annotations

import datetime as dt
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import OUT_001, OutputError
from netimg.finding import Facts, Finding, Findings, Source
from netimg.flag import Flag
from netimg.reporting.study_json import OLDEST_AGE_Y
from netimg.study import Instance, Patient, Series, SetAside, Study, SuvRecord
from netimg.treatment import Plan, Plans, Territory
from netimg.verdict import Assessment, Verdict

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy, Origin
    from netimg.result import Manifest, StudyResult

_DATES = re.compile(r"\b(19|20)\d{2}-?(0[1-9]|1[0-2])-?([0-2]\d|3[01])(T[\d:.]+)?\b")
_SHORTEST = 3
_GONE = "[removed]"


@dataclass(frozen=True, slots=True)
class Mask:
    """The keyed hash of one computer, and the strings that must not appear."""

    key: bytes
    secret: tuple[str, ...] = ()
    day0: dt.date | None = None

    def digest(self, text: str) -> bytes:
        """Keyed hash of a text."""
        return hmac.digest(self.key, text.encode(), "sha256")

    def uid(self, uid: str) -> str:
        """A UID in place of another; the same one each time."""
        return f"2.25.{int.from_bytes(self.digest(uid)[:16])}" if uid else ""

    def alias(self, patient: Patient, study_uid: str) -> str:
        """A label in place of a patient's identity."""
        who = patient.id or patient.name or study_uid
        return f"anon-{self.digest(f'patient {who}').hex()[:10]}"

    def text(self, text: str) -> str:
        """A sentence without identifying strings and dates."""
        for secret in self.secret:
            text = re.sub(re.escape(secret), _GONE, text, flags=re.IGNORECASE)
        return _DATES.sub(_GONE, text)

    def flags(self, flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
        """Flags with clean sentences."""
        return tuple(replace(flag, sentence=self.text(flag.sentence)) for flag in flags)


def without_identity(result: StudyResult, key: bytes | None = None) -> StudyResult:
    """Copy of a result that no output can identify the patient by.

    Parameters
    ----------
    key
        Key of the hash; None = the one in the user's settings folder, made on first use.

    Raises
    ------
    OutputError
        OUT-001 if that key can neither be read nor made.
    """
    mask = Mask(key or private_key(), _secrets(result), result.study.date)
    return replace(
        result,
        study=_study(result.study, mask),
        anatomy=None if result.anatomy is None else _anatomy(result.anatomy, mask),
        findings=_findings(result.findings, mask),
        plans=_plans(result.plans, mask),
        assessment=_assessment(result.assessment, mask),
        flags=mask.flags(result.flags),
        manifest=None if result.manifest is None else _manifest(result.manifest, mask),
    )


def private_key() -> bytes:
    """The random key of this user, in the user's settings folder.

    Raises
    ------
    OutputError
        OUT-001 if it can neither be read nor made.
    """
    from platformdirs import user_config_path

    path = user_config_path("netimg", appauthor=False) / "privacy.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise _no_key(path, error) from error
    try:
        return bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise _no_key(path, error) from error


def _no_key(path: Path, error: Exception) -> OutputError:
    return OutputError(
        OUT_001,
        what=f"the key of privacy mode cannot be used: {error}.",
        where=str(path),
        todo="Make that folder writable, or remove the damaged file.",
    )


def _secrets(result: StudyResult) -> tuple[str, ...]:
    """Identifying strings of a study, longest first."""
    study = result.study
    patient = study.patient
    found = {patient.id, patient.name, study.accession, study.description, study.uid, study.source}
    found |= set(re.split(r"[\^=\s]+", patient.name or ""))
    found |= set(Path(study.source).parts[-2:]) | {Path(study.source).stem}
    found |= {path for path, _ in study.files}
    for series in study.series:
        found |= {series.uid, series.description, series.frame_of_reference_uid}
    if result.anatomy is not None:
        found |= {o.name for o in result.anatomy.origins.values() if o.kind != "model"}
    kept = {text.strip() for text in found if text and len(text.strip()) >= _SHORTEST}
    return tuple(sorted(kept, key=lambda text: (-len(text), text)))


def _study(study: Study, mask: Mask) -> Study:
    series = {id(s): _series(s, mask) for s in study.series}
    numbers = {path: f"file#{k}" for k, (path, _) in enumerate(study.files, start=1)}
    return replace(
        study,
        uid=mask.uid(study.uid),
        patient=_patient(study, mask),
        series=tuple(series[id(s)] for s in study.series),
        ct=None if study.ct is None else series[id(study.ct)],
        pets=tuple(series[id(s)] for s in study.pets),
        set_aside=tuple(
            SetAside(path=numbers.get(a.path, ""), code=a.code, sentence="")
            for a in study.set_aside
        ),
        files=tuple((numbers[path], fate) for path, fate in study.files),
        source="",
        date=None,
        time=None,
        description=None,
        accession=None,
        flags=mask.flags(study.flags),
    )


def _patient(study: Study, mask: Mask) -> Patient:
    patient = study.patient
    age = None if patient.age_y is None else min(patient.age_y, OLDEST_AGE_Y)
    if age is not None and patient.age_y is not None and patient.age_y > OLDEST_AGE_Y - 1:
        age = OLDEST_AGE_Y
    return replace(
        patient, id=mask.alias(patient, study.uid), name=None, birth_date=None, age_y=age
    )


def _series(series: Series, mask: Mask) -> Series:
    frame = series.frame_of_reference_uid
    return replace(
        series,
        uid=mask.uid(series.uid),
        description="",
        frame_of_reference_uid=None if frame is None else mask.uid(frame),
        instances=tuple(_instance(i, mask) for i in series.instances),
        acquired_at=None,
        contrast=None,
        phase_evidence=tuple(
            item if item.source == "picture" else replace(item, says="")
            for item in series.phase_evidence
        ),
        suv=None if series.suv is None else _suv(series.suv, mask),
        why=(),
        flags=mask.flags(series.flags),
    )


def _instance(instance: Instance, mask: Mask) -> Instance:
    uid = mask.uid(instance.sop_instance_uid)
    return replace(instance, path=Path(), member=None, sop_instance_uid=uid)


def _suv(suv: SuvRecord, mask: Mask) -> SuvRecord:
    return replace(
        suv,
        sentence=mask.text(suv.sentence),
        todo=mask.text(suv.todo),
        administered_at=None,
        reference_at=None,
        candidates=tuple(replace(c, reference="") for c in suv.candidates),
        notes=mask.flags(suv.notes),
        typed={name: value for name, value in suv.typed.items() if not isinstance(value, str)},
        listed={},
    )


def _anatomy(anatomy: Anatomy, mask: Mask) -> Anatomy:
    return replace(
        anatomy,
        lesions=tuple(replace(x, tracking_uid=mask.uid(x.tracking_uid)) for x in anatomy.lesions),
        origins={part: _origin(origin) for part, origin in anatomy.origins.items()},
        flags=mask.flags(anatomy.flags),
        log=tuple(mask.text(line) for line in anatomy.log),
    )


def _origin(origin: Origin) -> Origin:
    """Models keep their name; files and people lose theirs."""
    return origin if origin.kind == "model" else replace(origin, name=origin.kind, detail="")


def _finding(finding: Finding) -> Finding:
    source = finding.source
    return replace(finding, source=Source(kind=source.kind, on=source.on))


def _findings(findings: Findings, mask: Mask) -> Findings:
    return Findings(
        items=tuple(_finding(f) for f in findings.items),
        facts=None if findings.facts is None else _facts(findings.facts, mask),
        flags=mask.flags(findings.flags),
    )


def _facts(facts: Facts, mask: Mask) -> Facts:
    day0 = mask.day0 or facts.assessment_date
    entered = _without_dates(facts.entered, mask, day0, facts.assessment_date)
    return Facts(tree={}, entered=entered, assessment_date=None, flags=mask.flags(facts.flags))


def _without_dates(
    node: Any,  # noqa: ANN401  # a tree of facts
    mask: Mask,
    day0: dt.date | None,
    assessed: dt.date | None,
) -> Any:  # noqa: ANN401  # as above
    """The tree with days in place of dates, and without people and free text."""
    if isinstance(node, Mapping):
        kept = {
            key: _without_dates(value, mask, day0, assessed)
            for key, value in node.items()
            if key not in ("by", "date", "comment", "title", "id", "assessment_date")
        }
        date = _date(node.get("date"))
        if date is not None and day0 is not None:
            kept["day"] = (date - day0).days
        if date is not None and assessed is not None:
            kept["age_days"] = (assessed - date).days
        return kept
    if isinstance(node, list | tuple):
        return [_without_dates(item, mask, day0, assessed) for item in node]
    if isinstance(node, dt.date):
        return _GONE
    return mask.text(node) if isinstance(node, str) else node


def _date(value: object) -> dt.date | None:
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _plans(plans: Plans, mask: Mask) -> Plans:
    def plan(entry: Plan) -> Plan:
        return replace(
            entry, name=mask.text(entry.name), findings=tuple(_finding(f) for f in entry.findings)
        )

    def territory(entry: Territory) -> Territory:
        return replace(entry, findings=tuple(_finding(f) for f in entry.findings))

    return Plans(
        plans=tuple(plan(p) for p in plans.plans),
        territories=tuple(territory(t) for t in plans.territories),
    )


def _assessment(assessment: Assessment, mask: Mask) -> Assessment:
    def verdict(entry: Verdict) -> Verdict:
        compared = (replace(c, provenance=mask.text(c.provenance)) for c in entry.comparisons)
        return replace(entry, scope=mask.text(entry.scope), comparisons=tuple(compared))

    return replace(assessment, verdicts=tuple(verdict(v) for v in assessment.verdicts))


def _manifest(manifest: Manifest, mask: Mask) -> Manifest:
    """Versions and hashes stay; command, machine and times go."""
    settings = {
        key: mask.text(value) if isinstance(value, str) else value
        for key, value in manifest.settings.items()
        if key != "criteria.extra"
    }
    return replace(
        manifest, command="", platform="", started_at="", finished_at="", settings=settings
    )
