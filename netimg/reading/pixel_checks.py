"""Whether pixels can be what their headers say, judged before anything is allocated or decoded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from netimg.errors import (
    GEO_017,
    IDX_012,
    IDX_021,
    IDX_022,
    PIX_001,
    PIX_002,
    PIX_003,
    PIX_008,
    PIX_009,
    PIX_014,
    PIX_015,
)
from netimg.reading.decode import SYNTAXES, check_said
from netimg.reading.pixel_format import DOUBLE, FLOAT
from netimg.reading.problems import doubt, refusal
from netimg.reading.scan import NATIVE
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.flag import Flag
    from netimg.reading.headers import FrameOf, Header
    from netimg.reading.pixel_format import PixelFormat
    from netimg.settings import Settings


def check_format(headers: Sequence[Header], *, series: str, settings: Settings) -> None:
    """Refuse pixels that cannot be what they say, before anything is allocated.

    Raises
    ------
    InputError
        GEO-017, IDX-012, IDX-021, IDX-022, PIX-001 to 004, PIX-008, PIX-009, PIX-014, PIX-015.
    """
    objects: Counter[str] = Counter()
    for header in headers:
        _check_kind(header, series)
        objects[header.file.name] += 4 * _check_one(header, series, settings)
    check_bytes(objects.total(), series, "limits.series_bytes_max", settings)
    for file, size in objects.most_common(1):
        check_bytes(size, file, "limits.object_bytes_max", settings)


def check_bytes(size: int, name: str, key: str, settings: Settings) -> None:
    """Refuse decoded bytes beyond a limit of the settings, PIX-002."""
    if size > settings[key]:
        limit = f"{key} = {settings[key]}"
        raise refusal(PIX_002, "series", series=name, gigabytes=size / 1e9, limit=limit)


def _check_kind(header: Header, series: str) -> None:
    """Refuse what has no pixels, or pixels that netimg does not measure."""
    pixels = header.pixels
    if header.frame is not None:
        _check_frame(header, header.frame, series)
    if pixels.tag == 0:
        raise refusal(IDX_022, file=header.name)
    if not _is_native(pixels) and pixels.syntax not in SYNTAXES:
        raise refusal(IDX_021, series=series, name=_syntax_name(pixels.syntax))
    if header.modality_table:
        raise refusal(PIX_015, series=series)


def _check_one(header: Header, series: str, settings: Settings) -> int:
    """Voxels of a slice whose format and size can be what they say."""
    pixels = header.pixels
    if pixels.absent:
        absent = " and ".join(pixels.absent)
        raise refusal(PIX_009, "absent", file=header.name, absent=absent)
    if pixels.samples != 1 or not pixels.photometric.startswith("MONOCHROME"):
        raise refusal(PIX_008, series=series)
    _check_bits(pixels, series)
    voxels = _check_size(header, settings)
    if not _is_native(pixels):
        _check_packed(header, settings)
    return voxels


def _is_native(pixels: PixelFormat) -> bool:
    return pixels.syntax in NATIVE and not pixels.encapsulated


def format_doubts(
    headers: Sequence[Header], *, series: str, touches: tuple[str, ...]
) -> list[Flag]:
    """What is to be said of pixels that can be used."""
    first, flags = headers[0].pixels, []
    lossy = [h.lossy for h in headers if h.lossy is not None]
    if lossy:
        ratio = f"ratio {lossy[0]}" if lossy[0] else "ratio not said"
        flags.append(doubt("PIX-010", touches=touches, series=series, ratio=ratio))
    if first.photometric == "MONOCHROME1":
        flags.append(doubt("PIX-007", touches=touches, series=series))
    if first.bits_allocated == 8:
        flags.append(doubt("PIX-009/eight", touches=touches, series=series))
    if first.high_bit is None and first.tag not in (FLOAT, DOUBLE):
        bits = first.bits_stored
        flags.append(doubt("PIX-009/high_bit", touches=touches, series=series, bits=bits))
    return flags


def _check_frame(header: Header, frame: FrameOf, series: str) -> None:
    """Refuse a frame whose object does not describe it."""
    file = header.file.name
    if frame.announced != frame.described:
        announced, described = frame.announced, frame.described
        raise refusal(PIX_014, file=file, announced=announced, described=described)
    if frame.parts_here is not None:
        raise refusal(PIX_014, "parts", file=file, parts=frame.parts, there=frame.parts_here)
    if frame.missing:
        group = " and ".join(frame.missing)
        raise refusal(GEO_017, file=file, frame=frame.number, group=group)
    derived = table("choice")["derived"]
    contrast = header.image_type[3] if len(header.image_type) > 3 else ""
    if (
        (frame.volumetric or "VOLUME") != "VOLUME"
        or (frame.technique or "").strip().upper() in derived["techniques"]
        or contrast in derived["pixel_contrast"]
    ):
        raise refusal(IDX_012, series=series)


def _check_packed(header: Header, settings: Settings) -> None:
    """Compare a compressed picture's own words with the header's, before it is decoded."""
    pixels, name = header.pixels, header.name
    if pixels.packed is None:
        raise refusal(PIX_003, file=name, reason="it is not in pieces, as compressed pictures are")
    if pixels.packed.said is None:
        raise refusal(PIX_003, file=name, reason=pixels.packed.problem)
    if pixels.tag in (FLOAT, DOUBLE):
        raise refusal(PIX_003, file=name, reason="its values are no whole numbers")
    check_said(pixels.packed.said, pixels, file=name, settings=settings)


def _check_size(header: Header, settings: Settings) -> int:
    """Voxels of a slice, after its stated size was compared with limits and with its bytes."""
    pixels, most = header.pixels, settings["limits.rows_columns_max"]
    rows, columns = pixels.rows or 0, pixels.columns or 0
    frames = header.frames or 1
    limit = ""
    if not (0 < rows <= most and 0 < columns <= most):
        limit = f"limits.rows_columns_max = {most}"
    elif frames != 1 and header.frame is None:
        limit = "one picture in a file of this kind"
    if limit:
        file = header.file.name
        raise refusal(PIX_002, file=file, rows=rows, columns=columns, frames=frames, limit=limit)
    needed = pixels.nbytes * pixels.pictures
    if _is_native(pixels) and pixels.length < needed:
        raise refusal(PIX_001, file=header.file.name, there=pixels.length, needed=needed)
    return rows * columns


def _check_bits(pixels: PixelFormat, series: str) -> None:
    if pixels.tag in (FLOAT, DOUBLE):
        return
    allocated, stored = pixels.bits_allocated, pixels.bits_stored
    high = pixels.high_bit if pixels.high_bit is not None else (stored or 0) - 1
    fits = allocated in (8, 16, 32) and stored is not None and 1 <= stored <= allocated
    if not fits or high != (stored or 0) - 1:
        bits = f"{allocated} bits allocated, {stored} stored, highest {high}"
        raise refusal(PIX_009, series=series, bits=bits)


def _syntax_name(uid: str) -> str:
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    return UID(uid, validation_mode=IGNORE).name
