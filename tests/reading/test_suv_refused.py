"""Headers without a way to SUV: each refused with its code and its numbers."""

import pytest

from netimg.errors import SUVError
from netimg.reading.suv import resolve
from netimg.reading.suv.header import Injection
from tests.make.pet_headers import (
    COPPER,
    FDG,
    GALLIUM,
    GE,
    cases,
    gallium,
    part,
    private,
    refused,
)

REFUSED = {
    "units of GE without attenuation": (
        part(units="PROPCPS", manufacturer=GE), "SUV-003", "PROPCPS"
    ),
    "no units": (part(units=None), "SUV-003", "does not say"),
    "counts of another maker": (part(units="CNTS"), "SUV-003", "CNTS"),
    "counts, a factor without creator, no maker": (
        part(units="CNTS", manufacturer=None,
             philips_suv_factor=private("0.0005", creator=False)),
        "SUV-003",
        "CNTS",
    ),
    "slope absent": (part(slope=None), "PIX-005", "rescale slope"),
    "intercept absent": (part(intercept=None), "PIX-005", "intercept"),
    "slope negative": (part(slope="-2"), "PIX-013", "-2"),
    "slope endless": (part(slope="1e999"), "SUV-037", "1e999"),
    "intercept of a program that stores unsigned": (
        part(intercept="-8192"), "SUV-033", "-8192"
    ),
    "weight removed": (part(weight=None), "SUV-001", "weight is missing"),
    "weight 0.00": (part(weight="0.00"), "SUV-001", "weight is missing"),
    "weight of 1.75": (part(weight="1.75"), "SUV-002", "1.75 kg"),
    "weight with a unit": (part(weight="70 kg"), "SUV-037", "70 kg"),
    "weight with a comma": (part(weight="70,5"), "SUV-037", "70,5"),
    "activity in millicurie": (part(injected={"dose": "10"}), "SUV-005", "10 Bq"),
    "activity negative": (part(injected={"dose": "-370000000"}), "SUV-005", "-3.7e+08"),
    "activity removed": (part(injected={"dose": None}), "SUV-004", "activity is missing"),
    "time removed": (part(injected={"start_time": None}), "SUV-006", "--injected-at"),
    "all times zeroed": (
        part(series_time="000000", acquisition_time="000000", injected={"start_time": "000000"}),
        "SUV-017",
        "00:00:00",
    ),
    "injection zeroed": (part(injected={"start_time": "000000.00"}), "SUV-017", "10:00:00"),
    "times of the scan zeroed": (
        part(series_time="000000", acquisition_time="000000"), "SUV-042", "15.00 h"
    ),
    "injected after the scan": (part(injected={"start_time": "100100"}), "SUV-007", "1.0 min"),
    "FDG seven hours before": (part(injected={"start_time": "030000"}), "SUV-042", "7.00 h"),
    "Cu-64 without a date": (
        part(injected=COPPER | {"start_datetime": None, "start_time": "090000"}),
        "SUV-039",
        "Cu-64 lives long (half-life 12.7 h)",
    ),
    "Cu-64 five days after": (
        part(injected=COPPER | {"start_datetime": "20240305090000"}), "SUV-042", "121.00 h"
    ),
    "Cu-64 by the protocol of F-18": (
        part(injected=COPPER | {"positron_fraction": "0.967"}), "SUV-040", "0.967"
    ),
    "Ga-68 by the protocol of F-18": (
        part(injected=gallium(half_life="6586.2")), "SUV-008", "6586.2 s"
    ),
    "FDG by the protocol of Ga-68, known by name only": (
        part(injected={"half_life": "4057.7", "nuclide_code": None}), "SUV-008", "4057.7 s"
    ),
    "half-life with its unit": (part(injected={"half_life": "109.8 min"}), "SUV-037", "109.8 min"),
    "half-life and nuclide removed": (
        part(injected={"half_life": None, "nuclide_code": None, "tracer": None}),
        "SUV-022",
        "radionuclide is not recorded",
    ),
    "two nuclides, no half-life": (
        part(injected=gallium(half_life=None, nuclide_code="C-111A1")), "SUV-008", "F-18, Ga-68"
    ),
    "times of different zones, the zone of the series unknown": (
        part(injected={"start_datetime": "20240310080000+0000"}), "SUV-041", "08:00:00"
    ),
    "the date of no date": (part(series_date="00010101"), "SUV-037", "00010101"),
    "a day that is none": (part(acquisition_date="20230229"), "SUV-037", "20230229"),
    "series dated years before its one bed": (
        part(series_date="19990310"), "SUV-029", "more than 1000 %"
    ),
    "a frame of a century": (part(frame_duration_ms="3e12"), "SUV-037", "3e+12 ms"),
    "two injections": (
        part(items=(Injection(**FDG), Injection(**GALLIUM))), "SUV-013", "2 radiopharm"
    ),
    "no radiopharmaceutical": (part(items=()), "SUV-043", "radiopharmaceutical"),
    "as acquired, frames of no length": (
        part(decay_correction="NONE", corrected_image=("ATTN",), frame_duration_ms="0"),
        "SUV-030",
        "duration",
    ),
    "as acquired, says DECY": (part(decay_correction="NONE"), "SUV-011", "NONE"),
    "corrected to the start, does not say DECY": (
        part(corrected_image=("ATTN",)), "SUV-011", "START"
    ),
    "decay correction blank": (part(decay_correction=""), "SUV-009", "not said"),
    "corrections removed": (part(corrected_image=None), "SUV-027", "corrections"),
    "not corrected for attenuation": (
        part(corrected_image=("DECY", "RAN")), "SUV-010", "attenuation"
    ),
    "SUV of an unknown kind": (part(units="GML", suv_type="SUL"), "SUV-034", "SUL"),
    "lean SUV without height": (
        part(units="GML", suv_type="LBMJANMA", size=None), "SUV-014", "lbm-janma"
    ),
    "private times of two scans": (
        [part(ge_scan_datetime=private(f"2024031010{m}000")) for m in ("0", "3")],
        "SUV-025",
        "10:30:00",
    ),
    "weights of two patients": ([part(weight="70"), part(weight="82")], "SUV-025", "70 and 82"),
    "injections of two patients": (
        [part(), part(injected={"start_time": "085500"})], "SUV-025", "injection time"
    ),
}  # fmt: skip


@cases(REFUSED)
def test_what_cannot_be_known_is_refused_with_its_numbers(case):
    headers, code, says = case
    found, sentence = refused(headers)
    with pytest.raises(SUVError) as caught:
        resolve(headers if isinstance(headers, list) else [headers])
    assert found == code, sentence
    assert says in f"{sentence} {caught.value.todo}"
