"""Data that ships with netimg.

``models/`` and ``configs/`` lie beside the package in a checkout and inside it in a wheel.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = Path(__file__).resolve().parent
_COMMIT = "commit.txt"
_CODE = ("netimg", "configs", "models")


def shipped(*parts: str) -> Path:
    """Path of shipped data: ``shipped("configs", "run.toml")``, ``shipped("models")``.

    Raises
    ------
    FileNotFoundError
        If the installation is incomplete.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    msg = f"{'/'.join(parts)} is not part of this installation of netimg"
    raise FileNotFoundError(msg)


def load_toml(*parts: str) -> dict[str, Any]:
    """Parse a shipped TOML file: ``load_toml("configs", "reading", "tracers.toml")``."""
    with shipped(*parts).open("rb") as stream:
        return tomllib.load(stream)


@cache
def source_commit() -> str:
    """Commit of the code that runs: built into the wheel, or that of the checkout.

    Returns
    -------
    str
        Hash, with ``+changes`` where tracked files of a checkout differ from it; empty where it
        is not known.
    """
    built = _PACKAGE / "_shipped" / _COMMIT
    if built.is_file():
        return built.read_text("ascii").strip()
    return checkout_commit(_PACKAGE.parent)


def checkout_commit(root: Path) -> str:
    """Commit of a checkout of netimg, as `source_commit`; a folder inside another one has none."""
    import subprocess

    if not (root / ".git").exists():
        return ""
    # A hook or another checkout may have named its own repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str | None:
        command = ["git", "-C", str(root), *words]
        done = subprocess.run(  # noqa: S603  # our own words
            command, env=env, capture_output=True, text=True, check=False, timeout=10
        )
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if commit is None else f"{commit}+changes" if changed else commit


def inside(root: Path, parts: Iterable[str]) -> Path | None:
    """Real path of something that a file names, below a folder; None where it leads out of it.

    ``parts`` are data: absolute parts, ``..`` and links that lead out are all out. Whether
    something is there is not said; it is opened without following links.
    """
    path = Path(os.path.realpath(root.joinpath(*parts)))  # `resolve` raises on links in a circle
    return path if path.is_relative_to(os.path.realpath(root)) else None
