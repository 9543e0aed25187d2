import errno
import hashlib
import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from netimg.errors import OutputError, UsageError
from netimg.reporting import write_report
from netimg.reporting.write import recorded_at
from tests.make import result as make


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_every_output_of_the_default_list_is_written(tmp_path):
    result = make.result_with_files(tmp_path)
    out = write_report(result, tmp_path / "out")
    names = set(files_of(out))
    assert {
        "results.json", "manifest.json", "facts.json", "report.html", "lesions.csv",
        "findings.csv", "criteria.csv", "input.csv", "masks/liver.nii.gz",
        "masks/lesions.nii.gz", "masks/segments.nii.gz", "masks/organs.nii.gz",
        "masks/labels.json", "dicom/seg_lesions.dcm", "dicom/seg_anatomy.dcm",
        "pictures/index.json", "pictures/axial_01.png", "pictures/axial_montage.png",
        "pictures/coronal_01.png", "pictures/mip_2_anterior.png", "pictures/lesion_L1_ct.png",
        "pictures/lesion_L2_pet_2.png",
    } <= names  # fmt: skip


def test_an_output_that_is_not_asked_for_is_absent_not_empty(tmp_path, shown):
    out = write_report(shown, tmp_path / "out", outputs=["csv"])
    assert set(files_of(out)) == {
        "results.json", "manifest.json", "facts.json", "lesions.csv", "findings.csv",
        "criteria.csv", "input.csv",
    }  # fmt: skip


def test_an_output_nobody_writes_is_refused_with_the_list_of_what_there_is(tmp_path, shown):
    with pytest.raises(UsageError, match=r"USE-001 .*'pdf'.*html, csv, nifti, seg"):
        write_report(shown, tmp_path / "out", outputs=["html", "pdf"])
    assert not (tmp_path / "out").exists()


def test_the_manifest_holds_hash_and_size_of_every_other_file(folder):
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    there = files_of(folder)
    del there["manifest.json"]
    assert set(manifest["files"]) == set(there)
    for path, content in there.items():
        entry = manifest["files"][path]
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["size"] == len(content)
    assert manifest["files"]["masks/liver.nii.gz"]["media_type"] == "application/gzip"


def test_results_json_lists_every_file_but_the_manifest(folder, document):
    listed = {entry["path"]: entry["kind"] for entry in document["files"]}
    assert set(listed) == set(files_of(folder)) - {"manifest.json"}
    assert listed["report.html"] == "report"
    assert listed["masks/liver.nii.gz"] == "mask"


def test_writing_twice_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1772445600")
    result = make.result_with_files(tmp_path)
    first = files_of(write_report(result, tmp_path / "a"))
    second = files_of(write_report(result, tmp_path / "b"))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_later_run_changes_only_what_the_manifest_calls_volatile(tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    result = make.result_with_files(tmp_path)
    later = replace(
        result.manifest, finished_at="2026-04-01T10:00:00+00:00", stages=(("read", 9.9),)
    )
    outputs = ("csv", "nifti", "seg")
    first = write_report(result, tmp_path / "a", outputs=outputs)
    second = write_report(replace(result, manifest=later), tmp_path / "b", outputs=outputs)
    one, two = files_of(first), files_of(second)
    differing = {name for name in one if one[name] != two[name]}
    assert differing == {"manifest.json", "dicom/seg_lesions.dcm", "dicom/seg_anatomy.dcm"}
    volatile = json.loads(one["manifest.json"])["volatile"]
    assert {f"files/{n}/sha256" for n in differing - {"manifest.json"}} <= set(volatile)


def test_a_folder_with_something_else_is_refused_also_with_overwrite(tmp_path, shown):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("keep me")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="OUT-002"):
            write_report(shown, out, outputs=["csv"], overwrite=overwrite)
    assert (out / "letter.txt").read_text() == "keep me"


def test_a_result_is_replaced_whole_and_only_on_request(tmp_path, shown):
    out = write_report(shown, tmp_path / "out", outputs=["csv", "nifti"])
    with pytest.raises(OutputError, match=r"OUT-002 .*--overwrite"):
        write_report(shown, out, outputs=["csv"])
    write_report(shown, out, outputs=["csv"], overwrite=True)
    assert not (out / "masks").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_used(tmp_path, shown):
    (tmp_path / "out").mkdir()
    out = write_report(shown, tmp_path / "out", outputs=["csv"])
    assert (out / "manifest.json").is_file()


@pytest.mark.parametrize("inside", ["output in input", "input in output"])
def test_output_and_input_inside_each_other_are_refused(tmp_path, shown, inside):
    source = tmp_path / "a" / "input"
    source.mkdir(parents=True)
    out = source / "out" if inside == "output in input" else tmp_path / "a"
    result = replace(shown, study=replace(shown.study, source=str(source)))
    with pytest.raises(OutputError, match="OUT-005"):
        write_report(result, out)


class Broken:
    """An opener of a series whose files have gone."""

    def __call__(self):
        raise OSError(errno.EIO, "Input/output error", "/gone/slice_3.dcm")


def test_a_failure_halfway_leaves_nothing_behind(tmp_path, shown):
    ct = replace(shown.study.ct, opener=Broken())
    broken = replace(shown, study=replace(shown.study, ct=ct, series=(ct,), pets=()))
    with pytest.raises(OSError, match="slice_3"):
        write_report(broken, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_paragraph_and_leaves_nothing_behind(tmp_path, shown):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OutputError, match="OUT-003 disk full"):
            write_report(shown, tmp_path / "out", outputs=["csv"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_takes_no_files_is_refused(tmp_path, shown):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="OUT-001"):
        write_report(shown, tmp_path / "out", outputs=["csv"])


def test_a_file_in_the_way_of_the_parent_is_refused(tmp_path, shown):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="OUT-001"):
        write_report(shown, tmp_path / "file" / "out", outputs=["csv"])


def test_the_recorded_time_is_that_of_the_run_unless_an_epoch_is_set(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert recorded_at(make.manifest()).isoformat() == "2026-03-03T08:01:00+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert recorded_at(make.manifest()).year == 1970


@pytest.mark.parametrize("masks", [False, True])
def test_a_study_without_ct_is_written_too(tmp_path, masks):
    out = write_report(make.pet_only(masks=masks), tmp_path / "out")
    assert (out / "pictures" / "mip_2_anterior.png").is_file()
    assert (out / "masks" / "liver.nii.gz").is_file() is masks
    assert not (out / "dicom").exists()
