"""A facts file as a raw tree: TOML and JSON are the same tree. Meaning is not given here."""

from __future__ import annotations

import datetime as dt
import json
import math
import tomllib
from pathlib import Path
from typing import Any

from netimg.errors import FACT_KEY, FACT_RANGE, FACT_SIZE, FACT_TYPE, IDX_003, FactsError
from netimg.reading.problems import refusal
from netimg.settings import Settings

_LONGEST_TEXT = 64 << 10


def read_facts(path: str | Path, *, settings: Settings | None = None) -> dict[str, Any]:
    """Tree of a facts file; dates as ISO text, whatever the syntax.

    Parameters
    ----------
    path
        ``.json`` is read as JSON, everything else as TOML.

    Returns
    -------
    dict
        Tables, lists, text, numbers and truth values as they stand in the file.

    Raises
    ------
    FactsError
        FACT-SIZE beyond the limits, FACT-TYPE not TOML or JSON (with the line), FACT-KEY a name
        given twice, FACT-RANGE a number that is not finite.
    InputError
        IDX-003 where the file cannot be read.
    """
    path, settings = Path(path), settings or Settings.shipped()
    tree = _parsed(_text(path, settings), path)
    if not isinstance(tree, dict):
        raise FactsError(
            FACT_TYPE,
            what=f"the file holds a {type(tree).__name__}, not a table of facts.",
            where=path.name,
        )
    deepest = settings["limits.facts_depth_max"]
    plain = _plain(tree, (), path.name, deepest)
    assert isinstance(plain, dict)  # noqa: S101  # a table stays a table
    return plain


def _text(path: Path, settings: Settings) -> str:
    most = settings["limits.facts_bytes_max"]
    try:
        with path.open("rb") as stream:
            raw = stream.read(most + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise refusal(IDX_003, file=path.name, reason=reason) from error
    if len(raw) > most:
        raise _too_large(path.name, f"more than {most} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FactsError(
            FACT_TYPE,
            what=f"the file is not text in UTF-8 (byte {error.start}).",
            where=path.name,
            todo="Save it as UTF-8.",
        ) from error


def _parsed(text: str, path: Path) -> object:
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        return tomllib.loads(text)
    except FactsError:
        raise
    except RecursionError as error:
        raise _too_large(path.name, "nested too deeply") from error
    except ValueError as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise FactsError(
            FACT_TYPE, what=f"the file is not {kind}: {error}.", where=path.name,
            todo="Mend the line, or write the other syntax (.toml, .json).",
        ) from error  # fmt: skip


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are unique; TOML refuses the others by itself."""
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FactsError(FACT_KEY, what=f"{twice} is given twice.", todo="Leave one of them.")
    return tree


def _no_constant(name: str) -> float:
    raise FactsError(FACT_RANGE, what=f"{name} is no number a fact can have.")


def _plain(node: object, at: tuple[str, ...], file: str, deepest: int) -> Any:  # noqa: ANN401  # a tree
    """The same tree in JSON's types, within the limits."""
    if len(at) > deepest:
        raise _too_large(file, f"more than {deepest} levels at {'.'.join(at[:3])}")
    if isinstance(node, dict):
        return {key: _plain(value, (*at, key), file, deepest) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value, (*at, str(n)), file, deepest) for n, value in enumerate(node)]
    if isinstance(node, float) and not math.isfinite(node):
        what = f"{'.'.join(at)} is {node}, no number a fact can have."
        raise FactsError(FACT_RANGE, what=what, where=file)
    if isinstance(node, str) and len(node) > _LONGEST_TEXT:
        raise _too_large(file, f"a text of {len(node)} characters at {'.'.join(at)}")
    if isinstance(node, (dt.date, dt.time)):
        return node.isoformat()
    return node


def _too_large(file: str, what: str) -> FactsError:
    return FactsError(
        FACT_SIZE,
        what=f"the facts file is beyond the limits ({what}).",
        where=file,
        todo="Limits: configs/limits.toml, limits.facts_bytes_max and facts_depth_max.",
    )
