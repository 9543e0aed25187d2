from dataclasses import replace

from netimg.finding import Finding, Findings, Scope
from netimg.reporting.words.inspection import inspect_lines
from netimg.reporting.words.numbers import NARROW
from netimg.reporting.words.terminal import run_summary, score_lines
from netimg.study import TracerClass
from netimg.verdict import Reason, Status, Verdict
from tests.make import result as make


def lines_of(result, tmp_path):
    return [line.replace(NARROW, " ") for line in run_summary(result, tmp_path)]


def test_no_machine_code_stands_where_a_radiologist_reads(tmp_path):
    unknown = Finding(name="liver_volume_ml", value=None, unit="mL", reason="missing_input:liver")
    waits = Verdict(
        id="X", profile="p", kind="criterion", scope="patient", status=Status.UNKNOWN,
        question="?", reasons=(Reason("missing_input", "segments_ml"),),
    )  # fmt: skip
    result = make.result()
    judged = replace(
        result.assessment, verdicts=(waits,), missing=(("pet.sstr", 1), ("segments_ml", 1))
    )
    others = tuple(f for f in result.findings if f.name != "liver_volume_ml")
    lines = lines_of(
        replace(result, assessment=judged, findings=Findings(items=(*others, unknown))), tmp_path
    )
    assert any("liver not known (missing: a liver mask)" in line for line in lines)
    assert (
        "criteria  1 cannot be judged  "
        "(waiting for an SSTR PET, volumes of the liver segments)" in lines
    )
    assert any(line.startswith("PET  series 2  Ga-68 DOTATATE") for line in lines)


def test_facts_that_decide_nothing_alone_are_named_where_no_others_are_missing(tmp_path):
    waits = Verdict(
        id="X", profile="p", kind="criterion", scope="patient", status=Status.UNKNOWN, question="?"
    )
    result = make.result()
    facts = (("labs.albumin", 0), ("labs.inr", 0), ("labs.ldh", 0))
    judged = replace(result.assessment, verdicts=(waits,), missing=facts)
    lines = lines_of(replace(result, assessment=judged), tmp_path)
    assert "criteria  1 cannot be judged  (waiting for albumin, INR)" in lines


def test_false_lesions_are_counted_by_size_in_words():
    structure = {
        "name": "mask",
        "dice": 1.0,
        "volume": {"pred_ml": 1.0, "ref_ml": 1.0, "error_pct": 0.0},
        "detection": {
            "found": 0, "n_ref": 0, "n_pred": 6, "false": 6, "sensitivity": None,
            "precision": 0.0, "by_size": [], "false_by_ml": [1, 2, 3],
        },
    }  # fmt: skip
    lines = list(score_lines({"structures": [structure], "burden_error_pct": None}))
    assert lines[-1] == "mask false: below 0.1 mL: 1, 0.1 to 1 mL: 2, above 1 mL: 3"


def test_intervals_stand_in_brackets(tmp_path):
    found = Finding(name="liver_volume_ml", value=1700.0, unit="mL", lo=1620.0, hi=1780.0)
    line = lines_of(replace(make.result(), findings=Findings(items=(found,))), tmp_path)[2]
    assert line.startswith("liver 1700 mL (1620–1780)")


def test_a_volume_of_nothing_is_not_said_beside_uptake(tmp_path):
    own = {"scope": Scope.PET, "id": "sstr"}
    suv = Finding(name="sstr_suv_max", value=23.2, unit="g/mL", **own)
    none = Finding(name="sstr_liver_tv_ml", value=0.0, unit="mL", **own)
    lines = lines_of(replace(make.result(), findings=Findings(items=(suv, none))), tmp_path)
    assert "SSTR PET  SUVmax 23.2" in lines


def test_a_series_without_positrons_is_named_by_what_it_is(tmp_path):
    result = make.result()
    spect = replace(
        result.study.pets[0], tracer=None, tracer_class=TracerClass.UNKNOWN, nuclide="Lu-177"
    )
    study = replace(result.study, pets=(spect,))
    suv = Finding(name="unknown_suv_max", value=29.4, unit="g/mL", scope=Scope.PET, id="unknown")
    lines = lines_of(replace(result, study=study, findings=Findings(items=(suv,))), tmp_path)
    assert "SPECT (Lu-177)  SUVmax 29.4" in lines


def test_inspect_speaks_of_tracers_and_roles_in_words():
    series = {
        "number": 2, "kind": "PET", "description": "WB", "slices": 20,
        "spacing_mm": [3.0, 4.0, 4.0], "tracer": "dotatate_ga68", "nuclide": "Ga-68",
        "suv": {"possible": True}, "role": "pet_sstr", "used": True,
    }  # fmt: skip
    other = series | {
        "number": 3,
        "tracer": None,
        "nuclide": "Lu-177",
        "role": "other",
        "used": False,
    }
    ct = series | {"number": 1, "kind": "CT", "phase": "portal", "role": "primary_ct", "suv": None}
    tree = {
        "series": [ct, series, other],
        "used": [{"number": 2, "role": "pet_sstr"}, {"number": 3, "role": "other"}],
        "files": {"found": 60, "in_series": 60, "set_aside": 0},
    }
    text = "\n".join(inspect_lines(tree))
    for part in (
        "portal venous phase", "the CT", "Ga-68 DOTATATE", "SSTR PET", "not used",
        "Lu-177, tracer not recognised", "used  series 2 as SSTR PET", "used  series 3 as PET",
    ):  # fmt: skip
        assert part in text, part
    assert "dotatate_ga68" not in text
    assert "pet_sstr" not in text
