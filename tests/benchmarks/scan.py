"""Headers of 20,000 files: netimg's index beside pydicom in a loop, in one folder and in 20,000.

Each route runs in a process of its own. The plain loop reads what a script would need to sort
files into series, and keeps only that. Memory is what the process held at its most, and for netimg
also the largest of its helpers. Files are in the page cache.
"""

import json
import resource
import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path

from tests.make import child
from tests.make.dicom import ct_series

FILES = 20_000
BUDGET_MB = 300
PER_SERIES = 500
ROUTES = ("netimg", "netimg, one core", "pydicom")


def main(files=FILES):
    """Print files per second and memory of each route, and the ratio."""
    with tempfile.TemporaryDirectory(prefix="netimg-scan-") as folder:
        for layout in ("one folder", "a folder each"):
            root = Path(folder) / layout
            write(root, files, alone=layout == "a folder each")
            taken = {route: _run(route, root) for route in ROUTES}
            for route, row in taken.items():
                if row["files"] != files:
                    sys.exit(f"{route} read {row['files']} of {files} files")
            print(f"{files} files, {layout}")
            for route, row in taken.items():
                helper = f" + {row['helper_mb']:.0f}" if row["helper_mb"] else ""
                print(f"  {route:17}{row['wall_s']:7.2f} s {files / row['wall_s']:8.0f} files/s"
                      f"  {row['cpu_s']:7.2f} s CPU  {row['peak_mb']:5.0f}{helper} MB")  # fmt: skip
            plain, ours = taken["pydicom"], taken["netimg"]
            most = max(ours["peak_mb"], ours["helper_mb"])
            print(f"  netimg / pydicom {ours['wall_s'] / plain['wall_s']:.2f} of its time,"
                  f" {ours['cpu_s'] / plain['cpu_s']:.2f} of its CPU time;"
                  f" {most:.0f} MB of {BUDGET_MB} allowed")  # fmt: skip
            shutil.rmtree(root)


def write(root, files, *, alone=False):
    """CT files of several series without gaps; in one folder, or each ``alone`` in its own."""
    root.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        (path, *_) = ct_series(folder, common={"SeriesInstanceUID": "2.25." + "1" * 20})
        raw = path.read_bytes()
    own = raw[raw.index(b"2.25.", raw.index(struct.pack("<HH", 0x0008, 0x0018))) :]
    own = own[: own.index(struct.pack("<HH", 0x0008, 0x0020))].rstrip(b"\0")
    for n in range(files):
        instance = b"2.25." + str(10 ** (len(own) - 6) + n).encode()
        series = b"2.25." + str(10**19 + n // PER_SERIES).encode()
        data = raw.replace(own, instance).replace(b"2.25." + b"1" * 20, series)
        place = root / f"{n:05}" if alone else root
        place.mkdir(exist_ok=True)
        (place / f"IM{n:05}").write_bytes(data)


def by_netimg(root, threads=0):
    """The index that `open_study` begins with."""
    from netimg.reading.index import index
    from netimg.settings import Settings

    settings = Settings.shipped().with_values({"resources.threads": threads}, layer="bench")
    return lambda: len(index(root, settings).headers)


def by_pydicom(root):
    """The plain loop of a script."""
    import pydicom

    def read():
        kept = {}
        for path in root.rglob("*"):
            if not path.is_file():
                continue
            file = pydicom.dcmread(path, stop_before_pixels=True)
            kept[str(file.SOPInstanceUID)] = (
                path, str(file.StudyInstanceUID), str(file.SeriesInstanceUID), file.PatientID,
                tuple(file.ImagePositionPatient), tuple(file.ImageOrientationPatient),
                tuple(file.PixelSpacing), int(file.Rows), int(file.Columns),
            )  # fmt: skip
        return len(kept)

    return read


def _run(route, root):
    done = child.run([sys.executable, "-m", "tests.benchmarks.scan", route, str(root)])
    if done.status:
        sys.exit(done.said)
    return json.loads(done.said.splitlines()[-1])


def _child(route, folder):
    """Run one route and print what it took, as JSON."""
    root = Path(folder)
    prepare = {"netimg": by_netimg, "pydicom": by_pydicom}
    read = by_netimg(root, threads=1) if "one core" in route else prepare[route](root)
    began = time.monotonic()
    count = read()
    wall_s = time.monotonic() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    row = {
        "wall_s": wall_s,
        "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
        "files": count,
        "peak_mb": used[0].ru_maxrss / 1024,
        "helper_mb": used[1].ru_maxrss / 1024,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    _child(*sys.argv[1:])
