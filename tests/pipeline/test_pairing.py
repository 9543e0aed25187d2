"""PET and CT of one patient: registered on request, and the dome of the liver on both."""

import json
from dataclasses import replace

import numpy as np
import pytest

from netimg.anatomy import Anatomy
from netimg.pipeline.pairing import laid_over
from netimg.reading.pair import pair as paired
from netimg.reporting.study_json import series_json, study_from_json, study_json
from netimg.volume import Mask
from tests.make import arrays, pair

CT_FRAME, PET_FRAME = "1.2.3.1", "1.2.3.2"


def examination(*, pet_frame=CT_FRAME, **moves):
    """A study with its liver and one lesion; the PET moved as asked."""
    ct = arrays.series(pair.ct(), frame_of_reference_uid=CT_FRAME)
    pet = arrays.sstr(pair.pet(**moves), frame_of_reference_uid=pet_frame)
    pets, flags = paired(ct, [pet])
    study = replace(arrays.study(ct, *pets), flags=flags)
    liver = pair.liver()
    lesion = arrays.ellipsoid(liver.grid, pair.CENTRE, (15.0, 15.0, 15.0))
    return study, Anatomy.from_masks(liver, Mask(voxels=lesion, grid=liver.grid))


def sentences(study):
    flags = (*study.flags, *(flag for pet in study.pets for flag in pet.flags))
    return {flag.code: flag.sentence for flag in flags}


def test_a_pet_of_another_coordinate_system_stays_apart_unless_it_is_asked_for():
    study, body = examination(pet_frame=PET_FRAME)
    again = laid_over(study, body)
    assert sentences(again)["SEL-010"].endswith("they are measured separately.")
    assert again.pets[0].registration is None


@pytest.mark.slow
def test_a_registered_pet_is_measured_in_the_lesions_of_the_ct_and_says_so():
    turn_deg, shift_mm = (3.0, -2.0, 4.0), (15.0, -10.0, 22.0)
    study, body = examination(pet_frame=PET_FRAME, turn_deg=turn_deg, shift_mm=shift_mm)
    again = laid_over(study, body, register=True)
    (pet,) = again.pets
    assert pet.registration.accepted
    assert pair.error_mm(pet.registration, turn_deg, shift_mm) < 4.5
    said = sentences(again)["SEL-010"]
    assert f"turned by {pet.registration.rotation_deg:.1f} degrees" in said
    assert f"shifted by {pet.registration.translation_mm:.0f} mm" in said
    assert pet.frame_of_reference_uid == CT_FRAME
    assert np.array_equal(pet.load().values, study.pets[0].load().values)
    assert [f.code for f in again.flags] == []
    document = json.loads(json.dumps(series_json(pet)))
    assert document["registration"]["accepted"] is True
    tree = {
        "study": study_json(again),
        "series": [series_json(s) for s in again.series],
        "patient": {},
        "set_aside": [],
    }
    back = study_from_json(json.loads(json.dumps(tree)), ())
    assert back.pets[0].registration == pet.registration


@pytest.mark.slow
def test_a_pet_that_cannot_be_registered_stays_apart_with_the_reason():
    study, body = examination(pet_frame=PET_FRAME, shift_mm=(0.0, 5.0, 80.0))
    again = laid_over(study, body, register=True)
    assert "could not be registered: it would be shifted by" in sentences(again)["SEL-010"]
    assert "at most 60 mm are accepted" in sentences(again)["SEL-010"]
    assert again.pets[0].frame_of_reference_uid == PET_FRAME
    assert again.pets[0].grid.same_as(study.pets[0].grid, tol_mm=1e-9)


def test_without_a_liver_nothing_is_registered_and_it_is_said():
    study, _ = examination(pet_frame=PET_FRAME)
    again = laid_over(study, None, register=True)
    assert "no liver on the CT" in sentences(again)["SEL-010"]
    assert laid_over(study, None).flags == study.flags


@pytest.mark.parametrize(("shift_mm", "way"), [(16.0, "higher"), (-13.0, "lower")])
def test_a_dome_that_lies_elsewhere_is_said_in_mm(shift_mm, way):
    again = laid_over(*examination(shift_mm=(0.0, 0.0, shift_mm)))
    flag = next(f for f in again.pets[0].flags if f.code == "SEL-015")
    assert flag.value == pytest.approx(shift_mm, abs=1.5)
    assert f"lies {abs(flag.value):.0f} mm {way} on PET than on CT" in flag.sentence
    assert flag.threshold == 10.0


@pytest.mark.parametrize("shift_mm", [0.0, 8.0, -8.0])
def test_a_dome_within_a_breath_is_only_noted(shift_mm):
    again = laid_over(*examination(shift_mm=(0.0, 0.0, shift_mm)))
    assert "SEL-015" not in sentences(again)
    assert any("dome of the liver" in why for why in again.pets[0].why)
