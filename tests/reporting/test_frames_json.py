"""Frames of a multi-frame file in ``results.json``: numbered, and back again."""

import json
from dataclasses import replace

from netimg.reporting import write_report
from netimg.reporting.results_json import load_result
from tests.make import result as make
from tests.reporting.test_results_json import validator


def test_frame_numbers_go_out_by_the_schema_and_come_back(tmp_path):
    result = make.result()
    ct = result.study.ct
    many = tuple(
        replace(i, sop_instance_uid="1.2.3", frame_number=20 - z)
        for z, i in enumerate(ct.instances)
    )
    ct = replace(ct, instances=many)
    study = replace(result.study, ct=ct, series=(ct, *result.study.series[1:]))
    out = write_report(replace(result, study=study), tmp_path / "out", outputs=["csv", "nifti"])
    document = json.loads((out / "results.json").read_text("utf-8"))
    validator("results-1").validate(document)
    columns = [series["instances"] for series in document["series"]]
    assert columns[0]["frame_number"] == list(range(20, 0, -1))
    assert "frame_number" not in columns[1]  # files of one picture each
    back = load_result(out).study
    assert [i.frame_number for i in back.series[0].instances] == list(range(20, 0, -1))
    assert {i.frame_number for i in back.series[1].instances} == {None}
