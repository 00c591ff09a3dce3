"""Is the state there, does it take what we write, and is there enough left of the budgets?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from mappings.errors import DualflowError
from mappings.metadata import SIDE_NAMES, SIDES
from tasks.state.leases import LeaseHeld
from tasks.state.store import Store
from tasks.sync.budget import BEHIND, Limits, standing
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.rewound import replaced
from tasks.sync.session import this_worker
from tasks.sync.status import quiet

LEASE = "health check"
LEASE_SECONDS = 10.0


def state(around: Surroundings) -> Iterator[Finding]:
    """A state that can't be opened, or is read-only."""
    trouble = around.trouble.get("state")
    if trouble is None and around.store is not None:
        try:
            _write(around.store, around.pair)
        except Exception as error:  # whatever a database driver says
            trouble = error
    if trouble is None:
        return
    code = trouble.code if isinstance(trouble, DualflowError) else ""
    yield Finding(
        code if code.startswith("state_") else "state_unusable",
        "error",
        "here",
        "state",
        "a state database that can be opened, brought up to date and written",
        trouble.message if isinstance(trouble, DualflowError) else f"{type(trouble).__name__}: {trouble}",
        (trouble.remedy if isinstance(trouble, DualflowError) else "")
        or "check DUALFLOW_STATE_URL: the database has to be up, and the file and its folder writable",
    )


def environments(around: Surroundings) -> Iterator[Finding]:
    """Systems that took the place of those that were connected before."""
    if around.pair is None:
        return
    other = replaced(around.live_store, around.pair)
    with around.live_store.read() as known:
        started = any(lane.initial != "none" for lane in known.lanes(around.pair))
    if other and not started:
        yield Finding(
            "state_replaced",
            "error",
            "here",
            "environments",
            "the two systems that were connected before",
            other,
            "`dualflow relink` pairs rows by their keys, without writing to either, if one was restored or copied; any --mode of"
            " `dualflow sync initial` says that it is meant",
        )


def _write(store: Store, pair: int | None) -> None:
    """Write something that changes nothing."""
    if pair is None:
        with store.unfenced():
            return
    with suppress(LeaseHeld):  # by another check, which has written it then
        store.release(store.acquire(pair, LEASE, this_worker(), LEASE_SECONDS))


def lanes(around: Surroundings) -> Iterator[Finding]:
    """Maps that ended in error, and a schedule that has gone quiet."""
    if around.pair is None:
        return
    chosen = {each.name for each in around.maps}
    with around.live_store.read() as known:
        failed = [each for each in known.lanes(around.pair) if each.state == "error" and each.map in chosen]
        runs = known.runs(around.pair, limit=200)
    for lane in failed:
        yield Finding(
            "lane_error",
            "error",
            "here",
            f"{lane.map}{f' ({lane.company})' if lane.company else ''}",
            "a map that runs",
            lane.reason or "in error",
            "see the reason; `dualflow sync initial` or `dualflow resume` lets it go on once that is mended",
            maps=(lane.map,),
        )
    age = quiet(runs, datetime.now(UTC))
    if age is not None:
        yield Finding(
            "lane_quiet",
            "error",
            "here",
            "delta sync",
            "a run every minute, as the schedule has it",
            f"none for {age / 60:.0f} minutes",
            "is the schedule paused, the worker down, or a run stuck in PENDING that holds its place?",
        )


def budgets(around: Surroundings) -> Iterator[Finding]:
    """Budgets that are nearly used up."""
    if around.pair is None:
        return
    limits = Limits.of(around.settings)
    for side in SIDES:
        now = standing(around.live_store, around.pair, side, limits, time.time())
        if now.pressure < BEHIND:
            continue
        used = now.used
        yield Finding(
            "budget_short",
            "warning",
            side,
            f"budget of {SIDE_NAMES[side]}",
            f"less than {BEHIND:.0%} used, or initial loads wait",
            f"{used.requests:,} of {limits.requests:,} requests, {used.seconds:,.0f} of {limits.seconds:,.0f} s,"
            f" {used.operations:,} of {limits.operations:,} rows today",
            "it goes on by itself; DUALFLOW_LIMIT_DAY, DUALFLOW_LIMIT_REQUESTS and DUALFLOW_BUDGET_SHARE say how much is ours",
        )


CHECK = Check("state", "State", state)
ENVIRONMENTS = Check("state_replaced", "Environments as before", environments, needs=("state",))
LANES = Check("lane", "Maps that run", lanes, needs=("state",))
BUDGETS = Check("budget", "Budgets", budgets, needs=("state",))
