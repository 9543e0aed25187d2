"""The four peaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netimg.measurement.suv_peak import peaks
from tests.make import arrays as make
from tests.measurement.tables import agrees, phantom, table

IMAGES = arrays(np.float32, (5, 6, 7), elements=st.floats(0, 100, width=32))
SPACING = (4.0, 3.0, 3.5)


@pytest.mark.parametrize("case", table("peak_cases")["cases"], ids=lambda case: case["id"])
def test_peaks_follow_the_table(case):
    spacing = tuple(case["spacing_zyx_mm"])
    names = make.rectangular_mesh(case["shape"], spacing)
    image, mask = (
        np.broadcast_to(eval(case[key], names), case["shape"])  # noqa: S307 - our own table
        for key in ("image", "mask")
    )
    got = peaks(image.astype(np.float32), mask, spacing, peak_ml=1.0)
    expected = case["expect"]
    assert got.ibsi == pytest.approx(expected["ibsi_global"], rel=1e-6)
    assert got.ibsi_local == pytest.approx(expected["ibsi_local"], rel=1e-6)
    assert got.sphere == pytest.approx(expected["sphere_global"], rel=0.005)
    assert got.sphere_local == pytest.approx(expected["sphere_local"], rel=0.005)
    assert got.truncated == (case["id"] == "K07")


def test_the_ibsi_phantom():
    image, mask, grid, expected = phantom()
    got = peaks(image, mask, grid.spacing_mm, peak_ml=1.0)
    assert agrees(got.ibsi, expected["peak_global"])
    assert agrees(got.ibsi_local, expected["peak_local"])


@given(IMAGES, st.sampled_from([0, 1, 2]))
def test_a_flip_changes_no_peak(image, axis):
    mask = np.zeros(image.shape, dtype=bool)
    mask[1:4, 2:5, 2:6] = True
    here = peaks(image, mask, SPACING, peak_ml=1.0)
    there = peaks(np.flip(image, axis), np.flip(mask, axis), SPACING, peak_ml=1.0)
    for name in ("sphere", "ibsi", "sphere_local", "ibsi_local"):
        assert getattr(there, name) == pytest.approx(getattr(here, name), abs=1e-6)


@given(IMAGES, st.floats(0.5, 4.0))
def test_peaks_scale_with_the_image(image, k):
    mask = image >= np.median(image)
    here = peaks(image, mask, SPACING, peak_ml=1.0)
    there = peaks((image * k).astype(np.float32), mask, SPACING, peak_ml=1.0)
    assert there.sphere == pytest.approx(k * here.sphere, rel=1e-5, abs=1e-5)
    assert there.ibsi == pytest.approx(k * here.ibsi, rel=1e-5, abs=1e-5)


@given(IMAGES)
def test_no_peak_exceeds_the_maximum_and_none_local_the_global(image):
    mask = np.ones(image.shape, dtype=bool)
    got = peaks(image, mask, SPACING, peak_ml=1.0)
    assert got.sphere_local <= got.sphere <= image.max() + 1e-4
    assert got.ibsi_local <= got.ibsi <= image.max() + 1e-4


def test_the_gather_agrees_with_the_obvious_loop():
    rng = np.random.default_rng(1)
    image = rng.random((7, 8, 9)).astype(np.float32)
    mask = rng.random(image.shape) > 0.6
    radius = (3 * 1000 / (4 * np.pi)) ** (1 / 3)
    means = []
    for centre in np.argwhere(mask):
        gap = (np.argwhere(np.ones_like(mask)) - centre) * np.array(SPACING)
        inside = np.linalg.norm(gap, axis=1) <= radius
        means.append(image.ravel()[inside].astype(float).mean())
    assert peaks(image, mask, SPACING, peak_ml=1.0).ibsi == pytest.approx(max(means))


def test_an_empty_mask_has_no_peak():
    with pytest.raises(ValueError, match="empty mask"):
        peaks(
            np.ones((2, 2, 2), dtype=np.float32),
            np.zeros((2, 2, 2), dtype=bool),
            SPACING,
            peak_ml=1.0,
        )
