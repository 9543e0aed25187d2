"""The aorta without a mask: found where it runs, as bright as it is, and not mistaken for bone."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest

from netimg.geometry import Grid
from netimg.reading.glance import aorta_medians
from netimg.reading.tube import find_aorta
from netimg.volume import Quantity, Volume
from tests.make import trunk


@pytest.mark.parametrize("phase", trunk.HU)
def test_the_aorta_is_as_bright_as_it_was_painted(phase):
    """Nine voxels of noise of 10 HU are averaged in a disc; the 99th percentile lies above."""
    found = find_aorta(trunk.ct(phase))
    assert found.hu == pytest.approx(trunk.HU[phase]["aorta"], abs=12.0)
    assert found.length_mm >= 60.0


@pytest.mark.parametrize("phase", ["arterial", "portal", "delayed"])
def test_the_aorta_is_found_where_it_runs(phase):
    """Without contrast, muscle beside the lung is as good: it is as bright."""
    found = find_aorta(trunk.ct(phase))
    for _, y, x in found.centres:
        left = x + trunk.GRID.origin_lps_mm[0]
        behind = y + trunk.GRID.origin_lps_mm[1]
        assert np.hypot(left - 8.0, behind - 38.0) < 5.0


def test_a_ct_whose_axes_run_backwards_gives_the_same_number():
    """Scanned feet first, lying prone: rows and slices run the other way."""
    ct = trunk.ct()
    z, y, _ = ct.grid.shape
    corner = ct.grid.to_world(np.array([[z - 1, y - 1, 0]]))[0]
    turned = replace(
        ct,
        values=ct.values[::-1, ::-1],
        grid=replace(
            ct.grid,
            origin_lps_mm=tuple(corner.tolist()),
            directions=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)),
        ),
    )
    assert find_aorta(turned).hu == find_aorta(ct).hu


def test_slices_of_another_direction_have_no_stand_in():
    ct = trunk.ct()
    coronal = replace(
        ct,
        values=np.ascontiguousarray(ct.values.transpose(1, 0, 2)),
        grid=replace(
            ct.grid,
            shape=(158, 64, 193),
            spacing_mm=(2.0, 5.0, 2.0),
            directions=((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ),
    )
    assert find_aorta(coronal) == "the slices are not axial"
    assert aorta_medians(coronal).absent == {"aorta": "the slices are not axial"}


def test_a_phantom_without_a_spine_has_no_stand_in():
    ct = trunk.ct()
    soft = replace(ct, values=np.minimum(ct.values, 60.0))
    assert find_aorta(soft) == "no spine was recognised to find it by"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("case", "low", "high"),
    [
        ("hcc-tace-006", 140, 190),
        ("cptac-pda-C3L-00189", 130, 180),
        ("cort-liver", 25, 70),
        ("acrin-flt-breast-001", 25, 85),
    ],
)
@pytest.mark.slow
def test_real_scans_have_an_aorta_of_a_plausible_brightness(shared_data, case, low, high):
    """Portal venous and unenhanced scans; what was read off the pictures, loosely."""
    path = shared_data / "unlabelled_ct" / case / "ct.nii.gz"
    image = nibabel.as_closest_canonical(nibabel.load(path))
    values = np.asarray(image.dataobj, dtype=np.float32).transpose(2, 1, 0)[:, ::-1, ::-1]
    z, y, x = (float(s) for s in image.header.get_zooms()[::-1])
    grid = Grid(shape=values.shape, spacing_mm=(z, y, x), origin_lps_mm=(0.0, 0.0, 0.0))
    found = find_aorta(Volume(values=values, grid=grid, quantity=Quantity.HU))
    assert low <= found.hu <= high
