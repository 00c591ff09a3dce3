"""Virtual tables of F&O in Dataverse: which were generated, their rows, and how an entity gets one.

What exists is stored in the catalogue table, so that it survives a restart and ends with a reset. Rows are copies of
F&O's, brought up to date before each request that looks at them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.rows import Context, Rows
from deployments.sandbox.messages import Caller
from deployments.sandbox.schema.model import DataverseTable, FnoEntity, Schema
from deployments.sandbox.schema.virtual import Virtual, logical_of, number_of, record_id, set_of, virtual
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.store.table import Table, Tombstone
from deployments.sandbox.switches import Switches
from mappings.errors import FatalError

CATALOGUE = "mserp_financeandoperationsentities"
ROW_VERSIONS = [10, 0, 31]
"""First application version that tracks changes by row version."""
NAME, GENERATED, TRACKED = "mserp_physicalname", "mserp_hasbeengenerated", "mserp_changetrackingenabled"


@dataclass(slots=True)
class _Mirror:
    """Copies of an entity's rows, and up to where they were brought up to date."""

    made: Virtual
    table: Table
    order: str
    epoch: int = -1
    changes: int = -1
    version: int = 0
    stones: int = 0
    ids: dict[int, str] = field(default_factory=dict)


class VirtualTables:
    """All virtual tables of one environment."""

    def __init__(self, schema: Schema, store: Store, switches: Switches) -> None:
        self._schema = schema
        self._store = store
        self._switches = switches
        self._entities = {entity.entity: entity for entity in schema.fno.values()}
        self._mirrors: dict[str, _Mirror] = {}
        self._logical: dict[str, str] = {}
        self._seen: tuple[Table, int] | None = None
        store.virtual.clear()

    # what there is

    def specs(self) -> dict[str, DataverseTable]:
        """The generated tables by entity set."""
        self._look()
        return {name: mirror.made.spec for name, mirror in self._mirrors.items()}

    def find(self, name: str) -> DataverseTable | None:
        """The generated table of an entity set, its rows up to date."""
        if not name.startswith("mserp_"):
            return None
        self._look()
        mirror = self._mirrors.get(name)
        if mirror is None:
            return None
        self._refresh(mirror)
        return mirror.made.spec

    def named(self, logical: str) -> DataverseTable | None:
        """The generated table with a logical name."""
        self._look()
        name = self._logical.get(logical)
        return self._mirrors[name].made.spec if name is not None else None

    def id_of(self, entity: FnoEntity, record: int) -> str:
        """The id that a row of an entity has in Dataverse, whether its table was generated or not."""
        return record_id(number_of(entity.entity), record, self._switches.virtual_record_id)

    def _look(self) -> None:
        """Take over what the catalogue says, if it changed."""
        catalogue = self._store.tables.get(("dataverse", CATALOGUE))
        if catalogue is None or self._seen == (catalogue, catalogue.changes):
            return
        self._seen = (catalogue, catalogue.changes)
        wanted = {row[NAME]: bool(row[TRACKED]) for row in catalogue.rows.values() if row[GENERATED]}
        before = {mirror.made.entity.entity: mirror for mirror in self._mirrors.values()}
        self._mirrors = {}
        for name, tracked in wanted.items():
            entity = self._entities.get(name)
            if entity is None:
                continue
            made = virtual(entity, tracked)
            old = before.get(name)
            table = old.table if old is not None else Table("dataverse", made.spec.set, ())
            self._mirrors[made.spec.set] = _Mirror(made, table, self._switches.virtual_record_id)
        self._store.virtual.clear()
        self._store.virtual.update({name: mirror.table for name, mirror in self._mirrors.items()})
        self._logical = {mirror.made.spec.logical: name for name, mirror in self._mirrors.items()}

    # rows

    def _refresh(self, mirror: _Mirror) -> None:
        source = self._store.fno(mirror.made.entity.set)
        order = self._switches.virtual_record_id
        if mirror.epoch != source.epoch or mirror.order != order:
            mirror.order, mirror.ids = order, {}
            shown = {
                self._id(mirror, record): self._shown(mirror, record, row)
                for record, row in source.rows.items()
            }
            mirror.table.replace_all(shown)
            mirror.table.tombstones = [self._stone(mirror, stone) for stone in source.tombstones]
            mirror.epoch = source.epoch
        elif mirror.changes != source.changes:
            fresh = [self._stone(mirror, stone) for stone in source.tombstones[mirror.stones :]]
            for stone in fresh:
                mirror.table.put(stone.id, None)
            mirror.table.tombstones.extend(fresh)
            for row in source.changed(mirror.version, self._store.version):
                record = source.unique[0].holder(row)
                assert record is not None
                mirror.table.put(self._id(mirror, record), self._shown(mirror, record, row))
        mirror.changes, mirror.version = source.changes, self._store.version
        mirror.stones = len(source.tombstones)

    def _id(self, mirror: _Mirror, record: int) -> str:
        found = mirror.ids.get(record)
        if found is None:
            found = mirror.ids[record] = record_id(mirror.made.number, record, mirror.order)
        return found

    def _shown(self, mirror: _Mirror, record: int, row: Row) -> Row:
        return mirror.made.row(self._id(mirror, record), row)

    def _stone(self, mirror: _Mirror, stone: Tombstone) -> Tombstone:
        return Tombstone(self._id(mirror, stone.id), stone.version, stone.time, {})

    # generating

    def generate(self, rows: Rows, caller: Caller, sets: str | Iterable[str], tracked: bool) -> int:
        """Generate tables, as an administrator who ticks them in the catalogue.

        Args:
            sets: F&O entity sets, or ``qualifying``: all whose changes can be tracked.

        Returns:
            how many.

        Raises:
            FatalError: an unknown set.
            ServiceFault: one of them can't be tracked.
        """
        if isinstance(sets, str) and sets != "qualifying":
            sets = [sets]
        wanted = (
            [entity for entity in self._schema.fno.values() if not entity.untracked]
            if isinstance(sets, str)
            else [self._entity(name) for name in sets]
        )
        catalogue = self._store.dataverse(CATALOGUE)
        by_name = {row[NAME]: row_id for row_id, row in catalogue.rows.items()}
        for entity in wanted:
            body = {GENERATED: True, TRACKED: tracked}
            rows.update(CATALOGUE, by_name[entity.entity], body, Context(caller, caller.name))
        return len(wanted)

    def _entity(self, name: str) -> FnoEntity:
        entity = self._schema.fno.get(name)
        if entity is None:
            raise FatalError(f"no set '{name}' on fno")
        return entity

    def catalogue(self) -> dict[str, dict[str, Any]]:
        """Every entity: its table, whether it qualifies for change tracking and why not, what was generated."""
        rows = {row[NAME]: row for row in self._store.dataverse(CATALOGUE).rows.values()}
        return {
            name: {
                "physical": entity.entity,
                "logical": logical_of(entity.entity),
                "table": set_of(entity.entity),
                "qualifies": not entity.untracked,
                "why": entity.untracked,
                "generated": bool(rows[entity.entity][GENERATED]),
                "tracked": bool(rows[entity.entity][TRACKED]),
            }
            for name, entity in self._schema.fno.items()
            if entity.entity in rows
        }


def check_catalogue(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """What the platform checks before it generates a table: whether its changes can be tracked.

    Raises:
        ServiceFault: they can't.
    """
    if row["mserp_refresh"]:
        row["mserp_refresh"] = False
    if not row[TRACKED] or (old is not None and old[TRACKED]):
        return
    version = rows.switches.fno_application_version
    if [int(part) for part in re.findall(r"\d+", version)][:3] < ROW_VERSIONS:
        raise errors.aborted(
            f"Change tracking can't be enabled for {row[NAME]} in version {version} of finance and operations apps."
        )
    if not rows.switches.row_version_tracking:
        raise errors.aborted(
            f"Change tracking can't be enabled for {row[NAME]} because the configuration key 'Sql row version "
            "change tracking' is not enabled."
        )
    untracked = _untracked(rows.schema.fno)
    reason = untracked.get(row[NAME])
    if reason:
        raise errors.aborted(reason)


def _untracked(entities: Mapping[str, FnoEntity]) -> dict[str, str]:
    return {entity.entity: entity.untracked for entity in entities.values()}
