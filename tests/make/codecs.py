"""Encoders for compressed test files, and the files themselves.

``ENCODERS`` names one way to compress a picture per transfer syntax; ``pack`` rewrites an
uncompressed file. Pictures are given as stored bit patterns (unsigned), so that the sign is the
header's affair, as it is for most encoders in the field.
"""

from __future__ import annotations

import struct
import warnings

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import encapsulate

JPEG = "1.2.840.10008.1.2.4."
RLE = "1.2.840.10008.1.2.5"


def jpeg_2000(picture, **options):
    """A JPEG 2000 codestream; signed where the picture is."""
    options = {"codecformat": "j2k", "reversible": True, "level": 0} | options
    return bytes(imagecodecs.jpeg2k_encode(picture, **options))


def rle(picture):
    """RLE Lossless, written plainly: repeats of three and more, else literals."""
    big = picture.astype(picture.dtype.newbyteorder(">"))
    planes = big.view(np.uint8).reshape(-1, picture.dtype.itemsize)
    packed = [_packbits(planes[:, k].tobytes()) for k in range(picture.dtype.itemsize)]
    offsets, at = [], 64
    for plane in packed:
        offsets.append(at)
        at += len(plane)
    head = struct.pack("<16I", len(packed), *offsets, *[0] * (15 - len(offsets)))
    return head + b"".join(packed)


def _packbits(data):
    out, literal, at = bytearray(), bytearray(), 0

    def flush():
        for start in range(0, len(literal), 128):
            part = literal[start : start + 128]
            out.append(len(part) - 1)
            out.extend(part)
        literal.clear()

    while at < len(data):
        run = 1
        while at + run < len(data) and run < 128 and data[at + run] == data[at]:
            run += 1
        if run >= 3:
            flush()
            out.extend((257 - run, data[at]))
        else:
            literal.extend(data[at : at + run])
        at += run
    flush()
    return bytes(out) + b"\0" * (len(out) % 2)


def lossless_jpeg(picture, *, bits=16, restart_rows=0, shift=0):
    """Lossless JPEG by a plain encoder with one table of equal code lengths, T.81 H.

    Predictor 1. ``restart_rows``: rows between restart markers; ``shift``: point transform.
    """
    values = (np.asarray(picture).astype(np.int64) >> shift).tolist()
    rows, columns = len(values), len(values[0])
    table = b"\x00" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    parts = [
        b"\xff\xd8",
        _segment(0xC4, table),
        _segment(0xC3, struct.pack(">BHHBBBB", bits, rows, columns, 1, 1, 0x11, 0)),
    ]
    if restart_rows:
        parts.append(_segment(0xDD, struct.pack(">H", restart_rows * columns)))
    parts.append(_segment(0xDA, bytes([1, 1, 0, 1, 0, shift])))
    stream, count = [], 0
    for y, row in enumerate(values):
        first = y == 0
        if restart_rows and y and y % restart_rows == 0:
            parts.append(_bits(stream))
            parts.append(bytes([0xFF, 0xD0 + count % 8]))
            stream, count, first = [], count + 1, True
        for x, value in enumerate(row):
            guess = row[x - 1] if x else (1 << (bits - shift - 1) if first else values[y - 1][0])
            difference = (value - guess) & 0xFFFF
            difference -= 0x10000 if difference > 0x8000 else 0
            category = abs(difference).bit_length()
            stream.append(format(category, "05b"))
            if 0 < category < 16:
                low = difference if difference > 0 else difference + (1 << category) - 1
                stream.append(format(low, f"0{category}b"))
    parts.append(_bits(stream))
    return b"".join(parts) + b"\xff\xd9"


def _segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _bits(stream):
    text = "".join(stream)
    text += "1" * (-len(text) % 8)
    packed = int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return packed.replace(b"\xff", b"\xff\x00")


ENCODERS = {
    "JPEG lossless": (f"{JPEG}57", lambda p: bytes(imagecodecs.ljpeg_encode(p, bitspersample=16))),
    "JPEG lossless, first order": (f"{JPEG}70", lossless_jpeg),
    "JPEG-LS": (f"{JPEG}80", lambda p: bytes(imagecodecs.jpegls_encode(p))),
    "JPEG-LS, near": (f"{JPEG}81", lambda p: bytes(imagecodecs.jpegls_encode(p))),
    "JPEG 2000 lossless": (f"{JPEG}90", jpeg_2000),
    "JPEG 2000": (f"{JPEG}91", jpeg_2000),
    "HTJ2K lossless": (f"{JPEG}201", lambda p: bytes(imagecodecs.htj2k_encode(p))),
    "HTJ2K, ordered": (f"{JPEG}202", lambda p: bytes(imagecodecs.htj2k_encode(p))),
    "HTJ2K": (f"{JPEG}203", lambda p: bytes(imagecodecs.htj2k_encode(p, reversible=True))),
    "RLE": (RLE, rle),
}
"""Lossless encoders by name: transfer syntax, and a function of stored bit patterns."""


def pack(path, syntax, encode, *, pieces=1, **elements):
    """Rewrite an uncompressed file; ``encode`` gets its stored bit patterns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        kind = f"<u{dataset.BitsAllocated // 8}"
        picture = np.frombuffer(dataset.PixelData, kind).reshape(dataset.Rows, dataset.Columns)
        dataset.PixelData = encapsulate([encode(picture)], fragments_per_frame=pieces)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path, enforce_file_format=True)
    return path
