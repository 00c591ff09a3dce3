"""Polling: which feed serves each table, and asking it once.

A feed belongs to a table of one side. Whoever asks it holds its lease, and tells every lane on the table, so that there is one
poller a table, whatever the number of maps on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from mappings.errors import FatalError, LeaseLost
from mappings.metadata import SideName
from mappings.model import Map
from tasks.state.leases import Lease
from tasks.state.records import Cursor
from tasks.sync import scans
from tasks.sync.answers import poll_answers
from tasks.sync.boundaries import are_due, poll_boundaries
from tasks.sync.feed_choice import offers_of
from tasks.sync.feed_dataverse import make_up, peek_dataverse, poll_dataverse
from tasks.sync.feed_events import let_go, poll_events
from tasks.sync.feed_export import poll_export
from tasks.sync.feed_kinds import LOSSY, TIMES, Kind
from tasks.sync.feed_modified import poll_modified
from tasks.sync.feed_row_version import peek_row_version, poll_row_version
from tasks.sync.feeds import Poll, feed_lease
from tasks.sync.fno_told import compare_late, scan_set, told_of
from tasks.sync.listeners import begun, begun_in, listeners, listening
from tasks.sync.resuming import bound
from tasks.sync.session import Session


@dataclass(frozen=True, slots=True)
class Feed:
    """The feed of one table.

    Attributes:
        table: entity set, of Dataverse or of F&O.
        maps: names of the maps that it serves.
        lag: seconds to expect from a commit until the row is named, if polled at its floor.
        floor: shortest time in seconds between two polls that makes sense.
        ceiling: longest time in seconds between two polls.
        safety: seconds between two scans beside a feed that can lose something; None for one that can't.
        source: what is asked, where it isn't the table itself.
        why: why it is this feed.
    """

    side: SideName
    table: str
    kind: Kind
    maps: tuple[str, ...]
    lag: float
    floor: float
    ceiling: float
    safety: float | None = None
    source: str = ""
    why: str = ""


EVENTS = 100
"""Notices of a Dataverse table that one poll settles; there is hardly ever more than one."""


def feeds_of(session: Session, maps: Sequence[Map], companies: Sequence[str] | None = None) -> list[Feed]:
    """The feeds of these maps, one for each table of each side: Dataverse's first.

    Raises:
        FatalError: the settings contradict each other.
    """
    feeds = []
    for table in dict.fromkeys(sync.dataverse.table for sync in maps):
        names = tuple(sync.name for sync in session.catalogue.of_table(table))
        feeds.append(Feed("dataverse", table, "change_tracking", names, *TIMES["change_tracking"]))
    chosen = offers_of(session).choices({sync.fno.set for sync in maps})
    for entity_set in dict.fromkeys(sync.fno.set for sync in maps):
        choice = chosen[entity_set]
        # a scan reads for whom it is asked; a feed with a cursor moves on for all
        own = maps if choice.kind == "scan" else session.catalogue.of_set(entity_set)
        names = tuple(sync.name for sync in own if sync.fno.set == entity_set)
        safety = session.settings.safety_seconds if choice.kind in LOSSY else None
        feeds.append(
            Feed(
                "fno", entity_set, choice.kind, names, *TIMES[choice.kind], safety, choice.source, choice.why
            )
        )
    return feeds


def poll_feed(
    session: Session, feed: Feed, companies: Sequence[str] | None = None, *, scan: bool = False
) -> list[Poll]:
    """Ask a feed once, under its lease, and put what it names into the inbox.

    What a feed with a cursor tells, it tells every lane on the table, whatever companies are asked for.

    Args:
        scan: read the whole table and compare it with what is remembered, instead of asking the feed.

    Raises:
        LeaseHeld: another run asks it, for as long as a lease lasts.
    """
    try:
        if feed.side == "dataverse":
            return _poll_dataverse(session, feed, scan)
        if scan or feed.kind == "scan":
            return _scan_fno(session, feed, companies)
        polls = _poll_fno(session, feed)
        if are_due(session, feed):
            with _leased(session, feed) as lease:
                polls += poll_boundaries(session, feed, lease)
        return polls
    except FatalError as error:
        if feed.source and not isinstance(error, LeaseLost):
            offers_of(session).refused(feed.table, feed.kind, error)  # the next choice is another one
        raise


def due_scans(session: Session, feeds: Sequence[Feed]) -> list[Feed]:
    """Those of some feeds whose safety scan is due, or was asked for because something could not be named."""
    found = scans.due(
        session, [(feed.side, feed.table, feed.safety) for feed in feeds if feed.kind != "scan"]
    )
    return [feed for feed in feeds if (feed.side, feed.table) in found]


def _poll_dataverse(session: Session, feed: Feed, scan: bool) -> list[Poll]:
    with session.store.read() as state:
        waiting = begun_in(state, session.pair, feed.maps)
        # what woke us is settled by this poll, and taken out before it: a later one stands for what comes later
        events = state.take_events(session.pair, "dataverse", feed.table, EVENTS)
        cursor = state.cursor(session.pair, "dataverse", feed.table) if waiting else None
    if events:
        with session.store.unfenced() as tx:
            tx.drop_events(events)
    if not waiting:
        return []  # nobody listens: no lease is needed to know that
    told = listening(session, feed.table, waiting)
    peeked = peek_dataverse(told, cursor) if told.lanes and not scan else None
    if peeked is not None and peeked.quiet:
        return [Poll(feed.table, "change_tracking", errors=told.errors)]
    with _leased(session, feed) as lease:
        told = listeners(session, feed.table)
        if not told.lanes:
            poll = Poll(feed.table, "", errors=told.errors)
        else:
            later = _queued(session)
            poll = make_up(told, lease) if scan else poll_dataverse(told, lease, peeked, later=later)
    bound(session, waiting)
    return [poll]


def _poll_fno(session: Session, feed: Feed) -> list[Poll]:
    peeked = None
    events = _told_events(session, feed)
    if feed.kind == "row_version" and not events:
        peeked = peek_row_version(session, feed.table, feed.maps, feed.source)
        if peeked is not None and peeked.quiet:
            return [Poll(feed.table, feed.kind)]
    elif feed.kind == "data_events" and not events:
        told, _ = told_of(session, feed.table, feed.maps, feed.kind)
        if not told.late and not told.errors:
            return [Poll(feed.table, feed.kind)]
    waiting = [record for record in begun(session, feed.maps) if record.initial == "done"]
    if not waiting:
        if events:
            let_go(session.store, session.pair, feed.table)
        return []
    with _leased(session, feed) as lease:
        if feed.kind == "row_version":
            polls = poll_row_version(
                session, feed.table, feed.maps, feed.source, lease, peeked, later=_queued(session)
            )
        elif feed.kind == "modified":
            polls = poll_modified(session, feed.table, feed.maps, feed.source, lease)
        elif feed.kind == "export":
            polls = poll_export(session, feed.table, feed.maps, feed.source, lease)
        else:
            polls = _poll_events(session, feed, lease)
        if events and feed.kind != "data_events":
            told, _ = told_of(session, feed.table, feed.maps, feed.kind)
            polls += [poll_events(told.lanes, lease)] if told.lanes else []
    bound(session, waiting)
    return polls


def _told_events(session: Session, feed: Feed) -> bool:
    """Did data events of an entity set come? They are routed whatever its own feed is."""
    with session.store.read() as state:
        return (feed.side, feed.table) in state.tables_with_events(session.pair)


def _poll_events(session: Session, feed: Feed, lease: Lease) -> list[Poll]:
    told, _ = told_of(session, feed.table, feed.maps, "data_events")
    if not told.lanes:
        let_go(session.store, session.pair, feed.table)
        return [Poll(feed.table, "data_events", errors=told.errors)] if told.errors else []
    poll = poll_events(told.lanes, lease)
    poll.errors += told.errors
    polls = [poll, *compare_late(told, lease)]
    now = session.seams.now()
    noted = Cursor(session.pair, "fno", feed.table, state=told.state, polled_at=now, feed="data_events")
    with session.store.transaction(lease) as tx:
        tx.save_cursor(noted)
    return polls


def _scan_fno(session: Session, feed: Feed, companies: Sequence[str] | None) -> list[Poll]:
    lanes = []
    for sync, company in loaded(session, [session.catalogue.get(name) for name in feed.maps], companies):
        # a lane that lacks something says so where it is worked on
        with suppress(FatalError):
            lanes.append(session.lane(sync, company))
    if not lanes:
        if _told_events(session, feed):
            let_go(session.store, session.pair, feed.table)
        return []
    with _leased(session, feed) as lease:
        polls = [poll_answers(lane, lease) for lane in lanes if not lane.map.initial]
        if _told_events(session, feed):
            polls.append(poll_events(lanes, lease))
        scanned = [lane for lane in lanes if lane.map.initial]
        if scanned:
            polls.append(scan_set(session, feed.table, scanned, lease))
    return polls


def _queued(session: Session) -> bool:
    """Are scans left to a run that keeps watch, which has a queue for them? Tokens may all be void at once."""
    return session.keeper is not None


def _leased(session: Session, feed: Feed) -> AbstractContextManager[Lease]:
    return session.leased(feed_lease(feed.side, feed.table), wait=session.settings.lease_seconds)


def loaded(session: Session, maps: Sequence[Map], companies: Sequence[str] | None) -> list[tuple[Map, str]]:
    """Maps and companies whose initial sync is done and that run: only those have a delta.

    A paused one is not scanned either: the scan after it finds what changed meanwhile.
    """
    with session.store.read() as state:
        records = {
            (record.map, record.company): record
            for record in state.lanes(session.pair, [sync.name for sync in maps])
        }
    return [
        (sync, company)
        for sync in maps
        for company in session.companies_of(sync, companies)
        if (record := records.get((sync.name, company))) is not None
        and record.initial == "done"
        and record.state not in ("not_running", "paused")
    ]
