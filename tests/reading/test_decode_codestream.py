"""Codestreams and their pieces are judged by their own words before a decoder sees them."""

import struct
import time
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.errors import InputError
from netimg.reading.decode import check_said, find_packed
from netimg.reading.decode.codestream import SYNTAXES, BadCodestream, read_codestream
from netimg.reading.decode.rle import decode_rle
from netimg.settings import Settings
from tests.make.codecs import ENCODERS, JPEG, RLE, jpeg_2000, lossless_jpeg, rle
from tests.reading.test_decode_pool import frame

PICTURE = np.random.default_rng(9).integers(0, 4096, size=(9, 14), dtype=np.uint16)
STREAMS = {name: (syntax, encode(PICTURE)) for name, (syntax, encode) in ENCODERS.items()}
J2K = jpeg_2000(PICTURE)
JPG = lossless_jpeg(PICTURE)


def read(stream, syntax):
    return read_codestream(stream, 0, len(stream), syntax)


def item(data, tag=0xE000):
    return struct.pack("<HHI", 0xFFFE, tag, len(data)) + data


def packed(*pieces, table=b"", end=True, **options):
    data = item(table) + b"".join(item(piece) for piece in pieces) + item(b"", 0xE0DD) * end
    return find_packed(data, 0, len(data), syntax=f"{JPEG}90", **options)


@pytest.mark.parametrize("name", STREAMS)
def test_sizes_and_format_are_read_from_the_first_bytes(name):
    syntax, stream = STREAMS[name]
    said = read(stream, syntax)
    assert said.bits == 16
    assert not said.lossy
    if syntax != RLE:
        assert (said.rows, said.columns, said.samples) == (9, 14, 1)


def test_padding_after_the_end_is_no_part_of_a_picture():
    assert read(JPG + b"\0" * 3, f"{JPEG}70").rows == 9
    assert read(J2K + b"\0", f"{JPEG}90").rows == 9


def test_fill_bytes_before_a_marker_are_passed_over():
    assert read(JPG[:2] + b"\xff\xff" + JPG[2:], f"{JPEG}70").rows == 9


@pytest.mark.parametrize(
    ("stream", "syntax", "says"),
    [
        (JPG[:2] + JPG[2:], f"{JPEG}50", "lossless JPEG, which its transfer syntax does not allow"),
        (JPG.replace(b"\xff\xc3", b"\xff\xc2"), f"{JPEG}70", "JPEG process 0xc2"),
        (JPG.replace(b"\xff\xda", b"\xff\xc3\0\x0b" + JPG[JPG.index(b"\xff\xc3") + 4 :][:9]
                     + b"\xff\xda"), f"{JPEG}70", "two frames"),
        (JPG.replace(b"\xff\xc3", b"\xff\xe3"), f"{JPEG}70", "no frame header"),
        (JPG[:-2], f"{JPEG}70", "breaks off before its end marker"),
        (JPG[:2] + b"\xff\xe0\xff\xff" + JPG[4:], f"{JPEG}70", "beyond its end"),
        (JPG[:2] + b"\xff\xe0\0\1" + JPG[4:], f"{JPEG}70", "beyond its end"),
        (JPG[:2] + b"\0" + JPG[2:], f"{JPEG}70", "not made of marker segments"),
        (J2K[:-9], f"{JPEG}90", "a tile part says"),
        (J2K.replace(b"\xff\x52", b"\xff\x64"), f"{JPEG}90", "no coding style"),
        (b"", f"{JPEG}90", "breaks off"),
        (b"\xff", f"{JPEG}70", "breaks off"),
        (b"", RLE, "breaks off"),
        (struct.pack("<16I", 16, *range(64, 79)), RLE, "16 segments"),
        (struct.pack("<16I", 0, *[0] * 15), RLE, "0 segments"),
        (struct.pack("<16I", 2, 64, 60, *[0] * 13) + b"\0" * 9, RLE, "do not follow"),
        (struct.pack("<16I", 2, 64, 90, *[0] * 13) + b"\0" * 9, RLE, "do not follow"),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_be_what_it_should_be_is_refused(stream, syntax, says):
    with pytest.raises(BadCodestream, match=says):
        read(stream, syntax)


def size(**fields):
    """A JPEG 2000 stream whose SIZ says otherwise."""
    names = ["right", "bottom", "left", "top", "tile_w", "tile_h", "tile_left", "tile_top"]
    at = J2K.index(b"\xff\x51") + 6
    values = dict(zip(names, struct.unpack_from(">8I", J2K, at), strict=True)) | fields
    return J2K[:at] + struct.pack(">8I", *values.values()) + J2K[at + 32 :]


@pytest.mark.parametrize(
    "fields",
    [{"tile_w": 0}, {"left": 14}, {"top": 4000000000}, {"right": 0}, {"tile_left": 5}],
    ids=str,
)
def test_an_impossible_size_is_refused(fields):
    with pytest.raises(BadCodestream, match="its size is impossible"):
        read(size(**fields), f"{JPEG}90")


def test_a_size_of_billions_is_told_not_computed():
    said = read(size(right=0xFFFFFFFF, bottom=0xFFFFFFFF, tile_w=1, tile_h=1), f"{JPEG}90")
    assert said.tiles == 0xFFFFFFFF**2
    assert said.rows == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (size(tile_w=1, tile_h=1), None),
        (J2K[: J2K.index(b"\xff\x52") + 6] + b"\x00\x41" + J2K[J2K.index(b"\xff\x52") + 8 :],
         "65 layers, more than 64 (limits.layers_max)"),
        (J2K[: J2K.index(b"\xff\x52") + 9] + b"\x0b" + J2K[J2K.index(b"\xff\x52") + 10 :],
         "11 levels, more than 10 (limits.levels_max)"),
    ],
)  # fmt: skip
def test_layers_and_levels_have_limits(stream, says):
    said, pixels = read(stream, f"{JPEG}90"), frame(PICTURE).pixels
    if says is None:
        check_said(said, pixels, file="a", settings=Settings.shipped())
        few = Settings.shipped().with_values({"limits.tiles_max": 100}, layer="test")
        with pytest.raises(InputError, match="126 tiles, more than 100"):
            check_said(said, pixels, file="a", settings=few)
        return
    with pytest.raises(InputError) as caught:
        check_said(said, pixels, file="a", settings=Settings.shipped())
    assert says in caught.value.what


@given(
    name=st.sampled_from(sorted(STREAMS)),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 500),
)
def test_a_changed_stream_is_read_or_refused_and_nothing_else(name, changes, cut):
    syntax, stream = STREAMS[name]
    bent = bytearray(stream)
    for at, value in changes:
        bent[at % len(bent)] = value
    bent = bytes(bent[: len(bent) - cut % len(bent)] if cut % 3 == 0 else bent)
    for tried in (syntax, *SYNTAXES):
        with suppress(BadCodestream):
            assert read(bent, tried).bits


# ---- RLE -----------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    itemsize=st.sampled_from([1, 2, 4]),
    most=st.sampled_from([1, 3, 255]),
)
def test_rle_gives_back_what_was_packed(seed, itemsize, most):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, most, size=(7, 50 * itemsize), endpoint=True).astype(np.uint8)
    picture = np.repeat(picture, rng.integers(1, 140), axis=1).view(f"<u{itemsize}")
    assert np.array_equal(decode_rle(rle(picture), picture.shape, itemsize), picture)


@pytest.mark.parametrize(
    "segment",
    [b"\x05abc", b"\x00a", b"\xf8a" * 3 + b"\x00", b"\xf8a" * 40, b"", b"\x80" * 30, b"\x80" * 200],
    ids=[
        "literal beyond the end",
        "too short",
        "no value",
        "too long",
        "empty",
        "nothing",
        "noise",
    ],
)
def test_an_rle_plane_is_exactly_one_picture_or_refused(segment):
    head = struct.pack("<16I", 1, 64, *[0] * 14)
    with pytest.raises(BadCodestream):
        decode_rle(head + segment, (4, 5), 1)


def test_padding_and_empty_codes_of_rle_are_passed_over():
    head = struct.pack("<16I", 1, 64, *[0] * 14)
    got = decode_rle(head + b"\x80\xf7a\x80\xf7b\x80\0\0", (4, 5), 1)
    assert got.tobytes() == b"a" * 10 + b"b" * 10


def test_a_short_rle_stream_of_a_large_picture_costs_only_its_own_bytes():
    head = struct.pack("<16I", 2, 64, 66, *[0] * 13)
    tracemalloc.start()
    try:
        with pytest.raises(BadCodestream, match="where 16777216 are needed"):
            decode_rle(head + b"\x81\0\x81\0", (4096, 4096), 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 << 10


# ---- pieces --------------------------------------------------------------------------------------


def test_pieces_are_found_and_joined():
    whole = packed(J2K)
    assert whole.said.rows == 9
    cut = packed(J2K[:100], J2K[100:200], J2K[200:], table=struct.pack("<I", 0))
    data = item(struct.pack("<I", 0)) + item(J2K[:100]) + item(J2K[100:200]) + item(J2K[200:])
    assert cut.said == whole.said
    assert cut.codestream(data) == J2K
    assert cut.length == len(J2K)


def test_a_missing_end_of_the_last_piece_is_forgiven():
    assert packed(J2K, end=False).said.rows == 9


@pytest.mark.parametrize(
    ("pieces", "options", "says"),
    [
        ([], {}, "no bytes"),
        ([b"", b""], {}, "no bytes"),
        ([J2K[n : n + 8] for n in range(0, len(J2K), 8)], {}, "more than 24 pieces"),
        ([J2K], {"table": struct.pack("<I", 8)}, "table of offsets"),
        ([J2K], {"table": struct.pack("<2I", 0, 0)}, "table of offsets"),
        ([J2K[:90], J2K[90:]], {"table": struct.pack("<3I", 0, 98, 98)}, "table of offsets"),
        ([J2K], {"table": struct.pack("<2I", 0, 1 << 31)}, "table of offsets"),
        ([J2K], {"extended": struct.pack("<2Q", 0, 1 << 63)}, "table of offsets"),
        ([J2K], {"extended": struct.pack("<Q", 5)}, "table of offsets"),
    ],
)
def test_pieces_that_lie_are_refused(pieces, options, says):
    found = packed(*pieces, **options)
    assert found.said is None
    assert says in found.problem


def test_a_piece_beyond_the_end_is_refused_with_its_numbers():
    data = item(b"") + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFF0) + J2K
    found = find_packed(data, 0, len(data), syntax=f"{JPEG}90")
    assert f"a piece says 4294967280 bytes and {len(J2K)} are there" in found.problem
    found = find_packed(b"\0" * 64, 0, 64, syntax=f"{JPEG}90")
    assert "do not follow" in found.problem


def test_a_syntax_that_is_not_read_is_not_looked_at():
    assert find_packed(item(b"") + item(J2K), 0, 9, syntax=f"{JPEG}102") is None


@pytest.mark.parametrize(
    ("stream", "syntax", "says"),
    [
        (JPG[:2] + b"\xff\xfe\0\2" * 1_000_000 + JPG[2:], f"{JPEG}70", "more than 4096 parts"),
        (JPG[:2] + b"\xff" * 5_000_000 + JPG[2:], f"{JPEG}70", "beyond its end"),
        (J2K[:2] + b"\xff\x64\0\2" * 1_000_000 + J2K[2:], f"{JPEG}90", "more than 4096 parts"),
        (J2K[: J2K.index(b"\xff\x90")] + (b"\xff\x90\0\x0a\0\0\0\0\0\x0e\0\1\xff\x93" * 400_000),
         f"{JPEG}90", "more than 131072 tile parts"),
    ],
    ids=["JPEG segments", "fill bytes", "JPEG 2000 segments", "tile parts"],
)  # fmt: skip
def test_a_header_without_end_is_not_read_to_its_end(stream, syntax, says):
    began = time.process_time()
    with pytest.raises(BadCodestream, match=says):
        read(stream, syntax)
    assert time.process_time() - began < 2


def test_a_table_of_a_million_offsets_is_not_read():
    table = struct.pack("<1000000I", *range(0, 8_000_000, 8))
    assert "table of offsets" in packed(J2K, table=table).problem
    assert "table of offsets" in packed(J2K, extended=table).problem


def test_a_million_pieces_are_not_counted_to_the_end():
    data = item(b"") * 1_000_000
    began = time.process_time()
    assert "pieces" in find_packed(data, 0, len(data), syntax=RLE).problem
    assert time.process_time() - began < 0.1
