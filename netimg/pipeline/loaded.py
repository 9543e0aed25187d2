"""A result that can be read back from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from netimg import result


class StudyResult(result.StudyResult):
    """Everything about one study, with the way back from a result folder."""

    @classmethod
    def load(cls, out: str | Path) -> Self:
        """Return the result that ``write_report`` or ``netimg run`` wrote into ``out``.

        Raises
        ------
        OutputError
            OUT-006 if the folder is not a finished netimg result.
        """
        from netimg.reporting.results_json import load_result

        return cls(**fields_of(load_result(Path(out))))

    def to_json(self) -> str:
        """Return the text of ``results.json``."""
        from netimg.reporting.results_json import to_json

        return to_json(self)


def fields_of(whole: result.StudyResult) -> dict[str, Any]:
    """Fields of a result by name, not copied."""
    return {name: getattr(whole, name) for name in result.StudyResult.__dataclass_fields__}
