"""Phantom patients: CT and PET series as DICOM, with their truth.

In: the name of a preset in ``configs/phantoms`` and a seed. Out: a folder that `netimg run` reads,
true masks, clinical facts and ``truth.json``. Same arguments, same bytes. Stands beside the river
and uses none of its rooms, so that its truth owes nothing to what it checks.
Start reading at `shapes` and ``configs/phantoms/net-phantom.toml``; `truth` is the longest story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.progress import silent

if TYPE_CHECKING:
    from pathlib import Path

    from netimg.progress import Progress

__all__ = ["presets", "write_phantom"]


def write_phantom(
    out: str | Path,
    *,
    preset: str = "net-phantom",
    seed: int = 7,
    spacing_mm: tuple[float, float, float] | None = None,
    lesion_count: int | None = None,
    noise: float = 1.0,
    followup: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write one phantom study; return its folder.

    Parameters
    ----------
    out
        Folder to make; one that holds an older phantom is replaced.
    preset
        Name of a file in ``configs/phantoms``.
    seed
        Decides noise, texture and UIDs, and where additional lesions lie.
    spacing_mm
        CT voxels along z, y, x; None = as the preset says.
    lesion_count
        So many lesions: the first ones of the preset, or all of them and more; None = all.
    noise
        Factor on the noise of the preset; 0 = none.
    followup
        The same patient half a year later.

    Raises
    ------
    UsageError
        If there is no such preset, or an argument is out of range.
    OutputError
        If ``out`` holds something else, or cannot be written.
    """
    from netimg.phantoms.write import Order, write

    order = Order(
        preset=preset,
        seed=seed,
        spacing_mm=spacing_mm,
        lesion_count=lesion_count,
        noise=noise,
        followup=followup,
    )
    return write(out, order, progress=progress)


def presets() -> tuple[tuple[str, str], ...]:
    """Names and titles of the shipped phantoms."""
    from netimg.phantoms.anatomy import presets as listed

    return listed()
