"""The door: every rule of the catalogue on one patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netimg.assessment.catalogue import Catalogue, load_catalogue
from netimg.assessment.criterion import Criterion
from netimg.assessment.evaluate import Evaluator, Judgement
from netimg.assessment.evidence import PatientEvidence, unit_of
from netimg.assessment.facts_findings import findings_from_facts
from netimg.assessment.known import missing
from netimg.assessment.logic import unknown
from netimg.assessment.missing import OpenRow, ranked
from netimg.finding import Facts, Findings
from netimg.settings import Settings
from netimg.treatment import Plans
from netimg.verdict import Assessment, Reason, Status, Verdict

_LIVER = (
    "liver_volume_ml", "tumour_volume_ml", "functional_liver_ml", "burden_pct", "lesion_count",
)  # fmt: skip


def assess(
    findings: Findings,
    plans: Plans | None = None,
    *,
    profiles: Sequence[str] = (),
    settings: Settings | None = None,
) -> Assessment:
    """Verdict of every rule, with reasons, in the catalogue's order.

    Parameters
    ----------
    findings
        Measured findings, with clinical facts in ``findings.facts``. Without measured findings
        the liver, lesions and PETs of the facts file take their place.
    plans
        Plans to judge; None = nobody planned, and rules about plans say so.
    profiles
        Profiles to evaluate besides those that always are; none = those of the facts, else of the
        settings, else all.
    settings
        ``criteria.extra`` (folders with further rule files), ``criteria.uncertainty``.

    Returns
    -------
    Assessment
        One row per rule and patient, counted metastasis or plan.

    Raises
    ------
    CriteriaError
        CRIT-001 for a rule file that cannot be used, CRIT-002 for an unknown profile.
    FactsError
        LES-UNKNOWN if the facts speak of a lesion that was not found.
    """
    settings = settings or Settings.shipped()
    catalogue = load_catalogue(settings)
    facts = findings.facts or Facts(tree={}, entered={})
    if not len(findings) and findings.facts is not None:
        findings = findings_from_facts(findings.facts)
    asked = tuple(profiles) or tuple(facts.get("profile") or settings["criteria.profiles"])
    changes = _operator_changes(facts, catalogue.parameters)
    mode = facts.get("uncertainty.mode") or settings["criteria.uncertainty"]
    bench = _Bench(
        catalogue,
        findings,
        plans,
        parameters={**catalogue.parameters, **changes},
        strict=mode == "strict",
    )
    rules = catalogue.of_profiles(asked)
    verdicts = tuple(verdict for rule in rules for verdict in bench.verdicts(rule))
    return Assessment(
        verdicts=verdicts,
        values=bench.values(),
        missing=ranked(bench.open_rows, bench.without, catalogue.find),
        profiles=tuple(dict.fromkeys(rule.profile for rule in rules)),
        catalogue_version=catalogue.version,
        operator_differences=changes,
    )


def _operator_changes(facts: Facts, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Operator parameters of the facts file that differ from the shipped ones."""
    told: Mapping[str, Any] = facts.get("op") or {}
    return {name: told[name] for name in sorted(told) if told[name] != parameters[name]}


class _Bench:
    """Judges rules on one patient, twice where a lesion's nature is not known."""

    def __init__(
        self,
        catalogue: Catalogue,
        findings: Findings,
        plans: Plans | None,
        *,
        parameters: Mapping[str, Any],
        strict: bool,
    ) -> None:
        self._catalogue = catalogue
        self._plans = plans
        given = plans or Plans()
        self.without = PatientEvidence(findings, given, parameters=parameters, strict=strict)
        self._doubtful = self.without.indeterminate()
        self._with: PatientEvidence | None = None
        if self._doubtful:
            self._with = PatientEvidence(
                findings, given, parameters=parameters, strict=strict, count_indeterminate=True
            )
        self.open_rows: list[OpenRow] = []

    def verdicts(self, rule: Criterion) -> list[Verdict]:
        """Verdict of a rule for everyone it is asked of."""
        if rule.scope == "patient":
            return [self._verdict(rule, "")]
        if rule.scope == "lesion":
            lesions = self.without.lesions()
            if lesions is None:
                return [self._nobody(rule, "lesions")]
            return [self._verdict(rule, name) for name in lesions]
        if self._plans is None:
            return [self._nobody(rule, "plans")]
        return [self._verdict(rule, name) for name in self.without.plans()]

    def values(self) -> dict[str, Any]:
        """Numbers that the rules could see, by name; what cannot be computed is absent."""
        found = {name: self.without.fact(name, "").shown for name in _LIVER}
        values: dict[str, Any] = {k: v for k, v in found.items() if v is not None}
        plans = {
            plan.name: {"resected": list(plan.resected), "retained": list(plan.retained)}
            | {f.name: f.value for f in plan.findings if _is_shown(f.name, f.value)}
            for plan in (self._plans or Plans()).plans
        }
        values |= {"plans": plans} if plans else {}
        if self._with is not None:
            names = ("tumour_volume_ml", "burden_pct", "lesion_count")
            counted = {name: self._with.fact(name, "").shown for name in names}
            values["with_indeterminate"] = {k: v for k, v in counted.items() if v is not None}
        return values

    def _verdict(self, rule: Criterion, subject: str) -> Verdict:
        judged = self._judged(self.without, rule, subject)
        if self._with is not None:
            judged = self._reconciled(rule, judged, self._judged(self._with, rule, subject))
        verdict = _row(rule, subject or "patient", judged, self._is_approximate(rule, subject))
        if verdict.status is Status.UNKNOWN:
            self.open_rows.append(OpenRow(rule, subject, verdict.reasons))
        return verdict

    def _judged(self, evidence: PatientEvidence, rule: Criterion, subject: str) -> Judgement:
        return Evaluator(evidence, self._catalogue.find).judge(rule, subject)

    def _reconciled(self, rule: Criterion, without: Judgement, counted: Judgement) -> Judgement:
        """One row of two answers: what differs is for a reader."""
        same_label = without.value == counted.value or not rule.is_class
        if without.answer.truth is counted.answer.truth and same_label:
            return without
        reasons = {Reason("needs_reader", f"lesions.{name}.type") for name in self._doubtful}
        reasons |= without.answer.reasons | counted.answer.reasons
        value = without.value
        if rule.is_class and without.value != counted.value:
            value = f"{without.value}..{counted.value}"
        return Judgement(unknown(reasons), value, without.comparisons)

    def _is_approximate(self, rule: Criterion, subject: str) -> bool:
        facts = [name for name in rule.facts() if name.startswith("plan.")]
        return rule.segment_based and any(
            self.without.fact(name, subject).approximate for name in facts
        )

    def _nobody(self, rule: Criterion, group: str) -> Verdict:
        """One row where nobody knows of whom a rule would be asked."""
        reason = missing(group)
        self.open_rows.append(OpenRow(rule, "", (reason,)))
        return _row(rule, group, Judgement(unknown({reason})), is_approximate=False)


def _is_shown(name: str, value: object) -> bool:
    return value is not None and not name.endswith("_with_indeterminate")


def _row(rule: Criterion, scope: str, judged: Judgement, is_approximate: bool) -> Verdict:
    return Verdict(
        id=rule.id,
        profile=rule.profile,
        kind=rule.kind,
        scope=scope,
        status=judged.status,
        question=rule.question,
        value=judged.value,
        unit=unit_of(rule.value) if rule.value else "",
        reasons=tuple(sorted(judged.answer.reasons, key=str)),
        comparisons=judged.comparisons,
        certainty=rule.certainty,
        review=rule.review,
        rationale=rule.rationale,
        sources=rule.sources,
        segment_based=rule.segment_based,
        approximate=is_approximate,
    )
