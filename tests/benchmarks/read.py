"""A CT of 512 x 512 x 500: netimg's reading beside the plain routes of a script, and SimpleITK.

Goals: at most 0.45 of the CPU time and 0.4 of the memory of
``np.stack([dcmread(f).pixel_array ...])`` in HU, bit-equal. The shortest script stands beside it:
it stacks stored integers, which are no HU and half as wide as the float32 that netimg hands on.
"""

from tests.benchmarks.run import large_study
from tests.make import routes

SHAPE = (500, 512, 512)


def main(shape=SHAPE):
    """Print what each route takes, and netimg's share of it."""
    folder = large_study(shape) / "CT"
    print(f"CT {' x '.join(map(str, shape))}, files in the page cache")
    routes.show(routes.compare("tests.benchmarks.read", folder))


def by_netimg(folder):
    """Open the study, load the CT that was chosen."""
    from netimg.reading import open_study

    return lambda: open_study(folder).ct.load().values


def by_stack(folder):
    """The line of a script: each picture in HU, stacked."""
    import numpy as np
    from pydicom import dcmread

    def hu(file):
        return file.pixel_array * file.RescaleSlope + file.RescaleIntercept

    return lambda: np.stack([hu(dcmread(path)) for path in sorted(folder.iterdir())])


def by_careful_stack(folder):
    """A script that sorts by position and turns to float32 once: stack integers, rescale."""
    import numpy as np
    import pydicom

    def read():
        files = [pydicom.dcmread(path) for path in folder.iterdir()]
        files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
        stored = np.stack([file.pixel_array for file in files])
        slope, intercept = files[0].RescaleSlope, files[0].RescaleIntercept
        return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)

    return read


def by_integers(folder):
    """Stored integers alone: neither order nor HU."""
    import numpy as np
    from pydicom import dcmread

    return lambda: np.stack([dcmread(path).pixel_array for path in sorted(folder.iterdir())])


def by_simpleitk(folder):
    """The series reader of SimpleITK."""
    import SimpleITK as sitk  # noqa: N813  # its usual name

    def read():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        reader.SetOutputPixelType(sitk.sitkFloat32)
        return sitk.GetArrayFromImage(reader.Execute())

    return read


ROUTES = {
    "netimg": by_netimg,
    "np.stack, HU": by_stack,
    "np.stack, float32": by_careful_stack,
    "np.stack, integers": by_integers,
    "SimpleITK": by_simpleitk,
}
