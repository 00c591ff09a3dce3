"""Feeds: what changed on a side, routed to the lanes that it concerns.

A feed belongs to a table, not to a map: one cursor and one poller per side and table, whatever the number of maps on it.
It only names rows; the inbox keeps the names until a lane has worked on them, so that lost, repeated or reordered notices
can't corrupt anything.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mappings.errors import FatalError
from tasks.connectors.side import Row, TokenExpired
from tasks.state.leases import Lease
from tasks.state.records import Cursor, InboxEntry, Link
from tasks.sync.cases import fno_name, fno_row_id, version_of
from tasks.sync.compare import MODIFIED_BY, Comparer
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.lookups import Lookups
from tasks.transform.canonical import canonical_fno
from tasks.transform.digests import key_text, raw_digests

log = logging.getLogger("dualflow.feeds")

SCAN_UPDATE_FLOOR = 20
"""A scan that finds fewer changed rows than this never trips the update brake: small tables change as a whole every day."""


LINK = "link:"
"""Begin of the name of a linked row in the inbox; its number follows."""


@dataclass
class Poll:
    """What one poll found; numbers of rows."""

    table: str
    feed: str
    seen: int = 0
    named: int = 0
    echoes: int = 0
    missing: int = 0
    expired: bool = False
    errors: list[str] = field(default_factory=list)


def link_name(link: Link) -> str:
    """Name of a linked row in the inbox."""
    return f"{LINK}{link.id}"


def feed_lease(side: str, table: str) -> str:
    """Name of a feed's lease."""
    return f"feed:{side}:{table}"


class _Router:
    """One lane of a table, with what it takes to recognize its rows."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.lookups = Lookups(lane)
        self.comparer = Comparer(lane, self.lookups)
        self.key_layout = replace(
            lane.layout, pairs=tuple(lane.layout.pairs[p] for p in lane.layout.key_pairs)
        )

    def fno_keys(self, rows: Sequence[Row]) -> list[str]:
        """Folded integration keys of F&O rows."""
        texts = canonical_fno(self.key_layout, rows).texts
        return [key_text(list(row), self.lane.company) for row in texts.tolist()]


def entry(lane: Lane, side: str, row: str, kind: str) -> InboxEntry:
    """An inbox entry for a lane."""
    return InboxEntry(
        pair=lane.pair,
        map=lane.map.name,
        company=lane.company,
        side=side,  # type: ignore[arg-type]
        row=row,
        kind=kind,  # type: ignore[arg-type]
    )


# Dataverse: change tracking, a token per table


def tracked_columns(lanes: Iterable[Lane]) -> list[str]:
    """Columns that the feed of a table must carry for all lanes on it."""
    columns: dict[str, None] = {}
    for lane in lanes:
        columns.update(dict.fromkeys(lane.layout.dataverse_columns))
    columns[MODIFIED_BY] = None
    return sorted(columns)


def _columns_mark(columns: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16]


def open_dataverse_cursor(lanes: Sequence[Lane], lease: Lease) -> bool:
    """Take a token before anything is read, unless there is one; True when it is new.

    A token that was made for other columns can't serve: its pages would lack what the maps compare.
    """
    lane = lanes[0]
    table = lane.map.dataverse.table
    columns = tracked_columns(lanes)
    mark = _columns_mark(columns)
    with lane.store.read() as state:
        cursor = state.cursor(lane.pair, "dataverse", table)
    if cursor is not None and cursor.token and cursor.state == mark:
        return False
    token = lane.dataverse.track(table, columns)
    with lane.store.transaction(lease) as tx:
        tx.save_cursor(
            Cursor(
                pair=lane.pair,
                side="dataverse",
                table=table,
                token=token,
                state=mark,
                polled_at=lane.seams.now(),
            )
        )
    return True


def poll_dataverse(lanes: Sequence[Lane], lease: Lease) -> Poll:
    """Read what change tracking has of a table, and name it to the lanes.

    An expired token, or one made for other columns, is replaced before a scan of the table makes up for it.
    """
    lane = lanes[0]
    table = lane.map.dataverse.table
    poll = Poll(table, "change_tracking")
    if open_dataverse_cursor(lanes, lease):
        return scan_dataverse(lanes, lease)
    with lane.store.read() as state:
        cursor = state.cursor(lane.pair, "dataverse", table)
    if cursor is None or cursor.token is None:
        raise FatalError(
            f"the feed of {table} lost its token", code="cursor", remedy="run the delta sync again"
        )
    routers = [_Router(each) for each in lanes]
    columns = tracked_columns(lanes)
    try:
        for page in lane.dataverse.changes(table, cursor.token, columns):
            lane.seams.failpoint("polled")
            rows = [change.row for change in page.changes if change.row is not None]
            deleted = [change.id for change in page.changes if change.row is None]
            entries, confirmed = _route_dataverse(routers, rows, poll)
            entries += _route_deleted(routers, deleted)
            poll.seen += len(page.changes)
            poll.named += len(entries)
            with lane.store.transaction(lease) as tx:
                if confirmed:
                    tx.patch_links(confirmed)
                if entries:
                    tx.put_inbox(entries)
                if page.token is not None:
                    tx.save_cursor(replace(cursor, token=page.token, polled_at=lane.seams.now()))
    except TokenExpired:
        log.warning("change token expired", extra={"table": table})
        with lane.store.transaction(lease) as tx:
            tx.save_cursor(replace(cursor, token=None))
        scanned = poll_dataverse(lanes, lease)
        scanned.expired = True
        return scanned
    return poll


def _route_dataverse(
    routers: Sequence[_Router], rows: Sequence[Row], poll: Poll
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
    echoes: dict[_Router, list[tuple[Link, Row]]] = {}
    unlinked: list[Row] = []
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
    confirmed: list[dict[str, Any]] = []
    for router, found in echoes.items():
        more, patches = _confirm(router, found)
        entries += more
        confirmed += patches
        poll.echoes += len(patches)
    if unlinked:
        entries += _route_new(routers, unlinked)
    return entries, confirmed


def _confirm(
    router: _Router, found: Sequence[tuple[Link, Row]]
) -> tuple[list[InboxEntry], list[dict[str, Any]]]:
    """Rows that a bulk message wrote come back once: what equals our intent is confirmed, the rest is looked at."""
    lane = router.lane
    canonical, _ = router.comparer.dataverse([row for _, row in found])
    digests = router.comparer.digests(canonical)
    from tasks.sync.intents import Layouts

    _, bases = Layouts(lane).bases([link for link, _ in found])
    same = (digests == bases).all(axis=1)
    entries: list[InboxEntry] = []
    patches: list[dict[str, Any]] = []
    for (link, row), equal in zip(found, same.tolist(), strict=True):
        if equal:
            patches.append({"id": link.id, "intent_dataverse": None, "dataverse_version": version_of(row)})
        else:
            entries.append(entry(lane, "dataverse", link_name(link), "upsert"))
    return entries, patches


def _route_new(routers: Sequence[_Router], rows: Sequence[Row]) -> list[InboxEntry]:
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


def _route_deleted(routers: Sequence[_Router], ids: Sequence[str]) -> list[InboxEntry]:
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


def scan_dataverse(lanes: Sequence[Lane], lease: Lease) -> Poll:
    """Compare the versions of a whole table with the links; what is not there any more is named as missing."""
    lane = lanes[0]
    table = lane.map.dataverse.table
    poll = Poll(table, "scan")
    routers = [_Router(each) for each in lanes]
    seen: set[str] = set()
    for page in lane.dataverse.pages(
        table, columns=tracked_columns(lanes), size=lane.settings.dataverse_page_size
    ):
        lane.seams.failpoint("polled")
        poll.seen += len(page)
        seen.update(str(row[lane.dataverse_table.id_column]) for row in page)
        entries, confirmed = _route_dataverse(routers, page, poll)
        poll.named += len(entries)
        with lane.store.transaction(lease) as tx:
            if confirmed:
                tx.patch_links(confirmed)
            if entries:
                tx.put_inbox(entries)
    for router in routers:
        missing = [
            link
            for link in _links(router.lane)
            if link.dataverse_id and link.state != "half" and link.dataverse_id not in seen
        ]
        _name_missing(router.lane, lease, missing, "dataverse", poll)
    return poll


# F&O: scan


def scan_fno(lanes: Sequence[Lane], lease: Lease, fault: bool = False) -> Poll:
    """Read a whole entity set and name the rows whose content is not as last time, and those that are gone.

    One scan serves every map and company on the set. It reads without the maps' filters, so that a row that leaves a filter is told
    from one that was deleted.
    """
    del fault
    lane = lanes[0]
    poll = Poll(lane.map.fno.set, "scan")
    routers = [_Router(each) for each in lanes]
    columns = sorted({name for each in lanes for name in each.layout.fno_columns})
    seen: dict[int, set[int]] = {id(router): set() for router in routers}
    named: dict[int, list[InboxEntry]] = {id(router): [] for router in routers}
    changed = dict.fromkeys((id(router) for router in routers), 0)
    for page in lane.fno.pages(
        lane.map.fno.set, columns=columns, filter=company_filter(lanes), size=lane.settings.fno_page_size
    ):
        lane.seams.failpoint("polled")
        poll.seen += len(page)
        by_company = _by_company(page) if COMPANY_PROPERTY in lane.map.fno.key else {"": list(page)}
        for router in routers:
            rows = by_company.get(router.lane.company.casefold(), [])
            if rows:
                entries, differ = _route_fno(router, rows, seen[id(router)])
                named[id(router)] += entries
                changed[id(router)] += differ
    for router in routers:
        known = _links(router.lane)
        _brake_updates(router.lane, lease, changed[id(router)], len(known))
        entries = named[id(router)]
        poll.named += len(entries)
        if entries:
            with lane.store.transaction(lease) as tx:
                tx.put_inbox(entries)
        missing = [
            link
            for link in known
            # a half link can't delete anything, but what it noted may never have come to be
            if link.fno_key and link.id not in seen[id(router)]
        ]
        _name_missing(router.lane, lease, missing, "fno", poll)
    return poll


def company_filter(lanes: Sequence[Lane]) -> str | None:
    """OData for the companies of these lanes; None for a global entity."""
    codes = sorted({lane.company for lane in lanes if lane.company})
    if not codes or COMPANY_PROPERTY not in lanes[0].map.fno.key:
        return None
    quoted = [code.replace("'", "''") for code in codes]
    return " or ".join(f"{COMPANY_PROPERTY} eq '{code}'" for code in quoted)


def _by_company(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(str(row.get(COMPANY_PROPERTY, "")).casefold(), []).append(row)
    return out


def _route_fno(router: _Router, rows: Sequence[Row], seen: set[int]) -> tuple[list[InboxEntry], int]:
    lane = router.lane
    keys = router.fno_keys(rows)
    raw = raw_digests(rows, lane.layout.raw_fno, lane.secret).astype(np.int64).tolist()
    with lane.store.read() as state:
        links = state.links_by_key(lane.pair, lane.map.name, lane.company, keys)
        strangers = [
            row_id
            for key, row in zip(keys, rows, strict=True)
            if key not in links and (row_id := fno_row_id(row))
        ]
        renamed = (
            state.links_by_fno_row(lane.pair, lane.map.name, lane.company, strangers) if strangers else {}
        )
    takes = router.comparer.fno_mask(rows).tolist()
    entries = []
    differ = 0
    for key, row, digest, taken in zip(keys, rows, raw, takes, strict=True):
        link = links.get(key)
        if link is None and renamed:
            # the same record under another key: a rename, not a delete beside a create
            link = renamed.get(fno_row_id(row) or "")
            if link is not None:
                seen.add(link.id)
                entries.append(entry(lane, "fno", fno_name(lane.map.fno.key, row), "upsert"))
                continue
        if link is not None:
            seen.add(link.id)
            if link.raw_fno != digest:
                differ += link.raw_fno is not None
                entries.append(entry(lane, "fno", link_name(link), "upsert"))
        elif taken:
            entries.append(entry(lane, "fno", fno_name(lane.map.fno.key, row), "upsert"))
    return entries, differ


def _links(lane: Lane) -> list[Link]:
    """The links of a lane, without their digests where the store allows it."""
    out: list[Link] = []
    after = 0
    while True:
        with lane.store.read() as state:
            page = state.iterate_links(lane.pair, lane.map.name, lane.company, after, 5000)
        if not page:
            return out
        out += page
        after = page[-1].id


def _name_missing(lane: Lane, lease: Lease, missing: Sequence[Link], side: str, poll: Poll) -> None:
    if not missing:
        return
    poll.missing += len(missing)
    with lane.store.transaction(lease) as tx:
        tx.put_inbox([entry(lane, side, link_name(link), "missing") for link in missing])


def _brake_updates(lane: Lane, lease: Lease, changed: int, links: int) -> None:
    """A scan that finds a large share of all rows changed may have found a restored database: stop and ask."""
    if changed < SCAN_UPDATE_FLOOR or changed <= lane.settings.update_brake_share * links:
        return
    with lane.store.read() as state:
        if state.approved(lane.pair, lane.map.name, lane.company, "fno", lane.seams.now()):
            return
    message = (
        f"map {lane.map.name!r}{f', company {lane.company}' if lane.company else ''}: a scan of F&O found {changed} of {links}"
        " rows changed since the last one; nothing is written before somebody looked"
    )
    with lane.store.transaction(lease) as tx:
        tx.save_lane_state(lane.pair, lane.map.name, lane.company, "error", message)
