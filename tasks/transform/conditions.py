"""A filter as plain conditions: negations pushed down to the comparisons, null and the empty text made one.

Both readers of a filter, the query and the mask, start from here, so that they can't understand it
differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal

from odata_query import ast

from mappings.errors import FatalError
from mappings.metadata import Column, Table
from tasks.transform.folding import fold, listing
from tasks.transform.forms import member_of, truth_of
from tasks.transform.moments import as_date, parse_moment
from tasks.transform.numbers import NUMERIC, parse_number

Operator = Literal["eq", "lt", "le", "gt", "ge", "contains", "startswith", "endswith"]
PARTIAL = frozenset({"contains", "startswith", "endswith"})
MEASURED = frozenset({"lt", "le", "gt", "ge"})

_TEXTUAL = frozenset({"text", "memo"})
_ORDERED = NUMERIC | _TEXTUAL | {"date", "datetime", "option"}

_OPERATORS: dict[type[ast._Comparator], Operator] = {
    ast.Eq: "eq",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
_YES_NO = {"true": "yes", "false": "no"}
_FUNCTIONS: dict[str, Operator] = {
    "contains": "contains",
    "startswith": "startswith",
    "endswith": "endswith",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a column with a value.

    Attributes:
        column: the live column.
        name: the row property that holds it (``_x_value`` for a Dataverse lookup).
        operator: what is asked.
        operand: what it is compared with, see `operand_of`; None = empty.
        spelled: the literal as the map spells it, for the server.
        negated: the opposite is wanted, empty cells included.
    """

    column: Column
    name: str
    operator: Operator
    operand: Operand | None
    spelled: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions of which all, or any, must hold."""

    every: bool
    parts: tuple[Comparison | Junction, ...]


Condition = Comparison | Junction
Operand = str | Decimal


def conditions(node: ast._Node, table: Table) -> Condition:
    """A parsed filter as conditions on a live table.

    Raises:
        FatalError: an unknown column, or a part of OData that filters don't have.
    """
    return _read(node, table, negated=False)


def _read(node: ast._Node, table: Table, *, negated: bool) -> Condition:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            return _read(node.operand, table, negated=not negated)
        case ast.BoolOp():
            every = isinstance(node.op, ast.And) != negated
            parts = (_read(node.left, table, negated=negated), _read(node.right, table, negated=negated))
            return Junction(every, parts)
        case ast.Compare(comparator=ast.NotEq()):
            return _comparison(node.left, table, "eq", _literal(node.right), not negated)
        case ast.Compare() if type(node.comparator) in _OPERATORS:
            operator = _OPERATORS[type(node.comparator)]
            return _comparison(node.left, table, operator, _literal(node.right), negated)
        case ast.Call() if node.func.name in _FUNCTIONS and len(node.args) == 2:
            operator = _FUNCTIONS[node.func.name]
            return _comparison(node.args[0], table, operator, _literal(node.args[1]), negated)
    raise _unreadable(table, f"filters have no {type(node).__name__}")


def _comparison(
    node: ast._Node, table: Table, operator: Operator, value: str | None, negated: bool
) -> Comparison:
    if not isinstance(node, ast.Identifier):
        raise _unreadable(table, "a comparison needs a column on its left")
    name = node.name
    column = table.columns.get(name)
    if column is None and name.startswith("_") and name.endswith("_value"):
        column = table.columns.get(name[1:-6])
    if column is None:
        near = get_close_matches(name, table.columns, n=3, cutoff=0.5)
        raise FatalError(
            f"the filter names {name}, which {table.name} does not have",
            code="unknown_column",
            remedy=f"near: {', '.join(near)}" if near else "correct the filter in the map",
        )
    if (
        (operator in PARTIAL and column.kind not in _TEXTUAL)
        or (operator in MEASURED and column.kind not in _ORDERED)
        or (operator != "eq" and value is None)
    ):
        what = "nothing" if value is None else column.kind
        raise _unreadable(table, f"{operator} has no meaning for {name} and {what}")
    try:
        operand = None if value is None else operand_of(column, value)
    except ValueError as error:
        raise _unreadable(table, f"{name}: {error}") from None
    if operator in PARTIAL and value is not None:
        # blanks at the end of a part count, unlike those at the end of a text
        operand = value.casefold()
    held = f"_{column.name}_value" if column.kind == "lookup" else column.name
    return Comparison(column, held, operator, operand, value or "", negated)


def operand_of(column: Column, text: str) -> Operand:
    """A literal, or a cell, in the form in which this column compares.

    Returns: a number for numbers and options; ``YYYY-MM-DD`` or ``YYYY-MM-DDTHH:MM:SSZ`` for dates; an enum
        member in the live spelling; ``true`` or ``false``; anything else folded.

    Raises:
        ValueError: it can't stand in this column.
    """
    match column.kind:
        case "integer" | "bigint" | "decimal" | "double" | "option":
            return parse_number(text)
        case "date":
            return as_date(parse_moment(text))
        case "datetime":
            return parse_moment(text)
        case "boolean":
            truth = truth_of(text)
            if truth is None:
                raise ValueError(f"{text!r} is neither true nor false")
            return "true" if truth else "false"
        case "enum":
            member = member_of(column, text) or member_of(column, _YES_NO.get(fold(text), ""))
            if member is None:
                raise ValueError(f"{text!r} is not one of {listing(column.members)}")
            return member
        case _:
            return fold(text)


def _literal(node: ast._Node) -> str | None:
    """A literal's text; None for null and the empty text."""
    match node:
        case ast.Null():
            return None
        case ast.String():
            return str(node.val) if node.val.strip(" ") else None
        case ast.Boolean():
            return fold(node.val)
        case ast.Integer() | ast.Float() | ast.Date() | ast.DateTime() | ast.GUID():
            text: Any = node.val
            return str(text)
    raise FatalError(
        f"the filter compares with a {type(node).__name__}, not with a value",
        code="bad_filter",
        remedy="compare a column with text, a number, true, false, null, a date or a guid",
    )


def _unreadable(table: Table, reason: str) -> FatalError:
    return FatalError(
        f"the filter of {table.name} can't be used: {reason}",
        code="bad_filter",
        remedy="use eq ne gt ge lt le, and or not, contains startswith endswith",
    )
