"""F&O's data events: what the receiver stored, routed to the lanes.

An event names a row by its key, as far as it tells it, and by the id that the row has in Dataverse, which holds the record id.
Events can be lost, doubled and out of order; they only name rows, which are read afresh. A scan on a timer finds what was lost, and
one is asked for where an event names a row that nobody can find by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.connectors.virtual import record_of
from tasks.state.leases import Lease
from tasks.state.records import Cursor, Event
from tasks.state.store import Store
from tasks.sync.feeds import Poll
from tasks.sync.fno_names import Named, route
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.scans import want_scan

FEED = "data_events"

AT_ONCE = 2000
"""Events that one transaction routes."""

IDS, PROVED = "event ids", "records"
"""Cursor that says that an event's id was seen to hold the record id of a row that we know by its key: from then on an id that fits
no link is that of a row which isn't ours."""

PLAIN = frozenset({"text", "memo", "integer", "bigint"})
"""Kinds of properties whose values an event holds as F&O spells them."""


def poll_events(lanes: Sequence[Lane], lease: Lease) -> Poll:
    """Route the events of an entity set.

    Args:
        lanes: all on the set that have to hear; at least one.
        lease: of the set's feed.
    """
    lane = lanes[0]
    poll = Poll(lane.map.fno.set, FEED)
    while events := _taken(lane):
        _route(lanes, events, poll, lease)
        if len(events) < AT_ONCE:
            break
    return poll


def let_go(store: Store, pair: int, table: str) -> None:
    """Take out the events of an entity set that no lane listens to: a lane that joins later is compared with the whole set."""
    with store.read() as state:
        events = state.take_events(pair, "fno", table, AT_ONCE)
    if events:
        with store.unfenced() as tx:
            tx.drop_events(events)


def _taken(lane: Lane) -> list[Event]:
    with lane.store.read() as state:
        return state.take_events(lane.pair, "fno", lane.map.fno.set, AT_ONCE)


def _route(lanes: Sequence[Lane], events: Sequence[Event], poll: Poll, lease: Lease) -> None:
    """Put what events name into the inboxes and take them out, in one transaction."""
    lane = lanes[0]
    lane.seams.failpoint("polled")
    named = [_named(lane, event) for event in events]
    routed = route(lanes, named)
    poll.seen += len(events)
    poll.named += len(routed.entries)
    deletes = any(each.kind == "delete" for each in routed.strangers)
    proved = deletes and _known_to_hold_records(lane)
    shown = deletes and not proved and _hold_records(lanes, named)
    lost = any(each.kind == "upsert" for each in routed.strangers) or (deletes and not (proved or shown))
    with lane.store.transaction(lease) as tx:
        if routed.entries:
            tx.put_inbox(routed.entries)
        if lost:
            want_scan(tx, lane.pair, poll.table)
        if shown:
            tx.save_cursor(Cursor(lane.pair, "fno", poll.table, state=PROVED, feed=IDS))
        tx.drop_events(events)


def _named(lane: Lane, event: Event) -> Named:
    keys = event.keys or {}
    address = _address(lane, keys.get("key") or {})
    id_ = str(keys.get("id") or "")
    return Named(event.kind, address, id_ if id_.isdecimal() else record_of(id_))


def _address(lane: Lane, given: dict[str, Any]) -> dict[str, Any]:
    """The parts of a key whose values stand in an event as F&O spells them."""
    columns = lane.fno_table.columns
    address = {
        name: value
        for name, value in given.items()
        if name in columns and columns[name].kind in PLAIN and _fits(columns[name].kind, value)
    }
    # the company alone names all of its rows
    return {} if set(address) == {COMPANY_PROPERTY} else address


def _fits(kind: str, value: Any) -> bool:
    return isinstance(value, str) if kind in ("text", "memo") else isinstance(value, int)


def _known_to_hold_records(lane: Lane) -> bool:
    with lane.store.read() as state:
        cursor = state.cursor(lane.pair, "fno", lane.map.fno.set, IDS)
    return cursor is not None and cursor.state == PROVED


def _hold_records(lanes: Sequence[Lane], named: Sequence[Named]) -> bool:
    """Do the ids of events hold record ids? Told by an event that names a linked row by its key as well."""
    known = {each.record: each for each in named if each.record and each.address}
    for lane in lanes:
        with lane.store.read() as state:
            links = state.links_by_fno_row(lane.pair, lane.map.name, lane.company, list(known))
        for record, link in links.items():
            address = known[record].address
            if link.fno_key and all(link.fno_key.get(name) == value for name, value in address.items()):
                return True
    return False
