"""Virtual tables: F&O entities as Dataverse shows them.

Names and types follow the documents: ``mserp_`` and the entity's or property's name in lower case; real and int64
become decimals, enums option sets, empty dates null; guid properties are missing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deployments.sandbox.fno.values import NO_DATE, NO_TIME
from deployments.sandbox.schema.model import Column, DataverseTable, FnoEntity
from deployments.sandbox.store.index import Row
from mappings.metadata import Kind

PREFIX = "mserp_"
FIRST_OPTION = 200_000_000
PRIMARY = f"{PREFIX}primaryfield"
_KINDS: dict[str, Kind] = {
    "text": "text",
    "integer": "integer",
    "bigint": "decimal",
    "decimal": "decimal",
    "enum": "option",
    "datetime": "datetime",
    "boolean": "boolean",
}
_LIMIT = Decimal(100_000_000_000)


@dataclass(frozen=True, slots=True)
class Virtual:
    """A virtual table and how its rows are made.

    Attributes:
        entity: what it shows.
        read: (column, property, conversion) of what it shows.
        number: the data entity's number, the first part of every id.
    """

    spec: DataverseTable
    entity: FnoEntity
    read: tuple[tuple[str, str, Callable[[Any], Any]], ...]
    number: int

    def row(self, row_id: str, row: Row) -> Row:
        """An F&O row as this table shows it."""
        shown: Row = {
            "@odata.etag": f'W/"{row["#version"]}"',
            "versionnumber": row["#version"],
            self.spec.id: row_id,
            PRIMARY: " | ".join(str(row[name]) for name in self.entity.key)[:255],
        }
        for column, name, convert in self.read:
            shown[column] = convert(row[name])
        return shown


def logical_of(entity: str) -> str:
    """``CustCustomerGroupEntity`` → ``mserp_custcustomergroupentity``."""
    return PREFIX + entity.lower()


def set_of(entity: str) -> str:
    """``CustCustomerGroupEntity`` → ``mserp_custcustomergroupentities``."""
    name = logical_of(entity)
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def number_of(entity: str) -> int:
    """The data entity's number. A real one is given by the environment; here it follows from the name."""
    return 1000 + zlib.crc32(entity.encode()) % 60_000


def record_id(number: int, record: int, order: str) -> str:
    """The id of a virtual row: the entity's number, then the record id of its root data source.

    Args:
        order: of the record id's bytes, ``little`` or ``big``.
    """
    tail = record.to_bytes(8, "big" if order == "big" else "little").hex()
    return f"{number:08x}-0000-0000-{tail[:4]}-{tail[4:]}"


def virtual(entity: FnoEntity, tracked: bool) -> Virtual:
    """The virtual table of an entity."""
    logical = logical_of(entity.entity)
    number = number_of(entity.entity)
    identity = f"{logical}id"
    columns = {
        identity: Column(identity, "guid", identity, system=True, creatable=False, updatable=False),
        PRIMARY: Column(PRIMARY, "text", PRIMARY, length=255, system=True, creatable=False, updatable=False),
    }
    read = []
    for found in entity.columns.values():
        if found.kind not in _KINDS:
            continue
        column = _column(found)
        columns[column.name] = column
        read.append((column.name, found.name, _conversion(found)))
    spec = DataverseTable(
        set=set_of(entity.entity),
        logical=logical,
        id=identity,
        primary_name=PRIMARY,
        columns=columns,
        keys=(),
        user_owned=False,
        tracked=tracked,
        bulk=frozenset(),
        code=number,
        external=entity.entity,
    )
    return Virtual(spec, entity, tuple(read), number)


def _column(found: Column) -> Column:
    name = PREFIX + found.name.lower()
    kind = _KINDS[found.kind]
    if found.kind == "datetime" and found.date_only:
        kind = "date"
    return Column(
        name,
        kind,
        name,
        length=found.length,
        scale=(found.scale or 0) if kind == "decimal" else None,
        minimum=-_LIMIT if kind == "decimal" else None,
        maximum=_LIMIT if kind == "decimal" else None,
        options={FIRST_OPTION + place: member for place, member in enumerate(found.members)},
        date_only=found.date_only,
        creatable=False,
        updatable=False,
        label=found.label,
    )


def _conversion(found: Column) -> Callable[[Any], Any]:
    if found.kind == "enum":
        options = {member: FIRST_OPTION + place for place, member in enumerate(found.members)}
        return options.__getitem__
    if found.kind == "datetime":
        nothing = {NO_DATE, NO_TIME}
        if found.date_only:
            return lambda value: None if value in nothing else value[:10]
        return lambda value: None if value in nothing else value
    return lambda value: value
