"""Relink: pair the rows of lanes anew, by their keys, without writing to either system.

For systems that are not what they were: one was restored from a backup, or a copy took its place. What was remembered of their rows
(which belong together, what both held, how far the feeds were read) says nothing any more, and acting on it would overwrite newer
values and delete rows. The pairing itself is an initial sync in the mode `link`; here stands which lanes need it, and how one that
nobody recognized by itself is made to need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mappings.errors import FatalError
from mappings.model import Map
from tasks.sync.feeds import feed_lease
from tasks.sync.rewound import KEPT, parted
from tasks.sync.session import Session

RESET = "reset by `dualflow relink --reset`, and not paired anew yet"

Lanes = Mapping[str, Sequence[str]]
"""Map → companies; "" for a global map."""


def lanes_to_relink(
    session: Session, maps: Sequence[Map], companies: Sequence[str] | None = None, *, reset: bool = False
) -> dict[str, list[str]]:
    """Lanes whose rows have to be paired anew, by map in the order of these maps.

    They are the lanes that were stopped because a system went back in time, and those that never ran where one of the two systems
    is another one than this installation knew.

    Args:
        reset: also all lanes that run, whatever they think of themselves (one that somebody stopped stays so), and those that never
            ran where both systems are others: two copies, or two that have nothing to do with the former ones, nobody can tell.
    """
    with session.store.read() as state:
        known = {(lane.map, lane.company): lane for lane in state.lanes(session.pair)}
    before = _connected_before(session, both=reset)
    found: dict[str, list[str]] = {}
    for sync in maps:
        for company in session.companies_of(sync, companies):
            lane = known.get((sync.name, company))
            wanted = (sync.name, company) in before
            if lane is not None:
                wanted = parted(lane) or (reset and lane.state != "not_running")
            if wanted:
                found.setdefault(sync.name, []).append(company)
    return found


def _connected_before(session: Session, *, both: bool) -> set[tuple[str, str]]:
    """Maps and companies that ran while one of the two systems was another one; with `both`, also while both were."""
    known = session.store.pairs()
    ours = known[session.pair]
    with session.store.read() as state:
        return {
            (lane.map, lane.company)
            for number, theirs in known.items()
            if theirs != ours and (both or theirs[0] == ours[0] or theirs[1] == ours[1])
            for lane in state.lanes(number)
            if lane.initial != "none"
        }


def part(session: Session, lanes: Lanes) -> None:
    """Make lanes forget: nobody works on them from here on, until their rows are paired anew.

    Their links go when that begins. Feeds of their tables start over; other lanes on those tables learn by a scan what they miss.

    Raises:
        LeaseHeld: a run is at work in one of them; nothing was changed in that lane or after it.
        FatalError: one of them is paused; nothing was changed.
    """
    wait = session.settings.lease_seconds
    with session.store.read() as state:
        for lane_ in state.lanes(session.pair, sorted(lanes)):
            if lane_.state == "paused" and lane_.company in lanes[lane_.map]:
                raise _paused(lane_.map, lane_.company)
    for name, companies in lanes.items():
        sync = session.catalogue.get(name)
        for company in companies:
            lane = session.lane(sync, company)
            with session.leased(lane.name, wait=wait) as lease, session.store.transaction(lease) as tx:
                record = tx.lane(session.pair, name, company)
                if record.updated_at is None or parted(record):
                    continue
                if record.state == "paused":
                    raise _paused(name, company)
                tx.clear_inbox(session.pair, name, company)
                tx.save_lane(
                    replace(record, state="error", reason=RESET, initial="none", resume="", rescan=False)
                )
        with session.leased(feed_lease("dataverse", sync.dataverse.table), wait=wait) as feed:
            places = {("dataverse", sync.dataverse.table), ("fno", sync.fno.set)}
            with session.store.transaction(feed) as tx:
                for cursor in tx.cursors(session.pair):
                    if (cursor.side, cursor.table) in places and cursor.feed not in KEPT:
                        tx.drop_cursor(session.pair, cursor.side, cursor.table, cursor.feed)


def _paused(name: str, company: str) -> FatalError:
    return FatalError(
        f"{name!r}, company {company or '(all)'} is paused",
        code="paused",
        remedy="`dualflow resume` lets it go on, `dualflow stop` takes it out of service",
    )
