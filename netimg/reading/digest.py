"""Whether two files hold the same data set, whatever their syntax and meta header."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from netimg.reading.multiframe import read_headers
from netimg.reading.pixel_checks import check_format
from netimg.reading.pixels import read_slice
from netimg.reading.scan import Scan, items, scan
from netimg.reading.walk import Archives, Found, content

if TYPE_CHECKING:
    from netimg.settings import Settings

_ITEM = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_WIDTHS = {
    2: ("US", "SS", "AT", "OW"),
    4: ("UL", "SL", "FL", "OF", "OL"),
    8: ("FD", "OD", "SV", "UV", "OV"),
}
_WIDTH_OF = {vr: width for width, vrs in _WIDTHS.items() for vr in vrs}
"""Bytes that stand the other way round in big endian."""

_OF_SYNTAX = frozenset((0x7FE00001, 0x7FE00002))
"""Tables of offsets and lengths: where compressed frames lie, not what they show."""

_LOSSLESS = {0x00282110: b"00"}
"""What may be said or left out of a picture that was compressed without loss."""

_CONVERSION = frozenset((0x00082111, 0x00089215))
"""Derivation Description and Code: a lossless compression leaves its words here."""

_PRIVATE = frozenset(((0x0009, 0x0D), (0x0071, 0x22), (0x7053, 0x00), (0x7053, 0x09)))
"""Groups and last bytes of the private values that are read; the rest is the converter's affair,
which often leaves its bytes in the order they had."""


def digest(file: Found, settings: Settings, *, decoded: bool = False) -> str:
    """SHA-256 over tags and values, sequences included, and the pixels.

    Group 0002, group lengths, the VR and the order of bytes are left out, so that one data set
    has one digest in any uncompressed syntax.

    Parameters
    ----------
    decoded
        Take the pixels as they are decoded, and leave out what a conversion may change beside them:
        a compressed copy has the digest of the plain one.

    Raises
    ------
    InputError
        What stands in the way of reading the file; with ``decoded`` its pixels too.
    """
    with content(file, settings) as data:
        found = scan(data, name=file.name, settings=settings)
        whole = hashlib.sha256(_values(found, file.name, converted=decoded))
        if found.pixels is not None and not decoded:
            start = found.pixels.start
            pixels = found.data[start : start + found.pixels.length]
            whole.update(pixels if found.little else _turned(pixels, found.pixels.vr))
    if decoded:
        _update_decoded(whole, file, settings)
    return whole.hexdigest()


def _update_decoded(whole: hashlib._Hash, file: Found, settings: Settings) -> None:
    """Add the stored values of every picture of a file."""
    headers = read_headers(file, settings)
    check_format(headers, series=file.name, settings=settings)
    with Archives(settings) as archives:
        for header in headers:
            stored = read_slice(file, header.pixels, settings, archives)
            whole.update(np.ascontiguousarray(stored).data)


def _values(found: Scan, name: str, *, converted: bool) -> bytes:
    """Digest of the elements of one data set."""
    whole = hashlib.sha256()
    for tag, element in sorted(found.elements.items()):
        if _is_of_file(tag) or (converted and _is_of_conversion(tag)):
            continue
        value = bytes(found.data[element.start : element.start + element.length])
        if _LOSSLESS.get(tag) == value.rstrip(b"\0 "):
            continue
        whole.update(tag.to_bytes(4, "big"))
        if value[:4] in _ITEM:
            for item in items(found, element, name=name):
                whole.update(_values(item, name, converted=converted))
        else:
            value = value if found.little else _turned(value, element.vr)
            whole.update(value.rstrip(b"\0 "))
    return whole.digest()


def _is_of_file(tag: int) -> bool:
    """Whether an element is about the file, not about what it holds."""
    return tag >> 16 == 0x0002 or tag & 0xFFFF == 0 or tag in _OF_SYNTAX


def _is_of_conversion(tag: int) -> bool:
    """Whether an element may differ after a lossless conversion."""
    group = tag >> 16
    return tag in _CONVERSION or bool(group & 1 and (group, tag & 0xFF) not in _PRIVATE)


def _turned(value: bytes, vr: str) -> bytes:
    """A value of a big endian file as little endian has it."""
    width = _WIDTH_OF.get(vr, 1)
    if width == 1 or len(value) % width:
        return value
    return np.frombuffer(value, f"V{width}").view(f">u{width}").astype(f"<u{width}").tobytes()
