"""Every norm by its formula, for every sex, from the header and typed; stored SUV and back."""

import json

import pytest

from netimg.cli.app import call
from netimg.reading import open_study
from netimg.reading.suv import resolve
from netimg.reading.suv.norms import NORMS
from tests.make import dicom as make
from tests.make.pet_headers import HOUR, codes, part, refused

CM, METRES, BMI = 175.0, 1.75, 70.0 / 1.75**2
PER_CM = 70.0 / CM
MASS = {
    ("lbm-janma", "M"): 9270 * 70 / (6680 + 216 * BMI),
    ("lbm-janma", "F"): 9270 * 70 / (8780 + 244 * BMI),
    ("lbm-james", "M"): 1.10 * 70 - 128 * PER_CM**2,
    ("lbm-james", "F"): 1.07 * 70 - 148 * PER_CM**2,
    ("lbm-morgan", "M"): 1.10 * 70 - 120 * PER_CM**2,
    ("lbm-morgan", "F"): 1.07 * 70 - 148 * PER_CM**2,
    ("ibw", "M"): 48.0 + 1.06 * (CM - 152),
    ("ibw", "F"): 45.5 + 0.91 * (CM - 152),
}
"""Mass in kg that stands for 70 kg and 1.75 m."""

SURFACE_M2 = 0.007184 * CM**0.725 * 70**0.425
TYPES = {
    "LBMJANMA": "lbm-janma",
    "LBMJAMES128": "lbm-james",
    "LBM": "lbm-morgan",
    "IBW": "ibw",
}


def ratio(norm, sex):
    """SUV in a norm over SUVbw."""
    if norm == "bw":
        return 1.0
    if norm == "bsa":
        return 10 * SURFACE_M2 / 70
    if sex == "O":
        return (MASS[norm, "M"] + MASS[norm, "F"]) / 2 / 70
    return MASS[norm, sex] / 70


@pytest.mark.parametrize("sex", ["M", "F", "O"])
@pytest.mark.parametrize("norm", NORMS)
def test_each_norm_follows_its_formula(norm, sex):
    result = resolve([part(sex=sex)], norm=norm)
    assert result.factors == pytest.approx((HOUR,), rel=1e-12)
    assert result.norm == norm
    assert set(result.norm_ratios) == set(NORMS)
    for name in NORMS:
        assert result.norm_ratios[name] == pytest.approx(ratio(name, sex), rel=1e-12)
    needs_sex = norm not in ("bw", "bsa")
    assert codes([part(sex=sex)], norm=norm) == ({"SUV-015"} if sex == "O" and needs_sex else set())


@pytest.mark.parametrize("sex", ["M", "F", "O"])
@pytest.mark.parametrize("kind", TYPES)
def test_stored_suv_of_each_type_goes_back_to_body_weight(kind, sex):
    (factor,) = resolve([part(units="GML", suv_type=kind, sex=sex)]).factors
    assert factor == pytest.approx(1.0 / ratio(TYPES[kind], sex), rel=1e-12)


def test_norms_that_cannot_be_had_are_left_out_and_the_one_asked_for_is_refused():
    assert set(resolve([part(size=None)]).norm_ratios) == {"bw"}
    assert set(resolve([part(sex=None)]).norm_ratios) == {"bw", "bsa"}
    assert refused(part(size=None), norm="bsa") == ("SUV-014", "bsa needs the height.")
    assert refused(part(sex=""), norm="ibw") == ("SUV-015", "ibw needs the sex.")
    code, sentence = refused(part(size="0.12"), norm="bsa")
    assert (code, "0.12 m" in sentence) == ("SUV-035", True)
    assert codes(part(size="0.12")) == set()


@pytest.mark.parametrize(
    ("size", "unit"), [("175", "cm"), ("1750", "mm"), ("1.75", None), (" 1.750 ", None)]
)
def test_height_is_read_in_metres_centimetres_or_millimetres(size, unit):
    result = resolve([part(size=size)], norm="bsa")
    assert result.norm_ratios["bsa"] == pytest.approx(10 * SURFACE_M2 / 70, rel=1e-12)
    notes = [f.sentence for f in result.notes if f.code == "SUV-035"]
    assert len(notes) == (unit is not None)
    assert all(f"read as {unit}" in text for text in notes)


@pytest.mark.parametrize(
    ("norm", "sex", "turns_at"),
    [("lbm-james", "M", 42.97), ("lbm-morgan", "M", 45.83), ("lbm-james", "F", 36.15)],
)
def test_lean_mass_by_james_and_morgan_turns_down_beyond_a_body_mass_index(norm, sex, turns_at):
    def noted(bmi):
        kg = bmi * METRES**2
        headers = part(sex=sex, weight=f"{kg:.6f}", injected={"dose": f"{kg * 5e6:.0f}"})
        return codes(headers, norm=norm)

    assert noted(turns_at - 0.01) == set()
    assert noted(turns_at + 0.01) == {"SUV-036"}


def test_lean_mass_below_zero_is_refused():
    heavy = part(sex="F", weight="210", size="1.50")
    code, sentence = refused(heavy, norm="lbm-james")
    mass_kg = 1.07 * 210 - 148 * (210 / 150) ** 2
    assert mass_kg < 0
    assert (code, sentence) == (
        "SUV-036",
        f"lbm-james has no meaning for 210 kg and 1.50 m: it would be {mass_kg:.1f} kg.",
    )
    assert "lbm-james" not in resolve([heavy]).norm_ratios


def test_the_norm_is_chosen_and_its_body_typed_from_python(tmp_path):
    make.pet_series(tmp_path, common={"PatientSize": None, "PatientSex": None})
    typed = {"height_m": 1.75, "sex": "F", "weight_kg": 70.0}
    study = open_study(tmp_path, overrides={"suv_norm": "lbm-janma", **typed})
    suv = study.pets[0].suv
    assert (suv.possible, suv.norm) == (True, "lbm-janma")
    assert suv.norm_ratios["lbm-janma"] == pytest.approx(MASS["lbm-janma", "F"] / 70)
    assert suv.typed == typed
    said = [f.sentence for f in suv.notes if f.code == "SUV-020"]
    assert said == [
        "Typed in by you: --height-cm 175.",
        "Typed in by you: --sex F.",
        "Typed in by you: --weight-kg 70.",
    ]


def test_every_patient_value_is_typed_on_the_command_line_and_marked(tmp_path, capsys):
    make.pet_series(
        tmp_path,
        radiopharmaceutical={
            "RadiopharmaceuticalStartDateTime": None, "RadiopharmaceuticalStartTime": None,
            "RadionuclideTotalDose": None, "RadionuclideHalfLife": "6586.2",
        },
        common={"PatientWeight": None, "PatientSize": None, "RescaleIntercept": "-2"},
    )  # fmt: skip
    line = ["inspect", str(tmp_path), "--json"]
    typed = [
        "--weight-kg", "72.5", "--height-cm", "178", "--sex", "M", "--dose-mbq", "160",
        "--residual-mbq", "6", "--injected-at", "2024-03-10T09:12:00",
        "--reference-at", "2024-03-10T10:15:00", "--half-life-s", "4057.7", "--allow-intercept",
    ]  # fmt: skip
    assert call([*line, *typed]) == 0
    tree = json.loads(capsys.readouterr().out)
    (series,) = tree["series"]
    suv = series["suv"]
    assert suv["possible"]
    assert suv["factors"] == pytest.approx([72500 / (154e6 * 2 ** (-3780 / 4057.7))], rel=1e-9)
    assert suv["half_life_from"] == "typed"
    assert set(suv["typed"]) == {
        "weight_kg", "height_m", "sex", "dose_bq", "residual_bq", "injection_time",
        "reference_time", "half_life_s", "allow_intercept",
    }  # fmt: skip
    said = {f["sentence"] for f in suv["notes"] if f["code"] == "SUV-020"}
    assert "Typed in by you: --dose-mbq 160." in said
    assert "Typed in by you: --allow-intercept." in said
    assert "SUV-033" in {f["code"] for f in suv["notes"]}


def test_a_norm_is_demanded_on_the_command_line_and_refused_where_it_cannot_be_had(
    tmp_path, capsys
):
    make.pet_series(tmp_path, common={"PatientSize": None})
    line = ["inspect", str(tmp_path), "--json", "--suv-norm", "lbm-janma"]
    assert call([*line, "--height-cm", "178"]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    mass_kg = 9270 * 72.5 / (6680 + 216 * 72.5 / 1.78**2)
    assert series["suv"]["norm"] == "lbm-janma"
    assert series["suv"]["norm_ratios"]["lbm-janma"] == pytest.approx(mass_kg / 72.5)
    assert call(["inspect", str(tmp_path), *line[3:], "--height-cm", "178"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    factor = f"{mass_kg / 72.5:.3f}"
    assert f"yes, SUV by body weight; times {factor} it is SUV by lean body mass" in shown
    call(line)
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert (series["suv"]["possible"], series["suv"]["code"]) == (False, "SUV-014")
    assert call([*line[:-1], "fat"]) == 2
    assert "lbm-janma" in capsys.readouterr().err
