"""A few hundred mutants in every run of the suite; ``make fuzz`` reads ten thousand."""

import shutil
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.mutate import BINARY, TEXT
from tests.fuzz.runner import MOST_BYTES, MOST_CODEC_BYTES, make, run
from tests.fuzz.seeds import write_seeds
from tests.fuzz.targets import examine

COUNT, BASE = 500, 11
FOUND = Path(__file__).parent / "found"
ROWS = tomllib.loads((FOUND / "found.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return write_seeds(tmp_path_factory.mktemp("seeds") / "all")


def test_a_mutant_is_its_number(seeds):
    for number in (0, 17, 230):
        again = make(seeds, BASE, number)
        assert make(seeds, BASE, number) == again
    assert len({make(seeds, BASE, number).data for number in range(200)}) > 190


def test_every_way_to_bend_a_file_is_used(seeds):
    used = Counter()
    for number in range(1500):
        used.update(make(seeds, BASE, number).bent.split("+"))
    assert {bender.__name__.strip("_") for bender in (*BINARY, *TEXT)} <= set(used)


def test_an_unbent_file_is_read(seeds):
    for seed in seeds:
        if seed.kind in ("mask", "facts") or seed.name.startswith(
            ("ct", "pet", "enhanced", "legacy", "zip-p")
        ):
            verdict = examine(seed.kind, seed.folder, seed.file).split()
            assert "read" in verdict, (seed.name, verdict)


@pytest.mark.parametrize("name", ROWS)
def test_what_was_found_once_is_not_found_again(tmp_path, seeds, name):
    seed = next(one for one in seeds if one.name == ROWS[name]["seed"])
    shutil.copytree(seed.folder, tmp_path / "again")
    file = tmp_path / "again" / seed.file.relative_to(seed.folder)
    shutil.copyfile(FOUND / f"{name}.bin", file)
    verdict = examine(seed.kind, tmp_path / "again", file)
    assert verdict != "read", ROWS[name]["why"]


@pytest.mark.slow
def test_no_mutant_breaks_a_promise():
    troubles, words, peak, codec = [], Counter(), 0, 0
    for outcome, reading, decoding in run(range(COUNT), base=BASE, jobs=2):
        words.update(outcome.verdict.split())
        peak, codec = max(peak, reading), max(codec, decoding)
        if outcome.trouble:
            troubles.append(f"{outcome.number} {outcome.seed} {outcome.bent}\n{outcome.trouble}")
    assert "\n\n".join(troubles) == ""
    assert len(words) > 20
    assert peak <= MOST_BYTES
    assert codec <= MOST_CODEC_BYTES
