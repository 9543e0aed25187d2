"""The contract: one test per row, each naming code and deciding number; doubts with near misses."""

import dataclasses

import numpy as np
import pytest

from netimg.errors import ContractError, InputError, NothingUsable
from netimg.geometry import Grid
from netimg.segmentation.cards import load_card
from netimg.segmentation.contract import check_contract
from netimg.study import Phase, SegContext
from netimg.volume import Quantity, Volume
from tests.make import arrays

SHAPE, SPACING_MM = (30, 100, 120), (5.0, 2.0, 2.0)
PORTAL = SegContext(phase=Phase.PORTAL)


@pytest.fixture(scope="module")
def body():
    """HU of a soft body in air, 30 slices of 5 mm, 150 x 200 x 240 mm, whole and negative."""
    y, x = np.meshgrid(np.arange(100), np.arange(120), indexing="ij")
    inside = ((y - 50) / 45) ** 2 + ((x - 60) / 54) ** 2 <= 1
    rng = np.random.default_rng(0)
    values = np.where(inside, 50.0, -1000.0) + np.rint(rng.normal(0, 10, SHAPE))
    return values.astype(np.float32)


@pytest.fixture
def check(model_folder, limits):
    """Check values against the card ``bright-net``."""

    def of(values, *, context=PORTAL, spacing_mm=SPACING_MM, quantity=Quantity.HU, **grid):
        on = arrays.grid(values.shape, spacing_mm, **grid)
        ct = Volume(values=values.astype(np.float32), grid=on, quantity=quantity)
        return check_contract(
            ct, context, load_card("bright-net", [model_folder]), limits("contract")
        )

    return of


def test_an_ordinary_ct_passes_without_doubt(check, body):
    assert check(body) == ()


@pytest.mark.parametrize(
    ("change", "code", "number"),
    [
        ({"context": SegContext(modality="MR")}, "SEG-101", "MR"),
        ({"quantity": Quantity.STORED}, "SEG-101", "stored values"),
        ({"spacing_mm": (5.0, 2.0, 2.5)}, "SEG-103", "2.50 mm along x"),
        ({"spacing_mm": (5.0, 2.5, 2.0)}, "SEG-103", "2.50 mm along y"),
        ({"spacing_mm": (5.0, 2.0, 0.25)}, "SEG-103", "0.25 mm"),
        ({"spacing_mm": (10.0, 2.0, 2.0)}, "SEG-103", "10.00 mm along z"),
        ({"spacing_mm": (0.2, 2.0, 2.0)}, "SEG-103", "0.20 mm"),
    ],
)
def test_unit_modality_and_spacing_are_refused_with_the_number(check, body, change, code, number):
    with pytest.raises(ContractError) as caught:
        check(body, **change)
    assert caught.value.code.id == code
    assert number in caught.value.what
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda v: np.clip((v + 160) / 400 * 255, 0, 255), "0 to 255"),
        (lambda v: v + 1024, "lowest value is"),
        (lambda v: np.where(v > -500, v + 400, v), "median of the body is 450"),
        (lambda v: np.where(v > -500, v - 270, v - 500), "median of the body is"),
        (lambda v: np.where(v > -500, 40, -20), "no air around"),
    ],
    ids=["picture of 0..255", "shifted by 1024", "too dense", "too thin", "no air"],
)
def test_values_that_are_not_hu_are_refused_with_the_evidence(check, body, change, number):
    with pytest.raises(ContractError) as caught:
        check(change(body))
    assert caught.value.code.id == "SEG-102"
    assert number in caught.value.what


def test_a_narrow_range_of_whole_values_is_no_ct(check, body):
    values = np.where(body > -500, 40.0, -15.0)
    values[:, 0] = -15
    with pytest.raises(ContractError) as caught:
        check(np.where(values > 0, -240, -290))
    assert caught.value.code.id == "SEG-102"


@pytest.mark.parametrize(
    ("cut", "spacing_mm", "number"),
    [
        (np.s_[:11], (7.4, 2.0, 2.0), "11 slices"),
        (np.s_[:15], (5.0, 2.0, 2.0), "75 mm"),
        (np.s_[:, 40:60, 50:70], (5.0, 2.0, 2.0), "240 mL"),
    ],
    ids=["too few slices", "too short", "too little tissue"],
)
def test_too_little_in_view_is_no_abdomen(check, body, cut, spacing_mm, number):
    with pytest.raises(NothingUsable) as caught:
        check(body[cut], spacing_mm=spacing_mm)
    assert caught.value.code.id == "SEG-105"
    assert caught.value.exit_code == 4
    assert number in caught.value.what


@pytest.mark.parametrize(("slices", "refused"), [(16, False), (15, True)])
def test_eighty_millimetres_are_enough(check, body, slices, refused):
    if refused:
        with pytest.raises(NothingUsable):
            check(body[:slices])
    else:
        check(body[:slices])


def test_more_voxels_than_the_limit_are_refused_unread(model_folder, limits):
    shape = (1000, 2000, 1001)
    on = Grid(shape=shape, spacing_mm=(1, 1, 1), origin_lps_mm=(0, 0, 0))
    huge = Volume.__new__(Volume)  # the noun would copy 8 GB
    object.__setattr__(huge, "grid", on)
    object.__setattr__(huge, "quantity", Quantity.HU)
    object.__setattr__(huge, "values", np.broadcast_to(np.float32(0), shape))
    with pytest.raises(InputError) as caught:
        check_contract(huge, PORTAL, load_card("bright-net", [model_folder]), limits("contract"))
    assert caught.value.code.id == "PIX-002"
    assert "2.00 billion" in caught.value.what


@pytest.mark.parametrize(
    ("context", "codes"),
    [
        (SegContext(), ["phase_unknown"]),
        (SegContext(phase=Phase.CONTRAST), ["phase_unknown"]),
        (SegContext(phase=Phase.ARTERIAL), ["phase_not_covered"]),
        (SegContext(phase=Phase.PORTAL), []),
        (dataclasses.replace(PORTAL, age_y=17.9), ["paediatric"]),
        (dataclasses.replace(PORTAL, age_y=18.0), []),
        (dataclasses.replace(PORTAL, slice_thickness_mm=5.0), []),
        (dataclasses.replace(PORTAL, slice_thickness_mm=2.5), ["thick_slices"]),
    ],
    ids=str,
)
def test_what_is_known_of_the_patient_and_the_scan_raises_doubts(check, body, context, codes):
    assert [flag.code for flag in check(body, context=context)] == codes


@pytest.mark.parametrize(("z_mm", "codes"), [(5.0, []), (5.0000001, []), (5.1, ["thick_slices"])])
def test_slices_are_thick_above_five_millimetres(check, body, z_mm, codes):
    flags = check(body, spacing_mm=(z_mm, 2.0, 2.0))
    assert [flag.code for flag in flags] == codes
    assert [flag.value for flag in flags] == [z_mm] * len(codes)


@pytest.mark.parametrize(
    ("shift_hu", "codes"), [(0, []), (65, []), (90, ["hu_offset"]), (-75, ["hu_offset"])]
)
def test_a_body_of_unusual_density_is_doubted(check, body, shift_hu, codes):
    flags = check(np.where(body > -500, body + shift_hu, body))
    assert [flag.code for flag in flags] == codes


@pytest.mark.parametrize(("tilt_deg", "codes"), [(14.5, []), (15.5, ["oblique"])])
def test_a_tilt_beyond_15_degrees_is_resampled_and_said(check, body, tilt_deg, codes):
    directions = arrays.oblique((tilt_deg, 0.0, 0.0))
    assert [flag.code for flag in check(body, directions=directions)] == codes


def test_a_card_may_ask_for_more_than_the_settings(tmp_path, limits, body):
    from tests.make import segmenter

    narrow = {
        "modality": "CT",
        "unit": "HU",
        "channels": ["ct"],
        "spacing_mm_max": [3.0, 1.0, 1.0],
    }
    segmenter.write_model(tmp_path, input=narrow)
    ct = Volume(values=body, grid=arrays.grid(SHAPE, SPACING_MM), quantity=Quantity.HU)
    with pytest.raises(ContractError, match=r"0\.3 to 3 mm"):
        check_contract(ct, PORTAL, load_card("bright-net", [tmp_path]), limits("contract"))


def test_a_card_may_call_thinner_slices_thick_without_refusing_them(tmp_path, limits, body):
    from tests.make import segmenter

    thin = {"modality": "CT", "unit": "HU", "channels": ["ct"], "slice_thickness_mm_max": 3.0}
    segmenter.write_model(tmp_path, input=thin)
    ct = Volume(values=body, grid=arrays.grid(SHAPE, SPACING_MM), quantity=Quantity.HU)
    flags = check_contract(ct, PORTAL, load_card("bright-net", [tmp_path]), limits("contract"))
    assert [(flag.code, flag.value, flag.threshold) for flag in flags] == [
        ("thick_slices", 5.0, 3.0)
    ]
