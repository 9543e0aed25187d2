"""The door: plans with their findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from netimg.errors import LES_UNKNOWN, FactsError
from netimg.finding import Facts, Finding, Findings, Scope, Source
from netimg.planning.liver_model import LiverModel, liver_model
from netimg.planning.local import measured_margin_ml
from netimg.planning.reference_liver import bsa_m2, etlv_ml
from netimg.planning.remnant import Remnant, remnant
from netimg.planning.templates import named_plan, standard_plan
from netimg.resources import load_toml
from netimg.treatment import Plan, Plans

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.settings import Settings

_DERIVED = Source(kind="derived")
_NO_TUMOUR = ("not_applicable:lesions",)


def plan(
    findings: Findings,
    facts: Facts | None = None,
    *,
    anatomy: Anatomy | None = None,
    settings: Settings | None = None,  # noqa: ARG001  # the signature of every door
) -> Plans:
    """Plans with what they would leave and clear.

    Parameters
    ----------
    findings
        Segment volumes, lesion volumes and their shares per segment.
    facts
        Named plans, body size, lesion types, operator parameters; by default
        ``findings.facts``.
    anatomy
        Masks in which margins of local treatments are measured; without it they are estimated.

    Returns
    -------
    Plans
        Named plans in the order of the facts; the standard right hepatectomy after them wherever
        an image was measured and nobody named it. A value that cannot be had lists its reasons,
        separated by ``; ``. With indeterminate lesions each number is there a second time, ending
        in ``_with_indeterminate``.

    Raises
    ------
    FactsError
        LES-UNKNOWN for a local treatment of a lesion that is not there.
    """
    facts = facts or findings.facts
    liver = liver_model(findings, facts)
    entries = (facts.get("plans") if facts else None) or ()
    plans = [named_plan(entry) for entry in entries]
    usual = standard_plan()
    if liver.is_measured and not any(_is_same(p, usual) for p in plans):
        plans.append(usual)
    ids = [f.id for f in findings.of(Scope.LESION) if f.name == "volume_ml"]
    for one in plans:
        _check_lesions(one, ids)
    body = _Body.of(facts)
    return Plans(
        plans=tuple(replace(p, findings=tuple(_findings(p, liver, body, anatomy))) for p in plans)
    )


def _is_same(given: Plan, usual: Plan) -> bool:
    """Whether a named plan is the standard one, or has taken its name."""
    plain = not given.local and given.resected == usual.resected
    return given.name == usual.name or (plain and given.approach == usual.approach)


def _check_lesions(one: Plan, ids: list[str]) -> None:
    for treatment in one.local:
        if treatment.lesion not in ids:
            present = ", ".join(ids) or "none"
            raise FactsError(
                LES_UNKNOWN,
                what=f"plan {one.name!r} names lesion {treatment.lesion}; present: {present}.",
                todo="Use the ids of the report.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """Body size as a person confirmed it, and the formulas that are used."""

    weight_kg: float | None
    height_cm: float | None
    bsa: str
    etlv: str

    @classmethod
    def of(cls, facts: Facts | None) -> _Body:
        usual: Mapping[str, Any] = load_toml("configs", "profiles", "op.toml")["op"]
        told: Mapping[str, Any] = (facts.get("op") if facts else None) or {}
        return cls(
            weight_kg=facts.get("clinical.weight_kg") if facts else None,
            height_cm=facts.get("clinical.height_cm") if facts else None,
            bsa=told.get("bsa", usual["bsa"]),
            etlv=told.get("etlv", usual["etlv"]),
        )

    def missing(self, *needed: str) -> tuple[str, ...]:
        """Reasons for what is needed and not known."""
        return tuple(
            f"missing_input:clinical.{name}" for name in needed if getattr(self, name) is None
        )

    def bsa_m2(self) -> float | None:
        """Body surface, None without weight and height."""
        if self.weight_kg is None or self.height_cm is None:
            return None
        return bsa_m2(self.weight_kg, self.height_cm, formula=self.bsa)

    def etlv_ml(self) -> float | None:
        """Expected liver volume, None without what its formula needs."""
        if self.weight_kg is None:
            return None
        if self.etlv == "vauthey_weight":
            return etlv_ml(self.weight_kg, 0.0, formula=self.etlv)
        surface = self.bsa_m2()
        return None if surface is None else etlv_ml(self.weight_kg, surface, formula=self.etlv)

    def etlv_needs(self) -> tuple[str, ...]:
        """Reasons why the expected liver volume is not known."""
        needed = ("weight_kg",) if self.etlv == "vauthey_weight" else ("weight_kg", "height_cm")
        return self.missing(*needed)


def _findings(
    one: Plan, liver: LiverModel, body: _Body, anatomy: Anatomy | None
) -> Iterator[Finding]:
    """Findings of a plan, and those with indeterminate lesions counted."""
    yield from _numbers(one, liver, body, anatomy, with_indeterminate=False)
    if liver.has_indeterminate:
        for finding in _numbers(one, liver, body, anatomy, with_indeterminate=True):
            yield replace(finding, name=f"{finding.name}_with_indeterminate")


def _numbers(
    one: Plan,
    liver: LiverModel,
    body: _Body,
    anatomy: Anatomy | None,
    *,
    with_indeterminate: bool,
) -> Iterator[Finding]:
    """Every number of one plan, under one view of the indeterminate lesions."""
    left: Remnant | None = None
    if not liver.reasons:
        margin = _measured_margin(one, liver, anatomy, with_indeterminate=with_indeterminate)
        left = remnant(
            liver,
            one.retained,
            one.local,
            with_indeterminate=with_indeterminate,
            measured_margin_ml=margin,
        )
    surface, expected, weight = body.bsa_m2(), body.etlv_ml(), body.weight_kg
    flr = None if left is None else left.flr_ml
    clears = _NO_TUMOUR if left is not None else liver.reasons
    method = f"eTLV {body.etlv}, BSA {body.bsa}"

    def finding(
        name: str, value: float | None, unit: str, reasons: tuple[str, ...], how: str = ""
    ) -> Finding:
        why = None if value is not None else "; ".join(sorted({*reasons}))
        return Finding(
            name=name, value=value, unit=unit, scope=Scope.PLAN, id=one.name, method=how,
            source=_DERIVED, reason=why, flags=liver.doubts, approximate=liver.approximate,
        )  # fmt: skip

    def share(of: float | None, by: float | None, factor: float) -> float | None:
        return None if of is None or by is None or by <= 0 else factor * of / by

    estimated = left is not None and left.is_margin_estimated
    how = "margin estimated from the lesion's volume" if estimated else ""
    yield finding("flr_ml", flr, "mL", liver.reasons, how)
    margin_ml = None if left is None else left.margin_parenchyma_ml
    yield finding("margin_parenchyma_ml", margin_ml, "mL", liver.reasons, how)
    functional = None if left is None else left.mflr_pct
    yield finding("mflr_pct", functional, "%", liver.reasons or ("missing_input:segments_ml",))
    needs = liver.reasons + body.etlv_needs()
    yield finding("sflr_pct", share(flr, expected, 100.0), "%", needs, method)
    needs = liver.reasons + body.missing("weight_kg")
    yield finding("bwr_pct", share(flr, weight, 0.1), "%", needs)
    needs = liver.reasons + body.missing("weight_kg", "height_cm")
    yield finding("flr_per_bsa_ml_m2", share(flr, surface, 1.0), "mL/m2", needs, f"BSA {body.bsa}")
    cleared = None if left is None else left.clearance_volume_pct
    yield finding("clearance_volume_pct", cleared, "%", clears)
    counted = None if left is None else left.clearance_count_pct
    yield finding("clearance_count_pct", counted, "%", clears)
    residual = None if left is None else left.residual_ml
    yield finding("residual_tumour_ml", residual, "mL", liver.reasons)


def _measured_margin(
    one: Plan, liver: LiverModel, anatomy: Anatomy | None, *, with_indeterminate: bool
) -> float | None:
    """Margin parenchyma in the masks; None where it is to be estimated."""
    if not one.local or anatomy is None or anatomy.segments is None:
        return None
    counted = [lesion.id for lesion in liver.counted(with_indeterminate=with_indeterminate)]
    treatments = [(t.lesion, t.margin_mm) for t in one.local if t.lesion in counted]
    return measured_margin_ml(anatomy, treatments, one.retained, counted)
