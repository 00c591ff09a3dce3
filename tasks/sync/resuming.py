"""Resuming: how a paused lane's changes are kept, found again, or forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mappings.errors import FatalError
from tasks.state.leases import Lease
from tasks.state.records import LaneRecord
from tasks.sync.compare import MODIFIED_BY
from tasks.sync.control import NAMES, Moved
from tasks.sync.delta import drain
from tasks.sync.feed_dataverse import poll_dataverse, scan_dataverse
from tasks.sync.feed_fno import scan_fno
from tasks.sync.feeds import Router, company_filter, feed_lease
from tasks.sync.lane import Lane
from tasks.sync.listeners import Listeners, listeners
from tasks.sync.session import Session
from tasks.transform.digests import raw_digests


def bound(session: Session, lanes: Sequence[LaneRecord]) -> None:
    """Drop the names of changed rows where a paused lane has too many of them: a scan finds those rows when it goes on."""
    for lane in lanes:
        if lane.state != "paused":
            continue
        with session.store.read() as state:
            count = state.count_inbox(lane.pair, lane.map, lane.company)
        if count <= (0 if lane.rescan else session.settings.paused_names):
            continue
        with session.store.unfenced() as tx:
            found = tx.lane(lane.pair, lane.map, lane.company)
            if found.state == "paused":  # else somebody resumed it, and its names are being worked off
                tx.clear_inbox(lane.pair, lane.map, lane.company)
                tx.save_lane(replace(found, rescan=True))


def work_off(lane: Lane, lease: Lease) -> None:
    """Work through the inbox of a lane; one that is resuming runs once nothing of its pause is left."""
    with lane.store.read() as state:
        record = state.lane(lane.pair, lane.map.name, lane.company)
    if record.state == "resuming" and record.rescan:
        _rescan(lane, lease)
    drain(lane, lease)
    if record.state == "resuming":
        with lane.store.transaction(lease) as tx:
            now = tx.lane(lane.pair, lane.map.name, lane.company)
            left = tx.count_inbox(lane.pair, lane.map.name, lane.company)
            if now.state == "resuming" and not (left and now.resume == "live-first"):
                tx.save_lane(replace(now, state="running", resume=""))


def _rescan(lane: Lane, lease: Lease) -> None:
    """Name what both sides hold that is not as the links remember it, to this lane alone."""
    columns = sorted({MODIFIED_BY, *lane.layout.dataverse_columns})
    scan_dataverse(Listeners(lane.map.dataverse.table, [lane], columns), lease)
    if lane.map.initial:
        scan_fno([lane], lease)
    with lane.store.transaction(lease) as tx:
        tx.save_lane(replace(tx.lane(lane.pair, lane.map.name, lane.company), rescan=False))


def discard(session: Session, lanes: Sequence[LaneRecord]) -> list[Moved]:
    """Let paused lanes go on without what changed meanwhile.

    A row whose change was forgotten stays different until it changes again, on either side; then all of it is judged. A row that
    is new in F&O, or gone from there, is no change that could be forgotten where the entity is scanned: it is brought across.

    Raises:
        LeaseHeld: a run is at work in a lane.
    """
    moved = []
    for record in lanes:
        if record.state != "paused" or record.initial != "done":
            note = "its initial sync is not done: resume it without discarding"
            note = note if record.state == "paused" else f"is {NAMES[record.state].lower()}"
            moved.append(Moved(record.map, record.company, record.state, record.state, note))
            continue
        lane = session.lane(record.map, record.company)
        wait = session.settings.lease_seconds
        with session.leased(lane.name, wait=wait) as lease:
            table = lane.map.dataverse.table
            with session.leased(feed_lease("dataverse", table), wait=wait) as feed:
                # what changed up to now is named now, and not when the lane goes on
                poll_dataverse(listeners(session, table), feed)
            if lane.map.initial:
                _see_as_known(lane, lease)
            with lane.store.transaction(lease) as tx:
                now = tx.lane(lane.pair, lane.map.name, lane.company)
                if now.state != "paused":
                    raise FatalError(
                        f"{lane.map.name!r} was resumed by somebody else meanwhile", code="not_paused"
                    )
                tx.clear_inbox(lane.pair, lane.map.name, lane.company)
                tx.save_lane(replace(now, state="running", resume="", rescan=False))
        moved.append(
            Moved(record.map, record.company, "paused", "running", "what came meanwhile is forgotten")
        )
    return moved


def _see_as_known(lane: Lane, lease: Lease) -> None:
    """Remember the rows of F&O as they are, so that the next scan doesn't name them; the bases stay."""
    router = Router(lane)
    for page in lane.fno.pages(
        lane.map.fno.set,
        columns=lane.layout.fno_columns,
        filter=company_filter([lane]),
        size=lane.settings.fno_page_size,
    ):
        raw = raw_digests(page, lane.layout.raw_fno, lane.secret).astype(np.int64).tolist()
        keys = router.fno_keys(page)
        with lane.store.read() as state:
            links = state.links_by_key(lane.pair, lane.map.name, lane.company, keys)
        patches = [
            {"id": links[key].id, "raw_fno": digest}
            for key, digest in zip(keys, raw, strict=True)
            if key in links and links[key].state == "paired" and links[key].raw_fno != digest
        ]
        if patches:
            with lane.store.transaction(lease) as tx:
                tx.patch_links(patches)
