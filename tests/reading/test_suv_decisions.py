"""Where one statement of a header decides against another: one case for each decision."""

import pytest

from netimg.reading.suv import resolve
from tests.make.pet_headers import (
    GE,
    HOUR,
    PHILIPS,
    after,
    beds,
    codes,
    factor,
    part,
    private,
    refused,
)


def test_two_injection_times_on_both_sides_of_midnight_are_seconds_apart():
    late = {"series_time": "005950", "acquisition_time": "005950"}
    both = {"start_datetime": "20240309235950", "start_time": "000010"}
    headers = part(injected=both, **late)
    assert factor(headers) == pytest.approx(HOUR, rel=1e-9)
    assert codes(headers) == set()
    code, sentence = refused(part(injected=both | {"start_time": "005950"}, **late))
    assert (code, "23:59:50 and 00:59:50" in sentence) == ("SUV-041", True)


@pytest.mark.parametrize("uptake_s", [3600.0, 3000.0])
def test_the_factors_of_philips_confirm_or_refuse_the_origin_of_the_frames(uptake_s):
    rebuilt = beds(
        "100000", "100230", series_time="143000", manufacturer=PHILIPS,
        philips_suv_factor=private(f"{1.6 * after(uptake_s):.12g}"),
        philips_activity_factor=private("1.6"),
    )  # fmt: skip
    if uptake_s == 3600.0:
        assert factor(rebuilt) == pytest.approx(HOUR, rel=1e-9)
        assert codes(rebuilt) == {"SUV-012"}
    else:
        code, sentence = refused(rebuilt)
        assert (code, "10:00:00 and 09:50:00" in sentence) == ("SUV-029", True)
        assert "6.5 %" in sentence  # 2^(600/6586.2) - 1


def test_frame_times_of_ge_that_count_to_the_middle_confirm_the_series_time_too():
    middle = beds("100000", "100500", frame_s=300.0, manufacturer=GE)
    result = resolve(middle)
    assert result.method == "series_datetime"
    assert result.confirmed_by == 2
    assert result.factors == pytest.approx((HOUR,) * 2, rel=1e-9)
    assert codes(middle) == set()
    off = beds("100000", "100500", frame_s=300.0, manufacturer=GE, series_time="093000")
    assert "SUV-029" in codes(off)
    assert resolve(off).method == "backcomputed"


def test_a_private_time_left_behind_takes_the_date_that_is_nearest_to_the_scan():
    headers = part(
        manufacturer=GE, series_date="20240311", acquisition_date="20240311",
        series_time="000100", acquisition_time="000100", frame_reference_ms="120000",
        ge_scan_datetime=private("20170101235900"), injected={"start_time": "225900"},
    )  # fmt: skip
    result = resolve([headers])
    assert result.reference_at.isoformat() == "2024-03-10T23:59:00"
    assert result.factors == pytest.approx((HOUR,), rel=1e-9)
    (note,) = [flag for flag in result.notes if flag.code == "SUV-017"]
    assert "repaired as 2024-03-10T23:59:00" in note.sentence


def test_of_stated_references_seconds_apart_the_earliest_counts():
    stated = [part(decay_datetime=f"202403101000{s}") for s in ("03", "00", "02")]
    assert factor(stated) == pytest.approx(HOUR, rel=1e-9)
    assert codes(stated) == set()
    apart = [part(decay_datetime=f"202403101000{s}") for s in ("00", "30")]
    code, sentence = refused(apart)
    assert (code, "10:00:30" in sentence) == ("SUV-025", True)


def test_an_acquisition_without_a_date_minutes_before_the_series_time_is_of_the_same_day():
    headers = part(series_time="100500", acquisition_date=None)
    result = resolve([headers])
    assert result.reference_at.isoformat()[:19] == "2024-03-10T10:00:00"
    assert result.factors == pytest.approx((HOUR,), rel=1e-6)
    (note,) = [flag for flag in result.notes if flag.code == "SUV-012"]
    assert "5.0 min later" in note.sentence


def test_one_slice_whose_factors_disagree_is_enough():
    def counts(*shares):
        return [
            part(
                manufacturer=PHILIPS, units="CNTS", philips_activity_factor=private("1.5"),
                philips_suv_factor=private(f"{1.5 * HOUR / share:.12g}"),
            )
            for share in shares
        ]  # fmt: skip

    code, sentence = refused(counts(1.0, 1.2, 1.0))
    assert (code, "20.0 %" in sentence) == ("SUV-026", True)
    assert codes(counts(1.0, 1.0, 1.0)) == set()


def test_a_typed_activity_has_its_unit():
    code, sentence = refused(part(), overrides={"dose_bq": 370.0})
    assert (code, "370 Bq" in sentence) == ("SUV-005", True)
    assert factor(part(injected={"dose": "370"})) == pytest.approx(HOUR)
    assert factor(part(), overrides={"dose_bq": 185e6}) == pytest.approx(2 * HOUR)


@pytest.mark.parametrize(("norm", "turns_at"), [("lbm-james", 36.15), ("lbm-morgan", 36.15)])
def test_for_sex_other_the_lower_turn_of_both_counts(norm, turns_at):
    def said(bmi):
        headers = part(sex="O", size="1.75", weight=f"{bmi * 1.75**2:.6f}")
        return [flag.sentence for flag in resolve([headers], norm=norm).notes
                if flag.code == "SUV-036"]  # fmt: skip

    assert said(turns_at - 0.1) == []
    assert said(turns_at + 0.1) == [f"{norm} turns down for this body size (body mass index 36.2)."]


def test_a_typed_weight_is_in_kilogrammes():
    code, sentence = refused(part(), overrides={"weight_kg": 70000.0})
    assert (code, "70000 kg" in sentence) == ("SUV-002", True)
    assert factor(part(weight="70000")) == pytest.approx(HOUR)
    assert codes(part(), overrides={"weight_kg": 70.0}) == {"SUV-020"}


def test_a_typed_reference_near_a_time_of_the_series_needs_no_more_than_its_word():
    typed = {"reference_time": "2024-03-10T10:05:00"}
    assert codes(part(), overrides=typed) == {"SUV-020"}
    assert factor(part(), overrides=typed) == pytest.approx(after(3900.0))
    typed = {"reference_time": "2024-03-10T11:00:00"}
    assert codes(part(), overrides=typed) == {"SUV-020", "SUV-029"}
    assert factor(part(), overrides=typed) == pytest.approx(after(7200.0))
