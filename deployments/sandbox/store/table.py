"""One table in memory: rows by id, unique indexes, and plain indexes made when first needed.

A stored row is never changed in place: an update stores a new dict. Snapshots, undo and cached query
results rest on that.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

from deployments.sandbox.messages import SideName
from deployments.sandbox.store.index import Index, Row, RowId

VERSION = {"dataverse": "versionnumber", "fno": "#version"}
"""Where a row of a side keeps the version of its last change; F&O doesn't show it."""
_number = itemgetter(0)


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
        epoch: counts how often all rows were replaced at once.
    """

    __slots__ = (
        "_journal",
        "_sorted",
        "_sorted_at",
        "_version",
        "changes",
        "epoch",
        "name",
        "plain",
        "rows",
        "side",
        "tombstones",
        "unique",
    )

    def __init__(self, side: SideName, name: str, unique: Iterable[tuple[str, ...]]) -> None:
        self.side = side
        self.name = name
        self.rows: dict[RowId, Row] = {}
        self.unique = [Index(columns, unique=True) for columns in unique]
        self.plain: dict[tuple[str, ...], Index] = {}
        self.tombstones: list[Tombstone] = []
        self.changes = 0
        self.epoch = 0
        self._sorted: list[RowId] = []
        self._sorted_at = -1
        self._version = VERSION[side]
        self._journal: list[tuple[int, RowId]] | None = []
        """(version, row) of every put, by version; None: to be made from the rows."""

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
            self._enter(row[self._version], row_id)
        self.changes += 1

    def _enter(self, version: int, row_id: RowId) -> None:
        journal = self._journal
        if journal is None:
            return
        entry = (version, row_id)
        if not journal or journal[-1][0] < version:
            journal.append(entry)
            return
        # what undo brings back is there already; a plug-in's own writes come before the row's
        place = bisect_left(journal, version, key=_number)
        if place == len(journal) or journal[place] != entry:
            journal.insert(place, entry)

    def changed(self, since: int, until: int) -> list[Row]:
        """Rows with a version above `since` and up to `until`, by version."""
        journal, rows, name = self._journal, self.rows, self._version
        if journal is None or len(journal) > 4 * len(rows) + 1000:
            journal = self._journal = sorted((row[name], row_id) for row_id, row in rows.items())
        found = []
        for version, row_id in journal[bisect_right(journal, since, key=_number) :]:
            row = rows.get(row_id)
            if row is not None and row[name] == version and version <= until:
                found.append(row)
        return found

    def replace_all(self, rows: dict[RowId, Row]) -> None:
        """Take these rows instead of all there are, and index them."""
        self.rows = dict(rows)
        self.plain = {}
        self._journal = None
        self.epoch += 1
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
