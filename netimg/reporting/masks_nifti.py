"""Masks as NIfTI files and the table of what their values mean.

This module and ``reading/masks/nifti`` are the only places that know RAS: NIfTI's world is
(R, A, S), netimg's is (L, P, S), so the first two rows of every affine change sign here.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.anatomy import LABEL_NAMES
from netimg.reporting.colours import code_of, label_rgb, lesion_rgb
from netimg.reporting.json_text import Document, present
from netimg.volume import LabelMap, Quantity, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from netimg.anatomy import Anatomy
    from netimg.geometry import Grid

PROBABILITY_SLOPE = 0.005
"""Stored 0..200 means 0..1."""


def mask_files(anatomy: Anatomy, version: str) -> dict[str, bytes]:
    """Every mask of an anatomy as the bytes of a ``.nii.gz``, by path in the result folder."""
    grid = anatomy.grid
    arrays: dict[str, NDArray[Any]] = {}
    if anatomy.has_liver:
        arrays["liver"] = anatomy.liver.voxels.astype(np.uint8)
    if anatomy.has_lesions:
        arrays["lesions"] = anatomy.lesion_labels.labels
    if anatomy.segments is not None:
        arrays["segments"] = anatomy.segments.labels.astype(np.uint8)
    if anatomy.organs is not None:
        arrays["organs"] = anatomy.organs.labels.astype(np.uint8)
    files = {
        f"masks/{name}.nii.gz": nifti_bytes(array, grid, version) for name, array in arrays.items()
    }
    if anatomy.lesion_probability is not None:
        probability = anatomy.lesion_probability
        steps = np.rint(probability.values / PROBABILITY_SLOPE).clip(0, 200).astype(np.uint8)
        files["masks/lesion_probability.nii.gz"] = nifti_bytes(
            steps, probability.grid, version, slope=PROBABILITY_SLOPE
        )
    return files


def nifti_bytes(
    array: NDArray[Any], grid: Grid, version: str, *, slope: float | None = None
) -> bytes:
    """A gzipped NIfTI-1 file whose bytes repeat: no time, no file name.

    Parameters
    ----------
    array : (z, y, x) uint8 or uint16
        Stored as it is, axes in NIfTI's order x, y, z.
    slope
        Scale of the stored values; None writes none.
    """
    import nibabel

    affine = ras_affine(grid)
    image = nibabel.Nifti1Image(array.transpose(2, 1, 0), affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    header = image.header
    header.set_xyzt_units(xyz="mm")
    header["descrip"] = f"netimg {version}".encode()[:80]
    if slope is not None:
        header.set_slope_inter(slope, 0.0)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as stream:
        header.write_to(stream)
        stream.write(np.ascontiguousarray(array).data)  # z, y, x in C order is x, y, z in Fortran's
    return packed.getvalue()


def ras_affine(grid: Grid) -> NDArray[np.float64]:
    """(4, 4) matrix from NIfTI indices (x, y, z, 1) to (R, A, S, 1) in mm."""
    affine: NDArray[np.float64] = np.array(grid.affine_lps)[:, [2, 1, 0, 3]]
    affine[:2] *= -1
    return affine


def read_labels(path: Path, grid: Grid) -> LabelMap:
    """Labels of a file that `mask_files` wrote, on the exact grid of the result."""
    return LabelMap(labels=_array(path).astype(np.uint16), grid=grid)


def read_probability(path: Path, grid: Grid) -> Volume:
    """Lesion probability of a file that `mask_files` wrote."""
    values = (_array(path) * PROBABILITY_SLOPE).astype(np.float32)
    return Volume(values=values, grid=grid, quantity=Quantity.PROBABILITY)


def _array(path: Path) -> NDArray[Any]:
    """Stored numbers as (z, y, x)."""
    import nibabel

    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
    proxy: Any = image.dataobj
    stored: NDArray[Any] = np.asanyarray(proxy.get_unscaled())
    return stored.transpose(2, 1, 0)


def labels_document(anatomy: Anatomy) -> Document:
    """``masks/labels.json``: file -> value -> name, colour, SNOMED code, tracking UID."""
    lesions = {
        str(lesion.number): {
            "name": lesion.id,
            **_look(lesion_rgb(lesion), code_of(lesion)),
            "tracking_uid": lesion.tracking_uid,
        }
        for lesion in anatomy.lesions
    }
    files: Document = {"liver.nii.gz": _codes((1,))} if anatomy.has_liver else {}
    if anatomy.has_lesions:
        files["lesions.nii.gz"] = lesions
    if anatomy.segments is not None:
        files["segments.nii.gz"] = _codes(anatomy.segments.present())
    if anatomy.organs is not None:
        files["organs.nii.gz"] = _codes(anatomy.organs.present())
    return {"schema": "netimg.labels/1", "files": files}


def _codes(labels: tuple[int, ...]) -> Document:
    return {
        str(code): {
            "name": LABEL_NAMES.get(code, f"label {code}"),
            **_look(label_rgb(code), code_of(code)),
        }
        for code in labels
    }


def _look(rgb: tuple[int, int, int], code: Mapping[str, str] | None) -> Document:
    return {
        "colour": list(rgb),
        **({} if code is None else {"code": {"scheme": "SCT", **present(**dict(code))}}),
    }
