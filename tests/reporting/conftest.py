"""A result written once, for every test that only reads it."""

import json
from pathlib import Path

import pytest

from netimg.reporting import write_report
from tests.make import result as make


@pytest.fixture(scope="session")
def shown():
    """The small result with everything: CT, PET, segments, facts, a plan."""
    return make.result()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, shown) -> Path:
    """Its result folder with all outputs but SEG (its CT has no files)."""
    out = tmp_path_factory.mktemp("written") / "out"
    return write_report(shown, out)


@pytest.fixture(scope="session")
def document(folder) -> dict:
    return json.loads((folder / "results.json").read_text("utf-8"))
