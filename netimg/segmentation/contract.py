"""Is this an image the model's card covers? Asked before any network runs.

Refusals carry a code and the deciding number; doubts become flags. Limits stand in
``configs/segmentation.toml`` (table ``segmentation.contract``), narrower ones in the card.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import (
    PIX_002,
    SEG_101,
    SEG_102,
    SEG_103,
    SEG_105,
    ContractError,
    InputError,
    NothingUsable,
)
from netimg.flag import Flag, Severity
from netimg.segmentation.preprocess import body_of, upright
from netimg.study import Phase
from netimg.volume import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.arrays import FloatZYX
    from netimg.segmentation.cards import Card
    from netimg.segmentation.preprocess import Upright
    from netimg.study import SegContext
    from netimg.volume import Volume

LIVER = ("liver_volume_ml", "functional_liver_ml", "burden_pct")
"""Findings that a doubt about the liver touches."""
LESIONS = ("lesion_count", "tumour_volume_ml", "burden_pct")
"""Findings that a doubt about the lesions touches."""

BOTH = tuple(dict.fromkeys((*LIVER, *LESIONS)))

_LOW, _HIGH = -3100, 3100


def check_contract(
    ct: Volume, context: SegContext, card: Card, limits: Mapping[str, float]
) -> tuple[Flag, ...]:
    """Doubts about a CT, as flags.

    Parameters
    ----------
    ct
        In HU, axes in any order.
    context
        What is known beyond the voxels.
    limits
        Settings ``segmentation.contract``, without the prefix.

    Raises
    ------
    ContractError
        SEG-101 modality or unit, SEG-102 values are no HU, SEG-103 spacing.
    NothingUsable
        SEG-105 too little in view for an abdomen.
    InputError
        PIX-002 more voxels than the limit.
    """
    _check_kind(ct, context, limits)
    source = upright(ct.values, ct.grid)
    _check_spacing(source, card, limits)
    _check_extent(source, card, limits)
    median_hu = _check_hu(source, limits) if card.input.get("hu_range_check", True) else None
    flags = _spacing_flags(source, context, card, limits) + _context_flags(context, card, limits)
    low, high = limits["body_median_hu_low"], limits["body_median_hu_high"]
    if median_hu is not None and not low <= median_hu <= high:
        flags.append(
            Flag(
                code="hu_offset",
                severity=Severity.MEDIUM,
                sentence=f"The median of the body is {median_hu:.0f} HU, usual are {low:.0f} to "
                f"{high:.0f} HU: the values may be shifted.",
                value=median_hu,
                threshold=low if median_hu < low else high,
                touches=BOTH,
            )
        )
    return tuple(flags)


def _check_kind(ct: Volume, context: SegContext, limits: Mapping[str, float]) -> None:
    if context.modality != "CT" or ct.quantity is not Quantity.HU:
        raise ContractError(
            SEG_101,
            what=f"found {context.modality} in {ct.quantity.value}, wanted CT in HU.",
            todo="Give a CT, or masks with --liver-mask and --lesion-mask.",
        )
    if ct.grid.n_voxels > limits["voxels_max"]:
        raise InputError(
            PIX_002,
            what=f"{ct.grid.n_voxels / 1e9:.2f} billion voxels, the limit is "
            f"{limits['voxels_max'] / 1e9:.2f} billion.",
            todo="Raise segmentation.contract.voxels_max, or give a coarser series.",
        )


def _check_spacing(source: Upright, card: Card, limits: Mapping[str, float]) -> None:
    z, y, x = source.grid.spacing_mm
    lowest = card.input.get("spacing_mm_min", (0.0, 0.0, 0.0))
    highest = card.input.get("spacing_mm_max", (math.inf,) * 3)
    for name, value, axis in (("z", z, 0), ("y", y, 1), ("x", x, 2)):
        kind = "z" if axis == 0 else "xy"
        low = max(limits[f"spacing_{kind}_mm_min"], lowest[axis])
        high = min(limits[f"spacing_{kind}_mm_max"], highest[axis])
        if not low - 1e-3 <= value <= high + 1e-3:
            raise ContractError(
                SEG_103,
                what=f"voxels are {value:.2f} mm along {name}, the model takes {low:g} to "
                f"{high:g} mm.",
                todo="Choose another series with --ct, or give masks with --liver-mask.",
            )


def _check_extent(source: Upright, card: Card, limits: Mapping[str, float]) -> None:
    slices, extent = source.grid.shape[0], source.grid.extent_mm[0]
    wanted = max(limits["extent_z_mm_min"], card.input.get("min_extent_mm", 0.0))
    if extent < wanted or slices < limits["slices_min"]:
        raise _no_abdomen(
            what=f"{slices} slices over {extent:.0f} mm; at least {limits['slices_min']:.0f} "
            f"slices and {wanted:.0f} mm are needed"
        )
    body_ml = body_of(source, limits["body_hu"]).volume_ml
    if body_ml < limits["body_ml_min"]:
        raise _no_abdomen(
            what=f"the largest piece of tissue has {body_ml:.0f} mL, an abdomen has more than "
            f"{limits['body_ml_min']:.0f} mL"
        )


def _no_abdomen(*, what: str) -> NothingUsable:
    return NothingUsable(
        SEG_105,
        what=f"{what}.",
        todo="Choose another series with --ct, or give masks with --liver-mask.",
    )


def _check_hu(source: Upright, limits: Mapping[str, float]) -> float:
    """Median of the body in HU, after the values have been found to be HU."""
    histogram, whole, lowest = _histogram(source.values)
    at = np.arange(_LOW, _HIGH + 1)
    in_byte = float(histogram[(at >= 0) & (at <= 255)].sum() / histogram.sum())
    if in_byte > limits["byte_share_max"]:
        raise _not_hu(
            evidence=f"{100 * in_byte:.2f} % of the values lie in 0 to 255, as in a picture"
        )
    border_hu = _border_minimum(source.values)
    if lowest > limits["minimum_hu_max"] and border_hu > limits["air_hu"]:
        raise _not_hu(
            evidence=f"the lowest value is {lowest:.0f}, and there is no air around the body"
        )
    body = histogram * (at > limits["body_hu"])
    median = float(at[np.searchsorted(np.cumsum(body), body.sum() / 2)])
    if not limits["body_median_hu_min"] <= median <= limits["body_median_hu_max"]:
        raise _not_hu(
            evidence=f"the median of the body is {median:.0f}, a body has "
            f"{limits['body_median_hu_min']:.0f} to {limits['body_median_hu_max']:.0f} HU"
        )
    used = at[histogram > 0]
    if whole and used[-1] - used[0] < limits["range_min"]:
        raise _not_hu(evidence=f"only whole values from {used[0]} to {used[-1]}")
    return median


def _not_hu(*, evidence: str) -> ContractError:
    return ContractError(
        SEG_102,
        what=f"{evidence}.",
        todo="Give the original series of the scanner, with its rescale slope and intercept.",
    )


def _histogram(values: FloatZYX) -> tuple[np.ndarray, bool, float]:
    """Counts of each whole HU (clipped at both ends), whether all are whole, and the lowest."""
    counts = np.zeros(_HIGH - _LOW + 1, dtype=np.int64)
    whole, lowest = True, math.inf
    for plane in values:
        rounded = np.rint(plane)
        whole = whole and bool(np.array_equal(rounded, plane))
        lowest = min(lowest, float(plane.min()))
        clipped = np.clip(rounded, _LOW, _HIGH).astype(np.int32) - _LOW
        counts += np.bincount(clipped.ravel(), minlength=len(counts))
    return counts, whole, lowest


def _border_minimum(values: FloatZYX) -> float:
    """Lowest value on the four sides of all slices."""
    sides = (values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1])
    return min(float(side.min()) for side in sides)


def _spacing_flags(
    source: Upright, context: SegContext, card: Card, limits: Mapping[str, float]
) -> list[Flag]:
    flags = []
    z = source.grid.spacing_mm[0]
    thick_mm = min(limits["thick_slices_mm"], card.input.get("slice_thickness_mm_max", math.inf))
    if z > thick_mm + 1e-3:
        sentence = f"Slices are {z:.1f} mm apart: lesions below 10 mm are not claimed."
        flags.append(_thick(sentence, z, thick_mm))
    thickness = context.slice_thickness_mm
    if thickness and z > thickness * (1 + limits["gap_share"]):
        sentence = (
            f"Slices of {thickness:.1f} mm are {z:.1f} mm apart: what lies between was not seen."
        )
        flags.append(_thick(sentence, z, thickness))
    if source.tilt_deg > limits["tilt_deg_max"]:
        flags.append(
            Flag(
                code="oblique",
                severity=Severity.MEDIUM,
                sentence=f"The scan is tilted by {source.tilt_deg:.0f} degrees against the "
                "patient's axes and was resampled for the model.",
                value=source.tilt_deg,
                threshold=limits["tilt_deg_max"],
                touches=BOTH,
            )
        )
    return flags


def _thick(sentence: str, z_mm: float, limit_mm: float) -> Flag:
    return Flag(
        code="thick_slices",
        severity=Severity.MEDIUM,
        sentence=sentence,
        value=z_mm,
        threshold=limit_mm,
        touches=LESIONS,
    )


def _context_flags(context: SegContext, card: Card, limits: Mapping[str, float]) -> list[Flag]:
    flags = []
    if context.phase in (Phase.UNKNOWN, Phase.CONTRAST):
        flags.append(
            Flag(
                code="phase_unknown",
                severity=Severity.MEDIUM,
                sentence="The contrast phase is not known: lesion numbers are untested.",
                touches=LESIONS,
            )
        )
    elif context.phase.value not in card.phases_covered:
        flags.append(
            Flag(
                code="phase_not_covered",
                severity=Severity.MEDIUM,
                sentence=f"The model is untested in the {context.phase.value} phase: lesion "
                "numbers are untested.",
                touches=LESIONS,
            )
        )
    age = context.age_y
    if age is not None and age < limits["adult_age_y"]:
        flags.append(
            Flag(
                code="paediatric",
                severity=Severity.MEDIUM,
                sentence=f"The patient is {age:.0f} years old; the model has seen adults only.",
                value=age,
                threshold=limits["adult_age_y"],
                touches=BOTH,
            )
        )
    return flags
