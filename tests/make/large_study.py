"""The bundled phantom as a large study: its CT on a fine lattice, with its PET, for benchmarks.

``python -m tests.make.large_study 400 512 512`` makes it and prints its folder.
"""

import copy
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from scipy.ndimage import affine_transform

from tests.make.dicom import uid

PHANTOM = Path(__file__).resolve().parents[2] / "sample_data" / "net-phantom"
SPACING_MM = (0.75, 0.7, 0.7)
NOISE_HU = 8.0
AIR_HU = -1000.0


def large_study(shape):
    """Folder with ``CT`` and ``PET``; made once and kept in the system's folder for scratch files.

    The CT is the phantom's, interpolated to voxels of ``SPACING_MM`` and centred on ``shape``, with
    noise of its own in each slice: the same bytes on every machine.
    """
    size = "x".join(map(str, shape))
    folder = Path(tempfile.gettempdir()) / f"netimg-benchmark-{size}"
    if not (folder / "PET").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "CT").mkdir(parents=True)
        _write_ct(folder / "CT", shape)
        shutil.copytree(PHANTOM / "PET_SSTR", folder / "PET")
    return folder


def _write_ct(folder, shape):
    headers = sorted(
        (pydicom.dcmread(path) for path in (PHANTOM / "CT").iterdir()),
        key=lambda header: float(header.ImagePositionPatient[2]),
    )
    stored = np.stack([header.pixel_array for header in headers])
    hu = (stored * headers[0].RescaleSlope + headers[0].RescaleIntercept).astype(np.float32)
    first = [float(v) for v in headers[0].ImagePositionPatient]
    row_mm, column_mm = (float(v) for v in headers[0].PixelSpacing)
    step_mm = float(headers[1].ImagePositionPatient[2]) - first[2]
    old_mm = np.array([step_mm, row_mm, column_mm])
    scale = np.array(SPACING_MM) / old_mm
    start = (np.array(hu.shape) - 1) / 2 - (np.array(shape) - 1) / 2 * scale
    corner_zyx = np.array(first[::-1]) + start * old_mm
    rng = np.random.Generator(np.random.Philox(key=[7, 512]))
    for z in range(shape[0]):
        plane = affine_transform(
            hu,
            np.diag(scale),
            start + np.array([z * scale[0], 0.0, 0.0]),
            output_shape=(1, *shape[1:]),
            order=1,
            cval=AIR_HU,
        )[0]
        plane += rng.normal(0.0, NOISE_HU, shape[1:]).astype(np.float32)
        header = copy.deepcopy(headers[0])
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = uid("large", shape, z)
        header.SeriesInstanceUID = uid("large", shape)
        header.InstanceNumber = z + 1
        header.Rows, header.Columns = shape[1:]
        header.PixelSpacing = [SPACING_MM[1], SPACING_MM[2]]
        header.SliceThickness = SPACING_MM[0]
        position = corner_zyx + np.array([z * SPACING_MM[0], 0.0, 0.0])
        header.ImagePositionPatient = [f"{v:.6g}" for v in position[::-1]]
        values = (plane - float(header.RescaleIntercept)) / float(header.RescaleSlope)
        header.PixelData = np.clip(np.rint(values), 0, 4095).astype("<u2").tobytes()
        header.save_as(folder / f"IM{z + 1:04d}.dcm", enforce_file_format=True)


if __name__ == "__main__":
    sys.stdout.write(f"{large_study(tuple(int(n) for n in sys.argv[1:]))}\n")
