# ruff: noqa: E501  # one case a line
"""Clinical facts: every refusal with its code and path, units, single facts, the template."""

import copy
import datetime as dt
import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.assessment.facts import facts_from_tree, one_fact, template, told_twice, with_fact
from netimg.assessment.facts_check import fact_paths, kind_of, words_of
from netimg.assessment.lines import toml_lines
from netimg.errors import USE_001, FactsError, UsageError
from netimg.resources import shipped

TEXT = """\
schema = "netimg.facts/1"
assessment_date = "2026-03-02"
[clinical]
age_y = 52
weight_kg = { value = 80, date = "2026-02-28", by = "ward" }
height_cm = { value = 1.8, unit = "m" }
ecog = 0
primary_site = "unknown"
liver_background = "normal"
functioning = false
extrahepatic = [{ site = "lymph_node", max_mm = 14 }]
prior_treatments = [{ type = "SSA" }]
[labs]
bilirubin_total = { value = 34.208, unit = "\u00b5mol/L", date = "2026-02-20", uln = 20.5 }
platelets = { value = 220000, unit = "/uL", date = 2026-02-20 }
"""
LIVER = {
    "segments": {"source": "user", "volume_relative_error": 0.1},
    "segments_ml": dict.fromkeys(("I", "II", "III", "IV", "V", "VI", "VII", "VIII"), 200),
    "lesions": [{"id": "L1", "longest_mm": 30, "vol_ml": {"V": 14.0}}],
    "pet": {
        "sstr": {
            "tracer": "Ga-68 DOTATATE",
            "date": "2026-02-10",
            "reference": {"liver_mean": 5.0},
            "lesions": {"L1": {"suvmax": 20.0, "visible": True, "krenning_visual": 4}},
        }
    },
    "plans": [
        {
            "name": "wedge",
            "template": "local_only",
            "local": [{"lesion": "L1", "method": "wedge", "margin_mm": 10}],
        }
    ],
    "search": {"max_local": 1},
    "uncertainty": {"mode": "strict", "u": {"burden_pct": 1.0}},
    "op": {"etlv": "urata", "abl_max_mm": 25},
    "profile": ["TRIAL-RETNET"],
}


def clinical():
    return tomllib.loads(TEXT)


def whole():
    return clinical() | copy.deepcopy(LIVER)


def refused(tree, *, with_image=False, lines=None):
    with pytest.raises(FactsError) as caught:
        facts_from_tree(tree, with_image=with_image, lines=lines)
    assert caught.value.exit_code == 3
    return caught.value


def changed(path, value):
    """Tree with one value put somewhere; ``...`` takes the key away."""
    tree = whole()
    node = tree
    *parents, last = path.split(".")
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return tree


# ---- what is taken -------------------------------------------------------------------------------


def test_values_come_in_canonical_units_and_as_they_were_entered():
    facts = facts_from_tree(clinical(), with_image=True)
    assert facts.get("labs.bilirubin_total.value") == 2.0
    assert facts.get("labs.bilirubin_total.uln") == pytest.approx(20.5 / 17.104)
    assert facts.get("labs.bilirubin_total.unit") == "mg/dL"
    assert facts.get("labs.platelets.value") == 220.0
    assert facts.get("clinical.height_cm") == 180.0
    assert facts.get("clinical.weight_kg") == 80
    assert facts.assessment_date == dt.date(2026, 3, 2)
    assert facts.entered["labs"]["bilirubin_total"]["value"] == 34.208
    assert facts.entered["labs"]["platelets"]["date"] == "2026-02-20"
    json.dumps(facts.entered, allow_nan=False)


def test_a_word_unknown_counts_as_absent():
    facts = facts_from_tree(clinical(), with_image=True)
    assert facts.get("clinical.primary_site") is None
    assert facts.entered["clinical"]["primary_site"] == "unknown"


def test_the_whole_file_is_taken_without_an_image():
    facts = facts_from_tree(whole(), with_image=False)
    assert facts.get("plans")[0]["name"] == "wedge"
    assert facts.get("op.etlv") == "urata"


def test_text_of_toml_and_json_give_the_same_facts():
    tree = clinical()
    tree["labs"]["platelets"]["date"] = "2026-02-20"
    again = json.loads(json.dumps(tree))
    left, right = (facts_from_tree(t, with_image=True) for t in (clinical(), again))
    assert left.tree == right.tree
    assert left.entered == right.entered


def test_a_readers_words_about_lesions_are_taken_with_an_image():
    tree = clinical() | {
        "lesions": [{"id": "L1", "type": "cyst"}],
        "pet": {"sstr": {"lesions": {"L1": {"krenning_visual": 3, "visible": True}}}},
    }
    assert facts_from_tree(tree, with_image=True).get("lesions")[0]["type"] == "cyst"


# ---- what is refused -----------------------------------------------------------------------------

REFUSALS = [
    ("FACT-KEY", "clinical.weigth_kg", 80, "clinical.weigth_kg is not a fact, nearest clinical.weight_kg"),
    ("FACT-KEY", "labs.ecog", 1, "labs.ecog is not a fact, nearest clinical.ecog"),
    ("FACT-KEY", "colour", "red", "colour is not a fact"),
    ("FACT-KEY", "op.etlw", "urata", "op.etlw is not a fact, nearest op.etlv"),
    ("FACT-MISSING", "schema", ..., "the file needs schema"),
    ("FACT-MISSING", "segments_ml.VI", ..., "segments_ml needs VI"),
    ("FACT-MISSING", "lesions.0.longest_mm", ..., "lesions.0 needs longest_mm"),
    ("FACT-MISSING", "labs.inr", {"value": 1.0}, "labs.inr needs unit"),
    ("FACT-MISSING", "labs.inr", {"unit": "1"}, "labs.inr needs value"),
    ("FACT-MISSING", "plans.0.template", ..., "plans.0 needs template or segments"),
    ("FACT-TYPE", "schema", "netimg.facts/2", 'schema is the text "netimg.facts/2", wanted "netimg.facts/1"'),
    ("FACT-TYPE", "clinical.ecog", "1", 'clinical.ecog is the text "1", wanted a whole number'),
    ("FACT-TYPE", "clinical.ecog", 1.5, "clinical.ecog is 1.5, wanted a whole number"),
    ("FACT-TYPE", "clinical.functioning", 1, "clinical.functioning is 1, wanted true or false"),
    ("FACT-TYPE", "clinical.age_y", True, "clinical.age_y is true or false, wanted a number"),
    ("FACT-TYPE", "clinical.ascites", "some", "wanted one of none, mild, moderate, severe"),
    ("FACT-TYPE", "labs.albumin", {"value": "4,1", "unit": "g/dL"}, "wanted a number (4.1, without quotes"),
    ("FACT-TYPE", "labs.albumin", 4.1, "labs.albumin is 4.1, wanted a table"),
    ("FACT-TYPE", "clinical.age_y", float("nan"), "clinical.age_y is nan, wanted a number"),
    ("FACT-TYPE", "plans.0.template", "right_hepatektomy", "nearest right_hepatectomy"),
    ("FACT-TYPE", "plans.0.segments", ["V"], "plans.0 has template and segments, wanted one of them"),
    ("FACT-TYPE", "op.bsa", "haycock", "wanted one of mosteller, dubois"),
    ("FACT-TYPE", "op.abl_max_n", "five", 'op.abl_max_n is the text "five", wanted as in 5'),
    ("FACT-UNIT", "labs.albumin", {"value": 4.1, "unit": "mg/dL"}, "labs.albumin cannot be in mg/dL; accepted: g/dL, g/L"),
    ("FACT-UNIT", "clinical.age_y", {"value": 52, "unit": "kg"}, "clinical.age_y cannot be in kg; accepted: a, years"),
    ("FACT-UNIT", "clinical.ecog", {"value": 1, "unit": "1"}, "clinical.ecog cannot be in 1; accepted: no unit at all"),
    ("FACT-RANGE", "clinical.weight_kg", 800, "clinical.weight_kg = 800 is physically impossible (2 to 400 kg)"),
    ("FACT-RANGE", "clinical.ecog", 6, "clinical.ecog = 6 is physically impossible (0 to 5)"),
    ("FACT-RANGE", "labs.albumin", {"value": 41, "unit": "g/dL"}, "labs.albumin = 41 is physically impossible (0.5 to 7 g/dL)"),
    ("FACT-RANGE", "lesions.0.longest_mm", 0, "lesions.0.longest_mm = 0 is physically impossible"),
    ("FACT-DATE", "labs.inr", {"value": 1.0, "unit": "1", "date": "20.02.2026"}, "is not a date (YYYY-MM-DD)"),
    ("FACT-DATE", "labs.inr", {"value": 1.0, "unit": "1", "date": "2026-02-30"}, "is not a date (YYYY-MM-DD)"),
    ("FACT-DATE", "assessment_date", "20260302", "assessment_date = '20260302' is not a date"),
    ("FACT-DATE-FUTURE", "pet.sstr.date", "2026-03-03", "pet.sstr.date = 2026-03-03 lies after the assessment date 2026-03-02"),
    ("LES-OVERFLOW", "lesions.0.vol_ml", {"V": 200.5}, "lesions of segment V are larger than segment V (200.5 mL in 200 mL)"),
    ("LES-UNKNOWN", "plans.0.local.0.lesion", "L9", "plans.0.local.0.lesion names lesion L9; present: L1"),
    ("LES-UNKNOWN", "pet.sstr.lesions.L7", {"suvmax": 3.0}, "pet.sstr.lesions.L7 names lesion L7; present: L1"),
    ("LES-TWICE", "lesions", [{"id": "L1", "longest_mm": 30}] * 2, "two lesions are called L1"),
    ("LES-TWICE", "plans", [{"name": "a", "template": "local_only"}] * 2, "two plans are called a"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "path", "value", "sentence"), REFUSALS)
def test_a_wrong_fact_is_refused_with_its_path(code, path, value, sentence):
    error = refused(changed(path, value))
    assert error.code.id == code
    assert sentence in error.what


def test_a_liver_without_segments_is_checked_as_a_whole():
    tree = whole()
    del tree["segments_ml"]
    assert refused(tree | {"liver_ml": 10.0}).code.id == "LES-OVERFLOW"


MEASURED = {
    "segments_ml": "segments_ml is measured",
    "liver_ml": "liver_ml is measured",
    "lesions": "lesions.0.vol_ml is measured",
    "pet": "pet.sstr.reference is measured",
}


@pytest.mark.parametrize("key", MEASURED)
def test_what_an_image_measures_is_not_taken_from_a_file(key):
    given = LIVER | {"liver_ml": 1500.0}
    error = refused(clinical() | {key: given[key]}, with_image=True)
    assert error.code.id == "FACT-IMAGE"
    assert f"{MEASURED[key]} from the image here; use masks to correct it" in error.what


def test_every_problem_is_told_at_once_with_its_line():
    text = TEXT.replace("ecog = 0", "egoc = 0").replace("age_y = 52", "age_y = 520")
    text = text.replace('unit = "/uL"', 'unit = "furlong"')
    error = refused(tomllib.loads(text), lines=toml_lines(text))
    assert error.code.id == "FACT-KEY"
    for part in (
        "clinical.egoc is not a fact, nearest clinical.ecog (line 7)",
        "FACT-RANGE clinical.age_y = 520 is physically impossible (0 to 120 a) (line 4)",
        "FACT-UNIT labs.platelets cannot be in furlong; accepted: 10^9/L, /uL, 10^3/uL (line 15)",
    ):
        assert part in error.what


@pytest.mark.parametrize("path", [p for p in fact_paths() if kind_of(p) == "lab"])
def test_every_laboratory_value_needs_value_and_unit(path):
    name = path.removeprefix("labs.")
    assert refused(changed(f"labs.{name}", {})).code.id == "FACT-MISSING"


@pytest.mark.parametrize("path", [p for p in fact_paths() if kind_of(p) != "lab"])
def test_no_clinical_fact_takes_a_text_that_it_does_not_know(path):
    error = refused(changed(path, "4,1"))
    assert error.code.id == "FACT-TYPE"
    assert f"{path} is the text" in error.what


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 500), st.floats(), st.text(max_size=5),
        st.sampled_from(["2026-02-20", "L1", "VI", "unknown", "right_hepatectomy", "value", "unit"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["value", "unit", "date", "id", "lesion", "x"]), inner),
    ),
    max_leaves=6,
)  # fmt: skip
places = st.sampled_from(
    ["schema", "assessment_date", "clinical", "clinical.age_y", "clinical.ascites", "labs",
     "clinical.extrahepatic", "labs.bilirubin_total", "labs.bilirubin_total.unit", "segments",
     "segments_ml", "segments_ml.VI", "liver_ml", "lesions", "lesions.0", "lesions.0.id",
     "lesions.0.vol_ml", "lesions.0.type", "pet", "pet.sstr", "pet.sstr.date",
     "pet.sstr.reference", "pet.sstr.lesions", "pet.sstr.lesions.L1", "plans", "plans.0",
     "plans.0.name", "plans.0.template", "plans.0.local", "plans.0.local.0", "search", "op",
     "op.etlv", "uncertainty", "uncertainty.u", "profile", "new"]
)  # fmt: skip


@given(places, json_values, st.booleans())
def test_whatever_stands_in_a_file_it_is_taken_or_refused(path, value, with_image):
    code = "FACT-"
    try:
        json.dumps(facts_from_tree(changed(path, value), with_image=with_image).entered)
    except FactsError as error:
        code = error.code.id
    assert code.startswith(("FACT-", "LES-"))


@pytest.mark.parametrize("tree", [[], "facts", None, 3])
def test_a_file_that_is_no_table_is_refused(tree):
    assert refused(tree).code.id == "FACT-TYPE"


# ---- one fact at a time --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("clinical.ecog=1", "clinical.ecog", 1),
        ("clinical.weight_kg=80.5", "clinical.weight_kg", 80.5),
        ("clinical.weight_kg = 176 lb", "clinical.weight_kg", {"value": 176, "unit": "lb"}),
        ("clinical.height_cm=180cm@2026-02-20", "clinical.height_cm", {"value": 180, "unit": "cm", "date": "2026-02-20"}),
        ("clinical.functioning=true", "clinical.functioning", True),
        ("clinical.functioning=no", "clinical.functioning", False),
        ("clinical.liver_background=chemo", "clinical.liver_background", "chemo"),
        ("labs.bilirubin_total=21 umol/L@2026-02-20", "labs.bilirubin_total", {"value": 21, "unit": "umol/L", "date": "2026-02-20"}),
        ("labs.platelets=2.2e2 10^9/L@2026-02-20", "labs.platelets", {"value": 220.0, "unit": "10^9/L", "date": "2026-02-20"}),
        ("labs.inr=1.1 1", "labs.inr", {"value": 1.1, "unit": "1"}),
    ],
)  # fmt: skip
def test_one_fact_is_read_as_it_is_typed(text, name, value):
    assert one_fact(text) == (name, value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("clinical.egoc=1", "Did you mean clinical.ecog"),
        ("ecog=1", "ecog is not a fact"),
        ("clinical.ecog", "is not NAME=VALUE"),
        ("clinical.ecog=one", "clinical.ecog is 'one', wanted a number"),
        ("clinical.functioning=perhaps", "wanted true or false"),
        ("clinical.ascites=some", "wanted one of none, mild"),
        ("clinical.extrahepatic=bone", "clinical.extrahepatic is not a fact"),
    ],
)
def test_one_fact_that_cannot_be_read_is_refused_as_typed_wrongly(text, what):
    with pytest.raises(UsageError) as caught:
        one_fact(text)
    assert caught.value.code is USE_001
    assert what in str(caught.value)


def test_a_typed_fact_wins_over_the_file_and_leaves_the_file_alone():
    tree = clinical()
    merged = with_fact(with_fact(tree, "clinical.ecog=2"), "labs.inr=1 1@2026-02-20")
    assert merged["clinical"]["ecog"] == 2
    assert merged["clinical"]["age_y"] == 52
    assert merged["labs"]["inr"]["unit"] == "1"
    assert tree["clinical"]["ecog"] == 0
    assert "inr" not in tree["labs"]


def test_a_typed_fact_that_differs_from_the_file_is_said():
    typed = ["clinical.ecog=2", "clinical.age_y=52", "labs.inr=1 1@2026-02-20"]
    (flag,) = told_twice(clinical(), typed)
    assert flag.code == "FACT-TWICE"
    assert flag.sentence == "File and --fact differ for clinical.ecog; the option was taken."


def test_the_file_of_a_problem_is_named():
    with pytest.raises(FactsError, match=r"\(patient_07.toml\)"):
        facts_from_tree({}, with_image=True, where="patient_07.toml")


@pytest.mark.parametrize("path", fact_paths())
def test_every_single_fact_can_be_typed_and_is_taken(path):
    kind = kind_of(path)
    value = {"boolean": "true", "enum": (words_of(path) or ("",))[0]}.get(kind, "3")
    unit = {"labs.albumin": " g/dL", "labs.sodium": " mmol/L"}.get(path, "")
    if kind == "lab":
        from netimg import units

        value = {"labs.sodium": "139", "labs.hb": "13"}.get(path, "3")
        unit = f" {units.canonical(path)}@2026-02-20"
    if path == "clinical.height_cm":
        value = "180"
    tree = with_fact({"schema": "netimg.facts/1"}, f"{path}={value}{unit}")
    assert facts_from_tree(tree, with_image=True).get(path) is not None


# ---- template and schema -------------------------------------------------------------------------


def test_the_template_is_a_facts_file_and_so_is_each_of_its_lines():
    facts_from_tree(tomllib.loads(template()), with_image=True)
    text = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and ("=" in line or "[[" in line) else line
        for line in template().splitlines()
        if not line.startswith(("# A fact", "# the rest", "#  "))
    )
    facts = facts_from_tree(tomllib.loads(text), with_image=True)
    named = {f"clinical.{k}" for k in facts.entered["clinical"]}
    named |= {f"labs.{k}" for k in facts.entered["labs"]}
    assert named >= set(fact_paths())


def test_the_schema_is_a_schema_and_every_range_belongs_to_a_fact():
    import jsonschema

    schema = json.loads(shipped("configs", "schemas", "facts-1.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    criteria = json.loads(shipped("configs", "schemas", "criteria-1.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(criteria)
    ranges = tomllib.loads(shipped("configs", "schemas", "facts-ranges-1.toml").read_text("utf-8"))
    names = [p for p in ranges if p.startswith(("clinical.", "labs.")) and "*" not in p]
    assert set(names) <= set(fact_paths())
    numbers = {p for p in fact_paths() if kind_of(p) in ("number", "integer", "lab")}
    assert numbers <= set(names)
