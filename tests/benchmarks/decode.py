"""400 JPEG 2000 slices of 512 x 512 decoded by codec workers, beside the same in one process.

The budget is 1.15 times the plain loop, however many cores there are.
"""

import resource
import time

import imagecodecs
import numpy as np

from netimg.reading.decode import Frame, decode_frames
from netimg.reading.pixel_format import PixelFormat
from netimg.settings import Settings
from tests.make.codecs import JPEG, jpeg_2000

SLICES = 400
DIFFERENT = 8


def slices():
    """Streams of a noisy body, and what their headers say."""
    y, x = np.mgrid[:512, :512]
    body = 1000 * (((x - 256) / 200) ** 2 + ((y - 256) / 150) ** 2 < 1)
    noise = np.random.default_rng(0).normal(60, 15, size=(DIFFERENT, 512, 512))
    return [jpeg_2000(np.rint(body + one).clip(0).astype(np.uint16)) for one in noise]


def timed(run):
    """Wall and CPU seconds of a call, those of ended children left out."""
    began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    return time.perf_counter() - began, used


def main(count=SLICES):
    """Print seconds and ratio for one worker and for as many as there are cores."""
    streams = slices()
    pixels = PixelFormat(
        rows=512, columns=512, samples=1, photometric="MONOCHROME2", bits_allocated=16,
        bits_stored=16, high_bit=15, signed=False, syntax=f"{JPEG}90", tag=0x7FE00010, offset=0,
        length=0, encapsulated=True,
    )  # fmt: skip
    frames = [Frame(f"IM{n}", pixels, streams[n % DIFFERENT]) for n in range(count)]

    def plain():
        for frame in frames:
            imagecodecs.jpeg2k_decode(frame.codestream, numthreads=1)

    plain_s, _ = timed(plain)
    print(f"{count} slices, one process      {plain_s:6.2f} s")
    for threads in (1, 0):
        settings = Settings.shipped().with_values({"resources.threads": threads}, layer="bench")
        for _ in decode_frames(frames[:8], settings):
            pass  # workers are running
        wall_s, here_s = timed(lambda: list(map(np.size, decode_frames(frames, settings))))  # noqa: B023
        name = "one worker" if threads else "a worker per core"
        ratio = wall_s / plain_s
        print(f"{count} slices, {name:<17}{wall_s:6.2f} s  {ratio:.2f} x (budget 1.15)"
              f"  {here_s:.2f} s CPU here")  # fmt: skip
