"""`run_batch`: every study gets a status and a reason, and a bad one costs itself only."""

import json
import shutil

import jsonschema
import pytest

from netimg.batch import State
from netimg.errors import NetimgError
from netimg.resources import shipped
from tests.batch.conftest import batch, cohort, document, states, table
from tests.make import dicom as make


@pytest.fixture(scope="module")
def first(mixed, tmp_path_factory):
    """The first call on the mixed cohort: its folder and its result."""
    out = tmp_path_factory.mktemp("batch") / "out"
    return out, batch(mixed, out)


def test_a_bad_study_does_not_stop_the_rest(first):
    _, result = first
    assert states(result) == {
        "anna": ("done", ""),
        "bert": ("done", ""),
        "letters": ("failed", "IDX-018"),
        "mixed-up": ("failed", "IDX-020"),
        "nobody": ("failed", "IDX-001"),
    }
    assert result.exit_code == 5


def test_every_study_has_a_row_with_its_status_sorted_by_label(first):
    out, result = first
    rows = table(out / "summary.csv")
    assert [row["label"] for row in rows] == [o.label for o in result.outcomes]
    assert [row["status"] for row in rows] == ["done", "done", "failed", "failed", "failed"]
    done, failed = rows[0], rows[3]
    assert done["tracer"] == "dotatate_ga68"
    assert (out / done["report"]).suffix in (".html", "")
    assert failed["code"] == "IDX-020"
    assert failed["exit_code"] == "3"


def test_a_failed_study_has_the_four_parts_of_its_refusal_and_no_folder(first):
    out, _ = first
    rows = table(out / "failed.csv")
    assert [row["code"] for row in rows] == ["IDX-018", "IDX-020", "IDX-001"]
    for row in rows:
        assert row["what"]
        assert row["todo"]
        assert row["input"]
        assert not (out / "studies" / row["label"]).exists()
        assert row["log"] == ("" if row["stage"] == "index" else f"logs/{row['label']}.jsonl")
        kept = document(out / "status" / f"{row['label']}.json")
        assert {key: kept[key] for key in ("code", "what", "where", "todo")} == {
            key: row[key] for key in ("code", "what", "where", "todo")
        }


def test_every_attempt_has_a_log_that_names_its_stages_and_no_patient(first):
    out, result = first
    begun = {o.label for o in result.outcomes if o.stage != "index"}
    assert {path.name for path in (out / "logs").iterdir()} == {f"{n}.jsonl" for n in begun}
    for outcome in result.outcomes[:2]:
        text = (out / outcome.log).read_text("utf-8")
        events = [json.loads(line) for line in text.splitlines()]
        stages = [e["stage"] for e in events if e["event"] == "stage"]
        assert stages == ["read", "segment", "measure", "plan", "assess", "report"]
        assert "anna" not in text.casefold()


def test_a_label_is_the_name_of_the_folder_and_says_nothing_of_the_patient(first):
    out, result = first
    keys = document(out / "batch.json")["studies"]
    for outcome in result.outcomes[:2]:
        name, digits = outcome.label.rsplit("-", 1)
        assert name in ("anna", "bert")
        assert keys[outcome.label]["key"].startswith(digits)
        assert len(digits) == 8


def test_the_document_of_the_batch_fits_its_schema(first):
    out, _ = first
    schema = json.loads(shipped("configs", "schemas", "batch-1.json").read_text("utf-8"))
    found = document(out / "batch.json")
    jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)
    assert found["counts"] == {"done": 2, "failed": 3}


def test_nothing_half_written_is_left(first):
    out, _ = first
    assert not list(out.rglob(".netimg-*"))


def test_a_second_call_skips_what_is_finished_and_keeps_the_failures(first, mixed):
    out, result = first
    before = _kept(out)
    keys = document(out / "batch.json")["studies"]
    manifest = next((out / "studies").iterdir()) / "manifest.json"
    written = manifest.stat().st_mtime_ns
    again = batch(mixed, out)
    assert again.count(State.SKIPPED) == 2
    assert again.count(State.FAILED) == 3
    assert manifest.stat().st_mtime_ns == written
    # Nothing changes on disk: a study that was skipped is as done as it was.
    assert _kept(out) == before
    assert document(out / "batch.json")["studies"] == keys
    # Not tried again: the very outcome of the first call, with its seconds and its time.
    assert again.outcomes[3] == result.outcomes[3]


def _kept(out):
    """Bytes of the tables and of each study's status."""
    paths = [out / "summary.csv", out / "failed.csv"]
    paths += [path for name in ("status", "logs") for path in (out / name).iterdir()]
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.slow
def test_a_failed_study_is_tried_again_when_that_is_asked_for(tmp_path):
    root, out = cohort(tmp_path / "in", "carl"), tmp_path / "out"
    make.bend(root / "carl" / "IM0001.dcm", PatientID="dora")
    assert states(batch(root, out)) == {"carl": ("failed", "IDX-020")}
    make.bend(root / "carl" / "IM0001.dcm", PatientID="carl")  # same UIDs and sizes: same study
    assert states(batch(root, out)) == {"carl": ("failed", "IDX-020")}
    result = batch(root, out, retry_failed=True)
    assert states(result) == {"carl": ("done", "")}
    assert table(out / "failed.csv") == []
    assert result.exit_code == 0


def test_two_workers_write_the_same_bytes_as_one(first, mixed, tmp_path):
    out, _ = first
    both = tmp_path / "out"
    assert states(batch(mixed, both, batch__jobs=2))["anna"] == ("done", "")
    compared = 0
    for folder in (out / "studies").iterdir():
        one = document(folder / "manifest.json")
        two = document(both / "studies" / folder.name / "manifest.json")
        timed = " ".join(one["volatile"])
        for name, entry in one["files"].items():
            if name not in timed:
                assert two["files"][name]["sha256"] == entry["sha256"], name
                compared += 1
    assert compared > 4


@pytest.mark.slow
def test_results_made_with_other_options_stay_until_told_otherwise(first, mixed, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(first[0], out)
    other = {"measurement__liver_ref_mm": 20.0}
    result = batch(mixed, out, **other)
    assert states(result)["anna"] == ("failed", "OUT-002")
    assert "--overwrite" in result.outcomes[0].todo
    # The result is still there, so the next call with the first options finds it.
    assert states(batch(mixed, out))["anna"] == ("skipped", "")


@pytest.mark.slow
def test_privacy_leaves_no_name_of_a_file_in_the_tables(mixed, tmp_path):
    out = tmp_path / "out"
    result = batch(mixed, out, reporting__privacy=True)
    assert result.count(State.DONE) == 2
    texts = [path.read_text("utf-8") for path in out.glob("*.*")]
    texts += [path.read_text("utf-8") for path in (out / "status").iterdir()]
    names = " ".join(str(path.relative_to(out)) for path in out.rglob("*"))
    for text in (*texts, names):
        for word in ("anna", "bert", "mixed-up", "letters", "nobody", str(mixed), "somebody"):
            assert word not in text


@pytest.mark.parametrize("place", ["inside", "around", "the same"])
def test_an_output_and_an_input_inside_each_other_are_refused(place, tmp_path):
    root = cohort(tmp_path / "in", "emil")
    out = {"inside": root / "out", "around": tmp_path, "the same": root}[place]
    with pytest.raises(NetimgError, match="OUT-005"):
        batch(root, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert sorted(path.name for path in root.iterdir()) == ["emil"]


def test_a_folder_of_other_things_is_not_written_into(tmp_path):
    root, out = cohort(tmp_path / "in", "emil"), tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("ten years of work", "utf-8")
    with pytest.raises(NetimgError, match="OUT-002"):
        batch(root, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reporting__outputs": ["csv", "pdf"]}, "USE-001"),
        ({"criteria__profiles": ["CYTO-71"]}, "CRIT-002"),
        ({"segmentation__model": "no-such-net"}, "MDL-001"),
    ],
)
def test_options_no_study_could_be_run_with_are_refused_before_any_work(changes, code, tmp_path):
    root, out = cohort(tmp_path / "in", "emil"), tmp_path / "out"
    with pytest.raises(NetimgError, match=code):
        batch(root, out, **changes)
    assert not out.exists()


@pytest.mark.parametrize(("content", "code"), [(None, "IDX-001"), ("letter", "IDX-018")])
def test_one_input_without_any_study_is_refused(content, code, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    if content:
        (root / "a.txt").write_text(content, "utf-8")
    with pytest.raises(NetimgError, match=code):
        batch(root, out)
    assert not out.exists()
