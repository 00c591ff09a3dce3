"""Virtual tables: F&O's entities as Dataverse shows them, with change tracking where an entity qualifies.

An entity's table is called `mserp_` and the entity's name in lower case, its columns likewise after the properties. A catalogue
table says which entities were made visible, and for which row versions are tracked.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tasks.connectors.http import Client
from tasks.connectors.odata import query
from tasks.connectors.paging import follow
from tasks.connectors.side import ServiceError

PREFIX = "mserp_"
CATALOGUE = "mserp_financeandoperationsentities"
_COLUMNS = ("mserp_physicalname", "mserp_hasbeengenerated", "mserp_changetrackingenabled")


@dataclass(frozen=True, slots=True)
class VirtualEntity:
    """What the catalogue says about an entity.

    Attributes:
        entity: its name, lower case.
        generated: it has a table in Dataverse.
        tracked: changes of the table's rows can be asked for, deletes included.
    """

    entity: str
    generated: bool
    tracked: bool


@runtime_checkable
class ShowsVirtual(Protocol):
    """A Dataverse that may hold virtual tables."""

    def virtual_entities(self) -> Mapping[str, VirtualEntity]:
        """The catalogue by entity, lower case; empty where there is none."""

    def set_of(self, logical: str) -> str | None:
        """Entity set of a table by its logical name."""


def column_of(property: str) -> str:
    """Column of a virtual table for a property of its entity."""
    return f"{PREFIX}{property.lower()}"


def record_of(id_: str) -> str | None:
    """Record id of an F&O row, read from the id of its row in a virtual table.

    Such an id holds the number of the table in four bytes, four empty ones, and the record id in eight, the lowest first (seen, not
    promised). None for an id of another form.
    """
    try:
        content = binascii.a2b_hex(id_.strip("{}").replace("-", ""))
    except (binascii.Error, ValueError):
        return None
    if len(content) != 16 or any(content[4:8]):
        return None
    return str(int.from_bytes(content[8:], "little"))


class _NoCatalogue(Exception):
    pass


def read_catalogue(client: Client, executor: Executor) -> dict[str, VirtualEntity]:
    """All entities in the catalogue; none where F&O's solution for virtual tables isn't installed."""

    def check(error: ServiceError) -> None:
        if error.status == 404:
            raise _NoCatalogue

    url = f"{CATALOGUE}?{query({'$select': ','.join(_COLUMNS)})}"
    found = {}
    try:
        for page in follow(
            client, executor, "metadata", url, doing="the list of virtual tables", check=check
        ):
            for row in page.value:
                name, generated, tracked = (row.get(column) for column in _COLUMNS)
                entity = str(name or "").lower()
                found[entity] = VirtualEntity(entity, bool(generated), bool(tracked))
    except _NoCatalogue:
        return {}
    return found
