"""Masks of every kind in place of the model give the numbers that the NIfTI files give."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from netimg.anatomy import LABEL_NAMES, SEGMENT_CODES
from netimg.cli.app import call
from netimg.geometry import Grid
from netimg.reading import open_study
from netimg.resources import load_toml
from tests.e2e.conftest import PHANTOM
from tests.make import masks as make

pytestmark = pytest.mark.slow

CODES = load_toml("configs", "reporting", "codes.toml")["labels"]
LESION = "14799000"


class _Truth:
    """Liver, lesions and segments of the phantom on the grid of its CT."""

    def __init__(self) -> None:
        ct = open_study(PHANTOM / "CT").ct
        assert ct is not None
        self.grid: Grid = ct.grid
        self.paths = [instance.path for instance in ct.instances]
        labels, lesions = (self._read(name) for name in ("labels", "lesions"))
        self.lesions = lesions
        self.segments = np.where(np.isin(labels, list(SEGMENT_CODES)), labels, 0)
        self.liver = self.segments > 0

    def _read(self, name: str) -> Any:
        image = nib.load(PHANTOM / f"truth_{name}.nii.gz")  # stored x, y, z, feet first
        return np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1] if (
            image.affine[0, 0] > 0 and image.affine[1, 1] > 0
        ) else np.asarray(image.dataobj).transpose(2, 1, 0)  # fmt: skip

    def named(self, labels: Any, names: dict[int, tuple[str, str]]) -> dict[str, Any]:
        """Segments ``{name: (voxels, code)}`` of labels."""
        return {name: (labels == n, code) for n, (name, code) in names.items()}


@pytest.fixture(scope="module")
def truth() -> _Truth:
    return _Truth()


def _run(out: Path, *words: object, outputs: str = "csv") -> dict[str, Any]:
    line = ["run", PHANTOM / "CT", "-o", out, "--outputs", outputs, "-q", *words]
    assert call([str(word) for word in line]) == 0
    document: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
    return document


def _numbers(document: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    return {(f["scope"], f.get("id", ""), f["name"]): f.get("value") for f in document["findings"]}


@pytest.fixture(scope="module")
def nifti_out(truth: _Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result folder of the masks as NIfTI."""
    folder = tmp_path_factory.mktemp("nifti")
    make.nifti(folder / "liver.nii.gz", truth.liver, truth.grid, flips=(0, 2))
    make.nifti(folder / "lesions.nii.gz", truth.lesions, truth.grid, turn=(0, 1, 2))
    make.nifti(folder / "segments.nii.gz", truth.segments, truth.grid)
    words = [f"--{part}-mask={folder}/{file}.nii.gz" for part, file in _FILES]
    _run(folder / "out", *words, outputs="csv,seg")
    return folder / "out"


_FILES = (("liver", "liver"), ("lesion", "lesions"), ("segments", "segments"))


@pytest.fixture(scope="module")
def expected(nifti_out: Path) -> dict[tuple[str, ...], Any]:
    document = json.loads((nifti_out / "results.json").read_text("utf-8"))
    numbers = _numbers(document)
    assert numbers["patient", "", "lesion_count"] == 10
    return numbers


def _names(prefix: str, truth: _Truth) -> dict[int, tuple[str, str]]:
    lesions = {int(n): (f"{prefix} {n}", LESION) for n in np.unique(truth.lesions) if n}
    segments = {n: (LABEL_NAMES[n], CODES[str(n)]["code"]) for n in SEGMENT_CODES}
    return lesions if prefix == "lesion" else segments


def _nrrd(folder: Path, truth: _Truth) -> list[str]:
    make.nrrd(folder / "liver.nrrd", truth.liver, truth.grid)
    make.nrrd(folder / "lesions.nhdr", truth.lesions, truth.grid)
    make.nrrd(folder / "segments.nrrd", truth.segments, truth.grid, flips=(0, 1))
    return [f"--liver-mask={folder}/liver.nrrd", f"--lesion-mask={folder}/lesions.nhdr",
            f"--segments-mask={folder}/segments.nrrd"]  # fmt: skip


def _slicer(folder: Path, truth: _Truth) -> list[str]:
    rows = [("Leber", truth.liver, 1, 0, CODES["1"]["code"])]
    rows += [(name, truth.lesions == n, n, 1, code)
             for n, (name, code) in _names("lesion", truth).items()]  # fmt: skip
    rows += [(name, truth.segments == n, n, 2, code)
             for n, (name, code) in _names("segment", truth).items()]  # fmt: skip
    file = make.slicer(folder / "all.seg.nrrd", rows, truth.grid)
    return [f"--{part}-mask={file}" for part, _ in _FILES]


def _seg(folder: Path, truth: _Truth, kind: str, **more: Any) -> list[str]:
    images = make.source_images(truth.paths)
    lesions = truth.named(truth.lesions, _names("lesion", truth))
    segments = truth.named(truth.segments, _names("segment", truth))
    liver = {"liver": (truth.liver, CODES["1"]["code"])}
    options = {"images": images, "kind": kind} | more
    return [
        f"--liver-mask={make.seg(folder, liver, name='1.dcm', **options)}",
        f"--lesion-mask={make.seg(folder, lesions, name='2.dcm', **options)}",
        f"--segments-mask={make.seg(folder, segments, name='3.dcm', **options)}",
    ]


def _binary(folder: Path, truth: _Truth) -> list[str]:
    return _seg(folder, truth, "BINARY")


def _label_map(folder: Path, truth: _Truth) -> list[str]:
    return _seg(folder, truth, "LABELMAP", transfer_syntax_uid="1.2.840.10008.1.2.4.80")


def _fractional(folder: Path, truth: _Truth) -> list[str]:
    return _seg(folder, truth, "FRACTIONAL", transfer_syntax_uid="1.2.840.10008.1.2.5")


def _rtstruct(folder: Path, truth: _Truth) -> list[str]:
    lesions = _names("lesion", truth).items()
    regions = {name: make.bricks(truth.lesions == n, truth.grid) for n, (name, _) in lesions}
    regions["Liver"] = make.bricks(truth.liver, truth.grid)
    file = make.rtstruct(folder / "rs.dcm", regions, frame_uid=truth_frame(truth))
    segments = make.nifti(folder / "segments.nii", truth.segments, truth.grid)
    return [f"--liver-mask={file}", f"--lesion-mask={file}", f"--segments-mask={segments}"]


def truth_frame(truth: _Truth) -> str:
    """Frame of reference of the phantom's CT."""
    return str(make.source_images(truth.paths[:1])[0].FrameOfReferenceUID)


@pytest.mark.parametrize("write", [_nrrd, _slicer, _binary, _label_map, _fractional, _rtstruct])
def test_masks_of_every_kind_give_the_numbers_of_the_nifti_masks(
    write: Any, truth: _Truth, expected: dict[tuple[str, ...], Any], tmp_path: Path
) -> None:
    document = _run(tmp_path / "out", *write(tmp_path, truth))
    assert _numbers(document) == expected
    said = {flag["code"] for flag in document["flags"] if flag["code"].startswith("MSK")}
    assert said == ({"MSK-005"} if write is _fractional else set())


def test_our_own_segs_come_back_with_the_same_numbers_and_identities(
    nifti_out: Path, expected: dict[tuple[str, ...], Any], tmp_path: Path
) -> None:
    lesions, anatomy = (nifti_out / "dicom" / f"seg_{x}.dcm" for x in ("lesions", "anatomy"))
    words = [f"--liver-mask={lesions}", f"--lesion-mask={lesions}", f"--segments-mask={anatomy}"]
    document = _run(tmp_path / "out", *words)
    assert _numbers(document) == expected
    before = json.loads((nifti_out / "results.json").read_text("utf-8"))["lesions"]
    assert [(x["id"], x["tracking_uid"]) for x in document["lesions"]] == [
        (x["id"], x["tracking_uid"]) for x in before
    ]


def test_a_mask_of_organs_and_segments_of_another_file_go_together(
    truth: _Truth, expected: dict[tuple[str, ...], Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    make.nifti(tmp_path / "liver.nii", truth.liver * np.uint8(5), truth.grid)
    make.nifti(tmp_path / "lesions.nii", truth.lesions, truth.grid)
    make.nifti(tmp_path / "segments.nii", truth.segments, truth.grid)
    whole = [f"--mask={tmp_path}/liver.nii", "--label-map=totalsegmentator-v2"]
    rest = [f"--lesion-mask={tmp_path}/lesions.nii", f"--segments-mask={tmp_path}/segments.nii"]
    assert _numbers(_run(tmp_path / "out", *whole, *rest)) == expected
    twice = [f"--mask={tmp_path}/segments.nii", "--label-map=netimg"]
    words = ["run", PHANTOM / "CT", "-o", tmp_path / "no", "-q", *twice, *rest]
    assert call([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert "USE-002" in said
    assert "segment I, segment II" in said


def test_evaluate_scores_masks_of_different_kinds(
    nifti_out: Path, truth: _Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = nifti_out / "dicom" / "seg_lesions.dcm"
    liver = make.nrrd(tmp_path / "liver.nrrd", truth.liver, truth.grid)
    one = make.nifti(tmp_path / "l1.nii.gz", truth.lesions == 1, truth.grid)
    contours = make.rtstruct(
        tmp_path / "rs.dcm", {"L1": make.bricks(truth.lesions == 1, truth.grid)}
    )
    for pred, ref in ((f"{ours}:Liver", liver), (contours, one), (contours, ours)):
        assert call(["evaluate", str(pred), str(ref), "--min", "mask_dice=1", "--json"]) in (0, 1)
        document = json.loads(capsys.readouterr().out)
        (scores,) = document["structures"]
        exact = ref is not ours  # the whole file is liver and lesions
        assert (scores["dice"] == 1.0) is exact
