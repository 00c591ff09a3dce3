"""Statements that are asked many times a second: compiled once, and handed to the driver as they are.

SQLAlchemy looks up a statement's compiled form and makes a result object each time it is executed. For an answer of one row from
a local file that is ten times the work of the database, and a run that keeps watch asks hundreds of them a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement in the words of one kind of database.

    Attributes:
        names: parameters in their order, where the driver takes them by position.
        fixed: values that the statement itself brings.
        bind: how values of parameters become the driver's, for those that change.
        decode: how the driver's values become ours, by column; None = as they are.
        query: the statement, kept so that nothing else can take its place in memory.
    """

    text: str
    names: tuple[str, ...] | None
    fixed: Mapping[str, Any]
    bind: Mapping[str, Convert]
    decode: tuple[Convert | None, ...]
    query: Select[Any]

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The driver's rows, values as the driver has them.

        Raises:
            DBAPIError: as SQLAlchemy itself would, so that whoever explains its errors knows it.
        """
        if not connection.in_transaction():
            connection.begin()
        named = {**self.fixed, **values}
        for name, convert in self.bind.items():
            if named[name] is not None:
                named[name] = convert(named[name])
        given = named if self.names is None else tuple([named[name] for name in self.names])
        cursor = connection.connection.cursor()
        for (
            listener
        ) in connection.dispatch.before_cursor_execute:  # whoever follows all statements follows these
            listener(connection, cursor, self.text, given, None, False)
        try:
            cursor.execute(self.text, given)
            return list(cursor.fetchall())
        except _failures(connection.dialect) as error:
            # the values are rows' own: they belong in no message
            raise DBAPIError.instance(
                self.text,
                given,
                error,
                _failures(connection.dialect),
                hide_parameters=True,
                dialect=connection.dialect,
            ) from error
        finally:
            cursor.close()

    def columns(self, rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
        """Rows of the driver by column, converted column by column; no columns if there are no rows."""
        if not rows:
            return []
        return [
            values if convert is None or values.count(None) == len(values) else [convert(v) for v in values]
            for convert, values in zip(self.decode, zip(*rows, strict=True), strict=True)
        ]


_PREPARED: dict[tuple[str, int], Prepared] = {}


def prepared(query: Select[Any], dialect: Dialect) -> Prepared:
    """The compiled form of a statement that is kept for good, such as one of a module."""
    at = (dialect.name, id(query))
    found = _PREPARED.get(at)
    if found is None or found.query is not query:
        found = _PREPARED[at] = _prepare(query, dialect)
    return found


def _prepare(query: Select[Any], dialect: Dialect) -> Prepared:
    compiled = query.compile(dialect=dialect)
    convert = {
        name: parameter.type.dialect_impl(dialect).bind_processor(dialect)
        for name, parameter in compiled.binds.items()
    }
    return Prepared(
        text=compiled.string,
        names=tuple(compiled.positiontup) if compiled.positional and compiled.positiontup else None,
        fixed=dict(compiled.params),
        bind={name: each for name, each in convert.items() if each is not None},
        decode=tuple(
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in query.selected_columns
        ),
        query=query,
    )


def _failures(dialect: Dialect) -> type[Exception]:
    failures: type[Exception] = dialect.loaded_dbapi.Error
    return failures
