"""Masks from NIfTI: the only place where RAS is turned to LPS on the way in.

The header is nibabel's to read; the values are read here, within what the header says.
"""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import IDX_003, MSK_009, MSK_015
from netimg.reading.masks.bounded import (
    GZIP_MAGIC,
    check_voxels,
    read_exactly,
    skip,
    unpacked,
)
from netimg.reading.masks.labels import Labels, read_labels
from netimg.reading.masks.place import CORNER_TOL
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from netimg.settings import Settings

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_HEADERS = {348: (344, b"n+1"), 540: (4, b"n+2")}
"""Size of the header -> place and value of its magic, NIfTI-1 and NIfTI-2."""

_EXTENSIONS_MAX = 16 << 20


def is_nifti(head: bytes) -> bool:
    """Whether a file begins as NIfTI does; ``head``: its first 540 bytes, unpacked."""
    return _header_size(head) is not None


def read_nifti(path: Path, settings: Settings) -> Labels:
    """Labels of a NIfTI file in its own axes.

    Sform where its code says so, else qform. Scaled values must be whole numbers.

    Raises
    ------
    MaskError
        MSK-009 no or two places, MSK-011 not whole numbers, MSK-015 beyond the limits.
    InputError
        IDX-003 not readable.
    """
    name = path.name
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        stream = unpacked(file, "gzip" if packed else "raw")
        head = bytes(read_exactly(stream, 348, file=name))
        header, size = _header(head, stream, name)
        shape, dtype = _shape(header, name), _dtype(header, name)
        check_voxels(shape, dtype.itemsize, file=name, settings=settings)
        with np.errstate(all="ignore"):  # numbers that are none are refused by their place
            affine = _RAS_TO_LPS @ _affine_ras(header, shape, name)
        begin = float(header["vox_offset"])
        if not size <= begin <= size + _EXTENSIONS_MAX:
            raise refusal(MSK_015, where=name, what=f"values from byte {begin:g} on")
        skip(stream, int(begin) - size, file=name)
        labels = read_labels(stream, dtype, shape, file=name, scale=_scale(header))
    return Labels(name, (labels,), affine)


def _header_size(head: bytes) -> int | None:
    for size, (at, magic) in _HEADERS.items():
        stated = {int.from_bytes(head[:4], order) for order in ("little", "big")}
        if size in stated and head[at : at + 3] in (magic, b"ni1"):
            return size
    return None


def _header(head: bytes, stream: Any, name: str) -> tuple[Any, int]:  # noqa: ANN401  # nibabel's
    """Nibabel's header, and its size in bytes."""
    import nibabel as nib

    size = _header_size(head)
    if size is None or head[344:347] == b"ni1":
        reason = "it is a header without values" if size else "it is no NIfTI file"
        raise refusal(IDX_003, file=name, reason=reason)
    if size == 540:
        head += read_exactly(stream, 540 - 348, file=name)
    kind = nib.Nifti1Header if size == 348 else nib.Nifti2Header
    # Nibabel's check would mend what it does not understand; what matters is judged here.
    return kind.from_fileobj(io.BytesIO(head), check=False), size


def _shape(header: Any, name: str) -> tuple[int, int, int]:  # noqa: ANN401  # nibabel's
    """Three axes; a fourth of one volume is no axis."""
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise refusal(MSK_015, where=name, what=f"{axes} dimensions")
    shape = [int(n) for n in header["dim"][1 : 1 + axes]]
    if len(shape) > 3 and any(n != 1 for n in shape[3:]):
        raise refusal(MSK_015, where=name, what=f"{len(shape)} dimensions")
    a, b, c = (*shape[:3], 1, 1, 1)[:3]
    return a, b, c


def _dtype(header: Any, name: str) -> np.dtype[Any]:  # noqa: ANN401  # nibabel's
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except KeyError as error:
        reason = f"its values are of an unknown type ({int(header['datatype'])})"
        raise refusal(IDX_003, file=name, reason=reason) from error
    if dtype.kind not in "iuf":
        raise refusal(IDX_003, file=name, reason="its values are colours or complex numbers")
    return dtype


def _scale(header: Any) -> tuple[float, float]:  # noqa: ANN401  # nibabel's
    """Slope and intercept; a slope of 0 or none means that values are not scaled."""
    slope, intercept = (float(header[key]) for key in ("scl_slope", "scl_inter"))
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    return slope, intercept if np.isfinite(intercept) else 0.0


def _affine_ras(header: Any, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:  # noqa: ANN401  # nibabel's
    """Sform where its code says so, else qform; both and different is no answer."""
    import nibabel as nib

    try:
        sform = header.get_sform() if int(header["sform_code"]) > 0 else None
        qform = header.get_qform() if int(header["qform_code"]) > 0 else None
        apart = _apart(shape, sform, qform)
    except (ValueError, nib.spatialimages.HeaderDataError) as error:
        raise refusal(MSK_009, where=f"{name}: {error}", how="does not say") from error
    if sform is None and qform is None:
        raise refusal(MSK_009, where=name, how="does not say")
    if apart is not None:
        raise refusal(MSK_009, where=name, how=f"says twice, {apart:.2f} mm apart,")
    affine: NDArray[np.float64] = np.asarray(sform if sform is not None else qform, np.float64)
    return affine


def _apart(
    shape: tuple[int, ...],
    sform: NDArray[np.float64] | None,
    qform: NDArray[np.float64] | None,
) -> float | None:
    """How many mm two places of one array are apart; None where they are one within tolerance."""
    if sform is None or qform is None:
        return None
    ends = np.array(list(itertools.product(*((0, n - 1) for n in shape))))
    gap = ends @ (qform - sform)[:3, :3].T + (qform - sform)[:3, 3]
    voxels = float(np.abs(np.linalg.solve(sform[:3, :3], gap.T)).max())
    return None if voxels <= CORNER_TOL else float(np.linalg.norm(gap, axis=1).max())
