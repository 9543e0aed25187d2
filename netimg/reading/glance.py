"""A look at a few slices of a CT: whether it shows the whole liver, how bright the aorta is.

Only where headers leave the choice open: several CTs that could be measured, or a phase that
neither words nor tags settle. The whole series is not loaded for it.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import InputError
from netimg.reading.candidate import name_of, read_phase, with_phase_read
from netimg.reading.choose import candidates
from netimg.reading.coverage import coverage_of
from netimg.reading.pixels import PixelOpener
from netimg.reading.problems import doubt
from netimg.reading.tables import table
from netimg.reading.tube import find_aorta
from netimg.study import Coverage, OrganMedians

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.study import Series
    from netimg.volume import Volume

log = logging.getLogger(__name__)


def glanced(series: Sequence[Series]) -> list[Series]:
    """Series with what a few slices say, where that can change the choice."""
    fit = candidates(series)
    wanted = {s.number for s in fit if len(fit) > 1 or read_phase(s).is_open}
    pets = [s for s in series if s.kind == "PET"]
    return [_seen(s, pets) if s.number in wanted else s for s in series]


def thinned(series: Series, step_mm: float) -> Volume | None:
    """Every slice that is at least ``step_mm`` from the one before; None where none can be read."""
    opener = series.opener
    step = max(1, math.floor(step_mm / series.grid.spacing_mm[0] + 1e-6))
    try:
        if step == 1 or not isinstance(opener, PixelOpener):
            return series.load()
        slices = opener.slices[::step]
        z, y, x = series.grid.spacing_mm
        grid = replace(
            series.grid, shape=(len(slices), *series.grid.shape[1:]), spacing_mm=(z * step, y, x)
        )
        return replace(opener, slices=slices, grid=grid)()
    except InputError as error:
        # Said again, with its sentence, when the series is measured.
        log.info("not glanced at", extra={"series": series.number, "code": error.code.id})
        return None


def aorta_medians(ct: Volume) -> OrganMedians:
    """The stand-in for the aorta as the only number of the picture, or why there is none."""
    found = find_aorta(ct)
    if isinstance(found, str):
        return OrganMedians(absent={"aorta": found})
    return OrganMedians(aorta=found.hu, stand_in=True)


def _seen(series: Series, pets: Sequence[Series]) -> Series:
    volume = thinned(series, float(table("choice")["glance"]["step_mm"]))
    if volume is None:
        return series
    seen = aorta_medians(volume)
    coverage, end = coverage_of(volume, series, pets)
    if coverage is Coverage.CUT and seen.aorta is None:
        coverage = Coverage.UNKNOWN  # a leg has no lungs either
    series = replace(series, coverage=coverage)
    if coverage is Coverage.COMPLETE:
        series = replace(series, why=(*series.why, "shows the whole liver, by its lungs"))
    elif coverage is Coverage.CUT:
        touches = ("liver_volume_ml", "tumour_volume_ml")
        cut = doubt("SEL-005", touches=touches, series=name_of(series), end=end)
        series = replace(series, flags=(*series.flags, cut))
    if not read_phase(series).is_open:
        return series
    return with_phase_read(series, seen)
