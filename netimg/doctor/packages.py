"""Python and the installed packages, beside what was locked and tested together."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from types import MappingProxyType
from typing import TYPE_CHECKING

from netimg import __version__
from netimg.doctor.item import Item, Status
from netimg.resources import load_toml, shipped, source_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

LOCK = "requirements.lock"
_PIN = re.compile(r"^([A-Za-z0-9][^\s=]*)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$", re.MULTILINE)

NATIVE = {
    "torch": "torch",
    "SimpleITK": "SimpleITK",
    "scipy.ndimage": "scipy",
    "skimage.measure": "scikit-image",
    "cc3d": "connected-components-3d",
    "edt": "edt",
    "nibabel": "nibabel",
    "pydicom": "pydicom",
    "highdicom": "highdicom",
    "jinja2": "jinja2",
}
"""Modules that must load, and the packages to install where one does not.

imagecodecs is not among them: it is loaded by the codec workers alone (`decoders`).
"""
_CHILD = """
import importlib, sys
for name in sys.argv[1:]:
    print("begun", name, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        print("broken", name, text, flush=True)
"""


def check_netimg() -> Item:
    """Version and commit of netimg itself."""
    commit = source_commit()
    said = f"commit {commit}" if commit else "commit not known"
    return Item(name="netimg", status=Status.OK, found=f"{__version__}, {said}")


def check_python() -> Item:
    """Version of the interpreter, against the one that the lock was made for."""
    locked = load_toml("configs", "doctor.toml")["python"]["locked"]
    here = platform.python_version()
    found = f"{platform.python_implementation()} {here}, {platform.system()} {platform.machine()}"
    if here.startswith(f"{locked}."):
        return Item(name="python", status=Status.OK, found=found)
    note = f"{found}; the versions in the lock were tested with {locked}"
    return Item(name="python", status=Status.NOTE, found=note)


def check_needs(declared: Sequence[str] | None = None) -> Item:
    """Whether each package that netimg needs is there, in a version it works with.

    Parameters
    ----------
    declared
        Requirements; None = those that the installed netimg declares.
    """
    from packaging.requirements import Requirement

    try:
        texts = requires("netimg") or () if declared is None else declared
    except PackageNotFoundError:
        found = "netimg runs from a folder and is not installed; what it needs is not declared"
        todo = "Install it: pip install -e ."
        return Item(name="packages", status=Status.NOTE, found=found, todo=todo)
    needs = [Requirement(text) for text in texts]
    needs = [n for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
    wrong = {str(need): _unfit(need) for need in needs if _unfit(need)}
    if not wrong:
        found = f"all {len(needs)} that netimg needs are there, torch {_version('torch')}"
        return Item(name="packages", status=Status.OK, found=found)
    names = " ".join(f'"{need}"' for need in wrong)
    return Item(
        name="packages",
        status=Status.FAIL,
        found="; ".join(wrong.values()),
        todo=f"Install what is needed: pip install {names}",
    )


def _unfit(need: Requirement) -> str:
    """Why the installed package is not the one needed; empty where it is."""
    here = _version(need.name)
    if here is None:
        return f"{need.name} is missing"
    if not need.specifier.contains(here, prereleases=True):
        return f"{need.name} is {here}, needed is {need.specifier}"
    return ""


def check_lock(text: str | None = None) -> Item:
    """Which packages are in another version than the one that was tested.

    Parameters
    ----------
    text
        A lock as pip reads it; None = the one that ships.
    """
    pins = dict(_pins(shipped(LOCK).read_text("utf-8") if text is None else text))
    here = {name: _version(name) for name in pins}
    other = [f"{name} {here[name]} (locked {pins[name]})" for name in pins
             if here[name] not in (None, pins[name])]  # fmt: skip
    absent = [name for name in pins if here[name] is None]
    parts = [f"{len(pins) - len(other) - len(absent)} of {len(pins)} as in {LOCK}"]
    if other:
        parts.append(f"other versions: {', '.join(other)}")
    if absent:
        parts.append(f"not installed: {', '.join(absent)}")
    if not other and not absent:
        return Item(name="lock", status=Status.OK, found=parts[0])
    return Item(
        name="lock",
        status=Status.NOTE,
        found="; ".join(parts),
        todo=f"The tested versions: pip install --no-deps --require-hashes -r {LOCK}",
    )


def _pins(text: str) -> Iterator[tuple[str, str]]:
    """Name and version of each pin that is meant for this interpreter."""
    from packaging.markers import Marker

    for name, pinned, marker in _PIN.findall(text):
        if not marker or Marker(marker).evaluate():
            yield name, pinned


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_native(names: Mapping[str, str] = MappingProxyType(NATIVE)) -> Item:
    """Whether the packages that netimg stands on load on this processor and system.

    In a process of their own, so that one that ends its process is named and the rest still tried.

    Parameters
    ----------
    names
        Module, and the package it is installed by.
    """
    broken: dict[str, str] = {}
    left = list(names)
    while left:
        done = subprocess.run(  # noqa: S603  # this interpreter, module names of ours
            [sys.executable, "-c", _CHILD, *left], capture_output=True, text=True, check=False
        )
        rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
        broken |= {row[1]: row[2] for row in rows if row[0] == "broken" and len(row) == 3}
        begun = [row[1] for row in rows if row[0] == "begun"]
        if done.returncode == 0 or not begun:
            break
        broken[begun[-1]] = f"it ends its process ({done.returncode})"
        left = left[left.index(begun[-1]) + 1 :]
    if not broken:
        return Item(name="native code", status=Status.OK, found=f"{', '.join(names)} load")
    packages = " ".join(names[name] for name in broken)
    return Item(
        name="native code",
        status=Status.FAIL,
        found=f"{', '.join(broken)} cannot be loaded: {{reason}}",
        todo=f"Install again, built for this system: pip install --force-reinstall {packages}",
        private={"reason": "; ".join(broken.values())},
    )
