"""Options of ``run`` that put a person's masks in place of the model: `GivenMasks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netimg.cli.options import option
from netimg.errors import USE_001, USE_002, UsageError

if TYPE_CHECKING:
    from netimg.pipeline import MaskFile, Masks

_MASKS = "Masks in place of the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMasks:
    """Mask files as typed; each field is an option."""

    liver_mask: Annotated[
        str | None,
        option(_MASKS, "--liver-mask", "SEG, RTSTRUCT, NIfTI or NRRD.", metavar="FILE[:LABEL]"),
    ] = None
    lesion_mask: Annotated[
        list[str] | None,
        option(_MASKS, "--lesion-mask", "The same; repeatable.", metavar="FILE[:LABEL]"),
    ] = None
    segments_mask: Annotated[
        str | None,
        option(_MASKS, "--segments-mask", "Couinaud segments, codes 11-18.", metavar="FILE"),
    ] = None
    mask: Annotated[
        str | None,
        option(_MASKS, "--mask", "A multilabel mask of another tool.", metavar="FILE"),
    ] = None
    label_map: Annotated[
        str | None,
        option(
            _MASKS,
            "--label-map",
            "What its numbers mean: netimg, totalsegmentator-v2 or a file.",
            metavar="NAME|FILE",
        ),
    ] = None
    no_lesions: Annotated[bool, option(_MASKS, "--no-lesions", "A person says there are none.")] = (
        False
    )

    def masks(self) -> Masks:
        """The masks to read.

        Raises
        ------
        UsageError
            USE-001, USE-002 for options that exclude or need each other; none is ignored.
        """
        from netimg.pipeline import MaskFile, Masks

        for what, todo in self._conflicts():
            raise UsageError(USE_002, what=what, todo=todo)
        return Masks(
            liver=MaskFile.parse(self.liver_mask) if self.liver_mask else None,
            lesions=tuple(MaskFile.parse(text) for text in self.lesion_mask or ()),
            segments=_whole("--segments-mask", self.segments_mask),
            labels=_whole("--mask", self.mask),
            legend=self.label_map or "netimg",
            no_lesions=self.no_lesions,
        )

    def _conflicts(self) -> Iterator[tuple[str, str]]:
        """What excludes or needs each other, and what to do."""
        one = "Leave one of them out."
        if self.no_lesions and self.lesion_mask:
            yield "--no-lesions and --lesion-mask exclude each other.", one
        if self.no_lesions and not (self.liver_mask or self.mask):
            yield "--no-lesions needs a liver mask.", "Add --liver-mask FILE or --mask FILE."
        if self.mask and not self.label_map:
            what = "--mask does not say what its numbers mean."
            yield what, "Add --label-map netimg, or another map."
        if self.label_map and not self.mask:
            what = "--label-map says what the numbers of --mask mean, and there is no --mask."
            yield what, "Add --mask FILE, or leave --label-map out."
        if self.mask and self.liver_mask:
            yield "--mask and --liver-mask both give the liver.", one


def _whole(option_: str, text: str | None) -> MaskFile | None:
    """A file that is read whole: a label behind it would be ignored, so it is refused."""
    from netimg.pipeline import MaskFile

    file = MaskFile.parse(text) if text else None
    if file is not None and file.label is not None:
        raise UsageError(
            USE_001,
            what=f"{option_} reads every number of its file, and {text!r} names one.",
            todo=f"Leave :{file.label} out, or give that structure alone with --liver-mask or "
            "--lesion-mask.",
        )
    return file
