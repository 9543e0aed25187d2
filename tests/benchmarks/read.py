"""A CT of 512 x 512 x 400: netimg's reading, ``np.stack`` of pydicom's pixels, and SimpleITK.

Each route runs in a process of its own and ends with the same array, HU as float32 in order of
position; the array's digest says whether they agree to the bit. CPU seconds are those of the
route, without the interpreter and its imports; memory is what the process held more at its most,
the finished array included.
"""

import json
import sys
from pathlib import Path

from tests.benchmarks.run import SHAPE, large_study
from tests.make import child

ROUTES = ("netimg", "np.stack", "SimpleITK")


def main(shape=SHAPE):
    """Print each route, and what netimg takes for each second and GB of the others."""
    folder = large_study(shape) / "CT"
    print(f"CT {' x '.join(map(str, shape))}, files in the page cache")
    child.run([sys.executable, "-m", "tests.benchmarks.read", "np.stack", str(folder)])
    taken = {}
    for route in ROUTES:
        done = child.run([sys.executable, "-m", "tests.benchmarks.read", route, str(folder)])
        if done.status:
            sys.exit(done.said)
        taken[route] = json.loads(done.said.splitlines()[-1])
        row = taken[route]
        print(f"{route:10} {row['cpu_s']:6.2f} s CPU  {row['wall_s']:6.2f} s wall"
              f"  {row['held_gb']:5.2f} GB  {row['digest'][:12]}")  # fmt: skip
    ours = taken["netimg"]
    for route in ROUTES[1:]:
        other = taken[route]
        same = "bit-equal" if other["digest"] == ours["digest"] else "VALUES DIFFER"
        print(f"netimg / {route:10} {ours['cpu_s'] / other['cpu_s']:.2f} of its CPU time, "
              f"{ours['held_gb'] / other['held_gb']:.2f} of its memory, {same}")  # fmt: skip


def by_netimg(folder):
    """Open the study, load the CT that was chosen."""
    from netimg.reading import open_study

    return lambda: open_study(folder).ct.load().values


def by_stack(folder):
    """The plain route of a script: sort by position, stack, rescale."""
    import numpy as np
    import pydicom

    def read():
        files = [pydicom.dcmread(path) for path in folder.iterdir()]
        files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
        stored = np.stack([file.pixel_array for file in files])
        slope, intercept = files[0].RescaleSlope, files[0].RescaleIntercept
        return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)

    return read


def by_simpleitk(folder):
    """The series reader of SimpleITK."""
    import SimpleITK as sitk  # noqa: N813  # its usual name

    def read():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        reader.SetOutputPixelType(sitk.sitkFloat32)
        return sitk.GetArrayFromImage(reader.Execute())

    return read


def _child(route, folder):
    """Run one route and print what it took, as JSON."""
    import hashlib
    import time

    import numpy as np

    prepare = {"netimg": by_netimg, "np.stack": by_stack, "SimpleITK": by_simpleitk}[route]
    read = prepare(Path(folder))
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins here
    before_kb = _memory_kb("VmRSS")
    wall, cpu = time.monotonic(), time.process_time()
    values = read()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    held_kb = _memory_kb("VmHWM") - before_kb
    digest = hashlib.sha256(np.ascontiguousarray(values, dtype=np.float32)).hexdigest()
    row = {"wall_s": wall, "cpu_s": cpu, "held_gb": held_kb * 1024 / 1e9, "digest": digest}
    print(json.dumps(row))


def _memory_kb(name):
    """Memory of this process now (VmRSS) or at its most (VmHWM)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    _child(*sys.argv[1:])
