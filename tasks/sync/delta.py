"""Delta: work off the inbox of a lane, whatever feed filled it."""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set
from itertools import count

from tasks.state.leases import Lease
from tasks.state.records import InboxEntry, LaneRecord, Link, Side
from tasks.sync.cases import fno_address
from tasks.sync.engine import Engine
from tasks.sync.feeds import LINK, entry, link_name
from tasks.sync.gather import gather
from tasks.sync.lane import Lane

log = logging.getLogger("dualflow.delta")

LISTED = 200
"""Listed rows that are looked for when new ones come."""

FRESH = 0.8
"""Share of a lease's time that is left at least when the next batch begins: more than its longest request takes."""
BEHIND = 10
"""Batches that a lane which resumes live first works through before its feeds are asked again."""


def drain(lane: Lane, lease: Lease, *, engine: Engine | None = None) -> int:
    """Work through the inbox of a lane until it is empty; returns the number of rows looked at.

    Rows that waited for a parent which is there by now come first: that is a query, not an event, so nobody can miss it. It is
    asked again at the end, for rows whose parent came in this very drain. Rows that keep moving under our hands stay in the inbox
    for the next one. A lane that somebody pauses or stops is left after the batch under way.
    """
    engine = engine or Engine(lane, lease)
    woken = wake(lane, lease)
    looked_at = 0
    left_alone: set[tuple[str, str]] = set()
    looked_for = False
    for batch in count():
        with lane.store.read() as state:
            record = state.lane(lane.pair, lane.map.name, lane.company)
            if halted(record):
                return looked_at
            # what came first waits behind what comes now
            newest = record.state == "resuming" and record.resume == "live-first"
            if newest and batch == BEHIND:
                return looked_at
            taken = state.take_inbox(
                lane.pair,
                lane.map.name,
                lane.company,
                lane.settings.page_size + len(left_alone),
                newest=newest,
            )
        entries = [e for e in taken if (e.side, e.row) not in left_alone]
        if not entries:
            more = wake(lane, lease, woken)
            if not more:
                return looked_at
            woken |= more
            continue
        looked_at += len(entries)
        cases, idle = gather(engine, entries)
        if idle:
            with lane.store.transaction(lease) as tx:
                tx.drop_inbox(idle)
                if tx.any_listed(lane.pair, lane.map.name, lane.company):
                    # rows that are gone wait for nothing and need nobody
                    gone = {(e.side, e.row) for e in idle}
                    tx.stop_waiting(lane.pair, lane.map.name, lane.company, gone)
                    tx.unpark(lane.pair, lane.map.name, lane.company, gone)
        if not looked_for and any(case.link is None and case.fno is not None for case in cases):
            looked_for = True
            forget_renamed(lane, lease)
        if cases:
            moving = engine.process_until_settled(cases)
            left_alone.update((e.side, e.row) for e in moving)
        if not lease.outlives(FRESH * lease.seconds):
            lane.store.renew(lease)
    return looked_at


def forget_renamed(lane: Lane, lease: Lease) -> None:
    """Take off the lists what F&O has no more under that name.

    A row that was never written has no link that could tell its rename: it comes as a new one, and the old name leads nowhere.
    """
    with lane.store.read() as state:
        parked = state.parked(lane.pair, lane.map.name, lane.company, limit=LISTED)
        few = state.count_waiting(lane.pair, lane.map.name, lane.company) <= LISTED
        waiting = state.waiting(lane.pair, lane.map.name, lane.company) if few else []
    names = {row.row for row in parked if row.side == "fno" and row.kind != "held_delete"}
    names |= {row.row for row in waiting if row.side == "fno"}
    listed = sorted(name for name in names if not name.startswith(LINK))
    if not listed:
        return
    addresses = [fno_address(lane.map.fno.key, name) for name in listed]
    rows = lane.fno.read(lane.map.fno.set, addresses, list(lane.map.fno.key))
    gone: set[tuple[Side, str]] = {
        ("fno", name) for name, row in zip(listed, rows, strict=True) if row is None
    }
    if gone:
        with lane.store.transaction(lease) as tx:
            tx.stop_waiting(lane.pair, lane.map.name, lane.company, gone)
            tx.unpark(lane.pair, lane.map.name, lane.company, gone)


def wake(lane: Lane, lease: Lease, but: Set[tuple[str, str]] = frozenset()) -> set[tuple[str, str]]:
    """Put rows back into the inbox whose parent has come, or whose time to be tried again has come.

    Args:
        but: rows that had their chance already.

    Returns: (side, row) of those put back.
    """
    with lane.store.read() as state:
        if not state.any_listed(lane.pair, lane.map.name, lane.company):
            return set()
        waiting = state.releasable(lane.pair, lane.map.name, lane.company)
        due = state.due_parked(lane.pair, lane.map.name, lane.company, lane.seams.now())
    entries: dict[tuple[str, str], InboxEntry] = {
        (w.side, w.row): entry(lane, w.side, w.row, "upsert") for w in waiting
    }
    entries.update({(p.side, p.row): entry(lane, p.side, p.row, "upsert") for p in due})
    found = {name: each for name, each in entries.items() if name not in but}
    if found:
        with lane.store.transaction(lease) as tx:
            tx.put_inbox(list(found.values()))
    return set(found)


def halted(record: LaneRecord) -> bool:
    """Must nobody work on this lane? One that was stopped is on record as not running; one that never ran is on none."""
    stopped = record.state == "not_running" and record.updated_at is not None
    return stopped or record.state in ("error", "paused")


def name_links(lane: Lane, lease: Lease, links: Sequence[Link], side: str) -> None:
    """Put linked rows into the inbox, to be looked at again."""
    if links:
        with lane.store.transaction(lease) as tx:
            tx.put_inbox([entry(lane, side, link_name(link), "upsert") for link in links])
