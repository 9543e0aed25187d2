"""What a person reads of `netimg inspect`, from real files."""

import re

from netimg.reading.studies import survey_study
from netimg.reading.summary import inspect_tree
from netimg.reporting.words.inspection import inspect_lines
from tests.make.dicom import bend, body, ct_series, pet_series


def lines_of(folder, **options):
    return list(inspect_lines(inspect_tree(survey_study(folder, **options))))


def test_a_ct_and_a_pet_are_told_with_geometry_phase_tracer_choice_and_suv(tmp_path):
    ct_series(tmp_path / "ct", body((12, 32, 40)))
    pet_series(tmp_path / "pet")
    lines = lines_of(tmp_path)
    assert lines[0] == "study  2024-03-10, 10:00"
    row = next(line for line in lines if line.startswith("1   CT"))
    for part in ("portal venous", "12", "3 x 2 x 2", "axial", "portal venous phase", "the CT"):
        assert part in row
    assert "used  series 1 as the CT" in lines
    assert "used  series 2 as SSTR PET" in lines
    (suv,) = [line for line in lines if line.startswith("SUV  series 2")]
    assert suv.startswith("SUV  series 2: yes, SUV by body weight; ")
    assert suv.endswith("63 min after injection")
    assert lines[-1] == "18 files = 18 in series + 0 set aside"


def test_a_pet_without_weight_says_no_and_what_to_type(tmp_path):
    for path in pet_series(tmp_path):
        bend(path, PatientWeight=None)
    assert (
        "SUV  series 1: no. SUV-001 The patient's weight is missing; SUV needs it. "
        "Give it with --weight-kg."
    ) in lines_of(tmp_path)


def test_where_nothing_can_be_used_that_is_said_first(tmp_path):
    ct_series(tmp_path / "a", body((2, 32, 40)))
    lines = lines_of(tmp_path)
    assert "used  nothing: no CT and no PET here can be used" in lines
    assert 'GEO-010  2 files set aside: Series 1 "portal venous" has only 2 slices.' in lines
    ct_series(tmp_path / "b", body((5, 32, 40)), name="b")
    lines = lines_of(tmp_path)
    assert "used  nothing: no series here is measured unasked" in lines
    (why,) = [line for line in lines if line.startswith("not used  series")]
    assert "only 5 slices, and at least 10 are needed (take it with --ct 2)" in why


def test_a_series_that_another_was_taken_before_says_which(tmp_path):
    ct_series(tmp_path / "a", body((12, 32, 40)))
    ct_series(tmp_path / "b", body((12, 32, 40)), name="b", common={"SeriesNumber": "9"})
    assert ("not used  series 2: series 1 is measured (take this one with --ct 2).") in lines_of(
        tmp_path
    )


def test_of_many_files_of_one_kind_the_first_three_are_named_and_the_rest_counted(tmp_path):
    ct_series(tmp_path, body((12, 32, 40)))
    for n in range(8):
        (tmp_path / f"note{n}.txt").write_text("hello", "utf-8")
    lines = [line for line in lines_of(tmp_path) if line.startswith("IDX-004")]
    assert lines == [
        *(f"IDX-004  1 file set aside: note{n}.txt is not a DICOM file." for n in range(3)),
        "IDX-004  and 5 more of this kind (--json lists all)",
    ]


def test_doubts_come_before_what_was_set_aside(tmp_path):
    ct_series(tmp_path, body((12, 32, 40)), common={"SliceThickness": "5"})
    (tmp_path / "a.txt").write_text("hello", "utf-8")
    codes = [found[1] for line in lines_of(tmp_path)
             if (found := re.match(r"([A-Z]{3}-\d{3})  ", line))]  # fmt: skip
    assert codes.index("GEO-015") < codes.index("IDX-004")
