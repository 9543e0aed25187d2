"""The scanner against pydicom, and against lying lengths."""

import struct
import tracemalloc
import zlib

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
from netimg.reading.scan import scan
from netimg.settings import Settings
from tests.make.dicom import ct_series, pet_series

SETTINGS = Settings.shipped()
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def scanned(data):
    return scan(data, name="file.dcm", settings=SETTINGS)


def refused(data):
    with pytest.raises(InputError) as caught:
        scanned(data)
    return caught.value.code.id, caught.value.what


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


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=[s.name for s in SYNTAXES[:3]])
def test_a_bare_data_set_without_preamble_is_read(tmp_path, syntax):
    (path, *_) = ct_series(tmp_path, syntax=syntax)
    whole = scanned(path.read_bytes())
    first = min(e.start for t, e in whole.elements.items() if t >> 16 == 8)
    bare = scanned(path.read_bytes()[first - 8 :])
    assert set(bare.elements) == {t for t in whole.elements if t >> 16 != 2}


def test_text_is_no_dicom():
    assert refused(b"a letter to the radiologist\n" * 20)[0] == "IDX-004"
    assert refused(b"")[0] == "IDX-004"


def test_a_file_that_breaks_off_says_how_much_is_there(tmp_path):
    (path, *_) = ct_series(tmp_path)
    raw = path.read_bytes()
    code, what = refused(raw[:-100])
    assert code == "IDX-005"
    assert "2560 bytes follow and 2460 are there" in what


def test_a_length_of_four_gigabytes_in_a_tiny_file_costs_nothing(tmp_path):
    (path, *_) = ct_series(tmp_path, syntax=ImplicitVRLittleEndian)
    raw = path.read_bytes()
    at = raw.index(struct.pack("<HHI", 0x0008, 0x103E, 14))
    lying = raw[: at + 4] + struct.pack("<I", 0xFFFFFFF0) + raw[at + 8 :]
    tracemalloc.start()
    code, what = refused(lying)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == "IDX-005"
    assert str(0xFFFFFFF0) in what
    assert peak < 1 << 20


def test_endless_nesting_and_endless_items_are_refused(tmp_path):
    (path, *_) = ct_series(tmp_path, syntax=ImplicitVRLittleEndian)
    raw = path.read_bytes()
    at = raw.index(struct.pack("<HHI", 0x0010, 0x0010, 8))
    opened = struct.pack("<HHIHHI", 0x0009, 0x1001, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    code, what = refused(raw[:at] + opened * 200 + raw[at:])
    assert code == "IDX-017"
    assert "sequences deep" in what
    many = opened[:8] + struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 200_001
    code, what = refused(raw[:at] + many + raw[at:])
    assert code == "IDX-017"
    assert "200000 items" in what


def test_a_deflate_bomb_stops_at_its_ratio(tmp_path):
    (path, *_) = ct_series(tmp_path, syntax=DeflatedExplicitVRLittleEndian)
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<I", raw, 140)
    start = 144 + length
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = engine.compress(np.zeros(64 << 20, np.uint8).tobytes()) + engine.flush()
    code, what = refused(raw[:start] + bomb)
    assert code == "IDX-017"
    assert "unpacks to more than" in what


def test_an_unreadable_deflated_stream_is_refused(tmp_path):
    (path, *_) = ct_series(tmp_path, syntax=DeflatedExplicitVRLittleEndian)
    raw = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<I", raw, 140)
    raw[144 + length : 160 + length] = b"\xff" * 16
    assert refused(bytes(raw))[0] == "IDX-003"
