"""One picture with its words, and its bytes as PNG or JPEG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from netimg.reporting.json_text import Document, present

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
    """sRGB, shape ``(rows, columns, 3)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """RGB pixels and what they show.

    ``kind`` is ``axial``, ``coronal``, ``lesion_ct``, ``lesion_pet``, ``mip`` or ``montage``;
    ``slice_index`` an index of the grid the picture was cut from, along its axis z.
    """

    name: str
    kind: str
    pixels: Pixels
    alt: str
    caption: str = ""
    lesion: str | None = None
    series: int | None = None
    slice_index: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.pixels.shape[:2]
        return int(width), int(height)

    def png(self) -> bytes:
        """PNG without any text chunk: the same pixels give the same bytes."""
        return _encoded(self.pixels, "png")

    def jpeg(self, quality: int) -> bytes:
        """JPEG of a quality in 1..95."""
        return _encoded(self.pixels, "jpeg", quality=quality, optimize=True)


def _encoded(pixels: Pixels, kind: str, **how: object) -> bytes:
    from matplotlib.image import imsave

    stream = io.BytesIO()
    # None takes matplotlib's own name out of the file; the stub knows text only.
    metadata: Any = {"Software": None} if kind == "png" else None
    imsave(stream, pixels, format=kind, metadata=metadata, pil_kwargs=dict(how))
    return stream.getvalue()


def index_document(pictures: Sequence[Picture]) -> Document:
    """``pictures/index.json``: file, kind, lesion, slice and words of each picture."""
    return {
        "schema": "netimg.pictures/1",
        "pictures": [
            {
                "file": f"{p.name}.png",
                "kind": p.kind,
                "size_px": list(p.size),
                **present(lesion=p.lesion, series=p.series, slice_index=p.slice_index),
                "alt": p.alt,
            }
            for p in pictures
        ],
    }
