"""Is the state there, does it take what we write, and is there enough left of the budgets?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from mappings.errors import DualflowError
from mappings.metadata import SideName
from tasks.sync.budget import BEHIND, Limits, standing
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.reaching import NAMES
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.session import this_worker

LEASE = "health check"


def state(around: Surroundings) -> Iterator[Finding]:
    """A state that can't be opened, or is read-only."""
    trouble = around.trouble.get("state")
    if trouble is None and around.store is not None:
        try:
            if around.pair is None:
                with around.store.unfenced():
                    pass
            else:
                around.store.release(around.store.acquire(around.pair, LEASE, this_worker(), 10))
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


def budgets(around: Surroundings) -> Iterator[Finding]:
    """Budgets that are nearly used up."""
    if around.pair is None:
        return
    limits = Limits.of(around.settings)
    sides: tuple[SideName, ...] = ("fno", "dataverse")
    for side in sides:
        now = standing(around.live_store, around.pair, side, limits, time.time())
        if now.pressure < BEHIND:
            continue
        used = now.used
        yield Finding(
            "budget_short",
            "warning",
            side,
            f"budget of {NAMES[side]}",
            f"less than {BEHIND:.0%} used, or initial loads wait",
            f"{used.requests:,} of {limits.requests:,} requests, {used.seconds:,.0f} of {limits.seconds:,.0f} s,"
            f" {used.operations:,} of {limits.operations:,} rows today",
            "it goes on by itself; DUALFLOW_LIMIT_DAY, DUALFLOW_LIMIT_REQUESTS and DUALFLOW_BUDGET_SHARE say how much is ours",
        )


CHECK = Check("state", "State", state)
BUDGETS = Check("budget", "Budgets", budgets, needs=("state",))
