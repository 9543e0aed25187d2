"""Real multi-frame objects: the same answer as the slices they were made of."""

import json

import numpy as np
import pytest

from netimg.reading.studies import open_study, survey_study
from netimg.volume import Quantity

pytestmark = pytest.mark.real_data


def test_a_legacy_converted_ct_is_bit_equal_to_its_classic_slices(shared_data):
    study = open_study(shared_data / "dicom_hard_geometry" / "legacy_converted_ct")
    ct = study.ct
    classic = open_study(shared_data / "pet_ct" / "STS_001").ct
    first = round(float(classic.grid.to_index(np.array([ct.grid.origin_lps_mm]))[0, 0]))
    assert ct.grid.shape[0] == 12
    assert ct.grid.spacing_mm == pytest.approx(classic.grid.spacing_mm, abs=1e-4)
    assert np.array_equal(ct.load().values, classic.load().values[first : first + 12])


def test_a_legacy_converted_pet_has_the_suv_of_its_classic_slices(shared_data):
    study = open_study(shared_data / "dicom_hard_geometry" / "legacy_converted_pet")
    (pet,) = study.pets
    assert pet.suv.possible
    assert pet.suv.factors == pytest.approx([2.42902977e-4] * 16, rel=1e-8)
    assert pet.load().quantity is Quantity.SUV_BW
    assert (pet.tracer, pet.nuclide) == ("fdg_f18", "F-18")
    classic = next(p for p in open_study(shared_data / "pet_ct" / "STS_001").pets)
    place = classic.grid.to_index(np.array([pet.grid.origin_lps_mm]))[0, 0]
    first = round(float(place))
    assert np.array_equal(pet.load().values, classic.load().values[first : first + 16])


def test_a_perfusion_map_in_an_enhanced_ct_is_refused_by_its_unit(shared_data):
    study = survey_study(shared_data / "dicom_hard_geometry" / "enhanced_ct_perfusion_not_hu")
    assert study.ct is None
    (aside,) = study.set_aside
    assert aside.code == "PIX-006"
    assert "ml/100ml/s (Rescale Type US)" in aside.sentence


@pytest.mark.parametrize("name", ["legacy_converted_ct", "legacy_converted_pet"])
def test_the_grid_of_a_converted_object_is_the_one_measured(shared_data, name):
    root = shared_data / "dicom_hard_geometry"
    case = json.loads((root / "expected.json").read_text())["cases"][name]
    (stack,) = case["measured"][0]["stacks"]
    study = open_study(root / name)
    (series,) = study.series
    assert series.grid.spacing_mm[::-1] == pytest.approx(stack["spacing_xyz"], abs=1e-5)
    assert series.grid.origin_lps_mm == pytest.approx(stack["first_position"], abs=1e-3)
    assert [i.frame_number for i in series.instances] == list(range(stack["slices"], 0, -1))
    assert study.files == ((f"{name}.dcm", "series 1"),)
