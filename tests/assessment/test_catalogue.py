"""The catalogue: the seven rules, list, show, check, profiles, folders of a house."""

import pytest

from netimg.assessment.catalogue import check_files, load_catalogue, operator_parameters
from netimg.errors import CRIT_002, CRIT_003, USE_001, CriteriaError, UsageError
from netimg.resources import load_toml, shipped

SEVEN = [
    "PROMID@core",
    "NETTER1@core",
    "FLR-STD@core",
    "MKRENNING@pet-suv",
    "RETNET-BURDEN@TRIAL-RETNET",
    "COMBO-HEPFAIL@TACE-TEXTBOOK",
    "CYTO-70@CYTO-70",
]


def test_the_shipped_catalogue_holds_the_seven_rules_in_order():
    rules = load_catalogue().rules
    assert [f"{r.id}@{r.profile}" for r in rules] == SEVEN


def test_every_shipped_example_comes_out_as_stated():
    problems, examples = check_files()
    assert problems == []
    assert examples == sum(len(r.examples) for r in load_catalogue().rules)


@pytest.mark.parametrize("rule", load_catalogue().rules, ids=lambda r: f"{r.id}@{r.profile}")
def test_every_rule_is_a_draft_with_source_certainty_and_reason(rule):
    assert rule.review == "draft"
    assert rule.certainty
    assert rule.rationale
    assert all(source["text"] for source in rule.sources)


def test_every_shipped_profile_is_one_that_somebody_has_read():
    names = load_toml("configs", "profiles", "names.toml")["order"]
    for path in shipped("configs", "criteria").glob("*.toml"):
        assert path.stem in names
    assert not [n for n in names if n.startswith(("CIRSE", "EANM", "ESMO", "NCCN", "ENETS-202"))]


def test_every_choice_of_the_operator_profile_holds_its_default():
    choices = load_toml("configs", "profiles", "op.toml")["choices"]
    parameters = operator_parameters()
    assert all(parameters[name] in words for name, words in choices.items())


def test_rules_are_listed_by_profile_kind_and_scope():
    catalogue = load_catalogue()
    assert [r["id"] for r in catalogue.listed(profile="core")] == ["PROMID", "NETTER1", "FLR-STD"]
    assert [r["id"] for r in catalogue.listed(kind="class", scope="lesion")] == ["MKRENNING"]
    with pytest.raises(UsageError) as caught:
        catalogue.listed(kind="clas")
    assert caught.value.code is USE_001


def test_one_rule_is_shown_with_everything_a_reviewer_asks():
    shown = load_catalogue().described("FLR-STD")
    assert shown["expression"].startswith("case(clinical.liver_background: normal -> ")
    assert shown["inputs"] == {"clinical.liver_background": "enum", "plan.sflr_pct": "%"}
    assert shown["parameters"] == {
        "$flr_chemo_pct": 30.0,
        "$flr_cirrhosis_pct": 40.0,
        "$flr_normal_pct": 20.0,
    }
    assert shown["sources"][0]["doi"] == "10.1002/jso.25430"
    table = load_catalogue().described("NETTER1@core")["table"]
    assert table[1] == {"label": "25-50", "when": "burden_pct >= 25 and <= 50"}


def test_an_unknown_criterion_is_refused_with_the_nearest():
    with pytest.raises(CriteriaError, match="Did you mean PROMID") as caught:
        load_catalogue().described("PROMIT")
    assert caught.value.code is CRIT_003


def test_an_unknown_profile_is_refused_with_the_nearest():
    with pytest.raises(CriteriaError, match="Did you mean TRIAL-RETNET") as caught:
        load_catalogue().of_profiles(["TRIAL-RETNEET"])
    assert caught.value.code is CRIT_002


def test_a_profile_brings_the_ones_that_are_always_evaluated():
    rules = load_catalogue().of_profiles(["TRIAL-RETNET"])
    assert {r.profile for r in rules} == {"core", "pet-suv", "TRIAL-RETNET"}
