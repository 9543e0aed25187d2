"""The names and signatures that do not change without an ADR."""

import inspect
import pickle  # noqa: TID251  # a partial of a door must cross process borders
import subprocess
import sys
from functools import partial

import pytest

import netimg

SIGNATURES = {
    "open_study": "path, *, study=None, ct=None, pet=(), overrides={}, settings=None, progress",
    "segment": "ct, *, context=None, model=None, device='auto', settings=None, progress",
    "measure": "study, anatomy, *, settings=None, progress",
    "plan": "findings, facts=None, *, anatomy=None, settings=None",
    "assess": "findings, plans=None, *, profiles=(), settings=None",
    "analyse": "study, *, facts=None, baseline=None, settings=None, progress",
    "write_report": "result, out, *, outputs=(), overwrite=False, privacy=False, settings=None",
}


def _shape(function: object) -> str:
    """Parameters with their plain defaults, as in the table above."""
    words, star = [], False
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            words.append("*")
            star = True
        default = parameter.default
        if default is inspect.Parameter.empty or parameter.name == "progress":
            words.append(parameter.name)
        elif parameter.name == "overrides":
            assert dict(default) == {}
            words.append("overrides={}")
        else:
            words.append(f"{parameter.name}={default!r}")
    return ", ".join(words)


def test_the_public_names_are_these() -> None:
    others = {"Facts", "StudyResult", "Settings", "NetimgError", "__version__"}
    assert set(netimg.__all__) == set(SIGNATURES) | others


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_door_keeps_its_signature(name: str) -> None:
    assert _shape(getattr(netimg, name)) == SIGNATURES[name]


def test_facts_results_and_settings_keep_their_ways_in() -> None:
    assert _shape(netimg.Facts.load) == "path"
    assert _shape(netimg.Facts.from_dict).startswith("tree")
    assert _shape(netimg.Facts.template) == ""
    assert _shape(netimg.StudyResult.load) == "out"
    assert _shape(netimg.StudyResult.to_json) == "self"
    assert _shape(netimg.Settings.load).startswith("config=None")
    error = netimg.NetimgError(netimg.errors.IDX_001, what="a", where="b", todo="c")
    assert (error.code.id, error.what, error.where, error.todo) == ("IDX-001", "a", "b", "c")


@pytest.mark.parametrize("name", SIGNATURES)
def test_doors_pickle(name: str) -> None:
    door = getattr(netimg, name)
    assert pickle.loads(pickle.dumps(partial(door))).func is door  # noqa: S301  # our own bytes


@pytest.mark.parametrize(
    "script",
    [
        "import netimg; netimg.segment; netimg.segment; assert callable(netimg.segment)",
        "import netimg.segmentation, netimg; assert callable(netimg.segment)",
        "import netimg.planning, netimg.measurement, netimg; assert callable(netimg.plan)",
        "from netimg import segment, measure; assert callable(segment) and callable(measure)",
        "import netimg; help(netimg.segment)",
        "import netimg; assert 'open_study' in dir(netimg)",
    ],
)
def test_doors_open_in_a_fresh_interpreter_however_they_are_reached(script: str) -> None:
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="segmnt"):
        netimg.segmnt  # noqa: B018  # the access is the test
