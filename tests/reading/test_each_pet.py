"""What a person types for one PET among several."""

import json

import pytest

from netimg.cli.app import call
from netimg.errors import UsageError
from netimg.reading import open_study
from netimg.study import TracerClass
from tests.make.dicom import ct_series, pet_series, uid

FDG = {
    "Radiopharmaceutical": "FDG", "RadionuclideCode": ("C-111A1", "SRT", "^18^Fluorine"),
    "RadionuclideHalfLife": "6586.2", "RadionuclidePositronFraction": "0.967",
    "RadiopharmaceuticalStartTime": "131500", "RadionuclideTotalDose": None,
    "RadiopharmaceuticalStartDateTime": "20240310131500",
}  # fmt: skip
LATER = {
    "SeriesTime": "141500", "AcquisitionTime": "141500", "SeriesNumber": "6",
    "FrameReferenceTime": "74901.5",
}  # fmt: skip


@pytest.fixture
def both(tmp_path):
    """A CT, a PET of gallium with all it needs, a PET of FDG without its activity."""
    ct_series(tmp_path / "ct")
    pet_series(tmp_path / "a")
    pet_series(tmp_path / "b", radiopharmaceutical=FDG, common=LATER, name="fdg")
    return tmp_path


def suv_of(study):
    return {pet.tracer_class: pet.suv for pet in study.pets}


GALLIUM = 72500 / (154e6 * 2 ** (-3780 / 4057.7))
HOUR = 72500 / (300e6 * 2 ** (-3600 / 6586.2))


def test_an_activity_without_a_name_is_refused_where_two_were_injected(both):
    with pytest.raises(UsageError) as caught:
        open_study(both, overrides={"dose_bq": 300e6})
    assert caught.value.code.id == "USE-001"
    assert "--dose-mbq is for one PET, and there are 2 of different injections" in str(caught.value)
    assert "Say which: --dose-mbq 2=..." in caught.value.todo
    found = suv_of(open_study(both))
    assert found[TracerClass.SSTR].possible
    assert found[TracerClass.FDG].code == "SUV-004"


@pytest.mark.parametrize("name", ["3", uid("study", "fdg"), uid("study", "fdg")[:14]])
def test_it_goes_to_the_pet_that_is_named_and_to_no_other(both, name):
    found = suv_of(open_study(both, overrides={"dose_bq": f"{name}=300000000"}))
    assert found[TracerClass.FDG].factors == pytest.approx([HOUR] * 6, rel=1e-5)
    assert found[TracerClass.FDG].typed == {"dose_bq": 300e6}
    assert found[TracerClass.SSTR].factors == pytest.approx([GALLIUM] * 6, rel=1e-6)
    assert found[TracerClass.SSTR].typed == {}


def test_each_pet_takes_its_own_and_weight_goes_to_all(both):
    typed = {"dose_bq": ("3=300000000", "2=77000000"), "weight_kg": 72.5}
    found = suv_of(open_study(both, overrides=typed))
    assert found[TracerClass.FDG].factors == pytest.approx([HOUR] * 6, rel=1e-5)
    assert found[TracerClass.SSTR].factors == pytest.approx([2 * GALLIUM] * 6, rel=1e-6)
    assert all(suv.typed["weight_kg"] == 72.5 for suv in found.values())


def test_a_name_that_is_no_pets_and_a_value_that_is_none_are_refused(both):
    with pytest.raises(UsageError, match=r"--dose-mbq 7=3e8 names no PET.*series 2, 3"):
        open_study(both, overrides={"dose_bq": "7=3e8"})
    with pytest.raises(UsageError, match=r"--dose-mbq 'much' is not a number"):
        open_study(both, overrides={"dose_bq": "3=much"})
    with pytest.raises(UsageError, match=r"'noon' is not a date and time"):
        open_study(both, overrides={"injection_time": ["3=noon"]})


def test_with_one_pet_asked_for_or_one_injection_no_name_is_needed(both, tmp_path):
    (pet,) = open_study(both, pet=["3"], overrides={"dose_bq": 300e6}).pets
    assert pet.suv.factors == pytest.approx([HOUR] * 6, rel=1e-5)
    same = tmp_path / "same"
    pet_series(same / "a")
    pet_series(same / "b", name="again", common={"SeriesNumber": "6"})
    study = open_study(same, overrides={"dose_bq": 77e6})
    assert all(s.suv.factors == pytest.approx([2 * GALLIUM] * 6, rel=1e-6) for s in study.series)


def test_on_the_command_line_a_value_names_its_pet(both, capsys):
    line = ["inspect", str(both), "--json"]
    assert call([*line, "--dose-mbq", "3=300", "--residual-mbq", "3=0"]) == 0
    series = {s["number"]: s for s in json.loads(capsys.readouterr().out)["series"]}
    assert series[3]["suv"]["factors"] == pytest.approx([HOUR], rel=1e-5)
    assert series[2]["suv"]["typed"] == {}
    assert call([*line, "--dose-mbq", "300"]) == 2
    assert "Say which" in capsys.readouterr().err
    for wrong, says in (("3=x", "is not a number"), ("3=-5", "above 0")):
        assert call([*line, "--dose-mbq", wrong]) == 2
        assert says in capsys.readouterr().err
    assert call([*line, "--injected-at", "3=noon"]) == 2
    assert "is not a date and time" in capsys.readouterr().err


def test_the_tracer_is_that_of_the_injection_that_counts(tmp_path):
    pet_series(tmp_path, radiopharmaceutical=[FDG | {"RadionuclideTotalDose": "3e8"}, {
        "Radiopharmaceutical": "DOTATATE", "RadionuclideTotalDose": "154000000",
        "RadionuclideHalfLife": "4057.7", "RadiopharmaceuticalStartDateTime": "20240310091200",
        "RadionuclideCode": ("C-131A3", "SRT", "^68^Gallium"),
    }])  # fmt: skip
    (pet,) = open_study(tmp_path, overrides={"injection": 2}).pets
    assert pet.tracer_class is TracerClass.SSTR
    assert pet.suv.factors == pytest.approx([GALLIUM] * 6, rel=1e-6)
