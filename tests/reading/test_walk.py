"""Every file is found once, nothing outside is opened, archives are counted while unpacked."""

import os
import zipfile

import pytest

from netimg.errors import InputError
from netimg.reading.index import index
from netimg.reading.walk import Archives, content, walk
from netimg.settings import Settings
from tests.make.dicom import ct_series

SETTINGS = Settings.shipped()


def test_a_folder_of_any_depth_is_walked_in_order_of_names(tmp_path):
    for name in ("b/c/d/2", "b/1", "a"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert [f.name for f in walk(tmp_path, SETTINGS).found] == ["a", "b/1", "b/c/d/2"]


def test_pipes_and_links_leading_out_are_set_aside_and_loops_end(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("x")
    (tmp_path / "secret").write_text("x")
    os.mkfifo(root / "pipe")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "file")
    found = walk(root, SETTINGS)
    assert len(found.found) == 1
    reasons = {item.path: (item.code, item.sentence) for item in found.set_aside}
    assert set(reasons) == {"out", "pipe"}
    assert reasons["pipe"][0] == "IDX-006"
    assert "pipe" in reasons["pipe"][1]
    assert "leading out" in reasons["out"][1]


def test_an_empty_folder_and_a_missing_path_are_refused(tmp_path):
    for path, code in ((tmp_path, "IDX-001"), (tmp_path / "nothing", "IDX-002")):
        with pytest.raises(InputError) as caught:
            walk(path, SETTINGS)
        assert caught.value.code.id == code
        assert caught.value.exit_code == 3


def test_a_path_that_is_not_there_says_so(tmp_path):
    with pytest.raises(InputError, match=r"nothing does not exist\."):
        walk(tmp_path / "nothing", SETTINGS)


def test_a_zip_that_was_copied_incompletely_is_damaged(tmp_path):
    whole = zipped(tmp_path / "whole.zip", {"a": os.urandom(4000), "b": b"b" * 4000})
    root = tmp_path / "root"
    root.mkdir()
    (root / "cut.zip").write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(InputError) as caught:
        walk(root / "cut.zip", SETTINGS)
    assert caught.value.code.id == "IDX-009"
    assert "The archive cut.zip is damaged" in caught.value.what
    assert "Copy it again" in caught.value.todo
    (item,) = walk(root, SETTINGS).set_aside
    assert (item.path, item.code) == ("cut.zip", "IDX-009")


def test_a_text_file_is_no_study(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("dear colleague\n" * 50)
    with pytest.raises(InputError, match=r"letter\.txt is not a folder, a zip or a DICOM file"):
        index(path, SETTINGS)


def zipped(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_members_are_read_through_and_never_written_out(tmp_path):
    paths = ct_series(tmp_path / "ct")
    files = {f"../../{p.name}": p.read_bytes() for p in paths}
    archive = zipped(tmp_path / "study.zip", files | {"notes.txt": b"hello " * 40})
    before = set(tmp_path.rglob("*"))
    found = index(archive, SETTINGS)
    assert len(found.headers) == len(paths)
    assert found.count == len(paths) + 1
    assert [a.code for a in found.set_aside] == ["IDX-004"]
    assert set(tmp_path.rglob("*")) == before


def test_a_zip_inside_a_folder_is_read_and_one_inside_a_zip_is_not(tmp_path):
    paths = ct_series(tmp_path / "ct")
    inner = zipped(tmp_path / "inner.zip", {"a": paths[0].read_bytes()})
    root = tmp_path / "root"
    root.mkdir()
    zipped(
        root / "outer.zip",
        {"ct.dcm": paths[1].read_bytes(), "inner.zip": inner.read_bytes()},
    )
    (root / "plain.dcm").write_bytes(paths[2].read_bytes())
    found = index(root, SETTINGS)
    assert [h.file.name for h in found.headers] == ["outer.zip/ct.dcm", "plain.dcm"]
    assert [(a.path, a.code) for a in found.set_aside] == [("outer.zip/inner.zip", "IDX-004")]


def test_a_bomb_stops_while_it_unpacks(tmp_path):
    archive = zipped(tmp_path / "bomb.zip", {"zeros": bytes(80 << 20)})
    (file,) = walk(archive, SETTINGS).found
    with pytest.raises(InputError) as caught, content(file, SETTINGS):
        pass
    assert caught.value.code.id == "IDX-009"
    assert "zeros unpacks to more than" in caught.value.what


def test_what_all_members_unpack_to_is_counted_together(tmp_path):
    archive = zipped(tmp_path / "many.zip", {str(n): os.urandom(3 << 20) for n in range(4)})
    few = SETTINGS.with_values({"limits.zip_bytes_max": 8 << 20}, layer="test")
    with pytest.raises(InputError) as caught:
        index(archive, few)
    assert caught.value.code.id == "IDX-009"
    with Archives(SETTINGS) as archives:
        for file in walk(archive, SETTINGS).found[:2]:
            with content(file, SETTINGS, archives):
                pass
    assert archives.unpacked == 6 << 20


def test_too_many_members_and_broken_archives_are_refused(tmp_path):
    archive = zipped(tmp_path / "many.zip", {str(n): b"" for n in range(12)})
    few = SETTINGS.with_values({"limits.zip_members_max": 10}, layer="test")
    with pytest.raises(InputError, match="12 files, more than 10"):
        walk(archive, few)
    broken = tmp_path / "broken.zip"
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 1] = 0
    broken.write_bytes(bytes(raw))
    with pytest.raises(InputError) as caught:
        walk(broken, SETTINGS)
    assert caught.value.code.id == "IDX-009"


def test_encrypted_members_are_set_aside(tmp_path):
    (path, *_) = ct_series(tmp_path / "ct")
    archive = zipped(tmp_path / "locked.zip", {"locked": b"secret" * 9, "ct": path.read_bytes()})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # general purpose bit 0 of the first entry
    archive.write_bytes(bytes(raw))
    found = walk(archive, SETTINGS)
    assert [(a.path, a.code) for a in found.set_aside] == [("locked", "IDX-019")]
    assert [f.name for f in found.found] == ["ct"]


def test_folders_beyond_the_depth_are_refused(tmp_path):
    path = tmp_path
    for _ in range(5):
        path /= "d"
    path.mkdir(parents=True)
    (path / "file").write_text("x")
    shallow = SETTINGS.with_values({"limits.depth_max": 3}, layer="test")
    with pytest.raises(InputError, match="more than 3 folders deep"):
        walk(tmp_path, shallow)


def test_a_damaged_member_is_set_aside_and_the_others_are_read(tmp_path):
    paths = ct_series(tmp_path / "ct")
    archive = zipped(
        tmp_path / "study.zip", {p.name: p.read_bytes() for p in paths}, zipfile.ZIP_STORED
    )
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"IM0004.dcm") + 2000] ^= 0xFF
    archive.write_bytes(bytes(raw))
    found = index(archive, SETTINGS)
    assert len(found.headers) == len(paths) - 1
    ((code, sentence),) = [(a.code, a.sentence) for a in found.set_aside]
    assert code == "IDX-003"
    assert "CRC" in sentence
