"""Lines of keys in a TOML text."""

import tomllib

import pytest

from netimg.assessment.lines import nearest_line, toml_lines
from netimg.resources import shipped

TEXT = '''\
schema = "netimg.facts/1"      # a = 1
[labs]
inr = { value = 1.0, unit = "1",
        date = "2026-02-20" }
"odd key" = """
[not.a.table]
x = 1
"""
[[plans]]
name = "a"
local = [
  { lesion = "L1", margin_mm = 5 },   # comment ] }
  { lesion = "L2" },
]
[[plans]]
name = "b"
[plans.hypertrophy]
method = "PVE"
'''


def test_every_key_has_its_line():
    tomllib.loads(TEXT.replace('1.0, unit = "1",\n       ', '1.0, unit = "1",'))  # valid TOML
    lines = toml_lines(TEXT)
    assert lines["schema"] == 1
    assert lines["labs"] == 2
    assert lines["labs.inr"] == 3
    assert lines["labs.inr.date"] == 4
    assert lines["labs.odd key"] == 5
    assert lines["plans.0.name"] == 10
    assert lines["plans.0.local.1.lesion"] == 13
    assert lines["plans.1.name"] == 16
    assert lines["plans.1.hypertrophy.method"] == 18
    assert not any("not" in key or key.endswith("x") for key in lines)


def test_a_key_without_a_line_of_its_own_has_that_of_its_table():
    assert nearest_line({"labs": 2}, "labs.inr.unit") == 2
    assert nearest_line({}, "labs.inr.unit") is None


@pytest.mark.parametrize(
    "text", ["", "[", "a = [", "a = {", "a = { b", '"', "= 3", "a = [1, {", "]]"]
)
def test_a_broken_text_ends(text):
    assert isinstance(toml_lines(text), dict)


def test_every_key_of_every_shipped_rule_file_is_found():
    for path in sorted(shipped("configs", "criteria").glob("*.toml")):
        text = path.read_text("utf-8")
        lines = toml_lines(text)
        rows = text.splitlines()
        for k, rule in enumerate(tomllib.loads(text)["rule"]):
            for key in rule:
                if key == "example":
                    continue
                assert rows[lines[f"rule.{k}.{key}"] - 1].startswith(key)
            for n in range(len(rule["example"])):
                assert rows[lines[f"rule.{k}.example.{n}.given"] - 1].startswith("given")
