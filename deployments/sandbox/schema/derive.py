"""The schema of both sides, out of a catalogue of maps and the facts beside them."""

from __future__ import annotations

from collections.abc import Iterable

from deployments.sandbox.schema import dataverse, fno
from deployments.sandbox.schema.facts import Facts
from deployments.sandbox.schema.model import Schema
from mappings.fno_entities import FnoEntities
from mappings.model import Map


def derive(maps: Iterable[Map], facts: Facts, known: FnoEntities) -> Schema:
    """All that exists on both sides.

    Args:
        maps: the maps whose tables and entities are served.
        facts: types, lengths and whatever else the maps don't tell.
        known: published entity sets and enums of F&O.
    """
    maps = list(maps)
    tables = dataverse.tables(maps, facts, known)
    return Schema(
        dataverse=tables,
        logical={table.logical: name for name, table in tables.items()},
        fno=fno.entities(maps, facts, known),
        enums={name: dict(members) for name, members in known.enums.items()},
        sequences=facts.sequences,
        company_currency=facts.company_currency,
    )
