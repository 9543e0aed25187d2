"""Puts into a wheel what a checkout knows by itself: the lock, and the commit it was built from."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Provenance(BuildHookInterface):  # type: ignore[type-arg]  # the builder's configuration is not asked
    """Adds ``requirements.lock`` and ``commit.txt`` to ``netimg/_shipped``.

    Not in an editable install: there the checkout stays the only copy.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to include."""
        if version == "editable":
            return
        root = Path(self.root)
        included = build_data["force_include"]
        if self.target_name == "wheel":
            included[str(root / "requirements.lock")] = "netimg/_shipped/requirements.lock"
        commit = _commit_of(root)
        if commit:
            self._scratch = tempfile.TemporaryDirectory()
            path = Path(self._scratch.name) / "commit.txt"
            path.write_text(f"{commit}\n", "ascii")
            included[str(path)] = "netimg/_shipped/commit.txt"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002  # the hook's signature
        """Forget the file that was written."""
        scratch = getattr(self, "_scratch", None)
        if scratch is not None:
            scratch.cleanup()


def _commit_of(root: Path) -> str:
    """Commit of the checkout, by the code that asks for it when netimg runs."""
    spec = importlib.util.spec_from_file_location("resources", root / "netimg" / "resources.py")
    if spec is None or spec.loader is None:
        return ""
    resources = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(resources)
    return str(resources.checkout_commit(root))
