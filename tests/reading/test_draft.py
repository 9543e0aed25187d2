"""A slice that is there but of another kind is not called missing; nothing is made up for it."""

import pytest

from netimg.errors import InputError
from netimg.reading import open_study
from tests.make.dicom import bend, body, ct_series, pet_series, uptake

SHAPE = (14, 32, 40)
MIP = ["DERIVED", "SECONDARY", "MIP"]
ODD = {
    "pixel size": (
        {"PixelSpacing": ["2", "2.1"]},
        "GEO-008",
        "pixel size (2.1 mm, the others 2 mm)",
    ),
    "picture size": (
        {"Rows": 65535, "Columns": 65535},
        "GEO-008",
        "picture size (65535x65535, the others 32x40)",
    ),
    "frame": ({"FrameOfReferenceUID": "1.2.3"}, "GEO-014", "coordinate system"),
    "image type": (
        {"ImageType": MIP},
        "GEO-010",
        "image type (DERIVED\\SECONDARY\\MIP, the others ORIGINAL\\PRIMARY\\AXIAL)",
    ),
}


@pytest.mark.parametrize("overrides", [{}, {"regrid": True}], ids=["as it is", "on request"])
@pytest.mark.parametrize(("bend", "code", "how"), ODD.values(), ids=ODD)
def test_a_slice_of_another_kind_is_named_with_what_it_differs_in(
    tmp_path, overrides, *, bend, code, how
):
    ct_series(tmp_path, body(SHAPE), per_slice={3: bend})
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1", overrides=overrides)
    assert caught.value.code.id == code
    assert caught.value.what == (
        f'Instance 4 (9.0 mm) of series 1 "portal venous" is there but differs from the others in '
        f"its {how}; without it the series has a gap."
    )
    assert "--regrid" not in str(caught.value)
    assert "missing" not in str(caught.value)


@pytest.mark.parametrize(("bend", "code", "how"), ODD.values(), ids=ODD)
def test_a_slice_of_another_kind_beside_a_whole_volume_refuses_nothing(
    tmp_path, bend, *, code, how
):
    ct_series(tmp_path, body(SHAPE), per_slice={13: bend})
    study = open_study(tmp_path)
    assert study.ct.grid.shape[0] == 13
    assert [item.code for item in study.set_aside] == ["GEO-010"]
    assert code not in {flag.code for flag in (*study.flags, *study.ct.flags)}
    assert how.split(" (")[0] in study.set_aside[0].sentence


def test_two_slices_of_another_kind_are_named_both(tmp_path):
    bend = {"PixelSpacing": ["2", "2.1"]}
    ct_series(tmp_path, body(SHAPE), per_slice={3: bend, 8: bend})
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1")
    assert "Instance 4 (9.0 mm), 9 (24.0 mm) of series 1" in caught.value.what


def test_a_slice_that_is_not_there_is_missing_though_another_is_of_another_kind(tmp_path):
    bend = {"PixelSpacing": ["2", "2.1"]}
    paths = ct_series(tmp_path, body(SHAPE), per_slice={13: bend})
    paths[5].unlink()
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1")
    assert caught.value.code.id == "GEO-004"
    assert "between instance 5 and 7 (12.0 and 18.0 mm)" in caught.value.what
    assert open_study(tmp_path, ct="1", overrides={"regrid": True}).ct.grid.shape[0] == 13


def slices_said(n):
    return {"NumberOfSlices": n}


def short(study):
    return [f.sentence for f in study.pets[0].flags if f.code == "GEO-004"]


@pytest.mark.parametrize(
    ("lost", "are"), [((12, 13), "2 slices are"), ((0,), "1 slice is")], ids=["top", "bottom"]
)
def test_a_pet_whose_last_slices_were_not_sent_is_said_to_be_short(tmp_path, lost, are):
    paths = pet_series(tmp_path, uptake((14, 16, 20)), common=slices_said(14))
    for z in lost:
        paths[z].unlink()
    if 13 in lost:  # the corner without uptake was there
        bend(paths[0], RescaleSlope="0.7")
    study = open_study(tmp_path)
    n = 14 - len(lost)
    assert study.pets[0].grid.shape[0] == n
    (said,) = short(study)
    assert said == (
        f'The header of series 1 "PET AC" says 14 slices and {n} are there, without a gap: '
        f"{are} missing at its ends. What lies there is not measured."
    )


@pytest.mark.parametrize("said", [14, 12, None, 0])
def test_a_pet_with_as_many_slices_as_its_header_says_is_not_doubted(tmp_path, said):
    pet_series(tmp_path, uptake((14, 16, 20)), common=slices_said(said))
    assert short(open_study(tmp_path)) == []


def test_a_ct_is_never_said_to_be_short(tmp_path):
    ct_series(tmp_path, body(SHAPE), common=slices_said(20))
    assert "GEO-004" not in {flag.code for flag in open_study(tmp_path).ct.flags}
