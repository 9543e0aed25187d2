"""From a path to a study: every file accounted for, the right series chosen, the reasons said."""

import json
import shutil

import numpy as np
import pytest

from netimg.errors import InputError, NothingUsable, UsageError
from netimg.reading import open_study
from netimg.reading.studies import find_studies, survey_study
from netimg.reading.summary import inspect_tree
from netimg.study import Phase, Role, TracerClass
from netimg.volume import Quantity
from tests.make.dicom import bend, body, ct_series, pet_series, uid, write


def codes(series):
    return {flag.code for flag in series.flags} - {"GEO-016"}


def ct_and_pet(folder, **pet):
    ct_series(folder / "ct")
    pet_series(folder / "pet", **pet)
    return folder


def test_ct_and_pet_of_one_examination_are_read_chosen_and_paired(tmp_path):
    study = open_study(ct_and_pet(tmp_path))
    assert study.ct.role is Role.PRIMARY_CT
    assert study.ct.phase is Phase.PORTAL
    (pet,) = study.pets
    assert pet.role is Role.PET_SSTR
    assert pet.tracer == "dotatate_ga68"
    assert pet.tracer_class is TracerClass.SSTR
    assert pet.suv.possible
    assert "shares the coordinate system of series 1" in pet.why
    assert study.flags == ()
    assert study.patient.weight_kg == 72.5
    assert study.patient.height_cm == pytest.approx(178.0)
    assert study.patient.age_y == 52
    assert study.context().sex == "M"


def test_found_is_in_series_plus_set_aside(tmp_path):
    ct_and_pet(tmp_path)
    (tmp_path / "notes.txt").write_text("a note " * 50)
    (tmp_path / "ct" / "empty").write_bytes(b"")
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "ct" / "IM0001.dcm").read_bytes()[:-50])
    elements = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67",
        "SOPInstanceUID": uid("dose"),
        "StudyInstanceUID": uid("study"),
        "SeriesInstanceUID": uid("dose series"),
    }
    write(tmp_path / "dose.dcm", elements)
    write(tmp_path / "lost.dcm", elements | {"SeriesInstanceUID": None})
    study = open_study(tmp_path)
    reasons = {item.path: (item.code, item.sentence) for item in study.set_aside}
    assert {path: code for path, (code, _) in reasons.items()} == {
        "notes.txt": "IDX-004",
        "ct/empty": "IDX-004",
        "cut.dcm": "IDX-005",
        "dose.dcm": "IDX-010",
        "lost.dcm": "IDX-015",
    }
    assert "a radiation dose report" in reasons["dose.dcm"][1]
    assert "SeriesInstanceUID" in reasons["lost.dcm"][1]
    tree = inspect_tree(study, files=True)
    assert tree["files"] == {"found": 23, "in_series": 18, "set_aside": 5}
    assert len(tree["every_file"]) == 23
    json.dumps(tree, allow_nan=False)


def test_identity_stays_out_of_inspect_unless_it_is_asked_for(tmp_path):
    ct_series(tmp_path / "ct", patient="waldeck", common={"AccessionNumber": "77001"})
    study = open_study(tmp_path)
    assert "waldeck" not in json.dumps(inspect_tree(study)).casefold()
    assert "77001" not in json.dumps(inspect_tree(study))
    assert inspect_tree(study, show_patient=True)["patient"]["id"] == "waldeck"


def test_several_studies_are_listed_and_one_is_chosen(tmp_path):
    ct_series(tmp_path / "a", study="one", common={"StudyDate": "20230101"})
    ct_series(tmp_path / "b", study="two", common={"StudyDate": "20240101"})
    with pytest.raises(UsageError) as caught:
        open_study(tmp_path)
    assert caught.value.code.id == "USE-003"
    assert caught.value.exit_code == 2
    assert "2 studies: --study 1 is a (2023-01-01; 12 CT; " in caught.value.what
    first, second = find_studies(tmp_path)
    assert (first.number, first.folder, first.label) == (1, "a", "a")
    assert first.counts == {"CT": 12}
    assert first.key != second.key
    for asked in ("2", uid("two"), uid("two")[:12], "b"):
        assert open_study(tmp_path, study=asked).uid == uid("two")
    assert len(open_study(tmp_path, study="2").files) == 12
    with pytest.raises(UsageError) as caught:
        open_study(tmp_path, study="3")
    assert caught.value.code.id == "USE-005"


def test_series_are_taken_by_number_uid_or_its_beginning(tmp_path):
    ct_and_pet(tmp_path)
    ct_uid, pet_uid = uid("study", "ct"), uid("study", "pet")
    for ct, pet in (("1", "2"), (ct_uid, pet_uid), (ct_uid[:20], pet_uid[:20])):
        study = open_study(tmp_path, ct=ct, pet=[pet])
        assert (study.ct.uid, study.pets[0].uid) == (ct_uid, pet_uid)
        assert study.ct.why[0] == "chosen by you (--ct)"
        assert "SEL-012" in codes(study.pets[0])
    for asked in ("7", "2", "1.2.3.4.5.6"):
        with pytest.raises(UsageError) as caught:
            open_study(tmp_path, ct=asked)
        assert caught.value.code.id == "SEL-013"
        assert caught.value.exit_code == 2
        assert ct_uid in caught.value.what


def test_a_beginning_that_fits_two_series_is_refused_with_both(tmp_path):
    ct_and_pet(tmp_path)
    ct_series(
        tmp_path / "more", name="more", common={"SeriesInstanceUID": f"{uid('study', 'ct')}9"}
    )
    with pytest.raises(UsageError) as caught:
        open_study(tmp_path, ct=uid("study", "ct")[:20])
    assert caught.value.code.id == "SEL-013"
    assert f"{uid('study', 'ct')}9" in caught.value.what


def test_a_series_that_was_refused_says_why_when_it_is_asked_for(tmp_path):
    ct_series(tmp_path / "good")
    paths = ct_series(tmp_path / "bad", name="bad", common={"SeriesNumber": "9"})
    paths[5].unlink()
    study = open_study(tmp_path)
    assert {item.code for item in study.set_aside} == {"GEO-004"}
    with pytest.raises(InputError, match="1 slice is missing"):
        open_study(tmp_path, ct=uid("study", "bad"))


def test_the_portal_soft_thin_ct_is_chosen_and_the_reason_is_said(tmp_path):
    def another(name, number, **common):
        spacing_mm = common.pop("spacing_mm", (3.0, 2.0, 2.0))
        common["SeriesNumber"] = number
        ct_series(tmp_path / name, name=name, spacing_mm=spacing_mm, common=common)

    another("art", "1", SeriesDescription="arterial phase")
    another("thick", "2", SeriesDescription="portal venous", spacing_mm=(5.0, 2.0, 2.0))
    another("sharp", "3", SeriesDescription="portal venous", ConvolutionKernel="B70f")
    another("good", "4", SeriesDescription="portal venous")
    study = open_study(tmp_path)
    assert study.ct.uid == uid("study", "good")
    assert study.ct.why[0] == 'chosen: before series 3 "portal venous" for its softer kernel'
    assert len(study.cts) == 4
    assert "SEL-016" in codes(study.ct)
    assert "SEL-006" in codes(next(s for s in study.series if s.uid == uid("study", "sharp")))


LOW = {"Exposure": "42", "SliceThickness": "5"}


def test_the_low_dose_ct_of_a_pet_is_said(tmp_path):
    ct_series(tmp_path / "ct", common=LOW)
    pet_series(tmp_path / "pet")
    assert "SEL-019" in codes(open_study(tmp_path).ct)


def test_a_ct_without_a_pet_is_never_called_the_low_dose_ct_of_the_pet(tmp_path):
    ct_series(tmp_path, common=LOW)
    assert "SEL-019" not in codes(open_study(tmp_path).ct)


@pytest.mark.parametrize(("time_ms", "low"), [("500", False), ("50", True)])
def test_tube_current_times_exposure_time_counts_before_the_exposure(tmp_path, time_ms, low):
    ct_series(tmp_path / "ct", common=LOW | {"XRayTubeCurrent": "530", "ExposureTime": time_ms})
    pet_series(tmp_path / "pet")
    assert ("SEL-019" in codes(open_study(tmp_path).ct)) is low


def test_a_typed_phase_is_marked_as_typed(tmp_path):
    ct_series(tmp_path, common={"SeriesDescription": "abdomen", "ContrastBolusAgent": None})
    assert open_study(tmp_path).ct.phase is Phase.UNKNOWN
    study = open_study(tmp_path, overrides={"phase": "arterial"})
    assert study.ct.phase is Phase.ARTERIAL
    assert study.context().phase_source == "typed"


def test_a_pet_alone_is_used_and_said(tmp_path):
    pet_series(tmp_path)
    study = open_study(tmp_path)
    assert study.ct is None
    assert [flag.code for flag in study.flags] == ["IDX-018"]
    assert "There is no CT among the files (6)" in study.flags[0].sentence


def test_neither_ct_nor_pet_names_what_was_found(tmp_path):
    (tmp_path / "notes.txt").write_text("a note " * 50)
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert caught.value.code.id == "IDX-018"
    assert caught.value.exit_code == 4
    assert "among the files (1)" in caught.value.what
    assert "Found instead: 1 file (not a DICOM file)." in caught.value.what
    assert "--pet" not in caught.value.todo


def test_every_ct_refused_names_the_reasons(tmp_path):
    ct_series(tmp_path, per_slice={3: {"ImagePositionPatient": None}})
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert caught.value.code.id == "SEL-018"
    assert "GEO-001" in caught.value.what
    assert "Slice 4" in caught.value.what


def test_a_pet_beside_a_refused_ct_says_why_it_is_alone(tmp_path):
    ct_and_pet(tmp_path)
    bend(tmp_path / "ct" / "IM0004.dcm", ImagePositionPatient=None)
    study = open_study(tmp_path)
    assert study.ct is None
    (flag,) = study.flags
    assert flag.code == "SEL-018"
    assert "GEO-001 Slice 4" in flag.sentence
    assert "(12 files)" in flag.sentence


def test_the_better_of_two_pets_of_one_tracer_is_chosen(tmp_path):
    ct_and_pet(tmp_path)
    pet_series(tmp_path / "p2", name="p2", common={"SeriesNumber": "6", "PatientWeight": None})
    pet_series(tmp_path / "p3", name="p3", common={"SeriesNumber": "7"}, frame="other")
    study = open_study(tmp_path)
    (pet,) = study.pets
    assert pet.uid == uid("study", "pet")
    assert "for the CT's coordinate system" in pet.why[0]
    pet_series(tmp_path / "p4", name="p4", common={"SeriesNumber": "8"})
    (pet,) = open_study(tmp_path).pets
    assert pet.uid == uid("study", "p4")
    assert "its later series number" in pet.why[0]
    assert "SEL-001" in codes(pet)


def test_sstr_comes_before_fdg(tmp_path):
    fdg = {
        "Radiopharmaceutical": "FDG",
        "RadionuclideHalfLife": "6586.2",
        "RadionuclidePositronFraction": "0.967",
        "RadionuclideCode": ("C-111A1", "SRT", "^18^Fluorine"),
    }
    pet_series(tmp_path / "fdg", name="fdg", radiopharmaceutical=fdg, common={"SeriesNumber": "1"})
    pet_series(tmp_path / "sstr", name="sstr")
    study = open_study(tmp_path)
    assert [pet.role for pet in study.pets] == [Role.PET_SSTR, Role.PET_FDG]
    assert study.pet(TracerClass.FDG).number == 1


def test_a_dynamic_pet_is_only_measured_when_asked_for(tmp_path):
    pet_series(tmp_path, common={"SeriesType": ["DYNAMIC", "IMAGE"]})
    with pytest.raises(NothingUsable, match="is dynamic"):
        open_study(tmp_path)
    (pet,) = open_study(tmp_path, pet=["1"]).pets
    assert pet.suv.possible
    (said,) = [flag.sentence for flag in pet.flags if flag.code == "SUV-023"]
    assert "because you asked for it" in said


def test_time_from_contrast_to_scan_is_evidence(tmp_path):
    late = {"SeriesDescription": "abdomen", "ContrastBolusStartTime": "100840"}
    ct_series(tmp_path, common=late | {"AcquisitionTime": "101000"})
    (reason,) = [w for w in open_study(tmp_path).ct.why if w.startswith("phase")]
    assert reason == "phase portal: contrast agent is recorded, 80 s after contrast"


def test_words_of_another_alphabet_are_read(tmp_path):
    common = {"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "腹部 門脈相"}
    ct_series(tmp_path / "utf8", common=common)
    study = open_study(tmp_path / "utf8")
    assert (study.ct.description, study.ct.phase) == ("腹部 門脈相", Phase.PORTAL)
    common = {"SpecificCharacterSet": "ISO_IR 100", "SeriesDescription": "portalvenös"}
    ct_series(tmp_path / "latin", common=common)
    assert open_study(tmp_path / "latin").ct.description == "portalvenös"


def test_a_typed_reference_time_decides_and_is_said(tmp_path):
    pet_series(tmp_path, common={"SeriesTime": "095000", "FrameReferenceTime": "74000"})
    assert open_study(tmp_path).pets[0].suv.code == "SUV-029"
    overrides = {"reference_time": "2024-03-10T10:15:00"}
    (pet,) = open_study(tmp_path, overrides=overrides).pets
    assert pet.suv.method == "typed"
    assert pet.suv.factors[0] == pytest.approx(8.979361e-04, rel=1e-6)
    assert "SUV-020" in {flag.code for flag in pet.suv.notes}


def test_a_pet_without_weight_keeps_its_activity_and_takes_a_typed_one(tmp_path):
    pet_series(tmp_path, common={"PatientWeight": None})
    (pet,) = open_study(tmp_path).pets
    assert (pet.suv.possible, pet.suv.code) == (False, "SUV-001")
    assert "--weight-kg" in pet.suv.todo
    volume = pet.load()
    assert volume.quantity is Quantity.ACTIVITY
    assert volume.values.max() == 750.0
    study = open_study(tmp_path, overrides={"weight_kg": 72.5})
    assert study.pets[0].suv.possible
    assert study.pets[0].suv.typed == {"weight_kg": 72.5}
    assert study.pets[0].load().quantity is Quantity.SUV_BW
    assert study.patient.sources["weight_kg"] == "typed"


def test_units_without_a_way_to_suv_stay_stored_values(tmp_path):
    pet_series(tmp_path, common={"Units": "PROPCPS"})
    (pet,) = open_study(tmp_path).pets
    assert pet.suv.code == "SUV-003"
    assert pet.load().quantity is Quantity.STORED


def test_two_identities_are_refused_until_one_is_chosen(tmp_path):
    ct_series(tmp_path / "ct", patient="first")
    pet_series(tmp_path / "pet", patient="second")
    with pytest.raises(InputError) as caught:
        open_study(tmp_path)
    assert caught.value.code.id == "IDX-020"
    assert "2 patient identities" in caught.value.what
    assert "first" not in str(caught.value)
    study = open_study(tmp_path, overrides={"patient": "first"})
    assert study.pets == ()
    assert {item.code for item in study.set_aside} == {"IDX-020"}
    with pytest.raises(UsageError, match="USE-005") as wrong:
        open_study(tmp_path, overrides={"patient": "third"})
    assert "--patient" in wrong.value.what


def test_two_names_under_one_patient_id_are_never_paired_and_each_is_chosen_by_number(tmp_path):
    ct_series(tmp_path / "ct", patient="A", common={"PatientName": "MULLER^J"})
    pet_series(tmp_path / "pet", patient="A", common={"PatientName": "SMITH^J"})
    with pytest.raises(InputError, match="IDX-020") as caught:
        open_study(tmp_path)
    assert "2 patient identities (12 files, 6 files) that differ in name;" in caught.value.what
    ways = "--patient 1 (as ct/IM0001.dcm), --patient 2 (as pet/IM0001.dcm)"
    assert ways in caught.value.todo
    with pytest.raises(InputError, match="IDX-020") as caught:
        open_study(tmp_path, overrides={"patient": "A"})
    assert "still 2 identities" in caught.value.what
    assert "(12 files, 6 files), which differ in name" in caught.value.what
    assert ways in caught.value.todo
    assert "muller" not in str(caught.value).casefold()
    first = open_study(tmp_path, overrides={"patient": "1"})
    assert (len(first.ct.instances), first.pets, len(first.set_aside)) == (12, (), 6)
    assert [f.code for f in first.flags] == ["IDX-016", "SEL-012"]
    second = open_study(tmp_path, overrides={"patient": "2"})
    assert (second.ct, len(second.pets[0].instances), len(second.set_aside)) == (None, 6, 12)


def test_one_person_chosen_by_id_is_read_whole_and_said(tmp_path):
    ct_and_pet(tmp_path)
    assert open_study(tmp_path).flags == ()
    study = open_study(tmp_path, overrides={"patient": "phantom"})
    assert len(study.pets) == 1
    (flag,) = study.flags
    assert flag.code == "SEL-012"
    assert flag.sentence.endswith("was chosen by you (--patient).")


@pytest.mark.parametrize("names", [("=山田^太郎", "=鈴木^花子"), ("ONE^A", "TWO^B")])
def test_without_patient_ids_names_in_any_script_tell_persons_apart(tmp_path, names):
    text = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": ""}
    for kind, make, name in zip(("ct", "pet"), (ct_series, pet_series), names, strict=True):
        make(tmp_path / kind, common=text | {"PatientName": name})
    with pytest.raises(InputError, match="IDX-020") as caught:
        open_study(tmp_path)
    assert "2 patient identities (12 files, 6 files) that differ in name;" in caught.value.what
    assert open_study(tmp_path, overrides={"patient": "2"}).ct is None
    for path in (tmp_path / "pet").iterdir():
        bend(path, PatientName=names[0])
    assert len(open_study(tmp_path).pets) == 1


def test_a_pet_of_another_study_without_patient_ids_cannot_be_shown_to_be_the_same(tmp_path):
    ct_series(tmp_path / "ct", study="ct study", common={"PatientID": ""})
    pet_series(tmp_path / "pet", study="pet study", common={"PatientID": ""})
    asked = {"study": uid("ct study"), "pet": [uid("pet study", "pet")]}
    with pytest.raises(InputError, match="SEL-011") as caught:
        open_study(tmp_path, **asked)
    assert "do not both carry a Patient ID" in caught.value.what
    for path in tmp_path.rglob("*.dcm"):
        bend(path, PatientID="phantom")
    assert len(open_study(tmp_path, **asked).pets) == 1


def test_a_pet_of_another_study_is_taken_by_uid_and_of_another_patient_never(tmp_path):
    ct_series(tmp_path / "ct", study="ct study")
    pet_series(tmp_path / "pet", study="pet study")
    pet_series(tmp_path / "strange", study="strange study", patient="stranger")
    study = open_study(tmp_path, study=uid("ct study"), pet=[uid("pet study", "pet")])
    assert study.pets[0].uid == uid("pet study", "pet")
    assert [flag.code for flag in study.flags] == ["IDX-016", "SEL-010"]
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, study=uid("ct study"), pet=[uid("strange study", "pet")])
    assert caught.value.code.id == "SEL-011"


def test_another_frame_of_reference_is_said(tmp_path):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet", frame="other", common={"AcquisitionDate": "20240313"})
    study = open_study(tmp_path)
    assert [flag.code for flag in study.flags] == ["SEL-010", "SEL-014"]
    assert "3 days apart" in study.flags[1].sentence


def test_a_pet_without_attenuation_correction_is_never_chosen_by_itself(tmp_path):
    nac = {"CorrectedImage": ["NORM", "DECY"], "AttenuationCorrectionMethod": None}
    ct_and_pet(tmp_path, common=nac)
    study = open_study(tmp_path)
    assert study.pets == ()
    assert "SEL-007" in codes(study.series[1])
    (pet,) = open_study(tmp_path, pet=["2"]).pets
    assert pet.suv.code == "SUV-010"


def test_a_spect_under_the_pet_class_is_only_taken_by_name(tmp_path):
    lutetium = {
        "Radiopharmaceutical": "Lu-177 DOTATATE",
        "RadionuclideHalfLife": "574300",
        "RadionuclideCode": ("C-101ED", "99SDM", "177 Lutetium"),
        "RadionuclidePositronFraction": None,
        "RadionuclideTotalDose": "3700000000",
        "RadiopharmaceuticalStartDateTime": "20240309101500",
        "RadiopharmaceuticalStartTime": None,
    }
    admin = {"DecayCorrection": "ADMIN", "DecayFactor": "1"}
    pet_series(tmp_path, radiopharmaceutical=lutetium, common=admin)
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert "Lu-177" in caught.value.what
    assert caught.value.todo == "Give a folder that holds the CT, or ask for that PET: --pet 1."
    tree = inspect_tree(survey_study(tmp_path))
    assert tree["used"] == []
    assert "measured only with --pet 1" in tree["series"][0]["not_used"]
    (pet,) = open_study(tmp_path, pet=["1"]).pets
    (said,) = [flag.sentence for flag in pet.flags if flag.code == "SEL-008"]
    assert "is a SPECT after therapy (Lu-177)" in said
    assert "Thresholds of PET do not apply" in said
    assert "only" not in said
    assert pet.tracer_class is TracerClass.UNKNOWN
    assert "SEL-008" in codes(pet)
    # One day: 2 ** (24 h / 159.5 h) = +11 %, more than the 5 % that may be left open.
    assert pet.suv.code == "SUV-029"
    assert "11.0 %" in pet.suv.sentence


def test_exact_copies_are_left_out_and_contradicting_ones_both(tmp_path):
    paths = ct_series(tmp_path / "ct")
    (tmp_path / "copy").write_bytes(paths[3].read_bytes())
    study = open_study(tmp_path)
    assert [(i.path, i.code) for i in study.set_aside] == [("ct/IM0004.dcm", "IDX-013")]
    bend(tmp_path / "copy", InstanceNumber="99")
    study = survey_study(tmp_path)
    assert study.ct is None
    by_code = {}
    for item in study.set_aside:
        by_code.setdefault(item.code, []).append(item)
    first, second, *rest = sorted(by_code["IDX-014"], key=lambda item: "twice" in item.sentence)
    assert "copy, ct/IM0004.dcm" in first.sentence
    assert "copy" in second.sentence
    assert len(rest) == 11
    assert all("not the whole series" in item.sentence for item in rest)


def test_series_numbers_are_stable_when_files_are_added(tmp_path):
    ct_and_pet(tmp_path)
    before = [(s.number, s.uid) for s in open_study(tmp_path).series]
    (tmp_path / "a note").write_text("x" * 300)
    assert [(s.number, s.uid) for s in open_study(tmp_path).series] == before


def test_a_typed_tracer_wins(tmp_path):
    pet_series(tmp_path, radiopharmaceutical={"Radiopharmaceutical": "solution"})
    assert "SEL-008" in codes(open_study(tmp_path).pets[0])
    (pet,) = open_study(tmp_path, overrides={"tracer": "dotatoc_ga68"}).pets
    assert pet.tracer == "dotatoc_ga68"
    assert pet.role is Role.PET_SSTR
    assert "SEL-008" not in codes(pet)


def test_thick_slices_are_never_chosen_by_themselves(tmp_path):
    ct_series(tmp_path, body((12, 32, 40)), spacing_mm=(12.0, 2.0, 2.0))
    with pytest.raises(NothingUsable, match=r"12\.0 mm apart, and at most 10 mm"):
        open_study(tmp_path)
    assert open_study(tmp_path, ct="1").ct.grid.spacing_mm[0] == pytest.approx(12.0)


def test_a_ct_of_few_slices_says_that_they_are_too_few(tmp_path):
    ct_series(tmp_path, body((3, 32, 40)))
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert caught.value.code.id == "SEL-018"
    assert caught.value.what == (
        "Series 1 has only 3 slices, and at least 10 are needed (take it with --ct 1)."
    )
    tree = inspect_tree(survey_study(tmp_path))
    assert "at least 10 are needed" in tree["series"][0]["not_used"]


def test_inspect_names_the_tracer_and_says_why_a_series_is_not_measured(tmp_path):
    ct_and_pet(tmp_path)
    ct_series(tmp_path / "more", name="more", common={"SeriesNumber": "9"})
    ct, pet, more = inspect_tree(open_study(tmp_path))["series"]
    assert (pet["tracer"], pet["tracer_name"]) == ("dotatate_ga68", "Ga-68 DOTATATE")
    assert (ct["not_used"], pet["not_used"]) == (None, None)
    assert more["not_used"] == "series 1 is measured (take this one with --ct 3)."


def test_negative_and_zero_voxels_load_as_they_are(tmp_path):
    stored = np.zeros((6, 16, 20))
    stored[2, 3, 4] = 2000
    pet_series(tmp_path, stored)
    values = open_study(tmp_path).pets[0].load().values
    assert np.count_nonzero(values) == 1


def test_an_archive_in_a_folder_reached_through_a_link_is_read(tmp_path):
    ct_series(tmp_path / "real" / "scan")
    shutil.make_archive(str(tmp_path / "real" / "scan"), "zip", tmp_path / "real" / "scan")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_study(tmp_path / "link" / "scan.zip").ct.grid.shape == (12, 32, 40)


@pytest.mark.parametrize(
    "change", [{"SeriesInstanceUID": "1.2.9"}, {"SeriesDescription": "arterial"}]
)
def test_a_study_all_of_whose_images_contradict_each_other_keeps_its_sum(tmp_path, change):
    ct_series(tmp_path / "in" / "a")
    ct_series(tmp_path / "in" / "b", common=change)
    study = survey_study(tmp_path / "in")
    assert inspect_tree(study)["files"] == {"found": 24, "in_series": 0, "set_aside": 24}
    assert {item.code for item in study.set_aside} == {"IDX-014"}
    with pytest.raises(NothingUsable, match="IDX-018") as caught:
        open_study(tmp_path / "in")
    assert "There is no CT among the files (24). Found instead: 24 files (" in caught.value.what
    (found,) = find_studies(tmp_path / "in")
    assert (found.uid, found.counts) == (uid("study"), {"CT": 24})
    good = ct_series(tmp_path / "good")
    assert inspect_tree(survey_study(tmp_path / "good"))["files"]["in_series"] == len(good)


def test_a_contradicted_study_beside_a_good_one_is_listed_and_each_keeps_its_files(tmp_path):
    ct_series(tmp_path / "good", study="good")
    ct_series(tmp_path / "bad", study="bad", common={"StudyDate": "20250101"})
    ct_series(tmp_path / "worse", study="bad", common={"SeriesDescription": "arterial"})
    good, bad = find_studies(tmp_path)
    sums = [inspect_tree(survey_study(tmp_path, study=one.uid))["files"] for one in (good, bad)]
    assert [one["found"] for one in sums] == [12, 24]
    assert [one["set_aside"] for one in sums] == [0, 24]


def test_a_pet_of_another_study_in_the_coordinate_system_of_the_ct_is_pointed_to(tmp_path):
    frame = {"FrameOfReferenceUID": "1.2.3.9"}
    ct_series(tmp_path / "a", study="ct study", common=frame | {"StudyDate": "20240309"})
    pets = pet_series(tmp_path / "b", study="pet study", common=frame)
    way = f"to lay one over the other: --study 1 --pet {uid('pet study', 'pet')}."
    (flag,) = open_study(tmp_path, study="1").flags
    assert flag.code == "IDX-016"
    assert flag.sentence.startswith("Study 2 of what was given holds a PET of the same person")
    assert flag.sentence.endswith(f"the coordinate system of study 1; {way}")
    alone = open_study(tmp_path, study="2").flags
    assert [f.code for f in alone] == ["IDX-016", "IDX-018"]
    assert alone[0].sentence.startswith("Study 1 of what was given holds a CT of the same person")
    assert alone[0].sentence.endswith(f"the coordinate system of study 2; {way}")
    both = open_study(tmp_path, study="1", pet=[uid("pet study", "pet")])
    assert both.flags == ()
    for path in pets:
        bend(path, FrameOfReferenceUID="1.2.3.8")
    assert open_study(tmp_path, study="1").flags == ()


def test_files_of_one_series_set_aside_alike_are_one_line_of_inspect(tmp_path):
    ct_series(tmp_path / "a")
    ct_series(tmp_path / "b", common={"SeriesInstanceUID": "1.2.9"})
    lines = [p for p in inspect_tree(survey_study(tmp_path))["problems"] if p["code"] == "IDX-014"]
    assert [line["count"] for line in lines] == [12, 12]
    assert "a/IM0001.dcm, b/IM0001.dcm." in lines[0]["sentence"]
    shutil.rmtree(tmp_path / "b")
    tree = inspect_tree(survey_study(tmp_path))
    assert not [p for p in tree["problems"] if p["code"] == "IDX-014"]
