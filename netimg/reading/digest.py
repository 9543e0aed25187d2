"""Whether two files hold the same data set, whatever their syntax and meta header."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from netimg.reading.scan import Scan, items, scan
from netimg.reading.walk import Found, content

if TYPE_CHECKING:
    from netimg.settings import Settings

_ITEM = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


def digest(file: Found, settings: Settings) -> str:
    """SHA-256 over tags and values, sequences included, and the pixels.

    Group 0002, group lengths and the VR are left out, so that one data set in explicit and in
    implicit little endian has one digest.
    """
    with content(file, settings) as data:
        found = scan(data, name=file.name, settings=settings)
        whole = hashlib.sha256(_values(found, file.name))
        if found.pixels is not None:
            start = found.pixels.start
            whole.update(found.data[start : start + found.pixels.length])
        return whole.hexdigest()


def _values(found: Scan, name: str) -> bytes:
    """Digest of the elements of one data set."""
    whole = hashlib.sha256()
    for tag, element in sorted(found.elements.items()):
        if tag >> 16 == 0x0002 or tag & 0xFFFF == 0:
            continue
        whole.update(tag.to_bytes(4, "big"))
        value = bytes(found.data[element.start : element.start + element.length])
        if value[:4] in _ITEM:
            for item in items(found, element, name=name):
                whole.update(_values(item, name))
        else:
            whole.update(value.rstrip(b"\0 "))
    return whole.digest()
