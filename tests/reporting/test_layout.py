import os
import time

import pytest

from netimg.errors import OutputError
from netimg.reporting.layout import check_space, check_target, part_folder, write_atomic, write_file


def test_the_target_appears_only_when_the_part_folder_is_left(tmp_path):
    target = tmp_path / "deep" / "out"
    with part_folder(target) as root:
        write_file(root, "a/b.txt", "text")
        assert not target.exists()
    assert (target / "a" / "b.txt").read_text() == "text"
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_an_error_inside_removes_the_part_folder(tmp_path):
    def fill():
        with part_folder(tmp_path / "out") as root:
            write_file(root, "a.txt", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_files_get_the_mode_of_the_umask(tmp_path):
    with part_folder(tmp_path / "out") as root:
        write_file(root, "a.txt", "x")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o777 & ~umask
    assert (tmp_path / "out" / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_replacement_that_was_cut_in_two_is_rolled_back(tmp_path):
    old = tmp_path / ".netimg-old-out-0123abcd"
    old.mkdir()
    (old / "manifest.json").write_text("{}")
    with pytest.raises(OutputError, match="OUT-002"):
        check_target(tmp_path / "out", overwrite=False)
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert not old.exists()


def test_what_a_finished_replacement_left_is_cleared(tmp_path):
    old = tmp_path / ".netimg-old-out-0123abcd"
    old.mkdir()
    (tmp_path / "out").mkdir()
    check_target(tmp_path / "out", overwrite=False)
    assert not old.exists()


def test_part_folders_of_dead_processes_go_after_a_day_and_living_ones_stay(tmp_path):
    dead, fresh = (tmp_path / f".netimg-part-run-{pid}-ab" for pid in (999999998, 999999999))
    alive = tmp_path / f".netimg-part-run-{os.getpid()}-ab"
    for part in (dead, fresh, alive):
        part.mkdir()
    yesterday = time.time() - 25 * 3600
    for part in (dead, alive):
        os.utime(part, (yesterday, yesterday))
    with part_folder(tmp_path / "out"):
        pass
    assert not dead.exists()
    assert fresh.exists()
    assert alive.exists()


def test_a_file_in_place_of_the_folder_is_refused_and_kept(tmp_path):
    (tmp_path / "out").write_text("keep me")
    with pytest.raises(OutputError, match=r"OUT-002 .*it is a file"):
        check_target(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out").read_text() == "keep me"


def test_a_link_to_a_folder_is_followed(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    assert check_target(tmp_path / "link", overwrite=False) == real


def test_a_table_is_replaced_whole(tmp_path):
    path = tmp_path / "summary.csv"
    write_atomic(path, "old\n")
    write_atomic(path, "new\n")
    assert path.read_text() == "new\n"
    assert [p.name for p in tmp_path.iterdir()] == ["summary.csv"]


def test_too_little_space_is_said_before_work_begins(tmp_path):
    with pytest.raises(OutputError, match=r"OUT-003 .* GB are needed"):
        check_space(tmp_path / "out", 10**18)
    check_space(tmp_path / "out", 1)


def test_only_a_folder_that_netimg_wrote_can_be_replaced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for text in ('{"name": "A web application"}', '{"schema": "other/1"}', "[1]", "no JSON"):
        (out / "manifest.json").write_text(text)
        with pytest.raises(OutputError, match="only a netimg result can be replaced"):
            check_target(out, overwrite=True)
    (out / "manifest.json").write_text('{"schema": "netimg.manifest/1"}')  # cut short, but ours
    assert check_target(out, overwrite=True) == out.resolve()
