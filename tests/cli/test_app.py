import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netimg import errors
from netimg.cli.app import app, call
from tests.make import dicom as make

COMMANDS = (
    "run", "batch", "inspect", "phantom", "evaluate", "train", "models", "criteria", "doctor",
)  # fmt: skip
LABELS = ("--label-map", "netimg", "--mask")


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "100",
        "_TYPER_FORCE_DISABLE_TERMINAL": "1",
    }.items():
        monkeypatch.setenv(name, value)


def test_netimg_alone_prints_help_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert call([]) == 2
    shown = capsys.readouterr()
    for name in COMMANDS:
        assert name in shown.out + shown.err


def test_help_lists_exactly_the_commands_that_are_built() -> None:
    groups = [group.name for group in app.registered_groups]
    names = [command.name for command in app.registered_commands]
    assert sorted([*names, *groups]) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_in_plain_text(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: netimg" in shown
    assert "\x1b" not in shown


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--version"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("netimg ")
    assert line.count("\n") == 1
    assert "torch" in line
    assert re.search(r"\(commit ([0-9a-f]{12}(\+changes)?|not known), python 3\.", line)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["run", "x", "-o", "y", "--wieght-kg", "3"], "--weight-kg"),
        (["run", "x", "-o", "y", "--dev", "cpu"], "--device"),
        (["run", "x"], "'-o'"),
        (["run", "x", "-o", "y", "--sex", "X"], "F, M, O"),
        (["run", "x", "-o", "y", "--injected-at", "noon"], "2026-03-02T09:41:00"),
        (["run", "x", "-o", "y", "--assessment-date", "2.3.26"], "YYYY-MM-DD"),
        (["run", "x", "-o", "y", "--no-lesions", "--lesion-mask", "m"], "USE-002"),
        (["run", "x", "-o", "y", "--no-lesions"], "--liver-mask"),
        (["run", "x", "-o", "y", "--mask", "m"], "--label-map"),
        (["run", "x", "-o", "y", "--label-map", "netimg"], "there is no --mask"),
        (["run", "x", "-o", "y", *LABELS, "m:99"], "Leave :99 out"),
        (["run", "x", "-o", "y", "--segments-mask", "s:V"], "Leave :V out"),
        (["run", "x", "-o", "y", "--tracer", "xx"], "dotatate_ga68, dotatoc_ga68"),
        (["run", "x", "-o", "y", "--weight-kg", "-5"], "above 0"),
        (["run", "x", "-o", "y", "--weight-kg", "nan"], "above 0"),
        (["run", "x", "-o", "y", "--height-cm", "0"], "above 0"),
        (["run", "x", "-o", "y", "--dose-mbq", "-1"], "above 0"),
        (["run", "x", "-o", "y", "--residual-mbq", "-1"], "below 0"),
        (["run", "x", "-o", "y", "--half-life-s", "0"], "above 0"),
        (["inspect", "x", "--tracer", "xx"], "dotatate_ga68"),
        (["inspect", "x", "--phase", "late"], "unenhanced, arterial, portal, delayed"),
        (["run", "x", "-o", "y", "--require", "luck"], "liver, pet, suv, segments, facts"),
        (["run", "x", "-o", "y", "--outputs", "html,+seg"], "mixes"),
        (["run", "x", "-o", "y", "--set", "segmentation.device"], "KEY=VALUE"),
        (["run", "x", "-o", "y", "--set", "segmentation.devise=cpu"], "segmentation.device"),
        (["run", "x", "-o", "y", "--device", "gpu"], "auto, cpu, cuda, cuda:N"),
        (["batch", "x", "-o", "y", "--device", "cuda:x"], "auto, cpu, cuda, cuda:N"),
        (["run", "x", "-o", "y", "--set", "segmentation.device=gpu"], "auto, cpu, cuda or cuda:N"),
        (["train", "x.toml", "--device", "gpu"], "auto, cpu, cuda, cuda:N"),
        (["train", "--resume", "no/such"], "runs/NAME"),
        (["train", "no-such.toml"], "no-such.toml"),
        (["run", "x", "--explain-plan", *LABELS, "m"], "no network would run"),
        (["phantom", "-o", "y", "--spacing-mm", "3,2"], "z,y,x"),
        (["train"], "netimg train CONFIG"),
        (["evaluate", "a", "b", "--labels", "liver"], "liver=1"),
        (["frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_typing_error_ends_with_2_and_says_what_would_be_right(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(words) == 2
    shown = capsys.readouterr()
    assert part in shown.err
    assert shown.err.startswith(("USE-00", "CFG-00"))
    assert "^" not in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_model_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(["run", "x", "-o", "y", "--model", "no-such-net"]) == errors.MDL_001.exit_code
    assert "net-liver-ct" in capsys.readouterr().err
    assert call(["run", "x", "-o", "y", "--model", "xx"]) == errors.MDL_001.exit_code
    assert "net-liver-ct" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    import typer

    command = typer.main.get_command(app).commands[name]
    for one in getattr(command, "commands", {"": command}).values():
        assert not [p.name for p in one.params if not getattr(p, "help", "")]


def test_with_json_an_error_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", "x", "-o", "y", "--sex", "X", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "netimg.error/1"
    assert document["exit_code"] == 2
    assert document["errors"][0]["code"] == "USE-001"


def test_a_bug_is_one_sentence_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret value of the patient")

    monkeypatch.setattr("netimg.settings.Settings.load", broken)
    assert call(["criteria", "list"]) == errors.INT_001.exit_code == 70
    shown = capsys.readouterr().err
    assert shown.startswith("INT-001")
    assert "ZeroDivisionError" in shown
    assert "--debug" in shown
    assert "secret" not in shown
    assert call(["criteria", "list", "--debug"]) == 70
    assert "may quote values" in capsys.readouterr().err


def test_a_closed_reader_ends_a_listing_quietly() -> None:
    script = f"{sys.executable} -m netimg criteria list | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


def test_text_with_markup_control_characters_and_other_scripts_is_printed_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(["inspect", "no [/x] such \x1b[31m 肝臓 folder"]) == 3
    shown = capsys.readouterr().err
    assert "[/x]" in shown
    assert "肝臓" in shown
    assert "\x1b" not in shown


@pytest.fixture
def weightless(tmp_path: Path) -> str:
    """Folder of a PET that does not say what the patient weighs."""
    for path in make.pet_series(tmp_path / "in"):
        make.bend(path, PatientWeight=None)
    return str(tmp_path / "in")


def test_inspect_takes_the_reading_options_and_says_what_they_change(
    weightless: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["inspect", weightless, "--require", "suv"]) == 4
    shown = capsys.readouterr()
    assert shown.err.startswith("RUN-005")
    assert "SUV-001" in shown.err
    assert "--weight-kg" in shown.err
    assert "PET" in shown.out
    assert call(["inspect", weightless, "--require", "suv", "--weight-kg", "70"]) == 0
    assert call(["inspect", weightless, "--require", "liver"]) == 2


def test_the_help_names_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for number, (name, _) in errors.EXITS.items():
        assert f"{number} {name}" in shown


def test_inspect_draws_a_bar_on_a_terminal_and_none_into_its_answer(tmp_path: Path) -> None:
    import os
    import pty

    make.ct_series(tmp_path / "in")
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "netimg", "inspect", str(tmp_path / "in")]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, env=environment, check=True, timeout=120
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # Linux: the other end was closed
        pass
    os.close(ours)
    assert b"read" in shown
    assert b"\x1b" in shown
    assert b"\x1b" not in done.stdout
    assert b"12 files = 12 in series" in done.stdout


def test_inspect_shows_what_an_suv_is_made_of_when_asked(
    weightless: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["inspect", weightless, "--weight-kg", "70", "--headers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "series 1 suv.weight_kg: 70.0" in lines
    assert any(line.startswith("series 1 suv.candidates: series_datetime, ") for line in lines)


def test_where_a_study_carries_two_identities_one_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = make.pet_series(tmp_path / "in", patient="anna")
    make.bend(paths[0], PatientID="bert")
    folder, out = str(tmp_path / "in"), str(tmp_path / "out")
    line = ["run", folder, "-o", out, "--outputs", "csv", "-q"]
    assert call(line) == 3
    assert "--patient" in capsys.readouterr().err
    assert call([*line, "--patient", "anna"]) == 0
    rows = (tmp_path / "out" / "input.csv").read_text("utf-8").splitlines()
    assert sum("IDX-020" in row for row in rows) == 1


def test_a_ct_whose_values_refuse_it_is_not_called_the_ct_and_check_says_no(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make.ct_series(tmp_path / "right")
    assert call(["inspect", str(tmp_path / "right"), "--check"]) == 0
    assert "used  series 1 as the CT" in capsys.readouterr().out
    make.ct_series(tmp_path / "wrong", make.body() + 1024)
    assert call(["inspect", str(tmp_path / "wrong"), "--check"]) == 1
    shown = capsys.readouterr().out
    assert "used  nothing" in shown
    assert "PIX-012  12 files set aside: " in shown
    assert "air is 24." in shown
    assert "12 files = 0 in series + 12 set aside" in shown
