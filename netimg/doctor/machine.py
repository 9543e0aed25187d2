"""The machine: processor, cores, memory, GPU, temporary folder."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

from netimg.doctor.item import Item, Status
from netimg.resources import load_toml

_FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 bfloat16",
    "amx_bf16": "AMX bfloat16",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bfloat16",
}
"""What /proc/cpuinfo calls the features that networks run faster with."""

_TRIAL = b"netimg doctor" * 512


def check_processor(cpuinfo: str | None = None) -> Item:
    """Name and vector features of the processor.

    Parameters
    ----------
    cpuinfo
        What Linux says of its processors; None = that of this machine.
    """
    rows = _first_processor(_cpuinfo() if cpuinfo is None else cpuinfo)
    flags = (rows.get("flags") or rows.get("Features") or "").split()
    has = [word for flag, word in _FEATURES.items() if flag in flags]
    name = rows.get("model name") or platform.processor() or platform.machine()
    if not rows:
        return Item(name="processor", status=Status.OK, found=f"{name}, features not said")
    if "AVX2" in has or "NEON" in has:
        return Item(name="processor", status=Status.OK, found=f"{name}: {', '.join(has)}")
    return Item(
        name="processor",
        status=Status.NOTE,
        found=f"{name}: no AVX2; segmentation will be slow",
    )


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return ""


def _first_processor(text: str) -> dict[str, str]:
    """Rows of the first processor; empty where nothing is said."""
    rows: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        rows.setdefault(name.strip(), value.strip())
    return rows


def check_cores() -> Item:
    """Cores and memory that this process may use, control group counted."""
    from netimg.segmentation.device import budget, cores_available

    needs = _needs()
    cores, memory_gb = cores_available(), budget().memory_mb / 1024
    found = f"{cores} of {os.cpu_count()} cores, {memory_gb:.1f} GB of memory free for this process"
    short = []
    if cores < needs["cores"]:
        short.append(f"fewer than {needs['cores']} cores")
    if memory_gb < needs["memory_gb"]:
        short.append(f"less than {needs['memory_gb']:g} GB")
    if not short:
        return Item(name="cores", status=Status.OK, found=found)
    return Item(
        name="cores",
        status=Status.NOTE,
        found=f"{found}: {' and '.join(short)}",
        todo="Close other programs, or raise the limit of the container or job.",
    )


def check_gpu() -> Item:
    """CUDA devices, or why none is used."""
    from netimg.segmentation.device import cuda_devices

    built, devices = cuda_devices()
    if devices:
        return Item(name="gpu", status=Status.OK, found="; ".join(devices))
    if not _has_nvidia():
        return Item(name="gpu", status=Status.OK, found="none; networks run on the processor")
    why = f"torch is built for CUDA {built}" if built else "this build of torch has no CUDA"
    return Item(
        name="gpu",
        status=Status.NOTE,
        found=f"an NVIDIA driver is there, but torch finds no device ({why})",
        todo="Install the build of torch that fits the driver; README says how to choose one.",
    )


def _has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()


def check_temporary(folder: str | None = None) -> Item:
    """Whether the temporary folder takes a file, and how much room it has."""
    place = Path(folder or tempfile.gettempdir())
    private = {"folder": str(place)}
    named = os.environ.get("TMPDIR")
    if folder is None and named and not _is_same(Path(named), place):
        # Python looks elsewhere without a word.
        return Item(
            name="temporary folder",
            status=Status.FAIL,
            found="TMPDIR names {named}, which takes no file; {folder} is used in its place",
            todo="Set TMPDIR to a folder that can be written to, or unset it.",
            private=private | {"named": named},
        )
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(_TRIAL)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            whole = file.read() == _TRIAL
        free_gb = shutil.disk_usage(place).free / 1e9
    except OSError as error:
        return Item(
            name="temporary folder",
            status=Status.FAIL,
            found=f"{{folder}} takes no file: {error.strerror}",
            todo="Set TMPDIR to a folder that can be written to.",
            private=private,
        )
    if not whole:
        return Item(
            name="temporary folder",
            status=Status.FAIL,
            found="{folder} gives back other bytes than were written",
            todo="Have the disk checked; set TMPDIR to a folder on another one.",
            private=private,
        )
    least = _needs()["temporary_gb"]
    found = f"{{folder}} can be written to, {free_gb:.1f} GB free"
    if free_gb >= least:
        return Item(name="temporary folder", status=Status.OK, found=found, private=private)
    return Item(
        name="temporary folder",
        status=Status.NOTE,
        found=f"{found}: less than {least:g} GB",
        todo="Make room, or set TMPDIR to a larger disk.",
        private=private,
    )


def _is_same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def _needs() -> dict[str, Any]:
    needs: dict[str, Any] = load_toml("configs", "doctor.toml")["machine"]
    return needs
