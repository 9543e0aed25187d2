"""The bundled phantom with its true masks: every number of its truth comes back."""

import json
from pathlib import Path

import pytest

import netimg
from netimg.finding import Scope
from netimg.reading.masks import read_label_map, read_mask
from netimg.segmentation.given import anatomy_from_masks


@pytest.mark.slow
def test_the_phantom_gives_its_truth():
    root = Path(__file__).parents[2] / "sample_data" / "net-phantom"
    study = netimg.open_study(root)
    labels = read_label_map(root / "truth_labels.nii.gz", study.ct.grid, "netimg")
    lesions = read_mask(root / "truth_lesions.nii.gz", study.ct.grid, want="lesion")
    anatomy = anatomy_from_masks(study.ct.grid, labels=labels, lesions=lesions)
    found = netimg.measure(study, anatomy)
    truths = json.loads((root / "truth.json").read_text("utf-8"))["findings"]
    assert len(truths) > 100
    outside = []
    for truth in truths:
        finding = found.get(truth["name"], Scope(truth["scope"]), truth["id"])
        value = None if finding is None else finding.number
        if value is None or not truth["low"] - 1e-9 <= value <= truth["high"] + 1e-9:
            outside.append((truth["scope"], truth["id"], truth["name"], value, truth["value"]))
    assert outside == []
