"""Shapes with known surfaces: signed distances in patient millimetres, and how to stack them.

A shape answers one question: how far is this point from my surface (negative inside). Distances
are exact or first-order exact at the surface, which is what partial volume and smooth joins need.
`shape_from_tree` reads a shape from the tables of ``configs/phantoms/*.toml``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64] | NDArray[np.float32]

Box: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lowest and highest corner, each (L, P, S) in mm; may be infinite."""

_FAR = 1e9
EVERYWHERE: Box = ((-_FAR,) * 3, (_FAR,) * 3)


class Shape(Protocol):
    """A solid in the patient."""

    @property
    def box(self) -> Box:
        """A box that holds the whole shape."""

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """Signed distance in mm at world points; L, P, S arrays that broadcast together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """Ellipsoid, turned about its own axes: first about S (``turn_deg[2]``), then P, then L."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        half = np.sqrt(((self._matrix().T * np.array(self.radii)) ** 2).sum(axis=1))
        return _box(np.array(self.centre) - half, np.array(self.centre) + half)

    def _matrix(self) -> NDArray[np.float64]:
        """Rows are the ellipsoid's axes in L, P, S."""
        a, b, c = np.radians(self.turn_deg)
        about_l = np.array(
            [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
        )
        about_p = np.array(
            [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
        )
        about_s = np.array(
            [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
        )
        turned: NDArray[np.float64] = (about_l @ about_p @ about_s).T
        return turned

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        offset = (x - self.centre[0], y - self.centre[1], z - self.centre[2])
        if any(self.turn_deg):
            rows = self._matrix()
            offset = tuple(sum(float(r[k]) * offset[k] for k in range(3)) for r in rows)  # type: ignore[assignment]  # three arrays
        once = sum((o / r) ** 2 for o, r in zip(offset, self.radii, strict=True))
        twice = sum((o / r**2) ** 2 for o, r in zip(offset, self.radii, strict=True))
        level = np.sqrt(once)
        slope = level / np.sqrt(twice + 1e-12)
        away: Numbers = (level - 1) * np.clip(slope, min(self.radii), max(self.radii))
        return away


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Endless upright superellipse: ``|x/a|^n + |y/b|^n = 1``."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    exponent: float = 2.0

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        (x, y), (a, b) = self.centre, self.radii
        return ((x - a, y - b, -_FAR), (x + a, y + b, _FAR))

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        n = self.exponent
        u = np.abs(x - self.centre[0]) / self.radii[0]
        v = np.abs(y - self.centre[1]) / self.radii[1]
        level = np.maximum((u**n + v**n) ** (1 / n), 1e-6)
        steep = [(w / level) ** (n - 1) / r for w, r in zip((u, v), self.radii, strict=True)]
        slope = np.maximum(np.hypot(*steep), 1 / max(self.radii))
        away: Numbers = (level - 1) / slope + 0 * z
        return away


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """Chain of cones with round ends; each point is (L, P, S, radius)."""

    points: tuple[tuple[float, float, float, float], ...]

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        table = np.array(self.points)
        radius = table[:, 3:]
        return _box((table[:, :3] - radius).min(axis=0), (table[:, :3] + radius).max(axis=0))

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        pieces = zip(self.points[:-1], self.points[1:], strict=True)
        nearest = [_cone(start, stop, x, y, z) for start, stop in pieces]
        away: Numbers = np.minimum.reduce(nearest)
        return away


def _cone(
    start: tuple[float, ...], stop: tuple[float, ...], x: Numbers, y: Numbers, z: Numbers
) -> Numbers:
    """Distance to one piece of a tube, radius growing linearly along it."""
    axis = [b - a for a, b in zip(start[:3], stop[:3], strict=True)]
    length2 = max(sum(a * a for a in axis), 1e-9)
    offset = (x - start[0], y - start[1], z - start[2])
    along = np.clip(sum(o * a for o, a in zip(offset, axis, strict=True)) / length2, 0, 1)
    gap2 = sum((o - along * a) ** 2 for o, a in zip(offset, axis, strict=True))
    away: Numbers = np.sqrt(gap2) - (start[3] + along * (stop[3] - start[3]))
    return away


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSpace:
    """Everything behind a plane: inside where ``(p - point) . normal < 0``."""

    point: tuple[float, float, float]
    normal: tuple[float, float, float]

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        lo, hi = [list(corner) for corner in EVERYWHERE]
        for k in range(3):
            if abs(self.normal[k]) == math.hypot(*self.normal):
                (hi if self.normal[k] > 0 else lo)[k] = self.point[k]
        return _box(lo, hi)

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        n = np.array(self.normal) / math.hypot(*self.normal)
        p = self.point
        return (x - p[0]) * float(n[0]) + (y - p[1]) * float(n[1]) + (z - p[2]) * float(n[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Union (``any``) or intersection (``all``) of shapes, edges rounded over ``smooth_mm``."""

    parts: tuple[Shape, ...]
    every: bool
    smooth_mm: float = 0.0

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        lows = np.array([part.box[0] for part in self.parts])
        highs = np.array([part.box[1] for part in self.parts])
        if self.every:
            return _box(lows.max(axis=0), np.maximum(lows.max(axis=0), highs.min(axis=0)))
        swell = self.smooth_mm / 2
        return _box(lows.min(axis=0) - swell, highs.max(axis=0) + swell)

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        sign = -1.0 if self.every else 1.0
        away = sign * self.parts[0].distance(x, y, z)
        for part in self.parts[1:]:
            away = _smooth_min(away, sign * part.distance(x, y, z), self.smooth_mm)
        return sign * away


def _smooth_min(a: Numbers, b: Numbers, width_mm: float) -> Numbers:
    """Smaller of two distances, rounded where they differ by less than ``width_mm``."""
    least: Numbers = np.minimum(a, b)
    if width_mm <= 0:
        return least
    near = np.maximum(width_mm - np.abs(a - b), 0) / width_mm
    return least - near * near * (width_mm / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """``base`` with other shapes cut out of it."""

    base: Shape
    cut: tuple[Shape, ...]
    smooth_mm: float = 0.0

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        return self.base.box

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        away = self.base.distance(x, y, z)
        for shape in self.cut:
            away = -_smooth_min(-away, shape.distance(x, y, z), self.smooth_mm)
        return away


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """``base`` swollen by ``mm`` (negative: shrunk)."""

    base: Shape
    mm: float

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        lo, hi = self.base.box
        return _box(np.array(lo) - max(self.mm, 0.0), np.array(hi) + max(self.mm, 0.0))

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        return self.base.distance(x, y, z) - self.mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Wall of ``thickness_mm``, half of it on each side of the surface of ``base``."""

    base: Shape
    thickness_mm: float

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        return Grown(base=self.base, mm=self.thickness_mm / 2).box

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        return np.abs(self.base.distance(x, y, z)) - self.thickness_mm / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rippled:
    """``base`` with a gently uneven surface: waves of ``wave_mm``, ``height_mm`` high."""

    base: Shape
    height_mm: float
    wave_mm: float
    phase: float = 0.0

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        return Grown(base=self.base, mm=self.height_mm).box

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        k, t = 2 * math.pi / self.wave_mm, self.phase
        waves = (
            np.sin(k * (0.80 * x + 0.45 * y - 0.40 * z) + t)
            + np.sin(k * (-0.35 * x + 0.85 * y + 0.40 * z) + 2.1 + 1.7 * t)
            + np.sin(k * (0.30 * x - 0.30 * y + 0.90 * z) + 4.2 + 2.3 * t)
        )
        return self.base.distance(x, y, z) - waves * (self.height_mm / 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """``base``, drawn around S = 0, again every ``every_mm`` from ``at_mm``.

    A copy climbs ``-slope`` mm per mm to the back, and falls ``fall`` mm per mm from the midline.
    """

    base: Shape
    every_mm: float
    at_mm: float = 0.0
    slope: float = 0.0
    fall: float = 0.0

    @property
    def box(self) -> Box:
        """As `Shape.box`."""
        lo, hi = self.base.box
        return ((lo[0], lo[1], -_FAR), (hi[0], hi[1], _FAR))

    def distance(self, x: Numbers, y: Numbers, z: Numbers) -> Numbers:
        """As `Shape.distance`."""
        half = self.every_mm / 2
        shifted = z - self.at_mm + self.slope * y + self.fall * np.abs(x)
        local = np.mod(shifted + half, self.every_mm) - half
        return self.base.distance(x, y, local)


def shape_from_tree(tree: Mapping[str, Any], named: Mapping[str, Shape]) -> Shape:
    """Shape of a TOML table such as ``{ellipsoid = {centre = [0, 0, 0], radii = [9, 9, 20]}}``.

    Kinds: ``ellipsoid, column, tube, half_space, use`` (a shape in ``named``), ``any``, ``all``,
    ``base`` with ``minus``, ``shell``, ``repeat``. On any of them ``smooth_mm`` rounds the joins,
    ``ripple_mm`` with ``wave_mm`` (and ``phase``) makes the surface uneven, ``grow_mm`` swells it.

    Raises
    ------
    ValueError
        If the table names no kind, or keys that its kind does not have.
    """
    rest = dict(tree)
    grow_mm, ripple_mm = rest.pop("grow_mm", 0.0), rest.pop("ripple_mm", 0.0)
    wave_mm, phase = rest.pop("wave_mm", 40.0), rest.pop("phase", 0.0)
    shape = _kind(rest, named)
    if rest:
        msg = f"a shape does not have {', '.join(sorted(rest))}: {dict(tree)}"
        raise ValueError(msg)
    if ripple_mm:
        shape = Rippled(base=shape, height_mm=ripple_mm, wave_mm=wave_mm, phase=phase)
    return Grown(base=shape, mm=grow_mm) if grow_mm else shape


def _kind(rest: dict[str, Any], named: Mapping[str, Shape]) -> Shape:
    """Take the keys of one kind out of ``rest`` and build it."""
    solids = {"ellipsoid": Ellipsoid, "column": Column, "tube": Tube, "half_space": HalfSpace}
    for word, kind in solids.items():
        if word in rest:
            solid: Shape = kind(**_tuples(rest.pop(word)))
            return solid
    smooth_mm = rest.pop("smooth_mm", 0.0)
    if "use" in rest:
        return named[rest.pop("use")]
    for word in ("any", "all"):
        if word in rest:
            parts = tuple(shape_from_tree(part, named) for part in rest.pop(word))
            return Joined(parts=parts, every=word == "all", smooth_mm=smooth_mm)
    if "base" in rest and "minus" in rest:
        cut = tuple(shape_from_tree(part, named) for part in rest.pop("minus"))
        base = shape_from_tree(rest.pop("base"), named)
        return Without(base=base, cut=cut, smooth_mm=smooth_mm)
    if "shell" in rest:
        return Shell(
            base=shape_from_tree(rest.pop("shell"), named), thickness_mm=rest.pop("thickness_mm")
        )
    if "repeat" in rest:
        base = shape_from_tree(rest.pop("repeat"), named)
        options = {
            key: rest.pop(key) for key in ("every_mm", "at_mm", "slope", "fall") if key in rest
        }
        return Repeated(base=base, **options)
    msg = f"a shape needs a kind, not only {', '.join(sorted(rest)) or 'nothing'}"
    raise ValueError(msg)


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    def frozen(value: object) -> object:
        return tuple(frozen(v) for v in value) if isinstance(value, list) else value

    return {key: frozen(value) for key, value in table.items()}


def _box(low: Any, high: Any) -> Box:  # noqa: ANN401  # any three numbers
    lo, hi = (tuple(float(v) for v in corner) for corner in (low, high))
    return lo, hi  # type: ignore[return-value]  # three each
