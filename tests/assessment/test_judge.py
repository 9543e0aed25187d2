# ruff: noqa: E501  # one case a line
"""Verdicts on one patient: from a CT alone, with flags, doubts and a house's own rule."""

import copy
import dataclasses
import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.assessment import assess
from netimg.assessment.facts import facts_from_tree
from netimg.assessment.facts_findings import findings_from_facts
from netimg.errors import CRIT_002, CriteriaError, FactsError
from netimg.finding import Facts, Finding, Findings, Scope, Source
from netimg.flag import Flag, Severity
from netimg.planning import plan
from netimg.settings import Settings
from netimg.treatment import Plan, Plans
from netimg.verdict import Status

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
HOUSE_RULE = """\
[profile]
name = "OP"
text_read = "operator"
remark = "house rules"

[[rule]]
id = "FEW-AND-FIT"
version = "1.0"
profile = "OP"
kind = "criterion"
scope = "patient"
question = "Few metastases in a fit patient, none above 5 cm, with room in RETNET?"
inputs = { lesion_count = "1", "clinical.ecog" = "1", "lesion.longest_mm" = "mm" }
expr = "all(lesion_count <= $abl_max_n, clinical.ecog <= 1, every_lesion(lesion.longest_mm < 50), @RETNET-BURDEN)"
value = "lesion_count"
source = { text = "operator", where = "" }
certainty = "OP"
review = "draft"
rationale = "house rule"
[[rule.example]]
given = { lesion_count = 5, "clinical.ecog" = 1, lesions = [{ "lesion.longest_mm" = 49.9 }], "@RETNET-BURDEN" = "met" }
expect = "met"
[[rule.example]]
given = { lesion_count = 6 }
expect = "not_met"
[[rule.example]]
given = { lesion_count = 5, "clinical.ecog" = 1, lesions = [] }
expect = "unknown"
reasons = ["missing_input:burden_pct"]
"""


def measured(name, value, unit="mL", scope=Scope.PATIENT, id="", **more):  # noqa: A002
    source = more.pop("source", Source(kind="measured", on="series 4"))
    return Finding(name=name, value=value, unit=unit, scope=scope, id=id, source=source, **more)


def ct(burden_pct=4.0, *, segments=False, flags=(), interval=None):
    """Findings of a CT: 1500 mL of liver, two metastases in V and II."""
    tumour = 15.0 * burden_pct
    lo, hi = interval or (None, None)
    items = [
        measured("liver_volume_ml", 1500.0),
        measured("tumour_volume_ml", tumour),
        measured("functional_liver_ml", 1500.0 - tumour),
        measured("burden_pct", burden_pct, "%", lo=lo, hi=hi, interval=interval and "boundary"),
        measured("lesion_count", 2, "1"),
    ]
    for name, share, mm, segment in (("L1", 0.75, 40.0, "V"), ("L2", 0.25, 9.0, "II")):
        items.append(measured("volume_ml", tumour * share, scope=Scope.LESION, id=name))
        items.append(measured("longest_mm", mm, "mm", scope=Scope.LESION, id=name))
        if segments:
            items += [
                measured(f"segment_fraction_{s}", float(s == segment), "1", Scope.LESION, name)
                for s in SEGMENTS
            ]
    if segments:
        sizes = dict(zip(SEGMENTS, (30, 120, 130, 220, 230, 240, 250, 280), strict=True))
        items += [
            measured("volume_ml", float(ml), scope=Scope.SEGMENT, id=s) for s, ml in sizes.items()
        ]
    return Findings(items=tuple(items), flags=tuple(flags))


def sstr(suvmax=22.0, *, date=None):
    source = Source(kind="measured", on="series 7", date=date)
    return [
        *(
            measured("sstr_suv_max", suvmax, "g/mL", Scope.LESION, name, source=source)
            for name in ("L1", "L2")
        ),
        measured("sstr_suv_mean", 5.0, "g/mL", Scope.REGION, "liver_reference", source=source),
        measured("sstr_suv_mean", 1.2, "g/mL", Scope.REGION, "blood_pool", source=source),
        measured("sstr_suv_mean", None, "g/mL", Scope.REGION, "spleen", source=source,
                 reason="missing_input:spleen"),
    ]  # fmt: skip


def facts(with_image=True, **groups):
    tree = {"schema": "netimg.facts/1", "assessment_date": "2026-03-02"} | groups
    return facts_from_tree(tree, with_image=with_image)


LABS = {
    "bilirubin_total": {"value": 2.1, "unit": "mg/dL", "date": "2026-02-20"},
    "ldh": {"value": 640, "unit": "U/L", "date": "2026-02-20"},
    "ast": {"value": 131, "unit": "U/L", "date": "2026-02-20"},
}
BODY = {"weight_kg": 80, "height_cm": 180, "liver_background": "normal"}


def rows(found, plans="made", **more):
    made = plan(found) if plans == "made" else plans
    view = assess(found, made, **more)
    return {(v.id, v.scope): v for v in view.verdicts}


def why(verdict):
    return [str(reason) for reason in verdict.reasons]


# ---- a CT alone ----------------------------------------------------------------------------------


def test_a_ct_alone_gives_the_burden_classes_and_names_what_is_missing_for_the_rest():
    found = rows(ct())
    assert found["PROMID", "patient"].value == ">0-10"
    assert found["NETTER1", "patient"].value == "<25"
    assert found["RETNET-BURDEN", "patient"].status is Status.MET
    assert found["COMBO-HEPFAIL", "patient"].status is Status.NOT_MET
    assert why(found["CYTO-70", "right hepatectomy"]) == ["missing_input:segments_ml"]
    assert "missing_input:segments_ml" in why(found["FLR-STD", "right hepatectomy"])
    assert why(found["MKRENNING", "L1"]) == ["missing_input:pet.sstr"]


def test_a_ct_with_segments_and_body_size_has_its_right_hepatectomy_judged():
    found = rows(ct(segments=True) | facts(clinical=BODY))
    verdict = found["FLR-STD", "right hepatectomy"]
    assert verdict.status is Status.MET
    assert verdict.value == pytest.approx(100 * (500 - 15) / 1740.15)
    assert found["CYTO-70", "right hepatectomy"].value == pytest.approx(75.0)


def test_the_constellation_above_half_a_liver_names_three_laboratory_values():
    verdict = rows(ct(60.0))["COMBO-HEPFAIL", "patient"]
    assert why(verdict) == [
        "missing_input:labs.ast", "missing_input:labs.bilirubin_total", "missing_input:labs.ldh",
    ]  # fmt: skip
    assert rows(ct(60.0) | facts(labs=LABS))["COMBO-HEPFAIL", "patient"].status is Status.MET


def test_a_pet_alone_has_no_liver_no_lesion_and_no_plan_to_judge():
    found = rows(
        Findings(
            items=(
                measured("liver_volume_ml", None, reason="missing_input:liver"),
                measured("burden_pct", None, "%", reason="missing_input:liver"),
                measured("lesion_count", None, "1", reason="missing_input:lesions"),
                measured("fdg_suv_max", 7.0, "g/mL", Scope.PET, "fdg"),
            )
        )
    )
    assert why(found["PROMID", "patient"]) == ["missing_input:liver"]
    assert why(found["MKRENNING", "lesions"]) == ["missing_input:lesions"]
    assert why(found["CYTO-70", "right hepatectomy"]) == ["missing_input:liver"]


def test_a_liver_without_lesions_has_a_burden_of_nothing():
    items = (
        measured("liver_volume_ml", 1500.0),
        measured("tumour_volume_ml", 0.0),
        measured("burden_pct", 0.0, "%"),
        measured("lesion_count", 0, "1"),
        *(f for f in ct(segments=True) if f.scope is Scope.SEGMENT),
    )
    found = rows(Findings(items=items) | facts(clinical=BODY))
    assert found["PROMID", "patient"].value == "0"
    assert found["CYTO-70", "right hepatectomy"].status is Status.NOT_APPLICABLE
    assert not any(name == "MKRENNING" for name, _ in found)


def test_where_nobody_planned_rules_about_plans_say_so():
    assert why(rows(ct(), plans=None)["FLR-STD", "plans"]) == ["missing_input:plans"]
    assert not any(name == "FLR-STD" for name, _ in rows(ct(), plans=Plans()))


# ---- what a row shows ----------------------------------------------------------------------------


def test_a_comparison_shows_value_threshold_distance_and_where_it_came_from():
    (comparison,) = rows(ct(72.0))["RETNET-BURDEN", "patient"].comparisons
    assert (comparison.fact, comparison.op, comparison.threshold) == ("burden_pct", "<=", 70.0)
    assert comparison.distance == pytest.approx(2.0)
    assert comparison.unit == "%"
    assert comparison.status is Status.NOT_MET
    assert comparison.provenance == "measured on series 4"


def test_a_typed_fact_says_who_typed_it_and_when():
    ward = {"value": "chemo", "by": "ward", "date": "2026-02-28"}
    found = rows(ct(segments=True) | facts(clinical=BODY | {"liver_background": ward}))
    comparison = found["FLR-STD", "right hepatectomy"].comparisons[0]
    assert comparison.provenance == "typed, by ward, date 2026-02-28"


def test_rows_stand_in_the_order_of_the_catalogue():
    view = assess(ct(), plan(ct()))
    assert [v.id for v in view.verdicts] == [
        "PROMID", "NETTER1", "FLR-STD", "MKRENNING", "MKRENNING", "RETNET-BURDEN",
        "COMBO-HEPFAIL", "CYTO-70",
    ]  # fmt: skip
    assert view.options == ()


def test_only_the_profiles_asked_for_are_evaluated_beside_those_that_always_are():
    view = assess(ct(), plan(ct()), profiles=["TRIAL-RETNET"])
    assert view.profiles == ("core", "pet-suv", "TRIAL-RETNET")
    told = ct() | facts(profile=["CYTO-70"])
    assert assess(told, plan(told)).profiles == ("core", "pet-suv", "CYTO-70")
    with pytest.raises(CriteriaError) as caught:
        assess(ct(), profiles=["RETNET"])
    assert caught.value.code is CRIT_002


# ---- doubts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("touches", [("burden_pct",), ("liver_volume_ml",), ("ct",), ()])
def test_a_flag_of_high_severity_that_touches_a_number_bars_its_verdicts(touches):
    flag = Flag(code="liver_cut_fov", severity=Severity.HIGH, sentence="cut", touches=touches)
    verdict = rows(ct(flags=[flag]))["RETNET-BURDEN", "patient"]
    assert verdict.status is Status.UNKNOWN
    assert verdict.value == 4.0
    assert why(verdict) == ["needs_reader:flag.liver_cut_fov"]


@pytest.mark.parametrize(
    "flag",
    [
        Flag(code="x", severity=Severity.MEDIUM, sentence="s", touches=("burden_pct",)),
        Flag(code="x", severity=Severity.HIGH, sentence="s", touches=("sstr_suv_max",)),
    ],
)
def test_a_lesser_flag_or_one_about_something_else_bars_nothing(flag):
    assert rows(ct(flags=[flag]))["RETNET-BURDEN", "patient"].status is Status.MET


def test_a_flag_on_a_lesion_bars_the_score_of_that_lesion_only():
    flag = Flag(code="at_edge", severity=Severity.HIGH, sentence="s", touches=("L1",))
    base = ct(flags=[flag])
    found = rows(dataclasses.replace(base, items=(*base.items, *sstr(4.9))))
    assert why(found["MKRENNING", "L1"]) == ["needs_reader:flag.at_edge"]
    assert found["MKRENNING", "L2"].status is Status.UNKNOWN
    assert why(found["MKRENNING", "L2"]) == ["not_assessable:lesions.L2"]


def test_a_measured_reference_that_is_missing_gives_its_own_reason():
    base = ct()
    found = rows(dataclasses.replace(base, items=(*base.items, *sstr(22.0))))
    assert found["MKRENNING", "L1"].value == "3..4"
    assert why(found["MKRENNING", "L1"]) == ["missing_input:spleen"]


def test_an_old_pet_is_stale():
    base = ct()
    for days, expected in ((90, "missing_input:spleen"), (91, "stale:pet.sstr")):
        day = dt.date(2026, 3, 2) - dt.timedelta(days=days)
        found = dataclasses.replace(base, items=(*base.items, *sstr(22.0, date=day))) | facts()
        assert why(rows(found)["MKRENNING", "L1"]) == [expected]


@pytest.mark.parametrize(
    ("date", "expected"),
    [("2026-02-02", []), ("2026-02-01", ["stale:labs.ldh"]), (None, ["stale:labs.ldh"])],
)
def test_a_laboratory_value_is_fresh_for_28_days_and_stale_without_a_date(date, expected):
    labs = copy.deepcopy(LABS)
    labs["ldh"].pop("date")
    labs["ldh"] |= {} if date is None else {"date": date}
    assert why(rows(ct(60.0) | facts(labs=labs))["COMBO-HEPFAIL", "patient"]) == expected


def test_without_a_date_of_assessment_no_laboratory_value_has_an_age():
    told = facts_from_tree({"schema": "netimg.facts/1", "labs": LABS}, with_image=True)
    assert why(rows(ct(60.0) | told)["COMBO-HEPFAIL", "patient"]) == [
        "missing_input:assessment_date"
    ]


# ---- strict mode ---------------------------------------------------------------------------------


def strict(**u):
    return facts(uncertainty={"mode": "strict", "u": u})


@pytest.mark.parametrize(
    ("burden_pct", "interval", "u", "status"),
    [
        (68.5, None, {}, Status.UNKNOWN),
        (68.0, None, {}, Status.MET),
        (68.5, (68.0, 69.0), {}, Status.MET),
        (69.8, (69.0, 70.6), {}, Status.UNKNOWN),
        (68.5, (60.0, 77.0), {"burden_pct": 0.5}, Status.MET),
        (71.9, None, {}, Status.UNKNOWN),
    ],
)
def test_strict_mode_leaves_open_what_the_uncertainty_spans(burden_pct, interval, u, status):
    found = rows(ct(burden_pct, interval=interval) | strict(**u))["RETNET-BURDEN", "patient"]
    assert found.status is status
    expected = ["within_error:burden_pct"] if status is Status.UNKNOWN else []
    assert why(found) == expected


def test_a_class_in_strict_mode_shows_the_labels_of_both_ends():
    found = rows(ct(24.0) | strict())
    assert found["NETTER1", "patient"].value == "<25..25-50"
    assert found["PROMID", "patient"].value == ">10-25..>25-50"
    assert rows(ct(23.0) | strict())["NETTER1", "patient"].value == "<25"
    assert rows(ct(0.5) | strict())["PROMID", "patient"].value == "0..>0-10"


def test_strict_mode_can_be_a_setting_and_the_facts_win():
    settings = Settings.shipped().with_values({"criteria.uncertainty": "strict"}, layer="test")
    assert rows(ct(69.0), settings=settings)["RETNET-BURDEN", "patient"].status is Status.UNKNOWN
    off = ct(69.0) | facts(uncertainty={"mode": "off"})
    assert rows(off, settings=settings)["RETNET-BURDEN", "patient"].status is Status.MET


def test_operator_parameters_of_the_facts_count_and_are_listed():
    found = ct(segments=True) | facts(clinical=BODY, op={"flr_normal_pct": 30.0, "etlv": "vauthey"})
    view = assess(found, plan(found))
    assert view["FLR-STD"].status is Status.NOT_MET
    assert dict(view.operator_differences) == {"flr_normal_pct": 30.0}
    other = ct(segments=True) | facts(clinical=BODY, op={"etlv": "urata"})
    assert assess(other, plan(other))["FLR-STD"].value == pytest.approx(100 * 485 / 1414.8)


# ---- a person's word on lesions ------------------------------------------------------------------


def test_a_lesion_that_a_person_calls_a_cyst_counts_no_longer():
    found = ct(40.0, segments=True) | facts(lesions=[{"id": "L1", "type": "cyst"}])
    view = assess(found, plan(found))
    assert view.values["burden_pct"] == pytest.approx(10.0)
    assert view.values["lesion_count"] == 1
    assert view["PROMID"].value == ">0-10"
    assert [v.scope for v in view.verdicts if v.id == "MKRENNING"] == ["L2"]
    assert view["CYTO-70"].value == pytest.approx(0.0)


def test_an_indeterminate_lesion_is_judged_both_ways():
    told = facts(clinical=BODY, lesions=[{"id": "L1", "type": "indeterminate"}])
    found = ct(40.0, segments=True) | told
    view = assess(found, plan(found))
    assert view["PROMID"].value == ">0-10..>25-50"
    assert why(view["PROMID"]) == ["needs_reader:lesions.L1.type"]
    assert view["RETNET-BURDEN"].status is Status.MET
    assert view.values["with_indeterminate"]["burden_pct"] == pytest.approx(40.0)
    assert view["CYTO-70"].status is Status.UNKNOWN
    assert view["CYTO-70"].value == pytest.approx(0.0)
    assert dict(view.missing)["lesions.L1.type"] >= 2


def test_a_word_about_a_lesion_that_is_not_there_is_refused():
    with pytest.raises(FactsError, match="LES-UNKNOWN"):
        assess(ct() | facts(lesions=[{"id": "L9", "type": "cyst"}]), Plans())


# ---- rules of a house ----------------------------------------------------------------------------


def test_an_eighth_rule_in_a_folder_is_judged_without_a_line_of_python(tmp_path):
    (tmp_path / "OP.toml").write_text(HOUSE_RULE, "utf-8")
    settings = Settings.shipped().with_values({"criteria.extra": [str(tmp_path)]}, layer="test")
    found = ct() | facts(clinical={"ecog": 1})
    view = assess(found, plan(found), settings=settings)
    assert view.verdicts[-1].id == "FEW-AND-FIT"
    assert view["FEW-AND-FIT@OP"].status is Status.MET
    assert view["FEW-AND-FIT"].value == 2
    assert why(assess(ct(), settings=settings)["FEW-AND-FIT"]) == ["missing_input:clinical.ecog"]
    assert view.catalogue_version != assess(found).catalogue_version
    from netimg.assessment.catalogue import check_files

    assert check_files(settings=settings)[0] == []


STAGED_RULE = """\
[profile]
name = "OP"
text_read = "operator"
remark = "house rules"

[[rule]]
id = "STAGED"
version = "1.0"
profile = "OP"
kind = "criterion"
scope = "patient"
question = "Is there a staged plan that clears enough, and a person who saw its vessels?"
inputs = { "plan.inflow_outflow_preserved" = "bool" }
expr = "some_staged_plan(all(@CYTO-70, is(plan.inflow_outflow_preserved)))"
applies_if = "not(@COMBO-HEPFAIL)"
source = { text = "operator", where = "" }
certainty = "OP"
review = { by = "house surgeon", date = "2026-03-02" }
rationale = "house rule"
[[rule.example]]
given = { "@COMBO-HEPFAIL" = "not_met", plans = [{ approach = "pve", "@CYTO-70" = "met", "plan.inflow_outflow_preserved" = true }] }
expect = "met"
[[rule.example]]
given = { "@COMBO-HEPFAIL" = "not_met", plans = [{ approach = "pve", "@CYTO-70" = "not_met" }] }
expect = "not_met"
[[rule.example]]
given = { "@COMBO-HEPFAIL" = "not_met" }
expect = "unknown"
reasons = ["missing_input:plans.staged"]
[[rule.example]]
given = { "@COMBO-HEPFAIL" = "met" }
expect = "not_applicable"
"""


def test_a_rule_over_staged_plans_asks_other_rules_of_each_plan(tmp_path):
    (tmp_path / "OP.toml").write_text(STAGED_RULE, "utf-8")
    settings = Settings.shipped().with_values({"criteria.extra": [str(tmp_path)]}, layer="test")
    staged = {"name": "two steps", "template": "right_hepatectomy", "approach": "two_stage"}

    def status(*plans):
        found = ct(segments=True) | facts(plans=list(plans))
        return assess(found, plan(found), settings=settings)["STAGED"]

    assert status(staged | {"inflow_outflow_preserved": True}).status is Status.MET
    assert why(status(staged)) == ["needs_reader:plan.inflow_outflow_preserved"]
    assert why(status()) == ["missing_input:plans.staged"]
    left = staged | {"template": "left_hepatectomy", "inflow_outflow_preserved": True}
    assert status(left).status is Status.NOT_MET
    assert status(left).review == "house surgeon, 2026-03-02"


EVERY_SCOPE = """\
[profile]
name = "OP"
text_read = "operator"
remark = "house rules"

[[rule]]
id = "BILI-3ULN"
version = "1.0"
profile = "OP"
kind = "criterion"
scope = "patient"
question = "Bilirubin at most three times its own limit?"
inputs = { "labs.bilirubin_total_uln" = "1" }
expr = "labs.bilirubin_total_uln <= 3"
value = "labs.bilirubin_total_uln"
source = { text = "operator", where = "" }
certainty = "OP"
review = "draft"
rationale = "house rule"
[[rule.example]]
given = { "labs.bilirubin_total_uln" = 3.0 }
expect = "met"
[[rule.example]]
given = { "labs.bilirubin_total_uln" = 3.1 }
expect = "not_met"
[[rule.example]]
given = {}
expect = "unknown"

[[rule]]
id = "READ-3"
version = "1.0"
profile = "OP"
kind = "criterion"
scope = "lesion"
question = "Read as 3 or more?"
inputs = { "lesion.krenning_visual" = "1" }
expr = "lesion.krenning_visual >= 3"
source = { text = "operator", where = "" }
certainty = "OP"
review = "draft"
rationale = "house rule"
[[rule.example]]
given = { "lesion.krenning_visual" = 3 }
expect = "met"
[[rule.example]]
given = { "lesion.krenning_visual" = 2 }
expect = "not_met"
[[rule.example]]
given = {}
expect = "unknown"
"""


def test_limits_of_the_laboratory_and_the_words_of_a_reader(tmp_path):
    (tmp_path / "OP.toml").write_text(EVERY_SCOPE, "utf-8")
    settings = Settings.shipped().with_values({"criteria.extra": [str(tmp_path)]}, layer="test")
    base = ct()
    with_pet = dataclasses.replace(base, items=(*base.items, *sstr()))

    def found(told):
        view = assess(with_pet | told, Plans(), settings=settings)
        return {(v.id, v.scope): v for v in view.verdicts}

    bilirubin = {"value": 34.208, "unit": "umol/L", "date": "2026-02-20"}
    read = {"sstr": {"lesions": {"L1": {"krenning_visual": 3}, "L2": {"visible": False}}}}
    got = found(facts(labs={"bilirubin_total": bilirubin | {"uln": 17.104}}, pet=read))
    assert got["BILI-3ULN", "patient"].value == pytest.approx(2.0)
    assert got["READ-3", "L1"].status is Status.MET
    assert why(got["READ-3", "L2"]) == ["needs_reader:pet.sstr.lesions.L2.krenning_visual"]
    assert got["MKRENNING", "L2"].value == "0..4"  # 9 mm, not visible: too small to say
    without = found(facts(labs={"bilirubin_total": bilirubin}))
    assert why(without["BILI-3ULN", "patient"]) == ["missing_input:labs.bilirubin_total.uln"]


# ---- properties ----------------------------------------------------------------------------------

CASES = [
    json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "data" / "vignettes").glob("V*.json"))
]
PATHS = (
    "labs.bilirubin_total", "labs.ldh", "labs.ast", "clinical.weight_kg", "clinical.height_cm",
    "clinical.liver_background", "pet.sstr.reference.spleen_mean",
    "pet.sstr.reference.blood_pool_mean", "pet.sstr.reference.liver_mean",
    "pet.sstr.lesions.L1.suvmax", "lesions.0.vol_ml", "segments_ml",
)  # fmt: skip


def without(case, paths):
    """Copy of a case with some facts taken away; the liver volume stays known."""
    tree = copy.deepcopy(case)
    for path in paths:
        node = tree
        *parents, last = path.split(".")
        for key in parents:
            node = node[int(key)] if isinstance(node, list) else node.get(key, {})
        taken = node.pop(last, None)
        if last == "segments_ml" and taken is not None:
            tree["liver_ml"] = sum(taken.values())
    return tree


def statuses(tree):
    found = findings_from_facts(facts_from_tree(tree, with_image=False))
    view = assess(found, plan(found))
    return {v.key: v for v in view.verdicts}


@pytest.mark.slow
@given(st.sampled_from(CASES), st.sets(st.sampled_from(PATHS)), st.sampled_from(PATHS))
def test_learning_a_fact_never_changes_a_decided_verdict(case, hidden, learned):
    before = statuses(without(case, hidden | {learned}))
    after = statuses(without(case, hidden - {learned}))
    for key, verdict in before.items():
        if verdict.status is not Status.UNKNOWN:
            assert after[key].status is verdict.status
            assert after[key].value == verdict.value or verdict.value is None


@given(st.sampled_from(CASES), st.sets(st.sampled_from(PATHS)))
def test_a_row_has_reasons_exactly_where_it_is_unknown(case, hidden):
    for verdict in statuses(without(case, hidden)).values():
        assert bool(verdict.reasons) == (verdict.status is Status.UNKNOWN)
        assert list(verdict.reasons) == sorted(set(verdict.reasons), key=str)


ABSENT = [
    ("labs.ldh", "COMBO-HEPFAIL", "missing_input:labs.ldh"),
    ("labs.ast", "COMBO-HEPFAIL", "missing_input:labs.ast"),
    ("labs.bilirubin_total", "COMBO-HEPFAIL", "missing_input:labs.bilirubin_total"),
    ("clinical.liver_background", "FLR-STD", "missing_input:clinical.liver_background"),
    ("clinical.weight_kg", "FLR-STD", "missing_input:clinical.weight_kg"),
    ("clinical.height_cm", "FLR-STD", "missing_input:clinical.height_cm"),
    ("segments_ml", "FLR-STD", "missing_input:segments_ml"),
    ("segments_ml", "CYTO-70", "missing_input:segments_ml"),
    ("lesions.0.vol_ml", "RETNET-BURDEN", "missing_input:lesions.L1.vol_ml"),
    ("lesions.0.vol_ml", "PROMID", "missing_input:lesions.L1.vol_ml"),
    ("lesions.0.vol_ml", "NETTER1", "missing_input:lesions.L1.vol_ml"),
    ("lesions", "MKRENNING", "missing_input:lesions"),
    ("pet", "MKRENNING", "missing_input:pet.sstr"),
    ("pet.sstr.lesions.L1.suvmax", "MKRENNING", "missing_input:pet.sstr.lesions.L1.suvmax"),
    ("pet.sstr.reference.spleen_mean", "MKRENNING", "missing_input:pet.sstr.reference.spleen_mean"),
]


@pytest.mark.parametrize(("path", "rule", "reason"), ABSENT)
def test_each_fact_that_is_taken_away_is_named(path, rule, reason):
    burdened = copy.deepcopy(CASES[7])  # burden 72 %, full constellation
    burdened["plans"] = [{"name": "right hepatectomy", "template": "right_hepatectomy"}]
    burdened["pet"] = {
        "sstr": {
            "date": "2026-02-10",
            "reference": {"blood_pool_mean": 1.2, "liver_mean": 5.0, "spleen_mean": 18.0},
            "lesions": {"L1": {"suvmax": 14.0}},
        }
    }
    if path == "lesions":
        burdened["pet"]["sstr"]["lesions"] = {}
    complete = {v.id: v for v in reversed(list(statuses(burdened).values()))}
    hidden = {v.id: v for v in reversed(list(statuses(without(burdened, [path])).values()))}
    assert reason not in why(complete[rule])
    assert reason in why(hidden[rule])


# ---- what is missing -----------------------------------------------------------------------------


def test_missing_facts_are_ranked_by_the_criteria_they_would_decide():
    view = assess(ct(60.0), plan(ct(60.0)))
    ranked = dict(view.missing)
    assert len([v for v in view.verdicts if v.id == "MKRENNING"]) == 2
    assert ranked["pet.sstr"] == 1  # of two lesions, but one criterion
    assert ranked["labs.ldh"] == 1  # a low LDH alone settles the constellation
    assert ranked["segments_ml"] == 1
    assert ranked["clinical.weight_kg"] == 0  # the remnant waits for more than that


def test_one_low_value_settles_a_constellation_though_the_burden_is_missing_too():
    unmeasured = Findings(items=(measured("burden_pct", None, "%", reason="missing_input:liver"),))
    view = assess(unmeasured)
    assert "missing_input:liver" in why(view["COMBO-HEPFAIL"])
    assert dict(view.missing)["labs.ast"] == 1
    told = assess(unmeasured | facts(labs={"ast": LABS["ast"] | {"value": 100}}))
    assert told["COMBO-HEPFAIL"].status is Status.NOT_MET  # above 100 is asked for
    assert "labs.ast" not in dict(told.missing)
    high = assess(unmeasured | facts(labs={"ast": LABS["ast"] | {"value": 101}}))
    assert high["COMBO-HEPFAIL"].status is Status.UNKNOWN


def test_facts_that_decide_nothing_alone_stand_after_those_that_do():
    counts = [rows for _, rows in assess(ct(60.0), plan(ct(60.0))).missing]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_a_fact_that_cannot_settle_a_row_alone_counts_nothing():
    labs = {"ast": LABS["ast"]}
    found = rows(ct(60.0) | facts(labs=labs))
    assert len(why(found["COMBO-HEPFAIL", "patient"])) == 2
    told = facts(clinical={"liver_background": "normal", "height_cm": 180})
    base = ct(segments=True) | told
    view = assess(base, plan(base))
    assert dict(view.missing)["clinical.weight_kg"] == 1


def test_an_assessment_of_nothing_names_everything():
    view = assess(Findings(), Plans(plans=(Plan(name="x", resected=(), retained=SEGMENTS),)))
    assert all(v.status is Status.UNKNOWN for v in view.verdicts)
    names = {name for name, _ in view.missing}
    assert {"segments_ml", "lesions", "labs.ldh", "clinical.liver_background"} <= names


def test_facts_alone_are_judged_where_no_image_was_measured():
    facts_only = Facts(tree=facts_from_tree(CASES[0], with_image=False).tree, entered={})
    assert assess(Findings(facts=facts_only))["PROMID"].value == ">0-10"
