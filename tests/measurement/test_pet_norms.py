"""SUVs in other norms than body weight."""

import pytest

from netimg.finding import Scope
from netimg.study import SuvCandidate, SuvRecord
from netimg.volume import Quantity
from tests.make import arrays as make
from tests.measurement.test_pet_lesion import BALLS, measured_of, of, painted
from tests.measurement.test_pet_lesion import PET as GRID

# a woman of 70 kg and 1.65 m: James 47.97 kg, surface 1.7705 m2
RATIOS = {"bw": 1.0, "lbm-james": 47.97 / 70, "bsa": 10 * 1.7705 / 70}


@pytest.fixture(scope="module")
def found():
    candidates = tuple(
        SuvCandidate(name=name, reference="", relative_suv=relative)
        for name, relative in (("series", 1.0), ("late", 1.1))
    )
    record = SuvRecord(possible=True, norm_ratios=RATIOS, candidates=candidates)
    return measured_of(suv=record)


@pytest.mark.parametrize("statistic", ["max", "mean", "sd", "peak_sphere", "peak_ibsi"])
@pytest.mark.parametrize(("norm", "unit"), [("lbm_james", "g/mL"), ("bsa", "cm2/mL")])
def test_an_suv_in_a_norm_is_suvbw_times_the_ratio_of_the_pet(found, norm, unit, statistic):
    by_weight = of(found, f"sstr_suv_{statistic}")
    other = of(found, f"sstr_suv_{norm}_{statistic}")
    ratio = RATIOS[norm.replace("_", "-")]
    assert other.value == pytest.approx(by_weight.value * ratio)
    assert (other.lo, other.hi) == pytest.approx((by_weight.lo * ratio, by_weight.hi * ratio))
    assert (other.unit, other.flags, other.bound) == (unit, by_weight.flags, by_weight.bound)
    assert other.method.startswith(f"SUV by {norm.replace('_', '-')}, ")


def test_the_maximum_of_the_whole_series_is_given_in_each_norm_too(found):
    assert found.get("sstr_suv_bsa_max", Scope.PET, "sstr").value == pytest.approx(
        20.0 * RATIOS["bsa"]
    )


def test_a_norm_that_the_header_cannot_give_is_no_finding(found):
    names = {f.name for f in found}
    assert not any("janma" in name or "morgan" in name or "ibw" in name for name in names)
    assert "sstr_suv_lbm_james_max" in names
    plain = measured_of(suv=SuvRecord(possible=True, norm_ratios={"bw": 1.0}))
    assert not any("lbm" in f.name or "bsa" in f.name for f in plain)


def test_a_lesion_outside_the_pet_is_missing_in_each_norm_for_the_same_reason():
    cut = make.grid((10, 44, 50), GRID.spacing_mm, GRID.origin_lps_mm)
    pet = painted(cut, Quantity.SUV_BW, BALLS)
    found = measured_of(pet, suv=SuvRecord(possible=True, norm_ratios=RATIOS))
    by_weight, other = of(found, "sstr_suv_max"), of(found, "sstr_suv_bsa_max")
    assert (other.value, other.reason) == (None, "not_assessable:L1")
    assert other.reason == by_weight.reason
