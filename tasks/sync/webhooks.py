"""Webhooks for the maps' tables, and what a person has to switch on in F&O."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.model import Map
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.webhooks import Registered, Webhooks


def register(dataverse: DataverseSide, maps: Sequence[Map], url: str, secret: str) -> Registered:
    """Have Dataverse tell of every change of these maps' tables.

    Raises:
        FatalError: it refuses.
    """
    names = sorted({sync.dataverse.table for sync in maps})
    logical = dataverse.logical_names(names)
    done = Webhooks(dataverse.client).register(sorted(logical.values()), url, secret)
    done.absent += [name for name in names if name not in logical]
    return done


def unregister(dataverse: DataverseSide) -> Registered:
    """Have Dataverse tell nothing any more."""
    return Webhooks(dataverse.client).unregister()


def entities(maps: Sequence[Map]) -> list[str]:
    """F&O's entities whose data events the maps have a use for: those that travel to Dataverse."""
    return sorted({sync.fno.entity for sync in maps if sync.to_dataverse})
