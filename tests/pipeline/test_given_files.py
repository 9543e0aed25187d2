"""Masks and facts that lie inside the study folder are used, not set aside."""

from dataclasses import replace

import pytest

from netimg.pipeline.given_files import with_given_files
from netimg.pipeline.request import MaskFile, Masks, Request
from netimg.study import SetAside
from tests.make import result as make


@pytest.fixture
def study():
    aside = [
        SetAside(path=path, code="IDX-004", sentence=f"{path} is not DICOM.")
        for path in ("README.txt", "facts.toml", "masks/liver.nii", "masks/other.nii")
    ]
    files = [(a.path, "set aside") for a in aside] + [("ct_000.dcm", "series 1")]
    return replace(make.study(), set_aside=tuple(aside), files=tuple(files))


def request(folder, *, facts=None, **masks):
    given = {name: MaskFile(path=path) for name, path in masks.items() if name != "lesions"}
    given |= {"lesions": tuple(MaskFile(path=path) for path in masks.get("lesions", ()))}
    return Request(input=folder, output=folder / "out", masks=Masks(**given), facts=facts)


def test_a_given_file_says_what_it_was_used_as_and_the_others_stay_aside(tmp_path, study):
    liver = tmp_path / "masks" / "liver.nii"
    asked = request(tmp_path, liver=liver, lesions=(liver,), facts=tmp_path / "facts.toml")
    told = with_given_files(study, asked)
    assert dict(told.files) == {
        "README.txt": "set aside",
        "facts.toml": "used: clinical facts",
        "masks/liver.nii": "used: liver mask, lesion mask",
        "masks/other.nii": "set aside",
        "ct_000.dcm": "series 1",
    }
    assert [a.path for a in told.set_aside] == ["README.txt", "masks/other.nii"]


def test_files_of_the_same_name_elsewhere_change_nothing(tmp_path, study):
    folder = tmp_path / "study"
    folder.mkdir()
    outside = tmp_path / "masks" / "liver.nii"
    assert with_given_files(study, request(folder, liver=outside)) is study
    assert with_given_files(study, request(folder)) is study
    archive = tmp_path / "study.zip"  # its members are named like files beside it
    archive.write_bytes(b"")
    assert with_given_files(study, request(archive, liver=tmp_path / "masks/liver.nii")) is study


def test_a_path_that_goes_round_is_the_same_file(tmp_path, study):
    (tmp_path / "masks").mkdir()
    asked = request(tmp_path, segments=tmp_path / "masks" / ".." / "masks" / "liver.nii")
    assert ("masks/liver.nii", "used: segments mask") in with_given_files(study, asked).files
