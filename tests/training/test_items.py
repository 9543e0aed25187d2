"""Labels of two sources become one convention; patients never part."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from netimg.errors import SettingsError
from netimg.resources import shipped
from netimg.training.items import CYST, IGNORE, LESION, load_folds, load_item, read_spl


def write(path: Path, array_xyz: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array_xyz, affine), str(path))


def affine(spacing_xyz: tuple[float, float, float], signs: tuple[int, int, int]) -> np.ndarray:
    return np.diag([*(s * q for s, q in zip(spacing_xyz, signs, strict=True)), 1.0])


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, -1)])
def test_axes_point_to_head_back_and_left_whatever_the_file_says(
    tmp_path: Path, signs: tuple[int, int, int]
) -> None:
    world = np.zeros((4, 5, 6), dtype=np.int16)  # axes to R, A, S
    world[0, 4, 5] = 7  # +R begins at the left: the left, front, top corner
    stored = world[tuple(slice(None, None, s) for s in signs)]
    write(tmp_path / "ct.nii.gz", np.ascontiguousarray(stored), affine((1.0, 2.0, 3.0), signs))
    array, spacing_mm = read_spl(tmp_path / "ct.nii.gz")
    assert spacing_mm == (3.0, 2.0, 1.0)
    assert array.shape == (6, 5, 4)
    assert np.argwhere(array == 7).tolist() == [[5, 0, 3]]


def labelled(folder: Path, name: str, codes: tuple[int, ...]) -> Path:
    """A liver of 8x8x4 voxels of 1 mL with a vessel hole and lesion codes along a line."""
    ct = np.full((12, 12, 6), 60, dtype=np.int16)
    labels = np.zeros((12, 12, 6), dtype=np.uint8)
    labels[2:10, 2:10, 1:5] = 1
    labels[5, 5, 2] = 0
    drawn = np.zeros_like(labels)
    for k, code in enumerate(codes):
        drawn[3 + k, 3, 3] = code
    drawn[1, 3, 3] = codes[0]  # exophytic: outside the label
    grid = affine((10.0, 10.0, 10.0), (1, 1, 1))
    write(folder / "labelled_ct" / name / "ct.nii.gz", ct, grid)
    write(folder / "labelled_ct" / name / "labels.nii.gz", labels, grid)
    write(folder / "labelled_ct" / name / "lesions.nii.gz", drawn, grid)
    return folder


def test_lesions_join_the_liver_and_enclosed_vessels_are_filled(tmp_path: Path) -> None:
    item = load_item(labelled(tmp_path, "ircadb-002", (1, 2, 3)), "ircadb-002")
    assert int(item.liver.sum()) == 8 * 8 * 4 + 1
    assert item.changed_ml == pytest.approx(
        {"lesions joined to the liver": 1.0, "enclosed vessels filled": 1.0}
    )


def test_project_codes_become_lesion_ignore_and_cyst(tmp_path: Path) -> None:
    item = load_item(labelled(tmp_path, "ircadb-002", (1, 2, 3)), "ircadb-002")
    assert item.has_lesion_labels
    counts = {code: int((item.lesions == code).sum()) for code in (LESION, IGNORE, CYST)}
    assert counts == {LESION: 2, IGNORE: 1, CYST: 1}


def test_readers_labels_win_where_the_source_has_them(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "lits-006", (1, 1, 1))
    (folder / "labelled_ct" / "lits-006" / "lesions.nii.gz").unlink()
    item = load_item(folder, "lits-006")
    assert item.has_lesion_labels
    assert not item.lesions.any()  # labels hold no 2 here


def test_a_ct_without_any_lesion_labels_says_so(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "ircadb-020", (1, 1, 1))
    (folder / "labelled_ct" / "ircadb-020" / "lesions.nii.gz").unlink()
    assert not load_item(folder, "ircadb-020").has_lesion_labels


def test_the_folds_are_the_fixed_ones() -> None:
    folds = load_folds()
    items = [name for names in folds.held_out.values() for name in names]
    assert len(items) == len(set(items)) == 30
    assert len({folds.patient(name) for name in items}) == 26
    assert folds.held_out[1] == (
        *(f"lits-{n:03d}" for n in range(6, 11)), "ircadb-007", "ircadb-012", "ircadb-019",
    )  # fmt: skip
    assert not set(folds.training(1)) & set(folds.held_out[1])
    assert len(folds.training(1)) == 22


def test_a_split_that_parts_a_patient_is_refused(tmp_path: Path) -> None:
    text = shipped("configs", "training", "folds.toml").read_text()
    bad = tmp_path / "folds.toml"
    bad.write_text(text.replace('2 = ["lits-002"', '2 = ["lits-010", "lits-002"'))
    with pytest.raises(SettingsError, match="P5"):
        load_folds(bad)
