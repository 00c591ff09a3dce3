"""Finding: the row that a person means by its key, on either side and whether or not a link knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from mappings.errors import FatalError
from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.sync.cases import Case, fno_name
from tasks.sync.engine import Engine
from tasks.sync.feeds import entry, link_name
from tasks.sync.gather import gather
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.transform.digests import key_text
from tasks.transform.wire import typed

NOBODY = ""
"""Owner of a lease that was never granted: whoever works under it can read and decide, and changes nothing."""


def observer(lane: Lane) -> Engine:
    """An engine that can look at rows and say what it would do, and can neither write nor record."""
    never = Lease(lane.pair, lane.name, epoch=-1, owner=NOBODY, seconds=0.0, expires=0.0)
    return Engine(lane, never)


def key_parts(lane: Lane, key: str) -> list[str]:
    """The parts of an integration key as a person writes it: separated by slashes, or as a JSON list.

    Raises:
        FatalError: it has more or fewer parts than the map's key.
    """
    wanted = len(lane.layout.key_pairs)
    if key.startswith("["):
        try:
            parts = [str(part) for part in msgspec.json.decode(key)]
        except msgspec.DecodeError:
            parts = [key]
    else:
        parts = [key] if wanted == 1 else key.split("/")
    if len(parts) != wanted:
        names = "/".join(lane.layout.pairs[p].pair.id for p in lane.layout.key_pairs)
        raise FatalError(
            f"{key!r} has {len(parts)} parts, and the key of map {lane.map.name!r} has {wanted}: {names}",
            code="key_parts",
            remedy='separate them by /, or write them as a list: \'["first", "second"]\'',
            map=lane.map.name,
        )
    return parts


def cases_of_key(engine: Engine, parts: Sequence[str]) -> list[Case]:
    """The rows that a key means, both sides freshly read; several where it isn't clear which belong together.

    Args:
        parts: of the integration key, in its order.
    """
    lane = engine.lane
    with lane.store.read() as state:
        key = key_text(list(parts), lane.company)
        link = state.links_by_key(lane.pair, lane.map.name, lane.company, [key]).get(key)
    entries = []
    if link is not None:
        # as a scan names what it did not find: what is gone is told as gone
        entries.append(entry(lane, "fno", link_name(link), "missing"))
    entries += [entry(lane, "fno", fno_name(lane.map.fno.key, row), "upsert") for row in _in_fno(lane, parts)]
    id_column = lane.dataverse_table.id_column
    entries += [
        entry(lane, "dataverse", str(row[id_column]), "upsert") for row in _in_dataverse(engine, parts)
    ]
    return gather(engine, entries)[0] if entries else []


def _in_fno(lane: Lane, parts: Sequence[str]) -> list[Row]:
    query: dict[str, Any] = {COMPANY_PROPERTY: lane.company} if lane.company else {}
    for place, text in zip(lane.layout.key_pairs, parts, strict=True):
        plan = lane.layout.pairs[place]
        try:
            query[plan.fno.name] = typed(plan.fno, text)
        except ValueError:
            return []  # F&O can't hold such a value
    return lane.fno.find(lane.map.fno.set, [query], lane.layout.fno_columns)[0]


def _in_dataverse(engine: Engine, parts: Sequence[str]) -> list[Row]:
    lane, lookups = engine.lane, engine.lookups
    query: dict[str, Any] = {}
    by_place = dict(zip(lane.layout.key_pairs, parts, strict=True))
    for place, text in by_place.items():
        plan = lane.layout.pairs[place]
        if plan.lookup is None:
            try:
                query[plan.dataverse.name] = typed(plan.dataverse, text)
            except ValueError:
                return []
        elif f"_{plan.lookup}_value" not in query:
            behind = lookups.pairs_of(plan.lookup)
            texts = {index: [by_place.get(index, "")] for index in behind}
            (bound,) = lookups.bind(texts, [plan.lookup])[plan.lookup]
            if not isinstance(bound, str):
                return []  # without its parent there is no such row
            query[f"_{plan.lookup}_value"] = bound
    company = lane.company_value
    queries = [{**query, company: lane.company_id}, {**query, company: None}] if company else [query]
    found = lane.dataverse.find(lane.map.dataverse.table, queries, engine.dataverse_columns)
    return [row for rows in found for row in rows]
