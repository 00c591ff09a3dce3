"""Filters of maps: OData text to a syntax tree, with errors that say what is allowed.

Both filters of a map are written in OData, the F&O one too, with enum members as plain text
(``PartyType eq 'Organization'``). One parser serves the query sent to a service and the mask applied to rows
that a feed delivers unfiltered, so the part of OData allowed here is what both can do alike: comparisons of a
column with a literal, ``and``, ``or``, ``not``, ``contains``, ``startswith``, ``endswith``.
"""

from __future__ import annotations

from collections.abc import Iterator

from odata_query import ast
from odata_query.exceptions import ODataException, ParsingException, TokenizingException
from odata_query.grammar import ODataLexer, ODataParser

from mappings.errors import MapError

Node = ast._Node

COMPARATORS = ("eq", "ne", "gt", "ge", "lt", "le")
FUNCTIONS = ("contains", "startswith", "endswith")
ALLOWED = (
    f"allowed: column {'|'.join(COMPARATORS)} literal, "
    f"{', '.join(f'{name}(column, text)' for name in FUNCTIONS)}, "
    "and, or, not, parentheses; text in single quotes"
)

_LITERALS = (
    ast.Null,
    ast.Boolean,
    ast.Integer,
    ast.Float,
    ast.String,
    ast.Date,
    ast.DateTime,
    ast.GUID,
)
_COMPARATORS = (ast.Eq, ast.NotEq, ast.Gt, ast.GtE, ast.Lt, ast.LtE)


def parse(text: str) -> Node:
    """The syntax tree of a filter.

    Args:
        text: the filter, such as ``customertypecode eq 3 and name ne null``.

    Raises:
        MapError: bad syntax, or a part of OData that one of both sides can't do.
    """
    try:
        node: Node = ODataParser().parse(ODataLexer().tokenize(text))
    except (ParsingException, TokenizingException) as error:
        raise _bad(text, f"can't be read {_where(text, error)}") from error
    except ODataException as error:
        raise _bad(text, str(error)) from error
    if node is None:
        raise _bad(text, "is empty")
    _check(node, text)
    return node


def fields_of(node: Node) -> frozenset[str]:
    """Names of the columns that a filter reads."""
    match node:
        case ast.Identifier():
            return frozenset((node.name,))
        case ast.BoolOp() | ast.Compare():
            return fields_of(node.left) | fields_of(node.right)
        case ast.UnaryOp():
            return fields_of(node.operand)
        case ast.Call():
            return frozenset().union(*(fields_of(part) for part in node.args))
        case _:
            return frozenset()


def comparisons(node: Node) -> Iterator[tuple[str, str]]:
    """(column, literal as text) of every comparison for equality or inequality, wherever it stands; not with null."""
    match node:
        case ast.BoolOp():
            yield from comparisons(node.left)
            yield from comparisons(node.right)
        case ast.UnaryOp():
            yield from comparisons(node.operand)
        case ast.Compare(comparator=ast.Eq() | ast.NotEq(), left=ast.Identifier() as column):
            value = getattr(node.right, "val", None)
            if value is not None:
                yield column.name, str(value)


def equalities(node: Node) -> dict[str, str]:
    """Columns that must have one certain value for the filter to hold, with that value as text.

    Only what is joined by ``and`` counts; ``eq null`` doesn't.
    """
    match node:
        case ast.BoolOp(op=ast.And()):
            return equalities(node.left) | equalities(node.right)
        case ast.Compare(comparator=ast.Eq(), left=ast.Identifier() as column):
            value = getattr(node.right, "val", None)
            return {} if value is None else {column.name: str(value)}
        case _:
            return {}


def _check(node: Node, text: str) -> None:
    match node:
        case ast.BoolOp():
            _check(node.left, text)
            _check(node.right, text)
        case ast.UnaryOp(op=ast.Not()):
            _check(node.operand, text)
        case ast.Compare():
            if not isinstance(node.comparator, _COMPARATORS):
                raise _bad(text, f"uses `{type(node.comparator).__name__.lower()}`")
            _column(node.left, text)
            if not isinstance(node.right, _LITERALS):
                raise _bad(text, "compares with something that is not a literal")
        case ast.Call():
            if node.func.name not in FUNCTIONS:
                raise _bad(text, f"uses the function `{node.func.name}`")
            _column(node.args[0], text)
            if not isinstance(node.args[1], ast.String):
                raise _bad(text, f"calls {node.func.name} with something that is not text")
        case _:
            raise _bad(text, "is not a condition")


def _column(node: Node, text: str) -> None:
    if isinstance(node, ast.Attribute):
        raise _bad(text, "follows a lookup; filters can only name the table's own columns")
    if not isinstance(node, ast.Identifier):
        raise _bad(text, "has no column on the left of a comparison")


def _where(text: str, error: ParsingException | TokenizingException) -> str:
    """The place of a syntax error, for people: the text from there on, or the end."""
    token = getattr(error, "token", None)
    index = getattr(token, "index", None)
    rest = text[index:].strip() if isinstance(index, int) else ""
    return f"from “{rest}” on" if rest else "to its end"


def _bad(text: str, problem: str) -> MapError:
    return MapError(f"the filter “{text}” {problem}", code="bad_filter", remedy=ALLOWED)
