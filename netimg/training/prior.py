"""The probability of an earlier stage, stored beside each item of the cache of the next one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netimg.training.cache import prior_file, read_cached

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

    from netimg.training.config import RunConfig


def write_priors(
    names: Iterable[str],
    *,
    network: torch.nn.Module,
    earlier: RunConfig,
    later: RunConfig,
    cache: Path,
    half: bool,
) -> Iterator[str]:
    """Run the earlier stage on whole items, store its liver probability; one line per item.

    Parameters
    ----------
    network
        Trained network of ``earlier``, in eval mode.
    later
        Config whose cache gets the priors.
    """
    import numpy as np
    import torch

    from netimg.segmentation.regrid import regrid
    from netimg.training.inner import liver_image, whole

    with torch.inference_mode():
        for name in names:
            coarse = read_cached(cache, name, earlier.spacing_mm)
            image, _ = liver_image(coarse, earlier)
            p = whole(network, image, earlier, half=half).sigmoid()
            fine = read_cached(cache, name, later.spacing_mm)
            values = regrid(p, fine.ct.shape)[0].numpy()
            path = prior_file(cache, name, later.spacing_mm)
            np.save(path, np.rint(values * 255).clip(0, 255).astype(np.uint8))
            yield path.name
