"""Activity, weight, half-life and nuclide in the units that headers have; by formula."""

import math
from dataclasses import replace

import pytest

from netimg.reading.suv import resolve
from tests.make.pet_headers import (
    COPPER,
    CU64,
    F18,
    GA68,
    HOUR,
    KG,
    ONCE,
    PHILIPS,
    ZIRCONIUM,
    ZR89,
    after,
    cases,
    codes,
    factor,
    gallium,
    part,
    private,
    refused,
)

AMOUNTS = {
    "activity in MBq": (part(injected={"dose": "370"}), HOUR, {"SUV-005"}),
    "activity in kBq": (part(injected={"dose": "370000"}), HOUR, {"SUV-005"}),
    "activity with an exponent": (part(injected={"dose": "3.7E+08"}), HOUR, set()),
    "25 MBq/kg of FDG: kept and said": (
        part(injected={"dose": "1.75e9"}), after(3600.0, bq=1.75e9), {"SUV-005"}
    ),
    "weight in grams": (part(weight="70000"), HOUR, {"SUV-002"}),
    "weight written with blanks": (part(weight=" 70.00 "), HOUR, set()),
    "a child of 3 kg": (
        part(weight="3.2", injected={"dose": "16000000"}),
        after(3600.0, kg=3.2, bq=16e6),
        set(),
    ),
    "half-life in minutes": (
        part(injected={"half_life": "109.77"}), HOUR, {"SUV-008"}
    ),
    "half-life in hours": (
        part(injected={"half_life": "1.8295"}), HOUR, {"SUV-008"}
    ),
    "half-life in days (Zr-89)": (
        part(injected=ZIRCONIUM | {"half_life": "3.267"}),
        after(4 * 86400.0, 3.267 * 86400, bq=37e6),
        {"SUV-008"},
    ),
    "half-life absent, named by the tracer alone": (
        part(injected={"half_life": None, "nuclide_code": None}), HOUR, {"SUV-008"}
    ),
    "half-life absent, named by the code of the tracer": (
        part(
            injected={
                "half_life": "", "nuclide_code": None, "tracer": None,
                "tracer_code": "C-B1031", "tracer_meaning": "Fluorodeoxyglucose F^18^",
            }
        ),
        HOUR,
        {"SUV-008"},
    ),
    "nuclide unnamed, half-life of F-18": (
        part(injected={"nuclide_code": None, "tracer": "tracer 7"}), HOUR, {"SUV-022"}
    ),
    "positron fraction of 1": (part(injected={"positron_fraction": "1.0"}), HOUR, set()),
    "positron fraction in percent": (part(injected={"positron_fraction": "96.7"}), HOUR, set()),
    "positron fraction of Ga-68 on F-18": (
        part(injected={"positron_fraction": "0.889"}), HOUR, {"SUV-040"}
    ),
    "code of gallium 66, everything else of gallium 68": (
        part(injected=gallium(nuclide_code="C-131A1", nuclide_meaning="^68^Gallium")),
        after(3600.0, GA68, bq=150e6),
        {"SUV-008"},
    ),
    "Cu-64 a day after the injection": (
        part(injected=COPPER), after(25 * 3600.0, CU64, bq=148e6), set()
    ),
    "Cu-64, 17.4 percent": (
        part(injected=COPPER | {"positron_fraction": "17.4"}),
        after(25 * 3600.0, CU64, bq=148e6),
        set(),
    ),
    "Cu-64 without a fraction": (
        part(injected=COPPER | {"positron_fraction": None}),
        after(25 * 3600.0, CU64, bq=148e6),
        {"SUV-040"},
    ),
    "Zr-89 four days after the injection": (
        part(injected=ZIRCONIUM), after(4 * 86400.0, ZR89, bq=37e6), set()
    ),
    "Zr-89, 7 MBq for 70 kg is usual for it": (
        part(injected=ZIRCONIUM | {"dose": "7000000"}), after(4 * 86400.0, ZR89, bq=7e6), set()
    ),
    "Lu-177, a therapy of 7.4 GBq is usual for it": (
        part(
            injected={
                "half_life": "574300", "nuclide_code": "C-101ED", "tracer": "DOTATATE",
                "dose": "7400000000", "start_time": None, "start_datetime": "20240309100000",
            }
        ),
        after(86400.0, 574300.0, bq=7.4e9),
        set(),
    ),
    "Lu-177 in MBq": (
        part(
            injected={
                "half_life": "574300", "nuclide_code": "C-101ED", "tracer": "DOTATATE",
                "dose": "7400", "start_time": None, "start_datetime": "20240309100000",
            }
        ),
        after(86400.0, 574300.0, bq=7.4e9),
        {"SUV-005"},
    ),
    "corrected to the injection: no time of the scan is needed": (
        part(
            decay_correction="ADMIN", series_time=None, acquisition_time=None,
            frame_reference_ms=None,
        ),
        ONCE,
        set(),
    ),
    "enhanced PET says the activity in MBq": (
        part(
            enhanced=True, corrected_image=None, decay_correction=None,
            attenuation_corrected="YES", decay_corrected="YES",
            decay_datetime="20240310100000", injected={"dose": "370"},
        ),
        HOUR,
        set(),
    ),
    "enhanced PET with the activity in Bq against the rule": (
        part(
            enhanced=True, corrected_image=None, decay_correction=None,
            attenuation_corrected="YES", decay_corrected="YES",
            decay_datetime="20240310100000",
        ),
        HOUR,
        {"SUV-005"},
    ),
}  # fmt: skip


@cases(AMOUNTS)
def test_amounts_are_read_in_their_unit(case):
    headers, truth, said = case
    assert factor(headers) == pytest.approx(truth, rel=1e-4 if "SUV-008" in said else 1e-9)
    assert codes(headers) == said


def test_values_as_acquired_have_a_factor_for_each_slice():
    starts = (3600.0, 3780.0, 3960.0)
    clocks = ("100000", "100300", "100600")
    slices = [
        part(
            acquisition_time=clock, frame_duration_ms="180000", decay_correction="NONE",
            corrected_image=("ATTN", "SCAT"), injected=gallium(),
        )
        for clock in clocks
    ]  # fmt: skip
    decay = math.log(2) / GA68
    gain = decay * 180.0 / (1 - math.exp(-decay * 180.0))
    truth = [1000 * KG / 150e6 * gain * math.exp(decay * s) for s in starts]
    result = resolve(slices)
    assert result.factors == pytest.approx(truth, rel=1e-9)
    assert result.method == "none_forward"
    assert pytest.approx(3600.0) == result.uptake_s


def test_values_as_acquired_need_the_start_of_each_bed():
    as_acquired = {"decay_correction": "NONE", "corrected_image": ("ATTN",)}
    beds = [part(frame_reference_ms=f"{1000 * s}", **as_acquired) for s in (60, 660, 1260)]
    code, sentence = refused(beds)
    assert code == "SUV-029"
    assert "one acquisition time 10:00:00 and frame times up to 20.0 min apart" in sentence
    assert f"{100 * (2 ** (1200 / F18) - 1):.1f} %" in sentence
    near = [part(frame_reference_ms=f"{1000 * s}", **as_acquired) for s in (60, 260)]
    assert codes(near) == {"SUV-029"}
    assert codes([part(**as_acquired), part(**as_acquired)]) == set()


def test_factors_of_philips_are_those_of_each_slice():
    texts = ("0.0005", "0.0006", "0.0007")
    slices = [
        part(manufacturer=PHILIPS, units="CNTS", philips_suv_factor=private(t)) for t in texts
    ]
    assert resolve(slices).factors == pytest.approx((0.0005, 0.0006, 0.0007), rel=1e-12)
    slices[1] = replace(slices[1], philips_suv_factor=None)
    code, sentence = refused(slices)
    assert code == "SUV-025"
    assert "2 of 3" in sentence


def test_both_factors_of_philips_are_compared():
    both = {"philips_activity_factor": private("1.5"), "manufacturer": PHILIPS, "units": "CNTS"}
    assert codes(part(philips_suv_factor=private(f"{1.5 * HOUR * 1.005:.9g}"), **both)) == set()
    near = part(philips_suv_factor=private(f"{1.5 * HOUR / 1.05:.9g}"), **both)
    (note,) = [f for f in resolve([near]).notes if f.code == "SUV-026"]
    assert "5.0 %" in note.sentence
    code, sentence = refused(part(philips_suv_factor=private(f"{1.5 * HOUR / 1.2:.9g}"), **both))
    assert (code, "20.0 %" in sentence) == ("SUV-026", True)


def test_a_weight_spelled_in_two_ways_is_one_weight():
    assert factor([part(weight="70"), part(weight="70.0 ")]) == pytest.approx(HOUR)
