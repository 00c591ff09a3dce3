"""Polling: which feed serves each table, and asking it once.

A feed belongs to a table of one side. Whoever asks it holds its lease, and tells every lane on the table, so that there is one
poller a table, whatever the number of maps on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from mappings.errors import FatalError
from mappings.metadata import SideName
from mappings.model import Map
from tasks.state.records import Cursor
from tasks.sync.answers import poll_answers
from tasks.sync.feed_dataverse import poll_dataverse, scan_dataverse
from tasks.sync.feed_fno import scan_fno
from tasks.sync.feeds import Poll, feed_lease
from tasks.sync.listeners import begun, listeners
from tasks.sync.resuming import bound
from tasks.sync.session import Session

Kind = Literal["change_tracking", "row_version", "data_events", "modified", "export", "scan"]


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
    """

    side: SideName
    table: str
    kind: Kind
    maps: tuple[str, ...]
    lag: float
    floor: float
    ceiling: float
    safety: float | None = None


def feeds_of(session: Session, maps: Sequence[Map], companies: Sequence[str] | None = None) -> list[Feed]:
    """The feeds of these maps, one for each table of each side: Dataverse's first."""
    tables = dict.fromkeys(sync.dataverse.table for sync in maps)
    feeds = [
        Feed("dataverse", table, "change_tracking", _names(session.catalogue.of_table(table)), 1, 1, 30)
        for table in tables
    ]
    sets: dict[str, list[Map]] = {}
    for sync in maps:
        sets.setdefault(sync.fno.set, []).append(sync)
    return feeds + [Feed("fno", name, "scan", _names(own), 60, 60, 600) for name, own in sets.items()]


def _names(maps: Sequence[Map]) -> tuple[str, ...]:
    return tuple(sync.name for sync in maps)


def poll_feed(
    session: Session, feed: Feed, companies: Sequence[str] | None = None, *, scan: bool = False
) -> list[Poll]:
    """Ask a feed once, under its lease, and put what it names into the inbox.

    What a Dataverse table tells, it tells every lane on it, whatever companies are asked for.

    Args:
        scan: read the whole table and compare it with what is remembered, instead of asking the feed.

    Raises:
        LeaseHeld: another run asks it, for as long as a lease lasts.
    """
    if feed.side == "dataverse":
        return _poll_dataverse(session, feed, scan)
    return _poll_fno(session, feed, companies)


def _poll_dataverse(session: Session, feed: Feed, scan: bool) -> list[Poll]:
    if not (waiting := begun(session, feed.maps)):
        return []  # nobody listens: no lease is needed to know that
    with session.leased(feed_lease("dataverse", feed.table), wait=session.settings.lease_seconds) as lease:
        told = listeners(session, feed.table)
        if not told.lanes:
            poll = Poll(feed.table, "", errors=told.errors)
        else:
            poll = scan_dataverse(told, lease) if scan else poll_dataverse(told, lease)
    bound(session, waiting)
    return [poll]


def _poll_fno(session: Session, feed: Feed, companies: Sequence[str] | None) -> list[Poll]:
    lanes = []
    for sync, company in loaded(session, [session.catalogue.get(name) for name in feed.maps], companies):
        # a lane that lacks something says so where it is worked on
        with suppress(FatalError):
            lanes.append(session.lane(sync, company))
    if not lanes:
        return []
    with session.leased(feed_lease("fno", feed.table), wait=session.settings.lease_seconds) as lease:
        polls = [poll_answers(lane, lease) for lane in lanes if not lane.map.initial]
        scanned = [lane for lane in lanes if lane.map.initial]
        if scanned:
            polls.append(scan_fno(scanned, lease))
            with session.store.transaction(lease) as tx:
                # a scan has no token; when it was last made says how old the picture is
                tx.save_cursor(
                    Cursor(session.pair, "fno", feed.table, feed="scan", polled_at=session.seams.now())
                )
    return polls


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
