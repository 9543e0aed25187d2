"""PET headers without files, and the factors that follow from their numbers."""

import math

import pytest

from netimg.errors import SUVError
from netimg.flag import Severity
from netimg.reading.suv import resolve
from netimg.reading.suv.header import Injection, PetSlice, Private

FDG = {"dose": "370000000", "half_life": "6586.2", "nuclide_code": "C-111A1", "tracer": "FDG"}
"""Injected at 09:00, scanned from 10:00."""

KG, BQ, F18, GA68, CU64, ZR89 = 70.0, 370e6, 6586.2, 4057.7, 45723.6, 282276.0
ONCE = 1000.0 * KG / BQ
"""Factor of values corrected to the injection."""


def after(uptake_s, half_life_s=F18, *, kg=KG, bq=BQ):
    """Factor of values corrected to a time ``uptake_s`` after the injection."""
    return 1000.0 * kg / (bq * 2.0 ** (-uptake_s / half_life_s))


def t_ave(frame_s, half_life_s=F18):
    """Time into a frame at which the activity is its mean over the frame."""
    decay = math.log(2.0) / half_life_s
    return math.log(decay * frame_s / (1.0 - math.exp(-decay * frame_s))) / decay


HOUR = after(3600.0)


def part(*, injected=None, items=None, **changes):
    """One slice: FDG, 10:00:00, START, Bq/mL; ``injected`` changes the injection."""
    item = Injection(**(FDG | {"start_time": "090000"} | (injected or {})))
    fields = {
        "units": "BQML",
        "corrected_image": ("DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"),
        "decay_correction": "START",
        "slope": "2.5",
        "intercept": "0",
        "series_date": "20240310",
        "series_time": "100000",
        "acquisition_date": "20240310",
        "acquisition_time": "100000",
        "frame_reference_ms": f"{1000 * t_ave(120.0):.3f}",
        "frame_duration_ms": "120000",
        "manufacturer": "SIEMENS",
        "weight": "70",
        "size": "1.75",
        "sex": "M",
        "injections": (item,) if items is None else items,
    }
    return PetSlice(**(fields | changes))


def beds(*starts, frame_s=120.0, ge=False, half_life_s=F18, first=None, **changes):
    """Slices of several beds; frame times count from ``first`` (default the first start)."""
    origin, into_s = seconds(first or starts[0]), 0.0 if ge else t_ave(frame_s, half_life_s)
    return [
        part(
            acquisition_time=start,
            frame_reference_ms=f"{1000.0 * (seconds(start) - origin + into_s):.3f}",
            frame_duration_ms=f"{1000 * frame_s:g}",
            **changes,
        )
        for start in starts
    ]


def seconds(clock):
    return int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + float(clock[4:])


def factor(headers, **options):
    found = resolve(headers if isinstance(headers, list) else [headers], **options).factors
    assert len(set(found)) == 1
    return found[0]


def refused(headers, **options):
    with pytest.raises(SUVError) as caught:
        resolve(headers if isinstance(headers, list) else [headers], **options)
    return caught.value.code.id, caught.value.what


def codes(headers, **options):
    notes = resolve(headers if isinstance(headers, list) else [headers], **options).notes
    return {flag.code for flag in notes if flag.severity is not Severity.INFO}


GE = "GE MEDICAL SYSTEMS"
UIH, CANON, PHILIPS = "UIH", "CANON_MEC", "Philips Medical Systems"
GALLIUM = {
    "half_life": "4057.7", "nuclide_code": "C-131A3", "tracer": "Ga-68 DOTATATE",
    "dose": "150000000", "positron_fraction": "0.889",
}  # fmt: skip
COPPER = {
    "half_life": "45723.6", "nuclide_code": "3932008", "tracer": "Cu 64 dotatate",
    "dose": "148000000", "positron_fraction": "0.176", "start_time": None,
    "start_datetime": "20240309090000",
}  # fmt: skip
ZIRCONIUM = {
    "half_life": "282276", "nuclide_code": "C-168A4", "tracer": "89Zr-trastuzumab",
    "dose": "37000000", "positron_fraction": "0.228", "start_time": None,
    "start_datetime": "20240306100000",
}  # fmt: skip


def gallium(**more):
    return GALLIUM | more


def private(text, *, creator=True):
    return Private(text=text, creator_present=creator)


def cases(table):
    return pytest.mark.parametrize("case", table.values(), ids=table)
