"""How many decoded bytes one study may have: a setting, and half of what this process may use."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.errors import PIX_002
from netimg.reading.problems import refusal

if TYPE_CHECKING:
    from netimg.settings import Settings
    from netimg.study import Study

_CGROUP = Path("/sys/fs/cgroup/memory.max")
_FLOAT_BYTES = 4


def check_memory(study: Study, settings: Settings) -> None:
    """Refuse a study whose chosen series do not fit in memory together, before one is loaded.

    Raises
    ------
    InputError
        PIX-002.
    """
    chosen = [series for series in (study.ct, *study.pets) if series is not None]
    needed = sum(math.prod(series.grid.shape) * _FLOAT_BYTES for series in chosen)
    most = settings["limits.study_bytes_max"]
    half = usable_bytes() // 2
    if needed > min(most, half):
        raise refusal(
            PIX_002,
            "study",
            gigabytes=needed / 1e9,
            limit=min(most, half) / 1e9,
            why="half of the memory there is" if half < most else "limits.study_bytes_max",
        )


def usable_bytes() -> int:
    """Memory this process may use: of the machine, of its control group, of its own limits."""
    import resource

    import psutil

    limits = [psutil.virtual_memory().total]
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    if own != resource.RLIM_INFINITY:
        limits.append(own)
    try:
        text = _CGROUP.read_text("ascii").strip()
    except OSError:
        text = "max"
    if text.isdigit():
        limits.append(int(text))
    return min(limits)
