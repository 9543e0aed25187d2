"""The scanner against pydicom, and against lying lengths: every budget with its time and memory."""

import logging
import re
import struct
import time
import tracemalloc
import warnings
import zlib
from itertools import count
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from netimg.errors import InputError
from netimg.reading.attributes import Attributes
from netimg.reading.read_files import read_file
from netimg.reading.scan import items, may_be_dicom, scan
from netimg.reading.walk import Archives, content, found_file
from netimg.settings import Settings
from tests.make.dicom import ct_series, pet_series

SETTINGS = Settings.shipped()
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
NAME = struct.pack("<HHI", 0x0010, 0x0010, 8)
"""Head of the patient's name in the implicit file of `implicit`."""


def few(**limits):
    """Settings with smaller budgets."""
    return SETTINGS.with_values({f"limits.{k}": v for k, v in limits.items()}, layer="test")


def scanned(data, settings=SETTINGS):
    return scan(data, name="file.dcm", settings=settings)


def refused(data, settings=SETTINGS):
    with pytest.raises(InputError) as caught:
        scanned(data, settings)
    return caught.value.code.id, caught.value.what


def implicit(tmp_path):
    (path, *_) = ct_series(tmp_path, syntax=ImplicitVRLittleEndian)
    return path.read_bytes()


def before_the_name(raw, extra):
    """The file with bytes put in front of the patient's name."""
    at = raw.index(NAME)
    return raw[:at] + extra + raw[at:]


def sequence(tag, body, *, undefined=True):
    length = 0xFFFFFFFF if undefined else len(body)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) if undefined else b""
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + body + end


def item(body=b"", *, undefined=False):
    length = 0xFFFFFFFF if undefined else len(body)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) if undefined else b""
    return struct.pack("<HHI", 0xFFFE, 0xE000, length) + body + end


def costs(run, *, seconds, megabytes):
    """What a call gives, once it was seen to take at most so much time, and so much memory."""
    began = time.process_time()
    run()
    assert time.process_time() - began < seconds
    tracemalloc.start()
    result = run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < megabytes * 2**20
    return result


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[s.name for s in SYNTAXES])
def test_tags_and_values_are_those_that_pydicom_sees(tmp_path, syntax):
    (path, *_) = pet_series(tmp_path, syntax=syntax)
    found = scanned(path.read_bytes())
    dataset = pydicom.dcmread(path)
    tags = {tag for tag in found.elements if tag >> 16 != 2}
    assert tags == set(map(int, dataset.keys())) - {0x7FE00010}
    place = found.pixels
    assert found.data[place.start : place.start + place.length] == dataset.PixelData
    name = found.elements[0x0008103E]
    assert found.data[name.start : name.start + name.length] == b"PET AC"


def seen_by_pydicom(path):
    """Top-level tags in front of the pixels, the pixels' tag and where their value begins."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these files are odd on purpose
        logging.disable(logging.CRITICAL)
        try:
            dataset = pydicom.dcmread(path, force=True)
        finally:
            logging.disable(logging.NOTSET)
    tag = next((t for t in PIXELS if t in dataset), 0)
    tags = {int(t) for t in dataset.keys() if not tag or t < tag}  # noqa: SIM118  # not its values
    return tags, tag, dataset.get_item(tag).value_tell if tag else 0


def seen_by_us(path):
    with content(found_file(path.name, path), SETTINGS) as data:
        found = scan(data, name=path.name, settings=SETTINGS)
    tags = {tag for tag in found.elements if tag >> 16 != 2}
    return tags, found.pixel_tag, found.pixels.start if found.pixels else 0


BROKEN = {
    "MR_truncated.dcm": ("IDX-005", "8192 bytes follow and 8130 are there"),
    "rtplan_truncated.dcm": ("IDX-005", "976 bytes follow and 711 are there"),
    "no_meta.dcm": ("IDX-004", "is not a DICOM file"),
}


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in sorted(PYDICOM.rglob("*"))
        if p.suffix == ".dcm" or p.name[:2] in ("IM", "DI")
        if p.is_file()
    ],
    ids=lambda path: path.relative_to(PYDICOM).as_posix(),
)
def test_files_of_pydicom_are_seen_as_pydicom_sees_them(path):
    if path.name in BROKEN:
        code, said = BROKEN[path.name]
        with pytest.raises(InputError, match=said) as caught:
            seen_by_us(path)
        assert caught.value.code.id == code
        return
    assert seen_by_us(path) == seen_by_pydicom(path)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["dicom_hard_geometry", "pet_headers", "pet_ct"])
def test_real_files_are_seen_as_pydicom_sees_them(shared_data, folder):
    files = [p for p in sorted((shared_data / folder).rglob("*")) if p.is_file()]
    dicom = [p for p in files if p.suffix not in (".json", ".md", ".zip", ".gz", ".txt")]
    dicom = [p for p in dicom if p.name not in BROKEN][:: 1 if folder != "pet_ct" else 20]
    assert len(dicom) > 7
    for path in dicom:
        assert seen_by_us(path) == seen_by_pydicom(path), path


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=[s.name for s in SYNTAXES[:3]])
def test_a_bare_data_set_without_preamble_is_read(tmp_path, syntax):
    (path, *_) = ct_series(tmp_path, syntax=syntax)
    whole = scanned(path.read_bytes())
    first = min(e.start for t, e in whole.elements.items() if t >> 16 == 8)
    bare = scanned(path.read_bytes()[first - 8 :])
    assert set(bare.elements) == {t for t in whole.elements if t >> 16 != 2}
    assert bare.syntax == syntax


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[s.name for s in SYNTAXES])
def test_a_file_without_preamble_is_read(tmp_path, syntax):
    (path, *_) = ct_series(tmp_path, syntax=syntax)
    whole = scanned(path.read_bytes())
    cut = scanned(path.read_bytes()[132:])
    assert set(cut.elements) == set(whole.elements)
    assert cut.syntax == syntax


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=[s.name for s in SYNTAXES[:3]])
def test_a_meta_header_that_names_no_syntax_is_no_obstacle(tmp_path, syntax):
    (path, *_) = ct_series(tmp_path, syntax=syntax)
    raw = path.read_bytes()
    whole = scanned(raw)
    place = whole.elements[0x00020010]
    assert scanned(raw[: place.start - 8] + raw[place.start + place.length :]).syntax == syntax


def test_a_wrong_word_about_the_syntax_is_seen_through(tmp_path):
    (path, *_) = ct_series(tmp_path / "explicit")
    raw = path.read_bytes()
    place = scanned(raw).elements[0x00020010]
    assert raw[place.start : place.start + place.length].rstrip(b"\0") == b"1.2.840.10008.1.2.1"
    lying = raw[: place.start] + b"1.2.840.10008.1.2\0\0\0" + raw[place.start + place.length :]
    found = scanned(lying)
    assert found.explicit
    assert set(found.elements) == set(scanned(raw).elements)


def test_text_is_no_dicom():
    assert refused(b"a letter to the radiologist\n" * 20)[0] == "IDX-004"
    assert refused(b"")[0] == "IDX-004"
    assert refused(bytes(200))[0] == "IDX-004"
    assert not may_be_dicom(b"\x08\x00" + b"letters " * 5000)


def test_a_file_that_breaks_off_says_how_much_is_there(tmp_path):
    (path, *_) = ct_series(tmp_path)
    raw = path.read_bytes()
    code, what = refused(raw[:-100])
    assert code == "IDX-005"
    assert "2560 bytes follow and 2460 are there" in what


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=[s.name for s in SYNTAXES[:3]])
def test_a_file_may_break_off_anywhere(tmp_path, syntax):
    (path, *_) = pet_series(tmp_path, syntax=syntax)
    raw = path.read_bytes()
    end = scanned(raw).pixels.start
    for stop in range(0, end, 7):
        try:
            scanned(raw[:stop])
        except InputError as error:
            assert error.code.id in ("IDX-004", "IDX-005")  # noqa: PT017  # many cuts, one test


# ---- budgets of reliability 2, each with its code, the numbers in the sentence, time and memory


def test_a_length_of_four_gigabytes_in_a_tiny_file_costs_nothing(tmp_path):
    raw = implicit(tmp_path)
    at = raw.index(struct.pack("<HHI", 0x0008, 0x103E, 14))
    lying = raw[: at + 4] + struct.pack("<I", 0xFFFFFFF0) + raw[at + 8 :]
    code, what = costs(lambda: refused(lying), seconds=0.1, megabytes=1)
    assert code == "IDX-005"
    assert str(0xFFFFFFF0) in what
    at = raw.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 4
    last = raw[:at] + struct.pack("<I", 0xFFFFFFF0) + raw[at + 4 :]
    assert costs(lambda: refused(last), seconds=0.1, megabytes=1)[0] == "IDX-005"


def test_65535_times_65535_pixels_in_a_kilobyte_cost_nothing(tmp_path):
    (path, *_) = ct_series(tmp_path)
    raw = path.read_bytes()
    found = scanned(raw)
    for tag in (0x00280010, 0x00280011):
        at = found.elements[tag].start
        raw = raw[:at] + struct.pack("<H", 65535) + raw[at + 2 :]
    path.write_bytes(raw[: found.pixels.start - 4] + struct.pack("<I", 100) + bytes(100))
    with Archives(SETTINGS) as archives:
        file = found_file(path.name, path)
        outcome = costs(lambda: read_file(file, SETTINGS, archives), seconds=0.1, megabytes=1)
    (header,) = outcome.headers
    assert (header.pixels.rows, header.pixels.columns, header.pixels.length) == (65535, 65535, 100)


@pytest.mark.parametrize("nested", [17, 200, 5000])
def test_sequences_within_sequences_are_refused_beyond_their_depth(tmp_path, nested):
    raw = implicit(tmp_path)
    opened = struct.pack("<HHIHHI", 0x0009, 0x1001, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    lying = before_the_name(raw, opened * nested)
    code, what = costs(lambda: refused(lying), seconds=0.1, megabytes=1)
    assert code == "IDX-017"
    assert "more than 16 sequences deep, limits.sequence_depth_max" in what


def deep(levels, *, undefined):
    body = b""
    for _ in range(levels):
        body = sequence(0x00091001, item(body, undefined=undefined), undefined=undefined)
    return body


@pytest.mark.parametrize("undefined", [True, False])
def test_sixteen_levels_are_read(tmp_path, undefined):
    raw = before_the_name(implicit(tmp_path), deep(16, undefined=undefined))
    inside = scanned(raw)
    assert set(inside.elements) == {*scanned(implicit(tmp_path)).elements, 0x00091001}
    for _ in range(16):
        (inside,) = items(inside, inside.elements[0x00091001], name="file.dcm")
    assert inside.elements == {}


def test_levels_that_say_their_length_are_refused_where_they_are_read(tmp_path):
    inside = scanned(before_the_name(implicit(tmp_path), deep(17, undefined=False)))
    for _ in range(16):
        (inside,) = items(inside, inside.elements[0x00091001], name="file.dcm")
    with pytest.raises(InputError, match="more than 16 sequences deep"):
        items(inside, inside.elements[0x00091001], name="file.dcm")


@pytest.mark.parametrize("undefined", [True, False])
def test_a_million_empty_items_are_refused(tmp_path, undefined):
    raw = implicit(tmp_path)
    million = before_the_name(raw, sequence(0x00091001, item() * 1_000_000, undefined=undefined))
    began = time.process_time()
    assert refused(million)[0] == "IDX-017"
    assert time.process_time() - began < 2
    budget = few(items_max=20_000, header_s=60)
    code, what = costs(lambda: refused(million, budget), seconds=0.5, megabytes=2)
    assert code == "IDX-017"
    assert "more than 20000 items, limits.items_max" in what
    fits = before_the_name(raw, sequence(0x00091001, item() * 1000, undefined=undefined))
    found = scanned(fits, few(items_max=1000))
    assert len(items(found, found.elements[0x00091001], name="file.dcm")) == 1000
    assert refused(fits, few(items_max=999))[0] == "IDX-017"


def test_items_of_all_sequences_count_together(tmp_path):
    raw = implicit(tmp_path)
    two = before_the_name(raw, b"".join(sequence(0x00091000 + n, item() * 600) for n in (1, 2)))
    assert 0x00091002 in scanned(two, few(items_max=1200)).elements
    code, what = refused(two, few(items_max=1100))
    assert code == "IDX-017"
    assert "more than 1100 items" in what


def test_very_many_elements_are_refused(tmp_path):
    raw = implicit(tmp_path)
    empty = b"".join(struct.pack("<HHI", 0x0009, 0x1000 + n % 0xF000, 0) for n in range(30_000))
    many = before_the_name(raw, empty)
    budget = few(elements_max=20_000, header_s=60)
    code, what = costs(lambda: refused(many, budget), seconds=1, megabytes=16)
    assert code == "IDX-017"
    assert "more than 20000 elements, limits.elements_max" in what
    assert len(scanned(many).elements) > 30_000


def test_a_header_beyond_its_bytes_is_refused_unless_it_holds_many_frames(tmp_path):
    raw = implicit(tmp_path)
    block = struct.pack("<HHI", 0x0009, 0x1001, 40_000) + bytes(40_000)
    long = before_the_name(raw, block * 3)
    budget = few(header_bytes_max=100_000, header_bytes_multiframe_max=200_000)
    code, what = refused(long, budget)
    assert code == "IDX-017"
    assert "more than 100000 bytes before the pixels, limits.header_bytes_max" in what
    assert scanned(before_the_name(raw, block * 2), budget).pixels
    at = raw.index(struct.pack("<HH", 0x7FE0, 0x0010))
    frames = sequence(0x52009230, item() * 3)
    assert scanned(raw[:at] + frames + block * 4 + raw[at:], budget).pixels
    code, what = refused(raw[:at] + frames + block * 5 + raw[at:], budget)
    assert "more than 200000 bytes before the pixels, limits.header_bytes_multiframe_max" in what


def test_one_gigabyte_before_the_pixels_is_not_read(tmp_path):
    path = tmp_path / "huge.dcm"
    raw = implicit(tmp_path)
    at = raw.index(NAME)
    with path.open("wb") as file:  # sparse: no bytes on the disc
        file.write(raw[:at] + struct.pack("<HHI", 0x0009, 0x1001, 1 << 30))
        file.seek(1 << 30, 1)
        file.write(raw[at:])

    def read():
        with content(found_file(path.name, path), SETTINGS) as data:
            return refused(data)

    code, what = costs(read, seconds=0.1, megabytes=1)
    assert code == "IDX-017"
    assert "more than 67108864 bytes before the pixels" in what


def test_a_long_value_is_passed_over_and_the_rest_is_read(tmp_path):
    path = tmp_path / "long.dcm"
    raw = implicit(tmp_path)
    path.write_bytes(
        before_the_name(raw, struct.pack("<HHI", 0x0009, 0x1001, 20 << 20) + bytes(20 << 20))
    )
    with content(found_file(path.name, path), SETTINGS) as data:
        found = costs(lambda: scanned(data), seconds=0.1, megabytes=1)
        a = Attributes(found, path.name)
        assert 0x00091001 not in a
        assert a.text(0x00100010) == "PHANTOM"
        assert found.pixels.length == 2560
    assert 0x00091001 in scanned(path.read_bytes(), few(element_bytes_max=20 << 20)).elements


def test_a_header_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    raw = before_the_name(implicit(tmp_path), sequence(0x00091001, item() * 5000))
    seconds = count()  # a second goes by between two looks
    monkeypatch.setattr("netimg.reading.budget.time.thread_time", lambda: float(next(seconds)))
    code, what = refused(raw)
    assert code == "IDX-017"
    assert "it took longer than 2 s, limits.header_s" in what
    frames = raw.index(struct.pack("<HH", 0x7FE0, 0x0010))
    many = raw[:frames] + sequence(0x52009230, item() * 5000) + raw[frames:]
    assert scanned(many, few(header_s=6)).pixels
    code, what = refused(many, few(header_s=6, header_multiframe_s=8))
    assert "it took longer than 8 s, limits.header_multiframe_s" in what


def test_what_a_header_may_hold_is_read_in_its_time(tmp_path):
    many = b"".join(struct.pack("<HHI", 0x0009, 0x1000 + n % 0xF000, 0) for n in range(500))
    raw = before_the_name(implicit(tmp_path), sequence(0x00091001, item(many) * 150))
    began = time.process_time()
    found = scanned(raw)
    assert len(items(found, found.elements[0x00091001], name="file.dcm")) == 150
    assert time.process_time() - began < 2


# ---- deflated


def deflated(tmp_path, inside=None, level=9):
    """A deflated file, and one with other bytes inside."""
    (path, *_) = ct_series(tmp_path, syntax=DeflatedExplicitVRLittleEndian)
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<I", raw, 140)
    start = 144 + length
    plain = zlib.decompress(raw[start:], -zlib.MAX_WBITS)
    engine = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    inside = plain if inside is None else inside(plain)
    return raw[:start] + engine.compress(inside) + engine.flush()


def test_a_deflate_bomb_stops_at_its_ratio(tmp_path):
    bomb = deflated(tmp_path, lambda plain: plain + np.zeros(60 << 20, np.uint8).tobytes())
    assert len(bomb) < 100_000
    code, what = costs(lambda: refused(bomb), seconds=1, megabytes=48)
    assert code == "IDX-017"
    assert re.search(r"unpacks to more than 1[67]\d{6} bytes from \d{4,5}, ", what)
    assert "limits.inflate_ratio_max" in what


def test_a_private_element_that_inflates_to_150_megabytes_is_refused(tmp_path):
    head = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 150 << 20)

    def inside(plain):
        at = plain.index(struct.pack("<HH", 0x0010, 0x0010))
        return plain[:at] + head + bytes(150 << 20) + plain[at:]

    bomb = deflated(tmp_path, inside, level=1)
    code, what = costs(lambda: refused(bomb), seconds=1, megabytes=48)
    assert code == "IDX-017"
    assert "unpacks to more than" in what


def test_deflated_data_may_be_as_large_as_its_pixels_and_a_little_more(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, 3 << 20, dtype=np.uint8).tobytes()
    larger = deflated(tmp_path, lambda plain: plain + noise, level=1)
    own = 12 * 1024  # header and pixels of the plain file
    assert scanned(larger, few(inflate_beside_pixels_max=(3 << 20) + own)).pixels
    code, what = refused(larger, few(inflate_beside_pixels_max=2 << 20))
    assert code == "IDX-017"
    stated = (2 << 20) + 32 * 40 * 2
    assert f"unpacks to more than {stated} bytes, limits.inflate_beside_pixels_max" in what
    code, what = refused(larger, few(inflate_bytes_max=1 << 20))
    assert "unpacks to more than 1048576 bytes, limits.inflate_bytes_max" in what


def test_deflated_pictures_beyond_the_allowance_are_read_where_they_are_stated(tmp_path):
    rng = np.random.default_rng(2)
    (path, *_) = ct_series(
        tmp_path,
        rng.integers(-1000, 1000, (1, 512, 512)),
        syntax=DeflatedExplicitVRLittleEndian,
    )
    found = scanned(path.read_bytes(), few(inflate_beside_pixels_max=20_000))
    assert found.pixels.length == 512 * 512 * 2


def test_an_unreadable_deflated_stream_is_refused(tmp_path):
    raw = bytearray(deflated(tmp_path))
    (length,) = struct.unpack_from("<I", raw, 140)
    raw[144 + length : 160 + length] = b"\xff" * 16
    assert refused(bytes(raw))[0] == "IDX-003"
