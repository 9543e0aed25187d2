"""What the three policies do with one header, and what the record of it keeps."""

import math

import pytest

from netimg.reading.suv import resolve
from netimg.reading.suv.header import Injection
from netimg.reading.suv.provenance import record, refused_record
from tests.make.pet_headers import (
    F18,
    GE,
    HOUR,
    ONCE,
    PHILIPS,
    after,
    beds,
    cases,
    codes,
    factor,
    part,
    private,
    refused,
    t_ave,
)

SHIFT = 2.0 ** (t_ave(120.0) / F18)
"""What it does to SUV to take the frame start of a 120 s frame for its mean count time."""

REBUILT = beds("100000", "100230", series_time="143000")
GE_BEDS = beds("100000", "100300", ge=True, manufacturer=GE)

POLICIES = {
    "series time, confirmed": (part(), {"auto": HOUR, "qiba": HOUR, "ibsi": HOUR}),
    "rebuilt later, first bed there": (REBUILT, {"auto": HOUR, "qiba": HOUR, "ibsi": HOUR}),
    "rebuilt later, first bed cut off": (
        beds("100230", "100500", first="100000", series_time="143000"),
        {"auto": HOUR, "qiba": after(3750.0), "ibsi": HOUR},
    ),
    "frame times to the frame start": (
        GE_BEDS,
        {"auto": HOUR, "qiba": HOUR, "ibsi": HOUR * SHIFT},
    ),
    "its own scan time": (
        beds(
            "100000", "100300", ge=True, manufacturer=GE, series_time="120000",
            ge_scan_datetime=private("20240310100000"),
        ),
        {"auto": HOUR, "qiba": HOUR, "ibsi": HOUR},
    ),
    "acquisition time half an hour late": (
        part(
            acquisition_time="103000", manufacturer=GE, frame_reference_ms="150000",
            ge_scan_datetime=private("20240310100000", creator=False),
        ),
        {"auto": HOUR, "qiba": HOUR, "ibsi": HOUR},
    ),
    "corrected to the injection": (
        part(decay_correction="ADMIN"),
        {"auto": ONCE, "qiba": "SUV-009", "ibsi": ONCE},
    ),
    "as acquired": (
        part(decay_correction="NONE", corrected_image=("ATTN",), frame_duration_ms="300000"),
        {
            "auto": HOUR * 300 * math.log(2) / F18 / (1 - 2 ** (-300 / F18)),
            "qiba": "SUV-009",
            "ibsi": HOUR * 300 * math.log(2) / F18 / (1 - 2 ** (-300 / F18)),
        },
    ),
    "activity in MBq": (
        part(injected={"dose": "370"}),
        {"auto": HOUR, "qiba": "SUV-005", "ibsi": HOUR},
    ),
    "weight in grams": (
        part(weight="70000"),
        {"auto": HOUR, "qiba": "SUV-002", "ibsi": HOUR},
    ),
    "half-life in minutes": (
        part(injected={"half_life": "109.77"}),
        {"auto": HOUR, "qiba": "SUV-008", "ibsi": HOUR},
    ),
    "half-life from the table": (
        part(injected={"half_life": None}),
        {"auto": HOUR, "qiba": "SUV-008", "ibsi": HOUR},
    ),
    "injection dated a day late": (
        part(injected={"start_datetime": "20240311090000"}),
        {"auto": HOUR, "qiba": "SUV-007", "ibsi": HOUR},
    ),
    "private date not shifted with the others": (
        part(
            manufacturer=GE, series_time="143000", frame_reference_ms="0",
            ge_scan_datetime=private("20170101100000"),
        ),
        {"auto": HOUR, "qiba": "SUV-017", "ibsi": HOUR},
    ),
    "counts of a calibrated scanner": (
        part(
            units="CPS", corrected_image=("ATTN", "DECY", "DCAL"), pixel_spacing="4\\4",
            thickness="5",
        ),
        {"auto": "SUV-003", "qiba": "SUV-003", "ibsi": HOUR * 1000 / 80},
    ),
    "counts with a calibration factor": (
        part(units="CPS", calibration_factor="12.5"),
        {"auto": "SUV-003", "qiba": "SUV-003", "ibsi": HOUR * 12.5},
    ),
    "counts of Philips": (
        part(units="CNTS", manufacturer=PHILIPS, philips_suv_factor=private("0.0004")),
        {"auto": 0.0004, "qiba": 0.0004, "ibsi": 0.0004},
    ),
    "SUV by body weight": (
        part(units="GML", suv_type="BW"),
        {"auto": 1.0, "qiba": 1.0, "ibsi": 1.0},
    ),
    "frame reference absent": (
        part(frame_reference_ms=None),
        {"auto": HOUR, "qiba": HOUR, "ibsi": "SUV-028"},
    ),
    "frame duration absent": (
        part(frame_duration_ms=None),
        {"auto": HOUR, "qiba": HOUR, "ibsi": "SUV-030"},
    ),
    "intercept": (
        part(intercept="-4"),
        {"auto": "SUV-033", "qiba": HOUR, "ibsi": "SUV-033"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("policy", ["auto", "qiba", "ibsi"])
@cases(POLICIES)
def test_each_policy_has_its_factor_or_its_refusal(case, policy):
    headers, truths = case
    truth = truths[policy]
    if isinstance(truth, str):
        assert refused(headers, policy=policy)[0] == truth
    else:
        # minutes in two decimals fit the half-life to 1e-6
        assert factor(headers, policy=policy) == pytest.approx(truth, rel=2e-6)


def test_repairs_that_the_strict_policy_refuses_are_said_by_the_others():
    for policy in ("auto", "ibsi"):
        assert "SUV-005" in codes(part(injected={"dose": "370"}), policy=policy)
    assert "SUV-033" in codes(part(intercept="-4"), policy="qiba")


def test_the_record_keeps_every_candidate_with_what_it_would_do():
    slices = beds(
        "100500", "100730", first="100000", series_time="094500",
        philips_suv_factor=private(f"{HOUR * 1.6:.12g}"),
        philips_activity_factor=private("1.6"), manufacturer=PHILIPS,
    )  # fmt: skip
    result = resolve(slices)
    assert result.method == "backcomputed"
    wanted = {
        "series_datetime": ("2024-03-10T09:45:00", -900.0),
        "backcomputed": ("2024-03-10T10:00:00", 0.0),
        "philips_ratio": ("2024-03-10T10:00:00", 0.0),
        "earliest_acquisition": ("2024-03-10T10:05:00", 300.0),
    }
    kept = record(result)
    assert {c.name for c in kept.candidates} == set(wanted)
    for candidate in kept.candidates:
        at, off_s = wanted[candidate.name]
        assert candidate.reference[:19] in (at, "2024-03-10T09:59:59")
        assert candidate.relative_suv == pytest.approx(2.0 ** (off_s / F18), rel=1e-5)
    assert kept.sentence == (
        "reference 10:00:00 from frame times; series time would give -9.0 %; "
        "acquisition time would give +3.2 %"
    )


def test_the_record_names_the_beds_that_confirm_the_series_time():
    kept = record(resolve(beds("100000", "100230", "100500")))
    assert kept.sentence == "reference 10:00:00 from series time, confirmed by 3 beds"
    moving = [
        part(
            acquisition_time=f"10{m:02d}{s:02d}",
            frame_reference_ms=f"{1000 * (60 * m + s + t_ave(60.0)):.3f}",
            frame_duration_ms="60000",
        )
        for m in range(6)
        for s in range(0, 60, 10)
    ]
    assert record(resolve(moving)).sentence == (
        "reference 10:00:00 from series time, confirmed by 36 positions of a moving bed"
    )
    assert record(resolve([part(series_time="094500", frame_reference_ms=None)])).sentence == (
        "reference 09:45:00 from series time; acquisition time would give +9.9 %"
    )


def test_the_record_says_what_was_read_and_what_was_used():
    listed = (("GE activity before the injection (0009,xx38), MBq", "392"),)
    kept = record(resolve([part(injected={"half_life": "109.77"}, listed=listed)]))
    assert (kept.half_life_read, kept.half_life_from) == ("109.77", "header, read as minutes")
    assert kept.half_life_s == pytest.approx(109.77 * 60)
    assert kept.administered_at == "2024-03-10T09:00:00"
    assert kept.uptake_s == pytest.approx(3600.0)
    assert kept.decayed_dose_bq == pytest.approx(370e6 * 2 ** (-3600 / (109.77 * 60)))
    assert (kept.weight_kg, kept.dose_bq) == (70.0, 370e6)
    assert kept.listed == dict(listed)
    table = record(resolve([part(injected={"half_life": ""})]))
    assert (table.half_life_read, table.half_life_from) == (None, "table")


def test_what_is_typed_stands_in_the_place_of_the_field_before_any_check():
    two = [part(weight="70", injected={"dose": "1"}), part(weight="82", injected={"dose": "2"})]
    typed = {"weight_kg": 70.0, "dose_bq": 370e6}
    assert factor(two, overrides=typed) == pytest.approx(HOUR)
    typed = {"dose_bq": 370e6, "injection_time": "2024-03-10T09:00:00", "half_life_s": 6586.2}
    nothing = part(items=())
    assert factor(nothing, overrides=typed) == pytest.approx(HOUR)
    assert refused(nothing, overrides={"dose_bq": 370e6})[0] == "SUV-043"
    assert refused(part(units="CNTS"), overrides=typed)[0] == "SUV-003"


def test_a_typed_reference_settles_times_that_disagree():
    headers = part(series_time="092000", frame_reference_ms="1000")
    assert refused(headers)[0] == "SUV-029"
    typed = {"reference_time": "2024-03-10T10:00:00"}
    result = resolve([headers], overrides=typed)
    assert result.factors == pytest.approx((HOUR,))
    assert record(result).sentence.startswith("reference 10:00:00 from --reference-at")


def test_a_typed_reference_settles_private_times_of_two_scans():
    headers = [part(ge_scan_datetime=private(f"2024031010{m}000")) for m in ("0", "3")]
    assert refused(headers)[0] == "SUV-025"
    typed = {"reference_time": "2024-03-10T10:00:00"}
    assert factor(headers, overrides=typed) == pytest.approx(HOUR)


def test_one_of_two_injections_is_chosen_by_number():
    first = Injection(dose="200000000", half_life="6586.2", tracer="FDG", start_time="073000")
    second = Injection(dose="370000000", half_life="6586.2", tracer="FDG", start_time="090000")
    headers = part(items=(first, second))
    assert refused(headers) == ("SUV-013", "2 radiopharmaceuticals are recorded.")
    assert refused(headers, overrides={"injection": 3})[0] == "SUV-013"
    assert factor(headers, overrides={"injection": 2}) == pytest.approx(HOUR)
    assert factor(headers, overrides={"injection": 1}) == pytest.approx(after(9000.0, bq=200e6))


def test_a_residual_larger_than_the_activity_is_refused():
    code, sentence = refused(part(), overrides={"residual_bq": 371e6})
    assert code == "SUV-005"
    assert (
        "residual activity of 371 MBq is not less than the injected activity of 370 MBq" in sentence
    )
    assert factor(part(), overrides={"residual_bq": 37e6}) == pytest.approx(HOUR / 0.9)


def test_a_refusal_is_kept_with_its_code_and_advice():
    from netimg.errors import SUVError

    with pytest.raises(SUVError) as caught:
        resolve([part(weight=None)])
    kept = refused_record(caught.value, norm="bw", policy="auto", typed={"sex": "F"})
    assert (kept.possible, kept.code, kept.todo) == (False, "SUV-001", "Give it with --weight-kg.")
    assert kept.typed == {"sex": "F"}
