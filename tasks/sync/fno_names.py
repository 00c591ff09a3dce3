"""Names of F&O rows: from what a feed tells of a row to entries in the inboxes of the lanes that it concerns.

Feeds tell little: a row's key or a part of it, or its record id alone. A delete is only ever a reason to look: what the side still
holds decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tasks.connectors.side import Row
from tasks.connectors.virtual import record_of
from tasks.state.records import InboxEntry, Link
from tasks.sync.cases import fno_name, fno_row_id
from tasks.sync.feeds import Router, entry, link_name
from tasks.sync.lane import COMPANY_PROPERTY, Lane

__all__ = ["Named", "Routed", "record_of", "route"]


@dataclass(frozen=True, slots=True)
class Named:
    """A row of an F&O entity that a feed names.

    Attributes:
        address: its key as far as the feed tells it, values as F&O spells them; more properties do no harm.
        record: its record id; None where the feed doesn't tell it.
    """

    kind: Literal["upsert", "delete"]
    address: Mapping[str, Any]
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Routed:
    """Entries for the inboxes.

    Attributes:
        strangers: what can't be found by what was told of it: deletes that fit no link, others without whole key or link.
    """

    entries: list[InboxEntry]
    strangers: list[Named]


def route(lanes: Sequence[Lane], named: Sequence[Named]) -> Routed:
    """Name rows to the lanes of their entity set.

    Args:
        lanes: all that have to hear of the set's changes; of one set.
    """
    if not lanes or not named:
        return Routed([], [])
    named = _completed(lanes[0], named)
    entries: list[InboxEntry] = []
    # those of other companies are nobody's here
    open_ = {id(each): each for each in named if any(_may_be_of(lane, each) for lane in lanes)}
    for lane in lanes:
        own = [each for each in named if _may_be_of(lane, each)]
        by_record, by_key = _links(lane, own)
        for each in own:
            link = by_record.get(each.record or "") or by_key.get(id(each))
            if each.kind == "delete":
                if link is not None:
                    open_.pop(id(each), None)
                    entries.append(entry(lane, "fno", link_name(link), "delete"))
            elif link is not None and (link.fno_key == _key_of(lane, each) or not _whole(lane, each)):
                open_.pop(id(each), None)
                entries.append(entry(lane, "fno", link_name(link), "upsert"))
            elif _whole(lane, each):
                open_.pop(id(each), None)
                # new, or under another key than it had: to be told when it is read
                entries.append(entry(lane, "fno", fno_name(lane.map.fno.key, each.address), "upsert"))
    return Routed(entries, list(open_.values()))


def _whole(lane: Lane, named: Named) -> bool:
    return all(name in named.address for name in lane.map.fno.key)


def _key_of(lane: Lane, named: Named) -> dict[str, Any] | None:
    return lane.fno_address(named.address) if _whole(lane, named) else None


def _may_be_of(lane: Lane, named: Named) -> bool:
    """Can the row be one of the lane's company?"""
    code = named.address.get(COMPANY_PROPERTY)
    if not lane.company or code is None:
        return True
    return str(code).casefold() == lane.company.casefold()


def _completed(lane: Lane, named: Sequence[Named]) -> list[Named]:
    """The rows with whole keys, as far as the side still has them.

    A feed can't tell every part of a key in F&O's spelling. What it tells of a row that is there finds the rest.
    """
    key = lane.map.fno.key
    open_ = [
        each
        for each in named
        if each.kind == "upsert" and each.address and any(n not in each.address for n in key)
    ]
    if not open_:
        return list(named)
    queries = [{name: each.address[name] for name in key if name in each.address} for each in open_]
    asked = [(each, query) for each, query in zip(open_, queries, strict=True) if query]
    found = lane.fno.find(lane.map.fno.set, [query for _, query in asked], key) if asked else []
    answers: dict[int, list[Row]] = {id(each): rows for (each, _), rows in zip(asked, found, strict=True)}
    out: list[Named] = []
    for each in named:
        rows = answers.get(id(each))
        if rows is None:
            out.append(each)
            continue
        own = [row for row in rows if each.record and fno_row_id(row) == each.record]
        # without a record id all rows that share what was told of the key may be meant
        out += [replace(each, address=row) for row in own or rows]
    return out


def _links(lane: Lane, named: Sequence[Named]) -> tuple[dict[str, Link], dict[int, Link]]:
    """Links by record id, and for rows without one by the integration key, where what was told holds it."""
    records = [each.record for each in named if each.record]
    needed = [str(plan.pair.fno) for plan in lane.key_layout.pairs]
    keyed = [each for each in named if not each.record and all(name in each.address for name in needed)]
    if not records and not keyed:
        return {}, {}
    keys = Router(lane).fno_keys([dict(each.address) for each in keyed]) if keyed else []
    with lane.store.read() as state:
        by_record = state.links_by_fno_row(lane.pair, lane.map.name, lane.company, records) if records else {}
        by_key = state.links_by_key(lane.pair, lane.map.name, lane.company, keys) if keys else {}
    return by_record, {id(each): by_key[key] for each, key in zip(keyed, keys, strict=True) if key in by_key}
