import pickle  # noqa: TID251  # nouns and errors must cross process borders
from pathlib import Path

import pytest

from netimg import errors
from netimg.errors import CODES, GEO_003, InputError, NetimgError, SUVError


def test_a_refusal_reads_as_one_paragraph() -> None:
    error = InputError(
        GEO_003,
        what="slices 2 and 3 are 10.00 mm apart, the others 5.00 mm.",
        where='series 4 "portal venous"',
        todo="Send the missing slice, or choose another series with --ct UID.",
    )
    assert str(error) == (
        "GEO-003 irregular spacing: slices 2 and 3 are 10.00 mm apart, the others 5.00 mm. "
        '(series 4 "portal venous") '
        "Send the missing slice, or choose another series with --ct UID."
    )


def test_a_title_that_the_sentence_says_is_not_said_twice() -> None:
    error = InputError(errors.IDX_001, what="There are no files in empty.", todo="Look again.")
    assert str(error) == "IDX-001 There are no files in empty. Look again."


def test_errors_cross_process_borders() -> None:
    error = SUVError(errors.SUV_001, what="the weight is missing.", todo="Give it.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert type(again) is SUVError
    assert str(again) == str(error)
    assert again.exit_code == 3


@pytest.mark.parametrize("code", CODES.values(), ids=str)
def test_every_code_is_a_constant_with_an_exit_status_and_a_title(code: errors.Code) -> None:
    assert getattr(errors, code.id.replace("-", "_")) is code
    assert code.exit_code in {2, 3, 4, 6, 7, 8, 70}
    assert code.title
    assert not code.title.endswith(".")


ROOT = Path(__file__).resolve().parents[1]


def _text(folder: str, *suffixes: str) -> str:
    files = [p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes]
    return "\n".join(p.read_text("utf-8") for p in files if p.name not in ("errors.py", __file__))


@pytest.fixture(scope="module")
def raised() -> str:
    return _text("netimg", ".py")


@pytest.fixture(scope="module")
def tested() -> str:
    return _text("tests", ".py", ".json", ".toml")


@pytest.mark.parametrize("code", CODES.values(), ids=str)
def test_every_code_can_be_raised_and_is_raised_by_a_test(
    code: errors.Code, raised: str, tested: str
) -> None:
    constant = code.id.replace("-", "_")
    assert constant in raised or f'"{code.id}' in raised, "no code for what nothing refuses"
    assert code.id in tested or constant in tested


def test_every_class_of_the_tree_is_drawn_at_the_top_of_the_file() -> None:
    drawn = errors.__doc__ or ""
    children = NetimgError.__subclasses__()
    assert children
    for kind in children:
        assert kind.__name__ in drawn
