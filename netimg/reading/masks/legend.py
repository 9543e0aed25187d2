"""What the numbers of a multilabel mask mean: a legend by name, or a file of pairs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netimg.anatomy import LABEL_NAMES
from netimg.errors import USE_001, UsageError
from netimg.reading.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netimg.arrays import LabelZYX


def coded(labels: LabelZYX, legend: str) -> tuple[LabelZYX, dict[int, int]]:
    """Labels of a file in netimg's codes; what the legend does not name is left out.

    Returns
    -------
    labels
        uint16 ``[z, y, x]``.
    left_out
        Voxels by number, for the numbers that the legend does not name.

    Raises
    ------
    UsageError
        USE-001 for a legend, name or code that is not known.
    """
    largest = int(labels.max(initial=0))
    lookup = np.zeros(largest + 1, dtype=np.uint16)
    for label, code in read_legend(legend, largest).items():
        if 0 < label <= largest:
            lookup[label] = code
    counts = np.zeros(largest + 1, dtype=np.int64)
    for plane in labels:
        counts += np.bincount(plane.ravel(), minlength=largest + 1)
    unknown = np.flatnonzero((counts > 0) & (lookup == 0))
    return lookup[labels], {int(n): int(counts[n]) for n in unknown if n}


def read_legend(legend: str, largest: int) -> dict[int, int]:
    """File's label -> netimg's code.

    Raises
    ------
    UsageError
        USE-001.
    """
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
