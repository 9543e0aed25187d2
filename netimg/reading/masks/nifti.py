"""Masks from NIfTI: the only place where RAS is turned to LPS on the way in."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import IDX_003, MSK_009, MSK_011, MSK_015
from netimg.geometry import Grid
from netimg.reading.masks.part import Part, cropped
from netimg.reading.masks.place import CORNER_TOL, place
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from netimg.arrays import LabelZYX
    from netimg.settings import Settings

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LARGEST_LABEL = 65535


def read_nifti(path: Path, grid: Grid, settings: Settings) -> list[Part]:
    """Every label of a NIfTI mask as a part, ascending."""
    labels = nifti_labels(path, grid, settings)
    present = np.flatnonzero(np.bincount(labels.ravel()))
    return [cropped(int(n), "", None, labels == n) for n in present if n != 0]


def nifti_labels(path: Path, grid: Grid, settings: Settings) -> LabelZYX:
    """Labels of a NIfTI file on a grid, uint16 ``[z, y, x]``.

    Raises
    ------
    MaskError
        MSK-001, MSK-009 no or two places, MSK-011 not whole numbers, MSK-014, MSK-015.
    InputError
        IDX-003 not readable.
    """
    labels, affine = _read(path, settings)
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    placed: LabelZYX = place(shape, affine, grid, name=path.name).onto(labels, grid)
    return placed


def nifti_on_own_grid(path: Path, settings: Settings) -> tuple[LabelZYX, Grid]:
    """Labels and the grid of a NIfTI file, axes turned to lie nearest to z, y, x."""
    labels, affine = _read(path, settings)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    share = np.abs(affine[:3, :3] / spacing)
    best = max(
        itertools.permutations(range(3)),
        key=lambda axes: sum(
            share[world, axis] for world, axis in zip((2, 1, 0), axes, strict=True)
        ),
    )
    ends = np.array([[0, n - 1] for n in labels.shape])
    corner, columns, turn = np.zeros(3), [], []
    for world, axis in zip((2, 1, 0), best, strict=True):
        flip = affine[world, axis] < 0
        corner[axis] = ends[axis][1 if flip else 0]
        columns.append(affine[:3, axis] / spacing[axis] * (-1 if flip else 1))
        turn.append(slice(None, None, -1 if flip else 1))
    origin = affine[:3, :3] @ corner + affine[:3, 3]
    turned: LabelZYX = np.ascontiguousarray(np.transpose(labels, best)[tuple(turn)])
    try:
        rows = np.array(columns).T
        grid = Grid(
            shape=(turned.shape[0], turned.shape[1], turned.shape[2]),
            spacing_mm=tuple(spacing[list(best)].tolist()),
            origin_lps_mm=tuple(origin.tolist()),
            directions=(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])),
        )
    except ValueError as error:
        raise refusal(MSK_009, where=f"{path.name}: {error}", how="does not say") from error
    return turned, grid


def _read(path: Path, settings: Settings) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Labels in file order, and the affine from their indices to LPS."""
    import nibabel as nib

    try:
        image: Any = nib.load(path)
        _check_size(image.header, path.name, settings)
        affine = _RAS_TO_LPS @ _affine_ras(image.header, path.name)
        values = np.asanyarray(image.dataobj)
    except (OSError, EOFError, zlib.error, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise refusal(IDX_003, file=path.name, reason=str(error)) from error
    if values.ndim != 3:
        values = values.reshape(values.shape[:3] + (1,) * max(0, 3 - values.ndim))
    return whole_numbers(values, path.name), affine


def whole_numbers(values: NDArray[Any], name: str) -> NDArray[np.uint16]:
    """Values as labels; fractions, negative and huge values are refused."""
    if values.dtype.kind in "biu":
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
        if low < 0 or high > _LARGEST_LABEL:
            raise refusal(MSK_011, where=name, value=float(low if low < 0 else high))
        labels: NDArray[np.uint16] = values.astype(np.uint16)
        return labels
    rounded = np.rint(values)
    wrong = ~(np.abs(values - rounded) <= 1e-3) | (rounded < 0) | (rounded > _LARGEST_LABEL)
    if wrong.any():
        raise refusal(MSK_011, where=name, value=float(values[wrong][0]))
    whole: NDArray[np.uint16] = rounded.astype(np.uint16)
    return whole


def _check_size(header: Any, name: str, settings: Settings) -> None:  # noqa: ANN401  # nibabel's
    shape = [int(n) for n in header.get_data_shape()]
    voxels = int(np.prod(shape, dtype=np.float64)) if shape else 0
    if any(n < 1 for n in shape) or voxels > settings["limits.mask_voxels_max"]:
        raise refusal(MSK_015, where=name, what=f"{'x'.join(map(str, shape))} voxels")
    if len(shape) > 3 and any(n != 1 for n in shape[3:]):
        raise refusal(MSK_015, where=name, what=f"{len(shape)} dimensions")


def _affine_ras(header: Any, name: str) -> NDArray[np.float64]:  # noqa: ANN401  # nibabel's
    """Sform where its code says so, else qform; both and different is no answer."""
    shape = [int(n) for n in header.get_data_shape()[:3]]
    shape += [1] * (3 - len(shape))
    sform = header.get_sform() if int(header["sform_code"]) > 0 else None
    qform = header.get_qform() if int(header["qform_code"]) > 0 else None
    if sform is None and qform is None:
        raise refusal(MSK_009, where=name, how="does not say")
    if sform is not None and qform is not None:
        ends = np.array(np.meshgrid(*((0, n - 1) for n in shape), indexing="ij")).reshape(3, -1)
        points = [(a[:3, :3] @ ends).T + a[:3, 3] for a in (sform, qform)]
        gap = float(np.linalg.norm(points[0] - points[1], axis=1).max())
        smallest = float(np.linalg.norm(sform[:3, :3], axis=0).min())
        if gap > CORNER_TOL * smallest:
            raise refusal(MSK_009, where=name, how=f"says twice, {gap:.2f} mm apart,")
    affine: NDArray[np.float64] = np.asarray(sform if sform is not None else qform, np.float64)
    return affine
