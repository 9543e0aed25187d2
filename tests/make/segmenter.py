"""Segmenters and models with a known answer, for tests that need no trained network.

`Bright` says that everything above a value is liver. `write_model` writes a real model folder
whose one network, run by the real engine, does the same: its weights pass the middle voxel through.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np
import tomli_w

from netimg.segmentation.preprocess import at_spacing, levelled, onto, upright
from netimg.segmentation.protocol import Prediction, RunPlan
from netimg.segmentation.stages import Normalise, Output, Stage

SPACING_MM = (6.0, 6.0, 6.0)
DYNUNET = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 1,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [4, 8, 8],
}
"""A network of a few hundred weights."""


def stage(spacing_mm=(1.5, 1.5, 1.5), **changes):
    """Return a stage that no network stands behind."""
    values = {
        "name": "bright",
        "network": "PatchNormUNet",
        "kwargs": {},
        "weights": "bright.safetensors",
        "sha256": "0" * 64,
        "bytes": 8,
        "dtype_stored": "float32",
        "spacing_mm": spacing_mm,
        "patch": (64, 64, 64),
        "overlap": 0.5,
        "normalise": (Normalise(name="window", numbers=(-200.0, 200.0)),),
        "activation": "sigmoid",
        "outputs": (Output(channel=0, code=1, name="liver"),),
    }
    return Stage(**(values | changes))


@dataclass
class Bright:
    """A Segmenter: liver above ``liver_hu``, lesion below ``lesion_hu`` inside it."""

    card: object
    liver_hu: float = 60.0
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 1.5)
    lesion_mask: object = None
    flags: tuple = ()
    checked: list = field(default_factory=list)

    def check(self, ct, context):
        """Remember that it was asked."""
        self.checked.append((ct, context))
        return self.flags

    def plan(self, grid, budget, device):
        """Plan nothing."""
        return RunPlan(
            model="bright",
            model_hash="0" * 64,
            stages=(),
            device=device,
            threads=budget.threads,
            accumulate="cpu",
            seconds=grid.n_voxels / 1e8,
            memory_mb=100.0,
        )

    def run(self, ct, plan, progress):
        """Threshold at the stage's spacing, back by probabilities."""
        given = upright(ct.values, ct.grid)
        source = levelled(given) if given.tilt_deg > 15 else given
        whole = tuple(slice(0, n) for n in source.grid.shape)
        image, grid = at_spacing(source, whole, stage(self.spacing_mm))
        share = (image.numpy() >= self.liver_hu).astype(np.float16)
        liver = np.empty(given.grid.shape, dtype=np.float16)
        for first, last, slab in onto(share, grid, given.grid):
            liver[first:last] = slab[0]
        lesion = None
        if self.lesion_mask is not None:
            lesion = upright(self.lesion_mask, ct.grid).values.astype(np.float16)
        progress.step(100, 100)
        return Prediction(
            grid=given.grid, start=(0, 0, 0), liver=liver, lesion=lesion, locator=None, plan=plan
        )


def card_tree(**changes):
    """Return a card with one stage that can be changed before it is written."""
    tree = {
        "schema": 1,
        "id": "bright-net",
        "version": "1.0.0",
        "name": "what is bright is liver",
        "kind": "test",
        "licence": "Apache-2.0",
        "created": "2026-01-01",
        "status": "selectable",
        "intended": {
            "use": "tests",
            "not_for": ["patients"],
            "phases_covered": ["portal"],
            "phases_untested": ["arterial"],
        },
        "input": {"modality": "CT", "unit": "HU", "channels": ["ct"]},
        "stage": [],
        "training": {
            "synthetic_fraction": 1.0,
            "data": [
                {
                    "source": "none",
                    "items": 0,
                    "patients": 0,
                    "licence": "none",
                    "url": "none",
                    "used_as": "shape",
                }
            ],
        },
        "scores": {"protocol": "none", "n_patients": 0, "n_scans": 0},
        "known_failures": [{"what": "sees brightness only", "when": "always"}],
    }
    return tree | changes


def stage_tree(**changes):
    """Return the stage of `write_model` as the card says it."""
    tree = {
        "name": "coarse",
        "network": {"class": "DynUNet", "kwargs": DYNUNET},
        "weights": "coarse.safetensors",
        "dtype_stored": "float32",
        "spacing_mm": list(SPACING_MM),
        "orientation": "SPL",
        "patch": [36, 40, 48],
        "multiple": [4, 4, 4],
        "overlap": 0.25,
        "normalise": "window(-200, 200)",
        "activation": "sigmoid",
        "outputs": [{"channel": 0, "code": 1, "name": "liver"}],
    }
    return tree | changes


def bright_network(gain=20.0, threshold=1.0, *, channels=1, channel=0, classes=1):
    """Return a network whose logit is ``gain * (z - threshold)``.

    z is the brightness over the tile in its SDs (negative ones shrunk): every other weight is 0.
    Of several classes the first keeps the logit 0.
    """
    import torch

    from netimg.segmentation.nets import build_network

    sizes = {"in_channels": channels, "out_channels": classes}
    network = build_network("DynUNet", DYNUNET | sizes)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.fill_(1.0 if name.endswith("norm1.weight") or "norm2.weight" in name else 0.0)
        first, last = network.input_block, network.upsamples[-1].conv_block
        skipped = DYNUNET["filters"][0]  # the up-sampled channels come first
        for block, inside in ((first, channel), (last, skipped)):
            block.conv1.conv.weight[0, inside, 1, 1, 1] = 1.0
            block.conv2.conv.weight[0, 0, 1, 1, 1] = 1.0
        bright = slice(0 if classes == 1 else 1, classes)
        network.output_block.conv.conv.weight[bright, 0] = gain
        network.output_block.conv.conv.bias[bright] = -gain * threshold
    return network


def write_model(folder, *, stages=None, networks=None, half=False, **changes):
    """Write a model folder with real weights; the path of its card.

    ``stages`` are `stage_tree`s; hashes and sizes are filled in.
    """
    from netimg.segmentation.weights import canonical, save_weights

    trees = [stage_tree()] if stages is None else stages
    models = [bright_network() for _ in trees] if networks is None else networks
    home = folder / changes.get("id", "bright-net")
    home.mkdir(parents=True, exist_ok=True)
    written = []
    for tree, network in zip(trees, models, strict=True):
        path = home / tree["weights"]
        save_weights(path, canonical(network), half=half)
        data = path.read_bytes()
        written.append(tree | {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})
    card = home / "card.toml"
    card.write_text(tomli_w.dumps(card_tree(**changes) | {"stage": written}), encoding="utf-8")
    return card


def body_ct(on, centre_lps_mm, liver_semi_mm, *, noise_hu=5.0, seed=3):
    """HU of a fat body (an elliptic cylinder along S) with a bright liver; air around."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(*map(np.arange, on.shape), indexing="ij"), axis=-1)
    points = on.to_world(index.reshape(-1, 3)).reshape(*on.shape, 3)
    offset = points - np.array(centre_lps_mm)
    values = np.full(on.shape, -1000.0, dtype=np.float32)
    values[(offset[..., 0] / 150) ** 2 + (offset[..., 1] / 110) ** 2 <= 1] = -60.0
    values[((offset / np.array(liver_semi_mm)) ** 2).sum(axis=-1) <= 1] = 110.0
    return values + rng.normal(0, noise_hu, on.shape).astype(np.float32)


def dice(a, b):
    """Twice the overlap over the sum of two masks."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else math.nan
