"""README's lines in Python, run as they stand: the default model on the bundled phantom."""

import json
import os
import re
from pathlib import Path

import pytest

from netimg.geometry import Grid
from netimg.measurement.evaluate import Evaluation, evaluate_masks
from netimg.reading.masks import read_mask_file
from netimg.volume import LabelMap, Mask
from tests.e2e.conftest import PHANTOM, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("default-model")]

LIVER = [*range(11, 19), 1, 2]


@pytest.fixture(scope="module")
def readme_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder ``out`` that README's Python block writes."""
    block = re.search(
        r"```python\n(import netimg\n.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    assert block is not None
    folder = tmp_path_factory.mktemp("readme")
    (folder / "sample_data").symlink_to(ROOT / "sample_data")
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(compile(block[1], "README.md", "exec"), {})  # noqa: S102  # our own README
    finally:
        os.chdir(before)
    return folder / "out"


def _scores(out: Path) -> Evaluation:
    """Liver and lesions of the run against the phantom's truth."""
    truth = read_mask_file(PHANTOM / "truth_labels.nii.gz")
    lesions = read_mask_file(PHANTOM / "truth_lesions.nii.gz")
    liver, found = (
        read_mask_file(out / "masks" / f"{name}.nii.gz") for name in ("liver", "lesions")
    )
    grid: Grid = truth.grid
    reference = _labels(_inside(truth, LIVER), _above(lesions), grid)
    return evaluate_masks(
        _labels(_above(liver), _above(found), grid), reference, labels={"liver": 1, "lesion": 2}
    )


def _labels(liver, lesions, grid: Grid) -> LabelMap:  # type: ignore[no-untyped-def]
    labels = liver.astype("uint16")
    labels[lesions] = 2
    return LabelMap(labels=labels, grid=grid)


def _above(part: Mask | LabelMap):  # type: ignore[no-untyped-def]
    return part.voxels if isinstance(part, Mask) else part.labels > 0


def _inside(part: Mask | LabelMap, codes: list[int]):  # type: ignore[no-untyped-def]
    import numpy as np

    assert isinstance(part, LabelMap)
    return np.isin(part.labels, codes)


def test_readme_writes_a_complete_report(readme_out: Path) -> None:
    assert (readme_out / "report.html").is_file()
    document = json.loads((readme_out / "results.json").read_text("utf-8"))
    rows = {row["id"]: row["status"] for row in document["assessment"]["criteria"]}
    assert rows["RETNET-BURDEN"] == "met"
    assert rows["FLR-STD"] == "unknown"  # the model gives no segments


def test_the_default_model_finds_the_liver_of_the_phantom(readme_out: Path) -> None:
    assert _scores(readme_out)["liver"].dice >= 0.90


def test_the_default_model_finds_every_lesion_of_20_mm_of_the_phantom(readme_out: Path) -> None:
    found = _scores(readme_out)["lesion"].detection
    assert found is not None
    large = [lesion for lesion in found.reference if lesion.longest_mm >= 20.0]
    assert len(large) >= 5
    assert [lesion.longest_mm for lesion in large if not lesion.found] == []
