"""One run on the bundled phantom with its true masks, shared by the tests of this folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from netimg.cli.app import call

ROOT = Path(__file__).resolve().parents[2]
PHANTOM = ROOT / "sample_data" / "net-phantom"
TRUE_MASKS = [
    "--mask", str(PHANTOM / "truth_labels.nii.gz"), "--label-map", "netimg",
    "--lesion-mask", str(PHANTOM / "truth_lesions.nii.gz"),
]  # fmt: skip
WITH_FACTS = [*TRUE_MASKS, "--facts", str(PHANTOM / "facts.toml")]


@pytest.fixture(scope="session")
def phantom_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result folder of the phantom with its true masks and its facts."""
    out = tmp_path_factory.mktemp("phantom") / "out"
    assert call(["run", str(PHANTOM), "-o", str(out), *WITH_FACTS, "-q"]) == 0
    return out


@pytest.fixture(scope="session")
def phantom_result(phantom_out: Path) -> dict[str, Any]:
    """The document ``results.json`` of that run."""
    document: dict[str, Any] = json.loads((phantom_out / "results.json").read_text("utf-8"))
    return document
