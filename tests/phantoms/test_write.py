import hashlib
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.ndimage import binary_erosion

from netimg.errors import OutputError, UsageError
from netimg.phantoms import write_phantom
from tests.phantoms.conftest import COARSE

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "net-phantom"
SERIES = ("CT", "PET_SSTR", "PET_FDG")


def hashes(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def seconds(clock):
    return int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + int(clock[4:6])


def read(folder, name):
    return [pydicom.dcmread(path) for path in sorted((folder / name).glob("*.dcm"))]


def test_the_same_seed_gives_the_same_bytes(spheres, tmp_path):
    again = write_phantom(tmp_path / "b", preset="spheres", spacing_mm=COARSE)
    assert hashes(again) == hashes(spheres)


def test_another_seed_gives_another_patient_and_other_noise(spheres, tmp_path):
    other = write_phantom(tmp_path / "b", preset="spheres", spacing_mm=COARSE, seed=8, noise=0.0)
    one, two = read(spheres, "CT")[0], read(other, "CT")[0]
    assert one.StudyInstanceUID != two.StudyInstanceUID
    assert (one.PatientID, two.PatientID) == ("SPHERES-7", "SPHERES-8")
    assert one.PixelData != two.PixelData
    assert "--seed 8 --spacing-mm 6,4,4 --noise 0" in (other / "MADE_BY").read_text("utf-8")


def test_without_noise_tissue_has_its_hu_and_suv(tmp_path):
    clean = write_phantom(tmp_path / "c", preset="spheres", spacing_mm=COARSE, noise=0.0)
    hu = np.stack([d.pixel_array * 1.0 - 1024 for d in read(clean, "CT")])
    # The middle of the largest sphere at L, P, S = -48, -14, -26; slices run from head to feet.
    assert hu[int((66 + 26) / 6), int((84 - 14) / 4), int((104 - 48) / 4)] == 70
    pet = read(clean, "PET_SSTR")
    slice_ = pet[int((66 + 26) / 4)]
    item = slice_.RadiopharmaceuticalInformationSequence[0]
    decayed = item.RadionuclideTotalDose * 2 ** (-3600 / item.RadionuclideHalfLife)
    suv = slice_.pixel_array * slice_.RescaleSlope * slice_.PatientWeight * 1000 / decayed
    assert suv[int((84 - 14) / 4), int((104 - 48) / 4)] == pytest.approx(20.0, rel=0.01)


@pytest.mark.parametrize("name", SERIES)
def test_a_series_is_one_volume_of_one_patient(spheres, name):
    slices = read(spheres, name)
    for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert len({d[keyword].value for d in slices}) == 1
    assert len({d.SOPInstanceUID for d in slices}) == len(slices)
    heights = [float(d.ImagePositionPatient[2]) for d in slices]
    step = 6.0 if name == "CT" else 4.0
    assert np.diff(heights) == pytest.approx(-step)  # head first
    assert slices[0].ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert all(d.PatientName == "NETIMG^SPHERES" for d in slices)
    assert all("PHANTOM" in d.SeriesDescription for d in slices)


def test_ct_and_both_pets_share_one_frame_of_reference(spheres):
    assert len({read(spheres, name)[0].FrameOfReferenceUID for name in SERIES}) == 1


def test_a_pet_is_corrected_for_decay_to_its_series_time(spheres):
    for name in ("PET_SSTR", "PET_FDG"):
        one = read(spheres, name)[0]
        item = one.RadiopharmaceuticalInformationSequence[0]
        assert one.DecayCorrection == "START"
        assert "DECY" in one.CorrectedImage
        assert one.SeriesTime == one.AcquisitionTime
        day, clock = item.RadiopharmaceuticalStartDateTime[:8], item.RadiopharmaceuticalStartTime
        assert day == one.SeriesDate
        assert seconds(one.SeriesTime) - seconds(clock) == 3600


@pytest.mark.external
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy (make system)")
@pytest.mark.parametrize("name", SERIES)
def test_dciodvfy_finds_nothing_to_say(spheres, name):
    for path in sorted((spheres / name).glob("*.dcm"))[::20]:
        done = subprocess.run(
            ["dciodvfy", "-new", path], capture_output=True, text=True, check=False
        )
        lines = [x for x in done.stderr.splitlines() if x.startswith(("Error", "Warning"))]
        assert lines == []


def test_another_program_reads_the_geometry_back(spheres):
    import SimpleITK

    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(spheres / "CT"))
    image = SimpleITK.ReadImage(names)
    assert image.GetSpacing() == pytest.approx((4.0, 4.0, 6.0))
    assert image.GetOrigin() == pytest.approx((-102.0, -82.0, -63.0))
    mask = SimpleITK.ReadImage(str(spheres / "truth_labels.nii.gz"))
    assert mask.GetOrigin() == pytest.approx(image.GetOrigin())
    assert mask.GetDirection() == pytest.approx(image.GetDirection())
    liver = np.isin(SimpleITK.GetArrayFromImage(mask), range(11, 19))
    lesions = SimpleITK.ReadImage(str(spheres / "truth_lesions.nii.gz"))
    plain = binary_erosion(liver & (SimpleITK.GetArrayFromImage(lesions) == 0))
    assert np.median(SimpleITK.GetArrayFromImage(image)[plain]) == pytest.approx(108, abs=2)


def test_facts_are_those_of_the_preset(spheres):
    facts = tomllib.loads((spheres / "facts.toml").read_text("utf-8"))
    assert facts["schema"] == "netimg.facts/1"
    assert facts["plans"] == [{"name": "right hepatectomy", "template": "right_hepatectomy"}]


def test_a_follow_up_is_the_same_patient_later(spheres, tmp_path):
    later = write_phantom(tmp_path / "f", preset="spheres", spacing_mm=COARSE, followup=True)
    one, two = read(spheres, "CT")[0], read(later, "CT")[0]
    assert one.PatientID == two.PatientID
    assert one.StudyDate < two.StudyDate
    assert one.StudyInstanceUID != two.StudyInstanceUID


def test_an_older_phantom_is_replaced_and_anything_else_is_not(spheres, tmp_path):
    folder = tmp_path / "a"
    shutil.copytree(spheres, folder)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"OUT-002.*notes\.txt"):
        write_phantom(folder, preset="spheres", spacing_mm=COARSE)
    (folder / "notes.txt").unlink()
    (folder / "CT" / "0001.dcm").unlink()
    write_phantom(folder, preset="spheres", spacing_mm=COARSE)
    assert hashes(folder) == hashes(spheres)


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"spacing_mm": (0.1, 1, 1)}, {"lesion_count": -1}, {"noise": 11.0}],
)
def test_an_argument_out_of_range_is_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(UsageError, match="out of range"):
        write_phantom(tmp_path / "x", preset="spheres", **wrong)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_bundled_phantom_is_what_its_command_makes(tmp_path):
    """To the byte on one machine; another may round one value in many thousands otherwise."""
    made = write_phantom(tmp_path / "n", preset="net-phantom", seed=7)
    assert set(hashes(SAMPLE)) == set(hashes(made))
    for name in ("MADE_BY", "facts.toml"):
        assert (SAMPLE / name).read_bytes() == (made / name).read_bytes()
    for name in SERIES:
        for old, new in zip(read(SAMPLE, name), read(made, name), strict=True):
            assert old.SOPInstanceUID == new.SOPInstanceUID
            gap = np.abs(old.pixel_array.astype(int) - new.pixel_array)
            assert gap.max() <= 1
            assert np.count_nonzero(gap) < 0.001 * gap.size
    old, new = (
        json.loads((f / "truth.json").read_text("utf-8"))["findings"] for f in (SAMPLE, made)
    )
    for was, now in zip(old, new, strict=True):
        assert (was["id"], was["name"]) == (now["id"], now["name"])
        assert now["value"] == pytest.approx(was["value"], rel=1e-3, abs=1e-3)


def test_the_bundled_phantom_is_small():
    size = sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file())
    assert size < 10 * 1024 * 1024
