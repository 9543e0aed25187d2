"""Processor or GPU, precision, threads, memory: chosen by what the machine has, with the reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.errors import SEG_106, ResourceError
from netimg.segmentation.protocol import Budget, Device

if TYPE_CHECKING:
    from collections.abc import Iterable

THREADS_MAX = 8
"""More threads than this do not make one patient faster."""

_CAPABILITY_MIN = (7, 0)
_CAPABILITY_BFLOAT16 = (8, 0)


def choose_device(asked: str, *, precision: str = "auto", memory_mb: float = 0.0) -> Device:
    """Device and precision of a run.

    Parameters
    ----------
    asked
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. ``auto`` never raises.
    precision
        ``auto``, ``float32`` or ``bfloat16``. ``auto``: what the device multiplies itself.
    memory_mb
        Free memory that a CUDA device must have for ``auto`` to take it.

    Raises
    ------
    ResourceError
        SEG-106 if a CUDA device was asked for by name and is not there.
    """
    import torch

    if asked == "cpu":
        return _cpu(precision, "asked for")
    if not torch.cuda.is_available():
        if asked == "auto":
            return _cpu(precision, "no CUDA device")
        raise ResourceError(
            SEG_106,
            what=f"{asked} was asked for; this machine has no CUDA device.",
            todo="Use --device auto or cpu.",
        )
    index = int(asked.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ResourceError(
            SEG_106,
            what=f"{asked} was asked for; this machine has {torch.cuda.device_count()} of them.",
            todo="Use --device auto or cpu.",
        )
    capability = torch.cuda.get_device_capability(index)
    free_mb = torch.cuda.mem_get_info(index)[0] / 2**20
    if asked == "auto" and (capability < _CAPABILITY_MIN or free_mb < memory_mb):
        return _cpu(precision, f"GPU too old or too full ({free_mb:.0f} MB free)")
    name = torch.cuda.get_device_name(index)
    half = "bfloat16" if capability >= _CAPABILITY_BFLOAT16 else "float16"
    return Device(
        name=f"cuda:{index}", dtype=half if precision == "auto" else precision, reason=name
    )


def _cpu(precision: str, why: str) -> Device:
    """The processor, in bfloat16 only where it multiplies that itself."""
    if precision != "auto":
        return Device(name="cpu", dtype=precision, reason=f"{why}; precision asked for")
    if has_bfloat16():
        return Device(name="cpu", dtype="bfloat16", reason=f"{why}; processor has bfloat16")
    return Device(name="cpu", dtype="float32", reason=f"{why}; processor has no bfloat16")


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; else it would be slower than float32."""
    import torch

    # Both are private names of torch 2.13; where they are gone the answer is no.
    asks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, ask, lambda: False)() for ask in asks)


def cuda_devices() -> tuple[str | None, tuple[str, ...]]:
    """CUDA version that torch was built for (None: without), and a line per device it finds."""
    import torch

    lines = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        lines.append(f"cuda:{index} {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GB free")
    return torch.version.cuda, tuple(lines)


def budget(threads: int = 0) -> Budget:
    """Threads (0 = all cores that may be used, at most `THREADS_MAX`) and free memory."""
    import psutil

    free_mb = psutil.virtual_memory().available / 2**20
    limit = _cgroup_memory_mb()
    return Budget(
        threads=threads or min(cores_available(), THREADS_MAX),
        memory_mb=free_mb if limit is None else min(free_mb, limit),
    )


def cores_available() -> int:
    """Cores this process may use: its affinity and the quota of its control group."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_cores(_lines("/sys/fs/cgroup/cpu.max"))
    return max(1, cores if quota is None else min(cores, quota))


def _cgroup_cores(lines: Iterable[str]) -> int | None:
    """Whole cores of ``cpu.max`` (``"150000 100000"`` are 2), None without a quota."""
    for line in lines:
        quota, _, period = line.strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            return max(1, -(-int(quota) // int(period)))
    return None


def _cgroup_memory_mb() -> float | None:
    """Memory left in the control group, None without a limit."""
    limit = next(iter(_lines("/sys/fs/cgroup/memory.max")), "").strip()
    used = next(iter(_lines("/sys/fs/cgroup/memory.current")), "").strip()
    if limit.isdigit() and used.isdigit():
        return (int(limit) - int(used)) / 2**20
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("ascii").splitlines()
    except OSError:
        return []


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, and nothing else."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )
