"""The expression language of rule files: its tree, its parser, its spelling.

::

    expr := fact op number | fact op $param | is(fact) | in(fact, {a, b}) | @RULE
          | all(expr, ...) | any(expr, ...) | not(expr) | at_least(k, expr, ...)
          | case(fact: value -> expr; ...)
          | every_lesion(expr) | some_lesion(expr) | some_plan(expr) | some_staged_plan(expr)
    op   := <= | >= | < | > | ==

``str(tree)`` spells a tree; ``parse(str(tree)) == tree``. Nothing is evaluated here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

MAX_CHARACTERS = 4000
MAX_DEPTH = 32

OPERATORS = ("<=", ">=", "==", "<", ">")
QUANTIFIERS = ("every_lesion", "some_lesion", "some_plan", "some_staged_plan")

_TOKEN = re.compile(
    r"\s*(?:(?P<arrow>->)|(?P<op><=|>=|==|<|>)|(?P<mark>[(){},;:])"
    r"|(?P<rule>@[A-Za-z0-9][\w.-]*(?:@[A-Za-z0-9][\w.-]*)?)|(?P<param>\$[A-Za-z_]\w*)"
    r"|(?P<word>-?[A-Za-z0-9_.][A-Za-z0-9_.+]*(?:-(?!>)[A-Za-z0-9_.+]+)*))"
)
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z0-9_]\w*)*\Z")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z")
_VALUE = re.compile(r"[A-Za-z0-9_.+-]+\Z")


class GrammarError(ValueError):
    """An expression that cannot be read: what is wrong, at which character (from 1)."""

    def __init__(self, *, what: str, at: int) -> None:
        super().__init__(f"{what} (character {at})")


@dataclass(frozen=True, slots=True)
class Parameter:
    """``$name``: a number or word of the operator profile."""

    name: str

    def __str__(self) -> str:
        """Return it as written."""
        return f"${self.name}"


@dataclass(frozen=True, slots=True)
class Compare:
    """``fact op threshold``."""

    fact: str
    op: str
    threshold: float | Parameter

    def __str__(self) -> str:
        """Return it as written."""
        number = self.threshold
        text = repr(number).removesuffix(".0") if isinstance(number, float) else str(number)
        return f"{self.fact} {self.op} {text}"


@dataclass(frozen=True, slots=True)
class Is:
    """``is(fact)``: a yes-or-no fact that says yes."""

    fact: str

    def __str__(self) -> str:
        """Return it as written."""
        return f"is({self.fact})"


@dataclass(frozen=True, slots=True)
class In:
    """``in(fact, {a, b})``: a word that is one of these."""

    fact: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as written."""
        return f"in({self.fact}, {{{', '.join(self.values)}}})"


@dataclass(frozen=True, slots=True)
class Rule:
    """``@RULE`` or ``@RULE@PROFILE``: the status of another rule in the same scope."""

    id: str
    profile: str = ""

    def __str__(self) -> str:
        """Return it as written."""
        return f"@{self.id}@{self.profile}" if self.profile else f"@{self.id}"


@dataclass(frozen=True, slots=True)
class _Joined:
    """Parts that are asked together, written as the kind's name and its parts."""

    parts: tuple[Expr, ...]

    def __str__(self) -> str:
        """Return it as written."""
        return f"{type(self).__name__.lower()}({', '.join(map(str, self.parts))})"


class All(_Joined):
    """``all(...)``."""

    __slots__ = ()


class Any(_Joined):
    """``any(...)``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Not:
    """``not(...)``."""

    part: Expr

    def __str__(self) -> str:
        """Return it as written."""
        return f"not({self.part})"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """``at_least(k, ...)``."""

    count: int
    parts: tuple[Expr, ...]

    def __str__(self) -> str:
        """Return it as written."""
        return f"at_least({self.count}, {', '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Case:
    """``case(fact: value -> expr; ...)``."""

    fact: str
    branches: tuple[tuple[str, Expr], ...]

    def __str__(self) -> str:
        """Return it as written."""
        rows = "; ".join(f"{value} -> {expr}" for value, expr in self.branches)
        return f"case({self.fact}: {rows})"


@dataclass(frozen=True, slots=True)
class Quantified:
    """``every_lesion(...)`` and its kin."""

    quantifier: str
    part: Expr

    def __str__(self) -> str:
        """Return it as written."""
        return f"{self.quantifier}({self.part})"


Expr: TypeAlias = Compare | Is | In | Rule | All | Any | Not | AtLeast | Case | Quantified


def parse(text: str) -> Expr:
    """Tree of an expression.

    Raises
    ------
    GrammarError
        If it is not in the grammar, longer than 4000 characters or nested deeper than 32.
    """
    if len(text) > MAX_CHARACTERS:
        raise GrammarError(
            what=f"{len(text)} characters, at most {MAX_CHARACTERS}", at=MAX_CHARACTERS
        )
    parser = _Parser(text)
    tree = parser.expr(1)
    parser.end()
    return tree


def walk(expr: Expr) -> Iterator[Expr]:
    """A tree and all its parts, outer ones first."""
    yield expr
    match expr:
        case All() | Any() | AtLeast():
            for part in expr.parts:
                yield from walk(part)
        case Not() | Quantified():
            yield from walk(expr.part)
        case Case():
            for _, part in expr.branches:
                yield from walk(part)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            at = len(text) - len(text[position:].lstrip())
            raise GrammarError(what=f"{text[at]!r} is not part of the grammar", at=at + 1)
        kind = match.lastgroup
        found.append(_Token(kind, match[kind], match.start(kind) + 1))
        position = match.end()
    found.append(_Token("end", "the end", len(text) + 1))
    return found


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *wanted: str) -> _Token:
        """Take the next token, which must be of one of these kinds or texts."""
        token = self._peek()
        if wanted and token.kind not in wanted and token.text not in wanted:
            raise GrammarError(
                what=f"{token.text} where {' or '.join(wanted)} belongs", at=token.at
            )
        self._next += 1
        return token

    def _skip(self, text: str) -> bool:
        """Take the next token if it is this one."""
        if self._peek().text != text:
            return False
        self._next += 1
        return True

    def end(self) -> None:
        """Nothing may be left."""
        token = self._peek()
        if token.kind != "end":
            raise GrammarError(what=f"{token.text} after the end of the expression", at=token.at)

    def expr(self, depth: int) -> Expr:
        token = self._peek()
        if depth > MAX_DEPTH:
            raise GrammarError(what=f"nested deeper than {MAX_DEPTH}", at=token.at)
        if token.kind == "rule":
            name, _, profile = self._take().text[1:].partition("@")
            return Rule(name, profile)
        name = self._name()
        if self._peek().text != "(":
            return Compare(name, self._take("op").text, self._threshold())
        self._take("(")
        tree = self._call(name, token, depth)
        self._take(")")
        return tree

    def _call(self, name: str, token: _Token, depth: int) -> Expr:
        """What stands between the brackets of ``name(...)``."""
        if name in QUANTIFIERS:
            return Quantified(name, self.expr(depth + 1))
        forms: dict[str, Callable[[int], Expr]] = {
            "all": lambda depth: All(self._parts(depth)),
            "any": lambda depth: Any(self._parts(depth)),
            "not": lambda depth: Not(self.expr(depth + 1)),
            "is": lambda _: Is(self._name()),
            "in": lambda _: self._in(),
            "at_least": self._at_least,
            "case": self._case,
        }
        if name not in forms:
            raise GrammarError(what=f"{name}(...) is not part of the grammar", at=token.at)
        return forms[name](depth)

    def _in(self) -> In:
        fact = self._name()
        self._take(",")
        return In(fact, self._values())

    def _at_least(self, depth: int) -> AtLeast:
        token = self._take("word")
        if not token.text.isdigit() or int(token.text) < 1:
            raise GrammarError(what=f"{token.text} where a count from 1 belongs", at=token.at)
        self._take(",")
        parts = self._parts(depth)
        if int(token.text) > len(parts):
            raise GrammarError(
                what=f"at least {token.text} of {len(parts)} is never true", at=token.at
            )
        return AtLeast(int(token.text), parts)

    def _parts(self, depth: int) -> tuple[Expr, ...]:
        parts = [self.expr(depth + 1)]
        while self._skip(","):
            parts.append(self.expr(depth + 1))
        return tuple(parts)

    def _case(self, depth: int) -> Case:
        fact = self._name()
        self._take(":")
        branches: list[tuple[str, Expr]] = []
        while True:
            token = self._peek()
            value = self._value()
            if value in dict(branches):
                raise GrammarError(what=f"{value} stands twice", at=token.at)
            self._take("arrow")
            branches.append((value, self.expr(depth + 1)))
            if not self._skip(";"):
                return Case(fact, tuple(branches))

    def _name(self) -> str:
        token = self._take("word")
        if not _NAME.match(token.text):
            raise GrammarError(what=f"{token.text} is not a name", at=token.at)
        return token.text

    def _values(self) -> tuple[str, ...]:
        self._take("{")
        values = [self._value()]
        while self._skip(","):
            values.append(self._value())
        self._take("}")
        return tuple(values)

    def _value(self) -> str:
        token = self._take("word")
        if not _VALUE.match(token.text):
            raise GrammarError(what=f"{token.text} is not a value", at=token.at)
        return token.text

    def _threshold(self) -> float | Parameter:
        token = self._take("word", "param")
        if token.kind == "param":
            return Parameter(token.text[1:])
        if not _NUMBER.match(token.text) or not math.isfinite(float(token.text)):
            raise GrammarError(what=f"{token.text} is not a number", at=token.at)
        return float(token.text)
