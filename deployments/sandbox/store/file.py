"""The one SQLite file that a sandbox keeps its data in, so that a restart finds them again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from deployments.sandbox.messages import encode
from mappings.errors import FatalError

_decoder = msgspec.json.Decoder(float_hook=Decimal)

_TABLES = """
CREATE TABLE IF NOT EXISTS row (slot INTEGER PRIMARY KEY, side TEXT, name TEXT, id, body BLOB);
CREATE TABLE IF NOT EXISTS tombstone (
    number INTEGER PRIMARY KEY, side TEXT, name TEXT, id, version INTEGER, time REAL, body BLOB);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER);
CREATE TABLE IF NOT EXISTS setup (name TEXT PRIMARY KEY, document BLOB);
"""


class DataFile:
    """Rows, tombstones and counters on disk.

    Everything between two `commit` calls is one transaction. A killed sandbox loses nothing that it answered;
    a crashed machine may lose the last answers (WAL without a sync per commit), which is enough for tests.

    Raises:
        FatalError: another process has the file.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.executescript(_TABLES)
        except sqlite3.OperationalError as error:
            raise FatalError(
                f"the data file {path} can't be used: {error}",
                code="sandbox_running",
                remedy="another sandbox runs in this folder; stop it, or serve from another folder",
            ) from None

    def rows(self) -> Iterator[tuple[int, str, str, Any, dict[str, Any]]]:
        """(slot, side, table, id, row) of every stored row."""
        for slot, side, name, row_id, body in self._connection.execute(
            "SELECT slot, side, name, id, body FROM row ORDER BY slot"
        ):
            yield slot, side, name, row_id, _decoder.decode(body)

    def tombstones(self) -> Iterator[tuple[str, str, Any, int, float, dict[str, Any]]]:
        """(side, table, id, version, time, last row) of every deleted row, oldest first."""
        for side, name, row_id, version, time, body in self._connection.execute(
            "SELECT side, name, id, version, time, body FROM tombstone ORDER BY number"
        ):
            yield side, name, row_id, version, time, _decoder.decode(body)

    def counters(self) -> dict[str, int]:
        return dict(self._connection.execute("SELECT name, value FROM counter"))

    def save(
        self,
        rows: Iterable[tuple[int, str, str, Any, dict[str, Any]]],
        deleted_slots: Iterable[int],
        tombstones: Iterable[tuple[str, str, Any, int, float, dict[str, Any]]],
        counters: dict[str, int],
    ) -> None:
        """Write one transaction: rows (new or changed), slots of deleted rows, new tombstones, counters."""
        execute = self._connection.execute
        many = self._connection.executemany
        execute("BEGIN")
        try:
            many("DELETE FROM row WHERE slot = ?", ((slot,) for slot in deleted_slots))
            many(
                "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)",
                ((slot, side, name, row_id, encode(row)) for slot, side, name, row_id, row in rows),
            )
            many(
                "INSERT INTO tombstone (side, name, id, version, time, body) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (side, name, row_id, version, time, encode(row))
                    for side, name, row_id, version, time, row in tombstones
                ),
            )
            many("INSERT OR REPLACE INTO counter VALUES (?, ?)", counters.items())
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise

    def setup(self, name: str) -> Any:
        """A document that an administrator left; None = none."""
        found = self._connection.execute("SELECT document FROM setup WHERE name = ?", (name,)).fetchone()
        return None if found is None else _decoder.decode(found[0])

    def keep(self, name: str, document: Any) -> None:
        """Keep a document that is no data: it is there after a restart, and no part of snapshots."""
        self._connection.execute("INSERT OR REPLACE INTO setup VALUES (?, ?)", (name, encode(document)))

    def clear(self) -> None:
        """Forget all data."""
        self._connection.executescript("DELETE FROM row; DELETE FROM tombstone; DELETE FROM counter;")

    def close(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
