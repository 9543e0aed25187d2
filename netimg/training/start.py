"""A run put together: items, cache, network, sampler, inner scores, loop."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netimg.progress import Progress, silent
from netimg.resources import shipped
from netimg.training.cache import cache_file, prior_file, read_cached, write_item
from netimg.training.config import RunConfig, from_table, load_config
from netimg.training.items import load_folds, load_item
from netimg.training.sampler import Sample, Store, liver_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

DATA = Path("../shared/data")
CACHE = Path("training-cache")
RUNS = Path("runs")


def train(
    config_path: Path | None,
    *,
    resume: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    hours: float | None = None,
    fold: int | None = None,
    cache: Path | None = None,
    out: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Path:
    """Train the network of a config, or go on with a run; the folder of the run.

    Parameters
    ----------
    config_path
        A file of ``configs/training``; may be None with ``resume``.
    resume
        Folder of a run that has a checkpoint.
    hours, fold
        In place of those of the config.
    cache, out
        In place of ``training-cache`` and ``runs/<name>``.
    changes
        Settings over those of the config, by key.

    Raises
    ------
    SettingsError
        CFG-001, CFG-002 for a config that cannot be read or names unknown settings.
    """
    import torch

    from netimg.training.loop import has_bfloat16, run

    if threads:
        torch.set_num_threads(threads)
    config = _config(config_path, resume, changes)
    if hours is not None:
        config = dataclasses.replace(config, hours=hours)
    if fold is not None:
        config = dataclasses.replace(config, fold=fold)
    cache = cache or CACHE
    device = "cpu" if device in (None, "auto") else device
    for _ in _prepared(config, cache, device):
        pass
    parts = _Parts(config, cache, device=device, half=device != "cpu" or has_bfloat16())
    folder = resume or out or RUNS / config.name
    run(
        config,
        make_network(config),
        parts.sample,
        folder,
        validate=parts.validate,
        device=device,
        resume=resume is not None,
        progress=progress,
    )
    return folder


def prepare(
    config_path: Path,
    *,
    cache: Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Build the training cache of a config, with the priors it needs; one line per item."""
    yield from _prepared(load_config(config_path, changes), cache or CACHE)


def check_data(
    config_path: Path,
    *,
    cache: Path | None = None,  # noqa: ARG001  # one call for both doors of the command
    changes: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Check every item of a config; one line each."""
    from netimg.training.checks import check_items

    config = load_config(config_path, changes)
    names = (*training_items(config), *config.inner)
    yield from check_items(config, names, DATA, load_folds())


def training_items(config: RunConfig) -> tuple[str, ...]:
    """Items a run learns from: every fold but its own, without the inner patients, and others."""
    folds = load_folds()
    inner = {folds.patient(name) for name in config.inner}
    mine = (
        name
        for name in folds.training(config.fold)
        if folds.patient(name) not in inner and name not in config.leave_out
    )
    return (*mine, *config.extra, *config.only_beside)


def make_network(config: RunConfig) -> torch.nn.Module:
    """Network of a config with the weights it begins from."""
    import torch

    from netimg.segmentation.nets import build_network
    from netimg.segmentation.weights import fill, load_weights

    torch.manual_seed(config.seed)
    network = build_network(config.network, config.kwargs)
    if config.begin_from:
        fill(network, load_weights(Path(config.begin_from)))
    return network


def trained_network(config: RunConfig, run: Path) -> torch.nn.Module:
    """Network of a run with its averaged weights, in eval mode."""
    from netimg.segmentation.nets import build_network
    from netimg.segmentation.weights import fill
    from netimg.training.checkpoint import load_average

    network = build_network(config.network, config.kwargs)
    fill(network, load_average(run / "ckpt"))
    return network.eval()


def _config(path: Path | None, resume: Path | None, changes: Mapping[str, Any] | None) -> RunConfig:
    if path is not None:
        return load_config(path, changes)
    import json

    resume = resume or RUNS
    text = (resume / "config.json").read_text(encoding="utf-8")
    return from_table(json.loads(text) | dict(changes or {}), where=str(resume.name))


def _prepared(config: RunConfig, cache: Path, device: str = "cpu") -> Iterator[str]:
    names = dict.fromkeys((*training_items(config), *config.inner))
    for name in names:
        path = cache_file(cache, name, config.spacing_mm)
        if not path.is_file():
            write_item(cache, load_item(DATA, name), config.spacing_mm)
            yield f"{path.name} {path.stat().st_size / 1e6:.1f} MB"
    if config.prior_from:
        from netimg.training.loop import has_bfloat16
        from netimg.training.prior import write_priors

        missing = [n for n in names if not prior_file(cache, n, config.spacing_mm).is_file()]
        if missing:
            file = shipped("configs", "training", f"{config.prior_from}.toml")
            earlier = load_config(file)
            network = trained_network(earlier, RUNS / config.prior_from).to(device)
            yield from write_priors(
                missing,
                network=network,
                earlier=earlier,
                later=config,
                cache=cache,
                half=device != "cpu" or has_bfloat16(),
            )


class _Parts:
    """What the loop needs from a config: samples and inner scores."""

    def __init__(self, config: RunConfig, cache: Path, *, device: str, half: bool) -> None:
        self.config, self.half = config, half
        items = [read_cached(cache, n, config.spacing_mm) for n in training_items(config)]
        self.store = Store(items, device)
        self.inner = [read_cached(cache, n, config.spacing_mm) for n in config.inner]

    def sample(self, index: int) -> Sample:
        """Sample ``index`` of the run."""
        config = self.config
        if config.stage == "lesion":
            from netimg.training.lesion_sampler import lesion_sample

            return lesion_sample(self.store, index, config)
        return liver_sample(self.store, index, config)

    def validate(self, network: torch.nn.Module) -> dict[str, float]:
        """Scores on the inner patients."""
        from netimg.training.inner import liver_scores
        from netimg.training.recorded import lesion_scores

        if self.config.stage == "lesion":
            return lesion_scores(network, self.inner, self.config, half=self.half)  # type: ignore[arg-type]  # of that class by its config
        return liver_scores(network, self.inner, self.config, half=self.half)
