"""A slice that is there but of another kind is not called missing; nothing is made up for it."""

import pytest

from netimg.errors import InputError
from netimg.reading import open_study
from tests.make.dicom import body, ct_series

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
