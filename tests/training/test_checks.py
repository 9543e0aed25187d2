"""Items are checked before anybody trains on them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from netimg.errors import InputError
from netimg.training.checks import check_items
from netimg.training.config import RunConfig
from netimg.training.items import load_folds

CONFIG = RunConfig(name="check", stage="liver", seed=1, hours=1.0)


def write_item(data: Path, name: str, *, spacing_mm: float) -> None:
    """A liver of 1000 voxels at 60 HU."""
    folder = data / "labelled_ct" / name
    folder.mkdir(parents=True)
    labels = np.zeros((14, 14, 14), dtype=np.uint8)
    labels[2:12, 2:12, 2:12] = 1
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    for file, array in (("labels", labels), ("ct", (60 * labels).astype(np.int16))):
        nib.save(nib.Nifti1Image(array, affine), str(folder / f"{file}.nii.gz"))


def test_one_line_per_item_with_volume_hu_patient_and_licence(tmp_path: Path) -> None:
    write_item(tmp_path, "lits-007", spacing_mm=11.0)
    first, line = check_items(CONFIG, ("lits-007",), tmp_path, load_folds())
    assert "fold 1 held out" in first
    assert "lits-007  patient P5" in line
    assert "liver 1331 mL, 60/60/60 HU" in line
    assert "CC-BY-NC-ND-4.0" in line


@pytest.mark.parametrize(("spacing_mm", "volume"), [(1.0, "1 mL"), (20.0, "8000 mL")])
def test_a_liver_of_an_impossible_volume_is_refused(
    tmp_path: Path, spacing_mm: float, volume: str
) -> None:
    write_item(tmp_path, "ircadb-002", spacing_mm=spacing_mm)
    with pytest.raises(InputError, match=volume):
        list(check_items(CONFIG, ("ircadb-002",), tmp_path, load_folds()))


def test_a_missing_item_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ircadb-003"):
        list(check_items(CONFIG, ("ircadb-003",), tmp_path, load_folds()))
