"""First-order statistics and the core of a mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.measurement.intensity import core, statistics, tissue
from tests.measurement.tables import agrees, phantom


def test_the_ibsi_phantom():
    image, mask, _, expected = phantom()
    got = statistics(image[mask])
    for name in ("mean", "median", "min", "p10", "p90", "max"):
        assert agrees(getattr(got, name), expected[name]), name
    assert agrees(got.sd**2, expected["variance"])
    assert got.n == 74


def test_no_values_have_no_statistics():
    assert statistics(np.zeros(0, dtype=np.float32)) is None


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=1), st.floats(0.1, 10.0))
def test_every_number_scales_with_the_values(values, k):
    here = statistics(np.array(values))
    there = statistics(k * np.array(values))
    for name in ("mean", "sd", "median", "p10", "p90", "min", "max"):
        assert getattr(there, name) == pytest.approx(k * getattr(here, name), abs=1e-6), name


def test_sums_are_exact_where_float32_would_drift():
    values = np.full(3_000_000, 16777.217, dtype=np.float32)
    assert statistics(values).mean == pytest.approx(float(values[0]), rel=1e-12)


@pytest.mark.parametrize(
    ("spacing", "layers"),
    [(0.5, 2), (0.7, 1), (1.0, 1), (1.5, 1), (1.99, 1), (2.0, 0), (5.0, 0)],
    # a voxel's centre is half a voxel deep, the next layer one and a half
)
def test_the_core_begins_one_millimetre_inside(spacing, layers):
    mask = np.zeros((1, 1, 15), dtype=bool)
    mask[..., 2:13] = True
    thick = (100.0, 100.0, spacing)
    got = core(mask, thick, 1.0)
    assert np.count_nonzero(got) == 11 - 2 * layers


def test_the_core_of_a_thin_mask_is_empty():
    assert not core(np.ones((1, 2, 9), dtype=bool), (0.5, 0.5, 0.5), 1.0).any()


def test_padding_of_the_scanner_is_no_tissue():
    values = np.array([-3024.0, -1025.0, -1024.0, 40.0])
    assert tissue(values).tolist() == [-1024.0, 40.0]
