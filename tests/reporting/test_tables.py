import csv
import io
from dataclasses import replace

import pytest

from netimg.finding import Finding, Findings, Scope
from netimg.lesion import LesionStatus
from netimg.reporting.csv_text import cell_text, csv_text
from netimg.reporting.tables import (
    CRITERIA_COLUMNS,
    FINDING_COLUMNS,
    LESION_COLUMNS,
    criteria_csv,
    deciding_comparison,
    files_from_csv,
    findings_csv,
    input_csv,
    lesions_csv,
)
from netimg.verdict import Comparison, Option, Status, Verdict
from tests.make import result as make


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_lesion_columns_are_those_of_the_interface():
    pet = (
        "visible,suv_max,suv_mean,suv_sd,suv_peak_sphere,suv_peak_ibsi,tv_ml,tl_g,ratio_liver,"
        "ratio_spleen,ratio_blood,krenning,sub_voxel,mismatch"
    )
    own = (
        "label,lesion,tracking_uid,status,type,segments,hemiliver,target,volume_ml,volume_lo_ml,"
        "volume_hi_ml,mesh_volume_ml,longest_mm,longest_lo_mm,longest_hi_mm,short_axis_mm,"
        "longest_3d_mm,z_extent_mm,sphericity,surface_mm2,hu_mean,hu_sd,hu_median,hu_core_mean,"
        "enhancement_vs_liver_hu,calcified_pct,necrotic_pct,to_capsule_mm,to_hepatic_vein_mm,"
        "to_portal_vein_mm,to_ivc_mm,centroid_l_mm,centroid_p_mm,centroid_s_mm,slice_index,"
        "instance_number,confidence"
    )
    by_tracer = [f"{tracer}_{name}" for tracer in ("sstr", "fdg") for name in pet.split(",")]
    unnamed = [f"{tracer}_{name}" for tracer in ("other", "unknown") for name in pet.split(",")]
    assert ",".join(LESION_COLUMNS) == ",".join([own, *by_tracer, "flags", *unnamed])


def test_other_columns_are_those_of_the_interface():
    assert ",".join(FINDING_COLUMNS) == (
        "label,scope,id,name,value,unit,ucum,lo,hi,interval,bound,method,source,approximate,"
        "reason,flags"
    )
    assert ",".join(CRITERIA_COLUMNS) == (
        "label,kind,id,profile,scope,status,value,threshold,unit,distance,certainty,review,"
        "reasons,approximate,source"
    )


def test_a_lesion_row_holds_place_values_and_flags(shown):
    rows = rows_of(lesions_csv(shown, "p7"))
    assert [row["lesion"] for row in rows] == ["L1", "L2"]
    first, second = rows
    assert first["label"] == "p7"
    assert first["volume_lo_ml"] == "1"
    assert first["segments"] == "VII"
    assert first["sstr_suv_max"] == "20"
    assert first["sphericity"] == ""
    assert (first["slice_index"], first["instance_number"]) == ("8", "9")
    assert second["flags"] == "lesion_low_confidence"


def test_a_pet_of_unknown_class_has_its_columns_behind_the_rest(shown):
    own = {"scope": Scope.LESION, "id": "L1"}
    uptake = Finding(name="unknown_suv_max", value=7.5, unit="g/mL", **own)
    ratio = Finding(name="other_ratio_liver", value=1.25, unit="1", **own)
    found = Findings(items=(*shown.findings.items, uptake, ratio))
    first, second = rows_of(lesions_csv(replace(shown, findings=found), "x"))
    assert (first["unknown_suv_max"], first["other_ratio_liver"]) == ("7.5", "1.25")
    assert (second["unknown_suv_max"], second["unknown_krenning"]) == ("", "")


def test_a_norm_asked_for_has_columns_of_its_own_and_suvbw_keeps_its_column():
    shown = make.in_norm(make.result(), "lbm-janma", 0.75)
    first, second = rows_of(lesions_csv(shown, "x"))
    assert (first["sstr_suv_max"], first["sstr_suv_lbm_janma_max"]) == ("20", "15")
    assert (second["sstr_suv_max"], second["sstr_suv_lbm_janma_max"]) == ("10", "7.5")
    assert list(first)[: len(LESION_COLUMNS)] == list(LESION_COLUMNS)
    assert list(first)[len(LESION_COLUMNS) :] == [
        f"sstr_suv_lbm_janma_{name}" for name in ("max", "mean", "sd", "peak_sphere", "peak_ibsi")
    ]
    assert set(rows_of(lesions_csv(make.result(), "x"))[0]) == set(LESION_COLUMNS)


def test_the_centroid_is_that_of_the_sphere_within_half_a_voxel(shown):
    row = rows_of(lesions_csv(shown, "p7"))[0]
    found = [float(row[f"centroid_{axis}_mm"]) for axis in "lps"]
    half_zyx = [s / 2 for s in shown.anatomy.grid.spacing_mm]
    for value, truth, half in zip(found, make.LESIONS[0][0], reversed(half_zyx), strict=True):
        assert value == pytest.approx(truth, abs=half)


def test_rejected_lesions_keep_their_row(shown):
    lesions = (
        shown.anatomy.lesions[0],
        replace(shown.anatomy.lesions[1], status=LesionStatus.REJECTED),
    )
    rejected = replace(shown, anatomy=replace(shown.anatomy, lesions=lesions))
    assert [r["status"] for r in rows_of(lesions_csv(rejected, "x"))] == ["proposed", "rejected"]


def test_without_anatomy_the_lesion_table_is_its_header():
    assert rows_of(lesions_csv(make.pet_only(), "x")) == []


def test_findings_of_plans_are_listed_once(shown):
    rows = rows_of(findings_csv(shown, "x"))
    assert sum(row["name"] == "flr_ml" for row in rows) == 1
    both = replace(
        shown,
        findings=Findings(items=shown.findings.items + shown.plans.plans[0].findings),
    )
    rows = rows_of(findings_csv(both, "x"))
    assert sum(row["name"] == "flr_ml" for row in rows) == 1
    missing = next(r for r in rows if r["name"] == "sflr_pct")
    assert (missing["value"], missing["reason"]) == ("", "missing_input:clinical.weight_kg")


def test_criteria_rows_carry_threshold_distance_and_options(shown):
    option = Option(option="resection", profile="P", status="open", deciding=("A", "B"))
    both = replace(shown, assessment=replace(shown.assessment, options=(option,)))
    rows = rows_of(criteria_csv(both, "x"))
    burden = rows[0]
    assert (burden["value"], burden["threshold"], burden["distance"]) == ("19.97", "20", "-0.03")
    assert burden["source"] == "A trial, Someone et al., Journal 2017, p. 3"
    assert rows[-1]["kind"] == "option"
    assert rows[-1]["reasons"] == "A;B"


def test_value_threshold_and_distance_of_a_row_belong_to_one_comparison(shown):
    def compare(fact, value, threshold, unit):
        return Comparison(
            fact=fact, op=">", value=value, threshold=threshold, unit=unit,
            distance=value - threshold, status=Status.NOT_MET,
        )  # fmt: skip

    burden, ldh = (
        compare("burden_pct", 4.878, 50.0, "%"), compare("labs.ldh", 198.0, 425.0, "U/L"),
    )  # fmt: skip
    combined = Verdict(
        id="COMBO", profile="p", kind="contraindication", scope="patient", question="?",
        status=Status.NOT_MET, value=4.878, unit="%", comparisons=(burden, ldh),
    )  # fmt: skip
    without = replace(combined, value=None, unit="")
    given = replace(combined, id="CLASS", kind="class", value="G2", unit="")
    judged = replace(shown.assessment, verdicts=(combined, without, given))
    rows = rows_of(criteria_csv(replace(shown, assessment=judged), "x"))
    told = [tuple(row[key] for key in ("value", "threshold", "unit", "distance")) for row in rows]
    assert told == [
        ("4.878", "50", "%", "-45.122"), ("198", "425", "U/L", "-227"), ("G2", "", "", ""),
    ]  # fmt: skip


def test_a_list_of_allowed_words_is_no_threshold(shown):
    listed = Comparison(
        fact="clinical.liver_background", op="in", value=None, threshold="normal, chemo",
        unit="enum", distance=None, status=Status.UNKNOWN,
    )  # fmt: skip
    waits = Verdict(
        id="FLR-STD", profile="p", kind="criterion", scope="plan a", status=Status.UNKNOWN,
        question="?", comparisons=(listed, replace(listed, op=">=", threshold=True)),
    )  # fmt: skip
    limit = replace(listed, fact="plan.sflr_pct", op=">=", threshold=20.0, unit="%")
    limited = replace(waits, comparisons=(limit,))
    judged = replace(shown.assessment, verdicts=(waits, limited))
    rows = rows_of(criteria_csv(replace(shown, assessment=judged), "x"))
    assert [row["threshold"] for row in rows] == ["", "20"]


def test_the_deciding_comparison_is_the_nearest_to_its_threshold():
    def compare(fact, distance, threshold):
        return Comparison(
            fact=fact, op="<", value=1.0, threshold=threshold, unit="%",
            distance=distance, status=Status.MET,
        )  # fmt: skip

    verdict = Verdict(
        id="X", profile="p", kind="criterion", scope="patient", status=Status.MET, question="?",
        comparisons=(compare("far", 5.0, 10.0), compare("near", 10.0, 100.0)),
    )  # fmt: skip
    assert deciding_comparison(verdict).fact == "near"
    assert deciding_comparison(replace(verdict, comparisons=())) is None


def test_the_input_table_accounts_for_every_file_and_is_read_back(tmp_path, shown):
    path = tmp_path / "input.csv"
    path.write_text(input_csv(shown), "utf-8")
    rows = rows_of(path.read_text("utf-8"))
    assert len(rows) == len(shown.study.files)
    assert rows[0] == {
        "path": "README.txt", "fate": "set aside", "series": "", "code": "IDX-004",
        "sentence": "README.txt is not DICOM.",
    }  # fmt: skip
    assert files_from_csv(path) == shown.study.files


def test_a_file_that_a_person_gave_is_used_in_the_input_table_and_read_back(tmp_path, shown):
    files = (("liver.nii", "used: liver mask"), *shown.study.files)
    path = tmp_path / "input.csv"
    given = replace(shown, study=replace(shown.study, files=files))
    path.write_text(input_csv(given), "utf-8")
    row = rows_of(path.read_text("utf-8"))[0]
    assert (row["path"], row["fate"], row["series"]) == ("liver.nii", "used: liver mask", "")
    assert files_from_csv(path) == files


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start):
    assert cell_text(f"{start}1") == f"'{start}1"
    assert cell_text(-1.5) == "-1.5"


def test_numbers_have_six_digits_and_lists_semicolons():
    assert cell_text(1234567.0) == "1.23457e+06"
    assert cell_text(0.1 + 0.2) == "0.3"
    assert cell_text(("VII", "VI")) == "VII;VI"
    assert cell_text(None) == ""


def test_quotes_and_line_ends_follow_rfc_4180():
    assert csv_text(("a", "b"), [{"a": 'say "x", y', "b": 1}]) == 'a,b\n"say ""x"", y",1\n'
    with pytest.raises(ValueError, match="no column"):
        csv_text(("a",), [{"c": 1}])


def test_regions_of_a_pet_are_findings_too(shown):
    rows = [r for r in rows_of(findings_csv(shown, "x")) if r["scope"] == Scope.REGION.value]
    assert rows[0]["id"] == "blood_pool"
