"""Times across midnight, zones and de-identification; factors by formula."""

import pytest

from netimg.reading.suv import resolve
from tests.make.pet_headers import HOUR, after, beds, cases, codes, factor, part, refused, t_ave


def test_the_plain_header_has_its_factor_and_no_warning():
    result = resolve([part()])
    assert result.factors == pytest.approx((HOUR,), rel=1e-12)
    assert pytest.approx(3600.0) == result.uptake_s
    assert {flag.code for flag in result.notes} == {"SUV-045"}


TIMES = {
    "injected before midnight, time of day only": (
        part(injected={"start_time": "233000"}, series_time="003000", acquisition_time="003000"),
        HOUR,
        {"SUV-024"},
    ),
    "injected before midnight, dated": (
        part(
            injected={"start_time": "233000", "start_datetime": "20240309233000"},
            series_time="003000", acquisition_time="003000",
        ),
        HOUR,
        set(),
    ),
    "the scanner stamped its own date on an injection before midnight": (
        part(
            injected={"start_time": None, "start_datetime": "20240310233000"},
            series_time="003000", acquisition_time="003000",
        ),
        HOUR,
        {"SUV-024"},
    ),
    "scan across midnight without acquisition dates": (
        [
            part(
                injected={"start_time": "225800"}, series_time="235800", acquisition_date=None,
                acquisition_time=start, frame_reference_ms=f"{1000 * (s + t_ave(120.0)):.3f}",
            )
            for start, s in (("235800", 0), ("000000", 120), ("000200", 240))
        ],
        HOUR,
        set(),
    ),
    "de-identification moved the injection one day late": (
        part(injected={"start_datetime": "20240311090000"}),
        HOUR,
        {"SUV-024"},
    ),
    "de-identification left the date of the injection": (
        part(injected={"start_datetime": "19000101090000"}),
        HOUR,
        {"SUV-017"},
    ),
    "universal time in the date-time, offset of the series known": (
        part(
            timezone="+0100",
            injected={"start_time": "090000", "start_datetime": "20240310080000+0000"},
        ),
        HOUR,
        set(),
    ),
    "west of Greenwich": (
        part(
            timezone="-0500",
            injected={"start_time": None, "start_datetime": "20240310140000.0000+0000"},
        ),
        HOUR,
        set(),
    ),
    "the date-time has the offset of the series": (
        part(timezone="+0530", injected={"start_datetime": "20240310090000+0530"}),
        HOUR,
        set(),
    ),
    "clocks went forward between injection and scan": (
        part(
            timezone="+0200", series_date="20240331", acquisition_date="20240331",
            series_time="033000", acquisition_time="033000",
            injected={"start_time": None, "start_datetime": "20240331013000+0100"},
        ),
        HOUR,
        set(),
    ),
    "clocks went back between injection and scan": (
        part(
            timezone="+0100", series_date="20241027", acquisition_date="20241027",
            series_time="021500", acquisition_time="021500",
            injected={"start_time": None, "start_datetime": "20241027021500+0200"},
        ),
        HOUR,
        set(),
    ),
    "two date-times with offsets, no word on the zone of the series": (
        part(
            decay_datetime="20240310100000+0100",
            injected={"start_time": None, "start_datetime": "20240310080000+0000"},
        ),
        HOUR,
        set(),
    ),
    "only date-times, each with its offset": (
        part(
            series_date=None, series_time=None, acquisition_date=None, acquisition_time=None,
            acquisition_datetime="20240310100000.00+0100", frame_reference_ms="0",
            injected={"start_time": None, "start_datetime": "20240310080000+0000"},
        ),
        HOUR,
        set(),
    ),
    "a date-time that stops after the day takes the time beside it": (
        part(injected={"start_time": "090000", "start_datetime": "20240310"}),
        HOUR,
        set(),
    ),
    "injection half a second apart in its two fields": (
        part(injected={"start_time": "090000.500", "start_datetime": "20240310090000.000000 "}),
        HOUR,
        set(),
    ),
    "a difference of 2 % between both fields is said": (
        part(injected={"start_time": "085700", "start_datetime": "20240310090000"}),
        HOUR,
        {"SUV-029"},
    ),
    "times with colons, of an hour only, with a blank": (
        part(series_time="10:00:00 ", acquisition_time="10", injected={"start_time": "0900 "}),
        HOUR,
        set(),
    ),
    "second 60": (
        part(injected={"start_time": "085960"}),
        after(3601.0),
        set(),
    ),
    "series times that differ from slice to slice are none": (
        [part(series_time="100000"), part(series_time="094000")],
        HOUR,
        set(),
    ),
    "series dated years before its three beds": (
        beds("100000", "100230", "100500", series_date="19990310"),
        HOUR,
        {"SUV-029"},
    ),
    "acquisition three seconds after the series time, frame times of another origin": (
        part(acquisition_time="100003", frame_reference_ms="1300000"),
        HOUR,
        {"SUV-029"},
    ),
    "series time absent": (part(series_time=None), HOUR, set()),
    "series time and frame times absent: the acquisition stands for it": (
        part(series_time=None, frame_reference_ms=None),
        HOUR,
        {"SUV-047"},
    ),
    "uptake of six minutes": (part(injected={"start_time": "095400"}), after(360.0), {"SUV-016"}),
    "uptake of four hours": (
        part(injected={"start_time": "060000"}),
        after(4 * 3600.0),
        {"SUV-016"},
    ),
}  # fmt: skip


@cases(TIMES)
def test_times_are_read_as_they_were_meant(case):
    slices, truth, said = case
    assert factor(slices) == pytest.approx(truth, rel=1e-6)
    assert codes(slices) == said


def test_times_without_any_date_need_the_reference_typed():
    undated = part(series_date=None, acquisition_date=None)
    code, sentence = refused(undated)
    assert (code, "no date" in sentence) == ("SUV-028", True)
    typed = {"reference_time": "2024-03-10T10:00:00"}
    assert factor(undated, overrides=typed) == pytest.approx(HOUR)
