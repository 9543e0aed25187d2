"""What rules see of one patient: findings, facts and plans under the names of the rules."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from netimg import units
from netimg.assessment.known import Known, missing, reason
from netimg.assessment.krenning import REFERENCES, krenning
from netimg.assessment.logic import Answer
from netimg.assessment.vocabulary import vocabulary
from netimg.errors import LES_UNKNOWN, FactsError
from netimg.finding import Facts, Finding, Findings, Scope, Source
from netimg.flag import Flag, Severity
from netimg.treatment import Plan, Plans
from netimg.verdict import Reason

WITH_INDETERMINATE = "_with_indeterminate"
"""Ending of a plan's findings with every indeterminate lesion counted as tumour."""

_REGIONS = {
    "blood_pool_mean": "blood_pool", "liver_mean": "liver_reference", "spleen_mean": "spleen",
}  # fmt: skip
_ROOTS = {"liver_volume_ml": "segments_ml"}
"""What is missing where a finding is: never a derived fact."""
_READS = {
    "burden_pct": ("liver_volume_ml", "tumour_volume_ml"),
    "functional_liver_ml": ("liver_volume_ml", "tumour_volume_ml"),
}
_CT = ("ct", "liver")
_PLAN_READS = ("liver_volume_ml", "tumour_volume_ml", "segments_ml", "segment", "plan")
_PET_READS = ("pet", "sstr", "sstr_suv_max", "sstr_suv_mean", "liver_reference", "krenning")


class PatientEvidence:
    """Facts of one patient by name; the same name gives the same answer for ever.

    Parameters
    ----------
    findings
        With facts, if there are any.
    plans
        Plans with their findings.
    parameters
        Operator parameters, the facts' own already laid over them.
    strict
        Whether comparisons nearer than their uncertainty stay open.
    count_indeterminate
        Whether indeterminate lesions count as metastases.

    Raises
    ------
    FactsError
        LES-UNKNOWN if the facts speak of a lesion that is not there.
    """

    def __init__(
        self,
        findings: Findings,
        plans: Plans,
        *,
        parameters: Mapping[str, Any],
        strict: bool,
        count_indeterminate: bool = False,
    ) -> None:
        self._findings = findings
        self._facts = findings.facts or Facts(tree={}, entered={})
        self._plans = {plan.name: plan for plan in plans.plans}
        self._parameters = parameters
        self._strict = strict
        self._with = count_indeterminate
        self._by_key = {finding.key: finding for finding in findings}
        self._high = tuple(f for f in findings.flags if f.severity is Severity.HIGH)
        self._ids = _lesion_ids(findings)
        self._types = self._told_types()
        self._seen: dict[tuple[str, str], Known] = {}

    # ---- what `Evidence` promises --------------------------------------------------------------

    def fact(self, name: str, subject: str) -> Known:
        """What is known of a fact; ``subject`` is the lesion or the plan."""
        if (name, subject) not in self._seen:
            self._seen[name, subject] = self._fact(name, subject)
        return self._seen[name, subject]

    def lesions(self) -> tuple[str, ...] | None:
        """Counted metastases, None where nobody looked for lesions."""
        if not self._ids and self._number("lesion_count") is None:
            return None
        wanted = ("metastasis", "indeterminate") if self._with else ("metastasis",)
        return tuple(i for i in self._ids if self._types.get(i, "metastasis") in wanted)

    def plans(self, *, staged: bool = False) -> tuple[str, ...]:
        """Names of plans."""
        chosen = [p for p in self._plans.values() if not staged or p.approach != "one_stage"]
        return tuple(plan.name for plan in chosen)

    def parameter(self, name: str) -> float | str | bool:
        """Operator parameter."""
        value: float | str | bool = self._parameters[name]
        return value

    def told(self, rule: str, subject: str) -> Answer | None:  # noqa: ARG002  # of the protocol
        """Nothing: every rule is computed."""
        return None

    def indeterminate(self) -> tuple[str, ...]:
        """Lesions of which a person says that nobody knows what they are."""
        return tuple(i for i in self._ids if self._types.get(i) == "indeterminate")

    # ---- by scope ------------------------------------------------------------------------------

    def _fact(self, name: str, subject: str) -> Known:
        group, _, rest = name.partition(".")
        if group == "clinical":
            return self._clinical(rest)
        if group == "labs":
            return self._lab(rest)
        if group == "lesion":
            return self._lesion(rest, subject)
        if group == "plan":
            return self._plan(rest, subject)
        return self._patient(name)

    def _clinical(self, name: str) -> Known:
        path = f"clinical.{name}"
        value = self._facts.get(path)
        if value is None:
            return Known.absent({self._unsaid(path)})
        return Known(value=value, error_name=path, provenance=self._typed(path))

    def _unsaid(self, path: str) -> Reason:
        word = vocabulary().get(path)
        return Reason("needs_reader", path) if word and word.by_reader else missing(path)

    def _typed(self, path: str) -> str:
        """Who typed a fact and when, as far as the file says."""
        node: Any = self._facts.entered
        for key in path.split("."):
            node = node.get(key, {}) if isinstance(node, Mapping) else {}
        known = node if isinstance(node, Mapping) else {}
        parts = ["typed", *(f"{k} {known[k]}" for k in ("by", "date") if k in known)]
        return ", ".join(parts)

    def _lab(self, name: str) -> Known:
        """A laboratory value, or its ratio to its own upper limit (``_uln``)."""
        plain = name.removesuffix("_uln")
        path = f"labs.{plain}"
        entry = self._facts.get(path)
        if entry is None:
            return Known.absent({missing(path)})
        if "date" in entry and self._facts.assessment_date is None:
            return Known.absent({missing("assessment_date")})
        if "date" not in entry or self._age_days(entry["date"]) > self._days("lab_max_age_days"):
            return Known.absent({Reason("stale", path)})
        value = float(entry["value"])
        if name != plain:
            if "uln" not in entry:
                return Known.absent({missing(f"{path}.uln")})
            value /= float(entry["uln"])
        half = self._told_error(f"labs.{name}") or 0.0
        return Known(
            value=value, half_width=half, error_name=f"labs.{name}", provenance=self._typed(path)
        )

    def _age_days(self, date: str | dt.date) -> int:
        today = self._facts.assessment_date
        day = dt.date.fromisoformat(date) if isinstance(date, str) else date
        return 0 if today is None else (today - day).days

    def _days(self, parameter: str) -> float:
        return float(self._parameters[parameter])

    # ---- liver ---------------------------------------------------------------------------------

    def _patient(self, name: str) -> Known:
        finding = self._found(name)
        tallied = name in ("tumour_volume_ml", "lesion_count", *_READS)
        if tallied and (self._is_retyped() or finding is None):
            known, finding = replace(self._tally(name), provenance="derived"), None
        else:
            known = self._of_finding(finding, _ROOTS.get(name, name))
        known = self._doubted(known, (name, *_CT, *_READS.get(name, ())), finding)
        return self._with_error(known, name, finding)

    def _found(self, name: str) -> Finding | None:
        """Finding of the patient or the liver."""
        for scope in (Scope.PATIENT, Scope.LIVER):
            found = self._by_key.get((scope.value, "", name))
            if found is not None:
                return found
        return None

    def _number(self, name: str) -> float | None:
        found = self._found(name)
        return None if found is None else found.number

    def _is_retyped(self) -> bool:
        """Whether a person says of any lesion that it is no metastasis."""
        return any(self._types.get(i, "metastasis") != "metastasis" for i in self._ids)

    def _tally(self, name: str) -> Known:
        """Number, volume and share of the counted lesions."""
        counted = self.lesions()
        if counted is None:
            found = self._found(name) or self._found("lesion_count")
            reasons = self._reasons(found, "lesions")
        else:
            reasons = frozenset()
        if name == "lesion_count":
            return Known.absent(reasons) if counted is None else Known(value=len(counted))
        parts = [self.fact("lesion.volume_ml", i) for i in counted or ()]
        reasons = reasons.union(*(part.reasons for part in parts))
        tumour_ml = math.fsum(float(part.value or 0.0) for part in parts)
        if name == "tumour_volume_ml":
            return Known.absent(reasons) if reasons else Known(value=tumour_ml)
        liver = self.fact("liver_volume_ml", "")
        reasons |= liver.reasons
        if reasons or liver.value is None:
            return Known.absent(reasons)
        liver_ml = float(liver.value)
        if name == "functional_liver_ml":
            return Known(value=liver_ml - tumour_ml)
        if liver_ml <= 0:
            return Known.absent({missing("liver_ml")})
        return Known(value=100.0 * tumour_ml / liver_ml)

    # ---- lesions and PET -----------------------------------------------------------------------

    def _told_types(self) -> dict[str, str]:
        """Lesion types that a person gives, by id."""
        told = {
            str(entry["id"]): str(entry.get("type", "metastasis"))
            for entry in self._facts.get("lesions") or ()
        }
        for name in told:
            if name not in self._ids:
                present = ", ".join(self._ids) or "none"
                what = f"lesions names lesion {name}; present: {present}."
                raise FactsError(LES_UNKNOWN, what=what, todo="Use the ids of the report.")
        return told

    def _lesion(self, name: str, lesion: str) -> Known:
        if name == "krenning":
            return self._krenning(lesion)
        if name == "krenning_visual":
            return self._krenning_visual(lesion)
        finding = self._by_key.get((Scope.LESION.value, lesion, name))
        known = self._of_finding(finding, f"lesions.{lesion}.{name}")
        known = self._doubted(known, (name, lesion, *_CT, Scope.LESION.value), finding)
        return self._with_error(known, f"lesion.{name}", finding)

    def _pet_state(self) -> frozenset[Reason]:
        """Why the SSTR PET cannot be used; empty where it can."""
        items = [f for f in self._findings if f.name.startswith("sstr_")]
        told = self._facts.get("pet.sstr")
        if not items and told is None:
            return frozenset({missing("pet.sstr")})
        dates = [f.source.date for f in items if f.source.date is not None]
        date = (told or {}).get("date") or (dates[0] if dates else None)
        if date is not None and self._age_days(date) > self._days("pet_max_age_days"):
            return frozenset({Reason("stale", "pet.sstr")})
        return frozenset()

    def _krenning(self, lesion: str) -> Known:
        absent = self._pet_state()
        if absent:
            return Known.absent(absent)
        told = self._facts.get(f"pet.sstr.lesions.{lesion}") or {}
        found = self._by_key.get((Scope.LESION.value, lesion, "sstr_suv_max"))
        suvmax = self._of_finding(found, f"pet.sstr.lesions.{lesion}.suvmax")
        suvmax = self._doubted(suvmax, (*_PET_READS, lesion), found)
        longest = self.fact("lesion.longest_mm", lesion).bounds
        return krenning(
            lesion,
            self._with_error(suvmax, "pet.suvmax", found),
            {reference: self._reference(reference) for reference in REFERENCES},
            visible=bool(told.get("visible", True)),
            longest_mm=None if longest is None else longest[0],
            min_lesion_mm=self._days("pet_min_lesion_mm"),
        )

    def _reference(self, name: str) -> Known:
        """Uptake of a reference region."""
        found = self._by_key.get((Scope.REGION.value, _REGIONS[name], "sstr_suv_mean"))
        known = self._of_finding(found, f"pet.sstr.reference.{name}")
        return self._doubted(known, (*_PET_READS, _REGIONS[name]), found)

    def _krenning_visual(self, lesion: str) -> Known:
        path = f"pet.sstr.lesions.{lesion}.krenning_visual"
        score = self._facts.get(path)
        absent = self._pet_state()
        if absent or score is None:
            return Known.absent(absent or {Reason("needs_reader", path)})
        return Known(value=score, provenance="typed")

    # ---- plans ---------------------------------------------------------------------------------

    def _plan(self, name: str, plan: str) -> Known:
        if name == "inflow_outflow_preserved":
            told = [p for p in self._facts.get("plans") or () if p["name"] == plan and name in p]
            if not told:
                return Known.absent({Reason("needs_reader", f"plan.{name}")})
            return Known(value=bool(told[0][name]), provenance="typed")
        finding = self._of_plan(self._plans[plan], name)
        known = self._of_finding(finding, f"plan.{name}")
        known = self._doubted(known, (name, *_CT, *_PLAN_READS), finding)
        return self._with_error(known, f"plan.{name}", finding)

    def _of_plan(self, plan: Plan, name: str) -> Finding | None:
        """Finding of a plan; with indeterminate lesions counted where that makes a difference."""
        by_name = {finding.name: finding for finding in plan.findings}
        if self._with and name + WITH_INDETERMINATE in by_name:
            return by_name[name + WITH_INDETERMINATE]
        return by_name.get(name)

    # ---- findings ------------------------------------------------------------------------------

    def _of_finding(self, finding: Finding | None, path: str) -> Known:
        """What a finding says; ``path`` is what is missing where there is none."""
        if finding is None or finding.value is None:
            reasons = self._reasons(finding, path)
            if any(r.code == "not_applicable" for r in reasons):
                return Known(applicable=False)
            return Known.absent(reasons)
        value = finding.value
        return Known(
            value=value if not isinstance(value, tuple) else ", ".join(value),
            error_name=path,
            provenance=_provenance(finding.source),
            approximate=finding.approximate,
        )

    @staticmethod
    def _reasons(finding: Finding | None, path: str) -> frozenset[Reason]:
        if finding is None or not finding.reason:
            return frozenset({missing(path)})
        return frozenset(reason(text.strip()) for text in finding.reason.split(";"))

    def _doubted(self, known: Known, reads: Iterable[str], finding: Finding | None) -> Known:
        """Add the flags of severity high that touch what was read."""
        if known.bounds is None or (finding is not None and finding.source.kind == "person"):
            return known
        names = frozenset(reads)
        codes = finding.flags if finding is not None else ()
        touching = [f for f in self._high if f.code in codes or _touches(f, names)]
        return known.doubted(Reason("needs_reader", f"flag.{flag.code}") for flag in touching)

    def _with_error(self, known: Known, name: str, finding: Finding | None) -> Known:
        """Add the half width that strict mode uses: told, of the finding, or by default."""
        if not self._strict or known.bounds is None or known.bounds[0] != known.bounds[1]:
            return known
        half = self._told_error(name)
        if half is None:
            half = _measured_error(finding)
        if half is None:
            half = self._default_error(name, known.bounds[0], approximate=known.approximate)
        return replace(known, half_width=half, error_name=name)

    def _told_error(self, name: str) -> float | None:
        """Half width that the facts file gives by name."""
        told = self._facts.get("uncertainty.u") or {}
        return float(told[name]) if self._strict and name in told else None

    def _default_error(self, name: str, value: float, *, approximate: bool) -> float:
        if name == "burden_pct":
            return float(self._parameters["u_burden_pct"])
        if name == "plan.clearance_volume_pct":
            return float(self._parameters["u_clearance_pct"])
        if name == "pet.suvmax":
            return float(self._parameters["u_suv_rel"]) * abs(value)
        if name in ("plan.sflr_pct", "plan.mflr_pct", "plan.bwr_pct", "plan.flr_per_bsa_ml_m2"):
            relative = self._facts.get("segments.volume_relative_error")
            if relative is None:
                relative = self._parameters["u_flr_rel_approx" if approximate else "u_flr_rel"]
            return float(relative) * abs(value)
        return 0.0


def _lesion_ids(findings: Findings) -> tuple[str, ...]:
    """Lesions that have a size or a volume, in order."""
    sized = ("longest_mm", "volume_ml")
    return tuple(dict.fromkeys(f.id for f in findings.of(Scope.LESION) if f.name in sized))


def _measured_error(finding: Finding | None) -> float | None:
    """Half the interval of a measured finding, None where there is none."""
    if finding is None or finding.source.kind == "person":
        return None
    if finding.lo is None or finding.hi is None:
        return None
    return (finding.hi - finding.lo) / 2


def _touches(flag: Flag, names: frozenset[str]) -> bool:
    """Whether a flag bears on any of these; one that names nothing bears on the whole study."""
    return not flag.touches or bool(names & set(flag.touches))


def _provenance(source: Source) -> str:
    """Where a value came from, in a few words."""
    word = {"person": "typed"}.get(source.kind, source.kind)
    parts = [
        word,
        *([f"on {source.on}"] if source.on else []),
        *([f"by {source.by}"] if source.by else []),
    ]
    return " ".join(parts)


def unit_of(name: str) -> str:
    """Unit that is shown beside a value, empty for words."""
    word = vocabulary().get(name)
    unit = word.unit if word else ""
    return unit if unit in units.UCUM and unit not in ("bool", "label") else ""
