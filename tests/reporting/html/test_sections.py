from dataclasses import replace

import pytest

from netimg.finding import Facts, Finding, Findings, Scope
from netimg.flag import Flag, Severity
from netimg.lesion import LesionStatus
from netimg.reporting.html import sections
from netimg.reporting.html.first_screen import numbers, used
from netimg.reporting.html.marks import Marks
from netimg.reporting.words.numbers import NARROW
from netimg.resources import load_toml
from netimg.study import TracerClass
from tests.make import result as make


def test_the_uptake_of_a_pet_of_unknown_class_has_a_column_of_its_series():
    result = make.result()
    spect = replace(
        result.study.pets[0], tracer=None, tracer_class=TracerClass.UNKNOWN, nuclide="Lu-177"
    )
    own = {"scope": Scope.LESION, "id": "L1"}
    suv = Finding(name="unknown_suv_max", value=29.4, unit="g/mL", **own)
    shown = replace(
        result,
        study=replace(result.study, pets=(spect,)),
        findings=Findings(items=(suv,)),
    )
    table = sections.lesions(shown, Marks.of(shown))
    assert table["columns"] == ["SUVmax (series 2)"]
    assert table["rows"][0]["cells"][0]["text"] == "29.4"
    assert numbers(shown, Marks.of(shown))[-1]["label"] == "SUVmax, SPECT (Lu-177)"


@pytest.mark.parametrize(
    ("status", "note"),
    [
        (LesionStatus.PROPOSED, "proposed by the model"),
        (LesionStatus.ACCEPTED, "drawn or accepted by a person"),
        (LesionStatus.EDITED, "edited by a person"),
    ],
)
def test_the_status_of_a_lesion_is_the_word_of_the_tables(status, note):
    result = make.result()
    lesions = tuple(replace(lesion, status=status) for lesion in result.anatomy.lesions)
    shown = replace(result, anatomy=replace(result.anatomy, lesions=lesions))
    assert sections.lesions(shown, Marks.of(shown))["intro"] == f"All: {note}."


def test_facts_are_printed_with_their_units_and_nothing_twice():
    entered = {
        "plans": [{"name": "right hepatectomy", "template": "right_hepatectomy"}],
        "labs": {
            "bilirubin_total": {"value": 14.0, "unit": "umol/L", "by": "ward"},
            "platelets": {"value": 231.0, "unit": "10^9/L"},
        },
    }
    facts = Facts(tree={}, entered=entered)
    result = make.result()
    shown = replace(result, findings=replace(result.findings, facts=facts))
    values = {row["key"]: row["value"].replace(NARROW, " ") for row in sections.facts(shown)}
    assert values == {
        "plans": "right hepatectomy",
        "labs.bilirubin_total": "14.0 µmol/L",
        "labs.platelets": "231.0 10⁹/L",
    }
    block = used(shown)[-1]["groups"][0]
    assert block[-1] == "1 by ward and 2 unsigned"


def test_a_missing_finding_says_why_in_the_long_table():
    result = make.result()
    rows = sections.findings(result, Marks.of(result))
    missing = next(row for row in rows if row["name"] == "sflr_pct")
    assert missing["cell"]["why"] == "missing: body weight"


def test_an_empty_lesion_table_says_who_found_nothing():
    empty = make.result(lesions=False)
    by_model = sections.lesions(empty, Marks.of(empty))["none"]
    assert by_model.startswith("No lesion was found.")
    given = replace(empty, anatomy=make.anatomy(lesions=False, model=False))
    assert sections.lesions(given, Marks.of(given))["none"] == (
        "No lesions: a person says that there are none."
    )


def test_the_methods_print_what_the_model_card_says(shown):
    version = load_toml("models", "net-liver-ct", "card.toml")["version"]
    manifest = replace(shown.manifest, model=f"net-liver-ct {version}")
    text = " ".join(sections.methods(replace(shown, manifest=manifest)))
    assert "Known failures: " in text
    gone = replace(shown.manifest, model="../nothing 1.0")
    assert "model card is not here" in " ".join(sections.methods(replace(shown, manifest=gone)))


def test_one_doubt_about_several_lesions_is_one_sentence():
    def small(lesion, pet):
        return Flag(
            code="sub_resolution", severity=Severity.INFO, touches=(lesion,), value=1.0,
            sentence=f"{lesion} is below the resolution of the {pet} PET: its uptake is a bound.",
        )  # fmt: skip

    other = Flag(code="x", severity=Severity.INFO, sentence="L1 is odd.", touches=("L1",))
    flags = (small("L1", "SSTR"), other, small("L2", "SSTR"), small("L2", "FDG"))
    marks = Marks.of(replace(make.result(pet=False), flags=flags))
    assert [(flag.sentence, flag.touches) for flag in marks.flags] == [
        (
            "L1 and L2 are below the resolution of the SSTR PET: their uptake is a bound.",
            ("L1", "L2"),
        ),
        ("L1 is odd.", ("L1",)),
        ("L2 is below the resolution of the FDG PET: its uptake is a bound.", ("L2",)),
    ]
    (row,) = sections.flags(Marks(marks.flags[:1], {0: marks.numbers[0]}))
    assert row["touches"] == "L1, L2"


def test_methods_of_a_pet_alone_say_what_its_intervals_are_and_nothing_of_a_ct():
    told = " ".join(sections.methods(make.pet_only()))
    assert "two readings of the decay correction" in told
    assert "CT" not in told


def test_the_lesion_table_shows_one_norm_in_a_column_and_names_it():
    shown = make.in_norm(make.result(), "bsa", 0.25)
    table = sections.lesions(shown, Marks.of(shown))
    column = table["columns"].index("SUVmax (BSA)")
    assert "SUVmax" not in table["columns"]
    assert [row["cells"][column]["text"] for row in table["rows"]] == ["5.0", "2.5"]
    assert "Krenning" in table["columns"]  # a score has no norm
    (said,) = [text for text in sections.methods(shown) if "body surface area" in text]
    assert "SUV by body weight times 0.250." in said
    assert not any("surface area" in text for text in sections.methods(make.result()))


def test_norms_not_asked_for_stay_out_of_the_table_of_all_findings():
    asked = make.in_norm(make.result(), "bsa", 0.25)
    both = make.in_norm(asked, "ibw", 0.5)  # ibw is asked for now, bsa stays among the findings
    listed = [row["name"] for row in sections.findings(both, Marks.of(both))]
    assert listed.count("sstr_suv_ibw_max") == 2
    assert "sstr_suv_bsa_max" not in listed
    assert "sstr_suv_max" in listed
