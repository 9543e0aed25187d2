"""A CT series from its files: checked, ready to load as HU; its phase is read in `select`."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netimg.errors import IDX_011, IDX_012, PIX_005, PIX_006, PIX_013, SEL_017, InputError
from netimg.reading.candidate import kernel_class
from netimg.reading.draft import plain_series, stacked
from netimg.reading.pixel_checks import check_bytes, check_format
from netimg.reading.pixels import PixelOpener, StoredSlice
from netimg.reading.places import along_of
from netimg.reading.plausible import AIR_HU
from netimg.reading.problems import doubt, refusal
from netimg.reading.regrid import RegridOpener
from netimg.reading.tables import table
from netimg.study import Role
from netimg.volume import Quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.flag import Flag
    from netimg.reading.draft import Draft
    from netimg.reading.headers import Header
    from netimg.reading.stack import Stack
    from netimg.settings import Settings
    from netimg.study import Opener, Series


def read_ct(draft: Draft, settings: Settings, *, regrid: bool = False) -> Series:
    """Series of a CT, in HU when it is loaded.

    ``regrid``: a tilted or uneven series is straightened and filled when it is loaded.

    Raises
    ------
    InputError
        GEO-, PIX-, IDX-011, IDX-012, IDX-021, SEL-017: why the series cannot be used.
    """
    _exclude(draft)
    check_format(draft.headers, series=draft.label, settings=settings)
    _check_scale(draft)
    found = _stacked(draft, settings, regrid=regrid)
    ordered = [draft.headers[i] for i in found.order]
    read = PixelOpener(
        slices=tuple(
            StoredSlice(h.file, h.pixels, float(h.slope or 0), float(h.intercept or 0))
            for h in ordered
        ),
        grid=found.grid if found.resampling is None else found.stored_grid(ordered[0]),
        quantity=Quantity.HU,
        series=draft.label,
        settings=settings,
    )
    opener: Opener = read
    if found.resampling is not None:
        size = math.prod(found.grid.shape) * 4
        check_bytes(size, draft.label, "limits.series_bytes_max", settings)
        opener = RegridOpener(read, found.resampling, found.grid, AIR_HU)
    series = plain_series(draft, found, opener)
    return replace(
        series,
        role=Role.CT,
        contrast=ordered[0].contrast_agent,
        flags=(*series.flags, *_doubts(draft, found.grid.spacing_mm)),
    )


_UNSAID = "US"
"""Rescale Type "unspecified", PS3.3 C.11.1.1.2: a CT of it is measured only by name."""


def _unit(header: Header) -> str:
    return (header.rescale_type or "HU").strip().upper()


def _exclude(draft: Draft) -> None:
    """Refuse overviews, captures, calculated maps, other units."""
    rows = table("choice")
    for header in draft.headers:
        if "LOCALIZER" in header.image_type:
            raise refusal(IDX_011, series=draft.label)
        if set(header.image_type) & set(rows["derived"]["values"]):
            raise refusal(IDX_012, series=draft.label)
        unit = _unit(header)
        if "HOUNSFIELD" in unit:
            raise refusal(PIX_006, "word", series=draft.label, unit=header.rescale_type)
        if unit not in ("HU", _UNSAID):
            raise refusal(PIX_006, series=draft.label, unit=header.rescale_type)
        kind = _named(header, rows["ct"]["maps"])
        if kind is not None:
            raise refusal(SEL_017, series=draft.label, kind=kind)
    _exclude_overview(draft)


def _named(header: Header, words: Sequence[str]) -> str | None:
    """First of some words that stands in the image type or the description."""
    text = " ".join((*header.image_type, header.series_description or "")).casefold()
    return next((w for w in words if re.search(rf"(?<!\w){re.escape(w)}", text)), None)


def _exclude_overview(draft: Draft) -> None:
    """Few slices far apart are an overview whatever the image type says."""
    rows = table("choice")["ct"]
    if len(draft.headers) >= rows["localizer_max_slices"] or len(draft.headers) < 2:
        return
    along = along_of(draft.headers)
    if along is not None and np.diff(np.sort(along)).min() > rows["localizer_min_spacing_mm"]:
        raise refusal(IDX_011, series=draft.label)


def _stacked(draft: Draft, settings: Settings, *, regrid: bool) -> Stack:
    """Grid of a series; reformatted pictures that make none are no original slices (IDX-012)."""
    try:
        return stacked(draft, settings, regrid=regrid)
    except InputError as error:
        values = {value for header in draft.headers for value in header.image_type}
        if not values & set(table("choice")["derived"]["reformatted"]):
            raise
        why = f"{error.code} {error.what.rstrip('.')}"
        raise refusal(IDX_012, "reformatted", series=draft.label, why=why) from error


def _check_scale(draft: Draft) -> None:
    for index, header in enumerate(draft.headers, start=1):
        which = header.instance_number if header.instance_number is not None else index
        if header.slope is None or header.intercept is None:
            raise refusal(PIX_005, series=draft.label)
        if not math.isfinite(header.intercept):
            raise refusal(PIX_005, series=draft.label)
        if not math.isfinite(header.slope) or header.slope <= 0:
            raise refusal(PIX_013, "series", series=draft.label, slice=which, slope=header.slope)


def _doubts(draft: Draft, spacing_mm: tuple[float, float, float]) -> list[Flag]:
    rows, flags = table("choice")["ct"], []
    first = draft.headers[0]
    if any(_unit(header) == _UNSAID for header in draft.headers):
        flags.append(
            doubt("PIX-006/unsaid", touches=("ct",), series=draft.label, number=draft.number)
        )
    water = _named(first, rows["by_name"])
    if water is not None:
        name, number = draft.label, draft.number
        flags.append(
            doubt("SEL-017/by_name", touches=("ct",), series=name, kind=water, number=number)
        )
    one_energy = _named(first, rows["one_energy"])
    if one_energy is not None:
        flags.append(doubt("SEL-017/mono", touches=("ct",), series=draft.label, kind=one_energy))
    if spacing_mm[0] > rows["max_spacing_mm"]:
        flags.append(
            doubt(
                "SEL-004/far",
                touches=("ct",),
                series=draft.label,
                spacing_mm=spacing_mm[0],
                limit_mm=rows["max_spacing_mm"],
                number=draft.number,
                measured=spacing_mm[0],
                limit=rows["max_spacing_mm"],
            )
        )
    elif spacing_mm[0] > rows["coarse_spacing_mm"] + 1e-3:
        flags.append(
            doubt(
                "SEL-004",
                touches=("ct",),
                series=draft.label,
                spacing_mm=spacing_mm[0],
                smallest_mm=2 * spacing_mm[0],
                measured=spacing_mm[0],
                limit=rows["coarse_spacing_mm"],
            )
        )
    if kernel_class(draft.headers[0].kernel) == 2:
        kernel = draft.headers[0].kernel
        flags.append(doubt("SEL-006", touches=("ct",), series=draft.label, kernel=kernel))
    return flags
