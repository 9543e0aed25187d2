"""Every file accounted for: patients, copies, many files on several cores, slow drives."""

import itertools
import os
import random
import shutil
import time

import pytest

from netimg.errors import IDX_009, IDX_017, InputError
from netimg.reading import crew, read_files
from netimg.reading.crew import read_all
from netimg.reading.index import index
from netimg.reading.listing import find_studies
from netimg.reading.read_files import FileReader
from netimg.reading.studies import open_study, survey_study
from netimg.reading.walk import walk
from netimg.settings import Settings
from netimg.study import SetAside
from tests.make.dicom import bend, ct_series, pet_series, uid

SETTINGS = Settings.shipped()
ONE_CORE = SETTINGS.with_values({"resources.threads": 1}, layer="test")


def accounted(found, root):
    """Whether every file below a folder is in a header or set aside, once."""
    files = sum(len(names) for _, _, names in os.walk(root))
    with_headers = {header.file.name for header in found.headers}
    aside = [item.path for item in found.set_aside]
    assert len(aside) == len(set(aside))
    assert not with_headers & set(aside)
    assert found.count == files == len(with_headers) + len(aside)


def codes(found):
    return [(item.path, item.code) for item in found.set_aside]


# ---- patients and studies


def test_patients_in_one_folder_are_studies_of_their_own(tmp_path):
    for patient in ("anna", "bert", "cleo"):
        ct_series(tmp_path / patient, study=patient, patient=patient)
    found = index(tmp_path, SETTINGS)
    accounted(found, tmp_path)
    (flag,) = found.flags
    assert (flag.code, flag.severity.value) == ("IDX-016", "info")
    assert flag.sentence == "The folder holds 3 patients; each is handled by itself."
    studies = find_studies(tmp_path)
    assert {s.uid for s in studies} == {uid("anna"), uid("bert"), uid("cleo")}
    for one in studies:
        study = open_study(tmp_path, study=one.uid)
        assert study.patient.id == one.label
        assert {i.path.parent.name for s in study.series for i in s.instances} == {one.label}
        assert "IDX-016" in {f.code for f in study.flags}


def test_two_studies_of_one_patient_are_two_studies_and_one_patient(tmp_path):
    ct_series(tmp_path / "a", study="a")
    ct_series(tmp_path / "b", study="b")
    assert len(find_studies(tmp_path)) == 2
    assert index(tmp_path, SETTINGS).flags == ()


def test_ct_and_pet_of_two_patients_are_never_one_study(tmp_path):
    ct_series(tmp_path / "ct", study="ct", patient="anna")
    pet_series(tmp_path / "pet", study="pet", patient="bert")
    study = open_study(tmp_path, study=uid("ct"))
    assert (study.ct is not None, study.pets) == (True, ())
    study = open_study(tmp_path, study=uid("pet"))
    assert (study.ct, len(study.pets)) == (None, 1)


@pytest.mark.parametrize(
    ("first", "second", "n"),
    [
        ({}, {}, 1),
        ({"PatientID": ""}, {"PatientID": ""}, 2),
        ({"PatientID": None}, {"PatientID": None}, 2),
        ({"PatientID": ""}, {}, 2),
        ({"IssuerOfPatientID": "here"}, {"IssuerOfPatientID": "there"}, 2),
        ({"IssuerOfPatientID": "here"}, {}, 1),
        ({"PatientName": "Doe^John"}, {"PatientName": "DOE^JOHN^^DR"}, 1),
        ({"PatientName": "Doe^John"}, {"PatientName": "Doe^Jane"}, 2),
        ({"PatientBirthDate": "19600101"}, {"PatientBirthDate": "19600102"}, 2),
        ({"PatientBirthDate": "19600101"}, {"PatientBirthDate": ""}, 1),
    ],
)
def test_who_is_one_patient_across_studies(tmp_path, first, second, n):
    """Empty Patient IDs are equal to nothing; what only one of two says decides nothing."""
    ct_series(tmp_path / "a", study="a", common=first)
    ct_series(tmp_path / "b", study="b", common=second)
    said = [flag.sentence for flag in index(tmp_path, SETTINGS).flags]
    assert said == (
        [] if n == 1 else [f"The folder holds {n} patients; each is handled by itself."]
    )


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"PatientID": "another"}, True),
        ({"PatientName": "ANOTHER"}, True),
        ({"PatientBirthDate": "19600101"}, False),  # the CT says none
        ({"IssuerOfPatientID": "there"}, False),
        ({"PatientID": ""}, False),
        ({"PatientName": "Phantom^^^"}, False),
        ({}, False),
    ],
)
def test_two_identities_in_one_study_are_refused(tmp_path, change, refused):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet", common=change)
    if not refused:
        assert len(open_study(tmp_path).pets) == 1
        return
    with pytest.raises(InputError) as caught:
        open_study(tmp_path)
    assert caught.value.code.id == "IDX-020"
    assert f"Study {uid('study')} carries 2 patient identities (12 files, 6 files)" in (
        caught.value.what
    )
    assert "another" not in str(caught.value).lower()
    assert open_study(tmp_path, overrides={"patient": "1"}).pets == ()


def test_birth_dates_that_differ_in_one_study_are_refused(tmp_path):
    ct_series(tmp_path / "ct", common={"PatientBirthDate": "19600101"})
    pet_series(tmp_path / "pet", common={"PatientBirthDate": "19610101"})
    with pytest.raises(InputError, match=r"2 patient identities \(12 files, 6 files\)"):
        open_study(tmp_path)


# ---- copies


def test_copies_in_another_syntax_are_left_out(tmp_path):
    ct_series(tmp_path / "ct")
    ct_series(tmp_path / "implicit", syntax="1.2.840.10008.1.2")
    found = index(tmp_path, SETTINGS)
    accounted(found, tmp_path)
    assert len(found.headers) == 12
    assert {code for _, code in codes(found)} == {"IDX-013"}
    assert found.set_aside[0].sentence == (
        "implicit/IM0001.dcm is an exact copy of ct/IM0001.dcm and was left out."
    )


def test_one_identity_with_two_contents_refuses_its_series_alone(tmp_path):
    paths = ct_series(tmp_path / "ct")
    ct_series(tmp_path / "thin", name="thin", common={"SeriesNumber": "3"})
    shutil.copy(paths[0], tmp_path / "copy")  # the first slice: the rest would look whole
    bend(tmp_path / "copy", ImageComments="another")
    found = index(tmp_path, SETTINGS)
    accounted(found, tmp_path)
    assert found.contradicted == {uid("study", "ct")}
    study = survey_study(tmp_path)
    assert study.ct.uid == uid("study", "thin")
    reasons = [item for item in study.set_aside if item.code == "IDX-014"]
    assert len(reasons) == 13
    both = {item.path: item.sentence for item in reasons}
    assert "different content: copy, ct/IM0001.dcm" in both["copy"]
    assert "different content: ct/IM0001.dcm, copy" in both["ct/IM0001.dcm"]
    assert "not the whole series" in both["ct/IM0005.dcm"]


# ---- odd files beside good ones


def test_names_and_extensions_decide_nothing(tmp_path):
    paths = ct_series(tmp_path / "ct")
    for n, (path, name) in enumerate(
        zip(paths, ("1", "1.zip", "1.txt", "1.jpg", "a.b.c", ".hidden", "x.gz"), strict=False)
    ):
        path.rename(tmp_path / "ct" / f"{n}{name}")
    (tmp_path / "IM0001.dcm").write_text("no picture")
    (tmp_path / "folder.dcm").mkdir()
    found = index(tmp_path, SETTINGS)
    accounted(found, tmp_path)
    assert len(found.headers) == 12
    assert codes(found) == [("IM0001.dcm", "IDX-004")]


def test_bare_data_sets_make_the_same_study(tmp_path):
    """No preamble and no meta header, as some archives write."""
    whole = open_study(_ct(tmp_path / "whole", "1.2.840.10008.1.2"))
    folder = _ct(tmp_path / "bare", "1.2.840.10008.1.2")
    for path in folder.iterdir():
        raw = path.read_bytes()
        path.write_bytes(raw[raw.index(b"\x08\x00\x08\x00") :])
    bare = open_study(folder)
    assert bare.ct.grid.same_as(whole.ct.grid, tol_mm=0)
    assert (bare.ct.load().values == whole.ct.load().values).all()


def _ct(folder, syntax):
    ct_series(folder, syntax=syntax)
    return folder


@pytest.mark.real_data
def test_bare_files_of_a_scanner_are_seen_as_one_instance(shared_data):
    folder = shared_data / "dicom_hard_geometry" / "no_preamble_no_meta"
    found = index(folder, SETTINGS)
    by_code = {code: path for path, code in codes(found)}
    assert by_code["IDX-004"].endswith(".json") or "no_meta" in by_code["IDX-004"]
    assert {path for path, code in codes(found) if code == "IDX-004"} >= {"no_meta.dcm"}
    assert len({header.sop_instance for header in found.headers}) == 1


# ---- many files


def many(root, files, *, alone=False):
    """Small CT files; the same few slices under many identities."""
    root.mkdir(parents=True)
    (path, *_) = ct_series(root / "first", [[[0.0] * 8] * 8])
    raw = path.read_bytes()
    own = uid("study", "ct", 0).encode()
    shutil.rmtree(root / "first")
    for n in range(files):
        place = root / f"{n:05}" if alone else root
        place.mkdir(exist_ok=True)
        instance = b"2.25." + str(10 ** (len(own) - 6) + n).encode()
        (place / f"IM{n:05}").write_bytes(raw.replace(own, instance))


class Heard:
    """A progress that remembers."""

    def __init__(self):
        self.steps = []

    def stage(self, name):
        """Nothing to remember."""

    def step(self, done, total):
        self.steps.append((done, total))


@pytest.mark.parametrize("alone", [False, True], ids=["one folder", "a folder each"])
def test_helpers_find_what_one_process_finds(tmp_path, monkeypatch, alone):
    many(tmp_path / "root", 700, alone=alone)
    (tmp_path / "root" / "note").write_text("x" * 300)
    alone = index(tmp_path / "root", ONE_CORE)
    monkeypatch.setattr(crew, "_FILES_PER_HELPER", 100)
    monkeypatch.setattr(crew, "_CHUNK", 20)
    heard = Heard()
    settings = SETTINGS.with_values({"resources.threads": 3}, layer="test")
    together = index(tmp_path / "root", settings, progress=heard)
    assert together == alone
    assert len(together.headers) == 700
    done = [d for d, _ in heard.steps]
    assert done == sorted(done)
    assert heard.steps[-1] == (701, 701)
    assert {total for _, total in heard.steps} == {701}


def test_the_order_of_work_changes_nothing(tmp_path):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet")
    shutil.copy(tmp_path / "ct" / "IM0003.dcm", tmp_path / "copy")
    (tmp_path / "note").write_text("x" * 300)
    usual = index(tmp_path, SETTINGS)
    for seed in range(4):
        found = [f for f in walk(tmp_path, SETTINGS) if not isinstance(f, SetAside)]
        random.Random(seed).shuffle(found)  # noqa: S311  # an order, no secret
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("netimg.reading.index.walk", lambda *_, found=found: iter(found))
            assert index(tmp_path, SETTINGS) == usual


def test_helpers_that_die_cost_no_file(tmp_path, monkeypatch):
    many(tmp_path / "root", 300)
    monkeypatch.setattr(crew, "_FILES_PER_HELPER", 100)
    monkeypatch.setattr(crew, "_CHUNK", 10)
    monkeypatch.setattr(crew, "_SERVE", "import os; os._exit(9)")
    settings = SETTINGS.with_values({"resources.threads": 3}, layer="test")
    assert len(index(tmp_path / "root", settings).headers) == 300
    monkeypatch.setattr(crew, "_SERVE", _DIES)
    assert len(index(tmp_path / "root", settings).headers) == 300


_DIES = """
import os, sys
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
connection.recv()
connection.recv()
os.kill(os.getpid(), 9)
"""


def test_no_helper_outlives_a_refusal(tmp_path, monkeypatch):
    many(tmp_path / "root", 300)
    monkeypatch.setattr(crew, "_FILES_PER_HELPER", 100)
    monkeypatch.setattr(crew, "_CHUNK", 10)
    settings = SETTINGS.with_values({"resources.threads": 3}, layer="test")
    started = []
    start = crew._start

    def counted(*arguments):
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(crew, "_start", counted)
    files = (f for f in walk(tmp_path / "root", SETTINGS) if not isinstance(f, SetAside))

    def refuse(_outcomes):
        raise InputError(IDX_009, what="enough")

    with pytest.raises(InputError, match="enough"):
        read_all(files, settings, expected=300, done=refuse)
    assert len(started) == 2
    assert all(helper._process.poll() is not None for helper in started)


def test_a_failing_walk_ends_the_reading(tmp_path):
    ct_series(tmp_path)
    whole = list(walk(tmp_path, SETTINGS))

    def broken():
        yield from whole
        raise InputError(IDX_017, what="too deep")

    with pytest.raises(InputError, match="too deep"):
        read_all(broken(), SETTINGS, expected=12, done=list)


@pytest.mark.slow
def test_a_drive_that_does_not_answer_costs_its_file(tmp_path, monkeypatch):
    """A share that hangs: one read that never comes back, then a good one."""
    paths = ct_series(tmp_path)
    monkeypatch.setattr(read_files, "_LOOK_S", 0.05)
    settings = SETTINGS.with_values({"limits.read_s": 1}, layer="test")
    plain = os.pread
    slow = paths[4].stat().st_ino

    def pread(descriptor, n, at):
        if os.fstat(descriptor).st_ino == slow:
            time.sleep(4)
        return plain(descriptor, n, at)

    monkeypatch.setattr(os, "pread", pread)
    began = time.monotonic()
    found = index(tmp_path, settings)
    assert time.monotonic() - began < 3.5
    assert len(found.headers) == 11
    assert [(a.path, a.code) for a in found.set_aside] == [("IM0005.dcm", "IDX-003")]
    assert "the drive did not answer within 1 s, limits.read_s" in found.set_aside[0].sentence


@pytest.mark.slow
def test_a_file_that_takes_long_to_understand_is_not_given_up(tmp_path, monkeypatch):
    ct_series(tmp_path)
    monkeypatch.setattr(read_files, "_LOOK_S", 0.05)
    settings = SETTINGS.with_values({"limits.read_s": 1}, layer="test")
    plain = read_files.read_file

    def slow(file, *arguments):
        if file.name == "IM0005.dcm":
            began = time.monotonic()
            while time.monotonic() - began < 1.5:
                pass
        return plain(file, *arguments)

    monkeypatch.setattr(read_files, "read_file", slow)
    assert len(index(tmp_path, settings).headers) == 12


def test_a_scratch_on_the_disc_costs_its_file_at_whichever_read(tmp_path, monkeypatch):
    """The k-th read of the whole run fails, for every k until the run ends unharmed."""
    ct_series(tmp_path, [[[0.0] * 8] * 8] * 4)
    plain = os.pread
    for k in itertools.count(1):
        left = [k]

        def pread(descriptor, n, at, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise OSError(5, "Input/output error")
            return plain(descriptor, n, at)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pread", pread)
            found = index(tmp_path, SETTINGS)
        if left[0] > 0:
            break
        assert found.count == 4
        assert len(found.headers) == 3
        ((_, code),) = codes(found)
        assert code == "IDX-003"
        assert "(Input/output error)" in found.set_aside[0].sentence
    assert k > 4
    assert len(found.headers) == 4


def test_a_bug_in_reading_is_raised_and_not_swallowed(tmp_path, monkeypatch):
    ct_series(tmp_path)

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(read_files, "read_file", broken)
    with pytest.raises(ZeroDivisionError):
        index(tmp_path, SETTINGS)


def test_a_reader_may_read_nothing():
    with FileReader(SETTINGS) as reader:
        assert reader.read([]) == []


@pytest.mark.real_data
@pytest.mark.parametrize("data", ["dicom_hard_geometry", "pet_headers"])
def test_every_real_file_ends_in_a_series_or_is_set_aside(shared_data, data):
    """Number of files found = in series + set aside, in every folder, study by study."""
    folders = sorted(path for path in (shared_data / data).iterdir() if path.is_dir())
    assert len(folders) >= 4
    for folder in folders:
        found = index(folder, SETTINGS)
        accounted(found, folder)
        studies = find_studies(folder)
        for one in studies:
            try:
                study = survey_study(folder, study=one.uid)
            except InputError as error:
                assert error.code.id == "IDX-020", folder  # noqa: PT017  # all the others are read
                continue
            names = [path for path, _ in study.files]
            assert len(names) == len(set(names)), folder
            if len(studies) == 1:
                assert len(names) == found.count, folder
