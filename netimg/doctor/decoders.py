"""Every transfer syntax that is read, tried on a tiny file with a known answer.

The files go the way of a patient's: header scan, then the codec worker (or numpy, for what is not
packed, deflated or RLE). ``frames/`` holds them; ``python -m tests.make.doctor_frames`` made them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netimg.doctor.item import Item, Status
from netimg.errors import NetimgError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netimg.settings import Settings

FRAMES = Path(__file__).parent / "frames"
_TODO = "Install imagecodecs again, in the build for this system; till then ask for plain files."


def check_decoders(settings: Settings, folder: Path = FRAMES) -> Iterator[Item]:
    """One item per transfer syntax: decoded bit-equal, or not."""
    with (folder / "frames.toml").open("rb") as stream:
        frames = tomllib.load(stream)["frame"]
    for frame in frames:
        yield _checked(frame, folder, settings)


def _checked(frame: Mapping[str, str], folder: Path, settings: Settings) -> Item:
    name, said = f"decoder {frame['name']}", f"transfer syntax {frame['syntax']}"
    try:
        problem = _difference(frame, folder, settings)
    except NetimgError as error:
        # The file is ours: its name tells nobody anything.
        problem = str(error.what).rstrip(".")
    if not problem:
        return Item(name=name, status=Status.OK, found=f"bit-equal ({said})")
    return Item(name=name, status=Status.FAIL, found=f"{problem} ({said})", todo=_TODO)


def _difference(frame: Mapping[str, str], folder: Path, settings: Settings) -> str:
    """What is wrong with the decoded samples; empty where they are the known ones."""
    from netimg.reading.headers import read_header
    from netimg.reading.pixels import read_slice
    from netimg.reading.walk import Found

    path = folder / frame["file"]
    file = Found(frame["file"], path, None, path.stat().st_size)
    header = read_header(file, settings)
    if header.pixels.syntax != frame["syntax"]:
        return f"the file is in transfer syntax {header.pixels.syntax}"
    samples = read_slice(file, header.pixels, settings)
    answer = np.frombuffer((folder / frame["answer"]).read_bytes(), samples.dtype.newbyteorder("<"))
    if answer.size != samples.size:
        return f"{samples.size} samples where {answer.size} are right"
    off = np.abs(samples.reshape(-1).astype(np.int64) - answer.astype(np.int64))
    wrong = int(np.count_nonzero(off))
    return f"{wrong} of {off.size} samples are wrong, by up to {int(off.max())}" if wrong else ""
