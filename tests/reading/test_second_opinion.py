"""Geometry and values as other programs read them: highdicom, dcm2niix, SimpleITK.

Grids are compared by voxel centres, not by matrices: dcm2niix flips rows, SimpleITK counts x first.
Each program's image is a function from a world point to a value; it must be ours.
"""

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from netimg.reading.studies import survey_study
from netimg.volume import Quantity
from tests.make import dicom as make

RNG = np.random.default_rng(12)
SHAPE = (14, 20, 26)
HU = RNG.integers(-1000, 1500, size=SHAPE)
_ROW, _COLUMN = (0.9, 0.3, 0.316227766), (-0.38, 0.9, 0.2277)


def _square(row, column):
    """Two directions at right angles, the second as near as can be."""
    row = np.array(row) / np.linalg.norm(row)
    column = np.array(column) - np.dot(column, row) * row
    return (*row, *(column / np.linalg.norm(column)))


SERIES = {
    "axial": {},
    "oblique": {"orientation": _square(_ROW, _COLUMN), "first_lps_mm": (-31.5, 12.25, -840.0)},
    "feet first, prone": {"orientation": (-1, 0, 0, 0, -1, 0), "spacing_mm": (2.5, 0.8, 0.8)},
    "feet first, supine": {"orientation": (-1, 0, 0, 0, 1, 0)},
    "sagittal": {"orientation": (0, 1, 0, 0, 0, -1)},
    "coronal": {"orientation": (1, 0, 0, 0, 0, -1)},
    "pixels that are not square": {"spacing_mm": (5.0, 0.7, 1.3)},
    "files in the order of no slice": {"names": "IM{0:04d}.dcm", "shuffled": True},
}


def ct(folder, bends):
    """Write one of `SERIES`."""
    bends = dict(bends)
    shuffled = bends.pop("shuffled", False)
    paths = make.ct_series(folder, HU, **bends)
    if shuffled:
        for path, name in zip(paths, RNG.permutation(len(paths)), strict=True):
            path.rename(path.with_name(f"Z{name:03d}"))
    return folder


@pytest.fixture(scope="module", params=SERIES.values(), ids=SERIES)
def written(request, tmp_path_factory):
    """A regular CT and what we read of it."""
    folder = ct(tmp_path_factory.mktemp("ct"), request.param)
    (series,) = survey_study(folder).series
    volume = series.load()
    assert volume.quantity is Quantity.HU
    assert np.array_equal(np.sort(volume.values, axis=None), np.sort(HU, axis=None))
    return folder, volume.grid, volume.values


def centres(shape, n=300):
    """Indices of the corners and of some voxels ``[n, 3]``."""
    corners = np.array(np.meshgrid(*[(0, s - 1) for s in shape])).reshape(3, -1).T
    inside = np.column_stack([RNG.integers(0, s, n) for s in shape])
    return np.concatenate([corners, inside])


def agree(grid, values, other, *, shape, rel=0.0, off_mm=1e-3):
    """Compare at voxel centres: the other program has a voxel there, with our value.

    ``other`` turns world points ``[n, 3]`` into (distance to its nearest centre in mm, value).
    """
    index = centres(grid.shape)
    distance_mm, found = other(grid.to_world(index))
    found = np.maximum(found, values.min())  # filling outside the field of view is -1024 here
    assert sorted(shape) == sorted(grid.shape)
    assert float(distance_mm.max()) < off_mm
    assert found == pytest.approx(values[tuple(index.T)].astype(np.float64), rel=rel, abs=1e-6)


def by_affine(affine, array):
    """World points through an affine from array index to LPS."""

    def value(points):
        index = np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(affine).T
        nearest = np.rint(index[:, :3])
        back = np.column_stack([nearest, np.ones(len(points))]) @ affine.T
        distance = np.linalg.norm(back[:, :3] - points, axis=1)
        return distance, array[tuple(nearest.astype(int).T)].astype(np.float64)

    return value


def by_simpleitk(image):
    """World points through an image of SimpleITK (LPS)."""
    import SimpleITK as sitk  # noqa: N813  # its own name in its manual

    array = sitk.GetArrayFromImage(image)

    def value(points):
        index = np.array([image.TransformPhysicalPointToIndex(p.tolist()) for p in points])
        back = np.array([image.TransformIndexToPhysicalPoint(i.tolist()) for i in index])
        distance = np.linalg.norm(back - points, axis=1)
        return distance, array[tuple(index[:, ::-1].T)].astype(np.float64)

    return value


def highdicom(folder):
    """Value of a world point, and shape, by highdicom."""
    import highdicom as hd

    slices = [pydicom.dcmread(path) for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    # beds of a PET overlap with a jitter: steps of 3.19 to 3.29 mm
    volume = hd.get_volume_from_series(slices, apply_real_world_transform=False, atol=0.1)
    return by_affine(volume.affine, volume.array), volume.spatial_shape


def dcm2niix(folder, out):
    """Value of a world point, and shape, by the NIfTI file of dcm2niix."""
    import dcm2niix as program
    import SimpleITK as sitk  # noqa: N813

    out.mkdir()
    line = [program.bin, "-b", "n", "-z", "n", "-f", "image", "-o", str(out), str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # a wheel
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.nii")
    image = sitk.ReadImage(str(path))
    return by_simpleitk(image), image.GetSize()


def simpleitk(folder):
    """Value of a world point, and shape, by SimpleITK's reader of series."""
    import SimpleITK as sitk  # noqa: N813

    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = sitk.ReadImage(names)
    return by_simpleitk(image), image.GetSize()


def test_highdicom_has_the_same_voxels_at_the_same_places(written):
    folder, grid, values = written
    other, shape = highdicom(folder)
    agree(grid, values, other, shape=shape)


def test_dcm2niix_has_the_same_voxels_at_the_same_places(written, tmp_path):
    folder, grid, values = written
    other, shape = dcm2niix(folder, tmp_path / "nii")
    agree(grid, values, other, shape=shape)


def test_simpleitk_has_the_same_voxels_at_the_same_places(written):
    folder, grid, values = written
    other, shape = simpleitk(folder)
    agree(grid, values, other, shape=shape)


def test_one_voxel_elsewhere_would_be_noticed(written):
    folder, grid, values = written
    other, shape = highdicom(folder)
    with pytest.raises(AssertionError):
        agree(grid, np.roll(values, 1, axis=2), other, shape=shape)
    moved = type(grid)(
        shape=grid.shape, spacing_mm=grid.spacing_mm, directions=grid.directions,
        origin_lps_mm=np.add(grid.origin_lps_mm, (0.0, 0.0, 0.1)),
    )  # fmt: skip
    with pytest.raises(AssertionError):
        agree(moved, values, other, shape=shape)


def real(shared_data, name):
    """A real regular series: folder, grid, values before SUV."""
    folder = shared_data / name
    (series,) = survey_study(folder).series
    values = series.load().values.astype(np.float64)
    if series.suv is not None:
        values = values / np.array(series.suv.factors)[:, None, None]
    return folder, series.grid, values


REAL = {
    "crlm_ct/CRLM-CT-1004/image": 0.01,
    "crlm_ct/CRLM-CT-1006/image": 0.01,
    "pet_ct/STS_001/PET": 0.06,
    "dicom_hard_geometry/regular_ct_shuffled_names": 0.01,
}
"""Folder, and how far in mm a centre may lie off: the PET's beds overlap with jitter."""


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("program", ["highdicom", "dcm2niix", "simpleitk"])
def test_real_series_lie_where_other_programs_put_them(shared_data, name, program, tmp_path):
    folder, grid, values = real(shared_data, name)
    if program == "dcm2niix":
        other, shape = dcm2niix(folder, tmp_path / "nii")
    else:
        other, shape = {"highdicom": highdicom, "simpleitk": simpleitk}[program](folder)
    agree(grid, values, other, shape=shape, rel=1e-5, off_mm=REAL[name])
