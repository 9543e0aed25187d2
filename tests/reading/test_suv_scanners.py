"""Headers as scanners and workstations write them; factors by formula."""

import math

import pytest

from tests.make.pet_headers import (
    CANON,
    F18,
    GA68,
    GE,
    HOUR,
    PHILIPS,
    UIH,
    after,
    beds,
    cases,
    codes,
    factor,
    gallium,
    part,
    private,
    t_ave,
)

SCANNERS = {
    "siemens biograph 6, 16, 40: time of day only, a bed every 2 min, counts at mid-frame": (
        lambda: beds("100000", "100230", "100500"),
        HOUR,
        set(),
    ),
    "siemens mCT and Vision: private decay time decides against a rewritten series time": (
        lambda: beds(
            "100000",
            "100230",
            series_time="153000",
            siemens_decay_datetime=private("20240310100000.000000"),
        ),
        HOUR,
        set(),
    ),
    "siemens continuous bed motion: every slice its own time and frame": (
        lambda: [
            part(
                acquisition_time=f"1000{s:02d}.352",
                frame_reference_ms=f"{1000 * (s + 0.352 + t_ave(60.0 + s)):.3f}",
                frame_duration_ms=f"{1000 * (60.0 + s)}",
            )
            for s in (1, 3, 5, 7)
        ],
        HOUR,
        set(),
    ),
    "siemens, images of minutes 50 to 60: corrected to the start of the scan": (
        lambda: part(
            acquisition_time="105000", frame_reference_ms=f"{1000 * (3000.0 + t_ave(600.0)):.3f}",
            frame_duration_ms="600000",
        ),
        HOUR,
        set(),
    ),
    "ge discovery 600 to MI: frame times count to the start of the frame": (
        lambda: beds("100000", "100300", "100600", frame_s=180.0, ge=True, manufacturer=GE),
        HOUR,
        set(),
    ),
    "ge, counts at mid-frame: the series time is confirmed all the same": (
        lambda: beds("100000", "100300", manufacturer=GE),
        HOUR,
        set(),
    ),
    "ge, rebuilt the day after: its own scan time": (
        lambda: beds(
            "100000", "100300", ge=True, manufacturer=GE, series_date="20240311",
            series_time="081500", ge_scan_datetime=private("20240310100000.00"),
        ),
        HOUR,
        set(),
    ),
    "ge, dates shifted, its private date left behind": (
        lambda: beds(
            "100000", "100300", ge=True, manufacturer=GE,
            ge_scan_datetime=private("20190822100000.00"),
        ),
        HOUR,
        {"SUV-017"},
    ),
    "ge, frame times of beds whose acquisition time is that of the whole scan": (
        lambda: [
            part(manufacturer=GE, frame_reference_ms=text) for text in ("0", "180000", "360000")
        ],
        HOUR,
        set(),
    ),
    "philips gemini: counts with its SUV factor": (
        lambda: part(
            manufacturer=PHILIPS, units="CNTS", philips_suv_factor=private("0.000551")
        ),
        0.000551,
        set(),
    ),
    "philips gemini: counts with a factor to activity": (
        lambda: part(
            manufacturer=PHILIPS, units="CNTS", philips_suv_factor=private("0"),
            philips_activity_factor=private("1.6025"),
        ),
        1.6025 * HOUR,
        set(),
    ),
    "philips, counts not corrected for decay: only the factor to activity can be used": (
        lambda: part(
            manufacturer=PHILIPS, units="CNTS", decay_correction="NONE",
            corrected_image=("ATTN",), philips_suv_factor=private("0.000551"),
            philips_activity_factor=private("1.5"), frame_duration_ms="300000",
        ),
        1.5 * HOUR * (math.log(2) / F18 * 300) / (1 - 2 ** (-300 / F18)),
        set(),
    ),
    "philips ingenuity and Vereos: becquerel, factors still there and not applied": (
        lambda: part(
            manufacturer=PHILIPS, philips_suv_factor=private("0.0012"),
            philips_activity_factor=private(f"{0.0012 / HOUR:.9g}"),
        ),
        HOUR,
        set(),
    ),
    "philips, manufacturer blanked by de-identification, its creator there": (
        lambda: part(manufacturer=None, units="CNTS", philips_suv_factor=private("0.000551")),
        0.000551,
        set(),
    ),
    "philips half-life of 6588 s": (
        lambda: part(manufacturer=PHILIPS, injected={"half_life": "6588"}),
        after(3600.0, 6588.0),
        set(),
    ),
    "canon cartesion: beds, mean count times": (
        lambda: beds("100000", "100200", manufacturer=CANON),
        HOUR,
        set(),
    ),
    "canon, no frame times: series time, unconfirmed": (
        lambda: part(manufacturer=CANON, frame_reference_ms=None, frame_duration_ms=None),
        HOUR,
        set(),
    ),
    "united imaging: gallium, beds of three minutes": (
        lambda: beds(
            "100000", "100310", frame_s=180.0, half_life_s=GA68, manufacturer=UIH,
            injected=gallium(),
        ),
        after(3600.0, GA68, bq=150e6),
        set(),
    ),
    "cps: series time is that of the reconstruction, frames share an origin": (
        lambda: beds("100000", "100230", manufacturer="CPS", series_time="113022"),
        HOUR,
        {"SUV-012"},
    ),
    "cropped series: the first bed is missing, the common origin is not": (
        lambda: beds("100500", "100730", first="100000", series_time="094500"),
        HOUR,
        {"SUV-029"},
    ),
    "workstation: already SUV by body weight": (
        lambda: part(units="GML", suv_type="BW", corrected_image=None, decay_correction=None),
        1.0,
        {"SUV-027"},
    ),
    "workstation: SUV by lean mass (Janmahasatian)": (
        lambda: part(units="GML", suv_type="LBMJANMA", size="1.75"),
        (6680 + 216 * 70 / 1.75**2) / 9270,
        set(),
    ),
    "workstation: SUV by surface": (
        lambda: part(units="CM2ML", suv_type=None),
        70 / (10 * 0.007184 * 175**0.725 * 70**0.425),
        set(),
    ),
    "workstation: series time of the export": (
        lambda: part(series_date="20240312", series_time="164500"),
        HOUR,
        {"SUV-012"},
    ),
}  # fmt: skip


@cases(SCANNERS)
def test_a_scanner_s_header_gives_the_factor_of_the_formula(case):
    slices, truth, said = case
    slices = slices()
    assert factor(slices) == pytest.approx(truth, rel=1e-6)
    assert codes(slices) == said
