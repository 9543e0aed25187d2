"""The pages of ``docs/`` that are written by a command: ``make docs``.

``codes.md`` from ``netimg/errors.py`` and ``configs/reading/problems.toml``, ``tolerances.md`` from
the files that reading decides by. A test refuses pages that are not current.
"""

from __future__ import annotations

import re
from pathlib import Path

from netimg.errors import CODES, EXITS
from netimg.resources import load_toml, shipped

DOCS = Path(__file__).resolve().parents[2] / "docs"
LEVELS = {
    "X": "refuses the study",
    "S": "refuses the file or series; the rest is used",
    "W": "a warning beside the number",
    "I": "information",
}
GROUPS = {
    "IDX": "finding files",
    "SEL": "choosing series",
    "GEO": "geometry",
    "PIX": "pixels",
    "SUV": "from a PET header to SUV",
    "MSK": "masks given in place of the model",
    "SEG": "segmentation",
    "MDL": "models",
    "FACT": "clinical facts",
    "LES": "lesions in a facts file",
    "USE": "what was typed",
    "CFG": "settings",
    "CRIT": "rule files",
    "OUT": "writing results",
    "RUN": "workers and required parts",
    "INT": "a bug",
    "": "flags by name",
}
TABLES = {
    "configs/limits.toml": "Budgets for foreign files",
    "configs/reading/geometry.toml": "When slices make a volume",
    "configs/reading/choice.toml": "Which CT and which PETs are taken",
    "configs/reading/pixels.toml": "What values must look like",
    "configs/reading/suv.toml": "From a PET header to SUV",
    "configs/registration.toml": "Laying a PET over a CT",
}
INTRODUCTION = (
    "Each problem has one code, which never changes its meaning. `netimg inspect`, `run` and every "
    "output use the same code and sentence; words in *italics* are filled in. A code that is met "
    "in several ways has several sentences."
)
CHOICES = (
    "This project's choices, unless a source is named. The budgets are settings "
    "(`--set limits.files_max=10000`); the others are files that ship with netimg."
)
MADE = "<!-- written by `make docs` from {sources}; change it there -->"


def pages():
    """Text of each page by file name."""
    return {"codes.md": codes_page(), "tolerances.md": tolerances_page()}


def codes_page():
    """Every code: exit status, level, sentence and what to do."""
    problems = load_toml("configs", "reading", "problems.toml")
    lines = [
        "# Problem codes",
        MADE.format(sources="netimg/errors.py and configs/reading/problems.toml"),
        "",
        INTRODUCTION,
        "",
        "| level | meaning |",
        "|---|---|",
        *(f"| {name} | {meaning} |" for name, meaning in LEVELS.items()),
        "",
        "A refusal ends a command only where nothing usable is left:",
        "",
        "| exit status | name | when |",
        "|---|---|---|",
        *(f"| {number} | {name} | {when} |" for number, (name, when) in EXITS.items()),
    ]
    for group, title in GROUPS.items():
        rows = [row for code in _codes(group, problems) for row in _rows(code, problems)]
        if not rows:
            continue
        head = f"{group}: {title}" if group else title
        lines += ["", f"## {head}", "", "| code | level | exit | sentence | what to do |"]
        lines += ["|---|---|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _codes(group, problems):
    """Codes of a group in order, those that never refuse among them."""
    names = {*CODES, *(name.partition("/")[0] for name in problems)}
    return sorted(name for name in names if name.rpartition("-")[0].partition("-")[0] == group)


def _rows(code, problems):
    told = [name for name in problems if name.partition("/")[0] == code]
    known = CODES.get(code)
    if not told:
        yield f"| {code} | | {known.exit_code} | {known.title} | |"
    for name in told:
        problem = problems[name]
        level = problem["level"]
        status = known.exit_code if known is not None and level in "XS" else ""
        todo = problem.get("todo") or (
            problems.get(code, {}).get("todo", "") if level in "XS" else ""
        )
        yield f"| {code} | {level} | {status} | {_shown(problem['sentence'])} | {_shown(todo)} |"


def _shown(text):
    """A sentence with its places in italics, fit for a cell."""
    text = text.replace("|", "\\|").replace("<", "&lt;")
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda found: f"*{found[1].replace('_', ' ')}*", text)


def tolerances_page():
    """Every number that reading decides by, with the note that stands beside it."""
    lines = [
        "# Numbers that reading decides by",
        MADE.format(sources=", ".join(TABLES)),
        "",
        CHOICES,
    ]
    for path, title in TABLES.items():
        lines += ["", f"## {title}", "", f"`{path}`", ""]
        lines += ["| key | value | meaning |", "|---|---|---|"]
        lines += _keys(shipped(*path.split("/")).read_text("utf-8"))
    return "\n".join(lines) + "\n"


def _keys(text):
    """A row per key of a TOML file; a table's own note stands in a row without a value."""
    table = ""
    for line in text.splitlines():
        head = re.fullmatch(r"\[([\w.]+)\]\s*(?:#\s*(.*))?", line)
        row = re.fullmatch(r"(\w+) = (.*?)(?:\s{2,}#\s*(.*))?", line)
        if head:
            table = head[1]
            if head[2]:
                yield f"| `{table}` | | {_shown(head[2])} |"
        elif row:
            value = row[2].replace("|", "\\|")
            yield f"| `{table}.{row[1]}` | `{value}` | {_shown(row[3] or '')} |"


def main():
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
