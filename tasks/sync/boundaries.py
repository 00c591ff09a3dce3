"""Boundaries of validity: rows that begin or cease to be valid without anybody writing anything.

Some entities of F&O show the version of a row that is valid today, or only rows that are. No feed tells when that changes, but for
a scan. So where an entity set has another feed, the rows whose validity began or ended lately are read again from time to time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tasks.state.leases import Lease
from tasks.state.records import Cursor, InboxEntry
from tasks.sync.feed_fno import compare_fno
from tasks.sync.feeds import Poll, entry, link_name
from tasks.sync.fno_told import told_of
from tasks.sync.lane import Lane
from tasks.sync.session import Session

FEED = "boundaries"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
EVERY = timedelta(minutes=5)
MARGIN = timedelta(hours=14)
"""How far a day's begin may be from where its noon in UTC says: a property with a date alone holds that, and means local days."""


class Fed(Protocol):
    """What has to be known of a feed."""

    @property
    def table(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def maps(self) -> tuple[str, ...]: ...


def effective(session: Session, maps: Sequence[str]) -> tuple[str, ...]:
    """The properties of an entity set that say from when, and until when, its rows are valid."""
    for name in maps:
        if found := session.catalogue.get(name).fno.effective:
            return found
    return ()


def are_due(session: Session, feed: Fed) -> bool:
    """Is it time to look for boundaries that passed?"""
    if not effective(session, feed.maps):
        return False
    with session.store.read() as state:
        cursor = state.cursor(session.pair, "fno", feed.table, FEED)
    return cursor is None or cursor.polled_at is None or session.seams.now() - cursor.polled_at >= EVERY


def poll_boundaries(session: Session, feed: Fed, lease: Lease) -> list[Poll]:
    """Read the rows again whose validity began or ended since the last time, and name those that are not as they were."""
    told, _ = told_of(session, feed.table, feed.maps, feed.kind)
    if not told.lanes:
        return []
    names = effective(session, feed.maps)
    with session.store.read() as state:
        cursor = state.cursor(session.pair, "fno", feed.table, FEED)
    now = session.seams.now()
    skew: float = getattr(session.fno, "skew", 0.0)
    until = now + timedelta(seconds=skew)
    polls: list[Poll] = []
    if cursor is not None and cursor.token:
        since = datetime.fromisoformat(cursor.token)
        within = " or ".join(f"({_within(name, since - MARGIN, until + MARGIN)})" for name in names)
        polls = [compare_fno(told.lanes, lease, FEED, f"({within})")]
        ended = [each for lane in told.lanes for each in _ended(lane, names[1:], since, until)]
        polls[0].missing = len(ended)
        if ended:
            with session.store.transaction(lease) as tx:
                tx.put_inbox(ended)
    with session.store.transaction(lease) as tx:
        tx.save_cursor(
            Cursor(session.pair, "fno", feed.table, token=until.isoformat(), polled_at=now, feed=FEED)
        )
    return polls


def _within(name: str, after: datetime, before: datetime, form: str = MOMENT) -> str:
    """OData for the moments after the first and up to the second one."""
    first, last = (moment.astimezone(UTC).strftime(form) for moment in (after, before))
    return f"{name} gt {first} and {name} le {last}"


def _ended(lane: Lane, ends: Sequence[str], since: datetime, until: datetime) -> list[InboxEntry]:
    """Linked rows whose validity ended, as Dataverse has it: F&O may not show them any more.

    To be looked for, not believed; twice, as a day ends later than its noon in UTC.
    """
    pair = next((pair for pair in lane.map.compared if pair.fno in ends and not pair.lookup), None)
    if pair is None or pair.dataverse is None:
        return []
    form = "%Y-%m-%d" if lane.dataverse_table.columns[pair.dataverse].kind == "date" else MOMENT
    late = 2 * MARGIN
    windows = [(since, until), (since - late, until - late)]
    expression = " or ".join(f"({_within(pair.dataverse, *window, form)})" for window in windows)
    if lane.company_value is not None:
        expression = f"{lane.company_value} eq {lane.company_id} and ({expression})"
    id_column = lane.dataverse_table.id_column
    found = [
        str(row[id_column])
        for page in lane.dataverse.pages(lane.map.dataverse.table, columns=[id_column], filter=expression)
        for row in page
    ]
    with lane.store.read() as state:
        links = state.links_by_id(lane.pair, lane.map.name, lane.company, found)
    return [
        entry(lane, "fno", link_name(link), "missing") for link in links.values() if link.state == "paired"
    ]
