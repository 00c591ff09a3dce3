"""Column types that read and write the same on SQLite and PostgreSQL.

They do without SQLAlchemy's own types underneath, whose layers of conversions cost more than the rest of a bulk insert.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import UserDefinedType

NUL, STAND_IN = "\x00", "\ufdd0"
"""PostgreSQL's text can't hold NUL; keys of untranslated lookups contain it. U+FDD0 is reserved for such inner use."""

Convert = Callable[[Any], Any]

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder().decode


class Utc(UserDefinedType[datetime]):
    """A point in time, UTC. SQLite keeps it as text that sorts by time, PostgreSQL as timestamptz."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TIMESTAMP WITH TIME ZONE"

    def bind_processor(self, dialect: Dialect) -> Convert:
        return _time_to_text if dialect.name == "sqlite" else _time_in_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return _text_to_time if dialect.name == "sqlite" else _time_in_utc


class Json(UserDefinedType[Any]):
    """A small JSON document in a text column, readable with any SQL client."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Convert:
        return _to_json

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return _from_json


class Name(UserDefinedType[str]):
    """Text that comes from the rows: keys, names, messages. Any character is allowed, NUL included."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "VARCHAR"

    def bind_processor(self, dialect: Dialect) -> Convert:
        return _without_nul

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return _with_nul


class Blob(UserDefinedType[bytes]):
    """Bytes as they are."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


@compiles(Utc, "sqlite")
def _utc_of_sqlite(_: Utc, __: Any, **___: Any) -> str:
    return "TEXT"


@compiles(Blob, "postgresql")
def _blob_of_postgresql(_: Blob, __: Any, **___: Any) -> str:
    return "BYTEA"


def _time_to_text(value: datetime | None) -> str | None:
    found = _time_in_utc(value)
    return None if found is None else found.replace(tzinfo=None).isoformat(" ", "microseconds")


def _text_to_time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _time_in_utc(value: datetime | None) -> datetime | None:
    if value is None or value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone; the state stores UTC")
    return value.astimezone(UTC)


def _to_json(value: Any) -> str | None:
    return None if value is None else _encode(value).decode()


def _from_json(value: str | None) -> Any:
    return None if value is None else _decode(value)


def _without_nul(value: str | None) -> str | None:
    return value.replace(NUL, STAND_IN) if value is not None and NUL in value else value


def _with_nul(value: str | None) -> str | None:
    return value.replace(STAND_IN, NUL) if value is not None and STAND_IN in value else value
