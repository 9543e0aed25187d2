"""``netimg batch`` as it is typed: what it prints, how it ends, what Ctrl-C leaves."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from netimg.cli.app import call
from tests.make import dicom as make


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two PET-only patients and an empty folder."""
    root = tmp_path_factory.mktemp("cohort")
    for name in ("p1", "p2"):
        make.pet_series(root / name, study=name, patient=name)
    (root / "p3").mkdir()
    return root


@pytest.fixture(scope="module")
def words(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The typed line; every test of this module goes on with the same output folder."""
    out = tmp_path_factory.mktemp("out") / "out"
    return ["batch", str(cohort), "-o", str(out), "-j", "1", "--outputs", "csv"]


def test_one_plain_line_a_study_and_one_that_counts(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(words) == 5
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    lines = shown.err.splitlines()
    for name in ("p1", "p2", "p3"):
        assert sum(line.startswith(f"{name}-") for line in lines) == 1
    assert any("failed IDX-001 " in line for line in lines)
    assert len(lines) == 5  # and the two stages
    assert shown.out.startswith("2 done, 1 failed (1 IDX-001), 0 skipped, 0 min ")
    assert shown.out.rstrip().endswith("failed.csv")


def test_the_next_call_skips_and_its_document_is_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([*words, "--json", "-q"]) == 5
    shown = capsys.readouterr()
    assert shown.err == ""
    document = json.loads(shown.out)
    assert document["schema"] == "netimg.batch/1"
    assert document["counts"] == {"done": 2, "failed": 1}
    assert document == json.loads((Path(words[3]) / "batch.json").read_text("utf-8"))


def test_a_refusal_is_one_document_too(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["batch", str(cohort), "-o", str(cohort / "out"), "--json", "-q"]) == 8
    document = json.loads(capsys.readouterr().out)
    assert document["errors"][0]["code"] == "OUT-005"
    assert not (cohort / "out").exists()


def test_every_study_failed_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("p1", "p2"):
        paths = make.pet_series(tmp_path / "in" / name, study=name, patient=name)
        make.bend(paths[0], PatientID="another")
    out = tmp_path / "out"
    assert call(["batch", str(tmp_path / "in"), "-o", str(out), "-j", "1", "-q"]) == 4
    assert capsys.readouterr().out.startswith("0 done, 2 failed (2 IDX-020), 0 skipped")
    rows = list(csv.DictReader((out / "failed.csv").read_text("utf-8").splitlines()))
    assert [row["code"] for row in rows] == ["IDX-020", "IDX-020"]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_leaves_what_is_finished_and_nothing_else(
    number: int, status: int, tmp_path: Path
) -> None:
    make.pet_series(tmp_path / "in" / "a", study="a", patient="a")
    noise = np.random.default_rng(1).integers(0, 3000, (60, 150, 150))
    make.pet_series(tmp_path / "in" / "b", noise, study="b", patient="b")
    out = tmp_path / "out"
    words = ["batch", str(tmp_path / "in"), "-o", str(out), "-j", "1"]
    line = [sys.executable, "-m", "netimg", *words]
    # A group of its own, so that the signal reaches the workers too, as a terminal's does; and
    # Ctrl-C as a terminal has it, whatever this process was started with (nohup ignores it).
    with subprocess.Popen(
        line,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no threads
    ) as process:
        worker = _worker_writing(out)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert process.returncode == status
    assert "stopped" in said
    assert "Traceback" not in said
    assert not Path(f"/proc/{worker}").exists()
    assert [path.name[:2] for path in (out / "studies").iterdir()] == ["a-"]
    assert [path.name[:2] for path in (out / "logs").iterdir()] == ["a-"]
    assert (out / "summary.csv").is_file()


def _worker_writing(out: Path) -> int:
    """Process id of the worker that writes the second study while the first is done."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if list((out / "status").glob("a-*.json")):
            for part in (out / "studies").glob(".netimg-part-*"):
                return int(part.name.split("-")[-2])
        time.sleep(0.001)
    pytest.fail("no worker wrote anything in two minutes")
