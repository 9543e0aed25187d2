"""One table of problems: every code has a sentence, every sentence can be filled."""

import re
from pathlib import Path
from string import Formatter

import pytest

from netimg import reading
from netimg.errors import CODES
from netimg.reading.problems import code_of, doubt, level, readable, refusal, sentence, todo
from netimg.reading.tables import table

ROWS = table("problems")
OURS = ("IDX", "SEL", "GEO", "PIX", "SUV", "MSK")
SOURCE = "\n".join(p.read_text("utf-8") for p in Path(reading.__file__).parent.rglob("*.py"))


def test_every_code_of_reading_has_a_sentence_and_a_level():
    for name in CODES:
        if name[:3] in OURS:
            assert name in ROWS
    for problem in ROWS:
        assert level(problem) in "XSWI"
        assert ROWS[problem]["sentence"].endswith((".", "--tracer."))


def test_what_refuses_is_declared_in_the_table_of_errors():
    for problem, row in ROWS.items():
        if row["level"] in ("X", "S"):
            assert code_of(problem) in CODES


def test_every_problem_the_code_names_is_in_the_table():
    named = re.findall(r"\"((?:IDX|SEL|GEO|PIX|SUV|MSK)-\d{3}(?:/\w+)?)\"", SOURCE)
    assert set(named) <= set(ROWS)
    for code, variant in re.findall(r"refusal\(\s*([A-Z]{3}_\d{3})(?:, \"(\w+)\")?", SOURCE):
        assert code.replace("_", "-") + (f"/{variant}" if variant else "") in ROWS


@pytest.mark.parametrize("problem", ROWS)
def test_sentences_take_only_numbers_and_names(problem):
    fields = [name for _, name, _, _ in Formatter().parse(ROWS[problem]["sentence"]) if name]
    assert all(re.fullmatch(r"[a-z_]+", name) for name in fields)


def test_a_refusal_has_four_parts_and_the_class_of_its_code():
    error = refusal(CODES["SUV-001"], where="series 3")
    assert type(error).__name__ == "SUVError"
    assert str(error) == (
        "SUV-001 The patient's weight is missing; SUV needs it. (series 3) "
        "Give it with --weight-kg."
    )
    assert todo("SUV-008/none") == "Give it with --half-life-s."


def test_a_sentence_begins_with_a_capital_unless_it_begins_with_a_file():
    assert sentence("GEO-010", series="series 4", slices="2 slices").startswith("Series 4")
    assert sentence("IDX-004", file="notes.txt").startswith("notes.txt")


def test_a_doubt_carries_its_number():
    flag = doubt("GEO-012", touches=("pet",), series="series 2", off_mm=0.08, measured=0.08)
    assert (flag.code, flag.value, flag.severity.value) == ("GEO-012", 0.08, "info")
    assert "0.08 mm" in flag.sentence


def test_a_foreign_text_in_a_sentence_is_short_and_of_printable_characters():
    error = refusal(CODES["IDX-021"], series="series 1", name="\x1b[2J\n1.2.840\u202e")
    assert "(\ufffd[2J\ufffd1.2.840\ufffd)" in error.what
    assert readable("x" * 1000) == "x" * 1000
    assert readable("x" * 9000) == "x" * 1000 + "..."
