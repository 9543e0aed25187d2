"""Geometry from positions: accepted, accepted with a note, or refused with the numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.errors import InputError
from netimg.reading.headers import read_header
from netimg.reading.spacing import Slices
from netimg.reading.stack import stack
from netimg.reading.studies import survey_study
from netimg.reading.walk import Found
from netimg.settings import Settings
from tests.make.dicom import body, ct_series, pet_series
from tests.make.multiframe import enhanced_ct

SETTINGS = Settings.shipped()


def headers_of(paths):
    return [read_header(Found(p.name, p, None, p.stat().st_size), SETTINGS) for p in paths]


def stacked(paths, kind="CT", *, same=False):
    return stack(headers_of(paths), series="series 1", kind=kind, same_picture=lambda _a, _b: same)


def refusal(paths, kind="CT", **more):
    with pytest.raises(InputError) as caught:
        stacked(paths, kind, **more)
    return caught.value.code.id, caught.value.what


def along_z(places, first=(-20.0, -16.0)):
    return [(*first, z) for z in places]


def small(n):
    return np.zeros((n, 8, 10))


def codes(result):
    return [flag.code for flag in result.flags if flag.code != "GEO-016"]


def test_a_regular_series_is_its_positions(tmp_path):
    result = stacked(ct_series(tmp_path, spacing_mm=(5.0, 0.7, 0.8), first_lps_mm=(-7, 8, -90)))
    assert result.grid.shape == (12, 32, 40)
    assert result.grid.spacing_mm == pytest.approx((5.0, 0.7, 0.8))
    assert result.grid.origin_lps_mm == (-7.0, 8.0, -90.0)
    assert np.linalg.det(result.grid.matrix) == pytest.approx(-1.0)
    assert codes(result) == []


@given(order=st.permutations(range(12)))
def test_file_order_never_matters(order, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "shuffled"
    paths = sorted(folder.glob("*.dcm")) or ct_series(folder)
    result = stacked([paths[i] for i in order])
    assert result.grid.origin_lps_mm == (-20.0, -16.0, 0.0)
    assert [order[i] for i in result.order] == list(range(12))


@pytest.mark.parametrize(
    ("orientation", "axis_z"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 1)),  # axial
        ((-1, 0, 0, 0, 1, 0), (0, 0, -1)),  # feet first, mirrored rows
        ((0, 1, 0, 0, 0, -1), (-1, 0, 0)),  # sagittal
        ((1, 0, 0, 0, 0, -1), (0, 1, 0)),  # coronal
        ((0.8, 0.6, 0, -0.6, 0.8, 0), (0, 0, 1)),  # turned in plane
        ((0.8, 0, 0.6, 0, 1, 0), (-0.6, 0, 0.8)),  # oblique
    ],
)
def test_any_orientation_is_right_handed_and_runs_along_its_normal(tmp_path, orientation, axis_z):
    result = stacked(ct_series(tmp_path, orientation=orientation))
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    assert result.grid.matrix[:, 0] == pytest.approx(np.cross(row, column))
    assert result.grid.matrix[:, 0] == pytest.approx(axis_z)
    assert result.grid.matrix[:, 1] == pytest.approx(column)
    assert result.grid.matrix[:, 2] == pytest.approx(row)


def test_a_tilt_of_15_degrees_is_refused_with_its_angle(tmp_path):
    turn = math.radians(15)
    orientation = (1, 0, 0, 0, math.cos(turn), math.sin(turn))
    paths = ct_series(
        tmp_path, small(40), orientation=orientation, positions=along_z(5.0 * np.arange(40))
    )
    assert refusal(paths) == (
        "GEO-006",
        (
            "The gantry was tilted by 15.0 degrees; the slices of series 1 do not stack upright. "
            "--regrid straightens them."
        ),
    )


def test_jitter_of_pet_beds_is_accepted_and_said(tmp_path):
    places = np.round(3.27 * np.arange(60), 1)
    result = stacked(pet_series(tmp_path, small(60), positions=along_z(places)), "PET")
    (flag,) = [f for f in result.flags if f.code == "GEO-012"]
    off_mm = np.abs(places - np.linspace(places[0], places[-1], 60)).max()
    assert flag.value == pytest.approx(off_mm)
    assert 0.05 < off_mm < 0.1
    assert f"{off_mm:.2f} mm" in flag.sentence


@pytest.mark.parametrize(("kind", "limit_mm"), [("CT", 0.25), ("PET", 0.45)])
def test_a_slice_off_its_place_is_accepted_up_to_the_limit(tmp_path, kind, limit_mm):
    make = ct_series if kind == "CT" else pet_series
    for name, off_mm in (("within", limit_mm - 0.01), ("beyond", limit_mm + 0.01)):
        places = 3.0 * np.arange(12.0)
        places[5] += off_mm
        paths = make(tmp_path / name, small(12), positions=along_z(places))
        if name == "within":
            assert "GEO-012" in codes(stacked(paths, kind))
        else:
            code, what = refusal(paths, kind)
            assert code == "GEO-003"
            assert f"{3 + off_mm:.2f} mm" in what


def test_one_missing_slice_is_named_with_its_neighbours(tmp_path):
    paths = ct_series(tmp_path, small(60), spacing_mm=(5.0, 2.0, 2.0))
    del paths[31]
    code, what = refusal(paths)
    assert code == "GEO-004"
    assert "1 slice is missing in series 1, between instance 31 and 33" in what
    assert "(150.0 and 160.0 mm)" in what


def test_two_thicknesses_are_named_with_their_ranges(tmp_path):
    places = np.concatenate([np.arange(0, 50, 2.5), np.arange(50, 101, 5.0)])
    code, what = refusal(ct_series(tmp_path, small(len(places)), positions=along_z(places)))
    assert code == "GEO-003"
    assert "2.50 mm from 0.0 to 50.0 mm, 5.00 mm from 50.0 to 100.0 mm" in what


def test_slices_that_wander_in_plane_are_refused(tmp_path):
    shift = 2.0 * np.random.default_rng(3).standard_normal(12)
    places = [(-20.0 + s, -16.0, 3.0 * z) for z, s in enumerate(shift)]
    code, what = refusal(ct_series(tmp_path, small(12), positions=places))
    assert code == "GEO-003"
    assert "shift by up to" in what


def test_a_second_copy_of_a_slice_is_dropped_and_another_picture_there_refused(tmp_path):
    places = 3.0 * np.arange(12.0)
    places[6] = places[5]
    paths = ct_series(tmp_path, small(12), positions=along_z(np.append(places[:7], places[7:] - 3)))
    result = stacked(paths, same=True)
    assert result.grid.shape[0] == 11
    assert len(result.dropped) == 1
    assert "GEO-013" in codes(result)
    code, what = refusal(paths)
    assert code == "GEO-005"
    assert "15.00 mm" in what
    assert "IM0006.dcm" in what


def test_slices_at_one_place_only_are_not_a_volume(tmp_path):
    paths = ct_series(tmp_path, small(4), positions=along_z([10.0] * 4))
    assert refusal(paths)[0] == "GEO-005"


@pytest.mark.parametrize(
    ("bend", "code", "says"),
    [
        ({"ImagePositionPatient": None}, "GEO-001", "Slice 4 "),
        ({"ImageOrientationPatient": None}, "GEO-001", "Slice 4 "),
        ({"PixelSpacing": None}, "GEO-011", "absent"),
        ({"PixelSpacing": ["2"]}, "GEO-011", "(1 value)"),
        ({"PixelSpacing": ["2", "2", "2"]}, "GEO-011", "(3 values)"),
        ({"PixelSpacing": ["0.01", "2"]}, "GEO-011", "0.01 mm x 2 mm"),
        ({"PixelSpacing": ["2.1", "2"]}, "GEO-008", "2.1 x 2 mm"),
        ({"Rows": 9}, "GEO-008", "9x10"),
        ({"ImageOrientationPatient": ["0", "1", "0", "-1", "0", "0"]}, "GEO-007", "90.0 degrees"),
        (
            {"ImageOrientationPatient": ["1", "0", "0", "0.02", "1", "0"]},
            "GEO-002",
            "1.15 degrees",
        ),
    ],
)
def test_one_bent_slice_refuses_the_series(tmp_path, bend, code, says):
    assert codes(stacked(ct_series(tmp_path / "straight", small(12)))) == []
    found, what = refusal(ct_series(tmp_path / "bent", small(12), per_slice={3: bend}))
    assert found == code
    assert says in what


def test_a_position_that_is_no_number_is_refused(tmp_path):
    paths = ct_series(tmp_path, small(12))
    raw = paths[3].read_bytes()
    paths[3].write_bytes(raw.replace(b"-20\\-16\\9 ", b"-20\\-1x\\9 "))
    code, what = refusal(paths)
    assert code == "GEO-019"
    assert what == "A position or direction of slice 4 of series 1 is not a number."


def test_a_position_beyond_reason_is_refused_with_the_number(tmp_path):
    bend = {3: {"ImagePositionPatient": ["-20", "-16", "1e300"]}}
    code, what = refusal(ct_series(tmp_path, small(12), per_slice=bend))
    assert (code, what) == (
        "GEO-019",
        "A position of slice 4 of series 1 is beyond reason (1e+300 mm).",
    )


def test_a_frame_that_lies_beyond_reason_is_named_with_its_file(tmp_path):
    frames = {3: {"PlanePosition": {"ImagePositionPatient": ["-20", "-16", "1e9"]}}}
    enhanced_ct(tmp_path, body(), frames=frames)
    (item,) = survey_study(tmp_path).set_aside
    assert item.code == "GEO-019"
    assert item.sentence == (
        'A position of enhanced_ct_0.dcm, frame 4 of series 1 "portal venous" is beyond reason '
        "(1e+09 mm)."
    )


@pytest.mark.parametrize(("n", "text"), [(1, "1 slice"), (2, "2 slices")])
def test_one_or_two_slices_are_too_few(tmp_path, n, text):
    assert refusal(ct_series(tmp_path, small(n))) == ("GEO-010", f"Series 1 has only {text}.")


def test_spacing_beyond_reason_is_refused(tmp_path):
    code, what = refusal(ct_series(tmp_path, small(4), spacing_mm=(25.0, 2.0, 2.0)))
    assert code == "GEO-016"
    assert "25 mm" in what


def test_thickness_and_stated_spacing_are_compared_but_never_used(tmp_path):
    common = {"SliceThickness": "5", "SpacingBetweenSlices": "4"}
    result = stacked(ct_series(tmp_path, body(), common=common))
    assert result.grid.spacing_mm[0] == pytest.approx(3.0)
    sentences = {flag.code: flag.sentence for flag in result.flags}
    assert (
        "5.00 mm thick and 3.00 mm apart: they overlap by 2.00 mm (thickness 1.67 times"
        in sentences["GEO-015"]
    )
    assert sentences["GEO-021"] == (
        "The header of series 1 says slices are 4.00 mm apart, their positions say 3.00 mm; "
        "positions were used."
    )


@pytest.mark.parametrize(("stated", "said"), [("-3", None), ("-4", "4.00"), ("3", None)])
def test_the_sign_of_a_stated_spacing_is_a_direction_and_no_distance(tmp_path, stated, said):
    result = stacked(ct_series(tmp_path, body(), common={"SpacingBetweenSlices": stated}))
    sentences = [flag.sentence for flag in result.flags if flag.code == "GEO-021"]
    assert len(sentences) == (said is not None)
    assert all(f"says slices are {said} mm apart" in sentence for sentence in sentences)


def test_a_tilt_of_15_degrees_drifts_by_50_mm_over_188_mm(tmp_path):
    turn = math.radians(15)
    orientation = (1, 0, 0, 0, math.cos(turn), math.sin(turn))
    paths = ct_series(
        tmp_path, small(40), orientation=orientation, positions=along_z(5.0 * np.arange(40))
    )
    normal = np.array([0.0, -math.sin(turn), math.cos(turn)])
    slices = Slices(
        points=np.array([h.position for h in headers_of(paths)]),
        normal=normal,
        pixel_mm=(2.0, 2.0),
        numbers=tuple(range(1, 41)),
        series="series 1",
        kind="CT",
    )
    assert slices.drift_mm == pytest.approx(50.47, abs=0.01)
    assert slices.along[-1] - slices.along[0] == pytest.approx(188.36, abs=0.01)
    assert slices.tilt_deg == pytest.approx(15.0, abs=1e-6)


@pytest.mark.parametrize(
    ("beside_mm", "says"),
    [(0.49, None), (0.60, "GEO-012"), (0.99, "GEO-012"), (1.10, "GEO-003")],
)
def test_a_slice_beside_its_place_is_silent_said_or_refused(tmp_path, beside_mm, says):
    places = [(-20.0, -16.0, 3.0 * z) for z in range(12)]
    places[5] = (-20.0 + beside_mm, -16.0, 15.0)
    paths = ct_series(tmp_path, small(12), positions=places)
    if says == "GEO-003":
        code, what = refusal(paths)
        assert (code, "up to 1.10 mm in plane" in what) == (says, True)
        return
    result = stacked(paths)
    assert codes(result) == ([] if says is None else [says])
    if says is not None:
        (flag,) = [f for f in result.flags if f.code == says]
        assert flag.value == pytest.approx(beside_mm)


@pytest.mark.parametrize(
    ("skew", "says"), [(0.0009, None), (0.0015, "warned"), (0.0049, "warned"), (0.006, "refused")]
)
def test_directions_not_at_right_angles_are_silent_said_or_refused(tmp_path, skew, says):
    paths = ct_series(tmp_path, small(12), orientation=(1, 0, 0, skew, 1, 0))
    if says == "refused":
        code, what = refusal(paths)
        assert code == "GEO-002"
        assert f"({math.degrees(skew):.2f} degrees off)" in what
        return
    result = stacked(paths)
    assert [c for c in codes(result) if c != "GEO-012"] == ([] if says is None else ["GEO-002"])
    assert result.grid.matrix[:, 2] == pytest.approx([1, 0, 0])  # the row is kept
    assert result.grid.matrix.T @ result.grid.matrix == pytest.approx(np.eye(3))


def test_slice_directions_that_turn_a_little_each_time_are_refused_by_their_spread(tmp_path):
    per_slice = {}
    for z in range(12):
        turn = math.radians(0.09 * z)
        per_slice[z] = {
            "ImageOrientationPatient": [
                f"{v:.10g}" for v in (math.cos(turn), math.sin(turn), 0)
            ] + [f"{v:.10g}" for v in (-math.sin(turn), math.cos(turn), 0)]
        }  # fmt: skip
    code, what = refusal(ct_series(tmp_path, small(12), per_slice=per_slice))
    assert code == "GEO-007"
    assert "(1.0 degrees apart)" in what


@pytest.mark.parametrize(
    ("spacing", "accepted"),
    [
        (("0.05", "0.05"), True),
        (("0.049", "2"), False),
        (("20", "20"), True),
        (("2", "20.1"), False),
    ],
)
def test_pixels_of_005_to_20_mm_are_believed(tmp_path, spacing, accepted):
    paths = ct_series(tmp_path, small(12), common={"PixelSpacing": list(spacing)})
    if accepted:
        assert stacked(paths).grid.spacing_mm[1:] == tuple(map(float, spacing))
    else:
        code, what = refusal(paths)
        assert code == "GEO-011"
        assert f"{float(spacing[0]):g} mm x {float(spacing[1]):g} mm" in what


@pytest.mark.parametrize(("n", "spacing_mm", "says"), [
    (12, (3.0, 10.0, 10.0), None),
    (4, (5.0, 10.0, 10.0), "15 mm from first to last slice"),
    (12, (3.0, 2.0, 2.0), "a field of 16 x 20 mm"),
    (140, (19.0, 10.0, 10.0), "2641 mm from first to last slice"),
    (12, (3.0, 20.0, 2.0), "a field of 160 x 20 mm"),
])  # fmt: skip
def test_an_unusual_size_is_said_with_its_numbers(tmp_path, n, spacing_mm, says):
    flags = [f for f in stacked(ct_series(tmp_path, small(n), spacing_mm=spacing_mm)).flags
             if f.code == "GEO-016"]  # fmt: skip
    assert (flags == []) is (says is None)
    if says is not None:
        assert says in flags[0].sentence


def test_slices_closer_than_half_a_tenth_of_a_millimetre_are_refused(tmp_path):
    places = along_z(0.04 * np.arange(12))
    code, what = refusal(ct_series(tmp_path, small(12), positions=places))
    assert code == "GEO-016"
    assert "0.04 mm apart" in what


def test_slices_a_fiftieth_of_a_millimetre_apart_are_not_taken_for_one(tmp_path):
    places = 3.0 * np.arange(12.0)
    places[6] = places[5] + 0.02
    paths = ct_series(tmp_path, small(12), positions=along_z(places))
    code, what = refusal(paths, same=True)
    assert code == "GEO-003"
    assert "0.02 mm from 15.0 to 15.0 mm" in what


def test_one_picture_beside_another_at_one_height_is_no_copy_of_it(tmp_path):
    places = [(-20.0, -16.0, 3.0 * z) for z in range(12)]
    places.append((40.0, -16.0, 15.0))
    code, what = refusal(ct_series(tmp_path, small(13), positions=places), same=True)
    assert code == "GEO-005"
    assert "15.00 mm" in what


def test_thin_slices_leave_gaps_and_the_factor_is_said(tmp_path):
    result = stacked(ct_series(tmp_path, common={"SliceThickness": "1.5"}))
    assert result.grid.spacing_mm[0] == pytest.approx(3.0)
    (said,) = [f.sentence for f in result.flags if f.code == "GEO-015"]
    assert said == (
        "Slices of series 1 are 1.50 mm thick and 3.00 mm apart: they leave gaps of 1.50 mm "
        "(thickness 0.50 times the distance)."
    )


@pytest.mark.parametrize("common", [{"SliceThickness": None}, {"SliceThickness": "30"}])
def test_thickness_is_never_the_spacing(tmp_path, common):
    assert stacked(ct_series(tmp_path, common=common)).grid.spacing_mm[0] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("position", "orientation", "says"),
    [
        ("HFS", (1, 0, 0, 0, 1, 0), None),
        ("FFS", (1, 0, 0, 0, 1, 0), None),
        (None, (1, 0, 0, 0, 1, 0), None),
        ("HFP", (-1, 0, 0, 0, -1, 0), "The patient lay face down, head first; pictures are"),
        ("FFDR", (1, 0, 0, 0, 1, 0), "The patient lay on the right side, feet first; pictures"),
        ("FFS", (-1, 0, 0, 0, 1, 0), "with the patient's right on the right and the back below"),
        ("HFS", (1, 0, 0, 0, 0, -1), None),  # coronal
    ],
)
def test_how_the_patient_lay_is_said_and_never_refuses(tmp_path, position, orientation, says):
    common = {"PatientPosition": position}
    result = stacked(ct_series(tmp_path, orientation=orientation, common=common))
    said = [f.sentence for f in result.flags if f.code == "GEO-022"]
    assert (said == []) is (says is None)
    if says is not None:
        assert says in said[0]


def test_non_square_pixels_keep_rows_and_columns_apart(tmp_path):
    grid = stacked(ct_series(tmp_path, spacing_mm=(3.0, 2.5, 1.25))).grid
    assert grid.spacing_mm == pytest.approx((3.0, 2.5, 1.25))
    assert grid.to_world(np.array([[2, 3, 4]]))[0] == pytest.approx((-20 + 5, -16 + 7.5, 6))


def test_a_pet_with_a_missing_slice_or_two_spacings_is_refused_without_a_promise(tmp_path):
    whole = 3.27 * np.arange(40)
    straight = pet_series(tmp_path / "whole", small(40), positions=along_z(whole))
    assert codes(stacked(straight, "PET")) == []
    for name, places, code, says in (
        (
            "missing",
            np.delete(whole, 20),
            "GEO-004",
            "between instance 20 and 21 (62.1 and 68.7 mm)",
        ),
        (
            "two",
            np.concatenate([np.arange(0, 30, 3.0), np.arange(30, 60, 5.0)]),
            "GEO-003",
            "3.00 mm from 0.0 to 30.0 mm, 5.00 mm from 30.0 to 55.0 mm",
        ),
    ):
        paths = pet_series(tmp_path / name, small(len(places)), positions=along_z(places))
        with pytest.raises(InputError) as caught:
            stacked(paths, "PET")
        assert caught.value.code.id == code
        assert says in caught.value.what
        assert "--regrid" not in str(caught.value)
