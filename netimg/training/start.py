"""Start or resume a run of a config: items, network, sampler and inner scores put together."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from netimg.training.cache import cache_file, read_cached, write_item
from netimg.training.config import RunConfig, load_config
from netimg.training.items import load_folds, load_item
from netimg.training.loop import has_bfloat16, run
from netimg.training.sampler import Store, liver_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from netimg.training.checkpoint import State
    from netimg.training.sampler import Sample

DATA = Path("../shared/data/labelled_ct")
CACHE = Path("training-cache")
RUNS = Path("runs")


def train(
    config_path: Path,
    *,
    resume: Path | None = None,
    hours: float | None = None,
    fold: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    cache: Path = CACHE,
    out: Path | None = None,
    changes: Sequence[str] = (),
) -> State:
    """Train the network of a config, or go on with a run.

    Parameters
    ----------
    resume
        Folder of a run that has a checkpoint.
    hours, fold
        In place of those of the config.
    changes
        ``KEY=VALUE`` over the config.
    """
    import torch

    torch.set_num_threads(threads or min(8, torch.get_num_threads()))
    config = load_config(config_path, changes)
    if hours is not None:
        config = dataclasses.replace(config, hours=hours)
    if fold is not None:
        config = dataclasses.replace(config, fold=fold)
    folder = resume or out or RUNS / config.name
    names = training_items(config)
    store = Store([read_cached(cache, name, config.spacing_mm) for name in names])
    inner = [read_cached(cache, name, config.spacing_mm) for name in config.inner]
    network = make_network(config)
    half = has_bfloat16()

    from netimg.training.inner import liver_scores

    def sample(index: int) -> Sample:
        return liver_sample(
            store,
            index,
            seed=config.seed,
            patches=config.patches,
            window=config.window_hu,
            mix=config.mix,
            with_prior=config.with_prior,
            outside_hu=config.outside_hu,
            augment=config.augment,
        )

    return run(
        config,
        network,
        sample,
        folder,
        validate=lambda net: liver_scores(net, inner, config, half=half),
        device=device,
        resume=resume is not None,
    )


def training_items(config: RunConfig) -> tuple[str, ...]:
    """Items a run learns from: every fold but its own, without the inner patients."""
    folds = load_folds()
    inner = {folds.patient(name) for name in config.inner}
    return tuple(
        name
        for name in folds.training(config.fold)
        if folds.patient(name) not in inner and name not in config.leave_out
    )


def make_network(config: RunConfig) -> torch.nn.Module:
    """Network of a config with the weights it begins from."""
    import torch

    from netimg.segmentation.nets import build_network
    from netimg.segmentation.weights import fill, load_weights

    torch.manual_seed(config.seed)
    network = build_network(config.network, config.kwargs)
    if config.begin_from:
        fill(network, load_weights(Path(config.begin_from)))
    if config.network == "PatchNormUNet":
        network = network.to(memory_format=torch.channels_last_3d)
    return network
