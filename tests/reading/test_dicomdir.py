"""The index of a disc: a list where it is given itself, otherwise compared with what is there."""

import os
import shutil
import zipfile

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from netimg.errors import InputError
from netimg.reading.dicomdir import MEDIA
from netimg.reading.index import index
from netimg.reading.listing import find_studies
from netimg.reading.studies import open_study
from netimg.settings import Settings
from tests.make.dicom import ct_series

SETTINGS = Settings.shipped()


def disc(root, entries=None, *, names="IM{:06d}", folder="PAT0/CT"):
    """A disc with a CT; the index lists it, or ``entries`` (texts with backslashes)."""
    paths = ct_series(root / folder, names=names)
    if entries is None:
        entries = [path.relative_to(root).as_posix().replace("/", "\\") for path in paths]
    write_index(root / "DICOMDIR", entries)
    return paths


def write_index(path, entries):
    """A DICOMDIR of one patient whose images are the entries."""
    whole = Dataset()
    whole.FileSetID = "DISC"
    whole.FileSetConsistencyFlag = 0
    records = []
    for kind in ("PATIENT", "STUDY", "SERIES"):
        record = Dataset()
        record.DirectoryRecordType = kind
        records.append(record)
    for entry in entries:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.add_new(0x00041500, "CS", b"")
        # Written as bytes: pydicom would refuse what real discs hold.
        record[0x00041500]._value = entry.split("\\")
        records.append(record)
    whole.DirectoryRecordSequence = records
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.file_meta.MediaStorageSOPClassUID = MEDIA
    whole.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    whole.save_as(path, enforce_file_format=True)
    return path


def names(found):
    return [header.file.name for header in found.headers]


def flags(found):
    return {(flag.code, flag.sentence) for flag in found.flags}


def test_an_index_given_itself_is_a_list(tmp_path):
    paths = disc(tmp_path)
    ct_series(tmp_path / "MORE", name="more")  # not listed, not looked at
    found = index(tmp_path / "DICOMDIR", SETTINGS)
    assert names(found) == [p.relative_to(tmp_path).as_posix() for p in paths]
    assert [(a.path, a.code) for a in found.set_aside] == [("DICOMDIR", "IDX-010")]
    assert found.set_aside[0].sentence == "DICOMDIR is the index of a disc (12 files)."
    assert found.count == 13
    assert found.flags == ()
    assert open_study(tmp_path / "DICOMDIR").ct.grid.shape[0] == 12


def test_studies_of_a_disc_are_named_by_their_folders(tmp_path):
    listed = []
    for name in ("ANNA", "BERT"):
        paths = ct_series(tmp_path / name / "CT", study=name, patient=name, names="IM{:06d}")
        listed += [path.relative_to(tmp_path).as_posix().replace("/", "\\") for path in paths]
    write_index(tmp_path / "DICOMDIR", listed)
    studies = find_studies(tmp_path / "DICOMDIR")
    assert {one.label for one in studies} == {"ANNA", "BERT"}
    assert {one.folder for one in studies} == {""}
    for one in studies:
        assert open_study(tmp_path / "DICOMDIR", study=one.label).patient.id == one.label


def test_a_folder_is_walked_and_its_index_compared(tmp_path):
    disc(tmp_path)
    found = index(tmp_path, SETTINGS)
    assert len(found.headers) == 12
    assert found.flags == ()
    ct_series(tmp_path / "MORE", name="more")
    (tmp_path / "README.TXT").write_text("how to look at this disc")
    (tmp_path / "PAT0" / "CT" / "IM000003").unlink()
    found = index(tmp_path, SETTINGS)
    assert len(found.headers) == 23  # those without an entry are used
    assert flags(found) == {
        ("IDX-008", ("The disc index lists 1 file that is not on the disc, first "
                    "PAT0/CT/IM000003.")),
        ("IDX-008", ("12 files are on the disc and not in its index, first MORE/IM0001.dcm; "
                    "what is there is used.")),
    }  # fmt: skip


def test_what_is_wrong_with_an_index_is_said_in_the_study(tmp_path):
    disc(tmp_path, ["PAT0\\CT\\IM000001", "PAT0\\CT\\GONE"])
    study = open_study(tmp_path)
    severities = {(f.code, f.severity.value) for f in study.flags}
    assert severities == {("IDX-008", "medium"), ("IDX-008", "info")}


def test_missing_files_of_a_list_are_said_and_the_others_used(tmp_path):
    paths = disc(tmp_path)
    paths[0].unlink()
    paths[1].unlink()
    found = index(tmp_path / "DICOMDIR", SETTINGS)
    assert len(found.headers) == 10
    assert flags(found) == {
        ("IDX-008", ("The disc index lists 2 files that are not on the disc, first "
                    "PAT0/CT/IM000001.")),
    }  # fmt: skip


def test_a_list_of_nothing_that_is_there_is_refused(tmp_path):
    paths = disc(tmp_path)
    shutil.rmtree(paths[0].parent)
    with pytest.raises(InputError) as caught:
        index(tmp_path / "DICOMDIR", SETTINGS)
    assert caught.value.code.id == "IDX-008"
    assert "lists 12 files, and none of them is on the disc, first PAT0/CT/IM000001" in (
        caught.value.what
    )


@pytest.mark.parametrize(
    "entry",
    [
        "..\\secret",
        "PAT0\\..\\..\\secret",
        "{root}/secret",
        "\\secret",
        "PAT0\\\\secret",
        "C:\\secret",
        "PAT0/../../secret",
        ".\\PAT0\\CT\\IM000001",
        "n" * 65,
        "PAT0\\CT\\IM 1",
        "PAT0\\CT\\" + "\x1b[2J",
    ],
)
@pytest.mark.parametrize("itself", [True, False], ids=["as a list", "in a folder"])
def test_an_entry_never_leads_out_of_the_folder(tmp_path, entry, itself):
    root = tmp_path / "disc"
    entry = entry.format(root=tmp_path)
    disc(root, ["PAT0\\CT\\IM000001", entry])
    (secret,) = ct_series(tmp_path / "s", [[[0.0] * 8] * 8], name="secret")
    secret.rename(tmp_path / "secret")
    found = index(root / "DICOMDIR" if itself else root, SETTINGS)
    assert not any("secret" in name or ".." in name for name in names(found))
    (sentence,) = [s for c, s in flags(found) if "points outside" in s]
    assert sentence.startswith("The disc index points outside its folder (1 of its entries, first ")
    assert "\x1b" not in sentence
    assert len(found.headers) == (1 if itself else 12)


def test_an_entry_over_a_link_that_leads_out_is_not_opened(tmp_path):
    root = tmp_path / "disc"
    disc(root, ["PAT0\\CT\\IM000001", "OUT\\IM0001", "FILE"])
    ct_series(tmp_path / "elsewhere", name="elsewhere", names="IM{:04d}")
    (root / "OUT").symlink_to(tmp_path / "elsewhere")
    (root / "FILE").symlink_to(tmp_path / "elsewhere" / "IM0001")
    found = index(root / "DICOMDIR", SETTINGS)
    assert names(found) == ["PAT0/CT/IM000001"]
    assert any(
        "outside its folder (2 of its entries, first OUT/IM0001)" in sentence
        for _, sentence in flags(found)
    )


def test_an_entry_that_is_a_pipe_or_a_link_in_a_circle_is_not_opened(tmp_path):
    disc(tmp_path, ["PAT0\\CT\\IM000001", "PIPE", "CIRCLE", "PAT0"])
    os.mkfifo(tmp_path / "PIPE")
    (tmp_path / "CIRCLE").symlink_to("CIRCLE")
    assert names(index(tmp_path / "DICOMDIR", SETTINGS)) == ["PAT0/CT/IM000001"]


def test_names_of_real_discs_are_understood(tmp_path):
    """Lower case, dots, nine and more characters, and discs shown in another case."""
    paths = disc(tmp_path, names="image-number_{:04d}.dcm", folder="dicom.data/st0")
    assert len(index(tmp_path / "DICOMDIR", SETTINGS).headers) == len(paths)
    lower = tmp_path / "lower"
    disc(lower, [f"PAT0\\CT\\IM{n:06d}" for n in range(1, 13)], names="im{:06d}", folder="pat0/ct")
    for root in (lower / "DICOMDIR", lower):
        found = index(root, SETTINGS)
        assert len(found.headers) == 12
        assert found.flags == ()
        assert names(found)[0] == "pat0/ct/im000001"


def test_an_entry_listed_twice_is_read_once(tmp_path):
    disc(tmp_path, ["PAT0\\CT\\IM000001", "PAT0\\CT\\IM000001", "pat0\\ct\\im000001"])
    assert names(index(tmp_path / "DICOMDIR", SETTINGS)) == ["PAT0/CT/IM000001"]


def test_indexes_of_two_discs_in_one_folder_are_compared_each(tmp_path):
    disc(tmp_path / "one")
    disc(tmp_path / "two", ["PAT0\\CT\\GONE"], folder="PAT0/CT")
    found = index(tmp_path, SETTINGS)
    assert {a.path for a in found.set_aside if a.code == "IDX-010"} == {
        "one/DICOMDIR",
        "two/DICOMDIR",
    }
    assert any("first PAT0/CT/GONE" in s for _, s in flags(found))
    assert any("12 files are on the disc and not in its index" in s for _, s in flags(found))


def test_the_index_in_a_zip_is_compared_with_the_zip(tmp_path):
    paths = disc(tmp_path / "disc")
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as archive:
        for path in (*paths[1:], tmp_path / "disc" / "DICOMDIR"):
            archive.write(path, path.relative_to(tmp_path / "disc"))
    found = index(tmp_path / "disc.zip", SETTINGS)
    assert len(found.headers) == 11
    assert [s for _, s in flags(found)] == [
        "The disc index lists 1 file that is not on the disc, first PAT0/CT/IM000001."
    ]


def test_an_index_that_breaks_off_is_set_aside_and_the_disc_is_read(tmp_path):
    disc(tmp_path)
    whole = (tmp_path / "DICOMDIR").read_bytes()
    (tmp_path / "DICOMDIR").write_bytes(whole[:-20])
    found = index(tmp_path, SETTINGS)
    assert len(found.headers) == 12
    assert [(a.path, a.code) for a in found.set_aside] == [("DICOMDIR", "IDX-005")]


@pytest.mark.real_data
def test_the_real_disc_of_two_patients_is_read_once_and_whole(shared_data):
    """Figures of its ``expected.json``: 31 files, 24 and 7 of two patients, no usable volume."""
    folder = shared_data / "dicom_hard_geometry" / "dicomdir_two_patients"
    walked, listed = index(folder, SETTINGS), index(folder / "DICOMDIR", SETTINGS)
    assert names(walked) == names(listed)
    assert walked.count == listed.count == 32
    assert [flag.code for flag in walked.flags] == ["IDX-016"]
    assert "holds 2 patients" in walked.flags[0].sentence
    patients = [header.patient.id for header in walked.headers]
    assert (patients.count("98890234"), patients.count("77654033")) == (24, 7)
    kinds = [header.modality for header in walked.headers]
    assert [kinds.count(kind) for kind in ("MR", "CR", "CT")] == [17, 3, 11]
    entries = pydicom.dcmread(folder / "DICOMDIR").DirectoryRecordSequence
    ids = [record.ReferencedFileID for record in entries if "ReferencedFileID" in record]
    assert sorted("/".join(parts) for parts in ids) == names(listed)
