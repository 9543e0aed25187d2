"""A PET of one or two slices is listed with what its header says, and never measured."""

import numpy as np
import pytest

from netimg.cli.app import call
from netimg.errors import InputError, NothingUsable
from netimg.reading.studies import open_study, survey_study
from netimg.reading.summary import inspect_tree
from tests.make.dicom import ct_series, pet_series, uptake


@pytest.mark.parametrize(("n", "text"), [(1, "1 slice"), (2, "2 slices")])
def test_it_is_listed_with_its_suv_and_why_it_is_not_measured(tmp_path, n, text):
    pet_series(tmp_path, uptake((n, 16, 20)), spacing_mm=(4.0, 2.0, 2.0))
    tree = inspect_tree(survey_study(tmp_path))
    (series,) = tree["series"]
    told = f'Series 1 "PET AC" has only {text}.'
    assert (series["used"], series["not_used"]) == (False, told)
    assert (series["shape"], series["spacing_mm"]) == ([n, 16, 20], [4.0, 2.0, 2.0])
    assert series["suv"]["possible"]
    assert [(p["code"], p["sentence"]) for p in tree["problems"]] == [("GEO-010", told)]
    assert tree["files"] == {"found": n, "in_series": n, "set_aside": 0}


def test_three_slices_are_measured(tmp_path):
    pet_series(tmp_path, uptake((3, 16, 20)))
    study = survey_study(tmp_path)
    assert [pet.number for pet in study.pets] == [1]
    assert "GEO-010" not in {flag.code for flag in study.pets[0].flags}


def test_a_pet_without_suv_says_its_code_also_where_it_has_one_slice(tmp_path, capsys):
    pet_series(tmp_path, uptake((1, 16, 20)), common={"PatientWeight": None})
    assert call(["inspect", str(tmp_path), "--headers"]) == 0
    shown = capsys.readouterr().out
    assert "no (SUV-001)" in shown
    assert "series 1 suv.dose_bq: " in shown
    assert "used  nothing" in shown


def test_it_is_not_measured_where_it_is_asked_for_or_alone(tmp_path):
    pet_series(tmp_path / "pet", uptake((2, 16, 20)))
    with pytest.raises(InputError, match=r"GEO-010 .* has only 2 slices"):
        open_study(tmp_path, pet=("1",))
    with pytest.raises(NothingUsable, match=r"Found instead: 2 files \(too few slices\)"):
        open_study(tmp_path)
    ct_series(tmp_path / "ct")
    study = open_study(tmp_path)
    assert (study.ct.number, study.pets) == (1, ())


def test_two_slices_at_one_place_are_one(tmp_path):
    places = [(-20.0, -16.0, 5.0)] * 2
    pet_series(tmp_path, np.array(uptake((1, 16, 20)))[[0, 0]], positions=places)
    study = survey_study(tmp_path)
    assert study.series[0].grid.shape == (1, 16, 20)
    assert [item.code for item in study.set_aside] == ["GEO-013"]
