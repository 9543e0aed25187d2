"""What a person types is refused before a file is opened, with what would do."""

import pytest

from netimg.errors import UsageError
from netimg.reading import open_study
from netimg.reading.overrides import check_overrides
from tests.make.dicom import ct_series


@pytest.mark.parametrize(
    ("overrides", "what", "todo"),
    [
        ({"tracer": "dotatate"}, "--tracer 'dotatate'", "Did you mean dotatate_ga68? Known: "),
        ({"tracer": "xx"}, "--tracer 'xx' is not known", "Known: dotatate_ga68, dotatoc_ga68"),
        ({"phase": "late"}, "--phase 'late'", "portal"),
        ({"sex": "x"}, "--sex 'x'", "F, M, O"),
        ({"suv_policy": "best"}, "--suv-policy 'best'", "auto, qiba, ibsi"),
        ({"suv_norm": "fat"}, "--suv-norm 'fat'", "lbm-janma"),
        ({"weight_kg": -5.0}, "--weight-kg -5 must be above 0", "above 0"),
        ({"weight_kg": float("nan")}, "--weight-kg 'nan' is not a number", "number"),
        ({"injection": "1.5"}, "--injection 1.5 is not a whole number", "1 or more"),
        ({"height_m": 0.0}, "--height-cm 0 must be above 0", "above 0"),
        ({"dose_bq": -154e6}, "--dose-mbq -154 must be above 0", "above 0"),
        ({"half_life_s": 0}, "--half-life-s 0 must be above 0", "above 0"),
        ({"residual_bq": -1e6}, "--residual-mbq -1", "0 or more"),
        ({"injection": 0}, "--injection 0", "1 or more"),
        ({"injection_time": "yesterday"}, "--injected-at 'yesterday'", "2026-03-02T09:41:00"),
        ({"regrid": "no"}, "--regrid 'no' is neither True nor False", "Give True"),
        ({"register": 1}, "--register 1 is neither True nor False", "Give True"),
        ({"reference_time": "2024-13-01T10:00"}, "--reference-at '2024-13-01T10:00'", "2026"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake_of_typing(tmp_path, overrides, what, todo):
    with pytest.raises(UsageError) as caught:
        open_study(tmp_path / "never opened", overrides=overrides)
    assert (caught.value.code.id, caught.value.exit_code) == ("USE-001", 2)
    assert what in caught.value.what
    assert todo in caught.value.todo


def test_what_can_be_meant_passes():
    check_overrides(
        {
            "phase": "arterial",
            "tracer": "fdg_f18",
            "patient": "anybody",
            "suv_norm": "ibw",
            "suv_policy": "qiba",
            "sex": "O",
            "weight_kg": "72.5",
            "height_m": 1.78,
            "dose_bq": 154e6,
            "residual_bq": 0.0,
            "injection_time": "2024-03-10T09:12:00",
            "reference_time": "20240310101500",
            "half_life_s": 4057.7,
            "branching_corrected": True,
            "injection": 1,
            "allow_intercept": False,
            "regrid": False,
            "register": True,
        }
    )


def test_an_unknown_key_is_a_callers_bug():
    with pytest.raises(ValueError, match="colour"):
        check_overrides({"colour": 1})


def test_a_typed_phase_is_the_one_that_is_said_to_be_measured(tmp_path):
    ct_series(tmp_path / "a", common={"SeriesDescription": "arterial phase"})
    ct_series(tmp_path / "b", name="b", common={"SeriesDescription": "portal venous"})
    ct = open_study(tmp_path, ct="1", overrides={"phase": "delayed"}).ct
    (said,) = [flag.sentence for flag in ct.flags if flag.code == "SEL-016"]
    assert said.endswith("the delayed phase is measured.")
    plain = open_study(tmp_path, ct="1").ct
    (said,) = [flag.sentence for flag in plain.flags if flag.code == "SEL-016"]
    assert said.endswith(f"the {plain.phase.value} phase is measured.")
