"""A PET of 400 slices read and converted to SUV: netimg, pydicom by hand, SimpleITK.

Goal: at most 4 s on two cores. The scripts know the SUV factor beforehand; netimg finds it.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from tests.make import routes
from tests.make.dicom import pet_series

SHAPE = (400, 400, 400)
UPTAKE_S = 63 * 60
"""From the injection to the start of the scan, as `tests.make.dicom` writes them."""


def main(shape=SHAPE):
    """Print what each route takes, and netimg's share of it."""
    folder = large_pet(shape)
    print(f"PET {' x '.join(map(str, shape))}, a slope for each slice, files in the page cache")
    routes.show(routes.compare("tests.benchmarks.pet", folder))


def large_pet(shape):
    """Folder of a PET with a slope for each slice; made once, in the folder for scratch files."""
    name = f"netimg-benchmark-pet-{'x'.join(map(str, shape))}"
    folder = Path(tempfile.gettempdir()) / name
    if not (folder / "done").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        rng = np.random.default_rng(3)
        z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
        middle = (np.array(shape) - 1) / 2
        body = ((y - middle[1]) / (0.4 * shape[1])) ** 2 + ((x - middle[2]) / (0.3 * shape[2])) ** 2
        stored = np.where(body + 0 * z < 1, 9000, 20).astype(np.int16)
        stored += rng.integers(0, 20, size=shape, dtype=np.int16)
        slopes = {n: {"RescaleSlope": f"{0.5 + 0.001 * n:.3f}"} for n in range(shape[0])}
        pet_series(folder / "PET", stored, per_slice=slopes, common={"PatientWeight": "72.5"})
        (folder / "done").mkdir()
    return folder / "PET"


def by_netimg(folder):
    """Open the study, load the PET in SUVbw."""
    from netimg.reading import open_study

    return lambda: open_study(folder).pets[0].load().values


def by_stack(folder):
    """The line of a script, with the factor known."""
    from pydicom import dcmread

    def suv(file):
        return file.pixel_array * file.RescaleSlope * FACTOR

    def read():
        pictures = [suv(dcmread(path)) for path in sorted(folder.iterdir())]
        return np.stack(pictures).astype(np.float32)

    return read


def by_simpleitk(folder):
    """The series reader of SimpleITK, with the factor known."""
    import SimpleITK as sitk  # noqa: N813  # its usual name

    def read():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        reader.SetOutputPixelType(sitk.sitkFloat32)
        return sitk.GetArrayFromImage(reader.Execute()) * np.float32(FACTOR)

    return read


FACTOR = 72500.0 / (154e6 * 2.0 ** (-UPTAKE_S / 4057.7))
"""SUVbw per Bq/mL: weight in g over the activity left at the start of the scan."""

ROUTES = {"netimg": by_netimg, "np.stack, SUV": by_stack, "SimpleITK": by_simpleitk}
