"""Compressed series are read as if they were not: bit-equal, or lossy and said so, or refused."""

import struct
import tracemalloc
import zipfile

import imagecodecs
import numpy as np
import pydicom
import pytest

from netimg.errors import InputError
from netimg.reading import open_study
from netimg.reading.index import index
from netimg.reading.pixels import read_slice
from netimg.reading.studies import survey_study
from netimg.settings import Settings
from tests.make.codecs import ENCODERS, JPEG, jpeg_2000, lossless_jpeg, pack, rle
from tests.make.dicom import body, ct_series, pet_series

RNG = np.random.default_rng(5)
SHAPE = (12, 14, 18)
HU = np.where(RNG.random(SHAPE) < 0.8, body(SHAPE), RNG.integers(-1000, 1800, size=SHAPE))
SIGNED = {"PixelRepresentation": 1, "RescaleIntercept": "0"}
FORMATS = {
    "16 signed": ({**SIGNED}, (-32000, 32000)),
    "16 unsigned": ({}, (-1024, 32767)),  # the highest bit is set from 31744 on
    "12 in 16": ({"BitsStored": 12}, (-1024, 3071)),
    "12 in 16 signed": ({**SIGNED, "BitsStored": 12}, (-2047, 2047)),
    "15 in 16 signed": ({**SIGNED, "BitsStored": 15}, (-16000, 16000)),
}


def packed_ct(folder, syntax, encode, *, values=HU, pieces=1, **common):
    for path in ct_series(folder, values, common=common):
        pack(path, syntax, encode, pieces=pieces)
    return folder


def flags(series):
    return {flag.code: flag.sentence for flag in series.flags}


def aside(folder):
    found = survey_study(folder)
    assert found.ct is None
    ((code, sentence),) = {(item.code, item.sentence) for item in found.set_aside}
    return code, sentence


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ENCODERS)
def test_a_compressed_ct_equals_the_uncompressed_one_bit_for_bit(tmp_path, name, kind):
    common, (low, high) = FORMATS[kind]
    noise = RNG.integers(low, high, size=SHAPE, endpoint=True)
    values = np.where(RNG.random(SHAPE) < 0.3, noise, 40)
    values[:, 5, 5], values[:, 6, 6] = low, high
    inside = np.zeros(SHAPE, bool)
    inside[:, 2:-2, 2:-2] = True
    values[~inside] = -1000  # air
    syntax, encode = ENCODERS[name]
    low_bits = (1 << common.get("BitsStored", 16)) - 1  # what is above must not matter
    folder = packed_ct(tmp_path, syntax, lambda p: encode(p & low_bits), values=values, **common)
    packed = open_study(folder).ct
    assert np.array_equal(packed.load().values, values)
    assert "PIX-010" not in flags(packed)


def test_a_signed_codestream_keeps_its_own_sign(tmp_path):
    def signed(picture):
        return jpeg_2000(picture.view(np.int16))

    folder = packed_ct(tmp_path, f"{JPEG}90", signed, **SIGNED)
    assert np.array_equal(open_study(folder).ct.load().values, HU)


def test_a_stream_of_fewer_bits_keeps_its_own_sign(tmp_path):
    def twelve(picture):
        return jpeg_2000(picture.view(np.int16), bitspersample=12)

    folder = packed_ct(tmp_path, f"{JPEG}90", twelve, **SIGNED)
    assert np.array_equal(open_study(folder).ct.load().values, HU)


@pytest.mark.parametrize("rows", [1, 3])
def test_restart_markers_of_a_lossless_jpeg_are_followed(tmp_path, rows):
    folder = packed_ct(tmp_path, f"{JPEG}70", lambda p: lossless_jpeg(p, restart_rows=rows))
    assert np.array_equal(open_study(folder).ct.load().values, HU)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_predictor_of_a_lossless_jpeg_is_followed(tmp_path, predictor):
    def encode(picture):
        options = {"lossless": True, "predictor": predictor, "bitspersample": 16}
        return bytes(imagecodecs.jpeg8_encode(picture, **options))

    folder = packed_ct(tmp_path, f"{JPEG}57", encode)
    assert np.array_equal(open_study(folder).ct.load().values, HU)


@pytest.mark.parametrize("bits", [12, 15])
def test_a_lossless_jpeg_of_as_many_bits_as_are_stored_takes_its_sign_there(tmp_path, bits):
    def encode(picture):
        return lossless_jpeg(picture & ((1 << bits) - 1), bits=bits)

    folder = packed_ct(tmp_path, f"{JPEG}70", encode, **SIGNED, BitsStored=bits)
    assert np.array_equal(open_study(folder).ct.load().values, HU)


@pytest.mark.parametrize("bits", [12, 15, 16])
def test_jpeg_ls_written_by_another_program_takes_its_sign_where_the_header_says(tmp_path, bits):
    for path in ct_series(tmp_path, HU, common={**SIGNED, "BitsStored": bits}):
        dataset = pydicom.dcmread(path)
        dataset.compress(f"{JPEG}80", encoding_plugin="pyjpegls", generate_instance_uid=False)
        dataset.save_as(path)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


@pytest.mark.parametrize(
    ("syntax", "plugin"),
    [("1.2.840.10008.1.2.5", "gdcm"), ("1.2.840.10008.1.2.5", "pylibjpeg"),
     ("1.2.840.10008.1.2.5", "pydicom")],
)  # fmt: skip
def test_pictures_of_other_encoders_are_read(tmp_path, syntax, plugin):
    pytest.importorskip(plugin)
    for path in ct_series(tmp_path, HU, common=SIGNED):
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        dataset.save_as(path)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


@pytest.mark.parametrize(
    ("name", "plugin"),
    [("JPEG lossless", "gdcm"), ("JPEG lossless, first order", "pylibjpeg"), ("JPEG-LS", "gdcm"),
     ("JPEG 2000 lossless", "gdcm"), ("JPEG 2000 lossless", "pylibjpeg"),
     ("HTJ2K lossless", "pylibjpeg"), ("RLE", "pydicom"), ("RLE", "pylibjpeg")],
)  # fmt: skip
def test_a_second_decoder_sees_the_same_picture(tmp_path, name, plugin):
    pytest.importorskip(plugin)
    syntax, encode = ENCODERS[name]
    folder = packed_ct(tmp_path, syntax, encode)
    ours = open_study(folder).ct.load().values
    for z, path in enumerate(sorted(folder.iterdir())):
        theirs = pydicom.pixels.pixel_array(path, decoding_plugin=plugin)
        assert np.array_equal(ours[z], theirs.astype(np.float32) - 1024)


def test_a_picture_in_several_pieces_is_joined(tmp_path):
    folder = packed_ct(tmp_path, f"{JPEG}90", jpeg_2000, pieces=3)
    assert np.array_equal(open_study(folder).ct.load().values, HU)


def test_a_series_may_mix_syntaxes(tmp_path):
    syntaxes = [*ENCODERS.values(), None]
    for z, path in enumerate(ct_series(tmp_path, HU)):
        if choice := syntaxes[z % len(syntaxes)]:
            pack(path, *choice)
    assert np.array_equal(open_study(tmp_path).ct.load().values, HU)


def test_a_compressed_pet_keeps_the_slope_of_each_slice(tmp_path):
    stored = RNG.integers(0, 4000, size=(6, 16, 20))
    bends = {
        "per_slice": {z: {"RescaleSlope": f"{0.1 * (z + 1):.3g}"} for z in range(6)},
        "common": {"Units": "GML", "SUVType": "BW"},
    }
    pet_series(tmp_path / "plain", stored, **bends)
    for path in pet_series(tmp_path / "packed", stored, **bends):
        pack(path, f"{JPEG}80", ENCODERS["JPEG-LS"][1])
    plain, packed = (open_study(tmp_path / name).pets[0].load() for name in ("plain", "packed"))
    assert np.array_equal(packed.values, plain.values)


def test_two_compressed_slices_at_one_place_are_compared_by_their_pixels(tmp_path):
    paths = ct_series(tmp_path, HU)
    pack(paths[2], f"{JPEG}90", jpeg_2000)
    there = pydicom.dcmread(paths[2])
    there.SOPInstanceUID = there.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    there.save_as(tmp_path / "again.dcm")
    assert "GEO-013" in flags(open_study(tmp_path).ct)
    plain = pydicom.dcmread(paths[1])
    plain.SOPInstanceUID = plain.file_meta.MediaStorageSOPInstanceUID = "2.25.78"
    plain.ImagePositionPatient = there.ImagePositionPatient
    plain.save_as(tmp_path / "other.dcm")
    assert aside(tmp_path)[0] == "GEO-005"


def test_a_zip_of_compressed_slices_is_read(tmp_path):
    packed_ct(tmp_path / "series", f"{JPEG}90", jpeg_2000)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in (tmp_path / "series").iterdir():
            archive.write(path, path.name)
    assert np.array_equal(open_study(tmp_path / "study.zip").ct.load().values, HU)


# ---- with loss -----------------------------------------------------------------------------------


def near(picture):
    return bytes(imagecodecs.jpegls_encode(picture, level=3))


def twelve_bits(picture):
    return bytes(imagecodecs.jpeg8_encode(picture, level=90, bitspersample=12))


@pytest.mark.parametrize(
    ("syntax", "encode", "off_by"),
    [
        (f"{JPEG}51", twelve_bits, 400),
        (f"{JPEG}57", lambda p: lossless_jpeg(p, shift=2), 3),
        (f"{JPEG}81", near, 3),
        (f"{JPEG}91", lambda p: jpeg_2000(p, reversible=False, level=90), 30),
    ],
    ids=["JPEG extended", "lossless JPEG without its last bits", "JPEG-LS near", "JPEG 2000"],
)
def test_a_picture_compressed_with_loss_is_read_and_said(tmp_path, syntax, encode, off_by):
    values = np.clip(HU, -1000, 1000)
    folder = packed_ct(tmp_path, syntax, encode, values=values, BitsStored=12)
    ct = open_study(folder).ct
    assert "compressed with loss" in flags(ct)["PIX-010"]
    off = np.abs(ct.load().values - values)
    assert 0 < off.max() <= off_by


def test_an_8_bit_jpeg_is_read_but_said_to_be_lossy_and_narrow(tmp_path):
    for path in ct_series(tmp_path, HU):
        picture = (pydicom.dcmread(path).pixel_array >> 4).astype(np.uint8)
        eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "RescaleSlope": "16"}
        encode = bytes(imagecodecs.jpeg8_encode(picture, level=95))
        pack(path, f"{JPEG}50", lambda _, encode=encode: encode, **eight)
    (ct,) = survey_study(tmp_path).series
    assert {"PIX-009", "PIX-010"} <= flags(ct).keys()
    assert np.abs(ct.load().values - HU).mean() < 60


def test_one_lossy_slice_makes_a_lossy_series(tmp_path):
    paths = ct_series(tmp_path, HU)
    pack(paths[2], f"{JPEG}81", near)
    assert "PIX-010" in flags(open_study(tmp_path).ct)


# ---- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encode", "syntax", "code", "says"),
    [
        (lambda p: jpeg_2000(p[:-1]), f"{JPEG}90", "PIX-004", ("14 x 18", "13 x 18")),
        (lambda p: lossless_jpeg(p[:, :-1]), f"{JPEG}70", "PIX-004", ("14 x 18", "14 x 17")),
        (lambda p: near(p[1:]), f"{JPEG}81", "PIX-004", ("14 x 18", "13 x 18")),
        (lambda p: rle(p.astype("<u4")), "1.2.840.10008.1.2.5", "PIX-004", ("16 bits", "32 bits")),
        (lambda p: jpeg_2000(np.dstack([p] * 3)), f"{JPEG}90", "PIX-004", ("1 x 16", "3 x 16")),
        (lambda p: jpeg_2000(p.view("<i2")), f"{JPEG}90", "PIX-004", ("unsigned", "signed")),
        (lambda p: jpeg_2000(p.astype("<u4"), bitspersample=20), f"{JPEG}90", "PIX-004",
         ("16 bits", "20 bits")),
        (twelve_bits, f"{JPEG}70", "PIX-003", ("it is extended JPEG",)),
        (jpeg_2000, f"{JPEG}70", "PIX-003", ("does not begin as JPEG",)),
        (lossless_jpeg, f"{JPEG}90", "PIX-003", ("does not begin as JPEG 2000",)),
        (lambda p: lossless_jpeg(p)[:200], f"{JPEG}70", "PIX-003", ("breaks off",)),
        (lambda p: near(p)[:200], f"{JPEG}81", "PIX-003", ("breaks off",)),
        (lambda p: jpeg_2000(p)[:200], f"{JPEG}90", "PIX-003", ("a tile part says",)),
        (lambda p: jpeg_2000(p)[:60], f"{JPEG}90", "PIX-003", ("beyond its end",)),
    ],
)  # fmt: skip
def test_a_picture_that_is_not_what_its_header_says_is_refused_unseen(
    tmp_path, encode, syntax, code, says
):
    packed_ct(tmp_path, syntax, encode)
    got, sentence = aside(tmp_path)
    assert got == code
    assert all(words in sentence for words in says)


def test_a_signed_header_over_a_stream_of_fewer_unsigned_bits_leaves_the_sign_open(tmp_path):
    packed_ct(tmp_path, f"{JPEG}70", lambda p: lossless_jpeg(p & 0xFFF, bits=12), **SIGNED)
    code, sentence = aside(tmp_path)
    assert code == "PIX-004"
    assert "16 bits of 16, signed" in sentence
    assert "1 x 12 bits" in sentence


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.102"])
def test_an_unknown_compression_is_set_aside_by_name(tmp_path, syntax):
    packed_ct(tmp_path, syntax, lambda _: b"1234")
    code, sentence = aside(tmp_path)
    assert code == "IDX-021"
    assert pydicom.uid.UID(syntax).name in sentence


def test_a_picture_broken_inside_is_refused_when_it_is_loaded(tmp_path):
    packed_ct(tmp_path, f"{JPEG}80", ENCODERS["JPEG-LS"][1])
    path = sorted(tmp_path.iterdir())[1]
    raw = path.read_bytes()
    at = raw.index(b"\xff\xda") + 40
    path.write_bytes(raw[:at] + b"\xff\x7f" * 30 + raw[at + 60 :])
    ct = open_study(tmp_path).ct
    with pytest.raises(InputError) as caught:
        ct.load()
    assert caught.value.code.id == "PIX-003"
    assert path.name in caught.value.what


@pytest.mark.parametrize("place", [0.3, 0.9])
def test_a_lossless_jpeg_with_bytes_missing_inside_is_refused_though_no_decoder_complains(
    tmp_path, place
):
    def gap(picture):
        stream = lossless_jpeg(picture)
        at = int(len(stream) * place)
        stream = stream[:at] + stream[at + 31 :]
        assert imagecodecs.jpeg8_decode(stream).shape == picture.shape
        return stream

    for z, path in enumerate(ct_series(tmp_path, HU)):
        pack(path, f"{JPEG}70", gap if z == 3 else lossless_jpeg)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path).ct.load()
    assert caught.value.code.id == "PIX-003"
    assert "IM0004.dcm could not be decoded (two decoders make different" in caught.value.what


def test_a_compressed_file_that_became_shorter_after_the_scan_is_said(tmp_path):
    packed_ct(tmp_path, f"{JPEG}90", jpeg_2000)
    ct = open_study(tmp_path).ct
    path = min(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError) as caught:
        ct.load()
    assert caught.value.code.id == "IDX-003"
    assert f"{path.name} could not be read (it changed while being read" in caught.value.what


@pytest.mark.parametrize("size", [65535, 4096])
def test_a_small_file_that_claims_a_large_picture_costs_nothing(tmp_path, size):
    claim = struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x81\0\x81\0"
    for path in ct_series(tmp_path, HU):
        pack(path, "1.2.840.10008.1.2.5", lambda _: claim, Rows=size, Columns=size)
    assert all(path.stat().st_size < 3000 for path in tmp_path.iterdir())
    tracemalloc.start()
    try:
        found = survey_study(tmp_path)
        if size == 65535:
            ((code, sentence),) = {(a.code, a.sentence) for a in found.set_aside}
            assert code == "PIX-002"
            assert "65535 x 65535" in sentence
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "off_by"),
    [("big_endian", 0), ("deflated", 0), ("htj2k_lossless_generated", 0), ("jpeg2000_lossless", 0),
     ("jpegls_lossless", 0), ("jpeg_lossless_sv1", 0), ("jpeg_lossless_p14", 0), ("rle", 0),
     ("jpeg2000_lossy", 5), ("jpegls_near_lossless", 1)],
)  # fmt: skip
def test_a_real_slice_is_the_same_in_every_encoding(shared_data, name, off_by):
    source = shared_data / "dicom_hard_geometry" / "transfer_syntaxes_ct"
    settings = Settings.shipped()

    def stored(stem):
        (header,) = index(source / f"{stem}.dcm", settings).headers
        return read_slice(header.file, header.pixels, settings).astype(int), header.lossy

    (plain, _), (packed, lossy) = stored("reference_implicit_le"), stored(name)
    assert np.abs(packed - plain).max() == off_by
    assert (lossy is not None) == (off_by > 0)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["jpeg_baseline_8bit", "jpeg_extended_12bit"])
def test_a_real_lossy_jpeg_is_within_one_step_of_another_decoder(shared_data, name):
    pytest.importorskip("libjpeg")
    path = shared_data / "dicom_hard_geometry" / "transfer_syntaxes_ct" / f"{name}.dcm"
    settings = Settings.shipped()
    (header,) = index(path, settings).headers
    theirs = pydicom.pixels.pixel_array(path, decoding_plugin="pylibjpeg").astype(int)
    assert np.abs(read_slice(header.file, header.pixels, settings) - theirs).max() <= 1
    assert header.lossy
