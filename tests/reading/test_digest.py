"""One picture has one digest in every syntax; another picture, or another word, has another."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from netimg.reading.digest import digest
from netimg.reading.studies import open_study, survey_study
from netimg.reading.walk import found_file
from netimg.settings import Settings
from tests.make.codecs import ENCODERS, JPEG, jpeg_2000, pack
from tests.make.dicom import bend, body, ct_series, pet_series
from tests.make.multiframe import enhanced_ct, repack

SETTINGS = Settings.shipped()
HU = np.array(body()) + np.random.default_rng(4).integers(0, 9, (12, 32, 40))


def of(path, **how):
    return digest(found_file(path.name, path), SETTINGS, **how)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=["implicit", "big endian", "deflated"],
)
@pytest.mark.parametrize("maker", [ct_series, enhanced_ct])
def test_uncompressed_syntaxes_share_one_digest(tmp_path, syntax, maker):
    plain = maker(tmp_path / "plain", HU, syntax=ExplicitVRLittleEndian)
    other = maker(tmp_path / "other", HU, syntax=syntax)
    plain, other = (p[0] if isinstance(p, list) else p for p in (plain, other))
    assert of(plain) == of(other)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_compressed_copy_has_the_digest_of_the_plain_one_once_it_is_decoded(tmp_path, name):
    plain = ct_series(tmp_path / "plain", HU)[0]
    packed = ct_series(tmp_path / "packed", HU)[0]
    syntax, encode = ENCODERS[name]
    pack(packed, syntax, encode, LossyImageCompression="00")
    assert of(plain) != of(packed)
    assert of(plain, decoded=True) == of(packed, decoded=True)


def test_frames_that_were_compressed_have_the_digest_of_the_plain_ones(tmp_path):
    plain = enhanced_ct(tmp_path / "plain", HU)
    packed = enhanced_ct(tmp_path / "packed", HU)
    repack(packed, f"{JPEG}90", jpeg_2000, table="extended")
    assert of(plain, decoded=True) == of(packed, decoded=True)


def test_one_other_pixel_or_word_gives_another_digest(tmp_path):
    plain = ct_series(tmp_path / "plain", HU)[0]
    for name, change in {"pixel": {}, "word": {"KVP": "100"}}.items():
        other = tmp_path / f"{name}.dcm"
        shutil.copy(plain, other)
        if change:
            bend(other, **change)
        else:
            dataset = pydicom.dcmread(other)
            dataset["PixelData"].VR = "OW"
            dataset.PixelData = b"\1" + dataset.PixelData[1:]
            dataset.save_as(other)
        assert of(plain) != of(other)
        assert of(plain, decoded=True) != of(other, decoded=True)


@pytest.mark.parametrize("name", ["JPEG 2000 lossless", "RLE"])
def test_a_slice_that_is_there_compressed_and_plain_is_used_once(tmp_path, name):
    paths = ct_series(tmp_path, HU)
    copy = tmp_path / "copy.dcm"
    shutil.copy(paths[3], copy)
    pack(copy, *ENCODERS[name])
    study = open_study(tmp_path)
    assert np.array_equal(study.ct.load().values, HU)
    ((code, sentence),) = {(a.code, a.sentence) for a in study.set_aside}
    assert code == "IDX-013"
    assert sentence == "copy.dcm is an exact copy of IM0004.dcm and was left out."


def test_a_slice_that_is_there_plain_and_compressed_with_loss_contradicts_itself(tmp_path):
    paths = ct_series(tmp_path, HU)
    copy = tmp_path / "copy.dcm"
    shutil.copy(paths[3], copy)
    pack(copy, f"{JPEG}91", lambda p: jpeg_2000(p, reversible=False, level=60))
    found = {(a.code, a.path) for a in survey_study(tmp_path).set_aside}
    assert {("IDX-014", "copy.dcm"), ("IDX-014", "IM0004.dcm")} <= found


def test_a_damaged_compressed_copy_does_not_cost_the_plain_one(tmp_path):
    paths = ct_series(tmp_path, HU)
    copy = tmp_path / "copy.dcm"
    shutil.copy(paths[3], copy)
    pack(copy, f"{JPEG}90", lambda p: jpeg_2000(p)[:-200])
    study = open_study(tmp_path)
    assert np.array_equal(study.ct.load().values, HU)
    assert [(a.code, a.path) for a in study.set_aside] == [("PIX-003", "copy.dcm")]


LOSSLESS = [
    "big_endian", "deflated", "htj2k_lossless_generated", "jpeg2000_lossless", "jpegls_lossless",
    "jpeg_lossless_sv1", "jpeg_lossless_p14", "rle",
]  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize("name", LOSSLESS)
def test_a_real_slice_and_its_lossless_copy_are_one(shared_data, tmp_path, name):
    codes = _together(shared_data, tmp_path, name)
    assert codes.count("IDX-013") == 1
    assert "IDX-014" not in codes


def test_private_factors_of_a_pet_count_also_in_a_converted_copy(tmp_path):
    private = {"Philips PET Private Group": {"7053,00": "0.000551", "7053,09": "1.5"}}
    one = pet_series(tmp_path / "one", private=private)[0]
    other = pet_series(tmp_path / "other", private={
        "Philips PET Private Group": {"7053,00": "0.000552", "7053,09": "1.5"}
    })[0]  # fmt: skip
    same = pet_series(tmp_path / "same", private=private)[0]
    assert of(one, decoded=True) == of(same, decoded=True)
    assert of(one, decoded=True) != of(other, decoded=True)


def _together(shared_data, folder, name):
    source = shared_data / "dicom_hard_geometry" / "transfer_syntaxes_ct"
    for file in ("reference_implicit_le", name):
        shutil.copy(source / f"{file}.dcm", folder)
    return [a.code for a in survey_study(folder).set_aside]
