"""Enhanced and legacy-converted CT and PET: each frame becomes a virtual slice with a `Header`.

A value is looked up in the frame's own functional groups, then in the shared ones, then among the
attributes that a legacy conversion parked (own before shared), then in the data set itself. From
there on a frame is treated like a file of a classic series.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from netimg.errors import PIX_002
from netimg.reading.attributes import Attributes
from netimg.reading.headers import FrameOf, Header, header_of, stamp
from netimg.reading.pet_header import injections_of, pet_slice
from netimg.reading.pixel_format import pixel_formats
from netimg.reading.problems import refusal
from netimg.reading.real_world import RealWorld, real_world
from netimg.reading.scan import Scan, items, scan
from netimg.reading.walk import content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netimg.reading.pixel_format import PixelFormat
    from netimg.reading.suv.header import Injection, PetSlice
    from netimg.reading.walk import Archives, Found
    from netimg.settings import Settings

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_CT = "1.2.840.10008.5.1.4.1.1.2.2"
ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"
LEGACY_PET = "1.2.840.10008.5.1.4.1.1.128.1"
MULTIFRAME = (ENHANCED_CT, LEGACY_CT, ENHANCED_PET, LEGACY_PET)
"""SOP classes whose frames are slices."""

_CONTRAST, _TRACER, _REAL_WORLD = 0x00189341, 0x00189737, 0x00409096
_CONTRAST_PHASE = 0x00189344
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_CONVERTED_SHARED, _CONVERTED = 0x00209170, 0x00209171
_NEEDED = {
    0x00289110: ("Pixel Measures Sequence (0028,9110)", (0x00280030,)),
    0x00209113: ("Plane Position Sequence (0020,9113)", (0x00200032,)),
    0x00209116: ("Plane Orientation Sequence (0020,9116)", (0x00200037,)),
    0x00289145: ("Pixel Value Transformation Sequence (0028,9145)", (0x00281052, 0x00281053)),
}
"""Groups that every frame needs, and what a legacy conversion may have parked instead."""

_SERIES_TYPES = {
    "DYNAMIC": "DYNAMIC",
    "GATED": "GATED",
    "CARDIAC_GATED": "GATED",
    "RESPIRATORY_GATED": "GATED",
    "CARDRESP_GATED": "GATED",
    "WHOLE_BODY": "WHOLE BODY",
}
"""Series Type of classic PET by value 3 of the frame type of an enhanced one."""

_GROUPS = (
    *_NEEDED,
    0x00209111,  # Frame Content
    0x00209071,  # Frame Anatomy
    0x00189329,  # CT Image Frame Type
    0x00189751,  # PET Frame Type
    0x00189314,  # CT Reconstruction
    0x00189325,  # CT X-Ray Details
    0x00189321,  # CT Exposure
    0x00189304,  # CT Acquisition Details
    0x00189118,  # Cardiac Synchronization
    0x00189253,  # Respiratory Synchronization
    _CONTRAST,  # Contrast/Bolus Usage
    0x00189363,  # Multi-energy CT Processing
    0x00189732,  # PET Frame Acquisition
    0x00189736,  # PET Frame Correction Factors
    0x00189749,  # PET Reconstruction
    _TRACER,  # Radiopharmaceutical Usage
)
"""Groups whose elements are read as if they stood in the data set."""


def read_headers(
    file: Found, settings: Settings, archives: Archives | None = None
) -> tuple[Header, ...]:
    """Header of a file, or one of each frame where it holds many.

    Raises
    ------
    InputError
        IDX-003 to 005, 015, 017: not readable, not DICOM, broken off, without identity, too large.
        PIX-002: more frames than any scan has.
    """
    with content(file, settings, archives) as data:
        found = scan(data, name=file.name, settings=settings)
        whole = Attributes(found, file.name)
        sop_class = whole.uid(0x00080016) or whole.uid(0x00020002)
        if sop_class not in MULTIFRAME:
            return (header_of(whole, file),)
        return _frames(whole, file, settings)


def _in_memory(found: Scan) -> Scan:
    """A scan whose header is at hand: frames go back and forth in it."""
    end = found.pixels.start if found.pixels is not None else len(found.data)
    return replace(found, data=bytes(found.data[0:end]))


def with_parts(headers: Iterable[Header]) -> list[Header]:
    """The headers, with a word on each frame whose object is not there in all its parts."""
    headers = list(headers)
    seen: dict[str, set[int]] = {}
    total: dict[str, int] = {}
    for frame in (h.frame for h in headers if h.frame is not None):
        if frame.concatenation is not None:
            part = frame.part or 0
            seen.setdefault(frame.concatenation, set()).add(part)
            most = max(total.get(frame.concatenation, 0), frame.parts or 0, part)
            total[frame.concatenation] = most
    lacking = {uid for uid, parts in seen.items() if parts != set(range(1, total[uid] + 1))}

    def judged(header: Header) -> Header:
        frame = header.frame
        if frame is None or frame.concatenation not in lacking:
            return header
        uid = str(frame.concatenation)
        return replace(
            header, frame=replace(frame, parts=total[uid], parts_here=len(seen[uid] - {0}))
        )

    return [judged(header) for header in headers] if lacking else headers


def _frames(whole: Attributes, file: Found, settings: Settings) -> tuple[Header, ...]:
    """A header of each frame that is described; one where none is."""
    announced = whole.integer(0x00280008) or 0
    near = replace(whole, scan=_in_memory(whole.scan))
    described = _items(near, _PER_FRAME)
    count = max(announced, len(described))
    most = settings["limits.frames_max"]
    if count > most:
        rows, columns = whole.integer(0x00280010), whole.integer(0x00280011)
        limit = f"limits.frames_max = {most}"
        raise refusal(
            PIX_002, file=file.name, rows=rows, columns=columns, frames=count, limit=limit
        )
    pixels = pixel_formats(whole, max(1, announced))
    common = _common(near, file, described, announced, pixels)
    return tuple(
        _header(common, own, number) for number, own in enumerate(described or [None], start=1)
    )


@dataclass(frozen=True, slots=True)
class _Common:
    """What the frames of one object share; ``first`` stands for what they say alike."""

    whole: Attributes
    shared: tuple[Scan, ...]
    """Shared functional groups, their elements as if they stood in the data set."""
    parked: tuple[Scan, ...]
    """Converted attributes of all frames."""
    pixels: tuple[PixelFormat, ...]
    frame: FrameOf
    first: Header
    injections: tuple[Injection, ...] | None
    contrast: dict[str, Any]
    mapping: RealWorld | None

    def attributes(self, own: Scan | None) -> tuple[Attributes, Attributes]:
        """Where the values of a frame are looked up, and its converted attributes alone."""
        name, groups = self.whole.name, []
        parked = list(self.parked)
        if own is not None:
            groups = [_flat(own, name)]
            parked = [*_in_item(own, name, _CONVERTED), *parked]
        layers = (*groups, *self.shared, *parked, self.whole.scan)
        nothing = replace(self.whole.scan, elements={})
        return Attributes(layers[0], name, (), layers[1:]), Attributes(
            nothing, name, (), tuple(parked)
        )


def _common(
    whole: Attributes,
    file: Found,
    described: list[Scan],
    announced: int,
    pixels: tuple[PixelFormat, ...],
) -> _Common:
    shared = _items(whole, _SHARED)[:1]
    flat = tuple(_flat(item, whole.name) for item in shared)
    parked = tuple(p for item in shared for p in _in_item(item, whole.name, _CONVERTED_SHARED))
    layers = (*flat, *parked, whole.scan)
    alike = Attributes(layers[0], whole.name, (), layers[1:])
    return _Common(
        whole=whole,
        shared=flat,
        parked=parked,
        pixels=pixels,
        frame=FrameOf(
            number=1,
            announced=announced,
            described=len(described),
            concatenation=whole.uid(0x00209161),
            part=whole.integer(0x00209162),
            parts=whole.integer(0x00209163),
        ),
        first=header_of(alike, file, pixels=pixels[0]),
        injections=_injections(alike),
        contrast=_contrast(alike),
        mapping=real_world(alike),
    )


def _items(a: Attributes, tag: int) -> list[Scan]:
    element = a.scan.elements.get(tag)
    return [] if element is None else items(a.scan, element, name=a.name)


def _in_item(item: Scan, name: str, tag: int) -> list[Scan]:
    """First item of a sequence in an item."""
    element = item.elements.get(tag)
    return [] if element is None else items(item, element, name=name)[:1]


def _flat(item: Scan, name: str) -> Scan:
    """Functional groups with the elements of each as if they stood in the data set."""
    elements = dict(item.elements)
    for tag in _GROUPS:
        for group in _in_item(item, name, tag):
            elements.update(group.elements)
    return replace(item, elements=elements)


def _missing(common: _Common, own: Scan | None, parked: Attributes) -> tuple[str, ...]:
    """Functional groups that a frame needs and lacks, also among its converted attributes."""
    there = [scan.elements for scan in (own, *common.shared) if scan is not None]
    return tuple(
        name
        for tag, (name, values) in _NEEDED.items()
        if not any(tag in elements and elements[tag].length > 0 for elements in there)
        and not all(value in parked for value in values)
    )


def _header(common: _Common, own: Scan | None, number: int) -> Header:
    """One frame as a virtual slice."""
    a, parked = common.attributes(own)
    pixels = common.pixels[min(number, len(common.pixels)) - 1]
    header = header_of(a, common.first.file, pixels=pixels, like=common.first)
    said = () if own is None else own.elements  # sequences that only the shared groups have: once
    mapping = real_world(a) if _REAL_WORLD in said else common.mapping
    missing = _missing(common, own, parked)
    changes: dict[str, Any] = {
        "instance_number": number,
        "image_type": tuple(v.upper() for v in a.texts(0x00089007)) or header.image_type,
        "acquired_at": stamp(a.text(0x00189074) or "") or header.acquired_at,
        "acquisition_number": a.integer(0x00209156) or header.acquisition_number,
        "exposure_mas": a.float(0x00189332) or header.exposure_mas,
        **(_contrast(a) if _CONTRAST in said else common.contrast),
    }
    phase = a.text(_CONTRAST_PHASE)
    if phase is not None:  # a word for the phase, read with the others
        changes["comments"] = " ".join((header.comments or "", phase)).strip()
    if header.sop_class in (ENHANCED_PET, LEGACY_PET):
        if mapping is not None:
            missing = tuple(name for name in missing if not name.startswith("Pixel Value"))
            changes |= {
                "slope": mapping.slope,
                "intercept": mapping.intercept,
                "modality_table": mapping.table,
                "mapped": mapping.mapped,
            }
        injections = _injections(a) if _TRACER in said else common.injections
        changes["pet"] = _pet(common, a, mapping, injections)
    elif header.sop_class == ENHANCED_CT:
        changes["rescale_type"] = _ct_unit(header.rescale_type, mapping)
    frame = replace(
        common.frame,
        number=number,
        missing=missing,
        volumetric=a.text(0x00089206),
        technique=a.text(0x00089207),
    )
    return replace(header, frame=frame, **changes)


def _ct_unit(rescale_type: str | None, mapping: RealWorld | None) -> str | None:
    """Unit of an enhanced CT: unspecified (US) is whatever the real world mapping says."""
    stated = (rescale_type or "").strip().upper()
    if stated not in ("", "US"):
        return rescale_type
    if mapping is not None:
        return "HU" if mapping.is_hu else f"{mapping.code} (Rescale Type {stated or 'absent'})"
    return "a unit that is not said (Rescale Type US)" if stated else None


def _contrast(a: Attributes) -> dict[str, Any]:
    """Agent, route and start of the contrast that the frame was taken with."""
    usage = a.items(_CONTRAST)
    if usage and not any((item.text(0x00189342) or "").upper() == "YES" for item in usage):
        return {"contrast_agent": None}
    agents = a.items(0x00180012) or ()
    if not agents:
        return {}
    used = {item.integer(0x00189337) for item in usage or ()}
    agent = next((one for one in agents if one.integer(0x00189337) in used), agents[0])
    routes, profiles = agent.items(0x00180014) or (), agent.items(0x00189340) or ()
    said: dict[str, Any] = {"contrast_agent": agent.text(0x00080104) or "given"}
    if routes:
        said["contrast_route"] = routes[0].text(0x00080104)
    if profiles:
        said["contrast_time"] = profiles[0].text(0x00181042)
    return said


def _injections(a: Attributes) -> tuple[Injection, ...] | None:
    """Radiopharmaceuticals of a frame: of several, those that it names."""
    agents = {item.integer(0x00189729) for item in a.items(_TRACER) or ()}
    every = injections_of(a)
    if agents and every is not None and len(every) > 1:
        return injections_of(a, agents=agents)
    return every


def _pet(
    common: _Common,
    a: Attributes,
    mapping: RealWorld | None,
    injections: tuple[Injection, ...] | None,
) -> PetSlice:
    """What SUV needs from a frame."""
    enhanced = common.first.sop_class == ENHANCED_PET
    duration_ms = a.float(0x00189220)
    changes: dict[str, Any] = {
        "acquisition_datetime": _start(a, duration_ms),
        "attenuation_corrected": a.text(0x00189759),
        "decay_corrected": a.text(0x00189758),
        "enhanced": enhanced,
    }
    if duration_ms is not None:
        changes["frame_duration_ms"] = f"{duration_ms:.12g}"
    if mapping is not None:
        changes |= {
            "units": mapping.units,
            "suv_type": mapping.suv_type,
            "slope": _text(mapping.slope),
            "intercept": _text(mapping.intercept),
        }
    if enhanced:
        flavor = (*a.texts(0x00089007), *("",) * 3)[2].upper()
        changes["series_type"] = (_SERIES_TYPES.get(flavor, "STATIC"), "IMAGE")
    return replace(pet_slice(a, injections=injections), **changes)


def _start(a: Attributes, duration_ms: float | None) -> str | None:
    """When a frame began: its own time, else half its duration before its reference time.

    The reference time (0018,9151) is the moment that stands best for a frame, its middle.
    """
    own, reference = a.verbatim(0x00189074), a.verbatim(0x00189151)
    if own is None and reference is not None and duration_ms is not None:
        middle = stamp(reference)
        if middle is not None:
            start = middle - dt.timedelta(milliseconds=duration_ms / 2)
            zone = re.search(r"[+-]\d{4}$", reference.strip())
            return start.strftime("%Y%m%d%H%M%S.%f") + (zone[0] if zone else "")
    return own or a.verbatim(0x0008002A)


def _text(value: float | None) -> str | None:
    """A binary number as the text that a classic header would hold."""
    return None if value is None else f"{value:.17g}"
