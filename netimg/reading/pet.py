"""A PET series from its files: checked, tracer recognised, SUV or the reason why not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from netimg.errors import IDX_011, IDX_012, SUVError
from netimg.reading.draft import plain_series
from netimg.reading.each_pet import for_pet
from netimg.reading.few import stacked_or_few
from netimg.reading.pixel_checks import check_format
from netimg.reading.pixels import PixelOpener, StoredSlice
from netimg.reading.problems import doubt, refusal
from netimg.reading.suv import resolve
from netimg.reading.suv.nuclide import gives_positrons
from netimg.reading.suv.provenance import record, refused_record
from netimg.reading.suv.resolve import OVERRIDES
from netimg.reading.tables import table
from netimg.reading.tracer import Tracer, recognise, typed_for
from netimg.volume import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.reading.draft import Draft
    from netimg.reading.headers import Header
    from netimg.settings import Settings
    from netimg.study import Series, SuvRecord


def read_pet(draft: Draft, settings: Settings, overrides: Mapping[str, object]) -> Series:
    """Series of a PET; loads as SUVbw where that is possible, else as activity or stored values.

    ``overrides``: keys of `netimg.reading.suv.resolve.OVERRIDES`, and ``tracer``, ``suv_norm``,
    ``suv_policy``.

    Raises
    ------
    InputError
        GEO-, PIX-, IDX-012, IDX-021: why not even a picture can be had.
    """
    if any("LOCALIZER" in h.image_type for h in draft.headers):
        raise refusal(IDX_011, series=draft.label)
    projected = {"MIP", "PROJECTION IMAGE", "REPROJECTION"}
    if any(projected & {*h.image_type, *_series_type(h)} for h in draft.headers):
        raise refusal(IDX_012, series=draft.label)
    check_format(draft.headers, series=draft.label, settings=settings)
    found = stacked_or_few(draft, settings)
    ordered = [draft.headers[i] for i in found.order]
    typed = overrides.get("tracer")
    own = for_pet(overrides, draft.uid, draft.number)
    which = int(float(str(own.get("injection", 1))))
    tracer = _tracer(ordered[0], typed_for(typed, draft.uid, draft.number), which)
    suv = suv_record(ordered, own)
    series = plain_series(draft, found, _opener(ordered, suv, draft, found.grid, settings))
    return replace(
        series,
        tracer=tracer.id,
        tracer_class=tracer.kind,
        nuclide=tracer.nuclide,
        suv=suv,
        why=(f"tracer {tracer.name or 'not recognised'}: {tracer.why}",),
        flags=(
            *series.flags,
            *_doubts(draft, tracer),
            *_odd_slopes(draft, [h.slope for h in ordered]),
            *suv.notes,
        ),
    )


def suv_record(ordered: Sequence[Header], overrides: Mapping[str, object]) -> SuvRecord:
    """SUV factors in grid order with their provenance, or the refusal as a record."""
    typed = {k: v for k, v in overrides.items() if k in OVERRIDES}
    norm, policy = str(overrides.get("suv_norm", "bw")), str(overrides.get("suv_policy", "auto"))
    slices = [h.pet for h in ordered if h.pet is not None]
    try:
        result = resolve(slices, policy=policy, overrides=typed, norm=norm)
    except SUVError as error:
        return refused_record(error, norm=norm, policy=policy, typed=typed)
    return record(result)


def _tracer(first: Header, typed: str | None, which: int) -> Tracer:
    """Tracer of the injection that counts, ``which`` of them from 1."""
    injections = (first.pet.injections if first.pet is not None else None) or ()
    words = tuple(t for t in (first.series_description, first.protocol) if t)
    own = injections[min(which, len(injections)) - 1] if injections else None
    return recognise(own, words=words, typed=typed)


def _opener(
    ordered: Sequence[Header],
    suv: SuvRecord,
    draft: Draft,
    grid: Grid,
    settings: Settings,
) -> PixelOpener:
    """Opener with the best quantity there is: SUV, Bq/mL, or values as stored."""
    units = ordered[0].pet.units if ordered[0].pet is not None else None
    scaled = all(_usable(h.slope) and h.intercept is not None for h in ordered)
    if suv.possible:
        quantity, factors = Quantity.SUV_BW, suv.factors
    elif units == "BQML" and scaled:
        quantity, factors = Quantity.ACTIVITY, (1.0,) * len(ordered)
    else:
        quantity, factors = Quantity.STORED, (1.0,) * len(ordered)
    slices = tuple(
        StoredSlice(
            h.file,
            h.pixels,
            float(h.slope) if scaled and h.slope is not None else 1.0,
            float(h.intercept) if scaled and h.intercept is not None else 0.0,
            factor,
            h.mapped,
        )
        for h, factor in zip(ordered, factors, strict=True)
    )
    return PixelOpener(slices, grid, quantity, draft.label, settings)


def _usable(slope: float | None) -> bool:
    return slope is not None and math.isfinite(slope) and slope > 0


def _doubts(draft: Draft, tracer: Tracer) -> list[Flag]:
    label, touches = draft.label, draft.touches
    flags = []
    if draft.moving:
        kind = draft.moving
        flags.append(
            doubt("SUV-023", touches=touches, series=label, kind=kind, number=draft.number)
        )
    if not is_attenuation_corrected(draft.headers):
        flags.append(doubt("SEL-007", touches=touches, series=label))
    if tracer.typed:
        flags.append(doubt("SEL-012/tracer", touches=touches, series=label, tracer=tracer.id))
    if not tracer.positron:
        flags.append(
            doubt(
                "SEL-008/no_pet",
                touches=touches,
                series=label,
                nuclide=tracer.nuclide,
                number=draft.number,
            )
        )
    elif tracer.clash is not None:
        a, b = tracer.clash
        flags.append(doubt("SEL-009", touches=touches, series=label, a=a, b=b))
    elif tracer.id is None:
        flags.append(doubt("SEL-008", touches=touches, series=label, text=tracer.why))
    return flags


def _odd_slopes(draft: Draft, slopes: Sequence[float | None]) -> list[Flag]:
    """Slices, in grid order, whose slope is far above that of the slices beside them."""
    ratio, flags = float(table("pixels")["pet"]["slope_ratio"]), []
    known = [s if s is not None and _usable(s) else math.nan for s in slopes]
    for z, slope in enumerate(known):
        near = [s for s in (*known[max(0, z - 2) : z], *known[z + 1 : z + 3]) if math.isfinite(s)]
        if near and slope > ratio * max(near):
            flags.append(
                doubt(
                    "PIX-013/odd",
                    touches=draft.touches,
                    series=draft.label,
                    slice=z + 1,
                    n=len(known),
                    slope=slope,
                    usual=max(near),
                    measured=slope / max(near),
                    limit=ratio,
                )
            )
    return flags


def asked_for(pet: Series, draft: Draft) -> Series:
    """The PET as a person asked for it: its doubts no longer say that it must be asked for."""
    series, kind = draft.label, draft.moving
    nuclide, flags = pet.nuclide or "", []
    for flag in pet.flags:
        if flag.code == "SUV-023":
            flags.append(doubt("SUV-023/asked", touches=flag.touches, series=series, kind=kind))
        elif flag.code == "SEL-008" and nuclide and not gives_positrons(nuclide):
            therapy = table("nuclides")[nuclide].get("therapy", False)
            problem = "SEL-008/therapy" if therapy else "SEL-008/spect"
            flags.append(doubt(problem, touches=flag.touches, series=series, nuclide=nuclide))
        else:
            flags.append(flag)
    return replace(pet, flags=tuple(flags))


def _series_type(header: Header) -> tuple[str, ...]:
    """Series Type (0054,1000): STATIC, DYNAMIC, GATED or WHOLE BODY; then IMAGE or REPROJECTION."""
    return tuple(v.upper() for v in header.pet.series_type) if header.pet is not None else ()


def is_attenuation_corrected(headers: Sequence[Header]) -> bool:
    """False for a PET whose header says nothing of attenuation correction (NAC)."""
    pet = headers[0].pet
    if pet is None:
        return False
    if pet.enhanced:
        return (pet.attenuation_corrected or "").strip().upper() == "YES"
    corrected = {value.upper() for value in pet.corrected_image or ()}
    method = (pet.attenuation_method or "").strip().upper()
    return "ATTN" in corrected or method not in ("", "NONE")
