import re

import pytest

from netimg.reporting.words import words
from netimg.reporting.words.sentences import listed, name_text, reason_text, value_text
from netimg.verdict import Reason

FORBIDDEN = ("should", "recommended", "we recommend", "best option", "roughly", "about ")


def phrases(node, path=""):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from phrases(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_phrase_advises_or_is_vague(word):
    assert [p for p, text in phrases(words()) if re.search(rf"\b{word}", text.lower())] == []


def test_every_reason_code_has_a_phrase():
    codes = (
        "missing_input", "stale", "not_assessable", "within_error", "needs_reader",
        "not_classifiable",
    )  # fmt: skip
    assert set(codes) | {"other"} == set(words()["reasons"])
    assert reason_text(Reason("missing_input", "labs.albumin")) == "missing: albumin"
    assert reason_text(Reason("new_code", "x")) == "new_code: x"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clinical.weight_kg", "body weight"),
        ("labs.ferritin", "ferritin"),
        ("burden_pct", "burden"),
        ("unheard_of", "unheard of"),
        ("pet.unknown.reference.blood_pool_mean", "SUVmean of blood on the PET"),
        ("unknown_ratio_blood", "SUVmax over blood of the PET"),
        ("sstr_krenning", "modified Krenning score of the SSTR PET"),
        ("pet", "the PET"),
    ],
)
def test_names_are_printed_as_a_reader_knows_them(name, text):
    assert name_text(name) == text


def test_values_are_numbers_labels_or_words():
    assert value_text(None, "%") == ""
    assert value_text(True, "bool") == "yes"
    assert value_text("2..4", "label") == "2..4"
    assert value_text(4, "1") == "4"
    assert value_text(19.97, "%", 20.0).startswith("19.97")


def test_long_lists_are_cut_and_counted():
    assert listed([f"L{n}" for n in range(1, 10)], most=3) == "L1, L2, L3 and 6 more"
    assert listed([]) == ""
