"""OData expressions: text → tree. One grammar for both services; what a service refuses, its dialect refuses.

The sandbox has a parser of its own, so that an error of the engine's filters can't hide behind the same
error here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache


class SyntaxFault(Exception):
    """Text that is no expression."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. `kind`: null, text, number, boolean, guid, datetime, date, enum, alias."""

    kind: str
    value: str | Decimal | bool | None
    enum: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A property, or a path of navigation properties to one."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; named arguments by name."""

    name: str
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node | tuple[Node, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operator (`and or eq ne gt ge lt le add sub mul div divby mod in has`) or `not`."""

    operator: str
    left: Node
    right: Node | tuple[Node, ...] | None = None


Node = Literal | Name | Call | Operation

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})(?![\w-])
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)
    | (?P<date>\d{4}-\d\d-\d\d)(?![\w-])
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:[MmLlFfDd](?!\w))?
    | (?P<text>'(?:[^']|'')*')
    | (?P<enum>[A-Za-z_][\w.]*\.[A-Za-z_]\w*'(?:[^']|'')*')
    | (?P<name>[A-Za-z_$][\w.$]*(?:/[A-Za-z_$][\w.$]*)*)
    | (?P<alias>@[A-Za-z_]\w*)
    | (?P<mark>[(),=\[\]:])
    )""",
    re.VERBOSE,
)
_BINDING = {"or": 1, "and": 2, "eq": 3, "ne": 3, "gt": 3, "ge": 3, "lt": 3, "le": 3, "has": 3, "in": 3}
_BINDING |= {"add": 4, "sub": 4, "mul": 5, "div": 5, "divby": 5, "mod": 5}


def tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of each token.

    Raises:
        SyntaxFault: something that is no token.
    """
    found, position, end = [], 0, len(text.rstrip())
    for match in _TOKEN.finditer(text, 0, end):
        if match.start() != position or match.lastgroup is None:
            break
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    if position < end:
        raise SyntaxFault(f"Syntax error at position {position} in '{text}'.")
    return found


def unquote_text(token: str) -> str:
    """A quoted literal without its quotes."""
    return token[1:-1].replace("''", "'")


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """An expression as a tree.

    Raises:
        SyntaxFault: with the position.
    """
    parser = _Parser(text)
    node = parser.expression(0)
    if parser.kind != "end":
        raise SyntaxFault(f"Syntax error at '{parser.text}' in '{text}'.")
    return node


def literal(kind: str, text: str) -> Literal:
    """A token as a constant.

    Raises:
        SyntaxFault: the token is none.
    """
    if kind == "text":
        return Literal("text", unquote_text(text))
    if kind == "number":
        return Literal("number", Decimal(text))
    if kind == "guid":
        return Literal("guid", text.lower())
    if kind in ("datetime", "date", "alias"):
        return Literal(kind, text)
    if kind == "enum":
        enum, _, member = text.partition("'")
        return Literal("enum", unquote_text("'" + member), enum)
    if kind == "name" and text in ("null", "true", "false"):
        return Literal("null", None) if text == "null" else Literal("boolean", text == "true")
    raise SyntaxFault(f"'{text}' is not a literal.")


class _Parser:
    """Operator precedence over a list of tokens."""

    def __init__(self, text: str) -> None:
        self._source = text
        self._tokens = tokens(text)
        self._next = 0
        self.kind, self.text = "", ""
        self._advance()

    def _advance(self) -> None:
        if self._next < len(self._tokens):
            self.kind, self.text = self._tokens[self._next]
        else:
            self.kind, self.text = "end", ""
        self._next += 1

    def _expect(self, mark: str) -> None:
        if self.kind != "mark" or self.text != mark:
            raise SyntaxFault(f"'{mark}' expected at '{self.text}' in '{self._source}'.")
        self._advance()

    def expression(self, binding: int) -> Node:
        node = self._prefix()
        while self.kind == "name" and _BINDING.get(self.text, 0) > binding:
            operator = self.text
            self._advance()
            if operator == "in":
                node = Operation(operator, node, self._list("(", ")"))
            else:
                node = Operation(operator, node, self.expression(_BINDING[operator]))
        return node

    def _prefix(self) -> Node:
        if self.kind == "mark" and self.text == "(":
            self._advance()
            node = self.expression(0)
            self._expect(")")
            return node
        if self.kind == "name" and self.text == "not":
            self._advance()
            return Operation("not", self.expression(2))
        if self.kind == "name" and self.text not in ("null", "true", "false"):
            name = self.text
            self._advance()
            if self.kind == "mark" and self.text == "(":
                return self._call(name)
            return Name(tuple(name.split("/")))
        if self.kind in ("end", "mark"):
            raise SyntaxFault(f"Expression expected at '{self.text}' in '{self._source}'.")
        node = literal(self.kind, self.text)
        self._advance()
        return node

    def _call(self, name: str) -> Node:
        self._expect("(")
        arguments: list[Node] = []
        named: list[tuple[str, Node | tuple[Node, ...]]] = []
        while not (self.kind == "mark" and self.text == ")"):
            node = self.expression(0)
            if self.kind == "mark" and self.text == "=" and isinstance(node, Name):
                self._advance()
                is_list = self.kind == "mark" and self.text == "["
                named.append((node.parts[0], self._list("[", "]") if is_list else self.expression(0)))
            elif self.kind == "mark" and self.text == ":":
                raise SyntaxFault("lambda")
            else:
                arguments.append(node)
            if self.kind == "mark" and self.text == ",":
                self._advance()
            elif not (self.kind == "mark" and self.text == ")"):
                raise SyntaxFault(f"',' or ')' expected at '{self.text}' in '{self._source}'.")
        self._expect(")")
        return Call(name, tuple(arguments), tuple(named))

    def _list(self, opening: str, closing: str) -> tuple[Node, ...]:
        self._expect(opening)
        items: list[Node] = []
        while not (self.kind == "mark" and self.text == closing):
            items.append(self.expression(0))
            if self.kind == "mark" and self.text == ",":
                self._advance()
        self._expect(closing)
        return tuple(items)
