"""What a perfect measurement of the phantom gives, and how far a voxel grid may be from it.

Rows carry the names of ``results.json``. Start reading at `bounds`; `truth_ct` and `truth_pet`
fill the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netimg.phantoms import pet_physics, truth_ct, truth_pet
from netimg.phantoms.bounds import Subject, distance
from netimg.phantoms.render import axial_grid
from netimg.phantoms.scan import seen_by_pet

if TYPE_CHECKING:
    from netimg.geometry import Grid
    from netimg.phantoms.anatomy import Phantom
    from netimg.phantoms.shapes import Shape

HOW = {
    "fine_grid": "volume_ml and longest_mm of a lesion: points a quarter of a CT voxel apart; "
    "hu_mean: half a CT voxel, after slice profile and kernel, without noise; other volumes: "
    "a quarter of a voxel; PET: a third of a PET voxel, after blur and breathing, without noise",
    "lesion_bounds": "low and high: the smallest and largest result with the voxel grid laid in "
    "different positions over the fine grid, widened by half their range on either side, by "
    "half a pixel (longest_mm) and by the noise",
    "volume_bounds": "liver, segments, organs, tumour: three standard errors of rounding each "
    "voxel at the surface to full or empty, sqrt(sum f (1 - f)) voxels",
    "region_bounds": "two SD of the blurred values where the region may lie, and the noise",
    "noise": "SUVmax: -2 to +4 SD of the noise; means: four standard errors, with one "
    "independent value per grain of noise",
}


def truth(
    phantom: Phantom, grid: Grid, pet: Grid, order: tuple[int, ...], *, noise: float
) -> dict[str, Any]:
    """Measurements of the phantom as they should come out with its true masks.

    Parameters
    ----------
    grid, pet
        Grids of the CT and the PETs.
    order
        Position in ``phantom.lesions`` of L1, L2, ...
    noise
        Factor of the preset's noise that was used.

    Returns
    -------
    dict
        ``how``: definitions; ``findings``: rows of scope, id, name, unit, value, low, high;
        ``lesions``: what each lesion is made of.
    """
    rows = truth_ct.volumes(phantom, grid, order)
    fine = truth_pet.fine_grid(phantom, pet)
    seen = seen_by_pet(phantom, fine)
    for number, index in enumerate(order, start=1):
        subject = Subject(scope="lesion", id=f"L{number}")
        rows += truth_ct.size(phantom.lesions[index].body.shape, grid, subject)
        rows += truth_ct.density(phantom, index, grid, subject, noise=noise)
        rows += truth_pet.uptake(phantom, index, fine, seen, subject, noise=noise)
    diameters = [row for row in rows if row["name"] == "longest_mm"]
    if diameters:
        rows.append(max(diameters, key=lambda row: row["value"]) | {"scope": "patient", "id": ""})
    rows += truth_pet.references(phantom, fine, seen, noise=noise)
    recipes = [_recipe(phantom, number, index) for number, index in enumerate(order, start=1)]
    return {"how": HOW, "findings": rows, "lesions": recipes}


def _recipe(phantom: Phantom, number: int, index: int) -> dict[str, Any]:
    """What a lesion is made of: volume, true HU, SUV and activity of its layers."""
    layers = phantom.lesions[index].layers
    volumes_ml = [_true_ml(layer.shape) for layer in layers]
    weight_kg = phantom.config["patient"]["weight_kg"]
    made = []
    for layer, outer_ml, inner_ml in zip(layers, volumes_ml, [*volumes_ml[1:], 0.0], strict=True):
        row: dict[str, Any] = {
            "name": layer.name,
            "volume_ml": round(outer_ml - inner_ml, 4),
            "hu": layer.hu,
        }
        for kind in ("sstr", "fdg"):
            injection = pet_physics.Injection.from_table(phantom.config["pet"][kind])
            suv = getattr(layer, kind)
            row[f"{kind}_suv"] = suv
            row[f"{kind}_bqml"] = round(suv * injection.bqml_per_suv(weight_kg), 3)
        made.append(row)
    return {"id": f"L{number}", "layers": made}


def _true_ml(shape: Shape) -> float:
    """Volume of a small shape in mL, from points half a millimetre apart or closer."""
    low, high = shape.box
    step = min(0.5, max(h - a for a, h in zip(low, high, strict=True)) / 40)
    grid = axial_grid(low, high, (step, step, step))
    return float((distance(shape, grid) < 0).sum()) * grid.voxel_ml
