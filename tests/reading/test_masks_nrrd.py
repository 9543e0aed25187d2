"""NRRD masks, SimpleITK's, 3D Slicer's and some by hand, land where SimpleITK says they lie."""

import bz2
import gzip

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, TID253  # the usual short name; a second opinion

from netimg.errors import InputError, MaskError
from netimg.geometry import Grid
from netimg.reading.masks import read_label_map, read_mask, read_mask_file
from netimg.settings import Settings
from tests.make.masks import (
    GRID,
    OBLIQUE,
    SHAPE,
    SPACING_MM,
    TURNS,
    block,
    nrrd,
    nrrd_header,
    slicer,
)

MASS, LIVER = "4147007", "10200004"
SPACES = ("left-posterior-superior", "right-anterior-superior", "left-anterior-superior")


def refused(call, kind=MaskError):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def by_hand(path, voxels, *, body=None, **fields):
    """Write a file of our own making."""
    body = np.ascontiguousarray(voxels, dtype=np.uint8).tobytes() if body is None else body
    path.write_bytes((nrrd_header(**fields) + "\n").encode() + body)
    return path


def as_simpleitk_says(path, grid):
    """Voxels on a grid, each put where SimpleITK says that it lies."""
    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image)
    turn = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    index = np.argwhere(array)
    at = np.rint(grid.to_index(index[:, ::-1] @ turn.T + image.GetOrigin())).astype(int)
    placed = np.zeros(grid.shape, array.dtype)
    placed[tuple(at.T)] = array[tuple(index.T)]
    return placed


@pytest.mark.parametrize("grid", [GRID, OBLIQUE], ids=["axial", "oblique"])
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("flips", [(), (0,), (1, 2)])
def test_an_nrrd_in_any_orientation_lands_where_simpleitk_puts_it(tmp_path, grid, turn, flips):
    labels = block().astype(np.uint16) * 5
    labels[0, 1, 2] = 900
    if (sum(turn[a] > turn[b] for a in range(3) for b in range(a, 3)) + len(flips)) % 2 == 0:
        flips = (*{0, 1, 2} - set(flips),)  # SimpleITK takes right-handed axes only
    path = nrrd(tmp_path / "mask.nrrd", labels, grid, turn=turn, flips=flips)
    ours = read_mask(path, grid, label="5").voxels
    assert np.array_equal(ours, labels == 5)
    assert np.array_equal(read_label_map_numbers(path, grid), as_simpleitk_says(path, grid))


def read_label_map_numbers(path, grid):
    """All numbers of a file on a grid."""
    from netimg.reading.masks.nrrd import read_nrrd

    return read_nrrd(path, Settings.shipped()).on(grid)[0]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
def test_values_of_any_type_packed_or_not(tmp_path, kind, compressed):
    path = nrrd(tmp_path / "mask.nrrd", block().astype(kind), compressed=compressed)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize("space", [*SPACES, "LPS", "RAS", "LAS"])
def test_each_space_is_honoured(tmp_path, space):
    long = {"LPS": SPACES[0], "RAS": SPACES[1], "LAS": SPACES[2]}.get(space, space)
    head = nrrd_header(OBLIQUE, space=long).replace(f"space: {long}", f"space: {space}")
    path = tmp_path / "mask.nrrd"
    path.write_bytes((head + "\n").encode() + block().astype(np.uint8).tobytes())
    assert np.array_equal(read_mask(path, OBLIQUE).voxels, block())
    if space in SPACES:
        assert np.array_equal(as_simpleitk_says(path, OBLIQUE) > 0, block())


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("raw", bytes), ("gzip", gzip.compress), ("gz", gzip.compress), ("bzip2", bz2.compress),
     ("bz2", bz2.compress)],
)  # fmt: skip
def test_each_encoding_and_byte_order(tmp_path, encoding, pack):
    for endian, kind in (("little", "<u2"), ("big", ">u2")):
        body = pack(block().astype(kind).tobytes())
        fields = {"type": "ushort", "endian": endian, "encoding": encoding}
        path = by_hand(tmp_path / "mask.nrrd", block(), body=body, **fields)
        assert np.array_equal(read_mask(path, GRID).voxels, block())


def test_values_in_a_file_beside_the_header(tmp_path):
    nrrd(tmp_path / "mask.nhdr", block())
    assert len(list(tmp_path.iterdir())) == 2
    assert np.array_equal(read_mask(tmp_path / "mask.nhdr", GRID).voxels, block())
    (tmp_path / "sub").mkdir()
    body = b"one line\n" + b"xyz" + block().astype(np.uint8).tobytes()
    (tmp_path / "sub" / "values.raw").write_bytes(body)
    fields = {"data_file": "sub/values.raw", "line_skip": "1", "byte_skip": "3"}
    path = by_hand(tmp_path / "skip.nhdr", block(), body=b"", **fields)
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    fields = {"data_file": "./sub/values.raw", "byte_skip": "-1"}
    path = by_hand(tmp_path / "last.nhdr", block(), body=b"", **fields)
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize("name", ["../values.raw", "/etc/passwd", "sub/../../values.raw",
                                  "C:\\values.raw", "..\\values.raw", "link.raw",
                                  "pipe"])  # fmt: skip
def test_values_outside_the_folder_are_not_opened(tmp_path, name):
    import os

    (tmp_path / "values.raw").write_bytes(block().astype(np.uint8).tobytes())
    folder = tmp_path / "masks"
    (folder / "sub").mkdir(parents=True)
    (folder / "link.raw").symlink_to(tmp_path / "values.raw")
    os.mkfifo(folder / "pipe")
    path = by_hand(folder / "mask.nhdr", block(), body=b"", data_file=name)
    error = refused(lambda: read_mask(path, GRID), InputError)
    assert error.code.id == "IDX-006"
    assert name in error.what
    (folder / "good.raw").write_bytes((tmp_path / "values.raw").read_bytes())
    path = by_hand(folder / "mask.nhdr", block(), body=b"", data_file="good.raw")
    assert np.array_equal(read_mask(path, GRID).voxels, block())


@pytest.mark.parametrize(
    ("fields", "code_id", "words"),
    [
        ({"space": None}, "MSK-009", "does not say"),
        ({"space": "scanner-xyz"}, "MSK-009", "does not say"),
        ({"space_directions": None, "spacings": "2 2 3"}, "MSK-009", "does not say"),
        ({"space_origin": None}, "MSK-009", "does not say"),
        ({"space_origin": "(0,nan,0)"}, "MSK-009", "does not say"),
        ({"space_origin": "(0,x,0)"}, "MSK-009", "does not say"),
        ({"encoding": "hex"}, "IDX-003", "'hex'"),
        ({"type": "block"}, "IDX-003", "of type block"),
        ({"type": "short"}, "IDX-003", "byte order unknown"),
        ({"data_file": "LIST"}, "IDX-003", "several files"),
        ({"data_file": "s%03d.raw 1 12 1"}, "IDX-003", "several files"),
        ({"data_file": "gone.raw"}, "IDX-003", "No such file"),
        ({"sizes": "40 32"}, "MSK-015", "2 dimensions"),
        ({"sizes": "40 32 12 2"}, "MSK-015", "4 dimensions"),
        ({"sizes": "40 32 x"}, "IDX-003", "sizes is '40 32 x'"),
        ({"sizes": "40 32 -12"}, "MSK-015", "40x32x-12x1 voxels"),
        ({"sizes": "40000 32000 12000"}, "MSK-015", "40000x32000x12000x1 voxels"),
        ({"sizes": "1200 1200 1400"}, "IDX-003", "15360 bytes of values where 2016000000"),
        ({"byte_skip": "99999999999"}, "MSK-015", "byte skip 99999999999"),
        ({"line_skip": "99999999999"}, "MSK-015", "line skip 99999999999"),
        ({"encoding": "gzip"}, "IDX-003", ""),
        ({"encoding": "bzip2"}, "IDX-003", ""),
    ],
)  # fmt: skip
def test_headers_that_do_not_fit_are_refused(tmp_path, fields, code_id, words):
    text = nrrd_header()
    lines = dict(line.split(": ", 1) for line in text.splitlines()[2:])
    lines |= {name.replace("_", " "): value for name, value in fields.items()}
    head = "NRRD0004\n" + "".join(f"{k}: {v}\n" for k, v in lines.items() if v is not None)
    path = tmp_path / "mask.nrrd"
    path.write_bytes((head + "\n").encode() + block().astype(np.uint8).tobytes())
    error = refused(lambda: read_mask(path, GRID), (MaskError, InputError))
    assert error.code.id == code_id
    assert words in error.what
    plain = by_hand(tmp_path / "plain.nrrd", block())
    assert np.array_equal(read_mask(plain, GRID).voxels, block())


def test_more_than_the_header_says_is_not_unpacked(tmp_path):
    body = gzip.compress(block().astype(np.uint8).tobytes() + bytes(50_000_000))
    path = by_hand(tmp_path / "mask.nrrd", block(), body=body, encoding="gzip")
    error = refused(lambda: read_mask(path, GRID))
    assert error.code.id == "MSK-015"
    assert f"more than the {np.prod(SHAPE)} bytes" in error.what


def test_a_header_without_an_end_is_not_read_to_it(tmp_path):
    path = tmp_path / "mask.nrrd"
    path.write_bytes(b"NRRD0004\n" + b"a" * 200_000)
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, "a header of more than" in error.what) == ("MSK-015", True)


def test_fractions_in_an_nrrd_are_refused(tmp_path):
    path = nrrd(tmp_path / "mask.nrrd", block() * np.float32(0.4))
    error = refused(lambda: read_mask(path, GRID))
    assert (error.code.id, "such as 0.4" in error.what) == ("MSK-011", True)


def test_an_nrrd_off_the_grid_is_refused_with_the_distance(tmp_path):
    moved = Grid(shape=SHAPE, spacing_mm=SPACING_MM, origin_lps_mm=(-19.0, -16.0, 0.0))
    error = refused(lambda: read_mask(nrrd(tmp_path / "mask.nrrd", block(), moved), GRID))
    assert error.code.id == "MSK-001"
    assert "off by 1.00 mm (0.50 voxels)" in error.what


def test_segments_of_slicer_have_names_codes_and_layers(tmp_path):
    inner = block((4, 10, 12), (6, 14, 16))
    other = block((8, 1, 1), (10, 4, 5))
    path = slicer(
        tmp_path / "all.seg.nrrd",
        [
            ("Segment_1", block(), 1, 0, LIVER),
            ("Mets left", other, 2, 0, "85756007"),
            ("deep", inner, 1, 1, MASS),
        ],
    )
    assert np.array_equal(read_mask(path, GRID).voxels, block())
    assert np.array_equal(read_mask(path, GRID, want="lesion").voxels, inner)  # by code
    assert np.array_equal(read_mask(path, GRID, label="Mets left").voxels, other)
    assert np.array_equal(read_mask(path, GRID, label="deep").voxels, inner)
    assert sitk.ReadImage(str(path)).GetNumberOfComponentsPerPixel() == 2
    error = refused(lambda: read_mask(path, GRID, label="spleen"))
    assert "1 Segment_1, 2 Mets left, 1 deep" in error.what


def test_segments_of_slicer_in_one_layer_are_segments_of_the_liver_by_name(tmp_path):
    left, right = block((3, 8, 10), (7, 20, 14)), block((3, 8, 14), (7, 20, 22))
    names = [("liver_segment_2", left, 1, 0, "x"), ("Couinaud VIII", right, 2, 0, "x")]
    coded = read_label_map(slicer(tmp_path / "s.seg.nrrd", names), GRID, "netimg")
    assert dict(coded.names) == {12: "segment II", 18: "segment VIII"}
    assert np.array_equal(coded.labels == 12, left)
    broken = tmp_path / "s.seg.nrrd"
    broken.write_bytes(broken.read_bytes().replace(b"Segment1_Layer:=0", b"Segment1_Layer:=7"))
    error = refused(lambda: read_mask(broken, GRID), InputError)
    assert (error.code.id, "segment 1 is label '2' of layer '7'" in error.what) == ("IDX-003", True)


def test_an_nrrd_on_its_own_grid_is_turned_to_z_y_x(tmp_path):
    path = nrrd(tmp_path / "mask.nrrd", block(), turn=(2, 1, 0), flips=(0, 1))
    own = read_mask_file(path)
    assert own.grid.same_as(GRID, tol_mm=1e-6)
    assert np.array_equal(own.labels > 0, block())
