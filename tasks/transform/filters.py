"""A map's filter in its two forms: the server's query and the mask over rows that a feed delivered.

Both compare without case and take empty for null. Where a service can't be asked precisely (its wildcards
can't be escaped everywhere), the query is wider than the mask, never narrower: apply the mask to what was
read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from odata_query import ast

from mappings.metadata import Column, SideName, Table
from tasks.transform.cells import Row, columns_of
from tasks.transform.conditions import Comparison, Condition, Operand, conditions, operand_of
from tasks.transform.folding import fold
from tasks.transform.forms import empty_fno
from tasks.transform.moments import as_date, as_datetime, is_empty_moment
from tasks.transform.numbers import NUMERIC
from tasks.transform.queries import query

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def to_odata(node: ast._Node, side: SideName, table: Table) -> str:
    """The filter in the side's dialect; "" where it can't narrow anything.

    Args:
        node: the parsed filter.
        side: whose dialect.
        table: its live table; F&O enum members are written in the live spelling, with their type.

    Raises:
        FatalError: unknown column or enum member, or something that filters don't have.
    """
    return query(conditions(node, table), side)


def mask(node: ast._Node, rows: Sequence[Row], table: Table) -> Mask:
    """Which rows pass: bool (n,).

    A comparison with an empty cell is false (and its opposite true); null and the empty text are one, and
    on F&O so is the empty value of the type when the filter asks for null.

    Raises:
        FatalError: as in `to_odata`.
    """
    return _mask(conditions(node, table), rows, table)


def _mask(condition: Condition, rows: Sequence[Row], table: Table) -> Mask:
    if isinstance(condition, Comparison):
        return _verdicts(condition, rows, table)
    parts = [_mask(part, rows, table) for part in condition.parts]
    combine = np.logical_and if condition.every else np.logical_or
    found: Mask = combine.reduce(parts)
    return found


class _Verdicts(dict[Hashable, bool]):
    """Cell → verdict, asked once per different cell."""

    def __init__(self, ask: Callable[[Any], bool]) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, cell: Hashable) -> bool:
        verdict = self[cell] = self._ask(cell)
        return verdict


def _verdicts(test: Comparison, rows: Sequence[Row], table: Table) -> Mask:
    (cells,) = columns_of(rows, [test.name])
    if test.operand is None:
        empty = _empty_in_fno if table.side == "fno" else _empty_in_dataverse
        verdicts = _Verdicts(lambda cell: empty(test.column, cell) != test.negated)
    else:
        operand = test.operand
        verdicts = _Verdicts(lambda cell: _holds(test, cell, operand) != test.negated)
    return np.fromiter((verdicts[cell] for cell in cells), dtype=bool, count=len(cells))


def _holds(test: Comparison, cell: Any, operand: Operand) -> bool:
    if _is_null(cell):
        return False
    try:
        held = operand_of(test.column, str(cell))
    except ValueError:
        # such as an enum member that the metadata doesn't have yet
        held = fold(str(cell))
    if isinstance(held, Decimal) != isinstance(operand, Decimal):
        return False
    if test.column.kind == "datetime" and isinstance(held, str) and isinstance(operand, str):
        held = as_date(held) if len(operand) == 10 else as_datetime(held)
    return _compare(test.operator, held, operand)


def _compare(operator: str, held: Any, operand: Any) -> bool:
    match operator:
        case "eq":
            return bool(held == operand)
        case "lt":
            return bool(held < operand)
        case "le":
            return bool(held <= operand)
        case "gt":
            return bool(held > operand)
        case "ge":
            return bool(held >= operand)
        case "startswith":
            return str(held).startswith(operand)
        case "endswith":
            return str(held).endswith(operand)
        case _:
            return operand in held


def _is_null(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip(" "))


def _empty_in_dataverse(_column: Column, cell: Any) -> bool:
    return _is_null(cell)


def _empty_in_fno(column: Column, cell: Any) -> bool:
    if _is_null(cell):
        return True
    match column.kind:
        case kind if kind in NUMERIC:
            return operand_of(column, str(cell)) == 0
        case "enum":
            return fold(str(cell)) == fold(str(empty_fno(column)))
        case "date" | "datetime":
            return is_empty_moment(str(cell))
        case "guid":
            return not str(cell).strip("{}0-")
    return False
