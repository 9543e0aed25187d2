"""Which structure of a mask file is meant, and the file onto the grid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netimg.anatomy import LABEL_NAMES
from netimg.errors import (
    IDX_002,
    IDX_004,
    IDX_010,
    MSK_002,
    MSK_003,
    MSK_004,
    MSK_006,
    USE_001,
    InputError,
    UsageError,
)
from netimg.reading.attributes import Attributes
from netimg.reading.index import kind_of
from netimg.reading.masks.nifti import nifti_labels, nifti_on_own_grid, read_nifti
from netimg.reading.masks.rtstruct import read_rtstruct
from netimg.reading.masks.seg import read_seg
from netimg.reading.problems import refusal
from netimg.reading.scan import scan
from netimg.reading.tables import table
from netimg.reading.tracer import plain
from netimg.reading.walk import Found, content
from netimg.settings import Settings
from netimg.volume import LabelMap, Mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netimg.arrays import LabelZYX
    from netimg.geometry import Grid
    from netimg.reading.masks.part import Part

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"

_NIFTI = (".nii", ".nii.gz")


def read_mask(
    path: str | Path,
    grid: Grid,
    *,
    want: str = "liver",
    label: str | None = None,
    frame_of_reference_uid: str | None = None,
    settings: Settings | None = None,
) -> Mask | LabelMap:
    """A person's mask on a grid.

    Parameters
    ----------
    path
        DICOM SEG (BINARY), RT Structure Set, or NIfTI.
    grid
        Where it must lie: the CT's, or the PET's where there is no CT with a liver.
    want
        ``liver``, ``lesion``, or the name of another structure.
    label
        Segment, ROI or label by name or number, where a person named one.
    frame_of_reference_uid
        Of the series; a DICOM mask that names another one is refused.

    Returns
    -------
    Mask or LabelMap
        Lesions in several segments, ROIs or labels come as a LabelMap, one label each, names as in
        the file. An empty lesion mask is an empty Mask.

    Raises
    ------
    MaskError
        MSK- codes: off the grid, not there or one of several without a name (MSK-003), empty
        liver, overlapping lesions, unusable contours.
    InputError
        IDX-002, IDX-003, IDX-004, IDX-010 where the file is no mask.
    """
    parts = _parts(Path(path), grid, frame_of_reference_uid, settings or Settings.shipped())
    taken = _taken(parts, want=want, label=label, name=Path(path).name)
    if want == "lesion" and len(taken) > 1:
        return _one_label_each(taken, grid)
    whole = np.zeros(grid.shape, dtype=np.bool_)
    for part in taken:
        whole[part.box] |= part.voxels
    if want != "lesion" and not whole.any():
        raise refusal(MSK_004, where=Path(path).name, what=want)
    return Mask(voxels=whole, grid=grid)


def read_label_map(
    path: str | Path, grid: Grid, legend: str, *, settings: Settings | None = None
) -> LabelMap:
    """A multilabel mask of another tool, in netimg's label codes.

    A SEG or RTSTRUCT is read by the names of its structures (``Segment IV``, ``Spleen``), which
    must be those of `netimg.anatomy.LABEL_NAMES`; the legend is then ``netimg``.

    Parameters
    ----------
    legend
        ``netimg``, ``totalsegmentator-v2``, or a TOML file of ``label = code or name`` pairs
        (codes and names of `netimg.anatomy.LABEL_NAMES`). Labels without an entry are left out.

    Raises
    ------
    MaskError
        As `read_mask`.
    UsageError
        USE-001 for an unknown legend, name or code.
    """
    path, settings = Path(path), settings or Settings.shipped()
    _check_file(path)
    if path.name.lower().endswith(_NIFTI):
        coded = _coded(nifti_labels(path, grid, settings), legend)
    else:
        _legend(legend, 0)
        coded = _by_name(_parts(path, grid, None, settings), grid, path.name)
    if not coded.any():
        raise refusal(MSK_004, where=path.name, what="label")
    found = np.flatnonzero(np.bincount(coded.ravel()))
    names = {int(code): LABEL_NAMES[int(code)] for code in found if code}
    return LabelMap(labels=coded, grid=grid, names=names)


def _coded(labels: LabelZYX, legend: str) -> LabelZYX:
    """Labels of a file in netimg's codes; what the legend does not name is left out."""
    largest = int(labels.max(initial=0))
    lookup = np.zeros(largest + 1, dtype=np.uint16)
    for label, code in _legend(legend, largest).items():
        if 0 < label <= largest:
            lookup[label] = code
    coded: LabelZYX = lookup[labels]
    return coded


def _by_name(parts: Sequence[Part], grid: Grid, name: str) -> LabelZYX:
    """Structures coded by their names; small ones over large ones, as a segment over the liver."""
    codes = {plain(text): code for code, text in LABEL_NAMES.items()}
    known = [(part, codes[plain(part.name)]) for part in parts if plain(part.name) in codes]
    if not known:
        raise _not_there(parts, "structure with a known name", name)
    labels: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
    for part, code in sorted(known, key=lambda item: -int(item[0].voxels.sum())):
        labels[part.box][part.voxels] = code
    return labels


def read_mask_file(path: str | Path, *, settings: Settings | None = None) -> LabelMap:
    """A NIfTI mask on its own grid, turned to the axes nearest to z, y, x.

    Raises
    ------
    MaskError
        MSK-009, MSK-011, MSK-015.
    InputError
        IDX-002, IDX-003, IDX-010 where the file is no NIfTI mask.
    """
    path = Path(path)
    _check_file(path)
    if not path.name.lower().endswith(_NIFTI):
        raise refusal(IDX_010, "no_nifti", file=path.name)
    labels, grid = nifti_on_own_grid(path, settings or Settings.shipped())
    return LabelMap(labels=labels, grid=grid)


def _parts(path: Path, grid: Grid, frame_uid: str | None, settings: Settings) -> list[Part]:
    _check_file(path)
    if path.name.lower().endswith(_NIFTI):
        return read_nifti(path, grid, settings)
    file = Found(path.name, path, None, path.stat().st_size)
    with content(file, settings) as data:
        try:
            a = Attributes(scan(data, name=path.name, settings=settings), path.name)
        except InputError as error:
            if error.code is not IDX_004:
                raise
            raise refusal(IDX_004, "mask", file=path.name) from error
        sop_class = a.uid(0x00080016) or ""
        if sop_class not in (SEG, RTSTRUCT):
            raise refusal(IDX_010, "no_mask", file=path.name, kind=kind_of(sop_class)[0])
        _check_frame(a, frame_uid, sop_class)
        return read_seg(a, grid) if sop_class == SEG else read_rtstruct(a, grid, settings)


def _check_file(path: Path) -> None:
    if not path.is_file():
        variant = "folder_mask" if path.exists() else "mask"
        raise refusal(IDX_002, variant, path=path.name, where=str(path))


def _check_frame(a: Attributes, wanted: str | None, sop_class: str) -> None:
    """Refuse a mask that names another coordinate system."""
    stated = {a.uid(0x00200052)}
    if sop_class == RTSTRUCT:
        stated = {item.uid(0x30060024) for item in a.items(0x30060020) or ()}
    named = {uid for uid in stated if uid}
    if wanted is not None and named and wanted not in named:
        raise refusal(MSK_002, where=a.name, uid=min(named))


def _taken(parts: Sequence[Part], *, want: str, label: str | None, name: str) -> list[Part]:
    """Parts that are meant: by the label a person gave, else by code, else by words."""
    if label is not None:
        return _labelled(parts, label, name)
    if len(parts) <= 1:
        return list(parts)
    if all(not part.name for part in parts):
        if want != "lesion":
            raise refusal(MSK_003, "several", where=name, asked=want, present=_present(parts))
        return list(parts)
    rows = table("masks")
    if want not in ("liver", "lesion"):
        fits = [part for part in parts if want.casefold() in plain(part.name)]
    else:
        fits = [part for part in parts if part.code in rows[want]["codes"]]
        fits = fits or [part for part in parts if _says(part, want)]
    if not fits:
        raise _not_there(parts, want, name)
    return fits


def _says(part: Part, want: str) -> bool:
    """Whether a name means it; "liver lesion" means a lesion."""
    rows = table("masks")
    words = {re.sub(r"\d+$", "", word) for word in plain(part.name).split()}
    lesion = bool(words & set(rows["lesion"]["words"]))
    return lesion if want == "lesion" else not lesion and bool(words & set(rows[want]["words"]))


def _labelled(parts: Sequence[Part], label: str, name: str) -> list[Part]:
    asked = label.strip().casefold()
    for fits in (
        [p for p in parts if asked == str(p.number)],
        [p for p in parts if asked == p.name.strip().casefold()],
        [p for p in parts if asked in p.name.casefold()],
    ):
        if len(fits) == 1:
            return fits
    raise _not_there(parts, label, name)


def _not_there(parts: Sequence[Part], asked: str, name: str) -> Exception:
    return refusal(MSK_003, where=name, asked=asked, present=_present(parts))


def _present(parts: Sequence[Part]) -> str:
    return ", ".join(map(str, parts)) or "nothing"


def _one_label_each(parts: Sequence[Part], grid: Grid) -> LabelMap:
    """Lesions numbered as in the file; two that share voxels are refused."""
    labels: LabelZYX = np.zeros(grid.shape, dtype=np.uint16)
    shared = 0
    for number, part in enumerate(parts, start=1):
        view = labels[part.box]
        shared += int(np.count_nonzero(view[part.voxels]))
        view[part.voxels] = number
    if shared:
        raise refusal(MSK_006, overlap_ml=shared * grid.voxel_ml)
    names = {n: part.name or str(part.number) for n, part in enumerate(parts, start=1)}
    return LabelMap(labels=labels, grid=grid, names=names)


def _legend(legend: str, largest: int) -> dict[int, int]:
    """File's label -> netimg's code."""
    if legend == "netimg":
        return {code: code for code in LABEL_NAMES if code <= largest}
    shipped: Mapping[str, Mapping[str, int]] = table("masks")["legends"]
    if legend in shipped:
        return {int(label): int(code) for label, code in shipped[legend].items()}
    path = Path(legend)
    if path.suffix != ".toml" or not path.is_file():
        known = ", ".join(("netimg", *shipped))
        raise UsageError(
            USE_001,
            what=f"{legend!r} is no legend of labels.",
            todo=f"Known: {known}, or a TOML file of label = code pairs.",
        )
    return _legend_file(path)


def _legend_file(path: Path) -> dict[int, int]:
    by_name = {name: code for code, name in LABEL_NAMES.items()}
    try:
        rows = tomllib.loads(path.read_text("utf-8"))
        codes = {int(k): v if isinstance(v, int) else by_name[str(v)] for k, v in rows.items()}
    except (OSError, UnicodeDecodeError, ValueError, KeyError) as error:
        raise UsageError(
            USE_001,
            what=f"the legend cannot be read ({error}).",
            where=path.name,
            todo='Write lines such as 5 = 1 or 5 = "liver".',
        ) from error
    unknown = sorted({code for code in codes.values() if code not in LABEL_NAMES})
    if unknown:
        raise UsageError(USE_001, what=f"there are no label codes {unknown}.", where=path.name)
    return codes
