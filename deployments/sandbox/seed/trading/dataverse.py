"""What is on the Dataverse side before the first sync: some rows as in F&O, some changed, some that only sales knows.

A row as in F&O is made from the F&O row by the map itself, so that a twin is a twin whatever the map says.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from deployments.sandbox.schema import facts
from deployments.sandbox.schema.derive import derive
from deployments.sandbox.schema.model import Column, DataverseTable
from deployments.sandbox.seed.trading.group import SEED, Row
from mappings import fno_entities
from mappings.catalogue import Catalogue
from mappings.model import Map

_SPACE = uuid.UUID("0c4d5a34-4f0e-4a39-9a55-2f3f6a1d0001")


class Twins:
    """Makes Dataverse rows out of F&O rows, and remembers which are there, so that lookups find them.

    Args:
        catalogue: the maps that say how; left out = those that run by default.
    """

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        catalogue = catalogue or Catalogue.load(validate=False)
        self._maps: Mapping[str, Map] = catalogue.maps
        self._tables = derive(catalogue.maps.values(), facts.load(), fno_entities.load()).dataverse
        self._there: set[str] = set()
        self.random = random.Random(f"{SEED} dataverse")

    def of(self, name: str, rows: Iterable[Row], share: float = 1.0) -> list[Row]:
        """Twins of a share of these rows."""
        return [self.twin(name, row) for row in rows if share >= 1 or self.random.random() < share]

    def twin(self, name: str, row: Row) -> Row:
        """The row that a sync by this map would have made of an F&O row.

        A lookup to a row that isn't there stays empty.
        """
        sync = self._maps[name]
        table = self._tables[sync.dataverse.table]
        company = str(row.get("dataAreaId", ""))
        body: Row = {}
        for pair in sync.fields:
            column = table.columns[pair.path[0]] if pair.path else None
            if column is None:
                continue
            if pair.constant is not None:
                body[column.name] = _value(column, pair.constant)
            elif pair.fno in row and not pair.lookup:
                value = row[pair.fno]
                if pair.values is not None:
                    value = pair.values.get(str(value), value)
                body[column.name] = _value(column, value)
            elif row.get(pair.fno or "") and pair.lookup and len(pair.path) == 2:
                self._bind(
                    body,
                    table,
                    pair.lookup,
                    sync.lookups[pair.lookup].table,
                    company,
                    str(row[pair.fno or ""]),
                )
        if sync.dataverse.company:
            self._bind(body, table, sync.dataverse.company, "cdm_companies", "", company)
        body[table.id] = self._id(
            table.set, company, "\x1f".join(str(row[part]) for part in _key_properties(sync))
        )
        self._there.add(body[table.id])
        return body

    def has(self, table: str, company: str, key: str) -> bool:
        """Is the row with this key there?"""
        return self._id(table, company, key) in self._there

    def _bind(
        self, body: Row, table: DataverseTable, column: str, target: str, company: str, key: str
    ) -> None:
        shared = self._id(target, "", key)
        found = next((each for each in (self._id(target, company, key), shared) if each in self._there), None)
        if found:
            body[f"{table.columns[column].navigation[target]}@odata.bind"] = f"/{target}({found})"

    @staticmethod
    def _id(table: str, company: str, key: str) -> str:
        return str(uuid.uuid5(_SPACE, f"{table}\x1f{company.casefold()}\x1f{key.casefold()}"))


def _key_properties(sync: Map) -> Iterator[str]:
    for pair in sync.key_pairs:
        if pair.fno:
            yield pair.fno


def _value(column: Column, value: Any) -> Any:
    """A map's text, or an F&O value, as the column takes it."""
    if value == "":
        return None
    if column.kind == "date":
        return str(value)[:10]
    if column.kind in ("text", "memo", "datetime", "guid"):
        return str(value)
    if column.kind == "boolean":
        return str(value) == "true"
    if column.kind in ("option", "integer", "bigint"):
        return int(value)
    return Decimal(str(value))


def changed(rows: Iterable[Row], draw: random.Random, share: float, changes: Mapping[str, Any]) -> list[Row]:
    """The rows, a share of them with other values: what somebody typed in Dataverse without telling F&O."""
    return [{**row, **changes} if draw.random() < share else row for row in rows]
