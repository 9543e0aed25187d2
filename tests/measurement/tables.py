"""The tables beside these tests, and the shapes they describe."""

import json
from pathlib import Path

import numpy as np

from netimg.geometry import Grid
from tests.make import arrays as make

DATA = Path(__file__).parent / "data"


def table(name):
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def shape_grid(case):
    on = case["grid"]
    return Grid(
        shape=on["shape"],
        spacing_mm=on["spacing_zyx_mm"],
        origin_lps_mm=on["origin_lps_mm"],
        directions=on["directions_columns_zyx"],
    )


def shape_mask(case):
    return _inside(case["shape"], make.points_of(shape_grid(case)))


def _inside(shape, points):
    if shape["type"] == "union":
        return np.logical_or.reduce([_inside(part, points) for part in shape["parts"]])
    offset = (points - np.array(shape["center_lps_mm"])) @ np.array(shape["axes_columns"])
    offset = offset / np.array(shape["semi_axes_mm"])
    if shape["type"] == "ellipsoid":
        return (offset**2).sum(axis=-1) <= 1.0
    return ((offset[..., :2] ** 2).sum(axis=-1) <= 1.0) & (np.abs(offset[..., 2]) <= 1.0)


def phantom():
    """IBSI digital phantom: image, mask, grid, expected (value, tolerance) by name."""
    found = table("ibsi_digital_phantom")
    image = np.array(found["image_zyx"], dtype=np.float32)
    grid = make.grid(image.shape, tuple(found["spacing_zyx_mm"]))
    return image, np.array(found["mask_zyx"], dtype=bool), grid, found["expect"]


def agrees(value, expected):
    """IBSI's rule: within the tolerance, or equal in the printed digits where it is 0."""
    target, tolerance = expected
    if tolerance:
        return abs(value - target) <= tolerance
    digits = max(0, 2 - int(np.floor(np.log10(abs(target)))))
    return round(value, digits) == target
