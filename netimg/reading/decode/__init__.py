"""Compressed pixels to stored samples, with foreign bytes kept away from native code at home.

In: where the pieces of a picture lie (`fragments`), what its header says. Out: integers, bit-equal
to what was compressed, or lossy and said so. Sizes are compared before anything is decoded
(`codestream`); native codecs run in worker processes (`pool`, `worker`), RLE here (`rle`).
Start reading at `frames`.
"""

from netimg.reading.decode.codestream import SYNTAXES
from netimg.reading.decode.fragments import Packed, find_frames, find_packed
from netimg.reading.decode.frames import Frame, check_said, decode_frame, decode_frames

__all__ = [
    "SYNTAXES",
    "Frame",
    "Packed",
    "check_said",
    "decode_frame",
    "decode_frames",
    "find_frames",
    "find_packed",
]
