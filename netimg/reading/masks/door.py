"""The mask file of a person or another tool, onto a grid: kind by content, structure by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netimg.anatomy import LABEL_NAMES
from netimg.errors import MSK_001, MSK_003, MSK_004, MSK_006, MSK_014, MaskError
from netimg.reading.masks.choose import (
    LESION,
    LIVER,
    choose,
    code_of,
    meaning,
    not_there,
    present,
)
from netimg.reading.masks.file import opened
from netimg.reading.masks.fill import filled
from netimg.reading.masks.legend import coded, read_legend
from netimg.reading.masks.part import touching
from netimg.reading.problems import doubt, refusal
from netimg.reading.tables import table
from netimg.settings import Settings
from netimg.volume import LabelMap, Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netimg.arrays import LabelZYX
    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.reading.masks.part import Part, Structure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """A mask as its file gave it, and what is to be said about it."""

    mask: Mask | LabelMap
    flags: tuple[Flag, ...] = ()


def read_given(
    path: str | Path,
    grid: Grid,
    *,
    want: str = LIVER,
    label: str | None = None,
    frame_of_reference_uid: str | None = None,
    series_uids: Collection[str] | None = None,
    regridded: Collection[int] | None = None,
    settings: Settings | None = None,
) -> Given:
    """A person's mask on a grid, with its doubts.

    Parameters
    ----------
    path
        DICOM SEG (BINARY, FRACTIONAL, LABELMAP), RT Structure Set, NIfTI or NRRD, told by content.
    grid
        Where it must lie: the CT's, or the PET's where there is no CT with a liver.
    want
        ``liver``, ``lesion``, or the name of another structure.
    label
        Segment, ROI or label by name or number, where a person named one.
    frame_of_reference_uid
        Of the series; a DICOM mask that names another one is refused.
    series_uids
        Of the study; a DICOM mask that was drawn on none of them is doubted (MSK-012). None: not
        asked.
    regridded
        `Series.regridded` of the series: there a DICOM mask, which was drawn on the slices of the
        files, is filled in between its outlines and that is said (GEO-018).

    Returns
    -------
    Given
        Lesions in several segments, ROIs or labels come as a LabelMap, one label each, names and
        tracking UIDs as in the file, and so does one lesion with a tracking UID. An empty lesion
        mask is an empty Mask.

    Raises
    ------
    MaskError
        MSK- codes: off the grid, not there or one of several without a name (MSK-003), empty
        liver, overlapping lesions, unusable contours.
    InputError
        IDX-002, IDX-003, IDX-004, IDX-006, IDX-010 where the file is no mask; IDX-021, PIX- codes
        where its pixels cannot be read.
    """
    path, settings = Path(path), settings or Settings.shipped()
    with opened(path, settings) as file, _off_what_was_made(path.name, regridded):
        every = file.structures(grid)
        blank = file.labels is not None and not every and label is None  # a lattice of zeros
        taken = [] if blank else choose(every, want=want, label=label, file=path.name)
        parts = file.drawn(taken, frame_of_reference_uid)
        sources = file.source_doubts(series_uids)
        if file.labels is None:
            parts, made = filled(parts, regridded or (), grid, apart=want == LESION)
            sources += made
    flags = [*sources, *_unexplained(taken, want, label)]
    if want == LESION and label is None and not any(s.name or s.code for s in taken):
        flags += _around(taken, parts, grid)
    flags += _about(parts, path.name, grid)
    touches = tuple(table("masks")[want]["touches"]) if want in (LIVER, LESION) else ()
    named = want == LESION and (len(parts) > 1 or any(s.tracking_uid for s in taken))
    mask: Mask | LabelMap
    if named:
        mask = _one_label_each(taken, parts, grid)
    else:
        whole = np.zeros(grid.shape, dtype=np.bool_)
        for part in parts:
            whole[part.box] |= part.voxels
        if want != LESION and not whole.any():
            raise refusal(MSK_004, where=path.name, what=want)
        mask = Mask(voxels=whole, grid=grid)
    return Given(mask=mask, flags=_touching(flags, touches))


def read_mask(
    path: str | Path,
    grid: Grid,
    *,
    want: str = LIVER,
    label: str | None = None,
    frame_of_reference_uid: str | None = None,
    settings: Settings | None = None,
) -> Mask | LabelMap:
    """A person's mask on a grid, without its doubts; see `read_given`."""
    return read_given(
        path,
        grid,
        want=want,
        label=label,
        frame_of_reference_uid=frame_of_reference_uid,
        settings=settings,
    ).mask


def read_given_labels(
    path: str | Path,
    grid: Grid,
    legend: str,
    *,
    beside: Collection[str] = (),
    segments: bool = False,
    frame_of_reference_uid: str | None = None,
    series_uids: Collection[str] | None = None,
    regridded: Collection[int] | None = None,
    settings: Settings | None = None,
) -> Given:
    """A multilabel mask of another tool, in netimg's label codes, with its doubts.

    A SEG, an RTSTRUCT or a segmentation of 3D Slicer is read by the names and codes of its
    structures (``Segment IV``, ``Spleen``), which must be those of `netimg.anatomy.LABEL_NAMES`;
    the legend is then ``netimg``.

    Parameters
    ----------
    legend
        ``netimg``, ``totalsegmentator-v2``, or a TOML file of ``label = code or name`` pairs
        (codes and names of `netimg.anatomy.LABEL_NAMES`). Labels without an entry are left out
        and said (MSK-010).
    beside
        ``lesion``, ``liver``: what the file may hold beside its labels and is read elsewhere.
    segments
        Couinaud segments are asked for; a file without any is refused.
    regridded
        As in `read_given`.

    Raises
    ------
    MaskError
        As `read_given`.
    UsageError
        USE-001 for an unknown legend, name or code.
    """
    path, settings = Path(path), settings or Settings.shipped()
    with opened(path, settings) as file, _off_what_was_made(path.name, regridded):
        flags = file.source_doubts(series_uids)
        if file.labels is not None and not file.labels.named:
            stored, outside = file.labels.on(grid)
            flags += _outside(outside, bool(stored.any()), path.name, grid)
            labels, left_out = coded(stored, legend)
            there = ", ".join(map(str, LabelMap(labels=stored, grid=grid).present()))
            unknown = {str(number): count for number, count in left_out.items()}
        else:
            read_legend(legend, 0)
            every = file.structures(grid)
            there = present(every)
            known = [s for s in every if code_of(s) is not None]
            if not known:
                raise not_there(every, "structure with a known name", path.name)
            parts = file.drawn(known, frame_of_reference_uid)
            if file.labels is None:
                parts, made = filled(parts, regridded or (), grid)
                flags += made
            labels = _by_code(known, parts, grid)
            flags += _about(parts, path.name, grid)
            others = [s for s in every if code_of(s) is None]
            unknown = {str(s): 0 for s in others if meaning(s) not in beside}
    if not labels.any():
        raise refusal(MSK_004, where=path.name, what="label")
    if unknown:
        flags.append(_left_out(unknown, grid))
    codes = LabelMap(labels=labels, grid=grid).present()
    if segments and not set(codes) & set(table("masks")["segments"]["labels"]):
        raise refusal(MSK_003, "segments", where=path.name, present=there)
    names = {code: LABEL_NAMES[code] for code in codes}
    touches = tuple(table("masks")["label"]["touches"])
    return Given(
        mask=LabelMap(labels=labels, grid=grid, names=names), flags=_touching(flags, touches)
    )


def read_label_map(
    path: str | Path, grid: Grid, legend: str, *, settings: Settings | None = None
) -> LabelMap:
    """A multilabel mask in netimg's label codes, without its doubts; see `read_given_labels`."""
    found = read_given_labels(path, grid, legend, settings=settings).mask
    assert isinstance(found, LabelMap)  # noqa: S101  # what it says
    return found


def _unexplained(taken: Sequence[Structure], want: str, label: str | None) -> Iterator[Flag]:
    """Doubt of a liver that is the union of numbers without names."""
    if want == LIVER and label is None and len(taken) > 1 and not any(s.name for s in taken):
        numbers = ", ".join(str(s.number) for s in taken)
        yield doubt("MSK-010", labels=f"Labels {numbers} are", taken=want)


def _around(taken: Sequence[Structure], parts: Sequence[Part], grid: Grid) -> Iterator[Flag]:
    """Doubt of a lesion without a name that is larger than the others and touches each of them."""
    counts = [part.count for part in parts]
    largest = int(np.argmax(counts)) if counts else 0
    others = [part for n, part in enumerate(parts) if n != largest and counts[n]]
    share = counts[largest] / sum(counts) if others else 0.0
    limit = table("masks")[LESION]["liver_share"]
    if share > limit and all(touching(parts[largest], other) for other in others):
        yield doubt(
            "MSK-010/around",
            label=taken[largest].number,
            volume_ml=counts[largest] * grid.voxel_ml,
            percent=100 * share,
            measured=share,
            limit=limit,
        )


def _left_out(unknown: dict[str, int], grid: Grid) -> Flag:
    """Doubt of labels that the legend does not name."""
    names = list(unknown)
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    which = f"Label {shown} is" if len(names) == 1 else f"Labels {shown} are"
    ml = sum(unknown.values()) * grid.voxel_ml
    taken = f"nothing ({ml:.1f} mL)" if ml else "nothing"
    return doubt("MSK-010", labels=which, taken=taken)


@contextmanager
def _off_what_was_made(name: str, regridded: Collection[int] | None) -> Iterator[None]:
    """Refusals of masks that lie off a grid say where --regrid made that grid."""
    try:
        yield
    except MaskError as error:
        if regridded is None or error.code not in (MSK_001, MSK_014):
            raise
        raise refusal(MSK_001, "regridded", where=name, why=error.what) from error


def _about(parts: Sequence[Part], name: str, grid: Grid) -> Iterator[Flag]:
    """Doubts of parts; refuses a mask that lies wholly off the grid."""
    outside = sum(part.outside for part in parts)
    yield from _outside(outside, any(part.count for part in parts), name, grid)
    for part in parts:
        yield from part.flags


def _outside(outside: int, inside: bool, name: str, grid: Grid) -> list[Flag]:
    """Doubt of voxels off the grid; refuses a mask of nothing else."""
    volume_ml = outside * grid.voxel_ml
    if outside and not inside:
        raise refusal(MSK_001, "outside", where=name, volume_ml=volume_ml)
    return [doubt("MSK-001/cut", volume_ml=volume_ml, measured=volume_ml)] if outside else []


def _touching(flags: Sequence[Flag], touches: tuple[str, ...]) -> tuple[Flag, ...]:
    """Each doubt once, with the findings it bears on."""
    return tuple(dict.fromkeys(replace(flag, touches=touches) for flag in flags))


def _by_code(known: Sequence[Structure], parts: Sequence[Part], grid: Grid) -> LabelZYX:
    """Structures by their codes; small ones over large ones, as a segment over the liver."""
    labels: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
    for structure, part in sorted(zip(known, parts, strict=True), key=lambda pair: -pair[1].count):
        labels[part.box][part.voxels] = code_of(structure) or 0
    return labels


def _one_label_each(taken: Sequence[Structure], parts: Sequence[Part], grid: Grid) -> LabelMap:
    """Lesions numbered as in the file; two that share voxels are refused."""
    labels: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
    shared = 0
    for number, part in enumerate(parts, start=1):
        view = labels[part.box]
        shared += int(np.count_nonzero(view[part.voxels]))
        view[part.voxels] = number
    if shared:
        raise refusal(MSK_006, overlap_ml=shared * grid.voxel_ml)
    return LabelMap(
        labels=labels,
        grid=grid,
        names={n: s.name or str(s.number) for n, s in enumerate(taken, start=1)},
        tracking_uids={n: s.tracking_uid for n, s in enumerate(taken, start=1) if s.tracking_uid},
    )
