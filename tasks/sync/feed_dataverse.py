"""Dataverse's feed: change tracking, a token per table, with a scan behind it where the token is void."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import Any

from mappings.errors import FatalError
from tasks.connectors.side import ChangePage, Row, TokenExpired
from tasks.state.leases import Lease
from tasks.state.records import Cursor, InboxEntry, Link
from tasks.sync.brake import brake_changed, brake_left
from tasks.sync.cases import version_of
from tasks.sync.diff import UNKNOWN
from tasks.sync.feeds import Poll, Router, all_links, entry, link_name, name_missing
from tasks.sync.handover import handed_over
from tasks.sync.intents import Layouts
from tasks.sync.lane import Lane
from tasks.sync.listeners import Listeners
from tasks.sync.rewound import highest, is_older, look_again, stop_all, went_back
from tasks.sync.scans import EXPIRED, want_scan, was_scanned

log = logging.getLogger("dualflow.feeds")

RENEWED = timedelta(minutes=1)
"""How old the token of a quiet table may grow before the state gets a newer one: they are good for days."""


def open_dataverse_cursor(told: Listeners, lane: Lane, lease: Lease, *, scan: bool = False) -> bool:
    """Take a token before anything is read, unless there is one that serves; True when it is new.

    A token that was made for other columns can't serve: its pages would lack what the maps compare. Nor does one that went on
    without a lane that is to be told again.

    Args:
        lane: any lane on the table.
        scan: a new token is to be made up for by a scan; that it is owed is noted with the token, and outlives a crash.
    """
    with lane.store.read() as state:
        cursor = state.cursor(lane.pair, "dataverse", told.table)
    if cursor is not None and cursor.token and told.served_by(cursor.state):
        return False
    token = lane.dataverse.track(told.table, told.columns)
    now = lane.seams.now()
    with lane.store.transaction(lease) as tx:
        tx.save_cursor(
            Cursor(
                pair=lane.pair,
                side="dataverse",
                table=told.table,
                token=token,
                state=told.state,
                high_version=highest(cursor.high_version if cursor else None, token),
                polled_at=now,
            )
        )
        if scan:
            want_scan(tx, lane.pair, told.table, "dataverse", EXPIRED if cursor is not None else "")
    return True


@dataclass(frozen=True, slots=True)
class Peeked:
    """What change tracking told before anybody held the feed's lease.

    Attributes:
        pages: all of it, the first page included.
        quiet: nothing changed.
    """

    token: str
    pages: Iterator[ChangePage]
    quiet: bool


def peek_dataverse(told: Listeners, cursor: Cursor | None) -> Peeked | None:
    """Look whether a table has changed: most have not, and then there is nothing to hold a lease for.

    Returns: None where the token doesn't serve any more, or is to be renewed.
    """
    lane = told.lanes[0]
    if cursor is None or cursor.token is None or cursor.polled_at is None or not told.served_by(cursor.state):
        return None
    try:
        pages = lane.dataverse.changes(told.table, cursor.token, told.columns)
        first = next(pages, None)
    except TokenExpired:
        return None
    if first is None or went_back(cursor, first.token):
        return None
    fresh = lane.seams.now() - cursor.polled_at < RENEWED
    return Peeked(
        cursor.token, chain([first], pages), fresh and not first.changes and first.token is not None
    )


def poll_dataverse(
    told: Listeners, lease: Lease, peeked: Peeked | None = None, *, later: bool = False
) -> Poll:
    """Read what change tracking has of a table, and name it to the lanes.

    A token that expired or that doesn't serve is replaced before a scan of the table makes up for it.

    Args:
        peeked: what was read already, for the token that the feed has now.
        later: leave the scan to whoever does those that are owed, in their turn.
    """
    lane = told.lanes[0]
    poll = Poll(told.table, "change_tracking", errors=list(told.errors))
    with lane.store.read() as state:
        before = state.cursor(lane.pair, "dataverse", told.table)
    fresh = open_dataverse_cursor(told, lane, lease, scan=True)
    with lane.store.read() as state:
        cursor = state.cursor(lane.pair, "dataverse", told.table)
    if fresh:
        if cursor is not None and went_back(before, cursor.token):
            stop_all(lane.store, lane.pair, "dataverse", told.table)
        return poll if later else make_up(told, lease)
    if cursor is None or cursor.token is None:
        raise FatalError(
            f"the feed of {told.table} lost its token", code="cursor", remedy="run the delta sync again"
        )
    routers = [Router(each) for each in told.lanes]
    if peeked is not None and peeked.token == cursor.token:
        pages = peeked.pages
    else:
        pages = lane.dataverse.changes(told.table, cursor.token, told.columns)
    try:
        for page in pages:
            lane.seams.failpoint("polled")
            rows = [change.row for change in page.changes if change.row is not None]
            deleted = [change.id for change in page.changes if change.row is None]
            entries, confirmed = _route_dataverse(routers, rows, poll)
            entries += _route_deleted(routers, deleted)
            poll.seen += len(page.changes)
            poll.named += len(entries)
            if went_back(cursor, page.token):
                stop_all(lane.store, lane.pair, "dataverse", told.table)
            _brake(routers, lease)
            with lane.store.transaction(lease) as tx:
                if confirmed:
                    tx.patch_links(confirmed)
                if entries:
                    tx.put_inbox(entries)
                if page.token is not None:
                    now = lane.seams.now()
                    high = highest(cursor.high_version, page.token)
                    tx.save_cursor(
                        replace(cursor, token=page.token, state=told.state, high_version=high, polled_at=now)
                    )
    except TokenExpired:
        log.warning("change token expired", extra={"table": told.table})
        with lane.store.transaction(lease) as tx:
            tx.save_cursor(
                replace(cursor, token=None, high_version=highest(cursor.high_version, cursor.token))
            )
        scanned = poll_dataverse(told, lease, later=later)
        scanned.expired = True
        return scanned
    return poll


def _route_dataverse(
    routers: Sequence[Router], rows: Sequence[Row], poll: Poll, *, scan: bool = False
) -> tuple[list[InboxEntry], list[dict[str, Any]]]:
    """Inbox entries for the rows that concern a lane, and links that are only confirmed: echoes of our own writes."""
    if not rows:
        return [], []
    lane = routers[0].lane
    table, id_column = lane.map.dataverse.table, lane.dataverse_table.id_column
    ids = [str(row[id_column]) for row in rows]
    with lane.store.read() as state:
        links = state.parents_by_dataverse_id(lane.pair, table, ids)
    by_lane = {(router.lane.map.name, router.lane.company): router for router in routers}
    entries: list[InboxEntry] = []
    echoes: dict[Router, list[tuple[Link, Row]]] = {}
    changed: dict[Router, list[tuple[Link, Row]]] = {}
    unlinked: list[Row] = []
    suspects = [
        link
        for id_, row in zip(ids, rows, strict=True)
        for link in links.get(id_, [])
        if is_older(row, link) and (link.map, link.company) in by_lane
    ]
    if suspects and look_again(lane, suspects):
        stop_all(lane.store, lane.pair, "dataverse", table)
    for id_, row in zip(ids, rows, strict=True):
        own = links.get(id_, [])
        if not own:
            unlinked.append(row)
        for link in own:
            router = by_lane.get((link.map, link.company))
            if router is None:
                continue
            if (
                link.state != "half"
                and link.dataverse_version is not None
                and link.dataverse_version == version_of(row)
            ):
                poll.echoes += 1
            elif link.state == "paired" and link.intent_dataverse is not None and link.intent_fno is None:
                echoes.setdefault(router, []).append((link, row))
            else:
                entries.append(entry(router.lane, "dataverse", link_name(link), "upsert"))
                if link.state == "paired":
                    changed.setdefault(router, []).append((link, row))
    for router, linked in changed.items():
        router.left += int((~router.comparer.dataverse_mask([row for _, row in linked])).sum())
        if scan:
            router.changed += _changed(router, linked)
    entries += handed_over(routers, rows, links)
    confirmed: list[dict[str, Any]] = []
    for router, found in echoes.items():
        more, patches = _confirm(router, found)
        entries += more
        confirmed += patches
        poll.echoes += len(patches)
    if unlinked:
        entries += _route_new(routers, unlinked)
    return entries, confirmed


def _changed(router: Router, linked: Sequence[tuple[Link, Row]]) -> int:
    """How many of these rows hold other values than when they were last settled; their versions alone say less."""
    canonical, _ = router.comparer.dataverse([row for _, row in linked])
    digests = router.comparer.digests(canonical)
    _, bases = Layouts(router.lane).bases([link for link, _ in linked])
    return int(((digests != bases) & (bases != UNKNOWN)).any(axis=1).sum())


def _brake(routers: Sequence[Router], lease: Lease) -> None:
    """Stop the lanes of which too many rows left or changed at once, before anybody works on them."""
    for router in routers:
        lane = router.lane
        if router.left <= lane.settings.brake_minimum and not router.changed:
            continue
        with lane.store.read() as state:
            links = state.count_links(lane.pair, lane.map.name, lane.company, "paired")
        if not brake_left(lane, lease, router.left, links, "dataverse", lane.map.dataverse.filter):
            brake_changed(lane, lease, router.changed, links, "dataverse")


def _confirm(
    router: Router, found: Sequence[tuple[Link, Row]]
) -> tuple[list[InboxEntry], list[dict[str, Any]]]:
    """Rows that a bulk message wrote come back once: what equals our intent is confirmed, the rest is looked at."""
    lane = router.lane
    canonical, _ = router.comparer.dataverse([row for _, row in found])
    digests = router.comparer.digests(canonical)
    _, bases = Layouts(lane).bases([link for link, _ in found])
    # a user may have changed nothing but what the filter reads: no echo either
    same = (digests == bases).all(axis=1) & router.comparer.dataverse_mask([row for _, row in found])
    entries: list[InboxEntry] = []
    patches: list[dict[str, Any]] = []
    for (link, row), equal in zip(found, same.tolist(), strict=True):
        if equal:
            patches.append({"id": link.id, "intent_dataverse": None, "dataverse_version": version_of(row)})
        else:
            entries.append(entry(lane, "dataverse", link_name(link), "upsert"))
    return entries, patches


def _route_new(routers: Sequence[Router], rows: Sequence[Row]) -> list[InboxEntry]:
    """Rows that no link knows: to the lanes whose company and filter take them."""
    entries = []
    id_column = routers[0].lane.dataverse_table.id_column
    for router in routers:
        lane = router.lane
        if not lane.map.to_fno:
            continue
        own = [
            row
            for row in rows
            if lane.company_value is None or row.get(lane.company_value) == lane.company_id
        ]
        if not own:
            continue
        takes = router.comparer.dataverse_mask(own)
        entries += [
            entry(lane, "dataverse", str(row[id_column]), "upsert")
            for row, taken in zip(own, takes.tolist(), strict=True)
            if taken
        ]
    return entries


def _route_deleted(routers: Sequence[Router], ids: Sequence[str]) -> list[InboxEntry]:
    if not ids:
        return []
    lane = routers[0].lane
    by_lane = {(router.lane.map.name, router.lane.company): router.lane for router in routers}
    with lane.store.read() as state:
        links = state.parents_by_dataverse_id(lane.pair, lane.map.dataverse.table, list(ids))
    return [
        entry(by_lane[(link.map, link.company)], "dataverse", link_name(link), "delete")
        for own in links.values()
        for link in own
        if (link.map, link.company) in by_lane
    ]


def make_up(told: Listeners, lease: Lease) -> Poll:
    """Scan a whole table for all that listen to it; no scan is owed to them afterwards."""
    lane = told.lanes[0]
    now = lane.seams.now()
    poll = scan_dataverse(told, lease)
    with lane.store.transaction(lease) as tx:
        was_scanned(tx, lane.pair, told.table, "dataverse", now)
    return poll


def scan_dataverse(told: Listeners, lease: Lease) -> Poll:
    """Compare the versions of a whole table with the links; what is not there any more is named as missing."""
    lane = told.lanes[0]
    poll = Poll(told.table, "scan", errors=list(told.errors))
    routers = [Router(each) for each in told.lanes]
    seen: set[str] = set()
    for page in lane.dataverse.pages(
        told.table, columns=told.columns, size=lane.settings.dataverse_page_size
    ):
        lane.seams.failpoint("polled")
        poll.seen += len(page)
        seen.update(str(row[lane.dataverse_table.id_column]) for row in page)
        entries, confirmed = _route_dataverse(routers, page, poll, scan=True)
        poll.named += len(entries)
        _brake(routers, lease)
        with lane.store.transaction(lease) as tx:
            if confirmed:
                tx.patch_links(confirmed)
            if entries:
                tx.put_inbox(entries)
    for router in routers:
        missing = [
            link
            for link in all_links(router.lane)
            if link.dataverse_id and link.state != "half" and link.dataverse_id not in seen
        ]
        name_missing(router.lane, lease, missing, "dataverse", poll)
    return poll
