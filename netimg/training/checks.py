"""What ``netimg train CONFIG --check-data`` prints and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.errors import IDX_001, InputError
from netimg.training.items import LESION, load_item, load_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netimg.training.config import RunConfig
    from netimg.training.items import Folds

LIVER_ML = (600.0, 4000.0)


def check_items(
    config: RunConfig, names: tuple[str, ...], data: Path, folds: Folds
) -> Iterator[str]:
    """One line per item: grid, HU inside the liver, volumes, labels, licence, patient, changes.

    Raises
    ------
    InputError
        IDX-001 if an item is missing or its liver cannot be one.
    """
    import numpy as np

    yield f"{config.name}: {len(names)} items, fold {config.fold} held out"
    for name in names:
        folder = data / load_source(name).folder / name
        if not (folder / "ct.nii.gz").is_file():
            raise InputError(
                IDX_001, what=f"{name} has no ct.nii.gz.", where=str(data), todo="Fetch the data."
            )
        item = load_item(data, name)
        voxel_ml = float(np.prod(item.spacing_mm)) / 1000.0
        liver_ml = float(item.liver.sum()) * voxel_ml
        if not LIVER_ML[0] <= liver_ml <= LIVER_ML[1]:
            raise InputError(
                IDX_001,
                what=f"the liver of {name} has {liver_ml:.0f} mL; spacing or labels are wrong.",
                where=str(folder),
                todo="Compare the spacing with the label map.",
            )
        low, middle, high = np.percentile(item.ct[item.liver], (5, 50, 95))
        lesion_ml = float((item.lesions == LESION).sum()) * voxel_ml
        codes = ",".join(str(code) for code in np.unique(item.lesions))
        changed = "; ".join(f"{what} {ml:.1f} mL" for what, ml in item.changed_ml.items())
        yield (
            f"{name}  patient {folds.patient(name)}  {'x'.join(map(str, item.ct.shape))} at "
            f"{'x'.join(f'{s:g}' for s in item.spacing_mm)} mm  liver {liver_ml:.0f} mL, "
            f"{low:.0f}/{middle:.0f}/{high:.0f} HU  lesions {lesion_ml:.1f} mL, codes {codes}  "
            f"{item.source.licence}  {changed}"
        )
