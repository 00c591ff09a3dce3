"""Control: pause, resume and stop lanes, in the words of dual-write.

A pause loses nothing: feeds go on naming what changed, up to a bound, past which a scan on resume finds it. What is under way ends
with its batch. A stopped lane hears of nothing any more, and starts again with an initial sync.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.selection import choose
from tasks.state.records import LaneRecord, LaneStatus
from tasks.state.store import Store, Transaction
from tasks.sync.mode import MODES
from tasks.sync.rewound import parted

Backlog = Literal["catch-up", "live-first", "discard"]
"""What becomes of the changes that came while a lane was paused: first of all, behind what comes now, or nothing."""

NAMES: dict[LaneStatus, str] = {
    "not_running": "Not running",
    "initializing": "Initializing",
    "running": "Running",
    "paused": "Paused",
    "resuming": "Resuming",
    "error": "Error",
}
"""States as dual-write names them."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one lane.

    Attributes:
        before, after: its states; the same where nothing was changed.
        note: why nothing was changed, or what has to be known.
    """

    map: str
    company: str
    before: LaneStatus
    after: LaneStatus
    note: str = ""


def lanes_of(
    store: Store,
    pair: int,
    catalogue: Catalogue,
    maps: Sequence[str] = (),
    areas: Sequence[str] = (),
    solutions: Sequence[str] = (),
    companies: Sequence[str] = (),
    *,
    within: Sequence[str] = (),
) -> list[LaneRecord]:
    """Lanes that were ever started, of maps by name, area or solution, in the order of the maps.

    Args:
        within: maps that the settings name.

    Raises:
        FatalError: a map, area or solution that the catalogue doesn't have.
    """
    chosen = choose(catalogue, maps, areas, solutions, within=within)
    order = {sync.name: at for at, sync in enumerate(chosen)}
    codes = {code.lower() for code in companies}
    with store.read() as state:
        found = [
            lane
            for lane in state.lanes(pair)
            if lane.map in order and (not codes or lane.company.lower() in codes)
        ]
    return sorted(found, key=lambda lane: (order[lane.map], lane.company))


def pause(store: Store, lanes: Sequence[LaneRecord]) -> list[Moved]:
    """Stop working on lanes until they are resumed; an initial sync under way is interrupted."""
    moved = []
    with store.unfenced() as tx:
        for lane in _now(tx, lanes):
            if lane.state in ("running", "resuming", "initializing"):
                moved.append(_save(tx, lane, replace(lane, state="paused", resume="")))
            else:
                moved.append(_unchanged(lane))
    return moved


def resume(store: Store, lanes: Sequence[LaneRecord], backlog: Backlog = "catch-up") -> list[Moved]:
    """Let paused lanes go on; what came meanwhile is worked off by the next delta runs.

    Raises:
        ValueError: for `discard`, which needs both systems.
    """
    if backlog == "discard":
        raise ValueError("forgetting changes needs both systems")
    moved = []
    with store.unfenced() as tx:
        for lane in _now(tx, lanes):
            if lane.state != "paused":
                moved.append(_unchanged(lane))
            elif lane.initial != "done":
                note = "`dualflow sync initial` goes on where it was interrupted"
                moved.append(_save(tx, lane, replace(lane, state="initializing"), note))
            elif lane.rescan or tx.count_inbox(lane.pair, lane.map, lane.company):
                note = "too much came meanwhile: both sides are compared" if lane.rescan else ""
                moved.append(_save(tx, lane, replace(lane, state="resuming", resume=backlog), note))
            else:
                moved.append(_save(tx, lane, replace(lane, state="running")))
    return moved


def stop(store: Store, catalogue: Catalogue, lanes: Sequence[LaneRecord]) -> list[Moved]:
    """Take lanes out of service: nothing is named to them any more, and what was is forgotten.

    A feed whose table no other lane listens to is forgotten as well. Links stay: they say which rows belong together.
    """
    moved = []
    with store.unfenced() as tx:
        for lane in _now(tx, lanes):
            if lane.state == "not_running" or parted(lane):
                moved.append(_unchanged(lane))
                continue
            tx.clear_inbox(lane.pair, lane.map, lane.company)
            stopped = LaneRecord(
                lane.pair, lane.map, lane.company, map_hash=lane.map_hash, layout_id=lane.layout_id
            )
            moved.append(_save(tx, lane, stopped))
        for pair in {lane.pair for lane in lanes}:
            _drop_cursors(tx, pair, catalogue, [each.map for each in moved])
    return moved


def refuse_start(lane: LaneRecord, mode: str | None) -> None:
    """May an initial sync begin here?

    Raises:
        FatalError: the lane is paused; or it was stopped, or a system went back in time, and nobody said in which mode it
            is to start again.
    """
    named = f"{lane.map!r}" + (f", company {lane.company}," if lane.company else "")
    if lane.state == "paused":
        raise FatalError(f"{named} is paused", code="paused", remedy="`dualflow resume` lets it go on")
    if parted(lane) and mode is None:
        raise FatalError(f"{named} has to be paired anew: {lane.reason}", code="choose_mode")
    if lane.state == "not_running" and lane.updated_at is not None and mode is None:
        raise FatalError(
            f"{named} was stopped: both sides have gone on without each other since",
            code="choose_mode",
            remedy=f"say how it is to start again, with --mode: {', '.join(MODES)}; link pairs rows and writes nothing",
        )


def _drop_cursors(tx: Transaction, pair: int, catalogue: Catalogue, stopped: Sequence[str]) -> None:
    """Forget how far the feeds of these maps were read, but for those that others still listen to."""

    def ends(names: Sequence[str]) -> set[tuple[str, str]]:
        maps = [catalogue.maps[name] for name in names if name in catalogue.maps]
        return {end for sync in maps for end in (("fno", sync.fno.set), ("dataverse", sync.dataverse.table))}

    running = [lane.map for lane in tx.lanes(pair) if lane.state != "not_running"]
    silent = ends(stopped) - ends(running)
    for cursor in tx.cursors(pair):
        if (cursor.side, cursor.table) in silent:
            tx.drop_cursor(pair, cursor.side, cursor.table, cursor.feed)


def _now(tx: Transaction, lanes: Sequence[LaneRecord]) -> Iterator[LaneRecord]:
    for lane in lanes:
        yield tx.lane(lane.pair, lane.map, lane.company)


def _save(tx: Transaction, before: LaneRecord, after: LaneRecord, note: str = "") -> Moved:
    tx.save_lane(after)
    return Moved(before.map, before.company, before.state, after.state, note)


def _unchanged(lane: LaneRecord) -> Moved:
    note = f"is {NAMES[lane.state].lower()}" + (f": {lane.reason}" if lane.reason else "")
    return Moved(lane.map, lane.company, lane.state, lane.state, note)
