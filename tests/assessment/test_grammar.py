"""The expression language: what it reads, how it spells, what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.assessment import grammar
from netimg.assessment.grammar import GrammarError, parse

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}(\.[a-z0-9_]{1,8}){0,2}", fullmatch=True)
words = st.from_regex(r"[A-Za-z0-9_]{1,8}(-[A-Za-z0-9_]{1,5})?", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False)
parameters = st.builds(grammar.Parameter, st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True))
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_]{0,7}(-[A-Za-z0-9_]{1,5})?", fullmatch=True)
rules = st.builds(grammar.Rule, ids, st.one_of(st.just(""), ids))
leaves = st.one_of(
    st.builds(
        grammar.Compare, names, st.sampled_from(grammar.OPERATORS), st.one_of(numbers, parameters)
    ),
    st.builds(grammar.Is, names),
    st.builds(grammar.In, names, st.lists(words, min_size=1, max_size=3).map(tuple)),
    rules,
)


def composed(inner):
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    branches = st.lists(
        st.tuples(words, inner), min_size=1, max_size=3, unique_by=lambda b: b[0]
    ).map(tuple)
    return st.one_of(
        st.builds(grammar.All, parts),
        st.builds(grammar.Any, parts),
        st.builds(grammar.Not, inner),
        parts.flatmap(lambda p: st.builds(grammar.AtLeast, st.integers(1, len(p)), st.just(p))),
        st.builds(grammar.Case, names, branches),
        st.builds(grammar.Quantified, st.sampled_from(grammar.QUANTIFIERS), inner),
    )


trees = st.recursive(leaves, composed, max_leaves=12)


@given(trees)
def test_a_tree_that_is_spelled_and_read_again_is_the_same_tree(tree):
    assert parse(str(tree)) == tree


@given(trees)
def test_space_between_words_means_nothing(tree):
    text = str(tree)
    spaced = text.replace("(", " ( ").replace(",", " ,\n ").replace(")", "\t)").replace(";", " ;")
    assert parse(spaced) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("burden_pct <= 70", grammar.Compare("burden_pct", "<=", 70.0)),
        ("burden_pct<=70", grammar.Compare("burden_pct", "<=", 70.0)),
        ("x >= -1.5e-3", grammar.Compare("x", ">=", -0.0015)),
        ("x == $limit", grammar.Compare("x", "==", grammar.Parameter("limit"))),
        ("in(prior, {DEB-TACE, 4})", grammar.In("prior", ("DEB-TACE", "4"))),
        ("@FLR-STD", grammar.Rule("FLR-STD")),
        ("@MKRENNING@pet-suv", grammar.Rule("MKRENNING", "pet-suv")),
        (
            "case(a.b: x->is(c); y -> @R)",
            grammar.Case("a.b", (("x", grammar.Is("c")), ("y", grammar.Rule("R")))),
        ),
        (
            "every_lesion(lesion.krenning >= 2)",
            grammar.Quantified("every_lesion", grammar.Compare("lesion.krenning", ">=", 2.0)),
        ),
    ],
)
def test_the_forms_of_the_language(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the end"),
        ("burden_pct", "the end where op belongs"),
        ("burden_pct <=", "the end where word or param belongs"),
        ("burden_pct <= high", "high is not a number"),
        ("burden_pct <= nan", "nan is not a number"),
        ("burden_pct <= 1e999", "1e999 is not a number"),
        ("burden_pct != 3", "'!' is not part of the grammar"),
        ("burden_pct <= 1 + 2", r"'\+' is not part of the grammar"),
        ("__import__('os')", "not part of the grammar"),
        ("exec(is(a))", r"exec\(...\) is not part of the grammar"),
        ("all()", "is not a name|where word belongs"),
        ("all(is(a) is(b))", r"is where \) belongs"),
        ("is(a))", r"\) after the end"),
        ("at_least(0, is(a))", "0 where a count from 1 belongs"),
        ("at_least(3, is(a), is(b))", "at least 3 of 2 is never true"),
        ("case(a: x -> is(b); x -> is(c))", "x stands twice"),
        ("in(a, {})", "where word belongs"),
        ("5 <= 3", "5 is not a name"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_the_place(text, what):
    with pytest.raises(GrammarError, match=what) as caught:
        parse(text)
    assert "character" in str(caught.value)


def test_length_and_depth_have_limits():
    deep = "not(" * 31 + "is(a)" + ")" * 31
    assert parse(deep)
    with pytest.raises(GrammarError, match="nested deeper than 32"):
        parse("not(" + deep + ")")
    long = f"any({', '.join(['is(a)'] * 900)})"
    with pytest.raises(GrammarError, match="at most 4000"):
        parse(long)


@given(st.text(alphabet="abc(){}<>=@$,;:->. 019_", max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    try:
        tree = parse(text)
    except GrammarError:
        return
    assert parse(str(tree)) == tree
