"""Changes of both systems' metadata since they were last seen, with the state as the memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from mappings import drift
from mappings.drift import Drift
from mappings.live.metadata import Live, wanted
from mappings.metadata import SideName, Table
from mappings.model import Map
from tasks.state.records import TableMetadata
from tasks.state.store import Store, Transaction

SIDES: tuple[SideName, SideName] = ("fno", "dataverse")


def compare(store: Store, pair: int, live: Live, maps: Iterable[Map]) -> tuple[list[Drift], datetime | None]:
    """What changed, each change with the maps that it touches.

    Args:
        maps: the maps whose tables `live` describes; what other maps saw is left out.

    Returns:
        the changes, those that touch maps first; and when the oldest of the changed tables was last seen, None
        if nothing changed.
    """
    maps = list(maps)
    found: list[Drift] = []
    since: datetime | None = None
    with store.read() as state:
        known = state.fingerprints(pair)
        for side, names in zip(SIDES, wanted(maps), strict=True):
            tables = live.side(side)
            for name in sorted(names):
                now = tables.get(name)
                fingerprint = known.get((side, name))
                if fingerprint is None or (now is not None and now.fingerprint == fingerprint):
                    continue
                seen = state.metadata(pair, side, name)
                if seen is None:
                    continue
                changed = drift.changes(drift.table_of(side, name, seen.document), now)
                found += [replace(each, touches=drift.touching(each, maps)) for each in changed]
                if changed and seen.seen_at is not None:
                    since = min(since or seen.seen_at, seen.seen_at)
    return sorted(found, key=lambda each: not each.touches), since


def remember(store: Store, pair: int, live: Live, at: datetime) -> None:
    """Take what was just seen as the state of things; tables that are gone stay as they were last seen."""
    with store.unfenced() as tx:
        known = tx.fingerprints(pair)
        for side in SIDES:
            tables = live.side(side)
            same = [name for name, table in tables.items() if known.get((side, name)) == table.fingerprint]
            tx.see_metadata(pair, side, same, at)
            tx.save_metadata(
                record(pair, table, at) for name, table in tables.items() if name not in set(same)
            )


def first_sight(tx: Transaction, pair: int, *tables: Table) -> None:
    """Keep the metadata of tables that were never seen before: what the first sync saw is what a look compares with."""
    tx.keep_metadata(
        record(pair, table) for table in tables if not tx.knows_metadata(pair, table.side, table.name)
    )


def record(pair: int, table: Table, at: datetime | None = None) -> TableMetadata:
    """A table as the state keeps it."""
    return TableMetadata(pair, table.side, table.name, table.fingerprint, drift.document(table), at)
