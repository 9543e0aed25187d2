"""CSV as every table of netimg is written: RFC 4180, comma, LF, UTF-8, six significant digits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

Cell = float | int | str | bool | Sequence[str] | None
"""What a cell may hold; None is an empty cell."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """Text of a table; a column that a row lacks is an empty cell.

    Raises
    ------
    ValueError
        If a row has a column that the table does not have.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        unknown = sorted(set(row) - set(columns))
        if unknown:
            msg = f"the table has no column {unknown}"
            raise ValueError(msg)
        writer.writerow([cell_text(row.get(column)) for column in columns])
    return stream.getvalue()


def cell_text(value: Cell) -> str:
    """A cell as text; text that a spreadsheet would take for a formula gets an apostrophe.

    Examples
    --------
    >>> cell_text(25.01349999), cell_text(True), cell_text(("VII", "VI")), cell_text("=1+1")
    ('25.0135', 'true', 'VII;VI', "'=1+1")
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return format(value, ".6g")
    text = value if isinstance(value, str) else ";".join(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
