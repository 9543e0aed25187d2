"""DICOM segmentations land by position: binary, fractions, label maps, plain and packed."""

import copy
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from netimg.errors import InputError, MaskError
from netimg.geometry import Grid
from netimg.reading import open_study
from netimg.reading.masks import read_given, read_mask, read_mask_file
from netimg.settings import Settings
from netimg.volume import LabelMap
from tests.make import masks as make
from tests.make.codecs import ENCODERS
from tests.make.dicom import bend, ct_series
from tests.make.masks import GRID, SHAPE, TURNS, block

LIVER, MASS = "10200004", "4147007"
OTHER = block((8, 1, 1), (10, 4, 5))
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
PACKED = ("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90")


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def two(folder, **more):
    """A liver and, apart from it, a mass."""
    return make.seg(folder, {"organ": (block(), LIVER), "thing": (OTHER, MASS)}, **more)


def reframed(path, order):
    """Write the frames of a native 1-bit SEG in another order."""
    dataset = pydicom.dcmread(path)
    frames, planes = dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array
    dataset.PerFrameFunctionalGroupsSequence = [frames[i] for i in order]
    dataset.NumberOfFrames = len(order)
    bits = np.packbits(planes[list(order)].astype(np.uint8).ravel(), bitorder="little")
    dataset.PixelData = bits.tobytes() + b"\0" * (len(bits) % 2)
    dataset.save_as(path)


def moved(path, off_mm, target):
    """Move every plane of a SEG."""
    dataset = pydicom.dcmread(path)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        item = frame.PlanePositionSequence[0]
        place = np.array(item.ImagePositionPatient, float) + off_mm
        item.ImagePositionPatient = [f"{v:.6f}" for v in place]
    dataset.save_as(target)
    return target


def test_a_seg_of_another_program_lands_by_position_and_stays_sparse(tmp_path):
    path = two(tmp_path)
    assert len(pydicom.dcmread(path).PerFrameFunctionalGroupsSequence) == 6
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, OTHER)
    assert np.array_equal(read_mask(path, GRID, label="thing").voxels, OTHER)
    error = refused(lambda: read_mask(path, GRID, frame_of_reference_uid="1.2.3"))
    assert error.code.id == "MSK-002"


@pytest.mark.parametrize("order", [(2, 0, 3, 1), (3, 2, 1, 0)])
def test_the_order_of_frames_means_nothing(tmp_path, order):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    reframed(path, order)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("flips", [(), (0,), (1,), (0, 2)])
def test_frames_may_cut_the_series_in_any_direction(tmp_path, turn, flips):
    voxels = block()
    voxels[0, 1, 2] = voxels[11, 31, 0] = True
    array, affine = make.turned(voxels, GRID, turn, flips)
    dataset = pydicom.dcmread(make.seg(tmp_path, {"liver": (block(), LIVER)}))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    (shared,) = dataset.SharedFunctionalGroupsSequence
    shared.PixelMeasuresSequence[0].PixelSpacing = [f"{v:g}" for v in spacing[1:]]
    sides = (affine[:3, :3] / spacing)[:, [2, 1]].T.ravel()
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [f"{v:g}" for v in sides]
    frames = []
    for level in range(len(array)):
        frame = copy.deepcopy(dataset.PerFrameFunctionalGroupsSequence[0])
        place = affine[:3, 3] + level * affine[:3, 0]
        frame.PlanePositionSequence[0].ImagePositionPatient = [f"{v:g}" for v in place]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = array.shape
    bits = np.packbits(array.ravel(), bitorder="little")
    dataset.PixelData = bits.tobytes() + b"\0" * (len(bits) % 2)
    dataset.save_as(tmp_path / "turned.dcm")
    assert np.array_equal(read_mask(tmp_path / "turned.dcm", GRID).voxels, voxels)
    own = read_mask_file(tmp_path / "turned.dcm")
    assert own.grid.same_as(GRID, tol_mm=1e-6)
    assert np.array_equal(own.labels > 0, voxels)


def test_frames_that_are_not_there_are_empty(tmp_path):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    reframed(path, (0, 1, 3))
    kept = [frame.PlanePositionSequence[0].ImagePositionPatient[2] / 3
            for frame in pydicom.dcmread(path).PerFrameFunctionalGroupsSequence]  # fmt: skip
    expected = np.zeros(SHAPE, bool)
    for z in kept:
        expected[int(z)] = block()[int(z)]
    assert len(kept) == 3
    assert np.array_equal(read_mask(path, GRID).voxels, expected)


@pytest.mark.parametrize("syntax", [*NATIVE, *PACKED])
@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_packed_and_plain_fractions_and_label_maps_are_the_same_mask(tmp_path, kind, syntax):
    path = two(tmp_path, kind=kind, transfer_syntax_uid=syntax)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, OTHER)


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_binary_seg_in_either_native_syntax(tmp_path, syntax):
    path = two(tmp_path, transfer_syntax_uid=syntax)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_frames_in_a_codec_that_no_writer_of_segs_has_are_decoded_like_images(tmp_path):
    path = two(tmp_path, kind="LABELMAP")
    dataset = pydicom.dcmread(path)
    planes = dataset.pixel_array
    syntax, encode = ENCODERS["HTJ2K lossless"]
    dataset.PixelData = pydicom.encaps.encapsulate([encode(plane) for plane in planes])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_half_of_the_largest_fraction_is_the_border_and_is_said(tmp_path):
    steps = np.zeros((*SHAPE, 1))
    for at, value in enumerate((0.1, 0.49, 0.5, 1.0)):
        steps[4, 10, 10 + at] = value
    given = read_given(
        make.seg(
            tmp_path, {"liver": (block(), LIVER)}, pixels=steps, kind="FRACTIONAL",
            max_fractional_value=200, fractional_type="OCCUPANCY",
        ),
        GRID,
    )  # fmt: skip
    assert [tuple(at) for at in np.argwhere(given.mask.voxels)] == [(4, 10, 12), (4, 10, 13)]
    (flag,) = given.flags
    assert (flag.code, flag.value) == ("MSK-005", 0.5)
    assert "(occupancy); 0.5 of the largest value (100 of 200)" in flag.sentence
    assert "liver_volume_ml" in flag.touches
    bent = tmp_path / "seg.dcm"
    bend(bent, MaximumFractionalValue=None)
    error = refused(lambda: read_mask(bent, GRID))
    assert (error.code.id, "largest value" in error.what) == ("MSK-011", True)
    bend(bent, SegmentationType="FUZZY")
    error = refused(lambda: read_mask(bent, GRID))
    assert (error.code.id, "(FUZZY)" in error.what) == ("MSK-011", True)


def test_a_binary_mask_has_nothing_to_be_said_about_it(tmp_path):
    assert read_given(two(tmp_path), GRID).flags == ()


def test_a_label_map_with_a_palette_a_background_and_filling(tmp_path):
    import highdicom as hd

    palette = hd.PaletteColorLUTTransformation.from_colors(["black", "red", "green"])
    path = two(tmp_path, kind="LABELMAP", palette_color_lut_transformation=palette)
    dataset = pydicom.dcmread(path)
    assert dataset.PhotometricInterpretation == "PALETTE COLOR"
    assert [item.SegmentNumber for item in dataset.SegmentSequence] == [0, 1, 2]
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    error = refused(lambda: read_mask(path, GRID, label="Background"))
    assert (error.code.id, "1 organ, 2 thing" in error.what) == ("MSK-003", True)
    bend(path, PixelPaddingValue=2)
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    lesions = read_mask(path, GRID, want="lesion")
    assert lesions.is_empty


def test_a_label_map_of_sixteen_bits(tmp_path):
    path = two(tmp_path, kind="LABELMAP")
    dataset = pydicom.dcmread(path)
    words = dataset.pixel_array.astype("<u2")
    words[words == 2] = 700
    dataset.SegmentSequence[-1].SegmentNumber = 700
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelData = words.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path)
    assert np.array_equal(read_mask(path, GRID, label="700").voxels, OTHER)
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, OTHER)


def test_a_binary_seg_of_whole_bytes(tmp_path):
    path = two(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = dataset.pixel_array.astype(np.uint8).tobytes()
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.save_as(path)
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, OTHER)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_a_seg_in_big_endian_order(tmp_path, kind, vr):
    dataset = pydicom.dcmread(two(tmp_path, kind=kind))
    data = np.frombuffer(dataset.PixelData, np.uint16)
    dataset.PixelData = (data.byteswap() if vr == "OW" else data).tobytes()
    dataset["PixelData"].VR = vr
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.2"
    path = tmp_path / "big.dcm"
    dataset.walk(lambda *_: None)  # values that are not yet read would be written as they lie
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, OTHER)


@pytest.mark.external
@pytest.mark.parametrize("options", [(), ("--segmentationType", "labelmap"),
                                     ("--compress", "deflate")], ids=" ".join)  # fmt: skip
def test_a_seg_that_dcmqi_wrote(tmp_path, options):
    ct = ct_series(tmp_path / "ct")[0].parent
    segments = {"Liver": (block(), LIVER), "thing": (OTHER, MASS)}
    path = make.dcmqi_seg(tmp_path, segments, ct=ct, options=options)
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, OTHER)


def dcmqi_voxels(path, folder, number, grid, *, fractions=False):
    """Voxels of a segment as ``segimage2itkimage`` reads them, each put where it says it lies."""
    if not list(folder.glob("q-*.nii.gz")):
        program = Path(sys.executable).with_name("segimage2itkimage")
        words = [program, "--inputDICOM", path, "--outputDirectory", folder,
                 "--outputType", "nii", "--prefix", "q"]  # fmt: skip
        subprocess.run([str(w) for w in words], check=True, capture_output=True, timeout=120)
    voxels = np.zeros(grid.shape, bool)
    for file in sorted(folder.glob("q-*.nii.gz")):
        image = nib.load(file)
        values = np.asarray(image.dataobj)
        if fractions:  # a file each, with the fractions in it
            values = number * ((values > 127) & (file.name == f"q-{number}.nii.gz"))
        ras = nib.affines.apply_affine(image.affine, np.argwhere(values == number))
        at = np.rint(grid.to_index(ras * [-1, -1, 1])).astype(int)
        voxels[tuple(at.T)] = True
    return voxels


@pytest.mark.external
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_dcmqi_reads_the_same_voxels(tmp_path, kind):
    path = two(tmp_path, kind=kind)
    for number, expected in ((1, block()), (2, OTHER)):
        ours = read_mask(path, GRID, label=str(number)).voxels
        theirs = dcmqi_voxels(path, tmp_path, number, GRID, fractions=kind == "FRACTIONAL")
        assert np.array_equal(ours, expected)
        assert np.array_equal(ours, theirs)


def test_highdicom_reads_the_same_voxels(tmp_path):
    import highdicom as hd

    path = two(tmp_path)
    volume = hd.seg.segread(path).get_volume(segment_numbers=[1], combine_segments=True)
    index = np.argwhere(volume.array == 1)
    at = np.rint(GRID.to_index(volume.map_indices_to_reference(index))).astype(int)
    theirs = np.zeros(SHAPE, bool)
    theirs[tuple(at.T)] = True
    assert np.array_equal(read_mask(path, GRID).voxels, theirs)


@pytest.mark.parametrize(
    ("off_mm", "fits", "words"),
    [
        ((0.0, 0.0, 0.05), True, ""),
        ((0.04, -0.04, 0.09), True, ""),
        ((0.0, 0.0, 1.5), False, "off by 1.50 mm (0.50 voxels)"),
        ((0.6, 0.0, 0.0), False, "off by 0.60 mm (0.30 voxels)"),
        ((0.0, 0.0, -0.4), False, "off by 0.40 mm (0.13 voxels)"),
    ],
)
def test_planes_a_few_hundredths_off_are_accepted_and_more_is_refused(
    tmp_path, off_mm, fits, words
):
    path = moved(make.seg(tmp_path, {"liver": (block(), LIVER)}), off_mm, tmp_path / "moved.dcm")
    if fits:
        assert np.array_equal(read_mask(path, GRID).voxels, block())
        return
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-001"
    assert words in error.what


def test_a_cropped_seg_is_accepted_and_one_of_other_pixels_is_refused_with_both_sizes(tmp_path):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    dataset = pydicom.dcmread(path)
    cropped = dataset.pixel_array[:, 6:24, 8:31]
    bits = np.packbits(cropped.astype(np.uint8).ravel(), bitorder="little")
    dataset.Rows, dataset.Columns = cropped.shape[1:]
    dataset.PixelData = bits.tobytes() + b"\0" * (len(bits) % 2)
    dataset.save_as(tmp_path / "cropped.dcm")
    moved(tmp_path / "cropped.dcm", (16.0, 12.0, 0.0), tmp_path / "there.dcm")
    assert np.array_equal(read_mask(tmp_path / "there.dcm", GRID).voxels, block())
    fine = Grid(shape=(12, 64, 80), spacing_mm=(3.0, 1.0, 1.0), origin_lps_mm=(-20.5, -16.5, 0.0))
    error = refused(lambda: read_mask(path, fine))
    assert error.code.id == "MSK-014"
    assert "4x32x40 voxels, the series 12x64x80" in error.what


def test_a_seg_on_an_oblique_series_lands_too(tmp_path):
    c, s = np.cos(0.3), np.sin(0.3)
    paths = ct_series(tmp_path / "ct", orientation=(c, s, 0, -s * c, c * c, s))
    series = open_study(tmp_path / "ct").series[0]
    images = make.source_images(paths)
    path = make.seg(tmp_path, {"liver": (block(), LIVER)}, images=images)
    there = read_mask(path, series.grid).voxels
    assert int(there.sum()) == int(block().sum())
    assert np.array_equal(there, block())
    assert refused(lambda: read_mask(path, GRID)).code.id == "MSK-001"


def test_a_seg_on_a_multi_frame_source_lands_like_one_on_its_slices(tmp_path):
    import highdicom as hd

    images = make.source_images(ct_series(tmp_path / "ct"))
    for image in images:
        image.PatientName = "Phantom^One"
    legacy = hd.legacy.LegacyConvertedEnhancedCTImage(
        images, series_instance_uid="1.2.3", series_number=1, sop_instance_uid="1.2.4",
        instance_number=1,
    )  # fmt: skip
    heights = [frame.PlanePositionSequence[0].ImagePositionPatient[2] / 3
               for frame in legacy.PerFrameFunctionalGroupsSequence]  # fmt: skip
    by_frame = block()[[int(z) for z in heights]]
    path = make.seg(tmp_path, {"liver": (by_frame, LIVER)}, images=[legacy])
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    (tmp_path / "one").mkdir()
    legacy.save_as(tmp_path / "one" / "ct.dcm")
    series = open_study(tmp_path / "one").ct
    assert np.array_equal(
        read_mask(path, series.grid, frame_of_reference_uid=series.frame_of_reference_uid).voxels,
        block(),
    )


def test_what_lies_outside_the_series_is_said_and_all_of_it_is_refused(tmp_path):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    short = GRID.crop((4, 0, 0), (12, 32, 40))
    given = read_given(path, short)
    assert np.array_equal(given.mask.voxels, block()[4:])
    (flag,) = given.flags
    lost_ml = 12 * 12 * GRID.voxel_ml
    assert (flag.code, flag.value) == ("MSK-001", pytest.approx(lost_ml))
    assert f"{lost_ml:.2f} mL of the mask lie outside" in flag.sentence
    for want in ("liver", "lesion"):
        error = refused(
            lambda want=want: read_mask(
                path, GRID.crop((8, 0, 0), (12, 32, 40)), want=want, label="1"
            )
        )
        assert error.code.id == "MSK-001"
        assert f"all its {block().sum() * GRID.voxel_ml:.2f} mL are outside" in error.what


def test_segments_that_overlap_are_read_apart_and_only_lesions_may_not_share_voxels(tmp_path):
    inner = block((4, 10, 12), (6, 14, 16))
    path = make.seg(tmp_path, {"liver": (block(), LIVER), "mets": (inner, MASS)})
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, inner)
    path = make.seg(tmp_path, {"a": (block(), MASS), "b": (inner, MASS)})
    error = refused(lambda: read_mask(path, GRID, want="lesion"))
    assert error.code.id == "MSK-006"
    assert f"{inner.sum() * GRID.voxel_ml:.2f} mL" in error.what
    path = make.seg(tmp_path, {"a": (block(), MASS), "b": (OTHER, MASS)})
    assert dict(read_mask(path, GRID, want="lesion").names) == {1: "a", 2: "b"}


def test_tracking_uids_come_with_the_lesions(tmp_path):
    path = make.seg(tmp_path, {"a": (block(), MASS, "1.2.3.4"), "b": (OTHER, MASS, "1.2.3.5")})
    assert dict(read_mask(path, GRID, want="lesion").tracking_uids) == {1: "1.2.3.4", 2: "1.2.3.5"}
    one = read_mask(path, GRID, want="lesion", label="b")
    assert dict(one.tracking_uids) == {1: "1.2.3.5"}
    assert np.array_equal(one.labels == 1, OTHER)


@pytest.mark.parametrize("text", ["", "no uid", "1.2.03", "1." * 40 + "1", "1..2"])
def test_a_tracking_uid_that_is_none_is_no_identity(tmp_path, text):
    path = make.seg(tmp_path, {"a": (block(), MASS, "1.2.3.4")})
    assert read_mask(path, GRID, want="lesion").tracking_uids == {1: "1.2.3.4"}
    dataset = pydicom.dcmread(path)
    element = dataset.SegmentSequence[0]["TrackingUID"]
    element._value = text  # as a file would hold it, unchecked
    dataset.save_as(path)
    assert not isinstance(read_mask(path, GRID, want="lesion"), LabelMap)


def test_a_mask_that_names_a_series_that_is_not_here_is_doubted(tmp_path):
    path = two(tmp_path)
    source = pydicom.dcmread(tmp_path / "ct" / "IM0001.dcm").SeriesInstanceUID
    assert read_given(path, GRID, series_uids=[source, "1.2"]).flags == ()
    (flag,) = read_given(path, GRID, series_uids=["1.2"]).flags
    assert flag.code == "MSK-012"
    assert flag.sentence == "The mask names a source series that is not here."


def test_a_frame_that_does_not_say_where_it_lies_is_refused_by_its_number(tmp_path):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, "frame 2" in error.where) == ("MSK-009", True)


FRAME, SHARED, FILE = "frame", "shared", "file"


@pytest.mark.parametrize(
    ("place", "keyword", "code_id"),
    [
        (FILE, "SegmentationType", "MSK-011"),
        (FILE, "SegmentSequence", "MSK-003"),
        (FILE, "PerFrameFunctionalGroupsSequence", "MSK-009"),
        (FILE, "NumberOfFrames", "PIX-014"),
        (FILE, "Rows", "MSK-015"),
        (FILE, "Columns", "MSK-015"),
        (FILE, "BitsAllocated", "PIX-009"),
        (FILE, "PixelData", "IDX-022"),
        (FILE, "SOPClassUID", "IDX-010"),
        (FRAME, "PlanePositionSequence", "MSK-009"),
        (FRAME, "SegmentIdentificationSequence", "MSK-009"),
        (SHARED, "PlaneOrientationSequence", "MSK-009"),
        (SHARED, "PixelMeasuresSequence", "MSK-009"),
    ],
)
@pytest.mark.parametrize("want", ["liver", "lesion"])
def test_what_a_seg_must_have_is_missed_by_name(tmp_path, place, keyword, code_id, want):
    path = two(tmp_path)
    assert not read_mask(path, GRID, want=want).voxels.all()
    dataset = pydicom.dcmread(path)
    holder = {
        FILE: dataset,
        FRAME: dataset.PerFrameFunctionalGroupsSequence[2],
        SHARED: dataset.SharedFunctionalGroupsSequence[0],
    }[place]
    delattr(holder, keyword)
    pydicom.dcmwrite(path, dataset, enforce_file_format=False)
    error = refused(lambda: read_mask(path, GRID, want=want), (MaskError, InputError))
    assert error.code.id == code_id


def test_a_seg_without_a_frame_of_reference_is_placed_by_its_positions(tmp_path):
    path = two(tmp_path)
    bend(path, FrameOfReferenceUID=None)
    assert np.array_equal(read_mask(path, GRID, frame_of_reference_uid="1.2.3").voxels, block())


@pytest.mark.parametrize(
    ("changes", "code_id", "words"),
    [
        ({"NumberOfFrames": 5}, "PIX-014", "5 frames and describes 4"),
        ({"Rows": 5000}, "MSK-015", "4 frames of 5000 x 40"),
        ({"Rows": 33}, "PIX-001", "has 640 bytes of pixels where 660 are needed"),
        ({"BitsAllocated": 16}, "PIX-009", "1 x 16 bits for BINARY"),
        ({"NumberOfFrames": 300000}, "MSK-015", "300000 frames"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(tmp_path, changes, code_id, words):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    bend(path, **changes)
    error = refused(lambda: read_mask(path, GRID), (MaskError, InputError))
    assert error.code.id == code_id
    assert words in error.what


@pytest.mark.parametrize(
    ("keyword", "values", "words"),
    [
        ("PixelSpacing", ["1e-300", "2"], "pixels of 1e-300 mm; 0.001 to 1000 mm are possible"),
        ("PixelSpacing", ["2", "1e300"], "pixels of 1e+300 mm; 0.001 to 1000 mm are possible"),
        ("ImagePositionPatient", ["0", "0", "1e300"], "lies 1e+300 mm from the origin"),
        ("ImagePositionPatient", ["-100000", "0", "0"], "lies 1e+05 mm from the origin"),
        ("ImageOrientationPatient", [*"100020"], "directions of length 1 and 2; 1 is right"),
        ("ImageOrientationPatient", ["1e300", *"00010"], "of length 1e+300 and 1; 1 is right"),
        ("ImageOrientationPatient", [*"100000"], "directions of length 1 and 0; 1 is right"),
        ("ImageOrientationPatient", ["1", "0", "0", "0.6", "0.8", "0"], "stand at 53.1 degrees"),
    ],
)
def test_places_that_no_scanner_can_have_are_refused(tmp_path, keyword, values, words):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    assert read_mask(path, GRID).voxels.sum() == block().sum()
    assert read_mask_file(path).labels.any()
    dataset = pydicom.dcmread(path)
    groups = (
        *dataset.SharedFunctionalGroupsSequence,
        dataset.PerFrameFunctionalGroupsSequence[0],
    )
    places = [
        group[name][0]
        for group in groups
        for name in ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence")
        if name in group and keyword in group[name][0]
    ]
    for place in places:
        setattr(place, keyword, values)
    assert places
    dataset.save_as(path)
    for call in (lambda: read_mask(path, GRID), lambda: read_mask_file(path)):
        error = refused(call)
        assert error.code.id == "MSK-009"
        assert words in error.what
        assert "frame 1" in error.where


def test_more_segments_than_the_limit_are_refused(tmp_path):
    path = make.seg(tmp_path, {"liver": (block(), LIVER)})
    dataset = pydicom.dcmread(path)
    dataset.SegmentSequence = list(dataset.SegmentSequence) * 1025
    dataset.save_as(path)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, "1025 segments" in error.what) == ("MSK-015", True)


def test_a_packed_seg_that_would_unpack_beyond_the_limit_is_not_decoded(tmp_path):
    path = two(tmp_path, kind="LABELMAP", transfer_syntax_uid=PACKED[0])
    few = Settings.shipped().with_values({"limits.series_bytes_max": 5000}, layer="test")
    error = refused(lambda: read_mask(path, GRID, settings=few))
    assert (error.code.id, "compressed frames of 32 x 40" in error.what) == ("MSK-015", True)
    bend(path, Rows=31)
    error = refused(lambda: read_mask(path, GRID), InputError)
    assert error.code.id in ("PIX-003", "PIX-004")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "voxels"),
    [("sparse-labelmap-noppv.dcm", 630), ("sparse-labelmap-ppv5.dcm", 630)],
)
def test_the_absent_slice_of_a_real_label_map_stays_empty(shared_data, file, voxels):
    path = shared_data / "dicom_hard_geometry" / "seg_labelmap_sparse" / file
    dataset = pydicom.dcmread(path)
    first = dataset.PerFrameFunctionalGroupsSequence[0]
    x, y, _ = map(float, first.PlanePositionSequence[0].ImagePositionPatient)
    (shared,) = dataset.SharedFunctionalGroupsSequence
    dy, dx = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    place = {"spacing_mm": (2.5, dy, dx), "origin_lps_mm": (x, y, -177.75)}
    mask = read_given(path, Grid(shape=(3, 38, 24), **place)).mask
    assert int(mask.voxels.sum()) == voxels
    assert [bool(plane.any()) for plane in mask.voxels] == [True, False, True]


@pytest.mark.real_data
def test_segments_of_a_real_file_that_partly_overlap_are_kept_apart(shared_data):
    root = shared_data / "dicom_hard_geometry"
    grid = open_study(root / "seg_liver_on_ct", ct="1").ct.grid
    path = root / "seg_partial_overlap" / "partial_overlaps.dcm"
    colours = {"GREEN": 9602, "ORANGE": 11888, "PURPLE": 10743, "LIGHT_BLUE": 6693,
               "DARK_BLUE": 4713}  # fmt: skip
    masks = {name: read_mask(path, grid, label=name).voxels for name in colours}
    assert {name: int(mask.sum()) for name, mask in masks.items()} == colours
    assert sum(int((a & b).sum()) > 0 for a in masks.values() for b in masks.values()) > 5


@pytest.mark.external
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "file", "segments"),
    [("seg_partial_overlap", "partial_overlaps.dcm", 5), ("seg_liver_on_ct", "liver.dcm", 1),
     ("seg_bit_packing_23x38", "label.seg", 1)],
)  # fmt: skip
def test_dcmqi_reads_the_same_voxels_of_real_files(shared_data, tmp_path, folder, file, segments):
    path = shared_data / "dicom_hard_geometry" / folder / file
    own = read_mask_file(path)
    for number in range(1, segments + 1):
        ours = read_mask(path, own.grid, want="any", label=str(number)).voxels
        assert ours.any()
        assert np.array_equal(ours, dcmqi_voxels(path, tmp_path, number, own.grid))


def test_a_mask_drawn_on_slices_of_which_one_is_missing_lands_on_the_filled_series(tmp_path):
    paths = ct_series(tmp_path / "ct")
    paths.pop(5).unlink()
    drawn = np.delete(block(), 5, axis=0)
    path = make.seg(tmp_path, {"liver": (drawn, LIVER)}, images=make.source_images(paths))
    ct = open_study(tmp_path / "ct", overrides={"regrid": True}).ct
    expected = block()
    expected[5] = False
    assert ct.grid.shape == SHAPE
    assert np.array_equal(read_mask(path, ct.grid).voxels, expected)


def test_a_mask_of_a_straightened_series_lands_and_one_of_its_tilted_slices_is_refused(tmp_path):
    step_mm = 0.8  # rows of 2 mm: the slices of the file lie between those of the grid
    places = np.array([[-20.0, -16.0 + step_mm * z, 3.0 * z] for z in range(12)])
    paths = ct_series(tmp_path / "ct", positions=places)
    ct = open_study(tmp_path / "ct", overrides={"regrid": True}).ct
    voxels = block(shape=ct.grid.shape)
    straight = make.nifti(tmp_path / "liver.nii", voxels, ct.grid)
    assert np.array_equal(read_mask(straight, ct.grid).voxels, voxels)
    images = make.source_images(paths)
    tilted = make.seg(tmp_path, {"liver": (block(), LIVER)}, images=images)
    error = refused(lambda: read_mask(tilted, ct.grid))
    assert error.code.id == "MSK-001"
    assert "off by 0.80 mm (0.40 voxels)" in error.what
