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


def finished_manifest(out: Path) -> Mapping[str, Any] | None:
    """Return the document of a finished result; None where there is none."""
    try:
        document: Mapping[str, Any] = json.loads((out / "manifest.json").read_text("utf-8"))
        if document["schema"] != SCHEMA:
            return None
        sizes = {path: entry["size"] for path, entry in document["files"].items()}
        complete = all((out / path).stat().st_size == size for path, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError):
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
