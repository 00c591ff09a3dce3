"""Cells of a page of rows, by column or by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

Row = dict[str, Any]

SLICE = 500
"""Rows that go through the column passes together: few enough to stay in the processor's cache, which
halves the time of a page; enough that the passes' own cost is nothing."""


def slices(rows: Sequence[Row]) -> Iterator[tuple[int, Sequence[Row]]]:
    """A page in slices, each with the place of its first row."""
    for start in range(0, len(rows), SLICE):
        yield start, rows[start : start + SLICE]


def columns_of(rows: Sequence[Row], names: Sequence[str]) -> list[Sequence[Any]]:
    """One sequence of cells per name; None where a row lacks the property."""
    if not rows:
        return [()] * len(names)
    if len(names) == 1:
        return [[row.get(names[0]) for row in rows]]
    # each row is visited once, not once a column
    return list(zip(*rows_of(rows, names), strict=True))


def rows_of(rows: Sequence[Row], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """One tuple of cells per row; None where a row lacks the property."""
    if len(names) > 1:
        try:
            return list(map(itemgetter(*names), rows))
        except KeyError:
            pass
    return [tuple(map(row.get, names)) for row in rows]
