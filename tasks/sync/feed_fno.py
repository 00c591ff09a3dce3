"""F&O's feed where it has none: read the whole entity and compare it with what is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.state.records import InboxEntry, Link
from tasks.sync.brake import brake_changed, brake_left
from tasks.sync.cases import fno_name, fno_row_id
from tasks.sync.feeds import Poll, Router, all_links, company_filter, entry, link_name, name_missing
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.transform.digests import raw_digests


def scan_fno(lanes: Sequence[Lane], lease: Lease) -> Poll:
    """Read a whole entity set and name the rows whose content is not as last time, and those that are gone.

    One scan serves every map and company on the set. It reads without the maps' filters, so that a row that leaves a filter is told
    from one that was deleted.
    """
    poll = Poll(lanes[0].map.fno.set, "scan")
    scans = _compare(lanes, lease, poll)
    missing = [
        # a half link can't delete anything, but what it noted may never have come to be
        (scan.lane, [link for link in scan.links if link.fno_key and link.id not in scan.seen])
        for scan in scans
    ]
    if any(scan.pages > 1 for scan in scans):
        missing = name_moved(missing, lease)
    for lane, links in missing:
        name_missing(lane, lease, links, "fno", poll)
    return poll


def name_moved(missing: Sequence[tuple[Lane, list[Link]]], lease: Lease) -> list[tuple[Lane, list[Link]]]:
    """Look once more for the record ids of rows that a read of several pages did not find, and name those that are there.

    Pages come in the order of the key: a row whose key is changed to one before the page already read is in none of them, and
    nobody finds it by the key that it had.

    Args:
        missing: the lanes of one entity set, each with the links of its rows.
        lease: of the feed or the lane.

    Returns: those that this read did not find either.
    """
    lanes = [lane for lane, links in missing if any(link.fno_row for link in links)]
    if not lanes:
        return list(missing)
    entity = lanes[0].map.fno
    wanted = {link.fno_row for _, links in missing for link in links if link.fno_row}
    there: dict[str | None, str] = {}
    for page in lanes[0].fno.pages(
        entity.set,
        columns=entity.key,
        filter=company_filter(lanes),
        size=lanes[0].settings.fno_page_size,
    ):
        there |= {record: fno_name(entity.key, row) for row in page if (record := fno_row_id(row)) in wanted}
    left = []
    for lane, links in missing:
        moved = [entry(lane, "fno", there[link.fno_row], "upsert") for link in links if link.fno_row in there]
        if moved:
            with lane.store.transaction(lease) as tx:
                tx.put_inbox(moved)
        left.append((lane, [link for link in links if link.fno_row not in there]))
    return left


def compare_fno(lanes: Sequence[Lane], lease: Lease, feed: str, expression: str) -> Poll:
    """Read some rows of an entity set, and name those whose content is not as last time.

    Args:
        feed: the feed that this is done for.
        expression: OData filter of the rows.
    """
    poll = Poll(lanes[0].map.fno.set, feed)
    _compare(lanes, lease, poll, expression)
    return poll


def _compare(lanes: Sequence[Lane], lease: Lease, poll: Poll, expression: str = "") -> list[_Scan]:
    lane = lanes[0]
    columns = sorted({name for each in lanes for name in each.layout.fno_columns})
    scans = [_Scan(Router(each), whole=not expression) for each in lanes]
    companies = company_filter(lanes)
    wanted = f"({companies}) and {expression}" if companies and expression else companies or expression
    for page in lane.fno.pages(
        lane.map.fno.set, columns=columns, filter=wanted or None, size=lane.settings.fno_page_size
    ):
        lane.seams.failpoint("polled")
        poll.seen += len(page)
        for scan in scans:
            scan.pages += 1
        by_company = _by_company(page) if COMPANY_PROPERTY in lane.map.fno.key else {"": list(page)}
        for scan in scans:
            rows = by_company.get(scan.lane.company.casefold(), [])
            if rows:
                scan.look(rows)
    # what leaves a lane that is stopped for it does not arrive in another one before somebody looked
    kept_back = {name for scan in scans if scan.braked(lease) for name in scan.left}
    for scan in scans:
        entries = [each for each in scan.entries if each.row not in kept_back]
        poll.named += len(entries)
        changed = scan.map_changed and scan.whole
        if entries or changed:
            with lane.store.transaction(lease) as tx:
                tx.put_inbox(entries)
                found = tx.lane(lane.pair, scan.lane.map.name, scan.lane.company)
                if changed and found.map_hash != scan.lane.map.hash:
                    tx.save_lane(replace(found, map_hash=scan.lane.map.hash))
    return scans


class _Scan:
    """What a scan of an F&O entity finds for one lane.

    Attributes:
        whole: all rows are read, so that a row that is not among them is gone.
        pages: read so far.
    """

    def __init__(self, router: Router, *, whole: bool) -> None:
        self.lane = router.lane
        self.whole = whole
        self.pages = 0
        self._router = router
        self.entries: list[InboxEntry] = []
        self.seen: set[int] = set()
        self.changed = 0
        self.left: list[str] = []
        lane = router.lane
        with lane.store.read() as state:
            self.map_changed = state.lane(lane.pair, lane.map.name, lane.company).map_hash != lane.map.hash

    @cached_property
    def links(self) -> list[Link]:
        """All links of the lane."""
        return all_links(self.lane)

    def braked(self, lease: Lease) -> bool:
        """Stop the lane where too much is different at once; True when what left its filter did it."""
        lane = self.lane
        if not (self.left or self.changed):
            return False
        if self.whole:
            count = len(self.links)
        else:
            with lane.store.read() as state:
                count = state.count_links(lane.pair, lane.map.name, lane.company)
        if brake_left(lane, lease, len(self.left), count, "fno", lane.map.fno.filter):
            return True
        brake_changed(lane, lease, self.changed, count, "fno")
        return False

    def look(self, rows: Sequence[Row]) -> None:
        """Name those of the company's rows that are not as the links remember them."""
        lane, router = self.lane, self._router
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
        for key, row, digest, taken in zip(keys, rows, raw, takes, strict=True):
            link = links.get(key)
            name = fno_name(lane.map.fno.key, row)
            if link is None and renamed:
                # the same record under another key: a rename, not a delete beside a create
                link = renamed.get(fno_row_id(row) or "")
                if link is not None:
                    self.seen.add(link.id)
                    self.entries.append(entry(lane, "fno", name, "upsert"))
                    continue
            if link is None:
                if taken:
                    self.entries.append(entry(lane, "fno", name, "upsert"))
                continue
            if link.fno_key != lane.fno_address(row):
                # another row with the same integration key, this one under another key, or one that was given up:
                # to be told when both are read
                same = link.fno_row == fno_row_id(row)
                if same:
                    self.seen.add(link.id)
                if same or taken:
                    self.entries.append(entry(lane, "fno", name, "upsert"))
                continue
            self.seen.add(link.id)
            if link.state == "detached" and link.dataverse_id is None:
                continue  # given up: only a row of Dataverse with its key brings it back
            # a filter can change too: then rows leave or come back that are as they were
            left = link.state == "paired" and not taken
            came_back = self.map_changed and link.state == "detached" and taken
            if left:
                self.left.append(name)
            if link.raw_fno != digest or left or came_back:
                self.changed += link.raw_fno is not None
                self.entries.append(entry(lane, "fno", link_name(link), "upsert"))


def _by_company(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(str(row.get(COMPANY_PROPERTY, "")).casefold(), []).append(row)
    return out
