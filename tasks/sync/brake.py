"""The brake: how many rows may vanish, leave or change at once before a person has to look.

A mistake in rights, a restored database or a wrong update of a whole table looks like many changes. The lane stops before the
first of them is written; `dualflow deletes approve` sets it going again.
"""

from __future__ import annotations

from dataclasses import replace

from mappings.metadata import SIDE_NAMES, SideName
from tasks.state.leases import Lease
from tasks.sync.lane import Lane

SCAN_UPDATE_FLOOR = 20
"""A scan that finds fewer changed rows than this never trips the brake: small tables change as a whole every day."""


def allowance(lane: Lane, paired: int) -> int:
    """Deletes that pass without asking, in 24 hours, of a lane with so many paired rows."""
    return max(lane.settings.brake_minimum, int(lane.settings.brake_share * paired))


def brake_changed(lane: Lane, lease: Lease, changed: int, links: int, side: SideName) -> bool:
    """A scan that finds a large share of all rows changed may have found a restored database: stop and ask."""
    if changed < SCAN_UPDATE_FLOOR or changed <= lane.settings.update_brake_share * links:
        return False
    name = SIDE_NAMES[side]
    return _stop(lane, lease, f"a scan of {name} found {changed} of {links} rows changed since the last one")


def brake_left(lane: Lane, lease: Lease, left: int, links: int, side: str, expression: str | None) -> bool:
    """Many rows at once that a filter no longer takes: somebody changed the filter, or the field that it reads, for all of them."""
    if left <= max(lane.settings.brake_minimum, lane.settings.update_brake_share * links):
        return False
    name = SIDE_NAMES[side]
    return _stop(lane, lease, f"{left} of {links} rows of {name} left the map's filter ({expression})")


def _stop(lane: Lane, lease: Lease, what: str) -> bool:
    with lane.store.read() as state:
        if state.released(lane.pair, lane.map.name, lane.company, lane.seams.now()):
            return False
    company = f", company {lane.company}" if lane.company else ""
    option = f" --company {lane.company}" if lane.company else ""
    message = (
        f"map {lane.map.name!r}{company}: {what}; nothing is written before somebody looked"
        f" → undo the change, or `dualflow deletes approve {lane.map.name!r}{option}` to let it go on"
    )
    with lane.store.transaction(lease) as tx:
        now = tx.lane(lane.pair, lane.map.name, lane.company)
        if now.state == "paused":
            # nobody works on it: it stays paused, and is looked at as a whole before anybody does
            tx.save_lane(replace(now, rescan=True))
        else:
            tx.save_lane_state(lane.pair, lane.map.name, lane.company, "error", message)
    return True
