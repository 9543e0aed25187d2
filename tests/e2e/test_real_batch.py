"""``netimg batch`` on the two real CTs of liver metastases, with the default model."""

import csv
import json
from pathlib import Path

import pytest

from netimg.cli.app import call

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def test_two_real_studies_are_done_and_the_next_call_skips_them(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["batch", str(shared_data / "crlm_ct"), "-o", str(out), "--timeout-s", "3600", "-q"]
    assert call(words) == 0
    assert capsys.readouterr().out.startswith("2 done, 0 failed, 0 skipped, ")
    rows = list(csv.DictReader((out / "summary.csv").read_text("utf-8").splitlines()))
    assert [row["label"][:12] for row in rows] == ["CRLM-CT-1004", "CRLM-CT-1006"]
    for row in rows:
        assert row["status"] == "done"
        assert float(row["liver_volume_ml"]) > 0
        assert (out / row["report"]).is_file()
        assert (out / "studies" / row["label"] / "manifest.json").is_file()
    before = [(out / "studies" / row["label"] / "manifest.json").read_bytes() for row in rows]
    assert call(words) == 0
    assert capsys.readouterr().out.startswith("0 done, 0 failed, 2 skipped, ")
    after = [(out / "studies" / row["label"] / "manifest.json").read_bytes() for row in rows]
    assert after == before
    assert json.loads((out / "batch.json").read_text("utf-8"))["counts"] == {"done": 2}
