import csv
import json
from dataclasses import replace

import pytest

from netimg.reporting.batch_tables import (
    FAILED_COLUMNS,
    SUMMARY_COLUMNS,
    failed_row,
    label_of,
    summary_row,
    write_failed,
    write_summary,
)
from tests.make import result as make

OUTCOME = {
    "label": "p7", "input": "somewhere/patient_07", "code": "", "exit_code": 0, "attempts": 1,
    "seconds": 12.5, "host": "h", "finished_at": "2026-03-03T08:01:00+00:00", "state": "done",
    "what": "", "where": "", "todo": "", "stage": "",
}  # fmt: skip


def read(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def manifest(folder):
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def test_uptake_of_the_whole_pet_stands_in_where_no_lesion_is_known(document, manifest):
    scan = {"name": "sstr_suv_max", "value": 80.0, "scope": "pet", "id": "sstr"}
    lesions = [f for f in document["findings"] if f["scope"] == "lesion"]
    rows = [
        summary_row(
            {**document, "findings": found}, manifest, status="done", outcome=OUTCOME
        )["sstr_suv_max"]
        for found in ([scan], [*lesions, scan])
    ]  # fmt: skip
    assert rows == [80.0, 20.0]


def test_columns_are_those_of_the_interface():
    assert ",".join(SUMMARY_COLUMNS) == (
        "label,input,status,code,exit_code,attempts,seconds,peak_memory_mb,host,finished_at,"
        "netimg_version,model,study_uid,study_date,ct_series_uid,ct_phase,ct_spacing_z_mm,"
        "pet_sstr_series_uid,tracer,pet_fdg_series_uid,liver_volume_ml,tumour_volume_ml,"
        "burden_pct,burden_lo_pct,burden_hi_pct,lesion_count,bilobar,segments_involved,"
        "dominant_lesion_pct,longest_mm,sum_diameters_mm,sstr_suv_max,sstr_tv_ml,sstr_tl_g,"
        "krenning_max,fdg_suv_max,netpet,options_eligible,options_open,options_excluded,"
        "criteria_met,criteria_not_met,criteria_unknown,facts,missing_first,flags_high,"
        "flags_medium,report"
    )
    assert ",".join(FAILED_COLUMNS) == (
        "label,input,code,what,where,todo,stage,exit_code,attempts,seconds,host,log"
    )


def test_a_finished_study_fills_its_row(tmp_path, document, manifest):
    row = summary_row(document, manifest, status="done", outcome=OUTCOME)
    write_summary(tmp_path / "summary.csv", [row])
    (line,) = read(tmp_path / "summary.csv")
    expected = {
        "label": "p7", "input": "somewhere/patient_07", "status": "done", "seconds": "12.5",
        "netimg_version": "0.1.0", "model": "liver-lesions 1.0", "ct_phase": "portal",
        "ct_spacing_z_mm": "8", "tracer": "dotatate_ga68", "lesion_count": "2",
        "bilobar": "true", "segments_involved": "II;VII", "sstr_suv_max": "20",
        "krenning_max": "4", "criteria_met": "2", "criteria_not_met": "1",
        "criteria_unknown": "1", "options_open": "0", "facts": "true",
        "missing_first": "clinical.weight_kg", "flags_high": "0", "flags_medium": "1",
        "fdg_suv_max": "", "report": "studies/p7/report.html",
    }  # fmt: skip
    assert {key: line[key] for key in expected} == expected
    assert float(line["burden_lo_pct"]) < float(line["burden_pct"]) < float(line["burden_hi_pct"])


def test_a_failed_study_has_a_row_in_both_tables(tmp_path):
    refused = OUTCOME | {
        "state": "failed", "code": "IDX-018", "exit_code": 4, "what": "20 PR, no CT.",
        "where": "p7", "todo": "=Give a CT.",
    }  # fmt: skip
    write_summary(tmp_path / "s.csv", [summary_row(None, None, status="failed", outcome=refused)])
    write_failed(tmp_path / "f.csv", [failed_row(refused)])
    (summary,), (failed,) = read(tmp_path / "s.csv"), read(tmp_path / "f.csv")
    assert (summary["status"], summary["code"], summary["burden_pct"]) == ("failed", "IDX-018", "")
    assert failed["what"] == "20 PR, no CT."
    assert failed["todo"] == "'=Give a CT."


def test_rows_are_sorted_by_label_and_no_failure_leaves_the_header(tmp_path):
    rows = [{"label": "b"}, {"label": "a"}]
    write_summary(tmp_path / "s.csv", rows)
    write_failed(tmp_path / "f.csv", [])
    assert [row["label"] for row in read(tmp_path / "s.csv")] == ["a", "b"]
    assert (tmp_path / "f.csv").read_text() == ",".join(FAILED_COLUMNS) + "\n"


def test_privacy_leaves_input_and_uid_empty(document, manifest):
    hidden = document | {"privacy": True}
    row = summary_row(hidden, manifest, status="done", outcome=OUTCOME)
    assert row["input"] is None
    assert row["study_uid"] is None


def test_a_study_without_ct_has_empty_cells(document):
    study = {k: v for k, v in document["study"].items() if k != "ct_series"}
    row = summary_row(document | {"study": study}, None, status="done", outcome=OUTCOME)
    assert row["ct_series_uid"] is None
    assert row["ct_spacing_z_mm"] is None


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("a/b/patient 07", "patient_07"),
        ("C:\\data\\p7", "p7"),
        ("", "study"),
        ("x" * 100, "x" * 60),
        ("/data/Müller", "M_ller"),
    ],
)
def test_the_label_of_a_single_study_is_the_safe_name_of_its_input(source, label):
    assert label_of(replace(make.result().study, source=source)) == label
