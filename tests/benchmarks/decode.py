"""400 JPEG 2000 slices of 512 x 512 decoded by codec workers, beside the same in one process.

The budget is 1.15 times the CPU time of the plain loop, the workers' counted: what it costs to keep
foreign bytes apart. With a worker per core the wall time falls below that of the loop.
"""

import statistics
import time

import imagecodecs
import numpy as np

from netimg.reading.decode import Frame, decode_frames
from netimg.reading.pixel_format import PixelFormat
from netimg.settings import Settings
from tests.make.codecs import JPEG, jpeg_2000
from tests.make.routes import cpu_s

SLICES = 400
DIFFERENT = 8
RUNS = 3


def slices():
    """Streams of a noisy body, and what their headers say."""
    y, x = np.mgrid[:512, :512]
    body = 1000 * (((x - 256) / 200) ** 2 + ((y - 256) / 150) ** 2 < 1)
    noise = np.random.default_rng(0).normal(60, 15, size=(DIFFERENT, 512, 512))
    return [jpeg_2000(np.rint(body + one).clip(0).astype(np.uint16)) for one in noise]


def timed(run):
    """Wall and CPU seconds of a call, those of its workers counted."""
    began, cpu = time.perf_counter(), cpu_s()
    run()
    return time.perf_counter() - began, cpu_s() - cpu


def main(count=SLICES):
    """Print seconds and ratios for one worker and for as many as there are cores."""
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

    def apart(threads):
        settings = Settings.shipped().with_values({"resources.threads": threads}, layer="bench")
        return lambda: list(map(np.size, decode_frames(frames, settings)))

    routes = {"one process": plain, "one worker": apart(1), "a worker per core": apart(0)}
    apart(0)()  # workers are running
    rows = {name: [] for name in routes}
    for _ in range(RUNS):
        for name, route in routes.items():
            rows[name].append(timed(route))
    middle = {n: [statistics.median(c) for c in zip(*r, strict=True)] for n, r in rows.items()}
    plain_wall_s, plain_cpu_s = middle["one process"]
    for name, (wall_s, used_s) in middle.items():
        print(f"{count} slices, {name:<17}  {wall_s:6.2f} s wall  {used_s:6.2f} s CPU  "
              f"{used_s / plain_cpu_s:.2f} x its CPU (budget 1.15)  "
              f"{wall_s / plain_wall_s:.2f} x its wall time")  # fmt: skip
