"""Volume above a threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.measurement.intensity import Statistics
from netimg.measurement.pet_volume import tumour_volume

LIVER = Statistics(mean=4.0, sd=0.5, median=4.0, p10=3.5, p90=4.5, min=3.0, max=5.0, n=500)
ROW = np.array([5.0, 5.5, 5.51, 7.0, 7.01, 20.0], dtype=np.float32).reshape(1, 1, 6)
ALL = np.ones(ROW.shape, dtype=bool)


def volume(method, suv=ROW, region=ALL, liver=LIVER):
    return tumour_volume(suv, region, 0.064, method=method, liver=liver)


def test_above_liver_mean_and_three_sd_is_more_than_the_threshold():
    got = volume("liver:3")
    assert got.threshold == 5.5
    assert got.tv_ml == pytest.approx(4 * 0.064)  # 5.5 itself stays out
    assert got.tl_g == pytest.approx((5.51 + 7.0 + 7.01 + 20.0) * 0.064)


def test_the_percist_threshold_itself_belongs_to_the_volume():
    got = volume("percist_liver")
    assert got.threshold == 7.0
    assert got.tv_ml == pytest.approx(3 * 0.064)


def test_the_number_of_sds_is_taken_from_the_method():
    assert volume("liver:2").threshold == 5.0
    assert volume("liver:2.5").threshold == 5.25


def test_uptake_below_the_threshold_has_volume_zero():
    got = volume("liver:3", region=ROW < 5.5)
    assert (got.tv_ml, got.tl_g) == (0.0, 0.0)


def test_two_disjoint_regions_add_up():
    left, right = ROW < 6, ROW >= 6
    for name in ("tv_ml", "tl_g"):
        parts = [getattr(volume("liver:3", region=part), name) for part in (left, right)]
        assert sum(parts) == pytest.approx(getattr(volume("liver:3"), name))


@given(st.floats(0.25, 4.0))
def test_in_another_norm_the_volume_is_the_same(k):
    scaled = Statistics(mean=4 * k, sd=0.5 * k, median=4 * k, p10=1, p90=1, min=1, max=1, n=500)
    image = np.array([1.0, 6.9, 7.5, 20.0], dtype=np.float32).reshape(1, 1, 4)
    region = np.ones(image.shape, dtype=bool)
    for method in ("liver:3", "percist_liver"):
        here = volume(method, image, region)
        there = volume(method, (image * k).astype(np.float32), region, scaled)
        assert there.tv_ml == here.tv_ml
        assert there.tl_g == pytest.approx(k * here.tl_g, rel=1e-5)


@pytest.mark.parametrize("method", ["liver", "liver:", "half", "percist"])
def test_an_unknown_method_is_refused(method):
    with pytest.raises(ValueError, match="neither"):
        volume(method)
