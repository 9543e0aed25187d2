"""What values say reaches the series: for those who look, and for those who measure."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from netimg.errors import InputError
from netimg.flag import Severity
from netimg.pipeline.request import Masks
from netimg.pipeline.river import look
from netimg.reading.studies import open_study, survey_study
from netimg.reading.summary import counts
from netimg.reading.values import with_values
from netimg.study import Phase
from tests.make.dicom import body, ct_series, pet_series
from tests.make.multiframe import enhanced_ct

METAL = np.array(body())
METAL[3, 16, 20] = 9000


def flags(series):
    return {flag.code: flag for flag in series.flags}


def test_a_look_at_a_study_says_what_its_values_say(tmp_path):
    ct_series(tmp_path / "ct", METAL)
    pet_series(tmp_path / "pet")
    headers = survey_study(tmp_path)
    assert "PIX-018" not in flags(headers.ct)
    found = with_values(headers)
    assert "up to 9000 HU" in flags(found.ct)["PIX-018"].sentence
    assert found.series[0] is found.ct
    assert found.series[1] is found.pets[0]


def test_values_that_refuse_a_ct_set_it_aside_and_the_next_is_taken(tmp_path):
    ct_series(tmp_path / "bad", np.array(body()) + 1024, name="bad")
    ct_series(tmp_path / "good", METAL, name="good", common={"SeriesNumber": "3"})
    pet_series(tmp_path / "pet")
    headers = survey_study(tmp_path)
    assert (headers.ct.number, headers.set_aside) == (1, ())
    found = with_values(headers)
    assert (found.ct.number, [s.number for s in found.series]) == (2, [2, 3])
    assert "up to 9000 HU" in flags(found.ct)["PIX-018"].sentence
    assert found.ct.why[0] == "chosen: the only usable CT"
    assert "shares the coordinate system of series 2" in found.pets[0].why
    told = 'Values of series 1 "portal venous" are not those of a CT: air is 24.'
    assert {(a.code, a.sentence) for a in found.set_aside} == {("PIX-012", told)}
    assert (len(found.set_aside), counts(found)) == (
        12,
        {"found": 30, "in_series": 18, "set_aside": 12},
    )
    (flag,) = found.flags
    assert (flag.code, flag.severity, flag.sentence) == ("PIX-012", Severity.HIGH, told)
    measured, held = look(headers, masks=Masks(liver=Path("drawn.nii.gz")))
    assert (measured.ct.number, len(held)) == (2, 2)
    assert measured.flags == found.flags


def test_a_phase_that_was_typed_goes_with_the_next_ct(tmp_path):
    ct_series(tmp_path / "bad", np.array(body()) + 1024, name="bad")
    ct_series(tmp_path / "good", METAL, name="good", common={"SeriesNumber": "3"})
    study = with_values(survey_study(tmp_path, overrides={"phase": "arterial"}))
    assert (study.ct.number, study.ct.phase, study.ct.phase_typed) == (2, Phase.ARTERIAL, True)


def test_a_ct_without_another_leaves_nothing_and_who_measures_gets_its_reason(tmp_path):
    ct_series(tmp_path, np.array(body()) + 1024)
    found = with_values(survey_study(tmp_path))
    assert (found.ct, found.pets, found.series) == (None, (), ())
    assert counts(found) == {"found": 12, "in_series": 0, "set_aside": 12}
    with pytest.raises(InputError, match=r"PIX-012 .* air is 24\."):
        look(open_study(tmp_path))


def test_a_refused_ct_leaves_its_pet_alone_and_says_so(tmp_path):
    ct_series(tmp_path / "ct", np.array(body()) + 1024)
    pet_series(tmp_path / "pet")
    study, held = look(open_study(tmp_path))
    assert (study.ct, len(study.pets), len(held)) == (None, 1, 1)
    told = {flag.code: flag.sentence for flag in study.flags}
    assert "air is 24; the PET is measured alone" in told["SEL-018"]


def without_a_number(paths):
    """One voxel of a PET is not a number."""
    for z, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        del dataset.PixelData
        plane = np.ones((16, 20), "<f4")
        plane[3, 4] = np.nan if z == 2 else 1.0
        dataset.BitsAllocated, dataset.FloatPixelData = 32, plane.tobytes()
        dataset.save_as(path)


def test_a_pet_that_holds_no_numbers_is_set_aside_and_the_ct_measured(tmp_path):
    ct_series(tmp_path / "ct", METAL)
    without_a_number(pet_series(tmp_path / "pet"))
    headers = survey_study(tmp_path)
    assert headers.pets[0].suv.possible
    found = with_values(headers)
    assert (found.ct.number, found.pets, [s.kind for s in found.series]) == (1, (), ["CT"])
    told = 'Series 2 "PET AC" contains values that are not numbers.'
    assert {(a.code, a.sentence) for a in found.set_aside} == {("PIX-019", told)}
    assert {(f.code, f.sentence, f.touches) for f in found.flags} == {("PIX-019", told, ("pet",))}
    with pytest.raises(InputError, match="PIX-019"):  # asked for by name
        with_values(survey_study(tmp_path, pet=("2",)))


def test_a_pet_alone_that_is_set_aside_is_no_longer_said_to_be_measured(tmp_path):
    without_a_number(pet_series(tmp_path))
    headers = survey_study(tmp_path)
    assert [flag.code for flag in headers.flags] == ["IDX-018"]
    assert [flag.code for flag in with_values(headers).flags] == ["PIX-019"]


def test_another_pet_of_the_same_tracer_takes_the_place_of_one(tmp_path):
    without_a_number(pet_series(tmp_path / "a", name="a", common={"SeriesNumber": "9"}))
    pet_series(tmp_path / "b", name="b", common={"SeriesNumber": "6"})
    headers = survey_study(tmp_path)
    assert [pet.number for pet in headers.pets] == [2]
    found = with_values(headers)
    assert [pet.number for pet in found.pets] == [1]
    assert found.pets[0].why[0] == 'chosen: in place of series 2 "PET AC", which cannot be used'
    assert found.series == found.pets


def test_one_volume_of_a_file_of_many_frames_is_set_aside_and_the_file_stays(tmp_path):
    hu = np.concatenate([np.array(body()) + 1024, METAL])
    frames = {
        z: {
            "FrameContent": {"FrameAcquisitionNumber": 1 + z // 12},
            "PlanePosition": {"ImagePositionPatient": ["-20", "-16", str(3.0 * (z % 12))]},
        }
        for z in range(24)
    }
    enhanced_ct(tmp_path, hu, frames=frames)
    headers = survey_study(tmp_path)
    assert len(headers.series) == 2
    found = with_values(headers)
    assert [s.number for s in found.series] == [2]
    assert found.files == (("enhanced_ct_0.dcm", "series 2"),)
    assert found.set_aside == ()
    assert [f.code for f in found.flags] == ["PIX-012"]


def test_a_study_whose_values_say_nothing_stays_the_same_object(tmp_path):
    ct_series(tmp_path, np.array(body()))
    study = survey_study(tmp_path)
    assert with_values(study) is study


def test_who_measures_gets_the_flags_of_the_values(tmp_path):
    pet = np.full((6, 16, 20), 1000)
    pet[:, :4] = 0
    pet_series(tmp_path, pet, common={"PixelPaddingValue": 0})
    study, held = look(open_study(tmp_path))
    assert "25.0 %" in flags(study.pets[0])["PIX-011"].sentence
    assert len(held) == 1


def test_a_straightened_series_says_what_the_values_of_its_slices_say(tmp_path):
    places = [(-20.0, -16.0, z) for z in np.delete(3.0 * np.arange(13), 5)]
    ct_series(tmp_path, METAL, positions=places)
    study = open_study(tmp_path, overrides={"regrid": True})
    assert study.ct.grid.shape[0] == 13
    assert "PIX-018" in {flag.code for flag in study.ct.load().flags}
