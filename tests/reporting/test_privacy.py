import csv
import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from netimg.errors import OutputError
from netimg.flag import Flag, Severity
from netimg.reporting import write_report
from netimg.reporting.privacy import private_key, without_identity
from netimg.settings import Settings
from tests.make import result as make

KEY = bytes(range(32))
IDENTITY = (
    "Doe", "Jane", "PID-4711", "ACC99", "1974", "2026-03", "20260302", "2026-02-20",
    "patient_07", "1.2.826.0.1.100", "1.2.826.0.1.200", "DOTATATE WB", "ller",
    "README", "ward", "CT abdomen", "portal venous", "ct_00",
)  # fmt: skip


@pytest.fixture
def settings_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings" / "netimg"


def test_no_output_holds_a_string_of_the_identity(tmp_path, settings_folder):
    settings_folder.mkdir(parents=True)
    (settings_folder / "privacy.key").write_text(KEY.hex())  # a year can occur in a random UID
    result = make.result_with_files(tmp_path)
    told = Flag(
        code="x", severity=Severity.HIGH,
        sentence='Series "DOTATATE WB" of DOE, 2026-03-02T10:41:00, file README.txt.',
    )  # fmt: skip
    result = replace(result, flags=(*result.flags, told))
    out = write_report(result, tmp_path / "out", privacy=True)
    assert (out / "dicom" / "seg_lesions.dcm").is_file()
    assert not (out / "facts.json").exists()
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        for text in IDENTITY:
            for code in ("utf-8", "utf-16-le"):
                assert text.encode(code) not in content, (path.name, text)
            assert text not in path.name


@pytest.mark.usefixtures("settings_folder")
def test_ages_intervals_and_numbers_stay(tmp_path):
    result = make.result()
    out = write_report(result, tmp_path / "out", privacy=True)
    document = json.loads((out / "results.json").read_text("utf-8"))
    assert document["privacy"] is True
    assert document["patient"]["age_y"]["value"] == 52.0
    assert document["set_aside"] == [{"code": "IDX-004", "count": 1}]
    burden = next(f for f in document["findings"] if f["name"] == "burden_pct")
    assert burden["value"] == result.findings["burden_pct"].value
    page = (out / "report.html").read_text("utf-8")
    assert "day 0" in page
    assert "day -10" in page
    assert "10 d" in page
    with (out / "input.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["path"] == "file#1"
    assert rows[0]["code"] == "IDX-004"


@pytest.mark.parametrize(("age", "shown"), [(89.0, 89.0), (89.5, "90+"), (97.0, "90+")])
@pytest.mark.usefixtures("settings_folder")
def test_the_oldest_share_one_age(tmp_path, age, shown):
    result = make.result(pet=False)
    patient = replace(result.study.patient, age_y=age)
    old = replace(result, study=replace(result.study, patient=patient))
    out = write_report(old, tmp_path / "out", outputs=["csv"], privacy=True)
    document = json.loads((out / "results.json").read_text("utf-8"))
    assert document["patient"]["age_y"]["value"] == shown


def test_the_same_key_gives_the_same_alias_and_another_key_another():
    result = make.result()
    first, again = without_identity(result, KEY), without_identity(result, KEY)
    other = without_identity(result, KEY[::-1])
    assert first.study.patient.id == again.study.patient.id
    assert first.study.uid == again.study.uid
    assert first.study.patient.id != other.study.patient.id
    assert first.study.uid != other.study.uid
    assert first.study.uid.startswith("2.25.")
    assert len(first.study.uid) <= 64


def test_the_images_themselves_are_not_touched():
    result = make.result()
    hidden = without_identity(result, KEY)
    assert hidden.anatomy.liver is result.anatomy.liver
    assert np.array_equal(hidden.study.ct.load().values, result.study.ct.load().values)
    assert hidden.study.ct in hidden.study.series


def test_the_key_is_made_once_and_is_for_the_user_alone(settings_folder):
    key = private_key()
    assert len(key) == 32
    assert private_key() == key
    assert (settings_folder / "privacy.key").stat().st_mode & 0o077 == 0


def test_a_damaged_key_is_said(settings_folder):
    settings_folder.mkdir(parents=True)
    (settings_folder / "privacy.key").write_text("not hexadecimal")
    with pytest.raises(OutputError, match=r"OUT-001 .*privacy mode"):
        private_key()


@pytest.mark.usefixtures("settings_folder")
def test_the_setting_turns_it_on_too(tmp_path):
    settings = Settings.shipped().with_values({"reporting.privacy": True}, layer="test")
    out = write_report(make.result(pet=False), tmp_path / "out", outputs=["csv"], settings=settings)
    assert "PID-4711" not in (out / "results.json").read_text("utf-8")
    assert "Doe" not in (out / "lesions.csv").read_text("utf-8")
