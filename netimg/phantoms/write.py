"""One phantom study as a folder: series, true masks, facts, truth and how it was made."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

import netimg
from netimg.errors import OUT_001, OUT_002, USE_001, OutputError, UsageError
from netimg.phantoms import dicom_out, masks_out, scan
from netimg.phantoms.anatomy import load_phantom
from netimg.phantoms.pet_physics import Injection
from netimg.phantoms.render import axial_grid
from netimg.phantoms.truth import truth
from netimg.progress import Progress, silent

if TYPE_CHECKING:
    from netimg.geometry import Grid
    from netimg.phantoms.anatomy import Phantom

FOLDERS = ("CT", "PET_SSTR", "PET_FDG")
FILES = ("MADE_BY", "facts.toml", "truth.json", "truth_labels.nii.gz", "truth_lesions.nii.gz")
_STREAMS = ("lesions", "texture", "ct", "sstr", "fdg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for; `command` says it in words."""

    preset: str
    seed: int
    spacing_mm: tuple[float, float, float] | None
    lesion_count: int | None
    noise: float
    followup: bool

    def __post_init__(self) -> None:
        spacing = (1.0, 1.0, 1.0) if self.spacing_mm is None else self.spacing_mm
        wrong = {
            "--seed": not 0 <= self.seed < 2**63,
            "--spacing-mm": not all(0.5 <= s <= 10.0 for s in spacing),
            "--lesion-count": self.lesion_count is not None and not 0 <= self.lesion_count <= 100,
            "--noise": not 0.0 <= self.noise <= 10.0,
        }
        for option, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(
                    USE_001,
                    what=f"{option} is out of range.",
                    todo="Seeds are whole numbers from 0, spacings 0.5 to 10 mm along z, y, x, "
                    "lesions 0 to 100, noise 0 to 10.",
                )

    @property
    def command(self) -> str:
        """The command that makes the same bytes."""
        words = ["netimg phantom -o DIR", f"--preset {self.preset}", f"--seed {self.seed}"]
        if self.spacing_mm is not None:
            words.append("--spacing-mm " + ",".join(f"{s:g}" for s in self.spacing_mm))
        if self.lesion_count is not None:
            words.append(f"--lesion-count {self.lesion_count}")
        if self.noise != 1.0:
            words.append(f"--noise {self.noise:g}")
        return " ".join([*words, "--followup"] if self.followup else words)


def write(out: str | Path, order: Order, *, progress: Progress = silent) -> Path:
    """Write one phantom study; errors as `netimg.phantoms.write_phantom`."""
    streams = {
        name: np.random.Generator(np.random.Philox(key=[order.seed, position]))
        for position, name in enumerate(_STREAMS)
    }
    phantom = load_phantom(
        order.preset,
        rng=streams["lesions"],
        lesion_count=order.lesion_count,
        followup=order.followup,
    )
    folder = Path(out)
    _refuse_foreign(folder)
    part = folder.with_name(folder.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _fill(part, phantom, order, streams, progress=progress)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        raise OutputError(
            OUT_001,
            what=f"the phantom cannot be written: {error.strerror or error}.",
            where=str(folder),
            todo="Choose another folder with -o.",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _refuse_foreign(folder: Path) -> None:
    """Only an older phantom is replaced."""
    if not folder.exists():
        return
    known = {*FOLDERS, *FILES}
    foreign = (
        [folder.name]
        if not folder.is_dir()
        else sorted(p.name for p in folder.iterdir() if p.name not in known)
    )
    if foreign:
        raise OutputError(
            OUT_002,
            what=f"it holds {foreign[0]}, which is no part of a phantom.",
            where=str(folder),
            todo="Choose an empty or new folder with -o.",
        )


def _fill(
    folder: Path,
    phantom: Phantom,
    order: Order,
    streams: dict[str, np.random.Generator],
    *,
    progress: Progress,
) -> None:
    """Write everything into an empty folder."""
    ct_table, pet_table, study = (phantom.config[key] for key in ("ct", "pet", "study"))
    spacing = order.spacing_mm or tuple(ct_table["spacing_mm"])
    grid = axial_grid(tuple(ct_table["low"]), tuple(ct_table["high"]), spacing)
    header = dicom_out.Header(
        key=order.command,
        patient=phantom.config["patient"],
        patient_id=f"{phantom.config['patient']['id']}-{order.seed}",
        date=study["followup_date"] if order.followup else study["date"],
        description=study["description"],
        version=netimg.__version__,
    )
    progress.stage("CT")
    hu = scan.ct_scan(phantom, grid, noise=order.noise, streams=streams)
    kernel = f"SOFT {ct_table['kernel_mm']:g} mm"
    series = {"ct": dicom_out.write_ct(folder / "CT", header, grid, hu, kernel=kernel)}
    progress.stage("PET")
    pet = scan.pet_grid(phantom)
    injections = {kind: Injection.from_table(pet_table[kind]) for kind in ("sstr", "fdg")}
    weight_kg = phantom.config["patient"]["weight_kg"]
    for number, (kind, suv) in enumerate(
        scan.pet_scans(phantom, pet, noise=order.noise, streams=streams).items(), start=3
    ):
        bqml = suv * np.float32(injections[kind].bqml_per_suv(weight_kg))
        series[kind] = dicom_out.write_pet(
            folder / f"PET_{kind.upper()}",
            header,
            pet,
            bqml,
            injections[kind],
            kind=kind,
            number=number,
            fwhm_mm=pet_table["fwhm_mm"],
        )
    progress.stage("truth")
    masks = scan.masks(phantom, grid)
    named = f"netimg phantom {order.preset}, seed {order.seed}"
    masks_out.write_nifti(folder / "truth_labels.nii.gz", masks.labels, description=named)
    masks_out.write_nifti(folder / "truth_lesions.nii.gz", masks.lesions, description=named)
    found = truth(phantom, grid, pet, masks.order, noise=order.noise)
    head = _head(phantom, order, grid=grid, pet=pet, series=series, injections=injections)
    text = json.dumps({**head, **found}, indent=2, allow_nan=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")
    facts = {"schema": "netimg.facts/1", **phantom.config["facts"]}
    (folder / "facts.toml").write_text(tomli_w.dumps(facts), encoding="utf-8")
    (folder / "MADE_BY").write_text(order.command + "\n", encoding="utf-8")


def _head(
    phantom: Phantom,
    order: Order,
    *,
    grid: Grid,
    pet: Grid,
    series: dict[str, str],
    injections: dict[str, Injection],
) -> dict[str, Any]:
    """What ``truth.json`` says before the numbers."""
    weight_kg = phantom.config["patient"]["weight_kg"]
    pets = {
        kind: {
            "series_uid": series[kind],
            "tracer": injection.radiopharmaceutical,
            "half_life_s": injection.half_life_s,
            "dose_bq": injection.dose_bq,
            "uptake_s": injection.uptake_s,
            "weight_kg": weight_kg,
            "bqml_per_suv": injection.bqml_per_suv(weight_kg),
            "fwhm_mm": phantom.config["pet"]["fwhm_mm"],
            "breath_mm": phantom.config["pet"]["breath_mm"],
            **_lattice(pet),
        }
        for kind, injection in injections.items()
    }
    return {
        "schema": "netimg.truth/1",
        "schema_version": "1.0",
        "made_by": order.command,
        "preset": order.preset,
        "seed": order.seed,
        "noise": order.noise,
        "followup": order.followup,
        "ct": {"series_uid": series["ct"], **_lattice(grid)},
        "pet": pets,
    }


def _lattice(grid: Grid) -> dict[str, Any]:
    """Shape and spacing in z, y, x and the origin in L, P, S."""
    return {
        "shape": list(grid.shape),
        "spacing_mm": list(grid.spacing_mm),
        "origin_lps_mm": list(grid.origin_lps_mm),
    }
