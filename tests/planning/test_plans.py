"""Plans: which are made, what they leave and clear, and why a number cannot be had."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.anatomy import Anatomy
from netimg.errors import FactsError
from netimg.finding import Facts, Finding, Findings, Scope, Source
from netimg.geometry import Grid
from netimg.planning import plan
from netimg.planning.liver_model import SEGMENTS, LesionModel, LiverModel, liver_model
from netimg.planning.local import estimated_margin_ml, measured_margin_ml, shell_ml
from netimg.planning.reference_liver import bsa_m2, etlv_ml
from netimg.planning.remnant import remnant
from netimg.planning.templates import templates
from netimg.resources import load_toml
from netimg.treatment import LocalTreatment
from netimg.volume import LabelMap, Mask

SIZES = dict(zip(SEGMENTS, (30.0, 120.0, 130.0, 220.0, 230.0, 240.0, 250.0, 280.0), strict=True))
LESIONS = {"L1": {"VI": 25.0}, "L2": {"VII": 20.0}, "L3": {"V": 15.0}}


def findings(sizes=SIZES, lesions=LESIONS, *, kind="measured", approximate=False):
    source = Source(kind=kind)
    items = [
        Finding(
            name="volume_ml", value=ml, unit="mL", scope=Scope.SEGMENT, id=s, source=source,
            approximate=approximate,
        )
        for s, ml in sizes.items()
    ]  # fmt: skip
    items.append(Finding(name="lesion_count", value=len(lesions), unit="1", source=source))
    for name, parts in lesions.items():
        total = math.fsum(parts.values())
        items.append(
            Finding(
                name="volume_ml", value=total, unit="mL", scope=Scope.LESION, id=name, source=source
            )
        )
        items += [
            Finding(
                name=f"segment_fraction_{s}", value=parts.get(s, 0.0) / total, unit="1",
                scope=Scope.LESION, id=name, source=source,
            )
            for s in SEGMENTS
        ]  # fmt: skip
    return Findings(items=tuple(items))


def facts(**tree):
    return Facts(tree=tree, entered=tree)


BODY = {"weight_kg": 80, "height_cm": 180}


def numbers(one):
    return {f.name: f.value for f in one.findings}


# ---- which plans ---------------------------------------------------------------------------------


def test_a_measured_liver_has_the_standard_right_hepatectomy():
    (one,) = plan(findings()).plans
    assert one.name == "right hepatectomy"
    assert one.resected == ("V", "VI", "VII", "VIII")
    assert one.retained == ("I", "II", "III", "IV")
    assert all(f.scope is Scope.PLAN and f.id == one.name for f in one.findings)


def test_it_is_planned_without_segments_too_and_says_what_is_missing():
    liver = Finding(name="liver_volume_ml", value=1500.0, unit="mL")
    (one,) = plan(Findings(items=(liver,))).plans
    assert {f.reason for f in one.findings if f.name == "clearance_volume_pct"} == {
        "missing_input:segments_ml"
    }


def test_a_facts_file_without_an_image_has_only_its_own_plans():
    assert plan(findings(kind="person")).plans == ()
    named = facts(plans=[{"name": "a", "template": "left_hepatectomy"}])
    assert [p.name for p in plan(findings(kind="person"), named).plans] == ["a"]


def test_named_plans_come_first_and_the_standard_one_is_not_made_twice():
    named = [{"name": "a", "template": "left_hepatectomy"}]
    assert [p.name for p in plan(findings(), facts(plans=named)).plans] == [
        "a",
        "right hepatectomy",
    ]
    for same in (
        {"name": "mine", "template": "right_hepatectomy"},
        {"name": "mine", "segments": ["VIII", "VII", "VI", "V"]},
        {"name": "right hepatectomy", "template": "right_trisectionectomy"},
    ):
        assert len(plan(findings(), facts(plans=[same])).plans) == 1


def test_segment_one_can_be_added_to_any_plan():
    named = {"name": "a", "template": "left_hepatectomy", "with_segment_I": True}
    one = plan(findings(), facts(plans=[named]))["a"]
    assert one.resected == ("I", "II", "III", "IV")
    assert one.template == "left_hepatectomy"


@pytest.mark.parametrize("name", templates())
def test_every_template_resects_segments_that_exist_once(name):
    segments = templates()[name]
    assert set(segments) <= set(SEGMENTS)
    assert len(set(segments)) == len(segments)


def test_an_unknown_lesion_of_a_local_treatment_is_refused():
    local = [{"lesion": "L9", "method": "wedge", "margin_mm": 5}]
    named = facts(plans=[{"name": "a", "template": "local_only", "local": local}])
    with pytest.raises(FactsError, match=r"LES-UNKNOWN .*L9; present: L1, L2, L3"):
        plan(findings(), named)


# ---- numbers -------------------------------------------------------------------------------------


def test_right_hepatectomy_of_a_liver_whose_numbers_can_be_done_by_hand():
    got = numbers(plan(findings(), facts(clinical=BODY)).plans[0])
    assert got["flr_ml"] == pytest.approx(500.0)
    assert got["mflr_pct"] == pytest.approx(100 * 500 / 1440)
    assert got["sflr_pct"] == pytest.approx(100 * 500 / 1740.15)
    assert got["bwr_pct"] == pytest.approx(0.625)
    assert got["flr_per_bsa_ml_m2"] == pytest.approx(250.0)
    assert got["clearance_volume_pct"] == pytest.approx(100.0)
    assert got["clearance_count_pct"] == pytest.approx(100.0)
    assert got["residual_tumour_ml"] == 0.0


def test_tumour_that_stays_is_no_remnant_and_is_not_cleared():
    got = numbers(plan(findings(lesions={"L1": {"V": 30.0, "IV": 10.0}})).plans[0])
    assert got["flr_ml"] == pytest.approx(490.0)
    assert got["residual_tumour_ml"] == pytest.approx(10.0)
    assert got["clearance_volume_pct"] == pytest.approx(75.0)
    assert got["clearance_count_pct"] == 0.0


def test_a_lesion_counts_as_cleared_up_to_a_microlitre_of_residue():
    left = numbers(plan(findings(lesions={"L1": {"V": 30.0, "IV": 0.001}})).plans[0])
    more = numbers(plan(findings(lesions={"L1": {"V": 30.0, "IV": 0.0011}})).plans[0])
    assert (left["clearance_count_pct"], more["clearance_count_pct"]) == (100.0, 0.0)


def test_without_tumour_clearance_does_not_apply():
    one = plan(findings(lesions={})).plans[0]
    reasons = {f.name: f.reason for f in one.findings}
    assert reasons["clearance_volume_pct"] == "not_applicable:lesions"
    assert numbers(one)["flr_ml"] == pytest.approx(500.0)


@pytest.mark.parametrize(
    ("clinical", "name", "reason"),
    [
        ({"height_cm": 180}, "sflr_pct", "missing_input:clinical.weight_kg"),
        ({"weight_kg": 80}, "sflr_pct", "missing_input:clinical.height_cm"),
        ({}, "sflr_pct", "missing_input:clinical.height_cm; missing_input:clinical.weight_kg"),
        ({"height_cm": 180}, "bwr_pct", "missing_input:clinical.weight_kg"),
        ({"weight_kg": 80}, "flr_per_bsa_ml_m2", "missing_input:clinical.height_cm"),
    ],
)
def test_a_number_without_body_size_names_what_is_missing(clinical, name, reason):
    one = plan(findings(), facts(clinical=clinical)).plans[0]
    found = next(f for f in one.findings if f.name == name)
    assert found.value is None
    assert found.reason == reason


def test_the_weight_alone_is_enough_for_the_formula_by_weight():
    told = facts(clinical={"weight_kg": 80}, op={"etlv": "vauthey_weight"})
    assert numbers(plan(findings(), told).plans[0])["sflr_pct"] == pytest.approx(100 * 500 / 1672.6)


def test_approximate_segments_mark_every_number_of_a_plan():
    one = plan(findings(approximate=True)).plans[0]
    assert all(f.approximate for f in one.findings)


def test_indeterminate_lesions_are_counted_in_a_second_set_of_numbers():
    told = facts(lesions=[{"id": "L3", "type": "indeterminate"}])
    named = {"name": "a", "template": "right_posterior_sectionectomy"}
    got = numbers(plan(findings(), Facts(tree=told.tree | {"plans": [named]}, entered={}))["a"])
    assert got["clearance_volume_pct"] == pytest.approx(100.0)
    assert got["clearance_volume_pct_with_indeterminate"] == pytest.approx(75.0)
    assert got["flr_ml"] - got["flr_ml_with_indeterminate"] == pytest.approx(15.0)


def test_a_lesion_without_a_volume_leaves_every_plan_open():
    base = findings()
    items = [f for f in base if not (f.id == "L2" and f.name == "volume_ml")]
    items.append(
        Finding(
            name="volume_ml", value=None, unit="mL", scope=Scope.LESION, id="L2",
            reason="missing_input:lesions.L2.vol_ml",
        )
    )  # fmt: skip
    assert liver_model(Findings(items=tuple(items)), None).reasons == (
        "missing_input:lesions.L2.vol_ml",
    )


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("vauthey", 1740.15),
        ("urata", 1414.8),
        ("hashimoto", 1517.8),
        ("yoshizumi", 1544.0),
        ("vauthey_weight", 1672.6),
    ],
)
def test_expected_livers_of_80_kg_and_180_cm(formula, expected):
    assert etlv_ml(80, bsa_m2(80, 180), formula=formula) == pytest.approx(expected, abs=1e-9)


def test_body_surface_by_both_formulas():
    assert bsa_m2(80, 180) == 2.0
    assert bsa_m2(80, 180, formula="dubois") == pytest.approx(1.99642, abs=5e-6)
    with pytest.raises(ValueError, match="haycock"):
        bsa_m2(80, 180, formula="haycock")


def test_every_formula_that_an_operator_can_choose_is_there():
    choices = load_toml("configs", "profiles", "op.toml")["choices"]["etlv"]
    assert set(choices) == set(load_toml("configs", "planning", "reference_liver.toml")["etlv"])


# ---- local treatment -----------------------------------------------------------------------------


def model(lesions):
    parts = tuple(LesionModel(id=name, volume_ml=p) for name, p in lesions.items())
    return LiverModel(segments_ml=SIZES, lesions=parts)


def wedge(lesion="L3", margin_mm=10.0, **more):
    return LocalTreatment(lesion=lesion, method="wedge", margin_mm=margin_mm, **more)


def test_the_shell_around_15_ml_at_10_mm_is_the_published_check():
    assert shell_ml(15.0, 10.0) == pytest.approx(52.828, abs=5e-4)


@given(st.floats(0.01, 500), st.floats(0, 30))
def test_a_shell_is_the_difference_of_two_spheres(lesion_ml, margin_mm):
    radius_mm = (3000 * lesion_ml / (4 * math.pi)) ** (1 / 3)
    outer_ml = 4 / 3 * math.pi * (radius_mm + margin_mm) ** 3 / 1000
    assert shell_ml(lesion_ml, margin_mm) == pytest.approx(outer_ml - lesion_ml, abs=1e-6)


def test_a_wedge_clears_its_lesion_and_costs_its_margin():
    liver = model(LESIONS)
    left = remnant(liver, ("I", "II", "III", "IV", "V", "VIII"), (wedge(),))
    assert left.residual_ml == 0.0
    assert left.clearance_volume_pct == pytest.approx(100.0)
    assert left.flr_ml == pytest.approx(995.0 - shell_ml(15.0, 10.0))
    assert left.is_margin_estimated


def test_a_given_margin_takes_the_place_of_the_estimate():
    left = remnant(model(LESIONS), ("V",), (wedge(margin_parenchyma_ml=0.53),))
    assert left.flr_ml == pytest.approx(215.0 - 0.53)
    assert not left.is_margin_estimated


def test_only_the_part_of_a_lesion_that_stays_has_a_margin():
    liver = model({"L1": {"V": 15.0, "VI": 80.0}})
    lesion = liver.lesions[0]
    margin = estimated_margin_ml(liver, lesion, wedge("L1"), ("IV", "V"), liver.lesions)
    assert margin == pytest.approx(shell_ml(15.0, 10.0))
    assert estimated_margin_ml(liver, lesion, wedge("L1"), ("II",), liver.lesions) == 0.0


def test_a_margin_is_never_more_than_the_parenchyma_around_it():
    liver = model({"L1": {"I": 29.0}})
    assert remnant(liver, ("I",), (wedge("L1", 30.0),)).margin_parenchyma_ml == pytest.approx(1.0)


@given(
    st.lists(st.sampled_from(SEGMENTS), unique=True, max_size=7),
    st.dictionaries(
        st.sampled_from([f"L{k}" for k in range(1, 6)]),
        st.dictionaries(st.sampled_from(SEGMENTS), st.floats(0.01, 5.0), min_size=1),
    ),
)
def test_what_leaves_and_what_stays_is_the_whole_liver(resected, lesions):
    liver = model(lesions)
    stays = tuple(s for s in SEGMENTS if s not in resected)
    leaves = tuple(s for s in SEGMENTS if s in resected)
    one, other = remnant(liver, stays, ()), remnant(liver, leaves, ())
    assert one.flr_ml + other.flr_ml == pytest.approx(one.functional_ml)
    assert one.residual_ml + other.residual_ml == pytest.approx(one.tumour_ml)


def test_a_margin_in_the_masks_is_counted_once_and_inside_the_remnant():
    spacing = (2.0, 2.0, 2.0)
    shape = (40, 40, 60)
    grid = Grid(shape=shape, spacing_mm=spacing, origin_lps_mm=(0.0, 0.0, 0.0))
    place = np.indices(shape)
    liver = np.ones(shape, dtype=bool)
    segments = np.where(place[2] < 40, 14, 15).astype(np.uint16)  # IV | V
    lesions = np.zeros(shape, dtype=np.uint16)
    for number, x in ((1, 14), (2, 24)):
        ball = sum((place[k] - c) ** 2 for k, c in enumerate((20, 20, x))) * 4.0 <= 8.0**2
        lesions[ball] = number
    anatomy = Anatomy.from_masks(
        Mask(voxels=liver, grid=grid),
        LabelMap(labels=lesions, grid=grid),
        segments=LabelMap(labels=segments, grid=grid),
    )
    ids = [lesion.id for lesion in anatomy.lesions]
    one = measured_margin_ml(anatomy, [(ids[0], 5.0)], ("IV",), ids)
    voxels = np.count_nonzero(lesions == 1) * 0.008
    # half a voxel of surface on both shells bounds the count
    low = 4 / 3 * math.pi * (12.0**3 - 9.0**3) / 1000
    high = 4 / 3 * math.pi * (14.0**3 - 7.0**3) / 1000
    assert low < one < high
    assert voxels == pytest.approx(4 / 3 * math.pi * 8**3 / 1000, rel=0.1)
    apart = measured_margin_ml(anatomy, [(i, 5.0) for i in ids], ("IV",), ids)
    assert apart < 2 * one  # the margins meet between the two lesions
    assert measured_margin_ml(anatomy, [(ids[0], 5.0)], ("V",), ids) == 0.0


def test_a_plan_takes_its_margin_from_the_masks_where_there_are_any():
    grid = Grid(shape=(24, 24, 24), spacing_mm=(4.0, 4.0, 4.0), origin_lps_mm=(0.0, 0.0, 0.0))
    place = np.indices(grid.shape)
    ball = sum((place[k] - 12) ** 2 for k in range(3)) <= 4**2
    anatomy = Anatomy.from_masks(
        Mask(voxels=np.ones(grid.shape, dtype=bool), grid=grid),
        Mask(voxels=ball, grid=grid),
        segments=LabelMap(labels=np.full(grid.shape, 14, dtype=np.uint16), grid=grid),
    )
    total_ml, tumour_ml = 24**3 * grid.voxel_ml, np.count_nonzero(ball) * grid.voxel_ml
    found = findings(dict.fromkeys(SEGMENTS, 0.0) | {"IV": total_ml}, {"L1": {"IV": tumour_ml}})
    local = [{"lesion": "L1", "method": "ablation", "margin_mm": 8}]
    named = facts(plans=[{"name": "a", "template": "local_only", "local": local}])
    in_masks = numbers(plan(found, named, anatomy=anatomy)["a"])["margin_parenchyma_ml"]
    estimated = numbers(plan(found, named)["a"])["margin_parenchyma_ml"]
    assert in_masks == measured_margin_ml(anatomy, [("L1", 8.0)], SEGMENTS, ["L1"])
    assert in_masks == pytest.approx(estimated, rel=0.25)  # a voxel is half the margin
    assert in_masks != estimated


@given(st.permutations(list(LESIONS)), st.permutations(SEGMENTS))
def test_the_order_of_findings_changes_nothing(names, segments):
    shuffled = findings({s: SIZES[s] for s in segments}, {name: LESIONS[name] for name in names})
    told = facts(clinical=BODY)
    assert numbers(plan(shuffled, told).plans[0]) == numbers(plan(findings(), told).plans[0])
