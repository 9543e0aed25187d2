"""``make gallery`` from CTs to a page, with a model whose answer is known."""

import math

import pytest

from netimg.geometry import Grid
from tests.make import dicom, gallery
from tests.make.segmenter import body_ct, write_model

pytestmark = pytest.mark.slow


@pytest.fixture
def cases(tmp_path, monkeypatch):
    """One CT of a body with a bright ellipsoid for a liver; the model that finds it."""
    models = tmp_path / "models"
    write_model(models)
    monkeypatch.setenv("NETIMG_MODELS", str(models))
    grid = Grid(shape=(40, 160, 192), spacing_mm=(5.0, 2.0, 2.0), origin_lps_mm=(0.0, 0.0, 0.0))
    values = body_ct(grid, (190.0, 160.0, 100.0), (60.0, 50.0, 60.0))
    dicom.ct_series(
        tmp_path / "in" / "CASE-1" / "image",
        values.round(),
        spacing_mm=grid.spacing_mm,
        first_lps_mm=grid.origin_lps_mm,
    )
    return tmp_path / "in"


def test_the_page_shows_each_case_with_its_figures_and_what_was_seen(
    cases, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(gallery.shutil, "which", lambda _: None)  # a machine without Chromium
    out = tmp_path / "gallery"
    out.mkdir()
    (out / "seen.toml").write_text('CASE-1 = "A bright egg, well outlined."\n', "utf-8")
    gallery.main(["--data", str(cases), "--out", str(out), "--model", "bright-net"])
    page = (out / "README.md").read_text("utf-8")
    assert "bright-net 1.0.0" in page
    assert "A bright egg, well outlined." in page
    row = next(line for line in page.splitlines() if line.startswith("| CASE-1 |"))
    liver_ml, *_, same, mean, _ = (float(cell) for cell in row.strip("| ").split("|")[1:])
    assert liver_ml == pytest.approx(4 / 3 * math.pi * 60 * 50 * 60 / 1000, rel=0.1)
    assert same > 0.95
    assert 90 < mean <= 110  # the model of 4 mm takes a little of what lies around
    for kind in ("axial", "coronal"):
        picture = out / f"CASE-1-{kind}.jpg"
        assert picture.read_bytes()[:2] == b"\xff\xd8"
        assert picture.stat().st_size < 600_000
    assert not (out / "report.png").exists()
    assert "no picture of the report" in capsys.readouterr().err
