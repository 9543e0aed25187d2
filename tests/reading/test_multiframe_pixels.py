"""Frames of every encapsulated syntax are bit-equal, wherever their pieces and tables lie."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from netimg.errors import InputError
from netimg.reading.attributes import Attributes
from netimg.reading.decode import find_frames
from netimg.reading.pixel_format import pixel_formats
from netimg.reading.pixels import read_slice
from netimg.reading.scan import scan
from netimg.reading.studies import open_study, survey_study
from netimg.reading.walk import content, found_file
from netimg.settings import Settings
from tests.make import dicom
from tests.make.codecs import ENCODERS, JPEG, RLE, jpeg_2000, lossless_jpeg, rle
from tests.make.multiframe import enhanced_ct, enhanced_pet, legacy, repack

RNG = np.random.default_rng(17)
HU = np.where(dicom.body() > -500, RNG.integers(-100, 1200, (12, 32, 40)), -1000)
J2K = f"{JPEG}90"


def packed(folder, syntax, encode, **options):
    path = enhanced_ct(folder, HU, order=RNG.permutation(12).tolist())
    return repack(path, syntax, encode, **options)


def refused(folder):
    ((code, sentence),) = {(a.code, a.sentence) for a in survey_study(folder).set_aside}
    return code, sentence


@pytest.mark.parametrize("table", ["basic", "none", "extended"])
@pytest.mark.parametrize("name", ENCODERS)
def test_frames_are_bit_equal_in_every_syntax_with_every_table(tmp_path, name, table):
    packed(tmp_path, *ENCODERS[name], table=table)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


@pytest.mark.parametrize("table", ["basic", "none"])
@pytest.mark.parametrize("name", ["JPEG lossless", "JPEG-LS", "JPEG 2000 lossless"])
def test_frames_in_several_pieces_are_joined(tmp_path, name, table):
    packed(tmp_path, *ENCODERS[name], table=table, pieces=3)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


def test_pieces_of_rle_that_no_table_tells_apart_are_refused(tmp_path):
    """RLE has no mark at its beginning: two pieces for each frame could be cut anywhere."""
    packed(tmp_path, RLE, rle, table="none", pieces=2)
    code, sentence = refused(tmp_path)
    assert code == "PIX-003"
    assert "its 24 pieces cannot be told apart as 12 frames" in sentence


def test_rle_in_pieces_with_a_table_is_read(tmp_path):
    packed(tmp_path, RLE, rle, table="basic", pieces=2)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


def test_signed_frames_take_their_sign_from_the_bits_stored(tmp_path):
    shared = {"PixelValueTransformation": {"RescaleIntercept": "-1024"}}
    stored = HU - 24  # with the intercept and +1024 of the writer: signed values around -1024
    path = enhanced_ct(tmp_path, stored, signed=True, shared=shared, bits=16)
    repack(path, J2K, jpeg_2000)
    assert np.array_equal(open_study(tmp_path).ct.load().values, stored)


def test_compressed_frames_in_a_zip_are_read(tmp_path):
    path = packed(tmp_path / "loose", J2K, jpeg_2000)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.write(path, "ct.dcm")
    assert np.array_equal(open_study(tmp_path / "study.zip").ct.load().values, HU)


def test_an_enhanced_pet_of_compressed_frames_keeps_its_slopes(tmp_path):
    stored = RNG.integers(0, 30000, (6, 16, 20))
    plain = enhanced_pet(tmp_path / "plain", stored)
    repack(enhanced_pet(tmp_path / "packed", stored), J2K, jpeg_2000)
    (one,), (other,) = (open_study(tmp_path / n).pets for n in ("plain", "packed"))
    assert plain.name == "enhanced_pet_0.dcm"
    assert np.array_equal(one.load().values, other.load().values)


def test_a_legacy_conversion_of_compressed_slices_is_bit_equal(tmp_path):
    path = legacy(tmp_path, dicom.ct_series(tmp_path / "classic", HU))
    for file in (tmp_path / "classic").iterdir():
        file.unlink()
    repack(path, f"{JPEG}70", lossless_jpeg, pieces=2)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


def test_one_frame_of_another_size_is_refused_by_its_number(tmp_path):
    count = iter(range(100))

    def encode(picture):
        return jpeg_2000(picture[:30] if next(count) == 7 else picture)

    packed(tmp_path, J2K, encode)
    code, sentence = refused(tmp_path)
    assert code == "PIX-004"
    assert sentence == (
        "enhanced_ct_0.dcm, frame 8 says 32 x 40, its compressed picture says 30 x 40."
    )


def test_one_damaged_frame_is_refused_by_its_number(tmp_path):
    count = iter(range(100))

    def encode(picture):
        stream = jpeg_2000(picture)
        return stream[:-40] if next(count) == 2 else stream

    packed(tmp_path, J2K, encode)
    code, sentence = refused(tmp_path)
    assert code == "PIX-003"
    assert sentence.startswith("The picture of enhanced_ct_0.dcm, frame 3 could not be decoded")


@pytest.mark.parametrize("lossy", [True, False])
def test_a_lossy_frame_is_said(tmp_path, lossy):
    packed(tmp_path, f"{JPEG}91", lambda p: jpeg_2000(p, reversible=not lossy))
    ct = survey_study(tmp_path).ct
    assert ("PIX-010" in {f.code for f in ct.flags}) is lossy


def test_a_file_with_fewer_pieces_than_frames_is_refused(tmp_path):
    path = packed(tmp_path, J2K, jpeg_2000)
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = 13
    per_frame = dataset.PerFrameFunctionalGroupsSequence
    per_frame.append(per_frame[0])
    dataset.save_as(path)
    code, sentence = refused(tmp_path)
    assert code == "PIX-003"
    assert "its table of offsets has 12 places for 13 frames" in sentence


def item(data):
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data


STREAM = jpeg_2000(np.zeros((9, 14), np.uint16))
STREAM += b"\0" * (len(STREAM) % 2)
STEP = len(STREAM) + 8


def frames(table, *pieces, frames=3, **tables):
    data = item(table) + b"".join(item(piece) for piece in pieces)
    found = find_frames(data, 0, len(data), syntax=J2K, frames=frames, **tables)
    return found, {packed.problem for packed in found}


def test_a_table_tells_which_pieces_make_a_frame():
    table = struct.pack("<3I", 0, STEP, 2 * STEP)
    found, problems = frames(table, STREAM, STREAM, STREAM)
    assert problems == {""}
    assert [packed.pieces for packed in found] == [
        ((8 + 12 + 8 + k * STEP, len(STREAM)),) for k in range(3)
    ]


def test_the_extended_table_counts_before_the_number_of_pieces():
    half = len(STREAM) // 2 // 2 * 2
    pieces = (STREAM[:half], STREAM[half:], STREAM, STREAM)
    offsets = struct.pack("<3Q", 0, STEP + 8, 2 * STEP + 8)
    found, problems = frames(b"", *pieces, extended=offsets)
    assert problems == {""}
    assert [len(packed.pieces) for packed in found] == [2, 1, 1]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (struct.pack("<3I", 0, STEP, STEP), "points elsewhere"),
        (struct.pack("<3I", 4, STEP, 2 * STEP), "points elsewhere"),
        (struct.pack("<3I", 0, STEP + 2, 2 * STEP), "points elsewhere"),
        (struct.pack("<2I", 0, STEP), "has 2 places for 3 frames"),
        (struct.pack("<4I", 0, 1, 2, 3), "points elsewhere"),
    ],
)
def test_a_table_that_lies_is_refused(table, says):
    found, problems = frames(table, STREAM, STREAM, STREAM)
    assert len(found) == 3
    assert says in problems.pop()


def test_lengths_that_are_not_those_of_the_pieces_are_refused():
    offsets = struct.pack("<3Q", 0, STEP, 2 * STEP)
    right = struct.pack("<3Q", *[len(STREAM)] * 3)
    wrong = struct.pack("<3Q", len(STREAM), len(STREAM) - 4, len(STREAM))
    assert frames(b"", *[STREAM] * 3, extended=offsets, lengths=right)[1] == {""}
    problems = frames(b"", *[STREAM] * 3, extended=offsets, lengths=wrong)[1]
    assert "lengths does not fit" in problems.pop()


def test_pieces_without_a_table_begin_a_frame_where_a_codestream_begins():
    half = len(STREAM) // 2 // 2 * 2
    found, problems = frames(b"", STREAM, STREAM[:half], STREAM[half:], STREAM)
    assert problems == {""}
    assert [len(packed.pieces) for packed in found] == [1, 2, 1]


def test_more_pieces_than_frames_can_have_are_refused_early():
    data = item(b"") + item(b"\0\0") * 41
    found = find_frames(data, 0, len(data), syntax=J2K, frames=3)
    assert "more than 40 pieces" in found[0].problem


def test_frames_that_are_cut_off_after_the_index_are_refused(tmp_path):
    path = packed(tmp_path, J2K, jpeg_2000)
    ct = open_study(tmp_path).ct
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="IDX-003"):
        ct.load()


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_rle.dcm"])
def test_frames_that_other_programs_wrote_are_those_that_pydicom_sees(name):
    """Fifteen frames of 32 bits, native and RLE, as they come with pydicom."""
    path = Path(get_testdata_file(name, download=False))
    file = found_file(path.name, path)
    settings = Settings.shipped()
    with content(file, settings) as data:
        formats = pixel_formats(Attributes(scan(data, name=name, settings=settings), name), 15)
    theirs = pydicom.dcmread(get_testdata_file("rtdose.dcm", download=False)).pixel_array
    ours = [read_slice(file, pixels, settings) for pixels in formats]
    assert np.array_equal(ours, theirs)
