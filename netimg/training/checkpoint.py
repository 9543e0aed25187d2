"""State of a run on disk: what ships (light) and what lets it go on as if never stopped (full)."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BEST = "best.safetensors"
WORSE = 0.01
"""The averaged weights of the end ship unless their inner score is this much below the best."""


@dataclass(slots=True)
class State:
    """Where a run stands."""

    iteration: int = 0  # steps done; also the sample counter
    seconds: float = 0.0  # spent, over all sittings
    config: str = ""  # digest
    machine: str = ""  # it was trained on
    torch: str = ""  # version there


def save(
    folder: Path,
    state: State,
    network: torch.nn.Module,
    average: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write ``full.safetensors`` and ``state.json``, each complete or not at all."""
    from safetensors.torch import save_file

    from netimg.segmentation.weights import canonical

    names = {id(value): name for name, value in network.named_parameters()}
    tensors = {f"weights/{k}": v.detach() for k, v in canonical(network).items()}
    tensors |= {f"average/{k}": v for k, v in average.items()}
    for parameter, moments in optimiser.state.items():
        name = names[id(parameter)]
        tensors[f"first_moment/{name}"] = moments["exp_avg"]
        tensors[f"second_moment/{name}"] = moments["exp_avg_sq"]
        tensors[f"step/{name}"] = moments["step"].reshape(1)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "full.safetensors.part"
    save_file({k: v.contiguous() for k, v in tensors.items()}, part)
    part.replace(folder / "full.safetensors")
    note = folder / "state.json.part"
    note.write_text(json.dumps(asdict(state)), encoding="utf-8")
    note.replace(folder / "state.json")


def load(
    folder: Path, network: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[State, dict[str, torch.Tensor]]:
    """Put a run back where it stood; its state and averaged weights."""
    from safetensors.torch import load_file

    from netimg.segmentation.weights import fill

    tensors = load_file(folder / "full.safetensors")
    groups: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        group, name = key.split("/", 1)
        groups.setdefault(group, {})[name] = value
    fill(network, groups["weights"])
    for name, parameter in network.named_parameters():
        if name in groups.get("first_moment", {}):
            optimiser.state[parameter] = {
                "step": groups["step"][name].reshape(()),
                "exp_avg": groups["first_moment"][name],
                "exp_avg_sq": groups["second_moment"][name],
            }
    state = State(**json.loads((folder / "state.json").read_text(encoding="utf-8")))
    return state, groups["average"]


def save_best(folder: Path, average: dict[str, torch.Tensor]) -> None:
    """Keep the averaged weights that have the best inner score so far."""
    from netimg.segmentation.weights import save_weights

    save_weights(folder / BEST, average, half=True)


def load_shipped(run: Path) -> tuple[dict[str, torch.Tensor], int]:
    """Averaged weights that ship by the rule of `WORSE`, and the step they are of.

    Parameters
    ----------
    run
        Folder of the run; its ``val.csv`` has the inner score in the last column.
    """
    from netimg.segmentation.weights import load_weights

    rows = []
    if (run / "val.csv").is_file():
        with (run / "val.csv").open(encoding="utf-8", newline="") as stream:
            rows = [(float(row[-1]), int(row[0])) for row in list(csv.reader(stream))[1:]]
    step = int(json.loads((run / "ckpt" / "state.json").read_text(encoding="utf-8"))["iteration"])
    if rows and (run / "ckpt" / BEST).is_file():
        score, best_step = max(rows)
        if rows[-1][0] < score - WORSE:
            return load_weights(run / "ckpt" / BEST), best_step
    return load_average(run / "ckpt"), step


def load_average(folder: Path) -> dict[str, torch.Tensor]:
    """Averaged weights of a run."""
    from safetensors import safe_open

    with safe_open(folder / "full.safetensors", framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("average/")]  # noqa: SIM118
        return {name.removeprefix("average/"): file.get_tensor(name) for name in names}
