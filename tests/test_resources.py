"""Shipped data is found; what a file names never leads out of its folder."""

import pytest

from netimg.resources import inside, shipped


def test_shipped_data_is_found_and_what_is_missing_is_named():
    assert shipped("configs", "run.toml").is_file()
    with pytest.raises(FileNotFoundError, match="configs/nothing is not part of this installation"):
        shipped("configs", "nothing")


@pytest.mark.parametrize(
    "parts",
    [
        ("..",),
        ("..", "secret"),
        ("a", "..", "..", "secret"),
        ("/etc", "passwd"),
        ("link", "secret"),
    ],
)
def test_a_name_that_leads_out_is_no_path(tmp_path, parts):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret").touch()
    (root / "link").symlink_to(tmp_path)
    assert inside(root, parts) is None


def test_a_name_inside_is_its_real_path(tmp_path):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "file").touch()
    (root / "link").symlink_to("a")
    (tmp_path / "other").symlink_to(root)
    for start in (root, tmp_path / "other"):
        assert inside(start, ("link", "file")) == root / "a" / "file"
        assert inside(start, ("a", "..", "a", "not there")) == root / "a" / "not there"
    (root / "circle").symlink_to("circle")
    assert inside(root, ("circle",)) == root / "circle"
