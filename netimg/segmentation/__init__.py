"""From a CT to its Anatomy: liver and lesions, with where they came from and every doubt.

In: a Volume in HU on any grid, what is known about it (`SegContext`), Settings. Out: an Anatomy on
the CT's grid. Refuses what the model's card does not cover (SEG-101 to SEG-105) and says so when
there is no liver (SEG-109). Touches no file but the model's own, no clock, no network. Nothing here
imports torch until a network runs.
Start reading at `protocol`; `monai_net` runs the networks, `given` takes a person's masks instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netimg.progress import silent

if TYPE_CHECKING:
    from netimg.anatomy import Anatomy
    from netimg.progress import Progress
    from netimg.segmentation.protocol import RunPlan
    from netimg.settings import Settings
    from netimg.study import OrganMedians, SegContext
    from netimg.volume import Volume


def segment(
    ct: Volume,
    *,
    context: SegContext | None = None,
    model: str | None = None,
    device: str = "auto",
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Anatomy:
    """Liver and lesions of a CT.

    Parameters
    ----------
    ct
        In HU; axes in any order and direction, tilted grids too.
    context
        Phase, body size and age, from `netimg.study.Study.context`; without it the phase is
        unknown and the body size unchecked.
    model
        Id of a card; None = the setting ``segmentation.model``.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` = the setting ``segmentation.device``.

    Raises
    ------
    ModelError
        MDL-001 to MDL-008 of the card and its weights; SEG-101 to SEG-103 (`ContractError`) where
        the image is outside the card; SEG-108 where a network's numbers are not finite.
    NothingUsable
        SEG-105 no abdomen in view, SEG-109 no liver found.
    ResourceError
        SEG-106 device absent, SEG-107 out of memory.
    """
    from netimg.segmentation.door import load_segmenter, segment_with

    segmenter, shipped = load_segmenter(model, settings)
    return segment_with(
        segmenter, ct, context=context, device=device, settings=shipped, progress=progress
    )


def explain_plan(
    ct: Volume,
    *,
    model: str | None = None,
    device: str = "auto",
    settings: Settings | None = None,
) -> RunPlan:
    """Plan of `segment` for a CT, without running it; ``plan.explain()`` is its text."""
    from netimg.segmentation.door import load_segmenter, make_plan

    segmenter, shipped = load_segmenter(model, settings)
    return make_plan(segmenter, ct.grid, device=device, settings=shipped)


def locate(
    ct: Volume,
    *,
    model: str | None = None,
    device: str = "auto",
    settings: Settings | None = None,
    progress: Progress = silent,
) -> OrganMedians:
    """HU of the organs that a model's first, coarse network outlines: what tells a contrast phase.

    A side door for ``pipeline``. `segment` on the same CT afterwards does not look again.

    Raises
    ------
    ModelError
        MDL-001 to MDL-008 of the card and its weights.
    ResourceError
        SEG-106 device absent, SEG-107 out of memory.
    """
    from netimg.segmentation.organ_hu import located

    return located(ct, model=model, device=device, settings=settings, progress=progress)


__all__ = ["explain_plan", "locate", "segment"]
