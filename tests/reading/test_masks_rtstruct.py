"""Contours fill their slices by the even-odd rule, and no others; every row that can go wrong."""

import json

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.errors import MaskError
from netimg.geometry import Grid
from netimg.reading import open_study
from netimg.reading.masks import read_given, read_label_map, read_mask
from netimg.reading.masks.rtstruct import even_odd
from netimg.settings import Settings
from tests.make.dicom import uid
from tests.make.masks import GRID, OBLIQUE, SHAPE, block, rtstruct, square


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def boxes(*bounds, z=4):
    """True inside an odd number of squares of one slice."""
    voxels = np.zeros(SHAPE, bool)
    for a, b in bounds:
        voxels[z, a:b, a:b] ^= True
    return voxels


RINGS = [(5, 25), (10, 20), (13, 16)]


def rings(z=4):
    return [square(z, (a, a), (b, b)) for a, b in RINGS]


def test_contours_fill_their_slices_and_no_others(tmp_path):
    contours = [square(z, (8, 10), (20, 22)) for z in (3, 4, 6)]
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": contours})
    expected = block()
    expected[5] = False
    given_ = read_given(path, GRID, frame_of_reference_uid=uid("study", "frame"))
    assert np.array_equal(given_.mask.voxels, expected)
    (flag,) = given_.flags
    assert (flag.code, flag.value) == ("MSK-007", 1.0)
    assert "Liver skip slice 6 between their first and last one, at S 15.00 mm" in flag.sentence


def test_contours_on_every_slice_have_nothing_to_be_said_about_them(tmp_path):
    contours = [square(z, (8, 10), (20, 22)) for z in (3, 4, 5, 6)]
    given_ = read_given(rtstruct(tmp_path / "rs.dcm", {"Liver": contours}), GRID)
    assert np.array_equal(given_.mask.voxels, block())
    assert given_.flags == ()


def test_several_skipped_slices_are_counted(tmp_path):
    contours = [square(z, (8, 10), (20, 22)) for z in (2, 5, 9)]
    (flag,) = read_given(rtstruct(tmp_path / "rs.dcm", {"Liver": contours}), GRID).flags
    assert flag.value == 5.0
    assert "skip 5 slices" in flag.sentence
    assert "S 9.00 mm" in flag.sentence


def test_nested_contours_are_holes_and_islands(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": rings()})
    assert np.array_equal(read_mask(path, GRID).voxels, boxes(*RINGS))


def test_a_keyhole_is_a_hole(tmp_path):
    outer, inner, _ = rings()
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [keyhole]})
    assert np.array_equal(read_mask(path, GRID).voxels, boxes(*RINGS[:2]))


def test_xor_contours_follow_the_same_rule(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": rings()}, kind="CLOSEDPLANAR_XOR")
    assert np.array_equal(read_mask(path, GRID).voxels, boxes(*RINGS))


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1, 2)])
def test_the_direction_of_a_contour_means_nothing(tmp_path, which):
    contours = [c[::-1] if n in which else c for n, c in enumerate(rings())]
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": contours})
    assert np.array_equal(read_mask(path, GRID).voxels, boxes(*RINGS))


def test_two_islands_in_one_slice_are_both_filled(tmp_path):
    islands = [square(4, (a, a), (b, b)) for a, b in ((2, 6), (20, 30))]
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": islands})
    assert np.array_equal(read_mask(path, GRID).voxels, boxes((2, 6), (20, 30)))


def test_contours_on_an_oblique_series(tmp_path):
    contours = [square(z, (8, 10), (20, 22), grid=OBLIQUE) for z in (3, 4, 5, 6)]
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": contours})
    assert np.array_equal(read_mask(path, OBLIQUE).voxels, block())
    assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-008"


def test_contours_between_the_slices_are_refused_with_the_distance(tmp_path):
    near = rtstruct(tmp_path / "near.dcm", {"Liver": [square(4, (5, 5), (9, 9), off=0.29)]})
    assert int(read_mask(near, GRID).voxels.sum()) == 16
    far = [square(z, (5, 5), (9, 9), off=off) for z, off in ((4, 0.9), (5, 0.31), (6, 0.1))]
    error = refused(lambda: read_mask(rtstruct(tmp_path / "far.dcm", {"Liver": far}), GRID))
    assert error.code.id == "MSK-008"
    assert "2 contours lie between the slices, up to 0.90 mm" in error.what


@pytest.mark.parametrize(("tilt_deg", "fits"), [(0.4, True), (0.6, False)])
def test_a_contour_may_be_tilted_by_half_a_degree(tmp_path, tilt_deg, fits):
    points = square(4, (10, 10), (20, 20))
    points[:, 2] += (points[:, 0] - points[:, 0].mean()) * np.tan(np.radians(tilt_deg))
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [points]})
    if fits:
        assert int(read_mask(path, GRID).voxels.sum()) == 100
    else:
        assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-008"


def test_contours_of_less_than_three_points_are_refused_with_their_number(tmp_path):
    good = square(4, (5, 5), (9, 9))
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [good, good[:2], good[:1]]})
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-007"
    assert "2 contours are not closed or have less than three points" in error.what
    assert "Liver" in error.where
    fine = rtstruct(tmp_path / "fine.dcm", {"Liver": [good], "other": [good[:2]]})
    assert int(read_mask(fine, GRID, label="Liver").voxels.sum()) == 16


@pytest.mark.parametrize("text", ["1\\2\\3\\4", "1\\2\\x", "1\\2\\nan", "1\\2\\inf"])
def test_coordinates_that_are_no_points_are_refused(tmp_path, text):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))]})
    data = path.read_bytes()
    contour = pydicom.dcmread(path).ROIContourSequence[0].ContourSequence[0]
    raw = "\\".join(str(v) for v in contour.ContourData).encode()
    assert raw in data
    path.write_bytes(data.replace(raw, text.encode().ljust(len(raw))))
    assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-007"


@pytest.mark.parametrize(
    ("at", "said"), [("1e300", "1e+300"), ("-1e300", "1e+300"), ("10000.5", "1e+04")]
)
def test_a_point_beyond_every_body_is_refused_with_its_distance(tmp_path, at, said):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))]})
    assert int(read_mask(path, GRID).voxels.sum()) == 16
    dataset = pydicom.dcmread(path)
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = [at, *contour.ContourData[1:]]
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-007"
    assert f"a point {said} mm from the origin; no body reaches beyond 10000 mm" in error.what
    assert error.todo == "Mend the contours in the program that drew them."


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_points_and_open_contours_are_left_out_and_said(tmp_path, kind):
    good = square(4, (5, 5), (9, 9))
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [good, (good[:1], kind), (good, kind)]})
    given_ = read_given(path, GRID)
    assert int(given_.mask.voxels.sum()) == 16
    (flag,) = given_.flags
    assert (flag.code, flag.severity.value) == ("MSK-007", "info")
    assert "2 points or open contours of Liver" in flag.sentence
    nothing = rtstruct(tmp_path / "p.dcm", {"Liver": [good]}, kind=kind)
    assert refused(lambda: read_mask(nothing, GRID)).code.id == "MSK-004"


def test_a_region_of_another_coordinate_system_is_refused(tmp_path):
    good = rtstruct(tmp_path / "good.dcm", {"Liver": [square(4, (5, 5), (9, 9))]}, frame="other")
    error = refused(lambda: read_mask(good, GRID, frame_of_reference_uid=uid("study", "frame")))
    assert error.code.id == "MSK-002"
    assert uid("study", "other") in error.what
    mixed = rtstruct(
        tmp_path / "mixed.dcm",
        {"Liver": [square(4, (5, 5), (9, 9))], "mass": [square(4, (5, 5), (7, 7))]},
    )
    dataset = pydicom.dcmread(mixed)
    dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = uid("study", "other")
    dataset.save_as(mixed)
    here = {"frame_of_reference_uid": uid("study", "frame")}
    assert int(read_mask(mixed, GRID, **here).voxels.sum()) == 16
    error = refused(lambda: read_mask(mixed, GRID, want="lesion", **here))
    assert error.code.id == "MSK-002"


@pytest.mark.parametrize(
    ("keyword", "code_id"),
    [("ROIContourSequence", "MSK-003"), ("ContourSequence", "MSK-004"), ("ContourData", "MSK-007")],
)
def test_what_a_structure_set_must_have_is_missed_by_name(tmp_path, keyword, code_id):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))]})
    dataset = pydicom.dcmread(path)
    entry = dataset.ROIContourSequence[0]
    holders = {"ROIContourSequence": dataset, "ContourSequence": entry}
    delattr(holders.get(keyword, entry.ContourSequence[0]), keyword)
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == code_id


def test_a_region_without_a_name_is_taken_by_number(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))], "x": []})
    dataset = pydicom.dcmread(path)
    del dataset.StructureSetROISequence
    dataset.save_as(path)
    assert int(read_mask(path, GRID, label="1").voxels.sum()) == 16


def test_a_region_without_a_frame_lies_in_that_of_its_file(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))]}, series="1.2.3")
    dataset = pydicom.dcmread(path)
    del dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID
    here = uid("study", "frame")
    dataset.save_as(path)
    assert int(read_mask(path, GRID, frame_of_reference_uid=here).voxels.sum()) == 16
    dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "1.2.4"
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID, frame_of_reference_uid=here))
    assert (error.code.id, "(1.2.4)" in error.what) == ("MSK-002", True)


def test_a_region_that_names_a_series_that_is_not_here_is_doubted(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))]}, series="1.2.3")
    assert read_given(path, GRID, series_uids={"1.2.3"}).flags == ()
    (flag,) = read_given(path, GRID, series_uids={"1.2.4"}).flags
    assert flag.code == "MSK-012"


def test_what_reaches_over_the_series_is_said_and_all_of_it_is_refused(tmp_path):
    inside, below = square(0, (5, 5), (9, 9)), square(-1, (5, 5), (9, 9))
    beside = square(0, (5, 36), (9, 44))
    path = rtstruct(tmp_path / "rs.dcm", {"mass": [inside, below, beside]})
    given_ = read_given(path, GRID, want="lesion")
    assert int(given_.mask.voxels.sum()) == 32
    (flag,) = given_.flags
    assert (flag.code, flag.value) == ("MSK-001", pytest.approx(32 * GRID.voxel_ml))
    for contours in ([below], [np.add(beside, (16.0, 0, 0))], [np.add(inside, (9e3, 0, 0))]):
        path = rtstruct(tmp_path / "rs.dcm", {"mass": contours})
        error = refused(lambda path=path: read_mask(path, GRID, want="lesion"))
        assert (error.code.id, "are outside" in error.what) == ("MSK-001", True)


def test_lesions_are_told_from_the_liver_by_words_and_by_the_type_of_a_region(tmp_path):
    path = rtstruct(
        tmp_path / "rs.dcm",
        {
            "Liver": [square(z, (2, 2), (28, 28)) for z in (3, 4)],
            "lesion1 liver R lobe": [square(3, (5, 5), (9, 9))],
            "Metastasis 2": [square(4, (12, 12), (15, 15))],
            "T3": [square(4, (20, 20), (22, 22))],
            "Skin": [square(4, (0, 0), (30, 30))],
        },
        kinds={"T3": "GTV", "Liver": "ORGAN", "Skin": "EXTERNAL"},
    )
    assert int(read_mask(path, GRID).voxels.sum()) == 2 * 26 * 26
    lesions = read_mask(path, GRID, want="lesion")
    assert dict(lesions.names) == {1: "lesion1 liver R lobe", 2: "Metastasis 2", 3: "T3"}
    assert [int((lesions.labels == n).sum()) for n in (1, 2, 3)] == [16, 9, 4]


def test_the_liver_less_its_lesions_is_no_lesion_and_no_liver(tmp_path):
    whole, part, spot = (square(3, (4, 4), (n, n)) for n in (20, 8, 6))
    regions = {"Liver": [whole], "Liver-GTV": [whole, part], "GTV": [spot]}
    path = rtstruct(tmp_path / "rs.dcm", regions)
    assert int(read_mask(path, GRID, want="lesion").voxels.sum()) == 4
    assert int(read_mask(path, GRID).voxels.sum()) == 256
    alone = rtstruct(tmp_path / "alone.dcm", {"Liver-GTV": [whole, part]})
    for want in ("liver", "lesion"):
        error = refused(lambda want=want: read_mask(alone, GRID, want=want))
        assert error.code.id == "MSK-003"
        assert f"no {want} in the mask file; present: 1 Liver-GTV" in error.what


def test_two_lesions_that_overlap_are_refused_with_the_volume(tmp_path):
    both = {"lesion a": [square(4, (5, 5), (9, 9))], "lesion b": [square(4, (8, 8), (12, 12))]}
    error = refused(lambda: read_mask(rtstruct(tmp_path / "rs.dcm", both), GRID, want="lesion"))
    assert error.code.id == "MSK-006"
    assert f"{GRID.voxel_ml:.2f} mL" in error.what
    one = read_mask(tmp_path / "rs.dcm", GRID, want="lesion", label="lesion b")
    assert int(one.voxels.sum()) == 16


def test_regions_named_like_segments_are_a_label_map(tmp_path):
    regions = {"Segment II": [square(4, (5, 5), (9, 9))], "Milz": [square(4, (12, 12), (15, 15))]}
    coded = read_label_map(rtstruct(tmp_path / "rs.dcm", regions), GRID, "netimg")
    assert dict(coded.names) == {12: "segment II"}


def test_structure_sets_beyond_the_limits_are_not_read(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))] * 3})
    few = Settings.shipped().with_values({"limits.contour_points_max": 11}, layer="test")
    error = refused(lambda: read_mask(path, GRID, settings=few))
    assert (error.code.id, "12 points in 3 contours" in error.what) == ("MSK-015", True)
    dataset = pydicom.dcmread(path)
    dataset.ROIContourSequence = list(dataset.ROIContourSequence) * 1001
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, "1001 regions" in error.what) == ("MSK-015", True)


@given(st.lists(st.tuples(st.floats(-2, 14), st.floats(-2, 14)), min_size=3, max_size=9))
def test_even_odd_agrees_with_counting_crossings_one_by_one(points):
    polygon = np.array(points)
    got = even_odd([polygon], (12, 12))
    for y, x in ((0, 0), (3, 7), (5, 5), (8, 2), (11, 11)):
        crossings = 0
        for (y0, x0), (y1, x1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if (y0 < y) != (y1 < y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                crossings += 1
        assert got[y, x] == (crossings % 2 == 1)


def test_polygons_together_are_the_exclusive_or_of_each_also_where_they_are_many(monkeypatch):
    rng = np.random.default_rng(3)
    polygons = [rng.uniform(-3, 25, (rng.integers(3, 9), 2)) for _ in range(40)]
    each = np.zeros((20, 22), bool)
    for polygon in polygons:
        each ^= even_odd([polygon], each.shape)
    assert np.array_equal(even_odd(polygons, each.shape), each)
    monkeypatch.setattr("netimg.reading.masks.rtstruct._CROSSINGS", 7)
    assert np.array_equal(even_odd(polygons, each.shape), each)


@pytest.mark.parametrize("angles", [360, 60])
def test_a_circle_has_the_area_of_a_circle(tmp_path, angles):
    radius_mm = 14.0
    turn = np.linspace(0, 2 * np.pi, angles, endpoint=False)
    circle = np.stack([radius_mm * np.cos(turn), radius_mm * np.sin(turn), 0 * turn], axis=1)
    circle += GRID.to_world(np.array([[4.0, 15.3, 19.6]]))
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [circle]})
    found = int(read_mask(path, GRID).voxels.sum()) * 4.0
    truth = angles / 2 * radius_mm**2 * np.sin(2 * np.pi / angles)
    assert found == pytest.approx(truth, abs=2 * np.pi * radius_mm)  # half a pixel of rim


@pytest.mark.real_data
def test_the_contours_of_sts_001_are_the_published_mask(shared_data):
    folder = shared_data / "pet_ct" / "STS_001"
    rois = json.loads((folder / "expected.json").read_text("utf-8"))["rois"]
    pet = open_study(folder / "PET", pet=["1"]).pets[0]
    path = folder / "RTSTRUCT" / "gtv.dcm"
    for name, truth in rois.items():
        given_ = read_given(
            path, pet.grid, want="lesion", label=name, series_uids={pet.uid},
            frame_of_reference_uid=pet.frame_of_reference_uid,
        )  # fmt: skip
        inside = pet.load().values[given_.mask.voxels]
        assert inside.size == truth["voxels"]
        assert given_.mask.volume_ml == pytest.approx(truth["volume_ml"], abs=0.01)
        assert float(inside.max()) == pytest.approx(truth["suv_max"], rel=1e-4)
        assert float(inside.mean()) == pytest.approx(truth["suv_mean"], rel=1e-4)
        assert given_.flags == ()
    far = Grid(shape=pet.grid.shape, spacing_mm=pet.grid.spacing_mm,
               origin_lps_mm=tuple(np.add(pet.grid.origin_lps_mm, (0, 0, 1.0))))  # fmt: skip
    error = refused(lambda: read_mask(path, far, label="GTV_Mass"))
    assert error.code.id == "MSK-008"
    assert "32 contours lie between the slices" in error.what
