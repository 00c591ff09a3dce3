"""Approval: what the brake holds, and a person's word that it may go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mappings.errors import FatalError
from tasks.state.records import InboxEntry, LaneRecord, ParkedRow, Side
from tasks.state.store import Store
from tasks.sync.rewound import parted

SAMPLE = 10
"""Keys shown of the rows that are held."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held in one lane.

    Attributes:
        gone_from: the side that the rows are gone from; they would be deleted on the other one. "" where no rows are held
            but the lane stands still until somebody looked (a scan that found too much changed).
        rows: how many.
        keys: some of them.
        reason: why the lane stopped.
    """

    map: str
    company: str
    gone_from: Side | None
    rows: int
    reason: str
    keys: list[str] = field(default_factory=list)


def held(store: Store, pair: int, map: str | None = None, company: str | None = None) -> list[Held]:
    """Everything that waits for approval."""
    found: list[Held] = []
    with store.read() as state:
        parked = state.parked(pair, map, company, "held_delete")
        stopped = {
            (lane.map, lane.company): lane for lane in state.lanes(pair) if _stopped(lane, map, company)
        }
        lanes = {(row.map, row.company) for row in parked}
        gone = {lane: state.count_gone(pair, *lane) for lane in lanes}
    for (name, code, gone_from), rows in _by_lane(parked).items():
        lane = stopped.pop((name, code), None)
        reason = lane.reason if lane else rows[0].message
        # the lane stopped at the first batch that was too large; what else is named to be gone waits behind it
        count = max(len(rows), gone[name, code].get(gone_from, 0))
        found.append(Held(name, code, gone_from, count, reason, [row.key for row in rows[:SAMPLE]]))
    found += [Held(lane.map, lane.company, None, 0, lane.reason) for lane in stopped.values()]
    return sorted(found, key=lambda each: (each.map, each.company))


def approve(
    store: Store, pair: int, map: str, company: str | None, until: timedelta, now: datetime
) -> list[Held]:
    """Let a map go on: what is held now may be deleted, no more than that many rows and not later than the time given.

    The rows go back into the inbox, so that the next delta run judges them anew: one that is back by then stays.

    Returns:
        what was approved.

    Raises:
        FatalError: nothing is held there.
    """
    waiting = held(store, pair, map, company)
    if not waiting:
        where = f"{map}, company {company}" if company else map
        raise FatalError(
            f"nothing is held for {where!r}", code="nothing_held", remedy="see `dualflow deletes list`"
        )
    with store.unfenced() as tx:
        for each in waiting:
            sides: tuple[Side, ...] = (each.gone_from,) if each.gone_from else ("fno", "dataverse")
            for side in sides:
                tx.approve_deletes(pair, map, each.company, side, now + until, count=each.rows, at=now)
            lane = tx.lane(pair, map, each.company)
            if lane.state == "error":
                tx.save_lane_state(
                    pair, map, each.company, "running" if lane.initial == "done" else "initializing"
                )
            rows = tx.parked(pair, map, each.company, "held_delete")
            tx.put_inbox([InboxEntry(pair, map, each.company, row.side, row.row, "missing") for row in rows])
    return waiting


def _stopped(lane: LaneRecord, map: str | None, company: str | None) -> bool:
    return (
        lane.state == "error"
        and not parted(lane)
        and (map is None or lane.map == map)
        and (company is None or lane.company == company)
    )


def _by_lane(parked: Iterable[ParkedRow]) -> dict[tuple[str, str, Side], list[ParkedRow]]:
    """Rows by lane and the side that they are gone from: a held row is listed under the side where it still is."""
    found: dict[tuple[str, str, Side], list[ParkedRow]] = {}
    for row in parked:
        gone_from: Side = "dataverse" if row.side == "fno" else "fno"
        found.setdefault((row.map, row.company, gone_from), []).append(row)
    return found
