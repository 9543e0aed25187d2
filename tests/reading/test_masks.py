"""A person's masks land on the grid exactly, or are refused with the distance in mm."""

import warnings

import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from netimg.errors import InputError, MaskError, UsageError
from netimg.geometry import Grid
from netimg.reading.masks import read_label_map, read_mask, read_mask_file
from netimg.reading.masks.labels import Labels
from netimg.reading.masks.rtstruct import even_odd
from netimg.settings import Settings
from netimg.volume import LabelMap, Mask
from tests.make.dicom import bend, ct_series, uid, write

SHAPE = (12, 32, 40)
SPACING_MM = (3.0, 2.0, 2.0)
GRID = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(-20.0, -16.0, 0.0))
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def block(start=(3, 8, 10), stop=(7, 20, 22)):
    voxels = np.zeros(SHAPE, dtype=bool)
    voxels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return voxels


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def nifti(path, voxels, grid=GRID, *, turn=(2, 1, 0), flips=(), sform=1, qform=1, qshift=0.0):
    """Write an array of a grid as NIfTI, its axes in any order and direction."""
    affine = grid.affine_lps.copy()
    array = np.transpose(np.asarray(voxels), turn)
    affine = affine[:, [*turn, 3]]
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
        array = np.flip(array, axis)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    image = nib.Nifti1Image(np.ascontiguousarray(array), None)
    ras = RAS @ affine
    image.header.set_sform(ras, code=sform)
    moved = ras.copy()
    moved[0, 3] += qshift
    image.header.set_qform(moved, code=qform)
    nib.save(image, path)
    return path


# NIfTI


@pytest.mark.parametrize("turn", [(2, 1, 0), (0, 1, 2), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_a_nifti_in_any_orientation_lands_exactly(tmp_path, turn, flips):
    path = nifti(tmp_path / "liver.nii.gz", block(), turn=turn, flips=flips)
    mask = read_mask(path, GRID)
    assert isinstance(mask, Mask)
    assert np.array_equal(mask.voxels, block())


@pytest.mark.parametrize("sizes", [((2, 4, 6), (9, 28, 30)), ((0, 0, 0), (12, 32, 39))])
def test_a_cropped_nifti_on_the_same_lattice_is_accepted(tmp_path, sizes):
    start, stop = sizes
    part = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    path = nifti(tmp_path / "liver.nii", block()[part], GRID.crop(start, stop))
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_a_padded_nifti_on_the_same_lattice_is_accepted(tmp_path):
    big = Grid(shape=(16, 36, 44), spacing_mm=SPACING_MM, origin_lps_mm=(-24.0, -20.0, -6.0))
    path = nifti(tmp_path / "liver.nii", np.pad(block(), ((2, 2), (2, 2), (2, 2))), big)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_a_mask_that_is_off_is_refused_with_the_distance(tmp_path):
    for off_mm, fits in ((0.08, True), (0.14, False)):
        moved = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(-20.0 + off_mm, -16.0, 0.0))
        path = nifti(tmp_path / "liver.nii", block(), moved)
        if fits:
            assert np.array_equal(read_mask(path, GRID).voxels, block())
        else:
            error = refused(lambda path=path: read_mask(path, GRID))
            assert error.code.id == "MSK-001"
            assert "off by 0.14 mm (0.07 voxels)" in error.what


def test_a_mask_of_another_spacing_is_refused_with_both_sizes(tmp_path):
    fine = Grid(shape=(12, 64, 80), spacing_mm=(3.0, 1.0, 1.0), origin_lps_mm=(-20.0, -16.0, 0.0))
    path = nifti(tmp_path / "liver.nii", np.ones(fine.shape, bool), fine)
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-014"
    assert "12x32x40" in error.what
    assert "1.41 mm" in error.where


def test_a_turned_mask_is_refused(tmp_path):
    c, s = np.cos(0.05), np.sin(0.05)
    turned = Grid(
        shape=SHAPE,
        spacing_mm=SPACING_MM,
        origin_lps_mm=(-20.0, -16.0, 0.0),
        directions=((0, -s, c), (0, c, s), (1, 0, 0)),
    )
    path = nifti(tmp_path / "liver.nii", block(), turned)
    assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-001"


@pytest.mark.parametrize(
    ("forms", "code_id"),
    [
        ({"sform": 1, "qform": 1}, None),
        ({"sform": 0, "qform": 1}, None),
        ({"sform": 2, "qform": 0}, None),
        ({"sform": 1, "qform": 1, "qshift": 1.0}, "MSK-009"),
        ({"sform": 0, "qform": 0}, "MSK-009"),
    ],
)
def test_the_place_is_sform_then_qform_and_two_places_are_none(tmp_path, forms, code_id):
    path = nifti(tmp_path / "liver.nii", block(), flips=(0, 1), **forms)
    if code_id is None:
        assert np.array_equal(read_mask(path, GRID).voxels, block())
    else:
        assert refused(lambda: read_mask(path, GRID)).code.id == code_id


def test_fractions_negative_numbers_and_four_dimensions_are_refused(tmp_path):
    half = block().astype(np.float32) * 0.5
    error = refused(lambda: read_mask(nifti(tmp_path / "half.nii", half), GRID))
    assert (error.code.id, "such as 0.5" in error.what) == ("MSK-011", True)
    negative = -block().astype(np.int16)
    error = refused(lambda: read_mask(nifti(tmp_path / "minus.nii", negative), GRID))
    assert (error.code.id, "such as -1" in error.what) == ("MSK-011", True)
    image = nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.uint8), np.eye(4))
    nib.save(image, tmp_path / "four.nii")
    error = refused(lambda: read_mask(tmp_path / "four.nii", GRID))
    assert (error.code.id, "4 dimensions" in error.what) == ("MSK-015", True)


def test_whole_numbers_stored_as_floats_are_labels(tmp_path):
    path = nifti(tmp_path / "liver.nii", block().astype(np.float64))
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_a_mask_beyond_the_limits_is_not_read(tmp_path):
    path = nifti(tmp_path / "liver.nii", block())
    few = Settings.shipped().with_values({"limits.mask_voxels_max": 1000}, layer="test")
    error = refused(lambda: read_mask(path, GRID, settings=few))
    assert (error.code.id, "40x32x12 voxels" in error.what) == ("MSK-015", True)


def test_a_broken_nifti_and_a_text_file_are_refused(tmp_path):
    path = nifti(tmp_path / "liver.nii.gz", block())
    path.write_bytes(path.read_bytes()[:-40])
    assert refused(lambda: read_mask(path, GRID), InputError).code.id == "IDX-003"
    (tmp_path / "letter.txt").write_text("no mask " * 40)
    error = refused(lambda: read_mask(tmp_path / "letter.txt", GRID), InputError)
    assert (error.code.id, error.what) == (
        "IDX-004",
        "letter.txt is no mask: it is neither NIfTI nor NRRD nor DICOM.",
    )
    error = refused(lambda: read_mask_file(tmp_path / "letter.txt"), InputError)
    assert (error.code.id, error.what) == ("IDX-010", "letter.txt is no NIfTI or NRRD mask.")


@pytest.mark.parametrize(
    "call",
    [
        lambda path: read_mask(path, GRID),
        lambda path: read_label_map(path, GRID, "netimg"),
        read_mask_file,
    ],
)
def test_a_mask_file_that_is_not_there_and_a_folder_have_their_own_words(tmp_path, call):
    error = refused(lambda: call(tmp_path / "gone.nii"), InputError)
    assert (error.code.id, error.what) == ("IDX-002", "The mask file gone.nii does not exist.")
    error = refused(lambda: call(tmp_path), InputError)
    assert (error.code.id, error.what) == ("IDX-002", f"{tmp_path.name} is no mask file.")


def test_an_empty_liver_is_refused_and_empty_lesions_are_none(tmp_path):
    path = nifti(tmp_path / "empty.nii", np.zeros(SHAPE, bool))
    assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-004"
    lesions = read_mask(path, GRID, want="lesion")
    assert isinstance(lesions, Mask)
    assert lesions.is_empty


def test_several_labels_are_several_lesions_and_one_label_is_taken_by_number(tmp_path):
    labels = block().astype(np.uint8) * 2
    labels[1, 1, 1] = 7
    path = nifti(tmp_path / "lesions.nii", labels)
    lesions = read_mask(path, GRID, want="lesion")
    assert isinstance(lesions, LabelMap)
    assert dict(lesions.names) == {1: "2", 2: "7"}
    assert np.array_equal(lesions.labels == 1, block())
    one = read_mask(path, GRID, want="lesion", label="7")
    assert int(one.voxels.sum()) == 1
    error = refused(lambda: read_mask(path, GRID, label="5"))
    assert (error.code.id, "present: 2, 7" in error.what) == ("MSK-003", True)


def test_a_liver_among_several_labels_without_names_must_be_named(tmp_path):
    labels = block().astype(np.uint8) * 2
    labels[1, 1, 1] = 7
    path = nifti(tmp_path / "labels.nii", labels)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, error.exit_code) == ("MSK-003", 3)
    assert "several labels without names (2, 7)" in error.what
    assert "FILE:LABEL" in error.todo
    assert error.todo.startswith("Give the whole file with --mask FILE --label-map")
    assert np.array_equal(read_mask(path, GRID, label="2").voxels, block())
    alone = nifti(tmp_path / "alone.nii", block().astype(np.uint8) * 9)
    assert np.array_equal(read_mask(alone, GRID).voxels, block())


def test_a_mask_file_on_its_own_grid_is_turned_to_z_y_x(tmp_path):
    path = nifti(tmp_path / "liver.nii", block(), turn=(1, 0, 2), flips=(0, 2))
    own = read_mask_file(path)
    assert own.grid.same_as(GRID, tol_mm=1e-4)
    assert np.array_equal(own.labels > 0, block())


@given(
    shift=st.tuples(*[st.integers(-4, 4)] * 3),
    flip=st.integers(0, 7),
    turn=st.permutations(range(3)),
)
def test_placing_is_the_same_as_asking_each_voxel_where_it_lies(shift, flip, turn):
    rng = np.random.default_rng(5)
    small = Grid(shape=(5, 6, 7), spacing_mm=SPACING_MM, origin_lps_mm=(3.0, 4.0, 5.0))
    values = rng.integers(0, 9, size=(4, 5, 3))
    affine = np.eye(4)
    affine[:3, 3] = small.to_world(np.array([shift], float))[0]
    for axis, target in enumerate(turn):
        column = small.affine_lps[:3, target] * (-1 if flip >> axis & 1 else 1)
        affine[:3, axis] = column
    put = Labels("x", (values.astype(np.uint16),), affine).on(small)
    expected = np.zeros(small.shape, np.uint16)
    for index in np.ndindex(values.shape):
        world = affine[:3, :3] @ index + affine[:3, 3]
        at = np.rint(small.to_index(world[None])[0]).astype(int)
        if (at >= 0).all() and (at < small.shape).all():
            expected[tuple(at)] = values[index]
    assert np.array_equal(put, expected)


# label maps


def test_totalsegmentator_labels_become_our_codes(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5], labels[6:8], labels[9:10] = 5, 1, 100
    path = nifti(tmp_path / "all.nii", labels)
    coded = read_label_map(path, GRID, "totalsegmentator-v2")
    assert dict(coded.names) == {1: "liver", 31: "spleen"}
    assert np.array_equal(coded.labels == 1, labels == 5)
    assert coded.present() == (1, 31)


def test_a_legend_of_ones_own_names_codes_or_structures(tmp_path):
    path = nifti(tmp_path / "all.nii", block().astype(np.uint8) * 4)
    legend = tmp_path / "mine.toml"
    legend.write_text('4 = "segment IV"\n')
    assert read_label_map(path, GRID, str(legend)).present() == (14,)
    for text in ('4 = "thigh"', "4 = 999", "= 3"):
        legend.write_text(text)
        assert refused(lambda: read_label_map(path, GRID, str(legend)), UsageError)
    error = refused(lambda: read_label_map(path, GRID, "totalsegmentor"), UsageError)
    assert "totalsegmentator-v2" in error.todo
    error = refused(lambda: read_label_map(path, GRID, "netimg"))
    assert error.code.id == "MSK-004"


# RTSTRUCT


def rtstruct(path, regions, *, frame="frame", kind="CLOSED_PLANAR"):
    """Structure set of ``{name: [(n, 3) points, ...]}``."""
    named, drawn = [], []
    for number, (name, contours) in enumerate(regions.items(), start=1):
        item = Dataset()
        item.ROINumber, item.ROIName = str(number), name
        item.ReferencedFrameOfReferenceUID = uid("study", frame)
        named.append(item)
        roi = Dataset()
        roi.ReferencedROINumber = str(number)
        roi.ContourSequence = []
        for points in contours:
            contour = Dataset()
            contour.ContourGeometricType = kind
            contour.NumberOfContourPoints = str(len(points))
            contour.ContourData = [f"{v:.4f}" for v in np.ravel(points)]
            roi.ContourSequence.append(contour)
        drawn.append(roi)
    elements = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3",
        "SOPInstanceUID": uid("rtstruct"),
        "StudyInstanceUID": uid("study"),
        "SeriesInstanceUID": uid("rtstruct series"),
        "StructureSetROISequence": named,
        "ROIContourSequence": drawn,
    }
    return write(path, elements)


def square(z, low, high, off=0.0):
    """Corners between voxels: columns and rows low..high-1 are inside."""
    (y0, x0), (y1, x1) = np.subtract(low, 0.5), np.subtract(high, 0.5)
    index = np.array([[z, y0, x0], [z, y0, x1], [z, y1, x1], [z, y1, x0]])
    return GRID.to_world(index) + np.array([0.0, 0.0, off])


def test_contours_fill_their_slices_and_no_others(tmp_path):
    contours = [square(z, (8, 10), (20, 22)) for z in (3, 4, 6)]
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": contours})
    expected = block()
    expected[5] = False
    mask = read_mask(path, GRID, frame_of_reference_uid=uid("study", "frame"))
    assert np.array_equal(mask.voxels, expected)


def test_holes_keyholes_and_nested_contours_follow_even_odd(tmp_path):
    rings = [square(4, (a, a), (b, b)) for a, b in ((5, 25), (10, 20), (13, 16))]
    voxels = read_mask(rtstruct(tmp_path / "rs.dcm", {"Liver": rings}), GRID).voxels[4]
    expected = np.zeros(SHAPE[1:], bool)
    expected[5:25, 5:25] = True
    expected[10:20, 10:20] = False
    expected[13:16, 13:16] = True
    assert np.array_equal(voxels, expected)
    keyhole = np.concatenate([rings[0], rings[0][:1], rings[1], rings[1][:1]])
    voxels = read_mask(rtstruct(tmp_path / "key.dcm", {"Liver": [keyhole]}), GRID).voxels[4]
    expected[13:16, 13:16] = False
    assert np.array_equal(voxels, expected)


def test_contours_between_the_slices_are_refused_with_the_distance(tmp_path):
    near = rtstruct(tmp_path / "near.dcm", {"Liver": [square(4, (5, 5), (9, 9), off=0.29)]})
    assert int(read_mask(near, GRID).voxels.sum()) == 16
    far = rtstruct(tmp_path / "far.dcm", {"Liver": [square(4, (5, 5), (9, 9), off=0.9)]})
    error = refused(lambda: read_mask(far, GRID))
    assert error.code.id == "MSK-008"
    assert "1 contours lie between the slices, up to 0.90 mm" in error.what


def test_a_contour_of_two_points_and_other_coordinates_are_refused(tmp_path):
    path = rtstruct(tmp_path / "rs.dcm", {"Liver": [square(4, (5, 5), (9, 9))[:2]]})
    assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-007"
    good = rtstruct(tmp_path / "good.dcm", {"Liver": [square(4, (5, 5), (9, 9))]}, frame="other")
    error = refused(lambda: read_mask(good, GRID, frame_of_reference_uid=uid("study", "frame")))
    assert error.code.id == "MSK-002"
    assert uid("study", "other") in error.what


def test_points_are_ignored_and_lesions_are_told_from_the_liver_by_words(tmp_path):
    path = rtstruct(
        tmp_path / "rs.dcm",
        {
            "Liver": [square(z, (2, 2), (28, 28)) for z in (3, 4)],
            "lesion1 liver R lobe": [square(3, (5, 5), (9, 9))],
            "Metastasis 2": [square(4, (12, 12), (15, 15))],
        },
    )
    assert int(read_mask(path, GRID).voxels.sum()) == 2 * 26 * 26
    lesions = read_mask(path, GRID, want="lesion")
    assert dict(lesions.names) == {1: "lesion1 liver R lobe", 2: "Metastasis 2"}
    assert [int((lesions.labels == n).sum()) for n in (1, 2)] == [16, 9]
    points = rtstruct(tmp_path / "p.dcm", {"Liver": [square(4, (5, 5), (9, 9))]}, kind="POINT")
    assert refused(lambda: read_mask(points, GRID)).code.id in ("MSK-003", "MSK-004")


def test_two_lesions_that_overlap_are_refused_with_the_volume(tmp_path):
    both = {"lesion a": [square(4, (5, 5), (9, 9))], "lesion b": [square(4, (8, 8), (12, 12))]}
    error = refused(lambda: read_mask(rtstruct(tmp_path / "rs.dcm", both), GRID, want="lesion"))
    assert error.code.id == "MSK-006"
    assert "0.01 mL" in error.what
    one = read_mask(tmp_path / "rs.dcm", GRID, want="lesion", label="lesion b")
    assert int(one.voxels.sum()) == 16


@given(st.lists(st.tuples(st.floats(-2, 14), st.floats(-2, 14)), min_size=3, max_size=9))
def test_even_odd_agrees_with_counting_crossings_one_by_one(points):
    polygon = np.array(points)
    got = even_odd(polygon, (12, 12))
    for y, x in ((0, 0), (3, 7), (5, 5), (8, 2), (11, 11)):
        crossings = 0
        for (y0, x0), (y1, x1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if (y0 < y) != (y1 < y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                crossings += 1
        assert got[y, x] == (crossings % 2 == 1)


# SEG


def seg_by_highdicom(folder, segments, **more):
    """SEG of ``{name: (mask, type code)}``, written by highdicom on a CT of `GRID`."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    images = [pydicom.dcmread(p) for p in ct_series(folder / "ct")]
    for image in images:
        image.StudyID, image.AccessionNumber = "1", "1"
        image.ReferringPhysicianName, image.PatientBirthDate = "", ""
        image.PatientSex, image.Manufacturer = "M", "m"
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=hd.sr.CodedConcept(value, "SCT", meaning="structure"),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, (name, (_, value)) in enumerate(segments.items(), start=1)
    ]
    pixels = np.stack([mask for mask, _ in segments.values()], axis=-1).astype(np.uint8)
    options = {"segmentation_type": hd.seg.SegmentationTypeValues.BINARY} | more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seg = hd.seg.Segmentation(
            source_images=images,
            pixel_array=pixels,
            segment_descriptions=described,
            series_instance_uid=uid("seg series"),
            series_number=7,
            sop_instance_uid=uid("seg"),
            instance_number=1,
            manufacturer="netimg",
            manufacturer_model_name="test",
            software_versions="1",
            device_serial_number="1",
            **options,
        )
        seg.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


def test_a_seg_of_another_program_lands_by_position_and_stays_sparse(tmp_path):
    other = block((8, 1, 1), (10, 4, 5))
    path = seg_by_highdicom(tmp_path, {"organ": (block(), "10200004"), "thing": (other, "4147007")})
    assert len(pydicom.dcmread(path).PerFrameFunctionalGroupsSequence) == 6
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, other)
    assert np.array_equal(read_mask(path, GRID, label="thing").voxels, other)
    error = refused(lambda: read_mask(path, GRID, label="spleen"))
    assert (error.code.id, "1 organ, 2 thing" in error.what) == ("MSK-003", True)
    error = refused(lambda: read_mask(path, GRID, frame_of_reference_uid="1.2.3"))
    assert error.code.id == "MSK-002"


def test_the_order_of_frames_means_nothing(tmp_path):
    path = seg_by_highdicom(tmp_path, {"liver": (block(), "10200004")})
    dataset = pydicom.dcmread(path)
    frames = dataset.PerFrameFunctionalGroupsSequence
    planes = dataset.pixel_array
    order = [2, 0, 3, 1]
    dataset.PerFrameFunctionalGroupsSequence = [frames[i] for i in order]
    bits = np.packbits(planes[order].astype(np.uint8).ravel(), bitorder="little")
    dataset.PixelData = bits.tobytes() + b"\0" * (len(bits) % 2)
    dataset.save_as(path)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_planes_a_few_hundredths_off_are_accepted_and_more_is_refused(tmp_path):
    path = seg_by_highdicom(tmp_path, {"liver": (block(), "10200004")})
    for off_mm, code_id in ((0.05, None), (0.4, "MSK-001")):
        dataset = pydicom.dcmread(path)
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            item = frame.PlanePositionSequence[0]
            position = [float(v) for v in item.ImagePositionPatient]
            item.ImagePositionPatient = [*position[:2], position[2] + off_mm]
        dataset.save_as(tmp_path / "moved.dcm")
        if code_id is None:
            assert np.array_equal(read_mask(tmp_path / "moved.dcm", GRID).voxels, block())
        else:
            error = refused(lambda: read_mask(tmp_path / "moved.dcm", GRID))
            assert error.code.id == code_id
            assert "0.4" in error.what


def test_segments_of_a_seg_are_coded_by_their_names(tmp_path):
    left, right = block((3, 8, 10), (7, 20, 14)), block((3, 8, 14), (7, 20, 22))
    path = seg_by_highdicom(
        tmp_path,
        {
            "Liver": (block(), "10200004"),
            "Segment II": (left, "277956007"),
            "Segment VIII": (right, "277956007"),
            "something": (block((9, 1, 1), (10, 2, 2)), "277956007"),
        },
    )
    coded = read_label_map(path, GRID, "netimg")
    assert dict(coded.names) == {12: "segment II", 18: "segment VIII"}
    assert np.array_equal(coded.labels == 12, left | block((9, 1, 1), (10, 2, 2)))
    assert np.array_equal(coded.labels == 18, right)


def test_fractions_and_missing_places_are_refused(tmp_path):
    path = seg_by_highdicom(tmp_path, {"liver": (block(), "10200004")})
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, "frame 2" in error.where) == ("MSK-009", True)


def test_an_image_is_no_mask(tmp_path):
    (path, *_) = ct_series(tmp_path)
    error = refused(lambda: read_mask(path, GRID), InputError)
    assert error.code.id == "IDX-010"
    assert "a CT image" in error.what
