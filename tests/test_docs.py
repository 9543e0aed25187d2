"""The documents say what the code does: generated pages are current, links and codes exist."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from netimg.cli.app import app
from netimg.cli.mask_options import GivenMasks
from netimg.cli.reading_options import Chosen, Reading
from netimg.errors import CODES, EXITS
from netimg.reading.tables import table
from tests.make import docs

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", docs.pages())
def test_a_generated_page_is_current(name):
    assert (docs.DOCS / name).read_text("utf-8") == docs.pages()[name], "run `make docs`"


def test_every_code_and_every_sentence_has_its_row():
    page = docs.pages()["codes.md"]
    rows = re.findall(r"^\| ([A-Z]+-[A-Z0-9-]+|[a-z]+_[a-z_]+) \|", page, re.MULTILINE)
    assert set(rows) == {*CODES, *(name.partition("/")[0] for name in table("problems"))}
    assert page.count("{") == 0


def test_every_exit_status_of_a_code_is_explained():
    assert {code.exit_code for code in CODES.values()} <= set(EXITS)
    page = docs.pages()["codes.md"]
    for number, (name, _) in EXITS.items():
        assert f"| {number} | {name} |" in page


def test_every_number_of_reading_is_on_the_page_with_a_unit_or_a_meaning():
    page = docs.pages()["tolerances.md"]
    for name in ("geometry", "choice", "pixels", "suv"):
        for group, keys in table(name).items():
            for key, value in keys.items():
                if not isinstance(value, dict):
                    assert f"| `{group}.{key}` |" in page, f"{name}: {group}.{key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_to_one(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_code_and_every_option_that_a_page_names_exists(page):
    text = page.read_text("utf-8")
    known = {*CODES, *(name.partition("/")[0] for name in table("problems"))}
    named = re.findall(r"\b(?:IDX|SEL|GEO|PIX|SUV|MSK|SEG|MDL|RUN|OUT|CFG|USE)-\d{3}\b", text)
    assert set(named) <= known
    options = {option for words in _commands() for option in words}
    for line in re.findall(r"netimg (?:run|batch|inspect|doctor)[^\n`]*", text):
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)) <= options, line


def test_the_page_on_reading_names_every_option_that_decides_what_is_read():
    text = (ROOT / "docs" / "reading.md").read_text("utf-8")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    ours = {
        f"--{f.name.replace('_', '-')}"
        for group in (Chosen, Reading, GivenMasks)
        for f in fields(group)
    }
    assert ours <= named
    assert named <= {option for words in _commands() for option in words}


def _commands():
    group = typer.main.get_command(app)
    for command in group.commands.values():
        for one in getattr(command, "commands", {"": command}).values():
            for parameter in one.params:
                yield [*parameter.opts, *parameter.secondary_opts]
