"""Weights on disk: safetensors in canonical form, checked by size and sha256 before parsing.

MONAI's ``DynUNet`` lists most tensors twice (``skip_layers.*`` are the blocks again). The
canonical form holds each tensor once, under its first name; loading fills the network from it and
checks that nothing was left over and nothing left unset.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.errors import MDL_003, MDL_004, MDL_006, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

ALIASES = ("skip_layers.", "deep_supervision_heads.", "heads.")
"""Prefixes of names that repeat other tensors or serve training only."""


def canonical(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Each tensor of a network once, by its first name that is no alias."""
    seen: set[int] = set()
    tensors: dict[str, torch.Tensor] = {}
    for name, value in network.state_dict(keep_vars=True).items():
        if name.startswith(ALIASES) or id(value) in seen:
            continue
        seen.add(id(value))
        tensors[name] = value.detach()
    return tensors


def fill(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy canonical tensors into a network; aliases follow, types are widened.

    Raises
    ------
    ModelError
        MDL-006 if a name or shape does not fit; the first three are named.
    """
    import torch

    own = canonical(network)
    wrong = sorted(set(own) ^ set(tensors)) or sorted(
        name for name, value in own.items() if value.shape != tensors[name].shape
    )
    if wrong:
        raise ModelError(
            MDL_006,
            what=f"{', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''} of {len(own)} tensors.",
            todo="Take the weights that belong to this network.",
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor], *, half: bool) -> None:
    """Write canonical tensors, as float16 if ``half``."""
    import torch
    from safetensors.torch import save_file

    kind = torch.float16 if half else torch.float32
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.to(kind).contiguous() for k, v in sorted(tensors.items())}, path)
    path.chmod(0o644)  # safetensors leaves it to the owner alone


def sha256(path: Path) -> str:
    """Hash of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_weights(
    path: Path, *, expected_bytes: int | None = None, expected_sha256: str | None = None
) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file, float32, after size and hash have been found right.

    Raises
    ------
    ModelError
        MDL-003 if the file is missing or has another size, MDL-004 if its hash differs.
    """
    import torch
    from safetensors.torch import load_file

    found = path.stat().st_size if path.is_file() else None
    if found is None or expected_bytes not in (None, found):
        raise ModelError(
            MDL_003,
            what=f"{path.name}: {found or 0} bytes, expected {expected_bytes or 'a file'}.",
            todo="Install netimg again, or fetch the weights of this model.",
        )
    if expected_sha256 is not None and sha256(path) != expected_sha256:
        raise ModelError(
            MDL_004,
            what=f"The weights file is not the one described by the card ({path.name}).",
            todo="Install netimg again, or correct sha256 in the card if you made these weights.",
        )
    return {name: value.to(torch.float32) for name, value in load_file(path).items()}
