"""The data of both sides in memory, with undo, a log of writes, and a file behind it.

The sandbox works through one request at a time, so nothing here is locked. A request changes rows through
`Store.put` and `Store.delete`; the service calls `commit` once before it answers, which is one transaction of
the file. `mark` and `undo` give change sets and bulk messages their all or nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from deployments.sandbox.messages import SideName
from deployments.sandbox.schema.model import Schema
from deployments.sandbox.store.file import DataFile
from deployments.sandbox.store.index import Row, RowId
from deployments.sandbox.store.table import Table, Tombstone

FIRST_VERSION = 1_000_000
FIRST_RECORD = 5_637_144_576  # the first record id of an F&O database


@dataclass(frozen=True, slots=True)
class Write:
    """An entry of the write log.

    Attributes:
        seq: counts from 1, without gaps, since start or reset.
        kind: ``create``, ``update`` or ``delete``.
        id: guid or record id.
        key: F&O key or Dataverse alternate key values at the time.
        fields: names that the caller sent.
        caller: name of the caller, ``plug-in`` for what the service did by itself.
        time: seconds since 1970.
        row: what is stored since, if the log was asked to hold it; None for a delete.
    """

    seq: int
    side: SideName
    set: str
    kind: str
    id: RowId
    key: dict[str, Any]
    fields: tuple[str, ...]
    caller: str
    time: float
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """A committed write with the row before and after it; None = there was, or is, none."""

    write: Write
    old: Row | None
    new: Row | None


class Listener(Protocol):
    """Who wants to hear of writes once they are committed."""

    def wants(self, side: SideName, name: str) -> bool: ...

    def committed(self, noted: list[Noted]) -> None: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All data at one moment."""

    rows: dict[tuple[SideName, str], dict[RowId, Row]]
    tombstones: dict[tuple[SideName, str], list[Tombstone]]
    counters: dict[str, int]


class Store:
    """All tables of both sides.

    Args:
        schema: which tables there are.
        path: the SQLite file; None keeps everything in memory.
        blanks: an empty row by side and set; rows of a file that was written under other maps are filled up
            from it, and lose what is no column any more.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        schema: Schema,
        path: Path | None,
        blanks: Mapping[tuple[SideName, str], Row],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.schema = schema
        self.clock = clock
        self.tables = _tables(schema)
        self.virtual: dict[str, Table] = {}
        """Dataverse tables that show rows of F&O; no data of their own."""
        self.counters: dict[str, int] = {}
        self.writes: list[Write] = []
        self.log_rows = False
        """Entries of the write log hold the rows that were stored."""
        self._fields: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.generation = 0
        """Counts commits that changed something."""
        self.listener: Listener | None = None
        self._before: dict[tuple[SideName, str, RowId], Row | None] = {}
        self._noted: list[Noted] = []
        self._undo: list[Callable[[], None]] = []
        self._dirty: dict[tuple[SideName, str, RowId], None] = {}
        self._new_tombstones: list[tuple[Table, Tombstone]] = []
        self._slots: dict[tuple[SideName, str, RowId], int] = {}
        self._next_slot = 1
        self._file = DataFile(path) if path is not None else None
        if self._file is not None:
            self._load(self._file, blanks)

    # reading

    def table(self, side: SideName, name: str) -> Table:
        return self.tables[side, name]

    def dataverse(self, name: str) -> Table:
        return self.virtual[name] if name in self.virtual else self.tables["dataverse", name]

    def fno(self, name: str) -> Table:
        return self.tables["fno", name]

    # changing

    def count(self, name: str, first: int = 1) -> int:
        """The next number of a counter. Not undone: numbers of a rolled back write are lost."""
        value = self.counters.get(name, first - 1) + 1
        self.counters[name] = value
        return value

    def next_version(self) -> int:
        """The next Dataverse row version, one sequence for all tables."""
        return self.count("rowversion", FIRST_VERSION)

    @property
    def version(self) -> int:
        """The last row version given out."""
        return self.counters.get("rowversion", FIRST_VERSION - 1)

    def put(self, table: Table, row_id: RowId, row: Row) -> None:
        """Store a new or changed row."""
        old = table.rows.get(row_id)
        if self.listener is not None and self.listener.wants(table.side, table.name):
            self._before.setdefault((table.side, table.name, row_id), old)
        self._undo.append(lambda: table.put(row_id, old))
        table.put(row_id, row)
        self._dirty[table.side, table.name, row_id] = None

    def delete(self, table: Table, row_id: RowId) -> None:
        """Remove a row and leave a tombstone."""
        row = table.rows[row_id]
        if self.listener is not None and self.listener.wants(table.side, table.name):
            self._before.setdefault((table.side, table.name, row_id), row)
        stone = Tombstone(row_id, self.next_version(), self.clock(), row)
        table.tombstones.append(stone)
        self._new_tombstones.append((table, stone))

        def undo() -> None:
            table.tombstones.pop()
            self._new_tombstones.pop()
            table.put(row_id, row)

        self._undo.append(undo)
        table.put(row_id, None)
        self._dirty[table.side, table.name, row_id] = None

    def note(
        self,
        table: Table,
        kind: str,
        row_id: RowId,
        key: dict[str, Any],
        fields: tuple[str, ...],
        caller: str,
    ) -> None:
        """Add an entry to the write log."""
        fields = self._fields.setdefault(fields, fields)  # thousands of rows send the same ones
        row = table.rows.get(row_id) if self.log_rows else None
        entry = Write(
            len(self.writes) + 1, table.side, table.name, kind, row_id, key, fields, caller, self.clock(), row
        )
        self.writes.append(entry)
        address = (table.side, table.name, row_id)
        heard = address in self._before
        if heard:
            self._noted.append(Noted(entry, self._before.pop(address), table.rows.get(row_id)))

        def undo() -> None:
            self.writes.pop()
            if heard:
                self._noted.pop()

        self._undo.append(undo)

    def mark(self) -> int:
        """A point to `undo` to."""
        return len(self._undo)

    def undo(self, mark: int = 0) -> None:
        """Take back everything since the mark."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def commit(self) -> None:
        """Make everything since the last commit last, in one transaction of the file."""
        self._undo.clear()
        self.generation += bool(self._dirty)
        if self._file is not None and (self._dirty or self._new_tombstones):
            rows, deleted = [], []
            for address in self._dirty:
                side, name, row_id = address
                row = self.tables[side, name].rows.get(row_id)
                slot = self._slots.get(address)
                if row is None:
                    if slot is not None:
                        deleted.append(self._slots.pop(address))
                    continue
                if slot is None:
                    slot = self._slots[address] = self._next_slot
                    self._next_slot += 1
                rows.append((slot, side, name, row_id, row))
            stones = [(t.side, t.name, s.id, s.version, s.time, s.row) for t, s in self._new_tombstones]
            self._file.save(rows, deleted, stones, self.counters)
        self._dirty.clear()
        self._new_tombstones.clear()
        self._before.clear()
        if self._noted:
            noted, self._noted = self._noted, []
            if self.listener is not None:
                self.listener.committed(noted)

    # what administrators set up

    def setup(self, name: str) -> Any:
        """What `keep` kept under a name, also before a restart; None = nothing."""
        return self._file.setup(name) if self._file is not None else None

    def keep(self, name: str, document: Any) -> None:
        """Keep what is no data, beside the data."""
        if self._file is not None:
            self._file.keep(name, document)

    # whole states

    def clear(self) -> None:
        """Forget all rows, tombstones, counters and the write log."""
        self._take(Snapshot({}, {}, {}))
        self.writes.clear()
        self.log_rows = False

    def snapshot(self) -> Snapshot:
        return Snapshot(
            {address: dict(table.rows) for address, table in self.tables.items()},
            {address: list(table.tombstones) for address, table in self.tables.items()},
            dict(self.counters),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot, row versions and counters included, as a restored database does."""
        self._take(snapshot)
        if self._file is not None:
            for (side, name), rows in snapshot.rows.items():
                self._dirty.update(dict.fromkeys((side, name, row_id) for row_id in rows))
                table = self.tables[side, name]
                self._new_tombstones.extend((table, stone) for stone in table.tombstones)
            self.commit()

    def adopt(self, schema: Schema, blanks: Mapping[tuple[SideName, str], Row]) -> None:
        """Go on with another schema: rows are filled up from `blanks` and lose what is no column any more."""
        before = self.tables
        self.schema, self.tables = schema, _tables(schema)
        self.generation += 1
        for address, table in self.tables.items():
            old = before.get(address)
            if old is None:
                continue
            rows = {row_id: _completed(row, blanks[address]) for row_id, row in old.rows.items()}
            self._dirty.update(
                dict.fromkeys((*address, row_id) for row_id in rows if rows[row_id] is not old.rows[row_id])
            )
            table.replace_all(rows)
            table.tombstones = [
                dataclasses.replace(stone, row=_completed(stone.row, blanks[address]))
                for stone in old.tombstones
            ]
        self.commit()

    def _take(self, snapshot: Snapshot) -> None:
        self.generation += 1
        self._undo.clear()
        self._before.clear()
        self._noted.clear()
        self._dirty.clear()
        self._new_tombstones.clear()
        self._slots.clear()
        self._next_slot = 1
        self.counters = dict(snapshot.counters)
        for address, table in self.tables.items():
            table.replace_all(snapshot.rows.get(address, {}))
            table.tombstones = list(snapshot.tombstones.get(address, []))
        if self._file is not None:
            self._file.clear()

    def _load(self, file: DataFile, blanks: Mapping[tuple[SideName, str], Row]) -> None:
        found: dict[tuple[SideName, str], dict[RowId, Row]] = {}
        for slot, side, name, row_id, row in file.rows():
            self._next_slot = slot + 1
            address = (_side(side), name)
            if address in self.tables:
                self._slots[*address, row_id] = slot
                found.setdefault(address, {})[row_id] = _completed(row, blanks[address])
        for address, rows in found.items():
            self.tables[address].replace_all(rows)
        for side, name, row_id, version, when, row in file.tombstones():
            address = (_side(side), name)
            if address in self.tables:
                row = _completed(row, blanks[address])
                self.tables[address].tombstones.append(Tombstone(row_id, version, when, row))
        self.counters = file.counters()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _tables(schema: Schema) -> dict[tuple[SideName, str], Table]:
    tables: dict[tuple[SideName, str], Table] = {}
    for table in schema.dataverse.values():
        unique = [tuple(table.columns[name].wire for name in key.columns) for key in table.keys]
        tables["dataverse", table.set] = Table("dataverse", table.set, unique)
    for entity in schema.fno.values():
        tables["fno", entity.set] = Table("fno", entity.set, [entity.key])
    return tables


def _completed(row: Row, blank: Row) -> Row:
    if row.keys() == blank.keys():
        return row
    return {name: row.get(name, value) for name, value in blank.items()}


def _side(text: str) -> SideName:
    return "fno" if text == "fno" else "dataverse"
