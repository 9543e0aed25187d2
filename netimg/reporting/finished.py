"""Whether a folder holds a finished result, and whether it is the one that is asked for.

A result is finished when its ``manifest.json`` can be read and every file it names is there with
its size. Nothing else counts: no time stamp, no log line.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.reporting.manifest import SCHEMA

if TYPE_CHECKING:
    from netimg.result import Manifest


def is_result(out: Path) -> bool:
    """Tell whether netimg wrote ``out``, complete or not: its manifest is of our schema."""
    return _manifest(out) is not None


def foreign_files(out: Path) -> tuple[str, ...]:
    """Files in a result folder that its manifest does not name: somebody else's, never deleted."""
    document = _manifest(out) or {}
    named = document.get("files")
    ours = {"manifest.json", *(named if isinstance(named, dict) else ())}
    there = (path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir())
    return tuple(sorted(name for name in there if name not in ours))


def _manifest(out: Path) -> Mapping[str, Any] | None:
    try:
        document = json.loads((out / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(document, dict) and document.get("schema") == SCHEMA
    return document if ours else None


def finished_manifest(out: Path) -> Mapping[str, Any] | None:
    """Return the document of a finished result; None where there is none."""
    document = _manifest(out)
    if document is None:
        return None
    try:
        sizes = {path: entry["size"] for path, entry in document["files"].items()}
        complete = all((out / path).stat().st_size == size for path, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return document if complete else None


def holds(out: Path, manifest: Manifest) -> bool:
    """Tell whether ``out`` is the finished result of the same input and configuration."""
    document = finished_manifest(out)
    if document is None:
        return False
    same = ("input_fingerprint", "config_hash", "version")
    return all(document.get(name) == getattr(manifest, name) for name in same)


def remove_parts(parent: Path, pid: int) -> None:
    """Remove the part folders that a dead process left in ``parent``."""
    for part in sorted(parent.glob(f".netimg-part-*-{pid}-*")):
        shutil.rmtree(part, ignore_errors=True)
