"""Status: how every lane stands, what is left to do in it, how old each feed's news is. Asked of the state alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, get_args

from mappings.catalogue import Catalogue
from mappings.troubleshooting.catalogue import advised
from tasks.state.records import ConflictKind, RunRecord
from tasks.state.store import Store
from tasks.sync.control import NAMES
from tasks.sync.feed_status import FeedStatus, feeds_of_state

QUIET = 300.0
"""Seconds without a delta run after which a schedule that ran before counts as gone quiet."""
RUNS = 5


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One map in one company.

    Attributes:
        state_name: the state as dual-write names it.
        links: paired rows; `half` has one side only so far, `detached` left a filter, or is kept on one side only.
        held: deletes that wait for approval; `skipped`: parked rows that a person set aside.
        open: conflicts that a person has to decide; `conflicts`: all on record.
        no_base: fields that differed when both sides were connected.
        normalized: rows in which a service made something else of a value; `drift`: repairs of one-way fields.
        not_kept: rows with a field that a service keeps undoing.
        inbox: rows that a feed named and that nobody worked on yet.
        rescan: there were too many of them while it was paused: a scan finds them when it goes on.
    """

    map: str
    company: str
    state: str
    state_name: str
    reason: str
    initial: str
    mode: str
    since: datetime | None
    links: int
    half: int
    detached: int
    parked: int
    held: int
    skipped: int
    waiting: int
    open: int
    conflicts: int
    no_base: int
    normalized: int
    drift: int
    not_kept: int
    inbox: int
    rescan: bool


@dataclass
class Status:
    """Everything.

    Attributes:
        quiet: seconds since the last sign of a delta run, where deltas ran before and none does now; None if all is well.
        blocked: map → why it must not run, because another program works on its table.
    """

    environments: tuple[str, str]
    lanes: list[LaneStatus] = field(default_factory=list)
    feeds: list[FeedStatus] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    quiet: float | None = None
    blocked: dict[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> list[str]:
        """What a person should look at."""
        found = [
            f"{lane.map}{f' ({lane.company})' if lane.company else ''} is in error: {lane.reason}"
            for lane in self.lanes
            if lane.state == "error"
        ]
        found += [f"{name} must not run: {reason}" for name, reason in self.blocked.items()]
        if self.quiet is not None:
            found.append(
                f"no delta run for {self.quiet / 60:.0f} minutes: is the schedule paused, the worker down, or a run stuck in"
                " PENDING that holds its place?"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "findings": self.findings}


def status(store: Store, pair: int, catalogue: Catalogue, now: datetime) -> Status:
    """How a pair of environments stands.

    Args:
        catalogue: gives the order of the maps; lanes of maps that it doesn't have come last.
    """
    found = Status(store.pairs()[pair])
    order = {name: at for at, name in enumerate(name for wave in catalogue.order() for name in wave)}
    with store.read() as state:
        found.blocked = state.blocked(pair)
        inbox = state.lanes_with_inbox(pair)
        for lane in sorted(
            state.lanes(pair), key=lambda each: (order.get(each.map, len(order)), each.company)
        ):
            place = (pair, lane.map, lane.company)
            held = state.count_parked(*place, "held_delete")
            skipped = state.count_parked(*place, "skipped")
            kinds = {kind: state.count_conflicts(*place, kind=kind) for kind in get_args(ConflictKind)}
            not_kept = state.count_conflicts(*place, status="open", kind="not_kept")
            found.lanes.append(
                LaneStatus(
                    map=lane.map,
                    company=lane.company,
                    state=lane.state,
                    state_name=NAMES[lane.state],
                    reason=advised(lane.reason),
                    initial=lane.initial,
                    mode=lane.mode,
                    since=lane.updated_at,
                    links=state.count_links(*place, "paired"),
                    half=state.count_links(*place, "half"),
                    detached=state.count_links(*place, "detached"),
                    parked=state.count_parked(*place) - held - skipped,
                    held=held,
                    skipped=skipped,
                    waiting=state.count_waiting(*place),
                    open=state.count_conflicts(*place, status="open") - not_kept,
                    conflicts=kinds["conflict"] + kinds["delete"],
                    no_base=kinds["no_base"],
                    normalized=state.count_rows(*place, "normalized"),
                    drift=kinds["drift"],
                    not_kept=not_kept,
                    inbox=inbox.get((lane.map, lane.company), 0),
                    rescan=lane.rescan,
                )
            )
        found.feeds = feeds_of_state(state, pair, catalogue, now)
        runs = state.runs(pair, limit=200)
    found.runs = [_run(run, now) for run in runs[:RUNS]]
    found.quiet = quiet(runs, now)
    return found


def _run(run: RunRecord, now: datetime) -> dict[str, Any]:
    return {
        "run": run.id,
        "kind": run.kind,
        "started": run.started,
        "seconds": round(((run.ended or now) - run.started).total_seconds(), 1),
        "verdict": run.verdict or "running",
    }


def quiet(runs: Sequence[RunRecord], now: datetime) -> float | None:
    """Seconds since the last sign of a schedule that ran and does no more.

    Runs that linger are a schedule's; a run that somebody started by hand says nothing about one.
    """
    scheduled = [run for run in runs if run.kind == "delta_sync" and (run.parameters or {}).get("linger")]
    if not scheduled:
        return None
    last = scheduled[0]
    limit = QUIET + float((last.parameters or {})["linger"])
    age = (now - (last.ended or last.started)).total_seconds()
    return age if age > limit else None
