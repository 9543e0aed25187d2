"""What values say about themselves: filling, air, ends of the scale, impossible formats."""

import re

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from netimg.errors import InputError, NothingUsable
from netimg.reading.studies import open_study, survey_study
from netimg.settings import Settings
from netimg.volume import Quantity
from tests.make.dicom import bend, body, ct_series, pet_series, uptake
from tests.make.multiframe import enhanced_ct

SIGNED = {"PixelRepresentation": 1, "RescaleIntercept": "0"}
SHAPE = (12, 32, 40)
Y, X = np.mgrid[:32, :40]
CIRCLE = ((Y - 15.5) / 16) ** 2 + ((X - 19.5) / 20) ** 2 <= 1
"""What a scanner reconstructs of a picture."""


def values(hu=60.0):
    """A body with some texture in air of -1000."""
    texture = np.random.default_rng(3).integers(-20, 20, SHAPE)
    return np.where(body(SHAPE, hu) > -500, np.array(body(SHAPE, hu)) + texture, -1000.0)


def loaded(folder, hu, **bends):
    ct_series(folder, hu, **bends)
    return open_study(folder).ct.load()


def said(volume):
    return {flag.code: flag.sentence for flag in volume.flags}


def refused(folder):
    with pytest.raises(InputError) as caught:
        open_study(folder).ct.load()
    return caught.value.code.id, caught.value.what


def test_an_ordinary_ct_raises_no_doubt_about_its_values(tmp_path):
    assert loaded(tmp_path, values()).flags == ()


# Filling


@pytest.mark.parametrize("filling", [-3024, -2048, -2000, -1024])
def test_filling_is_known_by_its_value_outside_the_circle_and_counted(tmp_path, filling):
    hu = np.where(CIRCLE, values(), filling)
    volume = loaded(tmp_path, hu, common=SIGNED)
    assert np.array_equal(volume.values, np.where(CIRCLE, values(), -1024))
    percent = 100 * np.count_nonzero(~CIRCLE) / CIRCLE.size
    assert said(volume) == {
        "PIX-011": f'{percent:.1f} % of series 1 "portal venous" is filling outside the picture '
        "and is left out."
    }


def test_a_stored_filling_counts_also_where_its_hu_has_another_number(tmp_path):
    """Stored -2000 with an intercept of -1024 is -3024 HU; stored -2048 is -3072 HU."""
    common = {"PixelRepresentation": 1, "RescaleIntercept": "-1024"}
    for stored in (-2000, -2048):
        hu = np.where(CIRCLE, values(), stored - 1024)
        volume = loaded(tmp_path / str(-stored), hu, common=common)
        assert np.array_equal(volume.values, np.where(CIRCLE, values(), -1024))
        assert "PIX-011" in said(volume)


def test_air_that_is_clipped_at_the_end_of_the_scale_is_no_filling(tmp_path):
    hu = np.where(values() == -1000, -1024, values())
    hu[:, 1::2, ::2] = np.where(hu[:, 1::2, ::2] == -1024, -1010, hu[:, 1::2, ::2])
    assert loaded(tmp_path, hu, common=SIGNED).flags == ()


def test_a_bowel_loop_at_minus_1024_is_kept_beside_filling_of_that_value(tmp_path):
    hu = np.where(CIRCLE, values(), -1024)
    hu[:, 14:17, 18:21] = -1024
    volume = loaded(tmp_path, hu, common=SIGNED)
    percent = 100 * np.count_nonzero(~CIRCLE) / CIRCLE.size
    assert f"{percent:.1f} %" in said(volume)["PIX-011"]


def test_a_range_of_declared_filling_is_left_out(tmp_path):
    hu = values()
    hu[:, 0], hu[:, 1], hu[:, 2] = -1500, -1400, -1300
    common = {**SIGNED, "PixelPaddingValue": -1500, "PixelPaddingRangeLimit": -1400}
    volume = loaded(tmp_path, hu, common=common)
    assert np.array_equal(volume.values[:, :2], np.full((12, 2, 40), -1024))
    assert np.array_equal(volume.values[:, 2], np.full((12, 40), -1300))
    assert "6.2 %" in said(volume)["PIX-011"]  # 2 of 32 rows


@pytest.mark.parametrize("declared", [0, -2000, -1500])
def test_the_usual_filling_is_known_beside_another_that_is_declared(tmp_path, declared):
    hu = np.where(CIRCLE, values(), -2000)
    hu[:, 15] = np.where(hu[:, 15] > -500, declared, hu[:, 15])
    volume = loaded(tmp_path, hu, common={**SIGNED, "PixelPaddingValue": declared})
    kept = hu if declared == 0 else np.where(hu == declared, -1024, hu)
    assert np.array_equal(volume.values, np.where(CIRCLE, kept, -1024))


def test_a_filling_that_lost_its_sign_is_filling_all_the_same(tmp_path):
    """-2000 in unsigned pixels is 63536: 62512 HU with the usual intercept."""
    hu = np.where(CIRCLE, values(), 62512)
    volume = loaded(tmp_path, hu, common={"PixelPaddingValue": 63536})
    assert np.array_equal(volume.values, np.where(CIRCLE, values(), -1024))
    assert set(said(volume)) == {"PIX-011"}


def test_declared_filling_of_a_pet_becomes_nothing(tmp_path):
    stored = np.full((6, 16, 20), 1000)
    stored[:, :4] = -32768
    common = {"PixelRepresentation": 1, "PixelPaddingValue": -32768}
    pet_series(tmp_path, stored, common=common)
    volume = open_study(tmp_path).pets[0].load()
    assert volume.quantity is Quantity.SUV_BW
    assert np.array_equal(volume.values[:, :4], np.zeros((6, 4, 20)))
    assert volume.values[:, 4:].min() > 0
    assert "25.0 %" in said(volume)["PIX-011"]


def test_a_filling_above_the_bits_of_the_picture_is_seen_before_they_are_dropped(tmp_path):
    """-32768 in a picture of 12 bits: without its upper bits it would be 0 HU."""
    hu = np.where(CIRCLE, np.clip(values(), -1000, 2047), -32768)
    common = {**SIGNED, "BitsStored": 12, "HighBit": 11, "PixelPaddingValue": -32768}
    volume = loaded(tmp_path, hu, common=common)
    assert np.array_equal(volume.values, np.where(CIRCLE, values(), -1024))


# Formats


def test_bits_above_the_picture_are_dropped_and_said(tmp_path):
    stored = (values() + 1024).astype(int) | 0xF000
    common = {"BitsStored": 12, "HighBit": 11}
    volume = loaded(tmp_path, stored - 1024, common=common)
    assert np.array_equal(volume.values, values())
    assert "something else in the bits above" in said(volume)["PIX-009"]


def test_a_sign_that_fills_the_upper_bits_is_no_rubbish(tmp_path):
    common = {**SIGNED, "BitsStored": 12, "HighBit": 11}
    volume = loaded(tmp_path, values(), common=common)
    assert np.array_equal(volume.values, values())
    assert volume.flags == ()


def test_a_missing_high_bit_is_taken_from_the_bits_stored_and_said(tmp_path):
    for path in ct_series(tmp_path, values()):
        bend(path, HighBit=None)
    ct = open_study(tmp_path).ct
    assert np.array_equal(ct.load().values, values())
    sentences = {flag.code: flag.sentence for flag in ct.flags}
    assert "read as 16 bits from the lowest" in sentences["PIX-009"]


NEEDED = {
    "Rows": "Rows (0028,0010)",
    "Columns": "Columns (0028,0011)",
    "SamplesPerPixel": "Samples per Pixel (0028,0002)",
    "PhotometricInterpretation": "Photometric Interpretation (0028,0004)",
    "BitsAllocated": "Bits Allocated (0028,0100)",
    "BitsStored": "Bits Stored (0028,0101)",
    "PixelRepresentation": "Pixel Representation (0028,0103)",
}


@pytest.mark.parametrize("keyword", NEEDED)
def test_an_absent_attribute_of_the_pixels_is_named(tmp_path, keyword):
    paths = ct_series(tmp_path, values())
    assert survey_study(tmp_path).set_aside == ()
    _without(paths[4], keyword)
    (item,) = {(i.code, i.sentence) for i in survey_study(tmp_path).set_aside}
    assert item[0] in ("PIX-009", "GEO-008", "GEO-010")
    if item[0] == "PIX-009":
        assert item[1] == (
            f"IM0005.dcm does not say how its pixels are stored: {NEEDED[keyword]} not there."
        )


@pytest.mark.parametrize("keyword", NEEDED)
def test_an_attribute_that_all_pictures_lack_refuses_the_series(tmp_path, keyword):
    for path in ct_series(tmp_path, values()):
        _without(path, keyword)
    found = {i.sentence for i in survey_study(tmp_path).set_aside if i.code == "PIX-009"}
    assert any(NEEDED[keyword] in sentence for sentence in found)


def _without(path, keyword):
    """Rewrite a file without one element of its pixel description, the pixels as they are."""
    dataset = pydicom.dcmread(path)
    dataset["PixelData"].VR = "OW"
    del dataset[keyword]
    dataset.save_as(path, enforce_file_format=True)


def test_a_ct_of_32_bit_integers_is_read(tmp_path):
    _rewritten(ct_series(tmp_path, values()), "<u4", BitsAllocated=32, BitsStored=32, HighBit=31)
    assert np.array_equal(open_study(tmp_path).ct.load().values, values())


def test_a_ct_of_8_bits_is_read_with_a_warning_and_only_when_asked_for(tmp_path):
    hu = np.where(values() > -500, np.round(values() / 10) * 10, -1000)
    common = {"RescaleSlope": "10", "RescaleIntercept": "-1000"}
    paths = ct_series(tmp_path, hu, common=common)
    _rewritten(paths, "u1", BitsAllocated=8, BitsStored=8, HighBit=7)
    study = survey_study(tmp_path)
    (ct,) = study.series
    assert np.array_equal(ct.load().values, hu)
    assert "has 8 bits only" in {f.code: f.sentence for f in ct.flags}["PIX-009"]
    assert study.ct is None
    with pytest.raises(NothingUsable, match=r"Series 1 has 8 bits only \(take it with --ct 1\)"):
        open_study(tmp_path)
    assert open_study(tmp_path, ct="1").ct.number == 1


@pytest.mark.parametrize(("name", "kind"), [("Float", "<f4"), ("DoubleFloat", "<f8")])
def test_a_pet_of_floating_point_pixels_is_read(tmp_path, name, kind):
    rng = np.random.default_rng(5)
    activity = rng.uniform(0, 50000, (6, 16, 20)).astype(kind)
    activity[:, :2] = -1.0
    for z, path in enumerate(pet_series(tmp_path, common={"RescaleSlope": "1"})):
        dataset = pydicom.dcmread(path)
        del dataset.PixelData
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            del dataset[keyword]
        dataset.BitsAllocated = 8 * np.dtype(kind).itemsize
        setattr(dataset, f"{name}PixelData", activity[z].tobytes())
        setattr(dataset, f"{name}PixelPaddingValue", -1.0)
        dataset.save_as(path)
    (pet,) = open_study(tmp_path).pets
    expected = np.where(activity < 0, 0, activity) * pet.suv.factors[0]
    assert pet.load().values == pytest.approx(expected, rel=1e-6)
    assert "PIX-009" not in {f.code for f in pet.flags}


def test_a_pixel_that_is_not_a_number_refuses_the_series(tmp_path):
    for z, path in enumerate(pet_series(tmp_path)):
        dataset = pydicom.dcmread(path)
        del dataset.PixelData
        plane = np.ones((16, 20), "<f4")
        plane[3, 4] = np.nan if z == 2 else 1.0
        dataset.BitsAllocated, dataset.FloatPixelData = 32, plane.tobytes()
        dataset.save_as(path)
    (pet,) = open_study(tmp_path).pets
    with pytest.raises(InputError, match="PIX-019") as caught:
        pet.load()
    assert (
        'series 1 "PET AC" contains values that are not numbers'
        in caught.value.what.casefold().replace("pet ac", "PET AC")
    )


def _rewritten(paths, kind, **elements):
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset["PixelData"].VR = "OW"
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(kind).tobytes()
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)


def test_an_inverted_ct_keeps_its_values_and_says_so(tmp_path):
    ct_series(tmp_path, values(), common={"PhotometricInterpretation": "MONOCHROME1"})
    ct = open_study(tmp_path).ct
    assert np.array_equal(ct.load().values, values())
    assert "stored inverted" in {f.code: f.sentence for f in ct.flags}["PIX-007"]


@pytest.mark.parametrize(
    ("photometric", "samples"),
    [("RGB", 3), ("YBR_FULL", 3), ("YBR_FULL_422", 3), ("PALETTE COLOR", 1)],
)
def test_colour_is_refused(tmp_path, photometric, samples):
    common = {"PhotometricInterpretation": photometric, "SamplesPerPixel": samples}
    ct_series(tmp_path, values(), common=common)
    found = {(i.code, i.sentence) for i in survey_study(tmp_path).set_aside}
    assert found == {("PIX-008", 'Series 1 "portal venous" is a colour picture.')}


def test_a_table_in_place_of_slope_and_intercept_is_refused(tmp_path):
    for path in ct_series(tmp_path, values()):
        bend(path, ModalityLUTSequence=[Dataset()])
    assert {i.code for i in survey_study(tmp_path).set_aside} == {"PIX-015"}


@pytest.mark.parametrize("slope", ["0", "-1", "1e400"])
def test_a_slope_that_is_not_above_0_is_refused_by_its_slice(tmp_path, slope):
    ct_series(tmp_path, values(), per_slice={3: {"RescaleSlope": slope}})
    ((code, sentence),) = {(i.code, i.sentence) for i in survey_study(tmp_path).set_aside}
    assert code == "PIX-013"
    assert sentence.startswith('Slice 4 of series 1 "portal venous" has a rescale slope of ')


def test_a_slope_that_is_not_above_0_leaves_a_pet_without_suv(tmp_path):
    pet_series(tmp_path, per_slice={3: {"RescaleSlope": "-0.75"}})
    (pet,) = survey_study(tmp_path).series
    assert (pet.suv.possible, pet.suv.code) == (False, "PIX-013")
    assert "-0.75" in pet.suv.sentence


# Plausibility


@pytest.mark.parametrize("air", [24, -200, -2024, -1150])
def test_air_that_is_not_that_of_a_ct_is_refused_with_its_value(tmp_path, air):
    """An intercept that was lost, halved, or added twice."""
    ct_series(tmp_path, values() + (air + 1000), common=SIGNED)
    assert refused(tmp_path) == (
        "PIX-012",
        f'Values of series 1 "portal venous" are not those of a CT: air is {air}.',
    )


def test_wrong_air_is_not_hidden_by_right_filling(tmp_path):
    hu = np.where(CIRCLE, values() + 1024, -2000)
    ct_series(tmp_path, hu, common=SIGNED)
    code, sentence = refused(tmp_path)
    assert (code, sentence[-14:]) == ("PIX-012", "CT: air is 24.")


def test_noisy_air_without_its_intercept_is_refused_too(tmp_path):
    noise = np.random.default_rng(1).integers(-30, 30, SHAPE)
    hu = np.where(values() > -500, 1084 + noise, 24 + noise)
    ct_series(tmp_path, hu, common=SIGNED)
    code, sentence = refused(tmp_path)
    assert code == "PIX-012"
    assert 0 <= float(re.search(r"air is (-?[\d.]+)\.", sentence)[1]) <= 50


def test_one_value_everywhere_is_no_ct(tmp_path):
    ct_series(tmp_path, np.full(SHAPE, 40.0))
    assert refused(tmp_path)[1].endswith("are not those of a CT: all of them are 40.")


def test_a_picture_within_the_body_is_accepted_and_said(tmp_path):
    tissue = np.random.default_rng(2).integers(20, 90, SHAPE)
    volume = loaded(tmp_path, tissue)
    assert "shows no air" in said(volume)["PIX-012"]
    assert f"{np.median(tissue[::1]):.0f} HU" in said(volume)["PIX-012"]


def test_lung_as_the_only_air_is_accepted_and_said(tmp_path):
    hu = np.random.default_rng(2).integers(20, 90, SHAPE)
    hu[:, 8:16, 8:20] = -820
    volume = loaded(tmp_path, hu)
    assert "has -820 HU" in said(volume)["PIX-012"]


def test_bright_values_that_stop_at_3071_are_said_with_their_share(tmp_path):
    hu = values()
    hu[:, 14:16, 18:22] = 3071
    assert said(loaded(tmp_path / "many", hu)) == {
        "PIX-017": 'Bright values of series 1 "portal venous" stop at 3071 HU '
        "(0.6 % of the voxels)."
    }
    hu = values()
    hu[0, 0, 0] = 3071
    assert loaded(tmp_path / "one", hu).flags == ()


def test_the_extended_scale_is_said_with_its_end(tmp_path):
    hu = values()
    hu[3, 14, 18] = 12000
    assert said(loaded(tmp_path, hu)) == {
        "PIX-018": 'Series 1 "portal venous" uses the extended CT scale, up to 12000 HU.'
    }


def test_frames_beyond_the_bytes_of_one_object_are_refused_before_they_are_read(tmp_path):
    enhanced_ct(tmp_path, values())
    whole = 12 * 32 * 40 * 4
    exactly, less = (
        Settings.shipped().with_values({"limits.object_bytes_max": most}, layer="test")
        for most in (whole, whole - 1)
    )
    assert survey_study(tmp_path, settings=exactly).ct is not None
    (item,) = survey_study(tmp_path, settings=less).set_aside
    assert item.code == "PIX-002"
    assert item.sentence == (
        "enhanced_ct_0.dcm would need 0.0 GB, beyond the limit; nothing was allocated "
        f"(limits.object_bytes_max = {whole - 1})."
    )


def test_frames_are_judged_like_slices(tmp_path):
    enhanced_ct(tmp_path, values() + 1024)
    assert refused(tmp_path)[1].endswith("are not those of a CT: air is 24.")


# Scales that are not those of a CT


@pytest.mark.parametrize(("slope", "tissue"), [("10", 9616), ("2", 1104)])
def test_values_that_are_too_large_are_refused_by_their_tissue(tmp_path, slope, tissue):
    """Stored 24 and 1084 with a slope of 10 are -784 and 9816 HU: the air alone looks like lung."""
    hu = np.where(values() > -500, 40, -1000)
    ct_series(tmp_path / "right", hu)
    assert open_study(tmp_path / "right").ct.load().flags == ()
    for path in ct_series(tmp_path / "wrong", hu):
        bend(path, RescaleSlope=slope)
    code, sentence = refused(tmp_path / "wrong")
    air = 24 * int(slope) - 1024
    assert code == "PIX-012"
    assert f"tissue has {tissue} HU in the middle, and its darkest part {air} HU" in sentence


@pytest.mark.parametrize("air", [-876, -700])
def test_one_dark_value_around_the_picture_is_air_and_no_lung(tmp_path, air):
    noise = np.random.default_rng(4).normal(0, 10, SHAPE)
    hu = np.round(np.where(values() > -500, 60, air) + noise)
    ct_series(tmp_path, hu)
    code, sentence = refused(tmp_path)
    assert code == "PIX-012"
    assert float(re.search(r"air is (-?[\d.]+)\.", sentence)[1]) == pytest.approx(air, abs=3)


def test_lung_around_the_picture_is_wider_than_air_and_accepted(tmp_path):
    lung = np.random.default_rng(4).normal(-820, 80, SHAPE)
    hu = np.round(np.where(values() > -500, 60, np.maximum(lung, -1024)))
    assert set(said(loaded(tmp_path, hu))) == {"PIX-012"}
    assert "shows no air outside the body" in said(open_study(tmp_path).ct.load())["PIX-012"]


@pytest.mark.parametrize(
    ("intercept", "change", "places"), [("0", 1024, (4, 5)), ("-1224", -200, (4, 5))]
)
def test_a_slice_of_another_scale_is_refused_by_its_place(tmp_path, intercept, change, places):
    ct_series(tmp_path, values(), per_slice={4: {"RescaleIntercept": intercept}})
    a, b = places
    code, sentence = refused(tmp_path)
    assert code == "PIX-012"
    assert sentence == (
        'Values of series 1 "portal venous" are not those of one CT: from slice '
        f"{a} to slice {b} of 12, counted from the feet, all of them change by {change} HU."
    )


def test_a_body_that_begins_between_two_slices_is_no_other_scale(tmp_path):
    hu = np.array(values())
    hu[:3] = -1000
    assert loaded(tmp_path, hu).flags == ()


def test_values_above_every_ct_number_are_refused_with_their_share(tmp_path):
    """Noise of air below -1024 HU that wrapped around: -1025 is 64511 HU."""
    hu = values()
    hu[:, 0, ::4] = 64511
    ct_series(tmp_path, hu)
    percent = 100 * np.count_nonzero(hu == 64511) / hu.size
    code, sentence = refused(tmp_path)
    assert code == "PIX-012"
    assert sentence == (
        f'Values of series 1 "portal venous" are not those of a CT: {percent:.2g} % of them lie '
        "above 32767 HU, up to 64511 HU."
    )


def test_a_single_value_above_every_ct_number_is_said(tmp_path):
    hu = values()
    hu[5, 15, 20] = 64000
    ct_series(tmp_path, hu)
    volume = open_study(tmp_path).ct.load()
    assert '1 voxel of series 1 "portal venous" lies above 32767 HU, up to 64000 HU' in {
        f.sentence.partition(", which")[0] for f in volume.flags
    }
    hu[5, 15, 20] = 32767
    ct_series(tmp_path / "most", hu)
    assert set(said(open_study(tmp_path / "most").ct.load())) == {"PIX-018"}


# Values of a PET


def pet(folder, stored, **bends):
    pet_series(folder, stored, **bends)
    return open_study(folder).pets[0]


@pytest.mark.parametrize("stored", [0, 1000])
def test_a_pet_of_one_value_is_refused_with_it(tmp_path, stored):
    series = pet(tmp_path / "one", np.full((6, 16, 20), stored))
    with pytest.raises(InputError) as caught:
        series.load()
    value = stored * 0.75 * series.suv.factors[0]
    assert caught.value.code.id == "PIX-020"
    assert caught.value.what == (
        f'Series 1 "PET AC" shows no uptake: all of its values are {value:g}.'
    )
    assert pet(tmp_path / "two", uptake(stored=1000)).load().flags == ()


def test_a_filling_among_the_values_of_a_pet_is_kept_and_said(tmp_path):
    stored = uptake()
    stored[:, 4:8, 4:8] = 3000
    series = pet(tmp_path, stored, common={"PixelPaddingValue": 1000})
    volume = series.load()
    factor = 0.75 * series.suv.factors[0]
    assert volume.values == pytest.approx(stored * factor, rel=1e-6)
    percent = 100 * np.count_nonzero(stored == 1000) / stored.size
    told = said(volume)
    assert set(told) == {"PIX-020"}
    assert f"{percent:.1f} % of series 1" in told["PIX-020"]
    assert f"(up to {3000 * factor:g})" in told["PIX-020"]


def test_a_filling_above_all_values_of_a_pet_is_left_out(tmp_path):
    stored = uptake()
    stored[:, :4] = 65535
    volume = pet(tmp_path, stored, common={"PixelPaddingValue": 65535}).load()
    assert not volume.values[:, :4].any()
    assert volume.values[0, 4:].min() > 0
    assert set(said(volume)) == {"PIX-011"}
    assert "25.0 %" in said(volume)["PIX-011"]


def test_a_pet_that_is_nearly_all_filling_is_said(tmp_path):
    stored = np.zeros((6, 16, 20), int)
    stored[:, :2] = 1000
    few = pet(tmp_path / "few", stored, common={"PixelPaddingValue": 0}).load()
    assert set(said(few)) == {"PIX-011"}  # 87.5 %
    stored[:, :1] = 0
    much = pet(tmp_path / "much", stored, common={"PixelPaddingValue": 0}).load()
    assert "93.8 % of series 1" in said(much)["PIX-020"]
    stored = np.full((6, 16, 20), 65535)
    stored[:, 4] = 1000
    whole = pet(tmp_path / "whole", stored, common={"PixelPaddingValue": 65535}).load()
    assert whole.values[:, 5:].min() > 0
    assert "93.8 % of series 1" in said(whole)["PIX-020"]


def test_one_slice_of_a_slope_far_above_the_others_is_said_with_both(tmp_path):
    bends = {"per_slice": {3: {"RescaleSlope": "75000"}}}
    series = pet(tmp_path / "one", uptake(), **bends)
    told = said(series)
    assert told["PIX-013"] == (
        'Slice 4 of 6 (counted from the feet) of series 1 "PET AC" has a rescale slope of 75000, '
        "the slices beside it at most 0.75; its values may be wrong."
    )
    suv = 1000 * 75000 * series.suv.factors[0]
    assert f"reaches an SUV of {suv:.0f} in slice 4 of 6" in said(series.load())["PIX-020"]
    bends = {"per_slice": {3: {"RescaleSlope": "75"}}}
    series = pet(tmp_path / "usual", uptake(), **bends)
    assert "PIX-013" not in said(series)
    assert "PIX-020" not in said(series.load())


def test_a_declared_filling_that_is_tissue_is_kept_and_said(tmp_path):
    hu = np.where(values() > -500, 40.0, -1000.0)
    hu[:, 14:18, 18:22] = 60
    volume = loaded(tmp_path / "tissue", hu, common={"PixelPaddingValue": 1064})
    assert np.array_equal(volume.values, hu)
    percent = 100 * np.count_nonzero(hu == 40) / hu.size
    assert said(volume) == {
        "PIX-011": f'{percent:.1f} % of series 1 "portal venous" has the value that its header '
        "declares as filling; at 40 HU that is tissue or bone, so it is kept as such."
    }
    assert loaded(tmp_path / "none", hu, common={"PixelPaddingValue": 1065}).flags == ()


def test_a_unit_that_is_not_the_code_of_hounsfield_is_quoted(tmp_path):
    ct_series(tmp_path / "hu", values())
    assert survey_study(tmp_path / "hu").set_aside == ()
    ct_series(tmp_path / "word", values(), common={"RescaleType": "Hounsfield"})
    ((code, sentence),) = {(i.code, i.sentence) for i in survey_study(tmp_path / "word").set_aside}
    assert code == "PIX-006"
    assert sentence == (
        'Series 1 "portal venous" calls its unit "Hounsfield" and not HU, so its values may be no '
        "Hounsfield units."
    )


def test_the_ratio_of_a_lossy_compression_is_called_one(tmp_path):
    common = {"LossyImageCompression": "01", "LossyImageCompressionRatio": "7.9"}
    ct_series(tmp_path / "said", values(), common=common)
    told = {flag.code: flag.sentence for flag in open_study(tmp_path / "said").ct.flags}
    assert "was compressed with loss (ratio 7.9); small" in told["PIX-010"]
    ct_series(tmp_path / "not", values(), common={"LossyImageCompression": "01"})
    told = {flag.code: flag.sentence for flag in open_study(tmp_path / "not").ct.flags}
    assert "was compressed with loss (ratio not said); small" in told["PIX-010"]
    ct_series(tmp_path / "none", values())
    assert "PIX-010" not in {flag.code for flag in open_study(tmp_path / "none").ct.flags}
