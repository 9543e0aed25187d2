"""Mesh volume, surface and the half-voxel band."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netimg.measurement.mesh import band_ml, mesh
from tests.make import arrays as make
from tests.measurement.tables import agrees, phantom, shape_grid, shape_mask, table

SHAPES = table("shape_cases")["cases"]
MASKS = arrays(np.bool_, (3, 4, 5)).filter(np.any)
GRID = make.grid((3, 4, 5), (3.0, 0.9, 1.2))


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case["id"])
def test_the_mesh_follows_the_table(case):
    got, expected = mesh(shape_mask(case), shape_grid(case)), case["digital"]
    assert got.volume_ml == pytest.approx(expected["volume_mesh_ml"], rel=0.005)
    assert got.surface_mm2 == pytest.approx(expected["surface_mm2"], rel=0.01)
    assert got.sphericity == pytest.approx(expected["sphericity"], abs=0.01)
    lo, hi = expected["volume_band_ml"]
    assert got.lo_ml == pytest.approx(lo, rel=0.02, abs=1e-6)
    assert got.hi_ml == pytest.approx(hi, rel=0.02)


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case["id"])
def test_the_voxel_volume_lies_in_the_band(case):
    mask, grid = shape_mask(case), shape_grid(case)
    assert np.count_nonzero(mask) == case["digital"]["voxels"]
    lo, hi = band_ml(mask, grid)
    assert lo <= np.count_nonzero(mask) * grid.voxel_ml <= hi


def test_the_ibsi_phantom():
    _, mask, grid, expected = phantom()
    got = mesh(mask, grid)
    assert agrees(1000 * got.volume_ml, expected["volume_mesh_mm3"])
    assert agrees(got.surface_mm2, expected["surface_mm2"])
    assert agrees(got.sphericity, expected["sphericity"])


@given(MASKS)
def test_the_mesh_is_that_of_marching_cubes_on_the_whole_mask(mask):
    from skimage.measure import marching_cubes

    vertices, faces, _, _ = marching_cubes(np.pad(mask, 1).astype(float), 0.5)
    triangles = vertices[faces] * np.array(GRID.spacing_mm)
    got = mesh(mask, GRID)
    assert got.volume_ml == pytest.approx(abs(np.linalg.det(triangles).sum()) / 6000, abs=1e-9)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    assert got.surface_mm2 == pytest.approx(np.linalg.norm(normals, axis=1).sum() / 2)


@given(MASKS)
def test_inside_out_and_between_lie_in_this_order(mask):
    got = mesh(mask, GRID)
    assert got.lo_ml <= got.volume_ml <= got.hi_ml
    assert got.lo_ml <= np.count_nonzero(mask) * GRID.voxel_ml <= got.hi_ml + 1e-12


@given(st.floats(0.2, 5.0))
def test_volume_and_surface_scale_with_the_spacing(k):
    mask = shape_mask(SHAPES[0])
    here = mesh(mask, make.grid(mask.shape, (2.0, 1.1, 1.3)))
    there = mesh(mask, make.grid(mask.shape, (2.0 * k, 1.1 * k, 1.3 * k)))
    assert there.volume_ml == pytest.approx(k**3 * here.volume_ml)
    assert there.surface_mm2 == pytest.approx(k**2 * here.surface_mm2)
    assert there.sphericity == pytest.approx(here.sphericity)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flip_changes_the_mesh_less_than_meshers_differ(axis):
    mask, grid = shape_mask(SHAPES[0]), shape_grid(SHAPES[0])
    here, there = mesh(mask, grid), mesh(np.flip(mask, axis), grid)
    assert there.volume_ml == pytest.approx(here.volume_ml, rel=1e-4)
    assert there.surface_mm2 == pytest.approx(here.surface_mm2, rel=1e-4)


def test_a_sphere_is_round_up_to_the_steps_of_its_voxels():
    on = make.grid((60, 60, 60), (1.0, 1.0, 1.0))
    got = mesh(make.ellipsoid(on, (30.0, 30.0, 30.0), (25.0, 25.0, 25.0)), on)
    assert got.volume_ml == pytest.approx(make.ellipsoid_ml((25, 25, 25)), rel=0.01)
    assert 0.85 < got.sphericity < 1.0  # steps make the surface up to 1/0.85 too large


def test_an_empty_mask_has_an_empty_band_and_no_mesh():
    empty = np.zeros((3, 4, 5), dtype=bool)
    assert band_ml(empty, GRID) == (0.0, 0.0)
    with pytest.raises(ValueError, match="empty mask"):
        mesh(empty, GRID)
