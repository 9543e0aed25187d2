"""``netimg run`` on a CT of 512 x 512 x 400 with a PET, beside the plain reading of the same files.

Both run in the same session, so that the ratio says more than seconds of a machine do.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.make import child

SHAPE = (400, 512, 512)

PLAIN = """
import sys
from pathlib import Path
import numpy as np
import pydicom
for folder in sys.argv[1:]:
    files = [pydicom.dcmread(path) for path in Path(folder).iterdir()]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    np.stack([file.pixel_array for file in files]).astype(np.float32)
"""


def main(shape=SHAPE, words=()):
    """Print wall and CPU time, peak memory, the stages, and the ratio; ``words`` go to run."""
    study = large_study(shape)
    print(f"CT {' x '.join(map(str, shape))} with one PET")
    plain = child.run([sys.executable, "-c", PLAIN, str(study / "CT"), str(study / "PET")])
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        typed = ["run", str(study), "-o", str(out), *words]
        done = child.run([sys.executable, "-m", "netimg", *typed])
        if done.status:
            print(f"netimg run ended with {done.status}:\n{done.said}")
            return
        manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    print(f"netimg run     {done}  (model {manifest.get('model', 'none')})")
    print(f"plain reading  {plain}")
    print(f"ratio          {done.cpu_s / plain.cpu_s:.1f} of its CPU time, "
          f"{done.peak_gb / plain.peak_gb:.1f} of its peak memory")  # fmt: skip
    known = [(row["stage"], row["seconds"]) for row in manifest["stages"]]
    rest = done.wall_s - sum(seconds for _, seconds in known)
    shown = ", ".join(f"{name} {seconds:.1f}" for name, seconds in [*known, ("the rest", rest)])
    print(f"stages         {shown} s wall")


def large_study(shape):
    """Folder of the study; made by a process of its own, so that this one stays small."""
    made = child.run([sys.executable, "-m", "tests.make.large_study", *map(str, shape)])
    if made.status:
        sys.exit(made.said)
    return Path(made.said.splitlines()[-1])


if __name__ == "__main__":
    main()
