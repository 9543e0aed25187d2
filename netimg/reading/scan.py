"""Where each element of a DICOM file lies, without believing a length beyond the file.

One pass over the bytes, iterative, up to the pixel data. Values stay where they are: an `Element`
is a place in the buffer. Implicit and explicit little endian, explicit big endian, and deflated
(inflated within a bound, `inflate`) are understood; files without preamble or meta header too.
Elements, items, depth, bytes and time are counted while the file is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from netimg.errors import IDX_004, IDX_005
from netimg.reading.budget import Budget
from netimg.reading.inflate import inflate
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
_PER_FRAME = 0x52009230
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_SNIFF = 1 << 16
_CLASS_IN = {
    b"\x08\x00": b"\x08\x00\x16\x00",
    b"\x02\x00": b"\x02\x00\x02\x00",
    b"\x00\x08": b"\x00\x08\x00\x16",
}
"""Tag of the SOP Class UID as it stands in a file that begins with a group."""
_LOOK = 0x3FF  # elements or items between two looks at the counts and the clock


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
    budget: Budget
    depth: int = 0
    pixels: Element | None = None
    pixel_tag: int = 0


def scan(data: Bytes, *, name: str, settings: Settings) -> Scan:
    """Elements of a file up to its pixels; values longer than the limit are passed over.

    Raises
    ------
    InputError
        IDX-004 not DICOM, IDX-005 a length beyond the end, IDX-017 beyond the limits.
    """
    if not may_be_dicom(data[:_SNIFF]):
        raise refusal(IDX_004, file=name)
    start, syntax, meta = _begin(data, name)
    budget = Budget(name, settings)
    if syntax == DEFLATED:
        data = inflate(data, start, name=name, settings=settings)
        start = 0
    explicit = syntax != IMPLICIT_LITTLE
    if start < len(data) and syntax not in (EXPLICIT_BIG, DEFLATED):
        explicit = data[start + 4 : start + 6] in _LONG | _SHORT  # a wrong word in the meta header
    found = Scan(data, meta, syntax, syntax != EXPLICIT_BIG, explicit, budget)
    with budget:
        _elements(found, start, len(data))
    return found


def may_be_dicom(first: bytes) -> bool:
    """Whether a file can be DICOM by its first 64 KiB: marked so, or a bare data set."""
    if first[128:132] == b"DICM":
        return True
    tag = _CLASS_IN.get(first[:2])
    return tag is not None and tag in first


def items(parent: Scan, element: Element, *, name: str) -> list[Scan]:
    """Items of a sequence as data sets of their own.

    Raises
    ------
    InputError
        IDX-005 a length beyond the end, IDX-017 beyond the limits.
    """
    budget = parent.budget
    budget.depth(parent.depth + 1)
    before = budget.elements, budget.items
    budget.elements = budget.items = 0  # the file was counted; this counts what is read again
    try:
        with budget:
            return _items(parent, element, name)
    finally:
        budget.elements, budget.items = before


def _items(parent: Scan, element: Element, name: str) -> list[Scan]:
    explicit = parent.explicit and element.vr != "UN"
    little = parent.little or element.vr == "UN"
    data, end = parent.data, element.start + element.length
    heads = _Heads(data, little=little, explicit=explicit, name=name)
    budget, depth = parent.budget, parent.depth + 1
    result: list[Scan] = []
    at = element.start
    while at + 8 <= end:
        tag, _, length, at = heads.at(at, end)
        if tag != _ITEM:
            break
        budget.items += 1
        item = Scan(data, {}, parent.syntax, little, explicit, budget, depth)
        if length == _UNDEFINED:
            after = _skip(heads, at, end, budget)
            _elements(item, at, after - 8)
        else:
            heads.fits(at, length, end)
            after = at + length
            _elements(item, at, after)
        result.append(item)
        at = after
    return result


def _begin(data: Bytes, name: str) -> tuple[int, str, dict[int, Element]]:
    """First byte of the data set, transfer syntax, and the elements of the meta header."""
    start = 132 if data[128:132] == b"DICM" else 0
    if len(data) < start + 8:
        raise refusal(IDX_004, file=name)
    if data[start : start + 2] == b"\x02\x00":
        return _meta(data, start, name)
    if data[start : start + 2] == b"\x00\x08":
        return start, EXPLICIT_BIG, {}
    known = data[start + 4 : start + 6] in _LONG | _SHORT
    return start, EXPLICIT_LITTLE if known else IMPLICIT_LITTLE, {}


def _meta(data: Bytes, at: int, name: str) -> tuple[int, str, dict[int, Element]]:
    """Meta header (group 0002, explicit little endian): where it ends, and what it says."""
    elements: dict[int, Element] = {}
    while data[at : at + 2] == b"\x02\x00" and at + 8 <= len(data):
        head = data[at : at + 12]
        (number,) = struct.unpack_from("<H", head, 2)
        vr = head[4:6]
        if vr in _SHORT:
            (length,) = struct.unpack_from("<H", head, 6)
            at += 8
        elif vr in _LONG:
            if len(head) < 12:
                raise refusal(IDX_005, file=name, said=12, there=len(head))
            (length,) = struct.unpack_from("<I", head, 8)
            at += 12
        else:  # against the rule, implicit
            vr = b""
            (length,) = struct.unpack_from("<I", head, 4)
            at += 8
        if at + length > len(data):
            raise refusal(IDX_005, file=name, said=length, there=len(data) - at)
        elements[0x00020000 | number] = Element(vr.decode(), at, length)
        at += length
    place = elements.get(0x00020010)
    text = data[place.start : place.start + min(place.length, 64)] if place else b""
    syntax = text.rstrip(b"\0 ").decode("ascii", "replace") or _guess(data, at)
    # The values of the meta header are small: kept as they are, because inflating moves the rest.
    return at, syntax, elements if syntax != DEFLATED else {}


def _guess(data: Bytes, at: int) -> str:
    """Transfer syntax of a data set whose meta header does not name it."""
    if data[at : at + 2] == b"\x00\x08":
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if data[at + 4 : at + 6] in _LONG | _SHORT else IMPLICIT_LITTLE


class _Heads:
    """Reads element heads: tag, VR, length of the value, first byte of the value."""

    __slots__ = ("data", "explicit", "first", "head", "little", "long", "name", "near", "short")

    def __init__(self, data: Bytes, *, little: bool, explicit: bool, name: str) -> None:
        order = "<" if little else ">"
        self.data, self.explicit, self.name, self.little = data, explicit, name, little
        self.first = data if isinstance(data, bytes) else data.first
        self.near = len(self.first) - 12
        self.head = struct.Struct(f"{order}HHI")
        self.short = struct.Struct(f"{order}H")
        self.long = struct.Struct(f"{order}I")

    def at(self, at: int, end: int) -> tuple[int, str, int, int]:
        """Head at a place; delimiters and items have no VR in any syntax."""
        if at + 8 > end:
            self.fits(at, 8, end)
        near = at <= self.near
        raw = self.first[at : at + 12] if near else self.data[at : at + 12]
        group, number, length = self.head.unpack_from(raw)
        tag = group << 16 | number
        if not self.explicit or group == 0xFFFE:
            return tag, "", length, at + 8
        code = raw[4:6]
        if code in _LONG:
            self.fits(at, 12, end)
            return tag, code.decode(), self.long.unpack_from(raw, 8)[0], at + 12
        (length,) = self.short.unpack_from(raw, 6)
        return tag, code.decode("ascii", "replace"), length, at + 8

    def fits(self, at: int, length: int, end: int) -> None:
        """Refuse a length beyond the end."""
        if at + length > end:
            raise refusal(IDX_005, file=self.name, said=length, there=max(0, end - at))

    def within_un(self) -> _Heads:
        """Heads inside a value of unknown VR: implicit little endian, PS3.5 6.2.2."""
        return _Heads(self.data, little=True, explicit=False, name=self.name)


def _elements(into: Scan, at: int, end: int) -> None:
    """Note every element between two places of the buffer; stops at the pixels."""
    budget = into.budget
    heads = _Heads(into.data, little=into.little, explicit=into.explicit, name=budget.name)
    most: int = budget.settings["limits.header_bytes_max"]
    first = at
    while at + 8 <= end:
        tag, vr, length, at = heads.at(at, end)
        budget.elements += 1
        if not budget.elements & _LOOK:
            budget.look()
        undefined = length == _UNDEFINED
        if not undefined and at + length > end:
            heads.fits(at, length, end)
        if tag in _PIXELS:
            into.pixels = Element(vr, at, end - at if undefined else length, undefined)
            into.pixel_tag = tag
            break
        if tag == _PER_FRAME:
            budget.multiframe = True
        if undefined:
            after = _skip(heads if vr != "UN" else heads.within_un(), at, end, budget)
            into.elements[tag] = Element(vr or "SQ", at, after - at - 8, undefined=True)
            at = after
        else:
            if tag >> 16 != 0xFFFE:  # a delimiter without anything to end
                _note(into, heads, tag, Element(vr, at, length))
            at += length
        if at - first > most:
            budget.bytes(at - first)
    budget.look()


def _note(into: Scan, heads: _Heads, tag: int, element: Element) -> None:
    """Note an element that says its length; a value that is too long to be kept is passed over."""
    vr, at, length, _ = element
    if vr == "SQ" or (not vr and length >= 8 and _is_item(heads, at)):
        _count_items(heads, at, at + length, into.budget)
    elif length > into.budget.settings["limits.element_bytes_max"]:
        return
    into.elements[tag] = element


def _is_item(heads: _Heads, at: int) -> bool:
    """Whether a value begins with an item, which makes it a sequence where no VR says so."""
    group, number, _ = heads.head.unpack(heads.data[at : at + 8])
    return bool(group << 16 | number == _ITEM)


def _count_items(heads: _Heads, at: int, end: int, budget: Budget) -> None:
    """Count the items of a sequence that says its length; what is inside them is read on demand."""
    while at + 8 <= end:
        group, number, length = heads.head.unpack(heads.data[at : at + 8])
        if group << 16 | number != _ITEM or length == _UNDEFINED:
            return
        budget.items += 1
        if not budget.items & _LOOK:
            budget.look()
        at += 8 + length


def _skip(heads: _Heads, at: int, end: int, budget: Budget) -> int:
    """Place after a sequence (or item) of undefined length, found without recursion."""
    stack = [heads]
    most: int = budget.settings["limits.items_max"]
    while stack:
        heads = stack[-1]
        tag, vr, length, at = heads.at(at, end)
        if tag in (_ITEM_END, _SEQUENCE_END):
            stack.pop()
            continue
        if tag == _ITEM:
            budget.items += 1
        else:
            budget.elements += 1
        if budget.items > most or not (budget.items + budget.elements) & _LOOK:
            budget.look()
        if length == _UNDEFINED:
            stack.append(heads.within_un() if vr == "UN" else heads)
            budget.depth(len(stack) // 2)
        else:
            heads.fits(at, length, end)
            at += length
    return at
