"""F&O's row versions: change tracking of the entity's virtual table in Dataverse, a token per entity set.

It names rows by their record id and what the virtual table holds of their key, deletes by record id alone. Tokens last ten days;
one that is void is replaced before a scan of the set makes up for it, deletes included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import Any

from mappings.errors import FatalError
from mappings.metadata import Table
from tasks.connectors.side import Change, ChangePage, Row, TokenExpired
from tasks.connectors.virtual import column_of, record_of
from tasks.state.leases import Lease
from tasks.state.records import Cursor
from tasks.sync.feeds import Poll
from tasks.sync.fno_names import Named, route
from tasks.sync.fno_told import Told, compare_late, forgotten, told_of
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.rewound import highest, stop_all, went_back
from tasks.sync.scans import EXPIRED, want_scan
from tasks.sync.session import Session

log = logging.getLogger("dualflow.feeds")

FEED = "row_version"
RENEWED = timedelta(minutes=1)
"""How old the token of a quiet table may grow before the state gets a newer one."""
SAMPLES = 20
"""Links by which the form of row ids is told."""

PLAIN = frozenset({"text", "memo", "integer", "bigint"})
"""Kinds of properties whose values a virtual table holds as F&O spells them."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """What the virtual table told before anybody held the feed's lease.

    Attributes:
        pages: all of it, the first page included.
        quiet: nothing changed, and nobody has to be compared.
    """

    token: str
    pages: Iterator[ChangePage]
    quiet: bool


def peek_row_version(session: Session, table: str, maps: Sequence[str], virtual: str) -> Peeked | None:
    """Look whether an entity set has changed; None where there is more to do than to read."""
    told, cursor = told_of(session, table, maps, FEED)
    if not told.lanes or cursor is None or cursor.token is None or cursor.polled_at is None:
        return None
    columns = _columns(told.lanes[0], session.dataverse.table(virtual))
    try:
        pages = session.dataverse.changes(virtual, cursor.token, list(columns.values()))
        first = next(pages, None)
    except TokenExpired:
        return None
    if first is None or went_back(cursor, first.token):
        return None
    fresh = session.seams.now() - cursor.polled_at < RENEWED
    quiet = fresh and not first.changes and first.token is not None and not told.late and not told.errors
    return Peeked(cursor.token, chain([first], pages), quiet)


def poll_row_version(
    session: Session,
    table: str,
    maps: Sequence[str],
    virtual: str,
    lease: Lease,
    peeked: Peeked | None = None,
    *,
    later: bool = False,
) -> list[Poll]:
    """Ask for the changes of an entity set.

    Args:
        table: F&O entity set.
        virtual: entity set of its virtual table in Dataverse.
        peeked: what was read already, for the token that the feed has now.
        later: leave the scan that a new token needs to whoever does those that are owed, in their turn.
    """
    told, cursor = told_of(session, table, maps, FEED)
    if not told.lanes:
        return [Poll(table, FEED, errors=told.errors)] if told.errors else []
    columns = _columns(told.lanes[0], session.dataverse.table(virtual))
    if cursor is None or cursor.token is None:
        return _begin(told, virtual, columns, lease, "", later)
    try:
        if peeked is not None and peeked.token == cursor.token:
            pages = peeked.pages
        else:
            pages = session.dataverse.changes(virtual, cursor.token, list(columns.values()))
        polls = [_read(told, cursor, pages, virtual, columns, lease)]
    except TokenExpired:
        log.warning("change token expired", extra={"table": table, "feed": FEED})
        polls = _begin(told, virtual, columns, lease, EXPIRED, later)
        for poll in polls:
            poll.expired = True
        return polls
    if told.late:
        polls += compare_late(told, lease)
        _note(told, lease)
    return polls


def _begin(
    told: Told, virtual: str, columns: dict[str, str], lease: Lease, why: str, later: bool
) -> list[Poll]:
    """Take a token, then compare everything: what changes meanwhile is named at the next poll."""
    session, told = told.session, forgotten(told)
    token = session.dataverse.track(virtual, list(columns.values()))
    if later:
        told.late = []
    with session.store.read() as state:
        before = state.cursor(session.pair, "fno", told.table, FEED)
    if went_back(before, token):
        stop_all(session.store, session.pair, "fno", told.table)
    high = highest(before.high_version if before else None, token)
    cursor = Cursor(session.pair, "fno", told.table, token, told.state, high, session.seams.now(), feed=FEED)
    with session.store.transaction(lease) as tx:
        tx.save_cursor(cursor)
        # it is owed from here on, whatever becomes of us
        want_scan(tx, session.pair, told.table, why=why)
    polls = compare_late(told, lease) or [Poll(told.table, FEED)]
    _note(told, lease)
    return polls


def _note(told: Told, lease: Lease) -> None:
    session = told.session
    with session.store.transaction(lease) as tx:
        cursor = tx.cursor(session.pair, "fno", told.table, FEED)
        if cursor is not None:
            tx.save_cursor(replace(cursor, state=told.state))


def _read(
    told: Told,
    cursor: Cursor,
    pages: Iterator[ChangePage],
    virtual: str,
    columns: dict[str, str],
    lease: Lease,
) -> Poll:
    session = told.session
    poll = Poll(told.table, FEED, errors=list(told.errors))
    known = session.dataverse.table(virtual)
    lane = told.lanes[0]
    for page in pages:
        session.seams.failpoint("polled")
        named = [_named(change, columns, lane) for change in page.changes]
        routed = route(told.lanes, named)
        poll.seen += len(named)
        poll.named += len(routed.entries)
        proved: set[str] = vars(session).setdefault("proved", set())
        lost = bool(routed.strangers) and not _speaks_of_records(lane, known, columns, proved)
        if went_back(cursor, page.token):
            stop_all(session.store, session.pair, "fno", told.table)
        with session.store.transaction(lease) as tx:
            if routed.entries:
                tx.put_inbox(routed.entries)
            if lost:
                want_scan(tx, session.pair, told.table)
            if page.token is not None:
                now = session.seams.now()
                # a lane that isn't told any more is late when it comes back
                high = highest(cursor.high_version, page.token)
                tx.save_cursor(
                    replace(cursor, token=page.token, state=told.state, high_version=high, polled_at=now)
                )
    return poll


def _columns(lane: Lane, virtual: Table) -> dict[str, str]:
    """Key property → column of the virtual table, for those whose values are spelled alike on both sides."""
    found = {}
    for name in lane.map.fno.key:
        column = virtual.columns.get(column_of(name))
        own = lane.fno_table.columns.get(name)
        if column is not None and own is not None and own.kind in PLAIN and column.kind in PLAIN:
            found[name] = column.name
    if not found.keys() - {COMPANY_PROPERTY}:
        raise FatalError(
            f"the virtual table {virtual.name} shows no part of the key of {lane.map.fno.set}",
            code="virtual_key",
            remedy="choose another feed for the map with DUALFLOW_FEEDS",
        )
    return found


def _named(change: Change, columns: dict[str, str], lane: Lane) -> Named:
    record = record_of(change.id)
    if change.row is None:
        return Named("delete", {}, record)
    return Named("upsert", _address(change.row, columns, lane), record)


def _address(row: Row, columns: dict[str, str], lane: Lane) -> dict[str, Any]:
    kinds = lane.fno_table.columns
    return {
        # a virtual table has null for F&O's empty text
        name: "" if row.get(column) is None and kinds[name].kind in ("text", "memo") else row.get(column)
        for name, column in columns.items()
        if row.get(column) is not None or kinds[name].kind in ("text", "memo")
    }


def _speaks_of_records(lane: Lane, virtual: Table, columns: dict[str, str], known: set[str]) -> bool:
    """Do the ids of this virtual table hold record ids? Told by a row that is linked.

    Only then is a deleted id that fits no link surely a row that no link knows.

    Args:
        known: virtual tables of which that was seen before.
    """
    if virtual.name in known:
        return True
    with lane.store.read() as state:
        links = state.iterate_links(lane.pair, lane.map.name, lane.company, 0, SAMPLES)
    asked = [link for link in links if link.fno_row and link.fno_key]
    queries = [
        {column: str((link.fno_key or {}).get(name, "")) for name, column in columns.items()}
        for link in asked
    ]
    found = lane.dataverse.find(virtual.name, queries, []) if queries else []
    ids = {record_of(str(row[virtual.id_column])) for rows in found for row in rows}
    if any(link.fno_row in ids for link in asked):
        known.add(virtual.name)
        return True
    return False
