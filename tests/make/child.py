"""A command as a child process, with what it took."""

import os
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """What a child process took: seconds and the most memory it held."""

    wall_s: float
    cpu_s: float
    peak_gb: float
    status: int
    said: str

    def __str__(self):
        """One line."""
        return f"{self.wall_s:7.1f} s wall  {self.cpu_s:7.1f} s CPU  {self.peak_gb:5.2f} GB peak"


def run(command):
    """Run a command to its end; `Usage` of this one process and of no other."""
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        wall_s=time.monotonic() - began,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_gb=usage.ru_maxrss * 1024 / 1e9,
        status=process.returncode,
        said=said,
    )
