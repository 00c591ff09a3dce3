"""The live metadata of tables as they were last seen, so that a change is noticed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Text, delete, select, type_coerce, update

from tasks.state.models import described, table_metadata
from tasks.state.records import Side, TableMetadata
from tasks.state.session import Session

_TABLE = tuple(TableMetadata.__dataclass_fields__)
_KEY = ("pair", "side", "table")


class _Logical(msgspec.Struct):
    logical: str


_LOGICAL = msgspec.json.Decoder(_Logical)


class TableReads(Session):
    """Questions about metadata."""

    def metadata(self, pair: int, side: Side, table: str) -> TableMetadata | None:
        """Metadata of a table as it was last seen."""
        query = select(*(table_metadata.c[name] for name in _TABLE)).where(
            table_metadata.c.pair == pair, table_metadata.c.side == side, table_metadata.c.table == table
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else TableMetadata(*row)

    def knows_metadata(self, pair: int, side: Side, table: str) -> bool:
        """Was this table ever seen?"""
        query = select(table_metadata.c.pair).where(
            table_metadata.c.pair == pair, table_metadata.c.side == side, table_metadata.c.table == table
        )
        return self._connection.execute(query).first() is not None

    def fingerprints(self, pair: int) -> dict[tuple[Side, str], str]:
        """(side, table) → fingerprint of its metadata, of all tables that were ever seen; without the documents."""
        columns = table_metadata.c
        query = select(columns.side, columns.table, columns.fingerprint).where(columns.pair == pair)
        return {(side, table): fingerprint for side, table, fingerprint in self._connection.execute(query)}

    def logical_names(self, pair: int) -> dict[tuple[Side, str], str]:
        """(side, table) → the table's logical name, of all tables that were ever seen."""
        columns = table_metadata.c
        text = type_coerce(columns.document, Text)  # of a document only one member is wanted
        rows = self._connection.execute(select(columns.side, columns.table, text).where(columns.pair == pair))
        return {(side, table): _LOGICAL.decode(document).logical for side, table, document in rows}

    def described(self, pair: int, since: datetime) -> list[TableMetadata]:
        """Tables whose metadata was read since a moment, for runs that do without reading it again."""
        query = select(*(described.c[name] for name in _TABLE)).where(
            described.c.pair == pair, described.c.seen_at >= since
        )
        return [TableMetadata(*row) for row in self._connection.execute(query)]


class TableWrites(TableReads):
    """Changes of metadata."""

    def save_described(self, records: Iterable[TableMetadata]) -> None:
        """Keep metadata that was just read for the runs to come."""
        self._insert(described, _TABLE, self._rows(records), key=_KEY, update=_TABLE[len(_KEY) :])

    def forget_described(self, pair: int) -> None:
        """Have the next run read all metadata."""
        self._connection.execute(delete(described).where(described.c.pair == pair))

    def save_metadata(self, records: Iterable[TableMetadata]) -> None:
        """Store the metadata of tables as they were just seen."""
        self._insert(table_metadata, _TABLE, self._rows(records), key=_KEY, update=_TABLE[len(_KEY) :])

    def keep_metadata(self, records: Iterable[TableMetadata]) -> None:
        """Store the metadata of tables that were never seen before; the others stay as they are."""
        self._insert(table_metadata, _TABLE, self._rows(records), key=_KEY, keep=True)

    def see_metadata(self, pair: int, side: Side, tables: Iterable[str], at: datetime | None = None) -> None:
        """Note that these tables were just seen as they are stored."""
        self._connection.execute(
            update(table_metadata)
            .where(
                table_metadata.c.pair == pair,
                table_metadata.c.side == side,
                self._among(table_metadata.c.table, tables),
            )
            .values(seen_at=at or self._now())
        )

    def _rows(self, records: Iterable[TableMetadata]) -> Sequence[tuple[object, ...]]:
        return [
            tuple(
                (record.seen_at or self._now()) if name == "seen_at" else getattr(record, name)
                for name in _TABLE
            )
            for record in records
        ]
