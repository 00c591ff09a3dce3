"""The two systems in memory: small, exact, and quick enough to try every interleaving.

They refuse what the services refuse (taken keys, moved versions, missing parents) and keep a log of writes by caller. They know
nothing of the engine, and the engine knows them only through the `Side` protocol.
"""

from __future__ import annotations

import base64
import copy
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from mappings.metadata import Column, Table
from tasks.connectors.side import (
    Address,
    Change,
    ChangePage,
    Operation,
    Outcome,
    Row,
    ServiceError,
    TokenExpired,
)

ENGINE = "engine"
USER = "user"
Normalize = Callable[[str, Any], Any]
"""(column, value) → what the service stores."""
Fate = Literal["answered", "lost", "never arrived", "sent again"]
"""What becomes of a write: answered; done without an answer; not even done; done, and sent again for want of an answer."""


def fold(value: Any) -> Any:
    """Strings compare without case and trailing blanks, and the empty text equals null."""
    if isinstance(value, str):
        return value.rstrip().casefold() or None
    return value


STAMPS = ("ModifiedAt", "modifiedon")
"""Columns that say when a row was last written."""


@dataclass
class Stored:
    """One row of a system: values, version, who wrote last and when."""

    id: str
    values: dict[str, Any]
    version: int
    by: str
    at: int = 0


@dataclass
class Write:
    """One write as the log keeps it."""

    caller: str
    table: str
    kind: str
    id: str
    values: dict[str, Any]
    had_version: bool


@dataclass
class Memory:
    """One system: tables of rows, a version counter, a log.

    Attributes:
        unique: table → columns that identify a row.
        normalize: What the service makes of a value that it is given.
        sparse: A key with an empty part identifies nothing, as in Dataverse.
        hidden: Rows (table, id) that reads by the engine don't see.
        clock: Seconds of the time that rows are stamped with in a column that is a `STAMPS`; without it they aren't.
    """

    tables: dict[str, Table]
    unique: dict[str, tuple[str, ...]]
    normalize: Normalize = field(default=lambda _, value: value)
    rows: dict[str, dict[str, Stored]] = field(default_factory=dict)
    version: int = 0
    ids: int = 0
    log: list[Write] = field(default_factory=list)
    changes: list[tuple[int, str, str, str]] = field(default_factory=list)
    hidden: set[tuple[str, str]] = field(default_factory=set)
    expired_before: int = 0
    lose_answers: int = 0
    sparse: bool = False
    clock: Callable[[], int] = lambda: 0

    def of(self, table: str) -> dict[str, Stored]:
        return self.rows.setdefault(table, {})

    def by_key(self, table: str, values: Mapping[str, Any]) -> Stored | None:
        wanted = tuple(fold(values.get(name)) for name in self.unique.get(table, ()))
        if not any(part is not None for part in wanted) or (self.sparse and None in wanted):
            return None
        for stored in self.of(table).values():
            if tuple(fold(stored.values.get(name)) for name in self.unique[table]) == wanted:
                return stored
        return None

    def create(
        self, table: str, values: Mapping[str, Any], *, id_: str | None = None, by: str = USER
    ) -> Stored:
        clean = {name: self.normalize(name, _json(value)) for name, value in values.items()}
        if self.by_key(table, clean) is not None or (id_ is not None and id_ in self.of(table)):
            raise Refused(412, "duplicate", "A record with matching key values already exists.")
        self.version += 1
        self.ids += 1
        stored = Stored(id_ or self.new_id(), clean, self.version, by, self.clock())
        self.of(table)[stored.id] = stored
        self._note(table, "create", stored, by, dict(values), False)
        return stored

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.ids))

    def update(
        self, table: str, id_: str, values: Mapping[str, Any], *, by: str = USER, had_version: bool = False
    ) -> Stored:
        stored = self.of(table)[id_]
        clean = {name: self.normalize(name, _json(value)) for name, value in values.items()}
        other = self.by_key(table, {**stored.values, **clean})
        if other is not None and other.id != id_:
            raise Refused(412, "duplicate", "A record with matching key values already exists.")
        self.version += 1
        stored.values.update(clean)
        stored.version, stored.by, stored.at = self.version, by, self.clock()
        self._note(table, "update", stored, by, dict(values), had_version)
        return stored

    def delete(self, table: str, id_: str, *, by: str = USER, had_version: bool = False) -> None:
        stored = self.of(table).pop(id_)
        self.version += 1
        self._note(table, "delete", stored, by, {}, had_version)

    def _note(
        self, table: str, kind: str, stored: Stored, by: str, values: dict[str, Any], had_version: bool
    ) -> None:
        self.log.append(Write(by, table, kind, stored.id, values, had_version))
        self.changes.append((self.version, table, stored.id, kind))

    def writes(self, by: str = ENGINE) -> list[Write]:
        return [write for write in self.log if write.caller == by]

    def clone(self) -> Memory:
        other = copy.copy(self)
        other.rows = {
            table: {id_: Stored(r.id, dict(r.values), r.version, r.by, r.at) for id_, r in rows.items()}
            for table, rows in self.rows.items()
        }
        other.log, other.changes, other.hidden = list(self.log), list(self.changes), set(self.hidden)
        return other


def _stamp(column: str, stored: Stored) -> str | None:
    """When a row was last written, where a column says that."""
    if column not in STAMPS or not stored.at:
        return None
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=stored.at)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Any) -> Any:
    """A value as it comes back from JSON: fractions as the digits they were sent with."""
    if isinstance(value, Decimal):
        return (
            int(value)
            if value == value.to_integral_value() and value.as_tuple().exponent == 0
            else f"{value:f}"
        )
    return value


class Refused(Exception):
    """The service says no."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.error = ServiceError(status, code, message)


@dataclass(frozen=True)
class Behind:
    """The rows of a table that stand behind this one."""

    order: tuple[str, ...]


class MemorySide:
    """What both in-memory sides share.

    Attributes:
        before: Told the kind of each request before it is served: the place for a user to interfere.
        asked: What that request is about: its table, and what it names there (None = any row of it).
        after: Told the kind of each write once it stands, before it is answered: the place to die.
        fate: Asked what becomes of each write.
        silent: Writes are acknowledged without the row and its version.
        cut_after: Lists break off after so many rows, as if there were no more; None = they are whole.
        keeps_referred: Rows that other rows name can't be deleted.
        ignores_versions: A write goes through whatever became of the row since it was read.
        looks: What a row held when a write came is told with the answer.
    """

    name: Literal["fno", "dataverse"]

    def __init__(self, memory: Memory, environment: str) -> None:
        self.memory = memory
        self.environment = environment
        self.requests: dict[str, int] = {}
        self.page_size = 5000
        self.silent = False
        self.cut_after: int | None = None
        self.keeps_referred = self.ignores_versions = self.looks = False
        self.before: Callable[[str], None] = lambda _: None
        self.asked: tuple[str, Any] = ("", None)
        self.after: Callable[[str], None] = lambda _: None
        self.fate: Callable[[], Fate] = self._planned_fate

    def _planned_fate(self) -> Fate:
        if self.memory.lose_answers > 0:
            self.memory.lose_answers -= 1
            return "lost"
        return "answered"

    def _count(self, kind: str, table: str, named: Any = None) -> None:
        self.requests[kind] = self.requests.get(kind, 0) + 1
        self.asked = table, named
        self.before(kind)

    def table(self, name: str) -> Table:
        return self.memory.tables[name]

    def who(self) -> str:
        return ENGINE

    def _shown(self, table: str, stored: Stored, columns: Sequence[str]) -> Row:
        raise NotImplementedError

    def _locate(self, table: str, address: Address) -> Stored | None:
        raise NotImplementedError

    def _visible(self, table: str) -> list[Stored]:
        return [
            stored
            for stored in self.memory.of(table).values()
            if (table, stored.id) not in self.memory.hidden
        ]

    def pages(
        self,
        table: str,
        *,
        columns: Sequence[str],
        filter: str | None = None,
        order: Sequence[str] = (),
        size: int | None = None,
    ) -> Iterator[list[Row]]:
        """Pages in the order of the key, each read when it is asked for: what comes behind the reader is missed."""
        after: tuple[str, ...] | None = None
        left = self.cut_after
        while True:
            self._count("page", table, None if after is None else Behind(after))
            rows = sorted((self._order(table, stored), stored.id, stored) for stored in self._visible(table))
            rows = [each for each in rows if after is None or each[0] > after]
            if filter is not None:
                rows = [each for each in rows if passes(filter, each[2].values)]
            if left is not None:
                rows = rows[:left]
                left -= min(left, size or self.page_size)
            page = rows[: size or self.page_size]
            yield [self._shown(table, stored, columns) for _, _, stored in page]
            if len(page) == len(rows):
                return
            after = page[-1][0]

    def _order(self, table: str, stored: Stored) -> tuple[str, ...]:
        """Where a row stands among the others."""
        return (
            *(str(fold(stored.values.get(name)) or "") for name in self.memory.unique.get(table, ())),
            stored.id,
        )

    def read(self, table: str, addresses: Sequence[Address], columns: Sequence[str]) -> list[Row | None]:
        self._count("read", table, addresses)
        out: list[Row | None] = []
        for address in addresses:
            stored = self._locate(table, address)
            out.append(
                None
                if stored is None or (table, stored.id) in self.memory.hidden
                else self._shown(table, stored, columns)
            )
        return out

    def find(self, table: str, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[Row]]:
        self._count("find", table, keys)
        out = []
        for key in keys:
            names = {
                name.removeprefix("_").removesuffix("_value") if name.startswith("_") else name: v
                for name, v in key.items()
            }
            out.append(
                [
                    self._shown(table, stored, columns)
                    for stored in self._visible(table)
                    if all(fold(stored.values.get(name)) == fold(value) for name, value in names.items())
                ]
            )
        return out

    def write(
        self, table: str, operations: Sequence[Operation], *, columns: Sequence[str], bulk: bool = False
    ) -> list[Outcome]:
        self._count("bulk" if bulk else "batch", table, operations)
        return [self._one(table, operation, columns, bulk) for operation in operations]

    def _one(self, table: str, operation: Operation, columns: Sequence[str], bulk: bool) -> Outcome:
        fate = self.fate()
        if fate == "never arrived":
            return Outcome("unknown")
        stood = self._standing(table, operation, columns) if self.looks else None
        try:
            outcome = self._done(table, operation, columns, bulk)
        except Refused as refused:
            outcome = Outcome("refused", error=refused.error)
        if outcome.status == "done":
            self.after(operation.kind)
            if fate == "sent again" and operation.kind != "create":
                # what a client does that got no answer: the version has moved, or the row is gone, by our own doing
                return self._done(table, operation, columns, bulk)
            if self.silent:
                outcome = Outcome("done", id=outcome.id)
        if fate in ("lost", "sent again"):
            return Outcome("unknown")
        return outcome if stood is None else replace(outcome, before=stood)

    def _standing(self, table: str, operation: Operation, columns: Sequence[str]) -> Row | None:
        """What the row holds that a write is about."""
        if operation.kind == "create" or operation.address is None:
            return None
        found = self._locate(table, operation.address)
        return self._shown(table, found, columns) if found is not None else None

    def _done(self, table: str, operation: Operation, columns: Sequence[str], bulk: bool) -> Outcome:
        if operation.kind == "create":
            stored = self._create(table, operation)
            if bulk and self.name == "dataverse":
                return Outcome("done", id=stored.id)
            return Outcome("done", self._shown(table, stored, columns), stored.id, self._version(stored))
        assert operation.address is not None
        found = self._locate(table, operation.address)
        if found is None:
            return Outcome("absent")
        moved = operation.version is not None and operation.version != self._version(found)
        if moved and not self.ignores_versions:
            return Outcome("stale")
        if operation.kind == "delete":
            self._check_delete(table, found)
            self.memory.delete(table, found.id, by=ENGINE, had_version=operation.version is not None)
            return Outcome("done")
        self.memory.update(
            table,
            found.id,
            self._stored_values(table, operation.body),
            by=ENGINE,
            had_version=operation.version is not None,
        )
        return Outcome("done", self._shown(table, found, columns), found.id, self._version(found))

    def _check_delete(self, table: str, stored: Stored) -> None:
        if self.keeps_referred and (children := self._children(table, stored)):
            raise Refused(
                400,
                "referred",
                f"The record can't be deleted: {children} record(s) of other tables refer to it.",
            )

    def _children(self, table: str, stored: Stored) -> int:
        """How many rows name this one in a lookup."""
        return sum(
            row.values.get(name) == stored.id
            for other, rows in self.memory.rows.items()
            for name, column in (
                self.memory.tables[other].columns if other in self.memory.tables else {}
            ).items()
            if column.kind == "lookup"
            for row in rows.values()
        )

    def _create(self, table: str, operation: Operation) -> Stored:
        raise NotImplementedError

    def _stored_values(self, table: str, body: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _version(self, stored: Stored) -> str:
        raise NotImplementedError

    def track(self, table: str, columns: Sequence[str]) -> str:
        self._count("track", table)
        return str(self.memory.version)

    def changes(self, table: str, token: str, columns: Sequence[str]) -> Iterator[ChangePage]:
        self._count("delta", table)
        since = int(token)
        if since < self.memory.expired_before:
            raise TokenExpired("the token expired")
        last = {
            id_: kind for version, name, id_, kind in self.memory.changes if name == table and version > since
        }
        upserts = [
            Change(id_, self._shown(table, self.memory.of(table)[id_], columns))
            for id_ in last
            if id_ in self.memory.of(table)
        ]
        deletes = [Change(id_, None) for id_ in last if id_ not in self.memory.of(table)]
        yield ChangePage(upserts + deletes, str(self.memory.version))


class MemoryFno(MemorySide):
    """F&O: addressed by key, empty values instead of null, record ids in the version."""

    name = "fno"

    def new(self, table: str) -> dict[str, Any]:
        return {name: _empty(column) for name, column in self.table(table).columns.items()}

    def _version(self, stored: Stored) -> str:
        inner = base64.b64encode(f"'{stored.version},{uuid.UUID(stored.id).int}'".encode()).decode()
        return f'W/"{inner}"'

    def _shown(self, table: str, stored: Stored, columns: Sequence[str]) -> Row:
        row: Row = {"@odata.etag": self._version(stored)}
        for name in columns:
            value = stored.values.get(name, _stamp(name, stored))
            row[name] = _empty(self.table(table).columns[name]) if value is None else value
        return row

    def _locate(self, table: str, address: Address) -> Stored | None:
        assert isinstance(address, Mapping)
        return self.memory.by_key(table, address)

    def _create(self, table: str, operation: Operation) -> Stored:
        return self.memory.create(table, self._stored_values(table, operation.body), by=ENGINE)

    def _stored_values(self, table: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)


def _empty(column: Column) -> Any:
    """What F&O has where nobody set a value: it knows no null."""
    return column.members[0] if column.kind == "enum" else {"integer": 0, "decimal": 0}.get(column.kind, "")


class MemoryDataverse(MemorySide):
    """Dataverse: addressed by id, lookups by guid, bound by navigation property."""

    name = "dataverse"

    def _version(self, stored: Stored) -> str:
        return f'W/"{stored.version}"'

    def _shown(self, table: str, stored: Stored, columns: Sequence[str]) -> Row:
        shape = self.table(table)
        row: Row = {"@odata.etag": self._version(stored), shape.id_column: stored.id}
        for name in columns:
            if name == "modifiedby":
                row["_modifiedby_value"] = stored.by
            elif name in shape.columns and shape.columns[name].kind == "lookup":
                row[f"_{name}_value"] = stored.values.get(name)
            elif "@" in name:
                row[name] = self._table_of(stored.values.get(name.split("_value@")[0][1:]))
            elif name != shape.id_column:
                row[name] = stored.values.get(name, _stamp(name, stored))
        return row

    def _table_of(self, id_: str | None) -> str | None:
        """Logical name of the table where a row stands."""
        return next(
            (self.table(table).logical for table, rows in self.memory.rows.items() if id_ in rows), None
        )

    def _locate(self, table: str, address: Address) -> Stored | None:
        assert isinstance(address, str)
        return self.memory.of(table).get(address)

    def _create(self, table: str, operation: Operation) -> Stored:
        body = dict(operation.body)
        id_ = body.pop(self.table(table).id_column, None)
        return self.memory.create(table, self._stored_values(table, body), id_=id_, by=ENGINE)

    def _stored_values(self, table: str, body: Mapping[str, Any]) -> dict[str, Any]:
        shape = self.table(table)
        navigation = {
            nav: name for name, column in shape.columns.items() for nav in column.navigation.values()
        }
        values: dict[str, Any] = {}
        for name, value in body.items():
            if name.endswith("@odata.bind"):
                target = None if value is None else value.rpartition("(")[2].rstrip(")")
                column = navigation[name.removesuffix("@odata.bind")]
                place = None if value is None else value.strip("/").partition("(")[0]
                if target is not None and target not in self.memory.of(str(place)):
                    raise Refused(404, "0x80040217", f"row {target} does not exist")
                if place is not None and len(shape.columns[column].targets) > 1:
                    pointed = shape.columns[column].navigation[self.table(place).logical]
                    if pointed != name.removesuffix("@odata.bind"):
                        raise Refused(400, "0x80048d19", f"{name} can't point at {place}")
                values[column] = target
            else:
                values[name] = value
        return values


def passes(expression: str, values: Mapping[str, Any]) -> bool:
    """Equalities joined by `or`, as the engine uses them to ask for companies."""
    for term in expression.split(" or "):
        name, _, wanted = term.strip().partition(" eq ")
        value = values.get(name.removeprefix("_").removesuffix("_value") if name.startswith("_") else name)
        if fold(value) == (None if wanted == "null" else fold(wanted.strip("'").replace("''", "'"))):
            return True
    return False


def text(name: str, **kwargs: Any) -> Column:
    """A text column."""
    return Column(name, "text", max_length=kwargs.pop("max_length", 100), **kwargs)


def lookup(name: str, target: str) -> Column:
    """A lookup column."""
    return Column(name, "lookup", targets=(target,), navigation={target: name})
