# ruff: noqa: E501  # one case a line
"""Rule files: what load refuses, with file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.assessment.catalogue import check_files, load_catalogue
from netimg.errors import CRIT_001, CriteriaError
from netimg.settings import Settings

RULE = """\
[profile]
name = "OP"
text_read = "operator"
remark = "house rules"

[[rule]]
id = "ALBUMIN-LOW"
version = "1.0"
profile = "OP"
kind = "caution"
scope = "patient"
question = "Is albumin low?"
inputs = { "labs.albumin" = "g/dL" }
expr = "labs.albumin < $opc_albumin"
value = "labs.albumin"
source = { text = "operator", where = "" }
certainty = "OP"
review = "draft"
rationale = "house rule"

[[rule.example]]
given = { "labs.albumin" = 2.9 }
expect = "met"
[[rule.example]]
given = { "labs.albumin" = 3.0 }
expect = "not_met"
[[rule.example]]
given = {}
expect = "unknown"
"""

CLASS = """\
[profile]
name = "OP"
text_read = "operator"
remark = "house rules"

[[rule]]
id = "COUNT-CLASS"
version = "1.0"
profile = "OP"
kind = "class"
scope = "patient"
question = "How many?"
inputs = { lesion_count = "1", "clinical.functioning" = "bool" }
value = "label"
source = { text = "operator", where = "" }
certainty = "OP"
review = "draft"
rationale = "house rule"
table = { rows = [
  { label = "few", when = "all(lesion_count <= 5, not(is(clinical.functioning)))" },
  { label = "many", when = "all(lesion_count > 5, not(is(clinical.functioning)))" },
  { label = "functioning", when = "is(clinical.functioning)" },
] }

[[rule.example]]
given = { lesion_count = 5, "clinical.functioning" = false }
expect = "met"
value = "few"
[[rule.example]]
given = { lesion_count = 6, "clinical.functioning" = false }
expect = "met"
value = "many"
[[rule.example]]
given = { "clinical.functioning" = true }
expect = "met"
value = "functioning"
[[rule.example]]
given = { "clinical.functioning" = false }
expect = "unknown"
value = "few..many"
"""


def write(folder: Path, text: str, name: str = "OP.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def extra(folder: Path) -> Settings:
    return Settings.shipped().with_values({"criteria.extra": [str(folder)]}, layer="test")


@pytest.mark.parametrize("text", [RULE, CLASS])
def test_a_sound_file_has_no_problems_and_its_examples_run(tmp_path, text):
    problems, examples = check_files([write(tmp_path, text)])
    assert problems == []
    assert examples == text.count("[[rule.example]]")


def interval_table(rows: str) -> str:
    text = CLASS[: CLASS.index("table = ")] + CLASS[CLASS.index("[[rule.example]]") :]
    text = text.replace(', "clinical.functioning" = "bool" }', " }")
    text = text.replace(
        'value = "label"', f'value = "label"\ntable = {{ fact = "lesion_count", rows = [{rows}] }}'
    )
    head = text[: text.index("[[rule.example]]")]
    return (
        head
        + '[[rule.example]]\ngiven = {}\nexpect = "unknown"\n[[rule.example]]\ngiven = { lesion_count = 5 }\nexpect = "met"\nvalue = "a"\n[[rule.example]]\ngiven = { lesion_count = 9 }\nexpect = "met"\nvalue = "b"\n'
    )


BROKEN = {
    "unknown key": (RULE.replace("rationale =", "rationnale ="), 19, "rationnale is not a key of a rule file, nearest rationale"),
    "no source": (RULE.replace('source = { text = "operator", where = "" }\n', ""), 6, "source is missing"),
    "no example": (RULE[: RULE.index("[[rule.example]]")], 6, "example is missing"),
    "no example for unknown": (RULE[: RULE.rindex("[[rule.example]]")], 6, "there is no example for unknown"),
    "no example on the limit": (RULE.replace("= 3.0 }", "= 3.01 }"), 6, "there is no example exactly on a limit (labs.albumin = 3)"),
    "other unit": (RULE.replace('= "g/dL" }', '= "g/L" }'), 13, "labs.albumin is given in g/L, it has g/dL"),
    "unknown fact": (RULE.replace("labs.albumin", "labs.albumen"), 13, "labs.albumen is not a fact that rules can read, nearest labs.albumin"),
    "undeclared fact": (RULE.replace("labs.albumin <", "labs.inr <"), 13, "labs.inr is read and not among the inputs"),
    "unknown parameter": (RULE.replace("$opc_albumin", "$opc_albumen"), 14, "$opc_albumen is not an operator parameter, nearest $opc_albumin"),
    "parameter that is a word": (RULE.replace("$opc_albumin", "$etlv"), 14, "$etlv is 'vauthey' and no number"),
    "unknown rule": (RULE.replace('expr = "', 'expr = "any(@NOBODY, ').replace('albumin"\nvalue', 'albumin)"\nvalue'), 14, "there is no criterion NOBODY"),
    "rule that asks itself": (RULE.replace('expr = "', 'expr = "any(@ALBUMIN-LOW, ').replace('albumin"\nvalue', 'albumin)"\nvalue'), 14, "asks itself: ALBUMIN-LOW -> ALBUMIN-LOW"),
    "not the language": (RULE.replace("labs.albumin < $opc_albumin", "labs.albumin < 3 or 1"), 14, "or after the end of the expression"),
    "word for a number": (RULE.replace("labs.albumin < $opc_albumin", "is(labs.albumin)"), 14, "is(labs.albumin) does not fit labs.albumin, which is g/dL"),
    "other profile in a rule": (RULE.replace('profile = "OP"', 'profile = "core"'), 9, "rule of profile core in the file of OP"),
    "profile nobody read": (RULE.replace('"OP"', '"ENETS-2023"'), 2, "profile ENETS-2023 stands in a file called OP.toml"),
    "same id twice": (RULE + RULE[RULE.index("[[rule]]") :], 31, "ALBUMIN-LOW stands twice"),
    "no decision": (RULE.replace('expr = "labs.albumin < $opc_albumin"\n', ""), 7, "ALBUMIN-LOW needs expr or table, one of them"),
    "lesion fact of a patient": (RULE.replace("labs.albumin", "lesion.longest_mm").replace("g/dL", "mm"), 13, "lesion.longest_mm is read in scope patient"),
    "example with another fact": (RULE.replace('given = {}', 'given = { "labs.inr" = 1.0 }'), 27, "labs.inr is given and not among the inputs"),
    "not TOML": (RULE.replace("[profile]", "[profile"), 1, "cannot be read"),
    "gap": (interval_table('{ label = "a", lt = 5 }, { label = "b", gt = 5 }'), 15, "gap: lesion_count = 5 is in no row"),
    "overlap": (interval_table('{ label = "a", le = 5 }, { label = "b", ge = 5 }'), 15, "overlap: lesion_count = 5 is in a and b"),
    "gap between expressions": (CLASS.replace("lesion_count > 5", "lesion_count > 6"), 19, "gap where clinical.functioning = False, lesion_count = 5.5"),
    "overlap of expressions": (CLASS.replace("lesion_count > 5", "lesion_count >= 5"), 19, "overlap: few and many where clinical.functioning = False, lesion_count = 5.0"),
    "label without example": (CLASS.replace('value = "many"', 'value = "few"'), 6, "there is no example for label many"),
    "label twice": (CLASS.replace('label = "many"', 'label = "few"'), 19, "label few stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_file_and_line(tmp_path, name):
    text, line, message = BROKEN[name]
    path = write(tmp_path, text)
    problems, _ = check_files([path])
    assert any(p.startswith(f"{path}:{line}: ") and message in p for p in problems), problems
    with pytest.raises(CriteriaError, match="CRIT-001") as caught:
        load_catalogue(extra(tmp_path))
    assert caught.value.code is CRIT_001
    assert caught.value.exit_code == 2


def test_a_profile_that_nobody_has_read_is_refused(tmp_path):
    path = write(tmp_path, RULE.replace('"OP"', '"ENETS-2023"'), "ENETS-2023.toml")
    problems, _ = check_files([path])
    assert problems == [
        f"{path}:2: profile ENETS-2023 is not in configs/profiles/names.toml, nearest ENETS-2012"
    ]


def test_an_example_that_comes_out_otherwise_is_named_with_its_line(tmp_path):
    path = write(tmp_path, RULE.replace("= 2.9", "= 3.9"))
    problems, examples = check_files([path])
    assert examples == 3
    assert problems == [f"{path}:21: ALBUMIN-LOW, example 1: expected met, found not_met"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("value = 3.1", "expected value 3.1, found 2.9"),
        (
            'reasons = ["missing_input:labs.inr"]',
            "expected reasons missing_input:labs.inr, found none",
        ),
    ],
)
def test_value_and_reasons_of_an_example_are_compared_where_it_gives_them(tmp_path, given, message):
    path = write(tmp_path, RULE.replace('expect = "met"\n', f'expect = "met"\n{given}\n'))
    problems, _ = check_files([path])
    assert [message in p for p in problems] == [True]


def test_a_rule_of_ours_cannot_be_defined_again(tmp_path):
    text = RULE.replace('"OP"', '"core"').replace("ALBUMIN-LOW", "PROMID")
    path = write(tmp_path, text, "core.toml")
    problems, _ = check_files([path])
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}:7: PROMID@core stands in ")


def test_a_circle_through_two_rules_is_found(tmp_path):
    asks = RULE.replace("labs.albumin < $opc_albumin", "any(labs.albumin < 3, @OTHER)")
    other = asks[asks.index("[[rule]]") :].replace("@OTHER", "@ALBUMIN-LOW")
    text = asks + other.replace('id = "ALBUMIN-LOW"', 'id = "OTHER"')
    problems, _ = check_files([write(tmp_path, text)])
    assert any(
        "ALBUMIN-LOW asks itself: ALBUMIN-LOW -> OTHER -> ALBUMIN-LOW" in p for p in problems
    )


def test_a_file_beyond_the_limits_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr("netimg.assessment.rule_file.MAX_BYTES", 10)
    problems, _ = check_files([write(tmp_path, RULE)])
    assert "larger than 10 bytes" in problems[0]


def test_an_empty_folder_has_nothing_to_check(tmp_path):
    assert check_files([tmp_path]) == ([], 0)


@pytest.mark.parametrize("given", ["lesions = 3", "lesions = [3]", "plans = []", "x = [[]]"])
def test_an_example_of_any_shape_is_told_and_not_run(tmp_path, given):
    path = write(tmp_path, RULE.replace("given = {}", f"given = {{ {given} }}"))
    problems, _ = check_files([path])
    assert all(p.startswith(f"{path}:2") for p in problems)


@pytest.mark.slow
@given(st.data())
def test_a_damaged_file_is_told_with_file_and_line_and_never_stops_the_check(
    tmp_path_factory, data
):
    text = data.draw(st.sampled_from([RULE, CLASS]))
    lines = text.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    damage = data.draw(st.sampled_from(["drop", "twice", "cut", "swap"]))
    if damage == "drop":
        del lines[at]
    elif damage == "twice":
        lines.insert(at, lines[at])
    elif damage == "cut":
        cut = data.draw(st.integers(0, len(lines[at])))
        lines[at] = lines[at][:cut] + lines[at][cut + 1 :]
    else:
        other = data.draw(st.integers(0, len(lines) - 1))
        lines[at], lines[other] = lines[other], lines[at]
    path = write(tmp_path_factory.mktemp("damaged"), "".join(lines))
    problems, _ = check_files([path])
    for problem in problems:
        place, line, _ = problem.split(":", 2)
        assert place == str(path)
        assert 1 <= int(line) <= len(lines) + 1
