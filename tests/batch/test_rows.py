"""Options of a whole batch, and those of one row of its list, reach the studies they are for."""

import csv

import nibabel
import numpy as np
import pytest

from netimg.cli.app import call
from netimg.reading import open_study
from tests.batch.conftest import document, table
from tests.make import dicom as make

QUICK = ["--outputs", "csv", "-j", "1"]


def listed(path, *rows):
    """A list with every column that a row names."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows({name: str(cell) for name, cell in row.items()} for row in rows)
    return str(path)


def results(out):
    """``results.json`` and ``manifest.json`` of each study by the first part of its label."""
    return {
        folder.name.rsplit("-", 1)[0]: (
            document(folder / "results.json"),
            document(folder / "manifest.json"),
        )
        for folder in (out / "studies").iterdir()
    }


def pet_of(found):
    return next(series for series in found[0]["series"] if series["kind"] == "PET")


def weightless(folder, name):
    """A PET that says neither a weight nor which tracer it shows."""
    make.pet_series(
        folder,
        study=name,
        patient=name,
        common={"PatientWeight": None},
        radiopharmaceutical={"Radiopharmaceutical": None, "RadiopharmaceuticalCodeSequence": None},
    )


def uneven(folder, name):
    """A CT with one step twice as wide, and a liver on the grid it is evened out to."""
    heights = np.array([0, 3, 6, 9, 15, 18, 21, 24, 27, 30, 33, 36], dtype=float)
    places = np.stack([np.full(12, -20.0), np.full(12, -16.0), heights], axis=1)
    make.ct_series(folder, study=name, patient=name, positions=places)
    grid = open_study(folder, overrides={"regrid": True}).ct.grid
    liver = np.zeros(grid.shape, dtype=np.uint8)
    liver[2:-2, 10:22, 12:28] = 1
    z, y, x = grid.spacing_mm
    affine = np.diag([-x, -y, z, 1.0])
    affine[:3, 3] = np.array(grid.origin_lps_mm) * (-1.0, -1.0, 1.0)
    path = folder.parent / f"{name}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(liver.transpose(2, 1, 0), affine), path)
    return path


@pytest.mark.slow
def test_each_row_of_a_list_is_read_as_it_says(tmp_path):
    """One CT to even out, one weight, one tracer; each told to its own study and to no other."""
    liver = uneven(tmp_path / "ct", "ct")
    make.pet_series(tmp_path / "heavy", study="heavy", patient="heavy")
    make.pet_series(tmp_path / "fdg", study="fdg", patient="fdg")
    rows = listed(
        tmp_path / "cohort.csv",
        {"input": tmp_path / "ct", "regrid": "yes", "liver_mask": liver, "no_lesions": "yes"},
        {"input": tmp_path / "heavy", "label": "Mr Heavy", "weight_kg": "145"},
        {"input": tmp_path / "fdg", "tracer": "fdg_f18"},
        {"input": tmp_path / "fdg", "label": "plain"},
    )
    out = tmp_path / "out"
    assert call(["batch", "--list", rows, "-o", str(out), *QUICK]) == 0
    found = results(out)
    assert set(found) == {"ct", "Mr_Heavy", "fdg", "plain"}
    assert "GEO-018" in {f["code"] for f in found["ct"][0]["series"][0]["flags"]}
    assert pet_of(found["Mr_Heavy"])["suv"]["weight_kg"] == 145.0
    assert pet_of(found["plain"])["suv"]["weight_kg"] == 72.5
    assert pet_of(found["fdg"])["tracer"] == "fdg_f18"
    assert pet_of(found["plain"])["tracer"] == "dotatate_ga68"
    assert "cohort.csv, line 3: --weight-kg=145" in found["Mr_Heavy"][1]["command"]
    assert found["fdg"][1]["config_hash"] != found["plain"][1]["config_hash"]
    assert found["fdg"][1]["input_fingerprint"] == found["plain"][1]["input_fingerprint"]
    assert call(["batch", rows, "-o", str(out), *QUICK]) == 0  # a .csv is known without --list
    assert {row["status"] for row in table(out / "summary.csv")} == {"done"}


def test_options_of_the_batch_hold_for_every_study_and_a_row_has_the_last_word(tmp_path):
    for name in ("one", "two"):
        weightless(tmp_path / name, name)
    rows = listed(
        tmp_path / "l.csv",
        {"input": tmp_path / "one"},
        {"input": tmp_path / "two", "weight_kg": "90"},
    )
    out, every = tmp_path / "out", ["--weight-kg", "60", "--tracer", "dotatoc_ga68"]
    assert call(["batch", rows, "-o", str(out), *QUICK, *every]) == 0
    found = results(out)
    weights = {name: pet_of(one)["suv"]["weight_kg"] for name, one in found.items()}
    assert weights == {"one": 60.0, "two": 90.0}
    assert {pet_of(one)["tracer"] for one in found.values()} == {"dotatoc_ga68"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"wieght_kg": "70"}, ["USE-001", "'wieght_kg'", "c.csv, line 1", "mean weight_kg?"]),
        ({"threads": "2"}, ["'threads' is no option of a single study", "c.csv, line 1"]),
        ({"weight_kg": "heavy"}, ["USE-001", "valid number", "--weight-kg", "c.csv, line 2"]),
        ({"weight_kg": "-5"}, ["--weight-kg -5 is not a number above 0", "c.csv, line 2"]),
        ({"tracer": "xx"}, ["--tracer 'xx' is not known", "c.csv, line 2"]),
        ({"regrid": "maybe"}, ["regrid 'maybe' is neither yes nor no", "c.csv, line 2"]),
        ({"no_lesions": "yes"}, ["USE-002", "--no-lesions needs a liver mask", "c.csv, line 2"]),
        ({"profile": "CYTO-71"}, ["CRIT-002", "c.csv, line 2"]),
        ({"input": ""}, ["the cell of input is empty", "c.csv, line 2"]),
    ],
)
def test_a_list_is_refused_with_column_and_line_before_any_work(tmp_path, capsys, row, words):
    rows = listed(tmp_path / "c.csv", {"input": "x", "label": "x"} | row)
    assert call(["batch", rows, "-o", str(tmp_path / "out"), *QUICK]) == 2
    said = capsys.readouterr().err
    assert [word for word in words if word not in said] == []
    assert not (tmp_path / "out").exists()


def test_a_row_that_says_something_speaks_of_one_study(tmp_path):
    for name in ("one", "two"):
        make.pet_series(tmp_path / "in", study=name, patient=name, names=name + "{:04d}.dcm")
    out = tmp_path / "out"
    rows = listed(
        tmp_path / "l.csv",
        {"input": tmp_path / "in", "label": "which", "weight_kg": "70"},
        {"input": tmp_path / "in", "label": "second", "weight_kg": "70", "study": "2"},
    )
    assert call(["batch", rows, "-o", str(out), *QUICK]) == 5
    (failed,) = table(out / "failed.csv")
    assert (failed["code"], failed["where"]) == ("USE-003", "l.csv, line 2")
    assert failed["what"].startswith("2 studies")
    assert "column study" in failed["todo"]
    assert list(results(out)) == ["second"]


def test_two_rows_that_contradict_each_other_are_refused(tmp_path, capsys):
    make.pet_series(tmp_path / "in")
    rows = [{"input": tmp_path / "in", "weight_kg": kg} for kg in ("70", "80")]
    path, out = listed(tmp_path / "l.csv", *rows), tmp_path / "out"
    assert call(["batch", path, "-o", str(out), *QUICK]) == 2
    assert "l.csv, line 2 and l.csv, line 3 ask different things" in capsys.readouterr().err


def test_a_list_of_failures_is_a_list_of_what_to_try_again(tmp_path):
    weightless(tmp_path / "in" / "ann", "ann")
    make.pet_series(tmp_path / "in" / "bob", study="bob", patient="bob")
    out = ["-o", str(tmp_path / "out"), *QUICK, "--require", "suv"]
    assert call(["batch", str(tmp_path / "in"), *out]) == 5
    failed = str(tmp_path / "out" / "failed.csv")
    label = table(tmp_path / "out" / "failed.csv")[0]["label"]
    again = [*out, "--retry-failed", "--weight-kg", "70"]
    assert call(["batch", "--list", failed, *again]) == 0
    assert (tmp_path / "out" / "studies" / label).is_dir()
    assert table(tmp_path / "out" / "failed.csv") == []


def test_without_an_input_or_a_list_there_is_nothing_to_run(tmp_path, capsys):
    assert call(["batch", "-o", str(tmp_path / "out")]) == 2
    assert "no INPUT, and no row in a list" in capsys.readouterr().err
    (tmp_path / "l.txt").write_text("\n", "utf-8")
    assert call(["batch", "--list", str(tmp_path / "l.txt"), "-o", str(tmp_path / "out")]) == 2
