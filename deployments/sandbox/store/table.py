"""One table in memory: rows by id, unique indexes, and plain indexes made when first needed.

A stored row is never changed in place: an update stores a new dict. Snapshots, undo and cached query
results rest on that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deployments.sandbox.messages import SideName
from deployments.sandbox.store.index import Index, Row, RowId


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A deleted row: its id, the version and the time (seconds since 1970) of the delete, its last values."""

    id: RowId
    version: int
    time: float
    row: Row


class Table:
    """The rows of one entity set.

    Attributes:
        changes: counts every change, so that cached results know when they are old.
    """

    __slots__ = ("_sorted", "_sorted_at", "changes", "name", "plain", "rows", "side", "tombstones", "unique")

    def __init__(self, side: SideName, name: str, unique: Iterable[tuple[str, ...]]) -> None:
        self.side = side
        self.name = name
        self.rows: dict[RowId, Row] = {}
        self.unique = [Index(columns, unique=True) for columns in unique]
        self.plain: dict[tuple[str, ...], Index] = {}
        self.tombstones: list[Tombstone] = []
        self.changes = 0
        self._sorted: list[RowId] = []
        self._sorted_at = -1

    def put(self, row_id: RowId, row: Row | None) -> None:
        """Store a row, or remove it (None), and keep the indexes."""
        old = self.rows.get(row_id)
        for index in (*self.unique, *self.plain.values()):
            if old is not None:
                index.remove(row_id, old)
            if row is not None:
                index.add(row_id, row)
        if row is None:
            self.rows.pop(row_id, None)
        else:
            self.rows[row_id] = row
        self.changes += 1

    def replace_all(self, rows: dict[RowId, Row]) -> None:
        """Take these rows instead of all there are, and index them."""
        self.rows = dict(rows)
        self.plain = {}
        for index in self.unique:
            index.clear()
            for row_id, row in self.rows.items():
                index.add(row_id, row)
        self.changes += 1

    def index_on(self, columns: tuple[str, ...]) -> Index:
        """The plain index on these columns; made at first use, kept up to date from then on."""
        index = self.plain.get(columns)
        if index is None:
            index = self.plain[columns] = Index(columns, unique=False)
            for row_id, row in self.rows.items():
                index.add(row_id, row)
        return index

    def unique_on(self, columns: tuple[str, ...]) -> Index | None:
        """The unique index on exactly these columns, in any order of asking."""
        for index in self.unique:
            if index.columns == columns:
                return index
        return None

    def sorted_ids(self) -> list[RowId]:
        """All ids in their own order. Not to be changed."""
        if self._sorted_at != self.changes:
            self._sorted = sorted(self.rows)
            self._sorted_at = self.changes
        return self._sorted
