"""Lines of the keys of a TOML text, for messages; what tomllib parses but does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_PATH = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_PATH})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"[ \t]*({_PATH})[ \t]*=")
_SKIP = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*''', re.DOTALL
)


def toml_lines(text: str) -> dict[str, int]:
    r"""Line, from 1, of every key by its dotted path: ``plans.0.name``.

    Keys of inline tables inside arrays carry their position, as in ``table.rows.2.label``. A text
    that is not TOML gives what could be found.

    Examples
    --------
    >>> toml_lines('a = 1\n[b]\nc = [\n  { d = 2 },\n]')
    {'a': 1, 'b': 2, 'b.c': 3, 'b.c.0': 4, 'b.c.0.d': 4}
    """
    return _Scanner(text).scan()


def nearest_line(lines: Mapping[str, int], path: str) -> int | None:
    """Line of a path, or of the closest thing around it that has one."""
    while path:
        if path in lines:
            return lines[path]
        path = path.rpartition(".")[0]
    return None


def _parts(path: str) -> list[str]:
    return [key.strip("\"'") for key in re.findall(_KEY, path)]


class _Scanner:
    """One pass over the text: headers and assignments, and the keys inside brackets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def scan(self) -> dict[str, int]:
        table: list[str] = []
        while self._at < len(self._text):
            header = _HEADER.match(self._text, self._at)
            assignment = _ASSIGNMENT.match(self._text, self._at)
            if header:
                table = self._resolved(_parts(header[2]), is_array=header[1] == "[[")
                self._note(table, header.start(2))
                self._at = header.end()
            elif assignment:
                path = table + _parts(assignment[1])
                self._note(path, assignment.start(1))
                self._at = assignment.end()
                self._value(path)
            self._skip_line()
        return self._lines

    def _note(self, path: list[str], at: int) -> None:
        self._lines.setdefault(".".join(path), self._text.count("\n", 0, at) + 1)

    def _resolved(self, keys: list[str], *, is_array: bool) -> list[str]:
        """Put the position of the array element behind every array of tables."""
        path: list[str] = []
        for k, key in enumerate(keys):
            path.append(key)
            name = ".".join(path)
            if is_array and k == len(keys) - 1:
                self._counts[name] = self._counts.get(name, -1) + 1
            if name in self._counts:
                path.append(str(self._counts[name]))
        return path

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end + 1

    def _blank(self) -> None:
        """Go over white space and comments."""
        while self._at < len(self._text):
            if self._text[self._at] in " \t\r\n,":
                self._at += 1
            elif self._text[self._at] == "#":
                self._skip_line()
            else:
                return

    def _value(self, path: list[str]) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            self._scalar()

    def _scalar(self) -> None:
        quoted = _SKIP.match(self._text, self._at)
        if quoted and not quoted[0].startswith("#"):
            self._at = quoted.end()
            return
        while self._at < len(self._text) and self._text[self._at] not in ",]}\n#":
            self._at += 1

    def _array(self, path: list[str]) -> None:
        self._at += 1
        position = 0
        while True:
            self._blank()
            if self._text[self._at : self._at + 1] in ("]", ""):
                self._at += 1
                return
            element = [*path, str(position)]
            self._note(element, self._at)
            before = self._at
            self._value(element)
            self._at += self._at == before
            position += 1

    def _inline(self, path: list[str]) -> None:
        self._at += 1
        while True:
            self._blank()
            if self._text[self._at : self._at + 1] in ("}", ""):
                self._at += 1
                return
            assignment = _ASSIGNMENT.match(self._text, self._at)
            if assignment is None:
                self._at += 1
                continue
            inner = path + _parts(assignment[1])
            self._note(inner, assignment.start(1))
            self._at = assignment.end()
            self._value(inner)
