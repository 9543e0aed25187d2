"""A study that claims too much is refused on its words, before anything is allocated."""

import struct
import time
import tracemalloc

import numpy as np
import pytest

from netimg.errors import InputError, NothingUsable
from netimg.reading import memory
from netimg.reading.index import index
from netimg.reading.studies import open_study
from netimg.settings import Settings
from tests.make.dicom import bend, ct_series, pet_series

SETTINGS = Settings.shipped()


def few(**limits):
    """Settings with smaller budgets."""
    return SETTINGS.with_values({f"limits.{k}": v for k, v in limits.items()}, layer="test")


def claim(path, rows, columns):
    """Change the size that a file says its picture has, and nothing else."""
    raw = path.read_bytes()
    for number, value in ((0x10, rows), (0x11, columns)):
        at = raw.index(struct.pack("<HH2sH", 0x0028, number, b"US", 2)) + 8
        raw = raw[:at] + struct.pack("<H", value) + raw[at + 2 :]
    path.write_bytes(raw)


def refused(folder, settings=SETTINGS, *, kind=NothingUsable):
    """What `open_study` says, after little time and memory."""
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(kind) as caught:
        open_study(folder, settings=settings)
    spent, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent < 5
    assert peak < 8 << 20
    return str(caught.value)


def test_pictures_of_65535_times_65535_cost_nothing(tmp_path):
    for path in ct_series(tmp_path):
        claim(path, 65535, 65535)
    said = refused(tmp_path)
    assert "PIX-002" in said
    assert "claims a picture of 65535 x 65535 x 1, beyond the limit; nothing was allocated" in said


def test_compressed_pictures_of_65535_times_65535_cost_nothing(tmp_path):
    """Sixty-eight bytes of RLE."""
    rle = struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x00\x01\x00\x01"
    for path in ct_series(tmp_path):
        bend(path, PixelData=_in_pieces(rle))
        raw = path.read_bytes()
        raw = raw.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
        at = raw.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 8
        path.write_bytes(raw[:at] + b"\xff\xff\xff\xff" + raw[at + 4 :])
        claim(path, 65535, 65535)
    said = refused(tmp_path)
    assert "PIX-002" in said
    assert "65535 x 65535" in said


def _in_pieces(data):
    item = struct.Struct("<HHI")
    end = item.pack(0xFFFE, 0xE0DD, 0)
    return item.pack(0xFFFE, 0xE000, 0) + item.pack(0xFFFE, 0xE000, len(data)) + data + end


def test_a_series_beyond_its_bytes_is_refused_and_one_within_is_read(tmp_path):
    ct_series(tmp_path)
    needed = 12 * 32 * 40 * 4
    assert open_study(tmp_path, settings=few(series_bytes_max=needed)).ct is not None
    said = refused(tmp_path, few(series_bytes_max=needed - 1))
    assert "PIX-002" in said
    assert "would need 0.0 GB, beyond the limit; nothing was allocated" in said


def test_a_study_beyond_its_bytes_is_refused_and_one_within_is_read(tmp_path):
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "pet")
    needed = 12 * 32 * 40 * 4 + 6 * 16 * 20 * 4
    assert open_study(tmp_path, settings=few(study_bytes_max=needed)).pets
    said = refused(tmp_path, few(study_bytes_max=needed - 1), kind=InputError)
    assert "PIX-002" in said
    assert f"together would need {needed / 1e9:.3g} GB, more than {needed / 1e9:.3g} GB" in said
    assert "(limits.study_bytes_max)" in said


def test_a_study_takes_at_most_half_of_the_memory_there_is(tmp_path, monkeypatch):
    ct_series(tmp_path)
    needed = 12 * 32 * 40 * 4
    monkeypatch.setattr(memory, "usable_bytes", lambda: 2 * needed)
    assert open_study(tmp_path).ct is not None
    monkeypatch.setattr(memory, "usable_bytes", lambda: 2 * needed - 2)
    assert "half of the memory there is" in refused(tmp_path, kind=InputError)


def test_the_memory_of_a_control_group_counts(tmp_path, monkeypatch):
    whole = memory.usable_bytes()
    assert whole > 1 << 28
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_CGROUP", limit)
    limit.write_text("123456789\n")
    assert memory.usable_bytes() == min(whole, 123456789)
    limit.write_text("max\n")
    assert memory.usable_bytes() >= whole


def test_headers_of_many_files_are_lean(tmp_path):
    """20,000 of them must leave room within 300 MB."""
    paths = ct_series(tmp_path, np.zeros((200, 4, 4)))
    index(tmp_path, SETTINGS)
    tracemalloc.start()
    found = index(tmp_path, SETTINGS)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.headers) == len(paths)
    assert held / len(paths) < 5_000
    assert peak / len(paths) < 8_000
