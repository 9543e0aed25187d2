"""A CT series from its files: checked, phase read, ready to load as HU."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from netimg.errors import IDX_011, IDX_012, PIX_005, PIX_006, PIX_013, SEL_017
from netimg.reading.draft import plain_series, stacked
from netimg.reading.phase import PhaseReading, decide, from_tags, from_words
from netimg.reading.pixels import PixelOpener, StoredSlice, check_format
from netimg.reading.problems import doubt, refusal
from netimg.reading.tables import table
from netimg.reading.tracer import plain
from netimg.study import Phase, Role
from netimg.volume import Quantity

if TYPE_CHECKING:
    from netimg.flag import Flag
    from netimg.reading.draft import Draft
    from netimg.settings import Settings
    from netimg.study import Series


def read_ct(draft: Draft, settings: Settings) -> Series:
    """Series of a CT, in HU when it is loaded.

    Raises
    ------
    InputError
        GEO-, PIX-, IDX-011, IDX-012, IDX-021, SEL-017: why the series cannot be used.
    """
    _exclude(draft)
    check_format(draft.headers, series=draft.label, settings=settings)
    _check_scale(draft)
    found = stacked(draft, settings)
    ordered = [draft.headers[i] for i in found.order]
    phase = read_phase(draft)
    opener = PixelOpener(
        slices=tuple(
            StoredSlice(h.file, h.pixels, float(h.slope or 0), float(h.intercept or 0))
            for h in ordered
        ),
        grid=found.grid,
        quantity=Quantity.HU,
        series=draft.label,
        settings=settings,
    )
    series = plain_series(draft, found, opener)
    return replace(
        series,
        role=Role.CT,
        phase=phase.phase,
        contrast=ordered[0].contrast_agent,
        why=(f"phase {phase.phase.value}: {phase.why}",),
        flags=(*series.flags, *_doubts(draft, phase, found.grid.spacing_mm)),
    )


def read_phase(draft: Draft) -> PhaseReading:
    """Phase of a CT from its words and tags."""
    first = draft.headers[0]
    words = from_words(
        first.series_description, first.protocol, first.study.description, first.comments
    )
    return decide([*words, *from_tags(first)])


def is_low_dose(draft: Draft) -> bool:
    """Whether a CT looks like the one made to correct a PET."""
    rows, first = table("choice")["ct"], draft.headers[0]
    text = f" {plain(first.series_description or '')} "
    if any(f" {word} " in text for word in rows["low_dose_words"]):
        return True
    thick = first.thickness_mm or 0.0
    mas = first.exposure_mas
    return mas is not None and mas < rows["low_dose_mas"] and thick >= rows["low_dose_spacing_mm"]


def kernel_class(kernel: str | None) -> int:
    """0 soft, 1 unknown, 2 sharp."""
    text = (kernel or "").casefold().strip()
    rows = table("choice")["ct"]
    if any(re.search(pattern, text) for pattern in rows["sharp_kernels"]):
        return 2
    return 0 if any(re.search(pattern, text) for pattern in rows["soft_kernels"]) else 1


def _exclude(draft: Draft) -> None:
    """Refuse overviews, captures, calculated maps, other units."""
    rows = table("choice")
    for header in draft.headers:
        if "LOCALIZER" in header.image_type:
            raise refusal(IDX_011, series=draft.label)
        if set(header.image_type) & set(rows["derived"]["values"]):
            raise refusal(IDX_012, series=draft.label)
        unit = (header.rescale_type or "HU").strip().upper()
        if unit not in ("HU", "US"):  # US = unspecified, PS3.3 C.11.1.1.2
            raise refusal(PIX_006, series=draft.label, unit=header.rescale_type)
        text = " ".join((*header.image_type, header.series_description or "")).casefold()
        for word in rows["ct"]["maps"]:
            if re.search(rf"(?<!\w){re.escape(word)}", text):
                raise refusal(SEL_017, series=draft.label, kind=word)
    _exclude_overview(draft)


def _exclude_overview(draft: Draft) -> None:
    """Few slices far apart are an overview whatever the image type says."""
    rows = table("choice")["ct"]
    if len(draft.headers) >= rows["localizer_max_slices"] or len(draft.headers) < 2:
        return
    places = sorted(h.position[2] for h in draft.headers if h.position and len(h.position) == 3)
    gaps = [b - a for a, b in pairwise(places)]
    if gaps and min(gaps) > rows["localizer_min_spacing_mm"]:
        raise refusal(IDX_011, series=draft.label)


def _check_scale(draft: Draft) -> None:
    for index, header in enumerate(draft.headers, start=1):
        which = header.instance_number if header.instance_number is not None else index
        if header.slope is None or header.intercept is None:
            raise refusal(PIX_005, series=draft.label)
        if not math.isfinite(header.intercept):
            raise refusal(PIX_005, series=draft.label)
        if not math.isfinite(header.slope) or header.slope <= 0:
            raise refusal(PIX_013, slice=which, slope=header.slope)


def _doubts(
    draft: Draft, phase: PhaseReading, spacing_mm: tuple[float, float, float]
) -> list[Flag]:
    rows, flags = table("choice")["ct"], []
    if not phase.sure:
        flags.append(doubt("SEL-003", touches=("ct",), series=draft.label, words=phase.why))
    if spacing_mm[0] > rows["coarse_spacing_mm"] + 1e-3:
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


def with_phase(series: Series, phase: str) -> Series:
    """The series with the phase a person typed."""
    return replace(
        series,
        phase=Phase(phase),
        phase_typed=True,
        why=(*(w for w in series.why if not w.startswith("phase ")), f"phase {phase}: typed"),
        flags=tuple(f for f in series.flags if f.code not in ("SEL-002", "SEL-003")),
    )
