"""Every file is found once, nothing outside is opened, archives are counted while unpacked."""

import ast
import os
import socket
import stat
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netimg.errors import InputError
from netimg.reading import walk as walk_module
from netimg.reading.filebytes import FileBytes
from netimg.reading.index import index
from netimg.reading.walk import Archives, Found, content, count, found_file, open_found, walk
from netimg.settings import Settings
from netimg.study import SetAside
from tests.make.dicom import ct_series

SETTINGS = Settings.shipped()


def few(**limits):
    """Settings with smaller budgets."""
    return SETTINGS.with_values({f"limits.{k}": v for k, v in limits.items()}, layer="test")


def files(root, settings=SETTINGS):
    return [file for file in walk(root, settings) if isinstance(file, Found)]


def aside(root, settings=SETTINGS):
    """Code and sentence of what is set aside, by name."""
    found = (item for item in walk(root, settings) if isinstance(item, SetAside))
    return {item.path: (item.code, item.sentence) for item in found}


def refused(root, settings=SETTINGS):
    with pytest.raises(InputError) as caught:
        list(walk(root, settings))
    return caught.value.code.id, caught.value.what


def zipped(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_folder_of_any_depth_is_walked_in_order_of_names(tmp_path):
    for name in ("b/c/d/2", "b/1", "b-c", "b.c", "a", "b/c.d"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    names = [f.name for f in files(tmp_path)]
    assert names == ["a", "b-c", "b.c", "b/1", "b/c.d", "b/c/d/2"]
    assert names == sorted(names, key=os.fsencode)
    assert count(tmp_path, SETTINGS) == 6


def test_a_walk_is_a_stream(tmp_path):
    for n in range(1000):
        (tmp_path / f"folder{n // 100}").mkdir(exist_ok=True)
        (tmp_path / f"folder{n // 100}" / f"{n}").touch()
    stream = walk(tmp_path, SETTINGS)
    tracemalloc.start()
    assert sum(1 for _ in stream) == 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150_000  # a list of all files would be ten times that


def test_pipes_sockets_and_devices_are_never_opened(tmp_path):
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()  # noqa: PTH109  # a socket's path must be short
        os.chdir(tmp_path)
        server.bind("socket")
        os.chdir(here)
    began = time.monotonic()
    assert [f.name for f in files(tmp_path)] == ["file"]
    assert time.monotonic() - began < 1  # opening a pipe would wait for ever
    assert aside(tmp_path) == {
        "pipe": ("IDX-006", "pipe is a pipe and was not opened."),
        "socket": ("IDX-006", "socket is a socket and was not opened."),
    }
    found = index(tmp_path, SETTINGS)
    assert found.count == len(found.set_aside) == 3


def test_a_device_is_not_opened(tmp_path):
    (tmp_path / "file").write_text("x")
    try:
        os.mknod(tmp_path / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("needs the right to make a device file")
    assert aside(tmp_path) == {"zero": ("IDX-006", "zero is a device and was not opened.")}


def test_links_leading_out_and_to_nothing_are_not_opened(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("x")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "root-too").mkdir()
    (tmp_path / "root-too" / "secret").write_text("x")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "out folder").symlink_to(tmp_path / "root-too")
    (root / "up").symlink_to("../secret")
    (root / "nothing").symlink_to("not there")
    (root / "circle").symlink_to("circle")
    assert [f.name for f in files(root)] == ["file"]
    assert aside(root) == {
        "circle": ("IDX-006", "circle is a link to nothing and was not opened."),
        "nothing": ("IDX-006", "nothing is a link to nothing and was not opened."),
        "out": ("IDX-006", "out is a link leading out of the folder and was not opened."),
        "out folder": (
            "IDX-006",
            "out folder is a link leading out of the folder and was not opened.",
        ),
        "up": ("IDX-006", "up is a link leading out of the folder and was not opened."),
    }


def test_what_is_reached_twice_is_read_once_and_said(tmp_path):
    root = tmp_path / "root"
    (root / "b" / "c").mkdir(parents=True)
    (root / "b" / "file").write_text("x")
    (root / "b" / "c" / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "b" / "file")
    (root / "same").symlink_to("b", target_is_directory=True)
    os.link(root / "b" / "file", root / "z hard")
    assert [f.name for f in files(root)] == ["b/file"]
    twice = "was reached twice, once through the link"
    assert aside(root) == {
        "again": ("IDX-007", f"b/file {twice} again, and read once."),
        "b/c/loop": ("IDX-007", f"root {twice} b/c/loop, and read once."),
        "same": ("IDX-007", f"b {twice} same, and read once."),
        "z hard": ("IDX-007", "b/file and z hard are one file with two names; it was read once."),
    }


def test_a_study_is_the_same_however_many_links_lead_to_it(tmp_path):
    ct_series(tmp_path / "ct")
    plain = [h.file.name for h in index(tmp_path, SETTINGS).headers]
    (tmp_path / "ct" / "loop").symlink_to(tmp_path)
    (tmp_path / "also").symlink_to(tmp_path / "ct")
    os.link(tmp_path / "ct" / "IM0001.dcm", tmp_path / "ct" / "one more")
    found = index(tmp_path, SETTINGS)
    assert [h.file.name for h in found.headers] == plain
    assert [item.code for item in found.set_aside] == ["IDX-007"] * 3
    assert found.count == len(plain) + 3


def test_a_folder_given_by_a_link_is_read(tmp_path):
    ct_series(tmp_path / "ct")
    (tmp_path / "link").symlink_to(tmp_path / "ct")
    assert len(index(tmp_path / "link", SETTINGS).headers) == 12
    (tmp_path / "one").symlink_to(tmp_path / "ct" / "IM0003.dcm")
    assert len(index(tmp_path / "one", SETTINGS).headers) == 1


def test_an_empty_folder_and_a_missing_path_are_refused(tmp_path):
    for path, code in ((tmp_path, "IDX-001"), (tmp_path / "nothing", "IDX-002")):
        with pytest.raises(InputError) as caught:
            index(path, SETTINGS)
        assert caught.value.code.id == code
        assert caught.value.exit_code == 3


def test_a_path_that_is_not_there_says_so(tmp_path):
    with pytest.raises(InputError, match=r"nothing does not exist\."):
        index(tmp_path / "nothing", SETTINGS)


def test_a_pipe_given_itself_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe")[0] == "IDX-002"


def test_a_text_file_is_no_study(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("dear colleague\n" * 50)
    with pytest.raises(InputError, match=r"letter\.txt is not a folder, a zip or a DICOM file"):
        index(path, SETTINGS)


def test_folders_beyond_the_depth_are_refused(tmp_path):
    path = tmp_path
    for _ in range(5):
        path /= "d"
    path.mkdir(parents=True)
    (path / "file").write_text("x")
    code, what = refused(tmp_path, few(depth_max=3))
    assert code == "IDX-017"
    assert "d/d/d/d is beyond the limits (more than 3 folders deep, limits.depth_max)" in what
    assert len(files(tmp_path, few(depth_max=5))) == 1


def test_too_many_files_are_refused_before_one_is_opened(tmp_path):
    for n in range(6):
        os.mkfifo(tmp_path / str(n))
    with pytest.raises(InputError) as caught:
        index(tmp_path, few(files_max=5))
    assert caught.value.code.id == "IDX-017"
    assert "more than 5 files, limits.files_max" in caught.value.what
    assert count(tmp_path, few(files_max=6)) == 6


def test_members_of_archives_count_as_files(tmp_path):
    for n in range(3):
        zipped(tmp_path / f"{n}.zip", {"a": b"x", "b": b"x"})
    assert count(tmp_path, SETTINGS) == 3
    assert index(tmp_path, few(files_max=6)).count == 6
    with pytest.raises(InputError, match=r"more than 5 files, limits\.files_max"):
        index(tmp_path, few(files_max=5))


def test_a_folder_that_may_not_be_read_is_set_aside_and_the_others_are_read(tmp_path, monkeypatch):
    for name in ("a/1", "locked/2", "z/3"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x")
    plain = os.scandir

    def scandir(path):
        if os.fspath(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)  # tests may run with all rights
    assert [f.name for f in files(tmp_path)] == ["a/1", "z/3"]
    assert aside(tmp_path) == {
        "locked": ("IDX-003", "locked could not be read (Permission denied)."),
    }
    assert index(tmp_path, SETTINGS).count == 3


def test_a_path_beyond_its_length_is_set_aside(tmp_path):
    (tmp_path / ("n" * 200)).write_text("x")
    (tmp_path / "file").write_text("x")
    most = len(os.fsencode(tmp_path)) + 100
    assert [f.name for f in files(tmp_path, few(path_bytes_max=most))] == ["file"]
    ((code, sentence),) = aside(tmp_path, few(path_bytes_max=most)).values()
    assert code == "IDX-017"
    assert f"a path of more than {most} bytes, limits.path_bytes_max" in sentence


def test_names_in_any_bytes_are_walked(tmp_path):
    raw = os.fsencode(tmp_path) + b"/\xff\xfe\x1b[2J.dcm"
    (path, *_) = ct_series(tmp_path / "ct")
    os.rename(path, raw)  # noqa: PTH104  # a name that is no text
    found = index(tmp_path, SETTINGS)
    assert len(found.headers) == 12
    (odd,) = [h.file for h in found.headers if "/" not in h.file.name]
    assert odd.name == "\\udcff\\udcfe\\x1b[2J.dcm"  # nothing that a terminal would obey
    with content(odd, SETTINGS) as data:
        assert data[128:132] == b"DICM"


def test_a_file_that_vanishes_is_set_aside(tmp_path):
    paths = ct_series(tmp_path)
    stream = walk(tmp_path, SETTINGS)
    first = next(stream)
    paths[0].unlink()
    with pytest.raises(InputError) as caught:
        open_found(first)
    assert caught.value.code.id == "IDX-003"
    assert "IM0001.dcm could not be read (No such file or directory)" in caught.value.what
    paths[5].unlink()  # after its folder was listed
    rest = list(stream)
    assert [item.code for item in rest if isinstance(item, SetAside)] == ["IDX-003"]
    assert len(rest) == 11


def test_a_file_that_changed_since_it_was_found_is_not_read(tmp_path):
    (path, *_) = ct_series(tmp_path)
    size = path.stat().st_size
    file = found_file(path.name, path)
    with content(file, SETTINGS) as data:
        assert len(data) == size
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError) as caught, content(file, SETTINGS):
        pass
    assert caught.value.code.id == "IDX-003"
    assert f"it changed while being read: {size} bytes before, {size - 100} now" in (
        caught.value.what
    )
    file = found_file(path.name, path)
    os.utime(path, ns=(0, 0))
    with pytest.raises(InputError, match="changed while being read"), content(file, SETTINGS):
        pass


def test_a_file_that_grows_while_it_is_read_is_not_believed(tmp_path):
    (path, *_) = ct_series(tmp_path)
    with (
        pytest.raises(InputError, match="changed while being read"),
        content(found_file(path.name, path), SETTINGS),
        path.open("ab") as more,
    ):
        more.write(b"more")


def test_a_file_that_is_cut_while_it_is_read_costs_this_file_alone(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(bytes(8 << 20))
    with open_found(found_file(path.name, path)) as stream:
        data = FileBytes(stream.fileno(), 8 << 20, path.name)
        os.truncate(path, 1 << 20)
        with pytest.raises(InputError, match="became shorter while being read"):
            data[4 << 20 : 5 << 20]  # a mapped file would end the process here


def test_a_link_put_in_place_of_a_file_is_not_followed(tmp_path):
    (path, *_) = ct_series(tmp_path / "ct")
    file = found_file(path.name, path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError) as caught:
        open_found(file)
    assert caught.value.code.id == "IDX-003"


def test_a_pipe_put_in_place_of_a_file_is_not_waited_for(tmp_path):
    (path, *_) = ct_series(tmp_path / "ct")
    file = found_file(path.name, path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="it is no longer a file"):
        open_found(file)


def test_slices_of_a_file_are_those_of_its_bytes(tmp_path):
    path = tmp_path / "bytes"
    raw = os.urandom(3 << 20)
    path.write_bytes(raw)
    with content(found_file(path.name, path), SETTINGS) as data:
        assert len(data) == len(raw)
        for start, stop in ((0, 8), (5, 70_000), (1 << 20, 3 << 20), (9, 9), (100, 50), (7, 9)):
            assert data[start:stop] == raw[start:stop]
        assert data[len(raw) - 3 :] == raw[-3:]
        assert data[-2:] == raw[-2:]
        assert data[len(raw) : len(raw) + 8] == b""
        assert data[len(raw) - 2 : len(raw) + 8] == raw[-2:]
        assert (data[0], data[-1], data[2 << 20]) == (raw[0], raw[-1], raw[2 << 20])
        with pytest.raises(IndexError):
            data[len(raw)]


@given(
    size=st.integers(0, 200_000),
    places=st.lists(st.tuples(st.integers(0, 210_000), st.integers(0, 70_000)), max_size=12),
)
def test_any_slices_of_a_file_in_any_order_are_those_of_its_bytes(tmp_path_factory, size, places):
    path = tmp_path_factory.mktemp("bytes") / "file"
    raw = bytes(n * 7 % 251 for n in range(size))
    path.write_bytes(raw)
    with content(found_file(path.name, path), SETTINGS) as data:
        for start, length in places:
            assert data[start : start + length] == raw[start : start + length]


def test_a_zip_that_was_copied_incompletely_is_damaged(tmp_path):
    whole = zipped(tmp_path / "whole.zip", {"a": os.urandom(4000), "b": b"b" * 4000})
    assert [f.name for f in files(whole)] == ["a", "b"]
    root = tmp_path / "root"
    root.mkdir()
    (root / "cut.zip").write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(InputError) as caught:
        list(walk(root / "cut.zip", SETTINGS))
    assert caught.value.code.id == "IDX-009"
    assert "The archive cut.zip is damaged" in caught.value.what
    assert "Copy it again" in caught.value.todo
    assert aside(root)["cut.zip"][0] == "IDX-009"


def test_members_are_read_through_and_never_written_out(tmp_path):
    paths = ct_series(tmp_path / "ct")
    members = {f"a/{p.name}": p.read_bytes() for p in paths}
    archive = zipped(tmp_path / "study.zip", members | {"notes.txt": b"hello " * 40})
    before = set(tmp_path.rglob("*"))
    found = index(archive, SETTINGS)
    assert len(found.headers) == len(paths)
    assert found.count == len(paths) + 1
    assert [a.code for a in found.set_aside] == ["IDX-004"]
    assert set(tmp_path.rglob("*")) == before
    archive.rename(tmp_path / "study.dcm")  # its name decides nothing
    assert len(index(tmp_path / "study.dcm", SETTINGS).headers) == len(paths)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:/x", "C:x", "..\\x", "\\x"])
def test_an_archive_with_a_name_that_leads_out_is_not_opened(tmp_path, name):
    archive = zipped(tmp_path / "study.zip", {"fine": b"x", name: b"x"})
    code, what = refused(archive)
    assert code == "IDX-009"
    assert what == f"The archive was not opened: {name} leads out of the folder."
    assert aside(tmp_path)["study.zip"] == (code, what)
    assert files(zipped(tmp_path / "study.zip", {"fine": b"x", "a..b/c": b"x"}))


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
    ((path, code, sentence),) = [(a.path, a.code, a.sentence) for a in found.set_aside]
    assert (path, code) == ("outer.zip/inner.zip", "IDX-004")
    assert "an archive inside an archive" in sentence
    assert len(index(root / "outer.zip", SETTINGS).headers) == 1


def bomb(path, megabytes):
    """A zip with one member that calls itself DICOM and goes on with zeros."""
    (one, *_) = ct_series(path.parent / "for bomb")
    return zipped(path, {"zeros": one.read_bytes() + bytes(megabytes << 20)})


def test_a_bomb_stops_while_it_unpacks(tmp_path):
    archive = bomb(tmp_path / "bomb.zip", 120)
    (file,) = files(archive)
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(InputError) as caught, content(file, SETTINGS):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - began < 5
    assert peak < 80 << 20
    assert caught.value.code.id == "IDX-009"
    assert "zeros unpacks to more than 64 MB from 12" in caught.value.what


def test_a_bomb_in_a_folder_costs_its_archive_alone(tmp_path):
    root = tmp_path / "root"
    ct_series(root / "ct")
    bomb(tmp_path / "bomb.zip", 80).rename(root / "bomb.zip")
    found = index(root, SETTINGS)
    assert len(found.headers) == 12
    assert [(a.path, a.code) for a in found.set_aside] == [("bomb.zip/zeros", "IDX-009")]
    with pytest.raises(InputError, match="IDX-009"):
        index(root / "bomb.zip", SETTINGS)


def test_many_members_of_zeros_are_left_after_their_first_bytes(tmp_path):
    zeros = bytes(50 << 20)
    archive = zipped(tmp_path / "zeros.zip", {f"{n:02}": zeros for n in range(6)})
    tracemalloc.start()
    began = time.monotonic()
    found = index(archive, SETTINGS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {item.code for item in found.set_aside} == {"IDX-004"}
    assert found.count == 6
    assert time.monotonic() - began < 1
    assert peak < 4 << 20


def test_what_all_members_unpack_to_is_counted_together(tmp_path):
    (path, *_) = ct_series(tmp_path / "ct")
    raw = path.read_bytes()
    members = {str(n): raw + os.urandom((3 << 20) - len(raw)) for n in range(4)}
    archive = zipped(tmp_path / "many.zip", members)
    with pytest.raises(InputError) as caught:
        index(archive, few(zip_bytes_max=8 << 20))
    assert caught.value.code.id == "IDX-009"
    assert "more than 0.00839 GB, limits.zip_bytes_max" in caught.value.what
    with Archives(SETTINGS) as archives:
        for file in files(archive)[:2]:
            with content(file, SETTINGS, archives):
                pass
    assert archives.unpacked == {archive: 6 << 20}
    (kept,) = index(archive, few(zip_bytes_max=12 << 20)).headers
    assert kept.file.name == "0"


def test_each_archive_has_its_own_limit(tmp_path):
    paths = ct_series(tmp_path / "ct")
    size = paths[0].stat().st_size
    root = tmp_path / "root"
    root.mkdir()
    for n in range(4):
        zipped(root / f"{n}.zip", {p.name: p.read_bytes() for p in paths[n * 3 : n * 3 + 3]})
    assert len(index(root, few(zip_bytes_max=4 * size)).headers) == 12
    zipped(
        root / "0.zip", {p.name: p.read_bytes() for p in paths[:3]} | {"4": paths[0].read_bytes()}
    )
    found = index(root, few(zip_bytes_max=int(3.5 * size)))
    assert len(found.headers) == 9
    assert found.count == 13


def test_half_an_archive_is_none(tmp_path):
    """What was read before an archive is refused is not used as if it were all."""
    root = tmp_path / "root"
    root.mkdir()
    paths = ct_series(tmp_path / "ct")
    size = paths[0].stat().st_size
    zipped(root / "study.zip", {p.name: p.read_bytes() for p in paths})
    found = index(root, few(zip_bytes_max=int(7.5 * size)))
    assert found.headers == ()
    assert found.count == len(found.set_aside) == 12
    assert {item.code for item in found.set_aside} == {"IDX-009"}
    assert len(index(root, few(zip_bytes_max=12 * size)).headers) == 12


def test_too_many_members_are_refused(tmp_path):
    archive = zipped(tmp_path / "many.zip", {str(n): b"" for n in range(12)})
    code, what = refused(archive, few(zip_members_max=10))
    assert code == "IDX-009"
    assert "more than 10 files, limits.zip_members_max" in what
    assert len(files(archive, few(zip_members_max=12))) == 12


def test_a_table_of_very_many_members_is_refused_before_it_is_held(tmp_path):
    head = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, *[0] * 6)
    n = 60_000
    table = (head + b"x") * n
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(table), 0, 0)
    (tmp_path / "lie.zip").write_bytes(table + end)
    tracemalloc.start()
    began = time.monotonic()
    code, what = refused(tmp_path / "lie.zip", few(zip_members_max=20_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == "IDX-009"
    assert "more than 20000 files" in what
    assert peak < 1 << 20
    assert time.monotonic() - began < 5


def test_long_names_of_members_are_refused(tmp_path):
    archive = zipped(tmp_path / "long.zip", {"n" * 1025: b"x"})
    code, what = refused(archive)
    assert code == "IDX-009"
    assert "a name of 1025 bytes is longer than 1024, limits.zip_name_bytes_max" in what
    assert files(zipped(tmp_path / "long.zip", {"n" * 1024: b"x"}))


def test_a_broken_table_of_contents_is_refused(tmp_path):
    archive = zipped(tmp_path / "broken.zip", {str(n): b"" for n in range(12)})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 1] = 0
    archive.write_bytes(bytes(raw))
    assert refused(archive)[0] == "IDX-009"


def test_two_members_of_one_name_are_refused(tmp_path):
    archive = tmp_path / "double.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            out.writestr("a", b"2")
    code, what = refused(archive)
    assert code == "IDX-009"
    assert "two files of one name" in what


def test_overlapping_members_are_refused(tmp_path):
    archive = zipped(
        tmp_path / "over.zip", {"a": os.urandom(500), "b": os.urandom(500)}, zipfile.ZIP_STORED
    )
    assert len(files(archive)) == 2
    raw = bytearray(archive.read_bytes())
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<I", 0)  # both begin where the first does
    archive.write_bytes(bytes(raw))
    code, what = refused(archive)
    assert code == "IDX-009"
    assert "its parts overlap" in what


def test_encrypted_members_are_set_aside(tmp_path):
    (path, *_) = ct_series(tmp_path / "ct")
    archive = zipped(tmp_path / "locked.zip", {"locked": b"secret" * 9, "ct": path.read_bytes()})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # general purpose bit 0 of the first entry
    archive.write_bytes(bytes(raw))
    assert aside(archive) == {"locked": ("IDX-019", "locked is encrypted.")}
    assert [f.name for f in files(archive)] == ["ct"]


def test_a_large_archive_with_64_bit_places_is_read(tmp_path):
    paths = ct_series(tmp_path / "ct")
    archive = tmp_path / "large.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in paths:
            with out.open(path.name, "w", force_zip64=True) as member:
                member.write(path.read_bytes())
    raw = archive.read_bytes()
    at = raw.rindex(b"PK\x05\x06")
    n, size, offset = struct.unpack_from("<HII", raw, at + 10)
    end_64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, n, n, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    archive.write_bytes(raw[:at] + end_64 + locator + end)
    assert len(index(archive, SETTINGS).headers) == 12


def test_an_archive_that_changed_since_it_was_found_is_not_read(tmp_path):
    (path, *_) = ct_series(tmp_path / "ct")
    archive = zipped(tmp_path / "study.zip", {"a": path.read_bytes()})
    (file,) = files(archive)
    os.utime(archive, ns=(0, 0))
    with pytest.raises(InputError, match="changed while being read"), content(file, SETTINGS):
        pass


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


READERS = {
    "archive.py": "members of an archive that is open",
    "facts_file.py": "a file that was typed",
    "memory.py": "a file of the system",
    "walk.py": "files that were found",
}


def test_only_the_walk_opens_files_of_an_input():
    """No other module of reading may open what a file, a zip or an index names."""
    opens = {"open", "read_bytes", "read_text", "fromfile", "memmap"}
    folder = Path(walk_module.__file__).parent
    found = set()
    for path in (*folder.glob("*.py"), *folder.glob("decode/*.py"), *folder.glob("suv/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in opens:
                    found.add((path.name, name))
    assert {file for file, name in found if name != "fromfile"} == set(READERS)
    assert {file for file, name in found if name == "fromfile"} <= {"pixels.py"}
