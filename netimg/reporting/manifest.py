"""``manifest.json``: how a result came about, and what lies beside it; written last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netimg.reporting.json_text import Document, present
from netimg.result import Manifest

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "netimg.manifest/1"

MEDIA_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".html": "text/html",
    ".gz": "application/gzip",
    ".png": "image/png",
    ".dcm": "application/dicom",
}
"""Media type by the end of a name."""

_VOLATILE = (
    "command", "platform", "started_at", "finished_at", "stages", "peak_memory_mb", "log",
)  # fmt: skip
_REPRODUCIBLE = (
    "version", "commit", "settings_hash", "settings", "input_fingerprint", "config_hash", "model",
    "model_sha256", "packages",
)  # fmt: skip


def reproducible(manifest: Manifest) -> Document:
    """The part of a manifest that the same input and settings give again.

    ``commit`` is null where it is not known: an absent key would look like an older version.
    """
    known = present(**{name: getattr(manifest, name) for name in _REPRODUCIBLE})
    return {n: known.get(n) for n in _REPRODUCIBLE if n in known or n == "commit"}


def manifest_document(
    manifest: Manifest, root: Path, paths: list[str], log: tuple[str, ...] = ()
) -> Document:
    """The document of schema ``netimg.manifest/1``.

    Parameters
    ----------
    root, paths
        The finished files, relative to ``root``; each is hashed as it lies on the disk.
    log
        Steps of the segmentation, with seconds.
    """
    files = {path: _file_entry(root / path) for path in sorted(paths)}
    timed = [f"files/{path}/sha256" for path in files if path.endswith(".dcm")]
    return {
        "schema": SCHEMA,
        "schema_version": "1.0",
        **reproducible(manifest),
        **present(
            command=manifest.command,
            platform=manifest.platform,
            started_at=manifest.started_at,
            finished_at=manifest.finished_at,
            stages=[{"stage": name, "seconds": s} for name, s in manifest.stages],
            peak_memory_mb=manifest.peak_memory_mb,
            log=log,
        ),
        "files": files,
        "volatile": [*_VOLATILE, *timed],
    }


def manifest_from_json(document: Mapping[str, Any]) -> Manifest:
    """The manifest of a ``manifest.json``."""
    return Manifest(
        version=document.get("version", ""),
        commit=document.get("commit") or "",
        command=document.get("command", ""),
        settings_hash=document.get("settings_hash", ""),
        settings=document.get("settings", {}),
        input_fingerprint=document.get("input_fingerprint", ""),
        config_hash=document.get("config_hash", ""),
        model=document.get("model", ""),
        model_sha256=tuple(document.get("model_sha256", ())),
        packages=document.get("packages", {}),
        platform=document.get("platform", ""),
        started_at=document.get("started_at", ""),
        finished_at=document.get("finished_at", ""),
        stages=tuple((s["stage"], s["seconds"]) for s in document.get("stages", ())),
        peak_memory_mb=document.get("peak_memory_mb"),
    )


def _file_entry(path: Path) -> Document:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "sha256": digest,
        "size": path.stat().st_size,
        "media_type": MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
    }
