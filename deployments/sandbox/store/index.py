"""Indexes over the rows of one table, compared as the services compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from deployments.sandbox.folding import fold

RowId = Any  # Dataverse: guid text; F&O: record id
Row = dict[str, Any]


class Index:
    """Which rows have these values.

    Args:
        columns: wire names of the columns, compared together.
        unique: one row a value; rows with a null in one of the columns are left out.
    """

    __slots__ = ("_many", "_pick", "_unique", "columns", "unique")

    def __init__(self, columns: tuple[str, ...], *, unique: bool) -> None:
        self.columns = columns
        self.unique = unique
        self._pick = itemgetter(*columns)
        self._unique: dict[Any, RowId] = {}
        self._many: dict[Any, set[RowId]] = {}

    def key(self, row: Mapping[str, Any]) -> Any:
        """The folded values of a row; None if the index leaves it out."""
        picked = self._pick(row)
        if len(self.columns) == 1:
            return fold(picked)
        folded = tuple(map(fold, picked))
        return None if self.unique and None in folded else folded

    def folded(self, values: Iterable[Any]) -> Any:
        """The key that rows with these values have."""
        folded = tuple(map(fold, values))
        return folded[0] if len(folded) == 1 else folded

    def clear(self) -> None:
        self._unique.clear()
        self._many.clear()

    def add(self, row_id: RowId, row: Row) -> None:
        key = self.key(row)
        if self.unique:
            if key is not None:
                self._unique[key] = row_id
        else:
            self._many.setdefault(key, set()).add(row_id)

    def remove(self, row_id: RowId, row: Row) -> None:
        key = self.key(row)
        if self.unique:
            if key is not None and self._unique.get(key) == row_id:
                del self._unique[key]
        else:
            found = self._many.get(key)
            if found is not None:
                found.discard(row_id)
                if not found:
                    del self._many[key]

    def one(self, values: Iterable[Any]) -> RowId | None:
        """The row with these values, in a unique index."""
        return self._unique.get(self.folded(values))

    def holder(self, row: Row) -> RowId | None:
        """The row that has the values of this one already, in a unique index."""
        key = self.key(row)
        return None if key is None else self._unique.get(key)

    def many(self, key: Any) -> set[RowId]:
        """Rows with this folded key, in a plain index. Not to be changed."""
        return self._many.get(key, _NOTHING)


_NOTHING: set[RowId] = set()
