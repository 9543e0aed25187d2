from dataclasses import replace

import pytest

from netimg.finding import Finding, Findings, Scope
from netimg.flag import Flag, Severity
from netimg.reporting.html import first_screen
from netimg.reporting.html.first_screen import fact_leaves, missing, numbers, person_name
from netimg.reporting.html.marks import Marks
from netimg.study import SuvRecord
from tests.make import result as make


def tiles_of(result):
    return {tile["label"]: tile for tile in numbers(result, Marks.of(result))}


def with_findings(result, *items):
    return replace(result, findings=Findings(items=items, facts=result.facts))


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("Doe^Jane^^Dr", "Doe, Jane Dr"),
        ("Doe", "Doe"),
        ("Yamada^Tarou=山田^太郎", "Yamada, Tarou"),
        (None, ""),
    ],
)
def test_names_are_written_as_people_write_them(stored, shown):
    assert person_name(stored) == shown


def test_a_missing_number_says_why():
    unknown = Finding(name="liver_volume_ml", value=None, unit="mL", reason="missing_input:liver")
    tile = tiles_of(with_findings(make.pet_only(), unknown))["Liver"]
    assert (tile["value"], tile["detail"]) == ("–", "missing: a liver mask")


def test_a_bound_is_named():
    found = Finding(name="liver_volume_ml", value=1500.0, unit="mL", bound="lower")
    assert tiles_of(with_findings(make.result(), found))["Liver"]["detail"] == "lower bound"


def test_without_lesions_the_longest_is_no_number():
    tiles = tiles_of(make.result(lesions=False))
    assert tiles["Lesions"]["detail"] == "none found"
    assert tiles["Longest lesion"]["value"] == "–"


def test_uptake_of_the_scan_stands_in_only_without_lesions():
    scan = Finding(name="sstr_suv_max", value=80.0, unit="g/mL", scope=Scope.PET, id="sstr")
    result = make.result()
    both = replace(result, findings=Findings(items=(*result.findings.items, scan)))
    assert tiles_of(both)["SUVmax, SSTR PET"]["value"] == "20.0"
    alone = tiles_of(with_findings(make.pet_only(), scan))["SUVmax, SSTR PET"]
    assert (alone["value"], alone["detail"]) == ("80.0", "anywhere in the scan")


@pytest.mark.parametrize(
    ("touches", "marked"),
    [
        (("liver_volume_ml",), True),
        (("patient.liver_volume_ml",), True),
        (("patient",), True),
        (("lesion",), False),
        (("L1",), False),
        ((), False),
    ],
)
def test_marks_stand_where_a_doubt_touches(touches, marked):
    flag = Flag(code="x", severity=Severity.INFO, sentence="A doubt.", touches=touches)
    result = replace(make.result(), flags=(flag,))
    assert bool(tiles_of(result)["Liver"]["marks"]) is marked


def test_doubts_that_limit_the_answer_are_numbered_first():
    low = Flag(code="a", severity=Severity.INFO, sentence="a")
    high = Flag(code="b", severity=Severity.HIGH, sentence="b")
    marks = Marks.of(replace(make.result(pet=False), flags=(low, high)))
    assert [flag.code for flag in marks.flags] == ["b", "a"]


def test_a_fact_with_unit_and_date_is_one_fact():
    leaves = dict(fact_leaves(make.facts().entered))
    assert list(leaves) == [
        "clinical.age_y", "clinical.ecog", "clinical.extrahepatic", "labs.albumin"
    ]  # fmt: skip


def test_facts_that_no_row_waits_for_are_not_among_what_decides():
    result = make.result(pet=False)
    waiting = (("labs.ldh", 2), ("clinical.height_cm", 0))
    judged = replace(result, assessment=replace(result.assessment, missing=waiting))
    assert [entry["fact"] for entry in missing(judged)] == ["LDH"]


@pytest.mark.parametrize(
    ("norm", "says"),
    [
        ("bw", "SUV by body weight"),
        (
            "lbm-janma",
            "lesion table by lean body mass (Janmahasatian) = 0.798 × SUV by body weight",
        ),
    ],
)
def test_the_norm_of_the_lesion_table_is_told_with_its_factor(norm, says):
    ratios = {"bw": 1.0, "lbm-janma": 0.7976}
    assert first_screen._norm(SuvRecord(possible=True, norm=norm, norm_ratios=ratios)) == says


def test_the_pet_tile_shows_suvmax_in_the_norm_asked_for_and_names_it():
    shown = make.in_norm(make.result(), "lbm-janma", 0.75)
    tile = first_screen.numbers(shown, Marks.of(shown))[5]
    assert (tile["label"], tile["value"]) == ("SUVmax (LBM Janma), SSTR PET", "15.0")
    plain = make.result()
    tile = first_screen.numbers(plain, Marks.of(plain))[5]
    assert (tile["label"], tile["value"]) == ("SUVmax, SSTR PET", "20.0")


def test_a_norm_that_cannot_be_had_is_a_framed_sentence_with_what_it_needs():
    result = make.result(possible=False)
    pet = result.study.pets[0]
    suv = replace(
        pet.suv,
        norm="lbm-janma",
        code="SUV-014",
        sentence="lbm-janma needs the height.",
        todo="Give it with --height-cm.",
    )
    study = replace(result.study, pets=(replace(pet, suv=suv),))
    shown = replace(result, study=study)
    said = [p["sentence"] for p in first_screen.problems(shown, Marks.of(shown))]
    assert "SUV-014 lbm-janma needs the height. Give it with --height-cm." in said
