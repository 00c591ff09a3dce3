"""Cells of a page of rows, by column or by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

Row = dict[str, Any]


def columns_of(rows: Sequence[Row], names: Sequence[str]) -> list[Sequence[Any]]:
    """One sequence of cells per name; None where a row lacks the property."""
    if not rows:
        return [()] * len(names)
    found: list[Sequence[Any]] = []
    for name in names:
        try:
            found.append(list(map(itemgetter(name), rows)))
        except KeyError:
            found.append([row.get(name) for row in rows])
    return found


def rows_of(rows: Sequence[Row], names: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    """One tuple of cells per row; None where a row lacks the property."""
    if len(names) > 1:
        try:
            return list(map(itemgetter(*names), rows))
        except KeyError:
            pass
    return [tuple(map(row.get, names)) for row in rows]
