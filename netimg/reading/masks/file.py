"""An open mask file, its kind told by its content: structures on a grid, or a grid of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netimg.errors import IDX_002, IDX_003, IDX_004, IDX_010, MSK_002, InputError
from netimg.reading.attributes import Attributes
from netimg.reading.index import kind_of
from netimg.reading.masks.bounded import GZIP_MAGIC, read_exactly, unpacked
from netimg.reading.masks.labels import Labels, own_grid
from netimg.reading.masks.nifti import is_nifti, read_nifti
from netimg.reading.masks.nrrd import MAGIC, read_nrrd
from netimg.reading.masks.rtstruct import read_rtstruct
from netimg.reading.masks.seg import read_frames, read_seg
from netimg.reading.problems import doubt, refusal
from netimg.reading.scan import scan
from netimg.reading.walk import Found, content

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from netimg.flag import Flag
    from netimg.geometry import Grid
    from netimg.reading.masks.part import Part, Structure
    from netimg.settings import Settings

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"

_HEAD = 540


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A mask file while it is open: ``labels`` of a NIfTI or NRRD, else ``attributes`` of DICOM."""

    name: str
    settings: Settings
    labels: Labels | None = None
    attributes: Attributes | None = None

    @property
    def has_contours(self) -> bool:
        """Whether it is an RT Structure Set, which has no voxels of its own."""
        return self.attributes is not None and self.attributes.uid(0x00080016) == RTSTRUCT

    def structures(self, grid: Grid) -> list[Structure]:
        """Segments, ROIs or labels; refused where they do not lie on a grid."""
        if self.labels is not None:
            return self.labels.structures(grid)
        assert self.attributes is not None  # noqa: S101  # one of both is there
        read = read_rtstruct if self.has_contours else read_seg
        return read(self.attributes, grid, self.settings)

    def own_grid(self) -> Grid:
        """Grid of its own, axes nearest to z, y, x.

        Raises
        ------
        InputError
            IDX-010 for contours, which have none.
        MaskError
            MSK-009.
        """
        if self.has_contours:
            raise refusal(IDX_010, "contours", file=self.name)
        if self.labels is not None:
            return own_grid(self.labels.shape, self.labels.affine_lps, self.name)
        assert self.attributes is not None  # noqa: S101  # one of both is there
        return own_grid(*read_frames(self.attributes).lattice(), self.name)

    def drawn(self, taken: Sequence[Structure], frame_uid: str | None) -> list[Part]:
        """Voxels of structures.

        Raises
        ------
        MaskError
            MSK-002 for one that was drawn in another coordinate system; what drawing may raise.
        """
        own = self._frame_uid()
        for structure in taken:
            named = structure.frame_uid or own
            if frame_uid is not None and named and named != frame_uid:
                raise refusal(MSK_002, where=self.name, uid=named)
        return [structure.draw() for structure in taken]

    def _frame_uid(self) -> str | None:
        """Frame of reference of the file, where it names one alone."""
        if self.attributes is None:
            return None
        if not self.has_contours:
            return self.attributes.uid(0x00200052)
        frames = self.attributes.items(0x30060010) or ()
        return frames[0].uid(0x00200052) if len(frames) == 1 else None

    def source_doubts(self, series_uids: Collection[str] | None) -> list[Flag]:
        """Doubt of a mask that was drawn on series that are not among those."""
        a = self.attributes
        if series_uids is None or a is None:
            return []
        named = {item.uid(0x0020000E) for item in a.items(0x00081115) or ()}
        for frame in a.items(0x30060010) or ():
            for study in frame.items(0x30060012) or ():
                named |= {series.uid(0x0020000E) for series in study.items(0x30060014) or ()}
        sources = {uid for uid in named if uid}
        return [doubt("MSK-012")] if sources and not sources & set(series_uids) else []


@contextmanager
def opened(path: Path, settings: Settings) -> Iterator[File]:
    """Mask file of any kind that is read.

    Raises
    ------
    InputError
        IDX-002, IDX-003, IDX-004, IDX-010 where it is none; IDX-005, IDX-017 where it is damaged or
        beyond the limits.
    MaskError
        As `read_nifti` and `read_nrrd`.
    """
    labels = _lattice(path, settings)
    if labels is not None:
        yield File(path.name, settings, labels=labels)
        return
    with content(Found(path.name, path, None, path.stat().st_size), settings) as data:
        try:
            a = Attributes(scan(data, name=path.name, settings=settings), path.name)
        except InputError as error:
            if error.code is not IDX_004:
                raise
            raise refusal(IDX_004, "mask", file=path.name) from error
        sop_class = a.uid(0x00080016) or ""
        if sop_class not in (SEG, LABELMAP, RTSTRUCT):
            raise refusal(IDX_010, "no_mask", file=path.name, kind=kind_of(sop_class)[0])
        yield File(path.name, settings, attributes=a)


def _lattice(path: Path, settings: Settings) -> Labels | None:
    """Labels of a NIfTI or NRRD file; None where it is neither."""
    if not path.is_file():
        variant = "folder_mask" if path.exists() else "mask"
        raise refusal(IDX_002, variant, path=path.name, where=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head.startswith(GZIP_MAGIC):
                file.seek(0)
                head = bytes(read_exactly(unpacked(file, "gzip"), 348, file=path.name))
    except OSError as error:
        reason = error.strerror or str(error)
        raise refusal(IDX_003, file=path.name, reason=reason) from error
    if is_nifti(head):
        return read_nifti(path, settings)
    return read_nrrd(path, settings) if head.startswith(MAGIC) else None
