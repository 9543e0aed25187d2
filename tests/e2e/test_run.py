"""``netimg run`` from a folder to a folder, and what it says when something is wrong."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from netimg.cli.app import call
from tests.e2e.conftest import PHANTOM, TRUE_MASKS, WITH_FACTS


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_the_folder_holds_what_was_asked_for_and_nothing_else(phantom_out: Path) -> None:
    there = {str(p.relative_to(phantom_out)) for p in phantom_out.rglob("*") if p.is_file()}
    assert {
        "results.json", "manifest.json", "facts.json", "lesions.csv", "findings.csv",
        "criteria.csv", "input.csv", "report.html", "masks/liver.nii.gz",
        "masks/lesions.nii.gz", "masks/segments.nii.gz", "masks/organs.nii.gz",
        "masks/labels.json", "dicom/seg_lesions.dcm", "dicom/seg_anatomy.dcm",
        "pictures/index.json",
    } <= there  # fmt: skip
    others = {name for name in there if not name.startswith(("pictures/", "masks/", "dicom/"))}
    assert len(others) == 8
    assert not list(phantom_out.parent.glob(".netimg-*"))


def test_the_manifest_names_every_other_file_with_its_size(phantom_out: Path) -> None:
    manifest = json.loads((phantom_out / "manifest.json").read_text("utf-8"))
    there = {str(p.relative_to(phantom_out)) for p in phantom_out.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == there - {"manifest.json"}
    for name, entry in manifest["files"].items():
        assert (phantom_out / name).stat().st_size == entry["size"]


def test_every_file_of_the_input_has_a_row(phantom_out: Path) -> None:
    rows = list(csv.DictReader((phantom_out / "input.csv").read_text("utf-8").splitlines()))
    files = [p for p in PHANTOM.rglob("*") if p.is_file()]
    assert len(rows) == len(files)
    fates = {row["path"]: row["fate"] for row in rows if row["fate"] != "series"}
    assert fates == {
        "MADE_BY": "set aside",
        "truth.json": "set aside",
        "facts.toml": "used: clinical facts",
        "truth_labels.nii.gz": "used: mask",
        "truth_lesions.nii.gz": "used: lesion mask",
    }


def test_a_second_call_finds_the_result_and_does_nothing(
    phantom_out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (phantom_out / "manifest.json").read_bytes()
    assert call(["run", str(PHANTOM), "-o", str(phantom_out), *WITH_FACTS, "-q"]) == 0
    assert "nothing was done" in capsys.readouterr().out
    assert (phantom_out / "manifest.json").read_bytes() == before


def test_a_result_of_other_options_is_not_replaced_without_being_told(
    phantom_out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (phantom_out / "manifest.json").read_bytes()
    assert call(["run", str(PHANTOM), "-o", str(phantom_out), *TRUE_MASKS, "-q"]) == 8
    shown = capsys.readouterr().err
    assert "OUT-002" in shown
    assert "--overwrite" in shown
    assert (phantom_out / "manifest.json").read_bytes() == before


def test_the_same_input_gives_the_same_bytes(phantom_out: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert call(["run", str(PHANTOM), "-o", str(again), *WITH_FACTS, "-q"]) == 0
    first, second = (
        json.loads((out / "manifest.json").read_text("utf-8")) for out in (phantom_out, again)
    )
    timed = {
        entry.split("/", 1)[1].rsplit("/", 1)[0] for entry in first["volatile"] if "/" in entry
    }
    for name, entry in first["files"].items():
        if name not in timed:
            assert second["files"][name]["sha256"] == entry["sha256"], name


def test_json_on_stdout_is_the_results_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["run", str(PHANTOM), "-o", str(out), *TRUE_MASKS, "--outputs", "csv", "--json", "-q"]
    assert call(words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "results.json").read_text("utf-8"))
    assert not (out / "report.html").exists()


def test_the_text_of_a_run_is_short_and_says_what_was_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(["run", str(PHANTOM), "-o", str(out), *WITH_FACTS, "--outputs", "csv"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert 5 <= len(lines) <= 25
    assert lines[0].startswith("CT   series 1  portal venous phase, 3 mm, 87 slices")
    assert any("burden" in line for line in lines)
    assert "measure ..." in shown.err
    assert "\x1b" not in shown.out + shown.err


def test_the_log_has_the_stages_and_the_choices_and_no_word_of_the_patient(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pydicom

    out, log = tmp_path / "out", tmp_path / "run.jsonl"
    words = ["run", str(PHANTOM), "-o", str(out), *WITH_FACTS, "--outputs", "csv", "-v"]
    assert call([*words, "--log", str(log)]) == 0
    said = capsys.readouterr().err
    assert "CT series 1: chosen: the only usable CT" in said
    assert any(line.startswith("measure ") and line.endswith(" s") for line in said.splitlines())
    text = log.read_text("utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    stages = {e["stage"]: e["seconds"] for e in events if e["event"] == "stage"}
    assert list(stages) == ["read", "segment", "measure", "plan", "assess", "report"]
    assert min(stages.values()) >= 0.0
    (chosen,) = (e for e in events if e["event"] == "CT chosen")
    assert (chosen["series"], chosen["why"]) == (1, "chosen: the only usable CT")
    (result,) = (e for e in events if e["event"] == "result")
    assert result["flags"] >= len(result["codes"])
    for path in PHANTOM.glob("*/*"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "SeriesDescription",
                        "StudyDescription", "AccessionNumber"):  # fmt: skip
            value = str(header.get(keyword, ""))
            assert not value or value not in text, keyword


def test_a_log_that_cannot_be_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(PHANTOM), "-o", str(tmp_path / "out"), "--log", str(tmp_path / "no" / "l")]
    status, said = _refusal(words, capsys)
    assert (status, said[:7]) == (2, "USE-001")
    assert "--log" in said


def test_the_plan_of_the_networks_needs_no_output_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["run", str(PHANTOM), "--explain-plan"]) == 0
    assert "stage   liver: " in capsys.readouterr().out
    assert call(["run", str(PHANTOM), "--explain-plan", "--json"]) == 0
    shown = capsys.readouterr()
    assert [s["name"] for s in json.loads(shown.out)["stages"]] == ["locator", "liver", "lesion"]
    assert shown.err == ""
    assert not list(tmp_path.iterdir())


def test_without_facts_the_answers_that_need_them_name_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["run", str(PHANTOM), "-o", str(out), *TRUE_MASKS, "--outputs", "csv", "-q"]
    assert call(words) == 0
    document = json.loads((out / "results.json").read_text("utf-8"))
    rows = {row["id"]: row for row in document["assessment"]["criteria"]}
    assert rows["PROMID"]["status"] == "met"
    assert rows["FLR-STD"]["status"] == "unknown"
    reasons = rows["FLR-STD"]["reasons"]
    assert any(reason.startswith("missing_input:clinical.") for reason in reasons), reasons


def test_an_eighth_criterion_is_judged_without_a_line_of_python(tmp_path: Path) -> None:
    rules = tmp_path / "house"
    rules.mkdir()
    source = Path(__file__).resolve().parents[2] / "configs" / "criteria" / "TRIAL-RETNET.toml"
    text = source.read_text("utf-8").replace("RETNET-BURDEN", "RETNET-HOUSE")
    (rules / "TRIAL-RETNET.toml").write_text(text, "utf-8")
    out = tmp_path / "out"
    words = ["run", str(PHANTOM), "-o", str(out), *TRUE_MASKS, "--outputs", "csv", "-q"]
    assert call([*words, "--set", f"criteria.extra=['{rules}']"]) == 0
    document = json.loads((out / "results.json").read_text("utf-8"))
    rows = {row["id"]: row["status"] for row in document["assessment"]["criteria"]}
    assert rows["RETNET-HOUSE"] == "met"


def _copy(tmp_path: Path, *parts: str) -> Path:
    folder = tmp_path / "in"
    for part in parts:
        shutil.copytree(PHANTOM / part, folder / part)
    return folder


def _refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = call([*words, "-q"])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert shown.out == ""
    return status, shown.err.strip()


def test_an_empty_folder_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    status, said = _refusal(["run", str(empty), "-o", str(out)], capsys)
    assert (status, said[:7]) == (3, "IDX-001")
    assert not out.exists()


@pytest.mark.parametrize("kind", ["text file", "nothing"])
def test_a_path_that_is_no_study_ends_with_3(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "notes.txt", tmp_path / "out"
    if kind == "text file":
        path.write_text("a letter", "utf-8")
    status, said = _refusal(["run", str(path), "-o", str(out)], capsys)
    assert (status, said[:7]) == (3, "IDX-002")
    assert "notes.txt" in said
    assert not out.exists()


def test_a_folder_of_other_files_ends_with_4_and_says_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "letters", tmp_path / "out"
    folder.mkdir()
    (folder / "a.txt").write_text("a letter", "utf-8")
    status, said = _refusal(["run", str(folder), "-o", str(out)], capsys)
    assert (status, said[:7]) == (4, "IDX-018")
    assert not out.exists()


def test_an_unreadable_file_among_good_ones_costs_that_file_only(tmp_path: Path) -> None:
    folder, out = _copy(tmp_path, "CT"), tmp_path / "out"
    (folder / "CT" / "broken.dcm").write_bytes(b"\x00" * 128 + b"DICM" + b"\x08\x00\x05")
    words = ["run", str(folder), "-o", str(out), *TRUE_MASKS, "--outputs", "csv", "-q"]
    assert call(words) == 0
    rows = {
        row["path"]: row
        for row in csv.DictReader((out / "input.csv").read_text("utf-8").splitlines())
    }
    broken = rows["CT/broken.dcm"]
    assert broken["code"] in ("IDX-003", "IDX-004", "IDX-005")
    assert broken["sentence"]


def test_a_pet_without_weight_is_measured_without_suv_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pydicom

    folder, out = _copy(tmp_path, "CT", "PET_SSTR"), tmp_path / "out"
    for path in (folder / "PET_SSTR").iterdir():
        header = pydicom.dcmread(path)
        del header.PatientWeight
        header.save_as(path)
    words = ["run", str(folder), "-o", str(out), *TRUE_MASKS, "--outputs", "csv"]
    assert call(words) == 0
    assert "SUV-001" in capsys.readouterr().out
    document = json.loads((out / "results.json").read_text("utf-8"))
    missing = [f for f in document["findings"] if f["name"] == "sstr_suv_max"]
    assert missing
    assert all(f.get("value") is None and f["reason"] == "missing_input:suv" for f in missing)
    status, said = _refusal(
        [*words[:3], str(tmp_path / "b"), *TRUE_MASKS, "--require", "suv"], capsys
    )
    assert (status, said[:7]) == (4, "RUN-005")
    assert "SUV-001" in said
    assert "--weight-kg" in said
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("part", "words", "why"),
    [
        ("pet", TRUE_MASKS, "No PET series could be read"),
        ("suv", TRUE_MASKS, "No PET series could be read"),
        ("facts", TRUE_MASKS, "--facts"),
        ("liver", TRUE_MASKS[4:], "hold no liver"),
        ("segments", TRUE_MASKS[4:], "hold no liver"),
    ],
)
def test_a_required_part_that_cannot_be_had_ends_with_4_and_says_why(
    part: str,
    words: list[str],
    why: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = ["run", str(PHANTOM / "CT"), "-o", str(tmp_path / "out"), *words, "--require", part]
    status, said = _refusal(line, capsys)
    assert (status, said[:7]) == (4, "RUN-005")
    assert why in said
    assert not (tmp_path / "out").exists()


def test_the_weight_can_be_typed_and_is_marked_as_typed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["run", str(PHANTOM), "-o", str(out), *TRUE_MASKS, "--weight-kg", "40", "-q"]
    assert call([*words, "--outputs", "csv"]) == 0
    document = json.loads((out / "results.json").read_text("utf-8"))
    notes = json.dumps(document["series"])
    assert "SUV-020" in notes


def test_an_unknown_profile_ends_with_2_and_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(PHANTOM), "-o", str(tmp_path / "out"), *TRUE_MASKS]
    status, said = _refusal([*words, "--profile", "CYTO-71"], capsys)
    assert (status, said[:8]) == (2, "CRIT-002")
    assert "CYTO-70" in said
    assert not (tmp_path / "out").exists()


def test_an_unknown_fact_ends_with_3_in_a_file_and_with_2_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "facts.toml"
    facts.write_text('schema = "netimg.facts/1"\n[clinical]\necgo = 1\n', "utf-8")
    words = ["run", str(PHANTOM), "-o", str(tmp_path / "out"), *TRUE_MASKS]
    status, said = _refusal([*words, "--facts", str(facts)], capsys)
    assert (status, said[:8]) == (3, "FACT-KEY")
    assert "clinical.ecog" in said
    status, said = _refusal([*words, "--fact", "clinical.ecgo=1"], capsys)
    assert (status, said[:7]) == (2, "USE-001")
    assert "clinical.ecog" in said
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_not_there_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(PHANTOM), "-o", str(tmp_path / "out"), *TRUE_MASKS, "--outputs", "html,pdf"]
    status, said = _refusal(words, capsys)
    assert (status, said[:7]) == (2, "USE-001")
    assert "html, csv, nifti, seg" in said


def test_an_output_inside_the_input_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _copy(tmp_path, "CT")
    status, said = _refusal(["run", str(folder), "-o", str(folder / "out")], capsys)
    assert (status, said[:7]) == (8, "OUT-005")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "manifest", [None, '{"name": "A web application", "icons": []}', "[]", "no JSON"]
)
def test_a_foreign_folder_is_never_replaced(
    manifest: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if manifest is not None:
        (out / "manifest.json").write_text(manifest, "utf-8")
    (out / "thesis.txt").write_text("ten years of work", "utf-8")
    words = ["run", str(PHANTOM), "-o", str(out), *TRUE_MASKS, "--overwrite"]
    status, said = _refusal(words, capsys)
    assert (status, said[:7]) == (8, "OUT-002")
    assert (out / "thesis.txt").read_text("utf-8") == "ten years of work"


def test_a_file_that_somebody_keeps_in_a_result_is_never_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["run", str(PHANTOM), "-o", str(out), *TRUE_MASKS, "--outputs", "csv", "-q"]
    assert call(words) == 0
    (out / "thesis.txt").write_text("ten years of work", "utf-8")
    capsys.readouterr()
    status, said = _refusal([*words[:-1], "--overwrite", "--weight-kg", "71"], capsys)
    assert (status, said[:7]) == (8, "OUT-002")
    assert "thesis.txt" in said
    assert (out / "thesis.txt").read_text("utf-8") == "ten years of work"


def test_only_a_liver_mask_leaves_the_burden_unknown(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["run", str(PHANTOM), "-o", str(out), "--outputs", "csv", "-q"]
    labels = ["--mask", str(PHANTOM / "truth_labels.nii.gz"), "--label-map", "netimg"]
    assert call([*words, *labels]) == 0
    assert _finding(out, "burden_pct")["reason"] == "missing_input:lesions"
    none = tmp_path / "none"
    assert call(["run", str(PHANTOM), "-o", str(none), "--outputs", "csv", "-q", *labels,
                 "--no-lesions"]) == 0  # fmt: skip
    assert _finding(none, "burden_pct")["value"] == 0.0


def _finding(out: Path, name: str) -> dict[str, Any]:
    document = json.loads((out / "results.json").read_text("utf-8"))
    found: dict[str, Any] = next(f for f in document["findings"] if f["name"] == name)
    return found
