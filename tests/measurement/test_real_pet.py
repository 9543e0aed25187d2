"""Real PET and SPECT: what the collections' own files say about their contours."""

import json

import numpy as np
import pytest

import netimg
from netimg.anatomy import Anatomy
from netimg.finding import Scope
from netimg.reading.masks import read_mask
from netimg.volume import Mask
from tests.make import arrays as make

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def expected_of(folder):
    return json.loads((folder / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def sarcoma(shared_data):
    """Whole-body FDG PET; its CT shows the thigh only."""
    folder = shared_data / "pet_ct" / "STS_001"
    return netimg.open_study(folder), expected_of(folder), next((folder / "RTSTRUCT").glob("*"))


@pytest.fixture(scope="module")
def spect(shared_data):
    """Abdomen of a neuroendocrine patient after Lu-177, chosen by a person as a PET."""
    folder = shared_data / "pet_ct" / "LU177_SPECT"
    study = netimg.open_study(folder, pet=["1"])
    return study, expected_of(folder), folder / "SCAN_001_RTSTRUCT.dcm"


def test_the_whole_series_has_the_published_maximum(sarcoma):
    study, expected, _ = sarcoma
    found = netimg.measure(study, None)
    maximum = found.get("fdg_suv_max", Scope.PET, "fdg")
    assert maximum.value == pytest.approx(expected["pet"]["volume_max_suv"], rel=1e-4)
    assert found["burden_pct"].reason == "missing_input:liver"
    assert found.of(Scope.LESION) == ()


@pytest.mark.parametrize("roi", ["GTV_Mass", "GTV_Edema"])
def test_a_contour_on_the_pet_grid_has_the_published_volume_and_uptake(sarcoma, roi):
    study, expected, contours = sarcoma
    (pet,) = study.pets
    drawn = read_mask(contours, pet.grid, want="lesion", label=roi)
    found = netimg.measure(study, Anatomy.from_masks(None, drawn))
    truth = expected["rois"][roi]
    total = found["tumour_volume_ml"].value
    # the contour may be several components, each a lesion
    maxima = [f.value for f in found.of(Scope.LESION) if f.name == "fdg_suv_max"]
    assert total == pytest.approx(truth["volume_ml"], rel=1e-3)
    assert max(maxima) == pytest.approx(truth["suv_max"], rel=1e-4)
    rows = found.table("lesion")
    mean = np.average(rows["fdg_suv_mean"], weights=rows["volume_ml"])
    assert mean == pytest.approx(truth["suv_mean"], rel=1e-3)


def test_a_liver_drawn_on_the_pet_gives_a_reference(sarcoma):
    study, _, _ = sarcoma
    (pet,) = study.pets
    # an ellipsoid well inside the liver, placed by eye on the coronal and axial slices
    middle = pet.grid.to_world(np.array([[155.0, 64.0, 50.0]]))[0]
    liver = make.ellipsoid(pet.grid, middle, (45.0, 65.0, 35.0))
    found = netimg.measure(study, Anatomy.from_masks(Mask(voxels=liver, grid=pet.grid)))
    mean = found.get("fdg_suv_mean", Scope.REGION, "liver_reference")
    assert mean.value == pytest.approx(float(pet.load().values[liver].mean()), rel=0.1)
    assert 1.0 < mean.value < 4.0  # the usual range of FDG in a healthy liver
    assert mean.lo < mean.value < mean.hi
    assert found["burden_pct"].reason == "missing_input:lesions"


def test_the_liver_lesions_of_the_spect_have_their_volumes_and_uptake(spect):
    study, expected, contours = spect
    (pet,) = study.pets
    drawn = read_mask(contours, pet.grid, want="lesion")
    found = netimg.measure(study, Anatomy.from_masks(None, drawn))
    truths = sorted(expected["rois"].values(), key=lambda roi: -roi["volume_ml"])
    assert found["lesion_count"].value == len(truths)
    for number, truth in enumerate(truths, start=1):
        lesion = {f.name: f for f in found.of(Scope.LESION, f"L{number}")}
        assert lesion["volume_ml"].value == pytest.approx(truth["volume_ml"], abs=0.005)
        maximum = lesion["unknown_suv_max"]
        assert maximum.value == pytest.approx(truth["suv_max_admin"], rel=1e-4)
        # decay factor and decay correction contradict each other: both answers are in the interval
        assert (maximum.hi / maximum.value, maximum.interval) == (
            pytest.approx(1.0173, abs=1e-3),
            "repeat",
        )
        assert lesion["unknown_suv_mean"].value == pytest.approx(truth["suv_mean_admin"], rel=1e-4)
        assert lesion["unknown_tv_ml"].reason == "missing_input:tracer"
    assert found["burden_pct"].reason == "missing_input:liver"
