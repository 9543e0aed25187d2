"""What one PET file or frame says of its values, times and radiopharmaceutical: `PetSlice`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from netimg.reading.suv.header import Injection, PetSlice, Private

if TYPE_CHECKING:
    from collections.abc import Container

    from netimg.reading.attributes import Attributes


_LISTED = {
    0x38: "GE activity before the injection (0009,xx38), MBq",
    0x39: "GE time of the measurement before it (0009,xx39)",
    0x3B: "GE injection (0009,xx3B)",
    0x3C: "GE activity left after the injection (0009,xx3C), MBq",
    0x3D: "GE time of the measurement after it (0009,xx3D)",
}
"""What GE scanners tell beside the activity; the activity of the header has it in already."""


def pet_slice(a: Attributes, *, injections: tuple[Injection, ...] | None = None) -> PetSlice:
    """What SUV needs from one PET file or frame, as text, verbatim.

    ``injections`` where they are known already.
    """
    return PetSlice(
        units=a.text(0x00541001),
        suv_type=a.text(0x00541006),
        corrected_image=a.texts(0x00280051) or None,
        decay_correction=a.text(0x00541102),
        attenuation_method=a.text(0x00541101),
        series_type=a.texts(0x00541000),
        slope=a.verbatim(0x00281053),
        intercept=a.verbatim(0x00281052),
        series_date=a.verbatim(0x00080021),
        series_time=a.verbatim(0x00080031),
        acquisition_date=a.verbatim(0x00080022),
        acquisition_time=a.verbatim(0x00080032),
        acquisition_datetime=a.verbatim(0x0008002A),
        frame_reference_ms=a.verbatim(0x00541300),
        frame_duration_ms=a.verbatim(0x00181242),
        decay_factor=a.verbatim(0x00541321),
        calibration_factor=a.verbatim(0x00541322),
        decay_datetime=a.verbatim(0x00189701),
        timezone=a.text(0x00080201),
        manufacturer=a.text(0x00080070),
        weight=a.verbatim(0x00101030),
        size=a.verbatim(0x00101020),
        sex=a.text(0x00100040),
        pixel_spacing=a.verbatim(0x00280030),
        thickness=a.verbatim(0x00180050),
        ge_scan_datetime=_private(a, 0x0009, 0x0D, "GEMS_PETD_01"),
        siemens_decay_datetime=_private(a, 0x0071, 0x22, "SIEMENS MED PT"),
        philips_suv_factor=_private(a, 0x7053, 0x00, "Philips PET Private Group"),
        philips_activity_factor=_private(a, 0x7053, 0x09, "Philips PET Private Group"),
        listed=_listed(a),
        injections=injections if injections is not None else injections_of(a),
    )


def injections_of(
    a: Attributes, *, agents: Container[int | None] | None = None
) -> tuple[Injection, ...] | None:
    """Items of the Radiopharmaceutical Information Sequence; None where it is absent.

    ``agents``: numbers of those that a frame shows.
    """
    items = a.items(0x00540016)
    if items is None:
        return None
    return tuple(
        _injection(item) for item in items if agents is None or item.integer(0x00189729) in agents
    )


def _injection(item: Attributes) -> Injection:
    codes = item.items(0x00540300) or ()
    tracers = item.items(0x00540304) or ()
    return Injection(
        tracer=item.text(0x00180031),
        start_time=item.verbatim(0x00181072),
        start_datetime=item.verbatim(0x00181078),
        dose=item.verbatim(0x00181074),
        half_life=item.verbatim(0x00181075),
        positron_fraction=item.verbatim(0x00181076),
        nuclide_code=codes[0].text(0x00080100) if codes else None,
        nuclide_scheme=codes[0].text(0x00080102) if codes else None,
        nuclide_meaning=codes[0].text(0x00080104) if codes else None,
        tracer_code=tracers[0].text(0x00080100) if tracers else None,
        tracer_scheme=tracers[0].text(0x00080102) if tracers else None,
        tracer_meaning=tracers[0].text(0x00080104) if tracers else None,
    )


def _private(a: Attributes, group: int, low: int, creator: str) -> Private | None:
    found = a.private(group, low, creator)
    return None if found is None else Private(text=found[0].strip(), creator_present=found[1])


def _listed(a: Attributes) -> tuple[tuple[str, str], ...]:
    """Values that are told beside SUV and never used."""
    factor = a.text(0x00541321)
    listed = [] if factor is None else [("decay factor (0054,1321)", factor)]
    for low, name in _LISTED.items():
        found = a.private_tag(0x0009, low, "GEMS_PETD_01")
        if found is None or not found[1]:
            continue
        text = a.text(found[0])
        if low in (0x38, 0x3C):
            value = a.float(found[0])
            text = None if value is None or math.isnan(value) else f"{value:.6g}"
        if text is not None:
            listed.append((name, text))
    return tuple(listed)
