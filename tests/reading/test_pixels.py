"""Stored pixels become the values they stand for, whatever the syntax; nothing else is believed."""

import gc
import pickle  # noqa: TID251  # what is tested is that it pickles
import struct
import weakref

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from netimg.errors import InputError, NothingUsable
from netimg.reading import open_study
from netimg.reading.studies import survey_study
from netimg.volume import Quantity
from tests.make.dicom import bend, body, ct_series, pet_series

RNG = np.random.default_rng(11)
HU = RNG.integers(-1000, 1800, size=(12, 14, 18))


def ct(folder, values=HU, **bends):
    return survey_study(folder) if ct_series(folder, values, **bends) else None


def aside(study):
    return {(item.code, item.sentence) for item in study.set_aside}


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
    ids=lambda s: s.name,
)
@pytest.mark.parametrize("signed", [0, 1])
def test_values_are_the_same_in_every_uncompressed_syntax(tmp_path, syntax, signed):
    common = {"PixelRepresentation": signed, "RescaleIntercept": "-12" if signed else "-1024"}
    volume = ct(tmp_path, syntax=syntax, common=common).ct.load()
    assert volume.quantity is Quantity.HU
    assert volume.values.dtype == np.float32
    assert np.array_equal(volume.values, HU)


def test_slope_and_intercept_are_those_of_each_slice(tmp_path):
    per_slice = {z: {"RescaleSlope": f"{0.1 * (z + 1):.3g}"} for z in range(6)}
    stored = RNG.integers(0, 4000, size=(6, 16, 20))
    pet_series(tmp_path, stored, per_slice=per_slice, common={"Units": "GML", "SUVType": "BW"})
    values = survey_study(tmp_path).pets[0].load().values
    slopes = np.array([float(f"{0.1 * (z + 1):.3g}") for z in range(6)])
    assert np.array_equal(values, (stored * slopes[:, None, None]).astype(np.float32))


def test_bits_above_those_stored_are_dropped_and_the_sign_is_taken_from_there(tmp_path):
    values = np.clip(HU, -1000, 1023)
    rubbish = (values + 1024) | 0xF000
    common = {"BitsStored": 12, "HighBit": 11, "RescaleIntercept": "-1024"}
    ct_series(tmp_path / "unsigned", rubbish - 1024, common=common)
    assert np.array_equal(open_study(tmp_path / "unsigned").ct.load().values, values)
    twelve = values.astype(np.int16) & 0x0FFF
    common |= {"PixelRepresentation": 1, "RescaleIntercept": "0"}
    ct_series(tmp_path / "signed", twelve, common=common)
    assert np.array_equal(open_study(tmp_path / "signed").ct.load().values, values)


@pytest.mark.parametrize("filling", [-2000, -3024, -2048])
def test_filling_outside_the_picture_becomes_air(tmp_path, filling):
    values = np.array(body())
    values[:, :3] = values[:, -3:] = filling
    common = {"PixelRepresentation": 1, "RescaleIntercept": "0"}
    got = ct(tmp_path, values, common=common).ct.load().values
    expected = np.where(values == filling, -1024, values)
    assert np.array_equal(got, expected)


def test_declared_filling_becomes_air_but_never_tissue(tmp_path):
    values = np.array(body())
    values[:, 0] = -1500
    common = {"PixelRepresentation": 1, "RescaleIntercept": "0", "PixelPaddingValue": -1500}
    assert ct(tmp_path / "air", values, common=common).ct.load().values.min() == -1024
    values[:, 0] = 60
    common["PixelPaddingValue"] = 60
    got = ct(tmp_path / "tissue", values, common=common).ct.load().values
    assert np.array_equal(got, values)


@pytest.mark.parametrize(
    ("bends", "code", "says"),
    [
        ({"RescaleSlope": None}, "PIX-005", "no rescale slope"),
        ({"RescaleIntercept": None}, "PIX-005", "no rescale slope"),
        ({"RescaleSlope": "-1"}, "PIX-013", "rescale slope of -1"),
        ({"RescaleType": "OD"}, "PIX-006", "in OD"),
        ({"BitsStored": 17}, "PIX-009", "17 stored"),
        ({"HighBit": 13}, "PIX-009", "highest 13"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "PIX-008", "colour"),
        ({"Rows": 4097}, "PIX-002", "4097 x 18"),
        ({"Rows": 15}, "PIX-001", "504 bytes of pixels where 540 are needed"),
        ({"ModalityLUTSequence": []}, "PIX-015", "table"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "IDX-011", "localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "IDX-012", "captured"),
        ({"SeriesDescription": "iodine map"}, "SEL-017", "iodine"),
        ({"NumberOfFrames": "2"}, "PIX-002", "14 x 18 x 2"),
    ],
)
def test_a_series_with_bent_pixels_is_set_aside_with_its_numbers(tmp_path, bends, code, says):
    assert ct(tmp_path / "straight").ct is not None
    paths = ct_series(tmp_path / "bent", HU)
    if "ModalityLUTSequence" in bends:
        from pydicom.dataset import Dataset

        bends = {"ModalityLUTSequence": [Dataset()]}
    for path in paths:
        bend(path, **bends)
    found = survey_study(tmp_path / "bent")
    assert found.ct is None
    ((got, sentence),) = aside(found)
    assert got == code
    assert says in sentence
    with pytest.raises(NothingUsable):
        open_study(tmp_path / "bent")


def test_a_ct_of_an_unspecified_unit_is_measured_only_by_name(tmp_path):
    for path in ct_series(tmp_path, HU):
        bend(path, RescaleType="US")
    found = survey_study(tmp_path)
    assert found.ct is None
    said = {flag.code: flag.sentence for flag in found.cts[0].flags}
    assert "does not say its unit (Rescale Type US, unspecified)" in said["PIX-006"]
    with pytest.raises(NothingUsable) as caught:
        open_study(tmp_path)
    assert "does not say its unit (PIX-006) (take it with --ct 1)" in caught.value.what
    taken = open_study(tmp_path, ct="1").ct
    assert "PIX-006" in {flag.code for flag in taken.flags}


def test_plain_pixels_that_call_themselves_compressed_are_set_aside(tmp_path):
    for path in ct_series(tmp_path, HU):
        raw = path.read_bytes()
        uid = ExplicitVRLittleEndian.encode()
        new = JPEG2000Lossless.encode()
        at = raw.index(struct.pack("<HH2s", 2, 0x10, b"UI"))
        (length,) = struct.unpack_from("<H", raw, at + 6)
        value = new + b"\0" * (len(new) % 2)
        assert uid in raw[at : at + 8 + length]
        path.write_bytes(
            raw[: at + 6] + struct.pack("<H", len(value)) + value + raw[at + 8 + length :]
        )
    ((code, sentence),) = aside(survey_study(tmp_path))
    assert code == "PIX-003"
    assert "it is not in pieces, as compressed pictures are" in sentence


def test_an_image_without_pixels_is_set_aside(tmp_path):
    for path in ct_series(tmp_path, HU):
        bend(path, PixelData=None)
    ((code, _), *_) = sorted(aside(survey_study(tmp_path)))
    assert code == "IDX-022"


def test_a_picture_of_one_value_is_no_ct(tmp_path):
    found = ct(tmp_path, np.full((12, 8, 8), 40))
    with pytest.raises(InputError) as caught:
        found.ct.load()
    assert caught.value.code.id == "PIX-012"
    assert "all of them are 40" in caught.value.what


def test_a_ct_whose_air_is_no_air_is_refused_and_a_cut_out_of_tissue_is_not(tmp_path):
    shifted = np.array(body()) + 1000
    with pytest.raises(InputError, match="air is 0"):
        ct(tmp_path / "shifted", shifted).ct.load()
    tissue = RNG.integers(20, 90, size=(12, 14, 18))
    assert ct(tmp_path / "tissue", tissue).ct.load().values.min() >= 20


def test_a_file_that_became_shorter_after_the_scan_is_said(tmp_path):
    paths = ct_series(tmp_path, HU)
    found = open_study(tmp_path)
    size = paths[0].stat().st_size
    paths[0].write_bytes(paths[0].read_bytes()[:-100])
    with pytest.raises(InputError) as caught:
        found.ct.load()
    assert caught.value.code.id == "IDX-003"
    said = f"it changed while being read: {size} bytes before, {size - 100} now"
    assert said in caught.value.what
    paths[1].unlink()
    paths[0].write_bytes(b"")
    with pytest.raises(InputError, match="IDX-003"):
        found.ct.load()


def test_a_second_load_costs_nothing_while_the_first_is_held_and_nothing_is_kept(tmp_path):
    series = ct(tmp_path).ct
    first = series.load()
    assert series.load() is first
    alive = weakref.ref(first)
    del first
    gc.collect()
    assert alive() is None
    assert np.array_equal(series.load().values, HU)


def test_a_study_pickles_without_its_pixels(tmp_path):
    found = ct(tmp_path, np.repeat(HU, 3, axis=0))
    held = found.ct.load()
    packed = pickle.dumps(found)
    assert len(packed) < held.values.nbytes
    again = pickle.loads(packed)  # noqa: S301  # our own bytes
    assert again.ct.load().same_as(held, tol_mm=0.0)


@pytest.mark.parametrize(
    ("common", "code", "says"),
    [
        ({"FrameOfReferenceUID": None}, "GEO-014", "no coordinate system"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "PIX-007", "inverted"),
        (
            {"LossyImageCompression": "01", "LossyImageCompressionRatio": "8"},
            "PIX-010",
            "with loss (ratio 8)",
        ),
        ({"Modality": "OT"}, "IDX-023", "labelled OT but is really a CT"),
        ({"ConvolutionKernel": "B70f"}, "SEL-006", "sharp kernel (B70f)"),
    ],
)
def test_a_doubt_is_said_and_the_values_stay(tmp_path, common, code, says):
    straight = ct(tmp_path / "straight").ct
    assert code not in {flag.code for flag in straight.flags}
    series = ct(tmp_path / "bent", common=common).ct
    (sentence,) = [flag.sentence for flag in series.flags if flag.code == code]
    assert says in sentence
    assert np.array_equal(series.load().values, HU)


def test_values_that_leave_the_range_of_a_number_are_refused_when_they_are_loaded(tmp_path):
    pet_series(tmp_path, common={"RescaleSlope": "1e80"})
    with pytest.raises(InputError, match="PIX-019"), np.errstate(over="ignore"):
        open_study(tmp_path).pets[0].load()
