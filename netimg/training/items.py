"""The labelled CTs: read, brought to one convention, split by patient.

Two sources (``lits-*``, ``ircadb-*``) with their own label codes become one: liver with all
lesions inside, lesion codes of `netimg` (2 lesion, 65 cyst, 255 ignore). What differs between the
sources is data: ``configs/training/sources/<source>.toml``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import CFG_001, SettingsError
from netimg.resources import load_toml, shipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netimg.arrays import FloatZYX, MaskZYX

DRAWN, DRAWN_MM = -1, (2.5, 1.5, 1.5)
"""Liver code of a source without labels, and spacing at which the default model draws its liver."""
LESION, CYST, IGNORE = 2, 65, 255
"""Codes of the lesion map that training uses; 0 is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is true of every CT of one public source (``configs/training/sources``)."""

    name: str
    licence: str
    url: str
    folder: str  # of its items, in the folder of the data
    window_hu: tuple[float, float]  # values beyond are clipped or unreliable in the source
    lesions_in_labels: tuple[str, ...]  # items whose `labels` value 2 is a reader's lesion
    fill_holes_mm2: float  # enclosed holes of the liver below this area are vessels
    liver_code: int  # of the liver in `labels`; 0 = every value; `DRAWN` = there are no labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """One labelled CT, axes to +S, +P, +L."""

    name: str
    source: Source
    ct: FloatZYX  # HU
    liver: MaskZYX  # lesions included
    lesions: NDArray[np.uint8]  # 0, LESION, CYST, IGNORE
    has_lesion_labels: bool  # False: says nothing about lesions
    spacing_mm: tuple[float, float, float]
    changed_ml: dict[str, float]  # by each conversion of the convention


def load_source(name: str) -> Source:
    """Facts of the source of an item (``lits-006`` -> ``lits``)."""
    table = load_toml("configs", "training", "sources", f"{name.split('-', 1)[0]}.toml")
    return Source(
        name=str(table["name"]),
        licence=str(table["licence"]),
        url=str(table["url"]),
        folder=str(table["folder"]),
        window_hu=(float(table["window_hu"][0]), float(table["window_hu"][1])),
        lesions_in_labels=tuple(table["lesions_in_labels"]),
        fill_holes_mm2=float(table["fill_holes_mm2"]),
        liver_code=int(table["liver_code"]),
    )


def load_item(data: Path, name: str) -> Item:
    """Read one labelled CT and bring its labels to the convention.

    Parameters
    ----------
    data
        Folder of the data; the item's own holds ``ct.nii.gz``, ``labels.nii.gz`` and, for some,
        ``lesions.nii.gz``.
    name
        Of the item, as in ``lits-006``.

    Returns
    -------
    Item
        Lesions are OR-ed into the liver; small enclosed holes (vessels) are filled; ends that the
        source cut are for the sampler to ignore.
    """
    import numpy as np

    source = load_source(name)
    folder = data / source.folder / name
    ct, spacing_mm = read_spl(folder / "ct.nii.gz")
    if source.liver_code == DRAWN:
        return _drawn(name, source, ct.astype(np.float32), spacing_mm)
    labels, _ = read_spl(folder / "labels.nii.gz")
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    lesions = np.zeros(labels.shape, dtype=np.uint8)
    drawn = folder / "lesions.nii.gz"
    if name in source.lesions_in_labels:
        lesions[labels == 2] = LESION
        labelled = True
    elif drawn.is_file():
        own, _ = read_spl(drawn)
        for code, meaning in ((1, LESION), (2, IGNORE), (3, CYST)):
            lesions[own == code] = meaning
        labelled = True
    else:
        labelled = False
    liver = labels == source.liver_code if source.liver_code else labels > 0
    with_lesions = liver | (lesions == LESION)
    filled = _fill_small_holes(with_lesions, spacing_mm, source.fill_holes_mm2)
    return Item(
        name=name,
        source=source,
        ct=ct.astype(np.float32),
        liver=filled,
        lesions=lesions,
        has_lesion_labels=labelled,
        spacing_mm=spacing_mm,
        changed_ml={
            "lesions joined to the liver": int((with_lesions & ~liver).sum()) * voxel_ml,
            "enclosed vessels filled": int((filled & ~with_lesions).sum()) * voxel_ml,
        },
    )


def _drawn(name: str, source: Source, ct: FloatZYX, spacing_mm: tuple[float, float, float]) -> Item:
    """Unlabelled CT with the liver that the default model draws; it says nothing of lesions."""
    import numpy as np
    import torch

    from netimg.geometry import Grid
    from netimg.segmentation import segment
    from netimg.segmentation.regrid import regrid, shape_at
    from netimg.volume import Quantity, Volume

    shape = shape_at(ct.shape, spacing_mm, DRAWN_MM)
    fine = regrid(torch.from_numpy(ct)[None], shape)[0].numpy()
    z, y, x = (n * s / m for n, s, m in zip(ct.shape, spacing_mm, shape, strict=True))
    mm = (z, y, x)
    grid = Grid(shape=shape, spacing_mm=mm, origin_lps_mm=(0.0, 0.0, 0.0))
    found = segment(Volume(values=fine, grid=grid, quantity=Quantity.HU))
    return Item(
        name=name,
        source=source,
        ct=fine,
        liver=found.liver.voxels,
        lesions=np.zeros(fine.shape, dtype=np.uint8),
        has_lesion_labels=False,
        spacing_mm=mm,
        changed_ml={},
    )


def read_spl(path: Path) -> tuple[NDArray[Any], tuple[float, float, float]]:
    """Array of a NIfTI file with axes to +S, +P, +L, and its spacing along z, y, x in mm."""
    import nibabel as nib
    import numpy as np

    image = nib.as_closest_canonical(nib.load(str(path)))
    x, y, z = (float(size) for size in image.header.get_zooms()[:3])
    ras = np.asarray(image.dataobj)
    return np.ascontiguousarray(ras[::-1, ::-1, :].transpose(2, 1, 0)), (z, y, x)


def _fill_small_holes(
    mask: MaskZYX, spacing_mm: tuple[float, float, float], below_mm2: float
) -> MaskZYX:
    """Fill background holes below an area, slice by slice."""
    import numpy as np
    from scipy import ndimage

    filled = mask.copy()
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    for plane in filled:
        holes, count = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
        if count:
            areas = np.bincount(holes.ravel())[1:] * pixel_mm2
            small = 1 + np.flatnonzero(areas < below_mm2)
            plane[np.isin(holes, small)] = True
    return filled


@dataclass(frozen=True, slots=True)
class Folds:
    """The fixed split by patient."""

    held_out: dict[int, tuple[str, ...]]
    patients: dict[str, str]  # item -> patient; items not named are their own

    def patient(self, item: str) -> str:
        """Patient of an item."""
        return self.patients.get(item, item)

    def training(self, fold: int) -> tuple[str, ...]:
        """Items of every fold but this one, in the order of the file."""
        return tuple(name for k, names in self.held_out.items() if k != fold for name in names)


def load_folds(path: Path | None = None) -> Folds:
    """Read ``configs/training/folds.toml`` and refuse a split that parts a patient."""
    path = path or shipped("configs", "training", "folds.toml")
    with path.open("rb") as stream:
        table = tomllib.load(stream)
    patients = {item: who for who, items in table["patients"].items() for item in items}
    folds = {int(k): tuple(items) for k, items in table["folds"].items()}
    where: dict[str, int] = {}
    for k, items in folds.items():
        for item in items:
            who = patients.get(item, item)
            if where.setdefault(who, k) != k:
                raise SettingsError(
                    CFG_001,
                    what=f"patient {who} is in folds {where[who]} and {k}.",
                    where=str(path.name),
                    todo="Keep all scans of one patient in one fold.",
                )
    return Folds(folds, patients)
