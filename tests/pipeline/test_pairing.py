"""PET and CT of one patient: registered on request, and the dome of the liver on both."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from netimg.anatomy import Anatomy
from netimg.pipeline import MaskFile, Masks, Request, run
from netimg.pipeline.pairing import laid_over
from netimg.reading.pair import pair as paired
from netimg.reporting.study_json import series_json, study_from_json, study_json
from netimg.settings import Settings
from netimg.volume import Mask
from tests.make import arrays, pair
from tests.make.dicom import ct_series, pet_series

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
@pytest.mark.parametrize("kind", ["nothing", "far"])
def test_a_search_that_breaks_off_is_a_refusal_and_the_pet_stays_apart(kind):
    study, body = examination(pet_frame=PET_FRAME)
    volume = study.pets[0].load()
    if kind == "nothing":
        volume = replace(volume, values=np.zeros_like(volume.values))
    else:
        far = replace(volume.grid, origin_lps_mm=(-200.0, -155.0, 3000.0))
        volume = replace(volume, grid=far)
    pets, flags = paired(study.ct, [arrays.sstr(volume, frame_of_reference_uid=PET_FRAME)])
    study = replace(arrays.study(study.ct, *pets), flags=flags)
    again = laid_over(study, body, register=True)
    reason = {
        "nothing": "the PET shows no uptake (its highest value is 0)",
        "far": "no position of the PET (320 mm long) could be compared with the CT (264 mm long)",
    }[kind]
    told = f"could not be registered: {reason}. They are measured separately."
    assert sentences(again)["SEL-010"].endswith(told)
    assert not again.pets[0].registration.accepted
    assert again.pets[0].frame_of_reference_uid == PET_FRAME


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


@pytest.mark.slow
def test_a_run_with_register_writes_how_the_pet_was_moved_and_measures_its_lesion(tmp_path):
    """A CT and a PET as DICOM in two frames of reference, the masks given by a person."""
    shift_mm = (12.0, -8.0, 20.0)
    write_pair(tmp_path / "in", shift_mm)
    nibabel_mask(tmp_path / "liver.nii.gz", pair.liver().voxels)
    lesion = arrays.ellipsoid(pair.CT_GRID, pair.CENTRE, (15.0, 15.0, 15.0))
    nibabel_mask(tmp_path / "lesion.nii.gz", lesion)
    masks = Masks(
        liver=MaskFile(path=tmp_path / "liver.nii.gz"),
        lesions=(MaskFile(path=tmp_path / "lesion.nii.gz"),),
    )
    settings = Settings.shipped().with_values({"reporting.outputs": ["csv"]}, layer="test")
    found = {}
    for register in (False, True):
        out = tmp_path / f"out {register}"
        typed = {"register": True} if register else {}
        run(Request(input=tmp_path / "in", output=out, masks=masks, overrides=typed), settings)
        found[register] = json.loads((out / "results.json").read_text("utf-8"))
    apart, laid = (found[key]["series"][1] for key in (False, True))
    assert "registration" not in apart
    assert laid["registration"]["accepted"] is True
    assert laid["registration"]["translation_mm"] == pytest.approx(np.linalg.norm(shift_mm), abs=3)
    values = {key: found[key]["lesions"][0]["values"] for key in found}
    assert values[False].get("sstr_suv_mean") is None
    assert values[True]["sstr_suv_mean"] == pytest.approx(5.0, rel=0.1)


def write_pair(folder, shift_mm):
    """CT and PET of `tests.make.pair` as DICOM, each in its own frame of reference."""
    ct, pet = pair.ct(), pair.pet(shift_mm=shift_mm)
    ct_series(
        folder / "ct",
        ct.values,
        spacing_mm=ct.grid.spacing_mm,
        first_lps_mm=ct.grid.origin_lps_mm,
        frame="ct",
    )
    # 1 g/mL is 154e6 Bq x 2^(-3780 / 4057.7) / 72.5e3 g = 1113.7 Bq/mL; slope 0.75.
    stored = np.rint(np.maximum(pet.values, 0.0) * 1113.7 / 0.75)
    pet_series(
        folder / "pet",
        stored,
        spacing_mm=pet.grid.spacing_mm,
        first_lps_mm=pet.grid.origin_lps_mm,
        frame="pet",
    )


def nibabel_mask(path, voxels):
    """Write a mask on the CT of `tests.make.pair` as NIfTI."""
    grid = pair.CT_GRID
    affine = np.diag([-grid.spacing_mm[2], -grid.spacing_mm[1], grid.spacing_mm[0], 1.0])
    affine[:3, 3] = np.array(grid.origin_lps_mm) * (-1.0, -1.0, 1.0)
    image = nibabel.Nifti1Image(voxels.transpose(2, 1, 0).astype(np.uint8), affine)
    nibabel.save(image, path)
