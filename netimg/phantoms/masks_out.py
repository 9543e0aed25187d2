"""True masks as NIfTI, with the same bytes every time."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from netimg.volume import LabelMap


def write_nifti(path: Path, labels: LabelMap, *, description: str) -> None:
    """Write a label map as ``.nii.gz`` (uint16), millimetres, scanner coordinates."""
    import nibabel as nib

    lps = labels.grid.affine_lps
    affine_ras = lps[:, [2, 1, 0, 3]].copy()  # NIfTI counts x first, and its L and P are negative
    affine_ras[:2] *= -1.0
    image = nib.Nifti1Image(np.asarray(labels.labels).transpose(2, 1, 0), affine_ras)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode()[:79]
    image.set_sform(affine_ras, code=1)
    image.set_qform(affine_ras, code=1)
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=9, mtime=0))
