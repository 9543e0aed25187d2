"""A phantom patient as data: what lies where, how dense, how avid.

`load_phantom` reads ``configs/phantoms/<preset>.toml``; nothing here knows voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netimg.errors import USE_001, UsageError
from netimg.phantoms.shapes import (
    Ellipsoid,
    Grown,
    HalfSpace,
    Joined,
    Rippled,
    Shape,
    Tube,
    Without,
    shape_from_tree,
)
from netimg.resources import load_toml, shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

_ON_THE_PLANE = 1e-30
"""Gives a point that lies exactly on a cutting plane to one of the two sides."""

LIVER = 1
"""Label of the whole liver, which the mask files carry as segments 11 to 18."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One tissue: its shape, mean HU, and SUVbw of a somatostatin receptor and an FDG PET."""

    name: str
    shape: Shape
    hu: float
    sstr: float
    fdg: float
    label: int | None = None
    """Code of `netimg.anatomy.LABEL_NAMES`; None = in no mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """One metastasis; ``core`` is a necrotic or cystic middle inside it."""

    body: Structure
    core: Structure | None = None

    @property
    def layers(self) -> tuple[Structure, ...]:
        """What is painted, outside first."""
        return (self.body,) if self.core is None else (self.body, self.core)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """The whole patient. ``config`` holds the tables ``patient, study, ct, pet, facts`` as read."""

    preset: str
    config: Mapping[str, Any]
    structures: tuple[Structure, ...]
    liver: Structure
    vessels: tuple[Structure, ...]
    segments: Mapping[int, Shape]
    """Couinaud segments with the lesions in them, by label code 11 to 18."""
    lesions: tuple[Lesion, ...]

    @property
    def layers(self) -> tuple[Structure, ...]:
        """Everything painted, in order, later on top."""
        spots = tuple(layer for lesion in self.lesions for layer in lesion.layers)
        return (*self.structures, self.liver, *self.vessels, *spots)


def presets() -> tuple[tuple[str, str], ...]:
    """Names and titles of the shipped phantoms, by name."""
    names = sorted(path.stem for path in shipped("configs", "phantoms").glob("*.toml"))
    return tuple(
        (name, str(load_toml("configs", "phantoms", f"{name}.toml")["title"])) for name in names
    )


def load_phantom(
    preset: str,
    *,
    rng: np.random.Generator,
    lesion_count: int | None = None,
    followup: bool = False,
) -> Phantom:
    """Phantom of a preset.

    Parameters
    ----------
    rng
        Draws lesions beyond those of the preset, only if ``lesion_count`` asks for them.
    lesion_count
        Keep the first ``lesion_count`` lesions of the preset, or add small ones up to it.
    followup
        The patient half a year later: each lesion scaled by its ``followup_scale``, and the
        lesions marked ``new`` are there.

    Raises
    ------
    UsageError
        If there is no such preset, or no room for that many lesions.
    """
    known = [name for name, _ in presets()]
    if preset not in known:
        raise UsageError(
            USE_001,
            what=f"there is no phantom {preset!r}; there are {', '.join(known)}.",
            todo="Choose one of them with --preset.",
        )
    tree = load_toml("configs", "phantoms", f"{preset}.toml")
    named: dict[str, Shape] = {}
    for name, shape in tree["shapes"].items():
        named[name] = shape_from_tree(shape, named)
    tissue = shape_from_tree(tree["liver"]["shape"], named)
    wanted = [row for row in tree["lesion"] if followup or not row.get("new", False)]
    lesions = [
        _lesion(row, scale=row.get("followup_scale", 1.0) if followup else 1.0) for row in wanted
    ]
    bulging = [
        x.body.shape for x, row in zip(lesions, wanted, strict=True) if row.get("bulges", False)
    ]
    if lesion_count is not None:
        lesions = lesions[:lesion_count]
        bulging = [shape for shape in bulging if any(shape is x.body.shape for x in lesions)]
        model = tree["lesion"][-1]
        lesions += more_lesions(lesion_count - len(lesions), tissue, lesions, model, rng)
    whole = Joined(parts=(tissue, *bulging), every=False) if bulging else tissue
    numbers = {key: tree["liver"][key] for key in ("hu", "sstr", "fdg")}
    return Phantom(
        preset=preset,
        config={key: tree[key] for key in ("title", "patient", "study", "ct", "pet", "facts")}
        | {"texture": {key: tree["liver"][key] for key in ("texture_hu", "texture_mm")}},
        structures=tuple(_structure(row, named) for row in tree["structure"]),
        liver=Structure(name="liver", shape=whole, label=LIVER, **numbers),
        vessels=tuple(_vessels(row, tissue, numbers) for row in tree["liver"]["vessel"]),
        segments=_segments(tree["liver"]["segments"], whole, named),
        lesions=tuple(lesions),
    )


def _structure(row: Mapping[str, Any], named: Mapping[str, Shape]) -> Structure:
    return Structure(**{**row, "shape": shape_from_tree(row["shape"], named)})


def _vessels(row: Mapping[str, Any], tissue: Shape, numbers: Mapping[str, float]) -> Structure:
    """Branches of one vein system, only inside the liver; too thin to change its uptake."""
    tubes = tuple(Tube(points=tuple(tuple(p) for p in points)) for points in row["tubes"])
    tree = Joined(parts=(Joined(parts=tubes, every=False, smooth_mm=3), tissue), every=True)
    return Structure(
        name=row["name"], shape=tree, hu=row["hu"], sstr=numbers["sstr"], fdg=numbers["fdg"]
    )


def _segments(
    table: Mapping[str, Any], liver: Shape, named: Mapping[str, Shape]
) -> dict[int, Shape]:
    """Eight shapes that fill the liver without overlap, cut by planes."""

    def sides(name: str) -> tuple[Shape, Shape]:
        """The named side of a plane, and the other one."""
        point, normal = tuple(table[name]["point"]), tuple(table[name]["normal"])
        back = Grown(base=HalfSpace(point=point, normal=normal), mm=_ON_THE_PLANE)
        return HalfSpace(point=point, normal=(-normal[0], -normal[1], -normal[2])), back

    right, left = sides("right_of_middle")
    behind, front = sides("behind_right")
    lateral, medial = sides("left_of_umbilical")
    upper, lower = sides("above_portal_right")
    cranial, caudal = sides("above_portal_left")
    caudate = shape_from_tree(table["caudate"], named)
    rest = Without(base=liver, cut=(Grown(base=caudate, mm=-_ON_THE_PLANE),))
    cuts = {
        12: (left, lateral, cranial), 13: (left, lateral, caudal), 14: (left, medial),
        15: (right, front, lower), 16: (right, behind, lower),
        17: (right, behind, upper), 18: (right, front, upper),
    }  # fmt: skip
    parts: dict[int, Shape] = {11: Joined(parts=(liver, caudate), every=True)}
    return parts | {
        code: Joined(parts=(rest, *planes), every=True) for code, planes in cuts.items()
    }


def _lesion(row: Mapping[str, Any], *, scale: float) -> Lesion:
    """Lesion of a table; ``radii`` scaled, the core keeps its wall."""
    radii = tuple(scale * r for r in row["radii"])
    egg = Ellipsoid(
        centre=tuple(row["centre"]), radii=radii, turn_deg=tuple(row.get("turn_deg", (0, 0, 0)))
    )
    outline: Shape = egg
    if row.get("ripple_mm"):
        outline = Rippled(
            base=egg,
            height_mm=scale * row["ripple_mm"],
            wave_mm=scale * row["wave_mm"],
            phase=row["centre"][0],
        )
    body = Structure(
        name=row["name"], shape=outline, hu=row["hu"], sstr=row["sstr"], fdg=row["fdg"], label=2
    )
    if "core" not in row:
        return Lesion(body=body)
    core = row["core"]
    wall = core["wall_mm"]
    inner = replace(egg, radii=tuple(max(r - wall, 0.5) for r in radii))
    numbers = {key: core[key] for key in ("hu", "sstr", "fdg")}
    return Lesion(body=body, core=Structure(name=f"{row['name']}, core", shape=inner, **numbers))


def more_lesions(
    count: int,
    tissue: Shape,
    there: list[Lesion],
    model: Mapping[str, Any],
    rng: np.random.Generator,
) -> list[Lesion]:
    """Small round lesions like ``model``, 5 mm apart from all others, 3 mm inside the liver.

    Raises
    ------
    UsageError
        If there is no room for ``count`` of them.
    """
    added: list[Lesion] = []
    low, high = (np.array(corner) for corner in tissue.box)
    for _ in range(200 * max(count, 0)):
        if len(added) == count:
            break
        centre = rng.uniform(low, high)
        radius = float(np.clip(np.exp(rng.normal(np.log(6.0), 0.4)), 3.0, 14.0))
        point = tuple(np.array([c]) for c in centre)
        room = -float(tissue.distance(*point)[0]) - 3.0
        gaps = [float(x.body.shape.distance(*point)[0]) - 5.0 for x in (*there, *added)]
        if min([room, *gaps]) < radius:
            continue
        row = {
            **model,
            "centre": [round(float(c), 2) for c in centre],
            "radii": [round(radius, 2)] * 3,
        }
        added.append(_lesion({**row, "name": f"drawn {len(added) + 1}"}, scale=1.0))
    if len(added) < count:
        raise UsageError(
            USE_001,
            what=f"the liver of this phantom has room for {len(there) + len(added)} lesions, "
            f"not for {len(there) + count}.",
            todo="Ask for fewer with --lesion-count.",
        )
    return added
