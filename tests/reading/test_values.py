"""What values say reaches the series: for those who look, and for those who measure."""

import numpy as np

from netimg.flag import Severity
from netimg.pipeline.river import look
from netimg.reading.studies import open_study, survey_study
from netimg.reading.values import with_values
from tests.make.dicom import body, ct_series, pet_series

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


def test_values_that_refuse_a_series_are_said_where_it_is_only_looked_at(tmp_path):
    ct_series(tmp_path, np.array(body()) + 1024)
    found = with_values(survey_study(tmp_path))
    flag = flags(found.ct)["PIX-012"]
    assert flag.severity is Severity.HIGH
    assert flag.sentence.endswith("are not those of a CT: air is 24.")


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
