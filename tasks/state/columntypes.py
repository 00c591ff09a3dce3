"""Column types that read and write the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

NUL, STAND_IN = "\x00", "\ufdd0"
"""PostgreSQL's text can't hold NUL; keys of untranslated lookups contain it. U+FDD0 is reserved for such inner use."""

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder().decode


class Utc(TypeDecorator[datetime]):
    """A point in time, UTC. SQLite keeps it as text that sorts by time, PostgreSQL as timestamptz."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the state stores UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A small JSON document in a text column, readable with any SQL client."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else _decode(value)


class Name(TypeDecorator[str]):
    """Text that comes from the rows: keys, names, messages. Any character is allowed, NUL included."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace(NUL, STAND_IN) if value is not None and NUL in value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace(STAND_IN, NUL) if value is not None and STAND_IN in value else value
