"""A tilted or uneven CT on request: the phantom's formula is the truth, in world coordinates."""

import math
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

from netimg.errors import InputError, NothingUsable
from netimg.reading import open_study
from netimg.reading.problems import advice
from netimg.reading.studies import survey_study
from netimg.settings import Settings
from tests.make.dicom import ct_series, pet_series, uptake

ON_REQUEST = {"regrid": True}
PIXEL_MM = 2.0
SIZE = 40
FIRST = (-39.0, -41.0, 0.0)


def tilt(degrees):
    """Orientation of an axial slice whose gantry was tilted about the left-right axis."""
    turn = math.radians(degrees)
    return (1, 0, 0, 0, math.cos(turn), math.sin(turn))


def worlds(heights, orientation, size=SIZE, beside=None):
    """World points (n, rows, columns, 3) of slices that step along the table."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    index = np.arange(size) * PIXEL_MM
    plane = index[:, None, None] * column + index[None, :, None] * row
    first = np.array(FIRST) + np.outer(heights, (0.0, 0.0, 1.0))
    if beside is not None:
        first = first + np.outer(beside, (1.0, 0.0, 0.0))
    return first, first[:, None, None, :] + plane


def plane_hu(points):
    """HU that rise evenly in every direction: linear interpolation keeps them exactly."""
    left, back, head = np.moveaxis(points, -1, 0)
    return 3.0 * left - 2.0 * back + 4.0 * head + 40.0


def wave_hu(points):
    """HU that rise and fall with periods of 60, 70 and 80 mm."""
    left, back, head = np.moveaxis(points, -1, 0)
    turn = 2 * math.pi
    return 300 * np.sin(turn * left / 60) * np.cos(turn * back / 70) * np.sin(turn * head / 80)


def wave_bound(along_mm):
    """Largest error of linear interpolation: h^2 / 8 of the second derivative, each direction."""
    turn = 300 * (2 * math.pi) ** 2
    in_plane = turn * (1 / 60**2 + 1 / 70**2 + 1 / 80**2) * PIXEL_MM**2 / 8
    return 2 * in_plane + turn * (1 / 60**2 + 1 / 70**2 + 1 / 80**2) * along_mm**2 / 8


def scan(folder, heights, hu, *, degrees=0.0, **bends):
    first, points = worlds(heights, tilt(degrees), beside=bends.pop("beside", None))
    return ct_series(
        folder,
        hu(points),
        orientation=tilt(degrees),
        positions=first,
        spacing_mm=(3.0, PIXEL_MM, PIXEL_MM),
        **bends,
    )


def compared(folder, hu):
    """Difference to the formula where the pictures reach, and the volume."""
    study = open_study(folder, ct="1", overrides=ON_REQUEST)
    volume = study.ct.load()
    index = np.indices(volume.grid.shape).reshape(3, -1).T
    truth = hu(volume.grid.to_world(index)).reshape(volume.grid.shape)
    off = volume.values - truth
    return study, volume, off


def covered(volume, heights, degrees):
    """Voxels inside the pixels of both slices that they lie between."""
    orientation = tilt(degrees)
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    first, _ = worlds(heights, orientation)
    along = first @ normal
    index = np.indices(volume.grid.shape).reshape(3, -1).T
    points = volume.grid.to_world(index)
    above = np.clip(np.searchsorted(along, points @ normal + 1e-6), 1, len(along) - 1)
    inside = np.ones(len(points), dtype=bool)
    for slices in (above - 1, above):
        beside = points - first[slices]
        for axis in (row, column):
            place = beside @ axis
            inside &= (place > -1e-3) & (place < (SIZE - 1) * PIXEL_MM + 1e-3)
    return inside.reshape(volume.grid.shape)


UNEVEN = np.concatenate([np.arange(0, 30, 2.5), np.arange(30, 61, 5.0)])


@pytest.mark.parametrize("hu", [plane_hu, wave_hu], ids=["plane", "wave"])
@pytest.mark.parametrize(
    ("heights", "degrees", "step_mm", "n"),
    [
        (4.0 * np.arange(15), 14.0, 4.0 * math.cos(math.radians(14.0)), 15),
        (4.0 * np.arange(15), -22.0, 4.0 * math.cos(math.radians(22.0)), 15),
        (UNEVEN, 0.0, 2.5, 25),
        (np.delete(4.0 * np.arange(15), [3, 9]), 0.0, 4.0, 15),
        (UNEVEN, 18.5, 2.5 * math.cos(math.radians(18.5)), 25),
        (np.delete(4.0 * np.arange(15), 7), 10.0, 4.0 * math.cos(math.radians(10.0)), 15),
    ],
    ids=["tilt 14", "tilt -22", "uneven", "missing", "uneven and tilt", "missing and tilt"],
)
def test_the_regular_volume_is_the_phantom_where_the_pictures_reach(
    tmp_path, hu, *, heights, degrees, step_mm, n
):
    scan(tmp_path, heights, hu, degrees=degrees)
    study, volume, off = compared(tmp_path, hu)
    assert volume.grid.shape[0] == n
    assert volume.grid.spacing_mm == pytest.approx((step_mm, PIXEL_MM, PIXEL_MM), abs=1e-4)
    inside = covered(volume, heights, degrees)
    assert inside.sum() > 0.7 * len(heights) * SIZE**2
    bound = 0.5 + 1e-3  # whole HU in the files
    if hu is wave_hu:
        bound += wave_bound(float(np.diff(heights).max()))
    assert np.abs(off[inside]).max() <= bound
    assert np.abs(off[inside]).mean() <= bound / 2
    (flag,) = [f for f in study.ct.flags if f.code == "GEO-018"]
    assert flag.touches == ("ct", "plan", "territory")
    assert (f"straightened by {abs(degrees):.1f} degrees" in flag.sentence) is (degrees != 0)


@pytest.mark.parametrize(
    "orientation",
    [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (0.8, 0.6, 0, -0.48, 0.64, 0.6)],
    ids=["axial", "feet first", "sagittal", "oblique"],
)
def test_slices_of_any_direction_that_slide_both_ways_are_straightened(tmp_path, orientation):
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    step = 4.0 * np.cross(row, column) + 0.9 * row - 1.3 * column
    first = np.array(FIRST) + np.outer(np.arange(15), step)
    index = np.arange(SIZE) * PIXEL_MM
    plane = index[:, None, None] * column + index[None, :, None] * row
    ct_series(
        tmp_path,
        plane_hu(first[:, None, None, :] + plane),
        orientation=orientation,
        positions=first,
        spacing_mm=(3.0, PIXEL_MM, PIXEL_MM),
    )
    study, volume, off = compared(tmp_path, plane_hu)
    assert volume.grid.shape == (15, SIZE + 10, SIZE + 7)  # 14 x 1.3 and 14 x 0.9 mm, in pixels
    middle = off[:, 10:SIZE, 7:SIZE]
    assert np.abs(middle).max() <= 0.501
    (flag,) = [f for f in study.ct.flags if f.code == "GEO-018"]
    degrees = math.degrees(math.atan(math.hypot(0.9, 1.3) / 4))
    assert f"straightened by {degrees:.1f} degrees" in flag.sentence


def test_the_volume_of_a_ball_survives_the_straightening(tmp_path):
    centre, radius_mm = np.array([0.0, -4.0, 60.0]), 24.0

    def ball(points):
        return np.clip(60 * (radius_mm - np.linalg.norm(points - centre, axis=-1)), -900, 900)

    scan(tmp_path, 3.0 * np.arange(40), ball, degrees=20.0)
    _, volume, _ = compared(tmp_path, ball)
    found_ml = (volume.values > 0).sum() * volume.grid.voxel_ml
    truth_ml = 4 / 3 * math.pi * radius_mm**3 / 1000
    assert found_ml == pytest.approx(truth_ml, rel=0.02)
    index = np.argwhere(volume.values > 0)
    assert volume.grid.to_world(index).mean(axis=0) == pytest.approx(centre, abs=0.25)


def test_what_no_slice_shows_is_air_and_slices_that_are_there_are_kept(tmp_path):
    heights = np.delete(4.0 * np.arange(12), 5)
    scan(tmp_path, heights, plane_hu)
    _, volume, _ = compared(tmp_path, plane_hu)
    _, points = worlds(heights, tilt(0))
    there = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert np.array_equal(volume.values[there], np.rint(plane_hu(points)).astype(np.float32))
    assert np.array_equal(volume.values[5], (volume.values[4] + volume.values[6]) / 2)
    scan(tmp_path / "tilted", 4.0 * np.arange(12), plane_hu, degrees=15.0)
    study = open_study(tmp_path / "tilted", ct="1", overrides=ON_REQUEST)
    volume = study.ct.load()
    more = math.ceil(11 * 4.0 * math.sin(math.radians(15.0)) / PIXEL_MM)
    assert volume.grid.shape == (12, SIZE + more, SIZE)
    assert set(np.unique(volume.values[0, SIZE + 1 :])) <= {-1024.0} or set(
        np.unique(volume.values[0, : more - 1])
    ) <= {-1024.0}


@pytest.mark.parametrize(
    ("heights", "degrees", "code", "says"),
    [
        (4.0 * np.arange(15), 14.0, "GEO-006", ["tilted by 14.0 degrees"]),
        (UNEVEN, 0.0, "GEO-003", ["2.50 mm from 0.0 to 30.0 mm, 5.00 mm from 30.0 to 60.0 mm"]),
        (
            np.delete(4.0 * np.arange(15), 7),
            0.0,
            "GEO-004",
            ["1 slice is missing", "24.0 and 32.0"],
        ),
        (UNEVEN, 18.5, "GEO-003", ["unevenly spaced", "tilted by 18.5 degrees as well"]),
        (np.delete(4.0 * np.arange(15), 7), 10.0, "GEO-004", ["tilted by 10.0 degrees as well"]),
    ],
    ids=["tilt", "uneven", "missing", "uneven and tilt", "missing and tilt"],
)
def test_without_the_request_it_is_refused_and_the_request_is_named(
    tmp_path, heights, degrees, code, says
):
    scan(tmp_path, heights, plane_hu, degrees=degrees)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1")
    assert caught.value.code.id == code
    for part in says:
        assert part in caught.value.what
    assert "--regrid" in str(caught.value)


@pytest.mark.parametrize(
    ("heights", "code", "says"),
    [
        (np.delete(4.0 * np.arange(40), [3, 9, 15, 21]), "GEO-004", "4 slices are missing"),
        (np.delete(4.0 * np.arange(40), [9, 10]), "GEO-004", "2 slices are missing"),
        (np.delete(4.0 * np.arange(40), [9, 11]), "GEO-004", "2 slices are missing"),
        (
            np.concatenate([np.arange(0, 31, 3.0), [39.0, 42.5], np.arange(46, 60, 3.0)]),
            "GEO-003",
            "a gap of 9.00 mm is wider than --regrid bridges (6.60 mm)",
        ),
    ],
    ids=["four", "two in a row", "every other", "wide gap"],
)
@pytest.mark.parametrize("overrides", [{}, ON_REQUEST], ids=["as it is", "on request"])
def test_more_than_may_be_filled_is_refused_and_nothing_is_promised(
    tmp_path, overrides, *, heights, code, says
):
    scan(tmp_path, heights, plane_hu)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1", overrides=overrides)
    assert "with --regrid" not in caught.value.todo
    assert caught.value.code.id == code
    assert says in caught.value.what
    if code == "GEO-004":
        assert "more than --regrid fills in (at most 3, no two side by side)" in caught.value.what


@pytest.mark.parametrize(
    ("shift_mm", "n", "narrow", "wide"),
    [(2.0, 12, "2.00", "3.00"), (1.0, 12, "1.00", "4.00"), (2.0, 6, "2.00", "3.00")],
    ids=["two of five", "one of five", "one scan is shorter"],
)
@pytest.mark.parametrize("overrides", [{}, ON_REQUEST], ids=["as it is", "on request"])
def test_two_scans_woven_into_one_another_are_named_and_never_evened_out(
    tmp_path, overrides, *, shift_mm, n, narrow, wide
):
    heights = np.sort(np.concatenate([5.0 * np.arange(12), 5.0 * np.arange(n) + shift_mm]))
    scan(tmp_path, heights, plane_hu)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1", overrides=overrides)
    assert caught.value.code.id == "GEO-003"
    assert caught.value.what == (
        f'Slices of series 1 "portal venous" lie {narrow} and {wide} mm apart by turns, as where '
        "two scans of slices 5.00 mm apart came as one series; they cannot be told apart, and "
        "evening them out would mix them."
    )
    assert "--regrid" not in str(caught.value)


def test_two_slices_a_little_nearer_to_their_neighbours_are_not_two_scans(tmp_path):
    heights = 5.0 * np.arange(15)
    heights[[5, 6]] += 1.5
    scan(tmp_path, heights, plane_hu)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1")
    assert "unevenly spaced: 5.00 mm from 0.0 to 20.0 mm, 6.50 mm" in caught.value.what
    assert "--regrid" in str(caught.value)
    assert open_study(tmp_path, ct="1", overrides=ON_REQUEST).ct.grid.spacing_mm[0] == 5.0


def test_more_tilt_than_a_gantry_has_is_refused_and_nothing_is_promised(tmp_path):
    scan(tmp_path, 4.0 * np.arange(12), plane_hu, degrees=40.0)
    for overrides in ({}, ON_REQUEST):
        with pytest.raises(InputError) as caught:
            open_study(tmp_path, ct="1", overrides=overrides)
        assert caught.value.code.id == "GEO-006"
        assert "tilted by 40.0 degrees" in caught.value.what
        assert "more than --regrid straightens (35 degrees)" in caught.value.what


def test_a_straightened_volume_beyond_the_budget_is_refused_before_it_is_made(tmp_path):
    scan(tmp_path, 4.0 * np.arange(12), plane_hu, degrees=15.0)
    settings = Settings.load(limits__series_bytes_max=12 * SIZE * SIZE * 4)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1", overrides=ON_REQUEST, settings=settings)
    assert caught.value.code.id == "PIX-002"


def test_three_single_missing_slices_are_filled_and_said(tmp_path):
    scan(tmp_path, np.delete(4.0 * np.arange(30), [3, 9, 20]), plane_hu)
    study = open_study(tmp_path, ct="1", overrides=ON_REQUEST)
    assert study.ct.grid.shape[0] == 30
    (flag,) = [f for f in study.ct.flags if f.code == "GEO-018"]
    assert flag.sentence == (
        'Series 1 "portal venous" was filled where 3 slices are missing at your request '
        "(--regrid); numbers carry the interpolation."
    )


def test_a_regular_series_is_not_touched_by_the_request(tmp_path):
    scan(tmp_path, 3.0 * np.arange(15), plane_hu)
    study = open_study(tmp_path, ct="1", overrides=ON_REQUEST)
    assert not [f for f in study.ct.flags if f.code == "GEO-018"]
    assert [i.z_index for i in study.ct.instances] == list(range(15))


def test_no_file_is_a_slice_of_a_resampled_volume(tmp_path):
    scan(tmp_path, 3.0 * np.arange(15), plane_hu, degrees=12.0)
    study = open_study(tmp_path, ct="1", overrides=ON_REQUEST)
    assert {i.z_index for i in study.ct.instances} == {None}
    assert [i.instance_number for i in study.ct.instances] == list(range(1, 16))


def test_slices_that_wander_in_plane_are_refused_though_it_was_asked_for(tmp_path):
    beside = 3.0 * np.random.default_rng(5).standard_normal(15)
    scan(tmp_path, 3.0 * np.arange(15), plane_hu, beside=beside)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, ct="1", overrides=ON_REQUEST)
    assert caught.value.code.id == "GEO-003"
    assert "shift by up to" in caught.value.what


@pytest.mark.parametrize("kind", ["AXIAL", "MPR"])
def test_reformatted_pictures_that_make_no_volume_are_called_that(tmp_path, kind):
    image_type = ["DERIVED", "SECONDARY", kind]
    scan(tmp_path / "uneven", UNEVEN, plane_hu, common={"ImageType": image_type})
    with pytest.raises(InputError) as caught:
        open_study(tmp_path / "uneven", ct="1")
    assert caught.value.code.id == ("IDX-012" if kind == "MPR" else "GEO-003")
    assert "2.50 mm from 0.0 to 30.0 mm, 5.00 mm from 30.0 to 60.0 mm" in caught.value.what
    scan(tmp_path / "regular", 3.0 * np.arange(15), plane_hu, common={"ImageType": image_type})
    assert open_study(tmp_path / "regular").ct.grid.shape[0] == 15


def test_a_pet_is_never_resampled(tmp_path):
    turn = tilt(15.0)
    positions = [(-20.0, -16.0, 4.0 * k) for k in range(12)]
    pet_series(tmp_path, np.full((12, 16, 20), 900), orientation=turn, positions=positions)
    with pytest.raises(NothingUsable):
        open_study(tmp_path, overrides=ON_REQUEST)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, pet=["1"], overrides=ON_REQUEST)
    assert caught.value.code.id == "GEO-006"
    assert "tilted by 15.0 degrees" in caught.value.what
    assert "--regrid" not in str(caught.value)


@pytest.mark.parametrize(
    ("heights", "degrees", "code", "says"),
    [
        (np.delete(4.0 * np.arange(15), 7), 0.0, "GEO-004", "1 slice is missing in series 1"),
        (np.delete(4.0 * np.arange(15), 7), 12.0, "GEO-004", "1 slice is missing in series 1"),
        (UNEVEN, 0.0, "GEO-003", "2.50 mm from 0.0 to 30.0 mm, 5.00 mm from 30.0 to 60.0 mm"),
        (UNEVEN, 12.0, "GEO-003", "2.45 mm from"),
    ],
    ids=["missing", "missing and tilt", "uneven", "uneven and tilt"],
)
def test_a_pet_is_never_advised_to_be_made_regular(tmp_path, heights, degrees, *, code, says):
    pet_series(
        tmp_path,
        uptake((len(heights), 16, 20)),
        orientation=tilt(degrees),
        positions=[(-20.0, -16.0, z) for z in heights],
    )
    study = survey_study(tmp_path, overrides=ON_REQUEST)
    assert {item.code for item in study.set_aside} == {code}
    said = study.set_aside[0].sentence
    assert says in said
    assert "A PET is never" in said
    assert advice(code, said).endswith("with --pet.")
    with pytest.raises(InputError) as caught:
        open_study(tmp_path, pet=["1"], overrides=ON_REQUEST)
    assert "--regrid" not in str(caught.value)


def test_a_ct_with_a_single_missing_slice_is_advised_to_be_filled_in(tmp_path):
    scan(tmp_path, np.delete(4.0 * np.arange(15), 7), plane_hu)
    (said,) = {item.sentence for item in survey_study(tmp_path).set_aside}
    assert "1 slice is missing" in said
    assert advice("GEO-004", said) == "Or have single missing slices filled in with --regrid."


def test_an_opener_that_resamples_can_be_sent_to_another_process(tmp_path):
    scan(tmp_path, 3.0 * np.arange(12), plane_hu, degrees=12.0)
    ct = survey_study(tmp_path, overrides=ON_REQUEST).series[0]
    again = ForkingPickler.loads(ForkingPickler.dumps(ct.opener))()
    first = ct.load()
    assert np.array_equal(again.values, first.values)
    assert ct.load() is first
