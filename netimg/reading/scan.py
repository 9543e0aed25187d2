"""Where each element of a DICOM file lies, without believing a length beyond the file.

One pass over the bytes, iterative, up to the pixel data. Values stay where they are: an `Element`
is a place in the buffer. Implicit and explicit little endian, explicit big endian, and deflated
(inflated within a bound) are understood; files without preamble or meta header too.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from netimg.errors import IDX_003, IDX_004, IDX_005, IDX_017
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from netimg.reading.walk import Bytes
    from netimg.settings import Settings

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG)
"""Transfer syntaxes without compressed pixels."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_DEPTH, _ITEMS, _ELEMENTS = 16, 200_000, 1_000_000
_INFLATE_RATIO, _INFLATE_FREE = 200, 16 << 20


class Element(NamedTuple):
    """Place of one value: its VR (empty in implicit files), first byte and length.

    ``undefined``: a sequence that ends by a delimiter, or encapsulated pixels to the end of file.
    """

    vr: str
    start: int
    length: int
    undefined: bool = False


@dataclass(slots=True)
class Scan:
    """Elements of one data set (a file's, or an item's) by tag, and the buffer they lie in."""

    data: Bytes
    elements: dict[int, Element]
    syntax: str
    little: bool
    explicit: bool
    pixels: Element | None = None
    pixel_tag: int = 0


def scan(data: Bytes, *, name: str, settings: Settings) -> Scan:
    """Elements of a file up to its pixels.

    Raises
    ------
    InputError
        IDX-004 not DICOM, IDX-005 a length beyond the end, IDX-017 beyond the limits.
    """
    start, syntax, meta = _begin(data, name)
    if syntax == DEFLATED:
        data = _inflate(data, start, name=name, settings=settings)
        start = 0
    explicit = syntax != IMPLICIT_LITTLE
    if start < len(data) and syntax not in (EXPLICIT_BIG, DEFLATED):
        explicit = data[start + 4 : start + 6] in _LONG | _SHORT  # a wrong word in the meta header
    found = Scan(data, meta, syntax, little=syntax != EXPLICIT_BIG, explicit=explicit)
    most = settings["limits.header_bytes_max"]
    _elements(found, start, len(data), name=name, most=most)
    return found


def items(parent: Scan, element: Element, *, name: str) -> list[Scan]:
    """Items of a sequence as data sets of their own."""
    explicit = parent.explicit and element.vr != "UN"
    little = parent.little or element.vr == "UN"
    data, end = parent.data, element.start + element.length
    heads = _Heads(data, little=little, explicit=explicit, name=name)
    result: list[Scan] = []
    at = element.start
    while at + 8 <= end:
        tag, _, length, at = heads.at(at, end)
        if tag != _ITEM:
            break
        item = Scan(data, {}, parent.syntax, little=little, explicit=explicit)
        if length == _UNDEFINED:
            length = _skip(heads, at, end) - at
            _elements(item, at, at + length - 8, name=name, most=end)
        else:
            heads.fits(at, length, end)
            _elements(item, at, at + length, name=name, most=end)
        result.append(item)
        at += length
    return result


def _begin(data: Bytes, name: str) -> tuple[int, str, dict[int, Element]]:
    """First byte of the data set, transfer syntax, and the elements of the meta header."""
    start = 132 if data[128:132] == b"DICM" else 0
    if len(data) < start + 8:
        raise refusal(IDX_004, file=name)
    if data[start : start + 2] == b"\x02\x00":
        return _meta(data, start, name)
    if start == 0 and data[0:2] not in (b"\x08\x00", b"\x00\x08"):
        raise refusal(IDX_004, file=name)
    if data[start : start + 2] == b"\x00\x08":
        return start, EXPLICIT_BIG, {}
    known = data[start + 4 : start + 6] in _LONG | _SHORT
    return start, EXPLICIT_LITTLE if known else IMPLICIT_LITTLE, {}


def _meta(data: Bytes, at: int, name: str) -> tuple[int, str, dict[int, Element]]:
    """Meta header (group 0002, explicit little endian): where it ends, and what it says."""
    elements: dict[int, Element] = {}
    while data[at : at + 2] == b"\x02\x00" and at + 8 <= len(data):
        (number,) = struct.unpack_from("<H", data, at + 2)
        vr = bytes(data[at + 4 : at + 6])
        if vr in _LONG:
            if at + 12 > len(data):
                raise refusal(IDX_005, file=name, said=12, there=len(data) - at)
            (length,) = struct.unpack_from("<I", data, at + 8)
            at += 12
        elif vr in _SHORT:
            (length,) = struct.unpack_from("<H", data, at + 6)
            at += 8
        else:
            raise refusal(IDX_004, file=name)
        if at + length > len(data):
            raise refusal(IDX_005, file=name, said=length, there=len(data) - at)
        elements[0x00020000 | number] = Element(vr.decode(), at, length)
        at += length
    place = elements.get(0x00020010)
    text = bytes(data[place.start : place.start + place.length]) if place else b""
    syntax = text.rstrip(b"\0 ").decode("ascii", "replace") or EXPLICIT_LITTLE
    # The values of the meta header are small: kept as they are, because inflating moves the rest.
    return at, syntax, elements if syntax != DEFLATED else {}


class _Heads:
    """Reads element heads: tag, VR, length of the value, first byte of the value."""

    def __init__(self, data: Bytes, *, little: bool, explicit: bool, name: str) -> None:
        order = "<" if little else ">"
        self.data, self.explicit, self.name = data, explicit, name
        self.head = struct.Struct(f"{order}HHI")
        self.short = struct.Struct(f"{order}H")
        self.long = struct.Struct(f"{order}I")

    def at(self, at: int, end: int) -> tuple[int, str, int, int]:
        """Head at a place; delimiters and items have no VR in any syntax."""
        self.fits(at, 8, end)
        group, number, length = self.head.unpack_from(self.data, at)
        tag = group << 16 | number
        if not self.explicit or group == 0xFFFE:
            return tag, "", length, at + 8
        code = bytes(self.data[at + 4 : at + 6])
        if code in _LONG:
            self.fits(at, 12, end)
            return tag, code.decode(), self.long.unpack_from(self.data, at + 8)[0], at + 12
        (length,) = self.short.unpack_from(self.data, at + 6)
        return tag, code.decode("ascii", "replace"), length, at + 8

    def fits(self, at: int, length: int, end: int) -> None:
        """Refuse a length beyond the end."""
        if at + length > end:
            raise refusal(IDX_005, file=self.name, said=length, there=max(0, end - at))


def _elements(into: Scan, at: int, end: int, *, name: str, most: int) -> None:
    """Note every element between two places of the buffer; stops at the pixels."""
    heads = _Heads(into.data, little=into.little, explicit=into.explicit, name=name)
    first = at
    while at + 8 <= end:
        tag, vr, length, at = heads.at(at, end)
        undefined = length == _UNDEFINED
        if not undefined:
            heads.fits(at, length, end)
        if tag in _PIXELS:
            into.pixels = Element(vr, at, end - at if undefined else length, undefined)
            into.pixel_tag = tag
            return
        if undefined:
            inside = heads if vr != "UN" else _implicit(into.data, name)
            after = _skip(inside, at, end)
            into.elements[tag] = Element(vr or "SQ", at, after - at - 8, undefined=True)
            at = after
        else:
            into.elements[tag] = Element(vr, at, length)
            at += length
        if at - first > most:
            raise refusal(IDX_017, file=name, reason=f"more than {most} bytes before the pixels")
        if len(into.elements) > _ELEMENTS:
            raise refusal(IDX_017, file=name, reason=f"more than {_ELEMENTS} elements")


def _implicit(data: Bytes, name: str) -> _Heads:
    """Sequences of unknown VR are implicit little endian inside, PS3.5 6.2.2."""
    return _Heads(data, little=True, explicit=False, name=name)


def _skip(heads: _Heads, at: int, end: int) -> int:
    """Place after a sequence (or item) of undefined length, found without recursion."""
    depth, count = 1, 0
    while depth:
        tag, _, length, at = heads.at(at, end)
        if tag in (_ITEM_END, _SEQUENCE_END):
            depth -= 1
            continue
        count += tag == _ITEM
        if length == _UNDEFINED:
            depth += 1
        else:
            heads.fits(at, length, end)
            at += length
        if depth > 2 * _DEPTH:
            raise refusal(IDX_017, file=heads.name, reason=f"more than {_DEPTH} sequences deep")
        if count > _ITEMS:
            raise refusal(IDX_017, file=heads.name, reason=f"more than {_ITEMS} items")
    return at


def _inflate(data: Bytes, start: int, *, name: str, settings: Settings) -> bytes:
    """Deflated data set, inflated within a bound."""
    most = settings["limits.header_bytes_max"] + (2 << 30)
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    size, at = 0, start
    feed = b""
    try:
        while not engine.eof and (feed or at < len(data)):
            if not feed:
                feed = data[at : at + (1 << 16)]
                at += len(feed)
            part = engine.decompress(feed, 1 << 20)
            feed = engine.unconsumed_tail
            size += len(part)
            packed = at - start
            if size > most or (size > _INFLATE_FREE and size > _INFLATE_RATIO * packed):
                reason = f"unpacks to more than {size} bytes from {packed}"
                raise refusal(IDX_017, file=name, reason=reason)
            parts.append(part)
    except zlib.error as error:
        raise refusal(IDX_003, file=name, reason=f"deflated data: {error}") from error
    return b"".join(parts)
