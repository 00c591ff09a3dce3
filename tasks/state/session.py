"""A session: one open transaction on the state, with bulk statements that cost microseconds a row on both databases.

Bulk goes to the driver: SQLite's inserts with many rows a statement, PostgreSQL's `unnest` of one array a column (one
round trip and one statement whatever the number of rows). Values pass through the column types of `models`, so a row looks
the same whichever way it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    Text,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from tasks.state import models
from tasks.state.columntypes import Blob, Name
from tasks.state.prepared import prepared

Values = tuple[Any, ...]

SEQUENCES = {"link_id": models.link_ids, "notice_number": models.notice_numbers}


class Session:
    """What reads and writes of all subjects share.

    Args:
        connection: a connection with its transaction begun.
        now: the store's clock, for times that a record leaves open.
    """

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    @property
    def _sqlite(self) -> bool:
        return self._connection.dialect.name == "sqlite"

    # many values in one statement

    def _among(self, column: ColumnElement[Any], values: Iterable[str | int]) -> ColumnElement[bool]:
        """`column` is one of `values`, whatever their number: one parameter, one cached statement."""
        return among(self._sqlite, column, value=self._listed(column, values), unique=True)

    def _listed(self, column: ColumnElement[Any], values: Iterable[str | int]) -> str | list[Any]:
        """Values for a parameter made by `among`."""
        (encoded,) = _encoded([column.type], self._connection.dialect, [list(values)])
        return msgspec.json.encode(encoded).decode() if self._sqlite else list(encoded)

    def _numbers(self, name: str, count: int) -> list[int]:
        """The next `count` numbers of a counter; never given out twice, whatever is deleted or rolled back."""
        if self._sqlite:
            # under the write lock, so nobody else can take the same ones
            last = self._connection.execute(_TAKE_NUMBERS, {"name": name, "count": count}).scalar_one()
            return list(range(last - count + 1, last + 1))
        found = self._connection.execute(_NEXT_NUMBERS, {"name": SEQUENCES[name].name, "count": count})
        return list(found.scalars())

    # bulk

    def _columns(self, query: Select[Any], values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """What a query finds, by column; no columns if it finds nothing.

        The statement is one that is kept, as a module's own: its compiled form is.
        """
        ready = prepared(query, self._connection.dialect)
        return ready.columns(ready.rows(self._connection, values))

    def _found(self, query: Select[Any], values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What a query finds, by row; the statement is one that is kept."""
        return list(zip(*self._columns(query, values), strict=True))

    def _insert(
        self,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Values],
        *,
        key: Sequence[str] = (),
        update: Sequence[str] = (),
        keep: bool = False,
    ) -> None:
        """Insert many rows.

        Args:
            columns: names, in the order of each row's values.
            key: columns of the unique constraint that decides what is already there.
            update: columns that an existing row takes over.
            keep: an existing row stays as it is.
        """
        if not rows:
            return
        about = (_insert_statement, table, tuple(columns), tuple(key), tuple(update), keep)
        block = self._block(len(columns))
        if self._sqlite and len(rows) >= block:
            kinds = [table.c[name].type for name in columns]
            encoded = list(
                zip(*_encoded(kinds, self._connection.dialect, zip(*rows, strict=True)), strict=True)
            )
            whole, rest = divmod(len(encoded), block)
            statement = self._statement(*about, block)
            for at in range(0, whole * block, block):
                self._connection.exec_driver_sql(
                    statement, tuple(chain.from_iterable(encoded[at : at + block]))
                )
            if rest:
                self._connection.exec_driver_sql(self._statement(*about, 1), encoded[-rest:])
            return
        self._run(self._statement(*about, 1), table, columns, rows)

    def _block(self, columns: int) -> int:
        """Rows that go into one INSERT of SQLite.

        With a statement a row the driver gives up the interpreter at each of them and waits to get it back: with other threads
        at work that takes longer than the inserts.
        """
        return max(1, min(250, VALUES_A_STATEMENT // columns))

    def _update(self, table: Table, columns: Sequence[str], rows: Sequence[Values]) -> None:
        """Update many rows by id; each row's values are in the order of `columns`, the id last."""
        if not rows:
            return
        statement = self._statement(_update_statement, table, tuple(columns))
        self._run(statement, table, [*columns, "id"], rows)

    def _statement(self, build: Callable[..., str], *args: Any) -> str:
        dialect = self._connection.dialect
        cache: dict[Any, str] = _STATEMENTS.setdefault(dialect.name, {})
        at = (build, *args)
        if at not in cache:
            cache[at] = build(dialect, *args)
        return cache[at]

    def _run(self, statement: str, table: Table, columns: Sequence[str], rows: Sequence[Values]) -> None:
        kinds = [table.c[name].type for name in columns]
        encoded = _encoded(kinds, self._connection.dialect, zip(*rows, strict=True))
        if self._sqlite:
            self._connection.exec_driver_sql(statement, list(zip(*encoded, strict=True)))
        else:
            # unnest fills up the shorter arrays with nulls, so a column without values needs none
            arrays = tuple(
                None if values.count(None) == len(values) else list(values) for values in map(tuple, encoded)
            )
            self._connection.exec_driver_sql(statement, arrays)


VALUES_A_STATEMENT = 32_766
"""Values that one statement takes by SQLite's own limits (3.32 of 2020 and later)."""

_STATEMENTS: dict[str, dict[Any, str]] = {}

_TAKE_NUMBERS = text(
    "INSERT INTO counter (name, value) VALUES (:name, :count)"
    " ON CONFLICT (name) DO UPDATE SET value = value + :count RETURNING value"
)
_NEXT_NUMBERS = text("SELECT nextval(:name) FROM generate_series(1, :count)")


def among(
    sqlite: bool, column: ColumnElement[Any], name: str | None = None, **parameter: Any
) -> ColumnElement[bool]:
    """`column` is one of the values of one parameter."""
    if sqlite:
        # json_each has no limit on the number of values, as bound parameters have (32,766; 999 in older builds)
        listed = func.json_each(bindparam(name, type_=Text(), **parameter)).table_valued("value")
        return column.in_(select(listed.c.value))
    plain: TypeEngine[Any] = Text() if isinstance(column.type, Name) else column.type  # encoded already
    return column == func.any(bindparam(name, type_=ARRAY(plain), **parameter))


def _encoded(
    kinds: Sequence[TypeEngine[Any]], dialect: Dialect, columns: Iterable[Sequence[Any]]
) -> Iterable[Sequence[Any]]:
    """The values of each column as the driver takes them."""
    for kind, values in zip(kinds, columns, strict=True):
        convert = kind.dialect_impl(dialect).bind_processor(dialect)
        if convert is None or values.count(None) == len(values):
            yield values
        else:
            yield [convert(value) for value in values]


def _quoted(dialect: Dialect, names: Sequence[str]) -> list[str]:
    return [dialect.identifier_preparer.quote(name) for name in names]


def _arrays(dialect: Dialect, table: Table, columns: Sequence[str]) -> Iterable[str]:
    for name in columns:
        kind = table.c[name].type
        # bytes in binary form (%b): as text they would be twice as long
        yield f"{'%b' if isinstance(kind, Blob) else '%s'}::{kind.compile(dialect=dialect)}[]"


def _insert_statement(
    dialect: Dialect,
    table: Table,
    columns: Sequence[str],
    key: Sequence[str],
    update: Sequence[str],
    keep: bool,
    rows: int,
) -> str:
    name, *quoted = _quoted(dialect, [table.name, *columns])
    head = f"INSERT INTO {name} ({', '.join(quoted)})"
    if dialect.name == "sqlite":
        values = f"({', '.join('?' * len(columns))})"
        body = f" VALUES {', '.join([values] * rows)}"
    else:
        arrays = ", ".join(_arrays(dialect, table, columns))
        body = f" SELECT * FROM unnest({arrays})"
    if not key:
        return head + body
    conflict = f" ON CONFLICT ({', '.join(_quoted(dialect, key))})"
    if keep:
        return f"{head}{body}{conflict} DO NOTHING"
    assigned = ", ".join(f"{column} = excluded.{column}" for column in _quoted(dialect, update))
    return f"{head}{body}{conflict} DO UPDATE SET {assigned}"


def _update_statement(dialect: Dialect, table: Table, columns: Sequence[str]) -> str:
    name, *quoted = _quoted(dialect, [table.name, *columns])
    if dialect.name == "sqlite":
        assigned = ", ".join(f"{column} = ?" for column in quoted)
        return f"UPDATE {name} SET {assigned} WHERE id = ?"
    assigned = ", ".join(f"{column} = new_values.{column}" for column in quoted)
    arrays = ", ".join(_arrays(dialect, table, [*columns, "id"]))
    listed = ", ".join([*quoted, "id"])
    return (
        f"UPDATE {name} SET {assigned} FROM unnest({arrays}) AS new_values({listed})"
        f" WHERE {name}.id = new_values.id"
    )
