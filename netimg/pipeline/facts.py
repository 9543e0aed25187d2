"""Clinical facts from files, trees and typed words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from netimg import finding

if TYPE_CHECKING:
    from netimg.study import Study


class Facts(finding.Facts):
    """Clinical facts, with the ways to get them from a file or a tree."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the facts of a TOML or JSON file of schema ``netimg.facts/1``.

        Raises
        ------
        FactsError
            FACT- and LES- codes; every problem of the file at once.
        """
        tree, lines = _read(Path(path))
        return cls.from_dict(tree, lines=lines, where=Path(path).name)

    @classmethod
    def from_dict(
        cls,
        tree: Mapping[str, Any],
        *,
        with_image: bool = False,
        lines: Mapping[str, int] | None = None,
        where: str = "",
    ) -> Self:
        """Return the facts of a tree as TOML or JSON would give it.

        Parameters
        ----------
        tree
            Schema ``netimg.facts/1``.
        with_image
            Refuse what the image measures (FACT-IMAGE).
        lines, where
            Line of each path, and the file's name, for messages.
        """
        from netimg.assessment.facts import facts_from_tree

        facts = facts_from_tree(tree, with_image=with_image, lines=lines, where=where)
        return cls(
            tree=facts.tree,
            entered=facts.entered,
            assessment_date=facts.assessment_date,
            flags=facts.flags,
        )

    @staticmethod
    def template() -> str:
        """Return a commented facts file to fill in."""
        from netimg.assessment.facts import template

        return template()


def load_facts(
    path: Path | None, texts: tuple[str, ...] = (), assessment_date: dt.date | None = None
) -> Facts | None:
    """Clinical facts of a file with single facts (``--fact``) over it; None without any.

    Raises
    ------
    FactsError, UsageError
        FACT- codes for the file; USE-001 for a single fact that cannot be read.
    """
    if path is None and not texts:
        return None
    from netimg.assessment.facts import told_twice, with_fact

    tree, lines = ({"schema": "netimg.facts/1"}, {}) if path is None else _read(path)
    flags = told_twice(tree, texts)
    for text in texts:
        tree = with_fact(tree, text)
    if assessment_date is not None:
        tree["assessment_date"] = assessment_date.isoformat()
    where = "" if path is None else path.name
    facts = Facts.from_dict(tree, with_image=True, lines=lines, where=where)
    return replace(facts, flags=facts.flags + flags)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Raw tree of a facts file, and the line of each path in it (TOML only)."""
    from netimg.assessment.lines import toml_lines
    from netimg.reading.facts_file import read_facts

    tree = read_facts(path)
    return tree, {} if path.suffix.lower() == ".json" else toml_lines(path.read_text("utf-8"))


def dated(facts: finding.Facts | None, study: Study) -> finding.Facts | None:
    """Return the facts as of the CT's date where nobody gave an assessment date; never today's."""
    day = study.ct.acquired_at.date() if study.ct and study.ct.acquired_at else study.date
    if facts is None or facts.assessment_date is not None or day is None:
        return facts
    tree = dict(facts.entered) | {"assessment_date": day.isoformat()}
    return replace(Facts.from_dict(tree, with_image=True), flags=facts.flags)
