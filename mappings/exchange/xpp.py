"""Filters of the F&O side in a dual-write map: X++ query-range expressions, read into the tree of OData filters.

An expression compares fields of the entity with literals: ``((TypeId == "Note") || (TypeId == "URL"))``,
``(name like "A*")``, ``(AccountType == AccountType::Customer)``, ``(TransactionDate <= 23\\06\\2021)``. What our
filters can't say (two fields compared, functions, fields of data sources, wildcards inside a text) is refused
with the place, never guessed.
"""

from __future__ import annotations

import re
from datetime import date

from odata_query import ast

from mappings.errors import MapError
from mappings.filters import Node

MAX_TOKENS, MAX_DEPTH = 1_000, 50
"""Bounds of an expression from elsewhere; the longest published one has 11 parts."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<moment>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z?)
  | (?P<date>\d{1,2}\\\d{1,2}\\\d{4})
  | (?P<number>-?\d+(?:\.\d+)?)(?![\w.])
  | (?P<member>[A-Za-z_]\w*\s*::\s*[A-Za-z_]\w*)
  | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
  | (?P<sign>&&|\|\||==|!=|<>|>=|<=|[=<>!()])
    )""",
    re.VERBOSE,
)
_COMPARATORS = {
    "==": ast.Eq,
    "=": ast.Eq,
    "!=": ast.NotEq,
    "<>": ast.NotEq,
    ">": ast.Gt,
    ">=": ast.GtE,
    "<": ast.Lt,
    "<=": ast.LtE,
}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
Token = tuple[str, str, int]
"""Kind, text, place in the expression."""


def parse(text: str) -> Node:
    """The tree of an X++ filter, as `mappings.filters.parse` gives it for the same filter in OData.

    Names stay as written (dual-write writes fields in capitals) and so do numbers that stand for enum members:
    who knows the entity puts them right.

    Raises:
        MapError: bad syntax, or something that an OData filter of a map can't say.
    """
    reader = _Reader(text)
    node = reader.joined(0)
    reader.end()
    return node


def untranslatable(text: str, problem: str) -> MapError:
    """The error for a filter that OData can't say."""
    shown = text if len(text) <= 200 else text[:199] + "…"
    return MapError(
        f"the filter “{shown}” {problem}",
        code="untranslated_filter",
        remedy="write it in OData: one field of the entity compared with one value each, joined by and, or, not",
    )


class _Reader:
    """Recursive descent. X++ gives && and || the same rank: without parentheses they are not mixed here."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.at = 0

    def _tokens(self) -> list[Token]:
        found: list[Token] = []
        at, end = 0, len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.bad(at)
            kind = str(match.lastgroup)
            found.append((kind, match.group(kind), match.start(kind)))
            at = match.end()
            if len(found) > MAX_TOKENS:
                raise self.refuse(f"has more than {MAX_TOKENS:,} parts")
        return found

    def bad(self, at: int) -> MapError:
        rest = self.text[at:].strip()
        return untranslatable(self.text, f"can't be read from “{rest[:40]}” on" if rest else "breaks off")

    def refuse(self, problem: str) -> MapError:
        return untranslatable(self.text, problem)

    def next(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", len(self.text))

    def take(self, sign: str) -> bool:
        if self.next()[:2] == ("sign", sign):
            self.at += 1
            return True
        return False

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.bad(self.next()[2])

    def joined(self, depth: int) -> Node:
        node = self.single(depth)
        sign = self.next()[1]
        while sign in ("&&", "||") and self.take(sign):
            node = ast.BoolOp(ast.And() if sign == "&&" else ast.Or(), node, self.single(depth))
            if self.next()[:2] == ("sign", "||" if sign == "&&" else "&&"):
                raise self.refuse("mixes && and || without parentheses")
        return node

    def single(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.refuse(f"is nested more than {MAX_DEPTH} deep")
        if self.take("!"):
            if self.next()[1] not in ("!", "("):
                raise self.refuse("has a ! without parentheses behind it")
            return ast.UnaryOp(ast.Not(), self.single(depth + 1))
        if self.take("("):
            node = self.joined(depth + 1)
            if not self.take(")"):
                raise self.bad(self.next()[2])
            return node
        return self.comparison()

    def comparison(self) -> Node:
        left = self.operand()
        kind, sign, at = self.next()
        if kind == "name" and sign.lower() == "like":
            self.at += 1
            return self.like(left, self.operand())
        if kind != "sign" or sign not in _COMPARATORS:
            raise self.bad(at)
        self.at += 1
        right = self.operand()
        if not isinstance(left, ast.Identifier):
            left, right, sign = right, left, _TURNED.get(sign, sign)
        if not isinstance(left, ast.Identifier):
            raise self.refuse("compares two values")
        if isinstance(right, ast.Identifier):
            raise self.refuse(f"compares the fields {left.name} and {right.name}")
        return ast.Compare(_COMPARATORS[sign](), left, right)

    def like(self, field: Node, pattern: Node) -> Node:
        if not isinstance(field, ast.Identifier) or not isinstance(pattern, ast.String):
            raise self.refuse("has a `like` that is not a field and a text")
        text = pattern.val
        inner = text.strip("*")
        if "*" in inner or "?" in inner:
            raise self.refuse(f"has a wildcard inside “{text}”")
        before, after = text.startswith("*"), text.endswith("*")
        if not inner:
            raise self.refuse(f"compares with “{text}”, which every text is like")
        if not (before or after):
            return ast.Compare(ast.Eq(), field, pattern)
        function = "contains" if before and after else "endswith" if before else "startswith"
        return ast.Call(ast.Identifier(function), [field, ast.String(inner)])

    def operand(self) -> Node:
        kind, text, at = self.next()
        if kind in ("sign", "end"):
            raise self.bad(at)
        self.at += 1
        match kind:
            case "text":
                return ast.String(re.sub(r"\\(.)", r"\1", text[1:-1]))
            case "number":
                return ast.Float(text) if "." in text else ast.Integer(text)
            case "date":
                return self.day(text)
            case "moment":
                return ast.DateTime(text if text.endswith("Z") else f"{text}Z")
            case "member":
                return ast.String(text.split("::")[1].strip())
        return self.named(text)

    def named(self, text: str) -> Node:
        if text.lower() in ("true", "false"):
            return ast.Boolean(text.lower())
        if self.next()[:2] == ("sign", "("):
            raise self.refuse(f"calls the function {text}")
        if "." in text:
            raise self.refuse(f"names {text}: a field of a data source, not of the entity")
        return ast.Identifier(text)

    def day(self, text: str) -> Node:
        day, month, year = (int(part) for part in text.split("\\"))
        try:
            return ast.Date(date(year, month, day).isoformat())
        except ValueError:
            raise self.refuse(f"names the day {text}, which does not exist") from None
