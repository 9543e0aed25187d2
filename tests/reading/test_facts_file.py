"""A facts file is one tree in both syntaxes, inside its limits, or refused in one sentence."""

import json
from pathlib import Path

import pytest

from netimg.errors import FactsError, InputError
from netimg.reading.facts_file import read_facts
from netimg.settings import Settings

TOML = """
schema = "netimg.facts/1"
assessment_date = 2026-03-02

[clinical]
age_y = 52
extrahepatic = []
weight_kg = { value = 80, date = "2026-02-28", by = "ward" }

[labs]
bilirubin_total = { value = 14, unit = "µmol/L", date = 2026-02-20, uln = 21 }

[[plans]]
name = "right hepatectomy"
"""
TREE = {
    "schema": "netimg.facts/1",
    "assessment_date": "2026-03-02",
    "clinical": {
        "age_y": 52,
        "extrahepatic": [],
        "weight_kg": {"value": 80, "date": "2026-02-28", "by": "ward"},
    },
    "labs": {"bilirubin_total": {"value": 14, "unit": "µmol/L", "date": "2026-02-20", "uln": 21}},
    "plans": [{"name": "right hepatectomy"}],
}


def saved(folder: Path, text: str, name: str = "facts.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path, settings=None):
    with pytest.raises(FactsError) as caught:
        read_facts(path, settings=settings)
    assert caught.value.exit_code == 3
    return caught.value.code.id, caught.value.what


def test_toml_and_json_are_the_same_tree(tmp_path):
    assert read_facts(saved(tmp_path, TOML)) == TREE
    assert read_facts(saved(tmp_path, json.dumps(TREE), "facts.json")) == TREE
    assert read_facts(saved(tmp_path, "\ufeff" + TOML, "bom.toml")) == TREE


@pytest.mark.parametrize(
    ("name", "text", "code", "says"),
    [
        ("a.toml", "[clinical\nage_y = 52", "FACT-TYPE", "line 1"),
        ("a.json", '{"clinical": {"age_y": 52}', "FACT-TYPE", "line 1 column"),
        ("a.json", "[1, 2]", "FACT-TYPE", "a list"),
        ("a.json", '{"a": 1, "a": 2}', "FACT-KEY", "a is given twice"),
        ("a.json", '{"a": NaN}', "FACT-RANGE", "NaN"),
        ("a.toml", "[labs]\na = inf", "FACT-RANGE", "labs.a is inf"),
        ("a.toml", "a = 1\na = 2", "FACT-TYPE", "overwrite"),
        ("a.toml", "a = " + "[" * 40 + "]" * 40, "FACT-SIZE", "32 levels"),
        ("a.json", '{"a": "' + "x" * 70_000 + '"}', "FACT-SIZE", "70000 characters"),
        ("a.json", "[" * 100_000, "FACT-SIZE", "nested too deeply"),
    ],
)
def test_what_cannot_be_a_tree_of_facts_is_refused(tmp_path, name, text, code, says):
    assert read_facts(saved(tmp_path, "a = 1", "good.toml")) == {"a": 1}
    found, what = refused(saved(tmp_path, text, name))
    assert found == code
    assert says in what


def test_a_file_beyond_the_limit_is_not_parsed(tmp_path):
    few = Settings.shipped().with_values({"limits.facts_bytes_max": 100}, layer="test")
    assert refused(saved(tmp_path, TOML), few) == (
        "FACT-SIZE",
        "the facts file is beyond the limits (more than 100 bytes).",
    )


def test_other_bytes_and_missing_files_are_said(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "Müller"'.encode("latin-1"))
    code, what = refused(path)
    assert (code, "byte 9" in what) == ("FACT-TYPE", True)
    with pytest.raises(InputError) as caught:
        read_facts(tmp_path / "gone.toml")
    assert caught.value.code.id == "IDX-003"
