"""Budgets: no more is asked of a service than our share of its limits, by all processes of an installation together.

Two limits a side: requests, and seconds that the service works on them, in any five minutes; and rows a day, where each row of a
batch counts. Every request is taken off before it leaves. A process takes some at a time from the state, for a slot of ten seconds,
and gives back what it did not use; the window that is summed up is a slot longer than the service's, so that a request which is
counted in one slot and arrives in the next exceeds nothing.

Where a budget runs short, initial loads wait first (they may use less than all of it), then polls slow down (`pace`), then deltas
wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mappings.errors import FatalError
from mappings.metadata import SideName
from tasks.connectors.http import OverBudget
from tasks.state.budgets import Used
from tasks.state.store import Store
from tasks.sync.settings import Settings

log = logging.getLogger("dualflow.budget")

SLOT = 10.0
"""Seconds that are counted together."""
DAY = 86_400.0
PARTS = 200
"""A process takes up to this part of a limit at a time."""
BEHIND = 0.85
"""Share of our share that initial loads may use: the rest is kept for what changes meanwhile."""
EASY, TIGHT = 0.9, 0.98
"""Up to the first polls go at their own pace, from the second on at a thirtieth of it: what nobody used is worth nothing."""
SLOWEST = 30.0
SLEEP = 2.0
"""Seconds that a request waits for the budget; a longer wait is handed to the caller."""
ALERT_AT = 0.95
"""Share of our share from which on people are told."""
ALERT_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Our share of a side's limits.

    Attributes:
        requests, seconds: within `window` seconds.
        operations: rows a day (UTC).
    """

    requests: int
    seconds: float
    operations: int
    window: float = 300.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the settings say, the same for both sides."""
        share = settings.budget_share
        return cls(
            max(1, int(settings.limit_requests * share)),
            settings.limit_seconds * share,
            max(1, int(settings.limit_day * share)),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a side's budget is used; shown to people."""

    side: SideName
    used: Used
    limits: Limits

    @property
    def pressure(self) -> float:
        """The most used of the limits: 0 = nothing, 1 = all of it."""
        used, limits = self.used, self.limits
        return max(
            used.requests / limits.requests,
            used.seconds / limits.seconds,
            used.operations / limits.operations,
        )

    def as_json(self) -> dict[str, Any]:
        """Figures by name."""
        return {
            "side": self.side,
            "requests": self.used.requests,
            "requests_limit": self.limits.requests,
            "seconds": round(self.used.seconds, 1),
            "seconds_limit": round(self.limits.seconds, 1),
            "today": self.used.operations,
            "today_limit": self.limits.operations,
        }


class Budget:
    """The budget of one side; used by all threads of a process.

    Args:
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        pair: int,
        side: SideName,
        limits: Limits,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._pair, self._side = store, pair, side
        self.limits = limits
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._slot = -1
        self._requests = self._operations = 0
        self._spent = 0.0
        self._loading = 0
        self._alerted_at = float("-inf")
        self.alerts: list[str] = []
        self.pressure = 0.0
        """How much was used when we last took some: 1 = all of it."""

    def take(self, operations: int = 1) -> None:
        """Take a request off the budget, before it leaves.

        Args:
            operations: rows in it.

        Raises:
            OverBudget: nothing is left for now; the request must not leave.
            FatalError: no day would ever have so much.
        """
        if operations > self.limits.operations * BEHIND:
            raise FatalError(
                f"one request of {operations} rows to {self._side} is more than we may ask of it in a day",
                code="budget_too_small",
                remedy="raise DUALFLOW_LIMIT_DAY or DUALFLOW_BUDGET_SHARE, or lower DUALFLOW_PAGE_SIZE",
                side=self._side,
            )
        until = self._clock() + SLEEP
        while True:
            with self._lock:
                wait = self._take(operations)
            if wait is None:
                return
            if self._clock() + wait > until:
                raise self._over(wait)
            self._sleep(max(wait, 0.05))

    def spent(self, seconds: float) -> None:
        """A request took so long to be answered."""
        with self._lock:
            self._spent += seconds

    @contextmanager
    def loading(self) -> Iterator[None]:
        """For the length of a block an initial load is at work in this process: it stays behind deltas."""
        with self._lock:
            self._loading += 1
        try:
            yield
        finally:
            with self._lock:
                self._loading -= 1

    @property
    def pace(self) -> float:
        """By how much polls slow down: 1 = not at all."""
        tight = min(1.0, max(0.0, (self.pressure - EASY) / (TIGHT - EASY)))
        return float(SLOWEST**tight)

    def standing(self) -> Standing:
        """What is used, by all processes."""
        return standing(self._store, self._pair, self._side, self.limits, self._clock())

    def _take(self, operations: int) -> float | None:
        """None if it was taken, else the seconds until something is free again."""
        if (
            self._slot == int(self._clock() // SLOT)
            and self._requests >= 1
            and self._operations >= operations
        ):
            self._requests -= 1
            self._operations -= operations
            return None
        return self._fetch(operations)

    def _fetch(self, operations: int) -> float | None:
        """Take from the state what this request needs and some more, and give back what an earlier slot left over."""
        now, limits = self._clock(), self.limits
        slot, day = int(now // SLOT), int(now // DAY)
        since = slot - _slots(limits)
        with self._store.unfenced() as tx:
            if self._slot >= 0:
                at = int(self._slot * SLOT // DAY)
                tx.use(self._pair, self._side, self._slot, at, -self._requests, -self._operations, 0.0)
            # from here on nobody else counts for this side
            tx.use(self._pair, self._side, slot, day, 0, 0, self._spent)
            used = tx.used(self._pair, self._side, since, day)
            full = BEHIND if self._loading else 1.0
            requests = int(limits.requests * full) - used.requests
            rows = int(limits.operations * full) - used.operations
            enough = requests >= 1 and rows >= operations and used.seconds < limits.seconds * full
            taken = min(requests, 1 + limits.requests // PARTS) if enough else 0
            more = min(rows, operations + limits.operations // PARTS // 100) if enough else 0
            if enough:
                tx.use(self._pair, self._side, slot, day, taken, more, 0.0)
            if slot != self._slot:
                tx.forget_used(self._pair, self._side, since, day - 1)
            oldest = None if enough else tx.oldest_slot(self._pair, self._side, since)
        self._slot, self._spent = slot, 0.0
        self._requests, self._operations = max(0, taken - 1), max(0, more - operations)
        self.pressure = Standing(self._side, used, limits).pressure
        if enough:
            if self.pressure >= ALERT_AT:
                self._alert(f"{self.pressure:.0%} of its budget is used")
            return None
        if rows < operations:
            return (day + 1) * DAY - now
        return max(0.0, ((slot if oldest is None else oldest) + _slots(limits) + 1) * SLOT - now)

    def _over(self, wait: float) -> OverBudget:
        self._alert(f"its budget is used up for {wait:.0f} s")
        return OverBudget(
            f"nothing more may be asked of {self._side} for {wait:.0f} s: our share of its limits is used up",
            code="budget",
            retry_after=wait,
            remedy="it goes on by itself; DUALFLOW_LIMIT_DAY, DUALFLOW_LIMIT_REQUESTS and DUALFLOW_BUDGET_SHARE say how much"
            " is ours",
            side=self._side,
        )

    def _alert(self, what: str) -> None:
        now = self._clock()
        if now - self._alerted_at >= ALERT_EVERY:
            self._alerted_at = now
            self.alerts.append(f"{time.strftime('%F %T', time.gmtime(now))} UTC {self._side}: {what}")
            log.warning("%s: %s", self._side, what, extra={"side": self._side, "code": "budget"})


def standing(store: Store, pair: int, side: SideName, limits: Limits, now: float) -> Standing:
    """What is used of a side's budget, by all processes."""
    with store.read() as state:
        used = state.used(pair, side, int(now // SLOT) - _slots(limits), int(now // DAY))
    return Standing(side, used, limits)


def _slots(limits: Limits) -> int:
    """Slots before the present one that the window reaches into."""
    return -int(-limits.window // SLOT)


def budgets(
    store: Store, pair: int, settings: Settings, sides: Mapping[SideName, Any]
) -> dict[SideName, Budget]:
    """A budget for each side that sends requests; they ask it before each."""
    found: dict[SideName, Budget] = {}
    for name, side in sides.items():
        client = getattr(side, "client", None)
        if client is not None:
            found[name] = client.allowance = Budget(store, pair, name, Limits.of(settings))
    return found


def withdraw(known: Mapping[SideName, Budget], side: Any) -> None:
    """Let a side go on without us: the state that counts is being closed."""
    client = getattr(side, "client", None)
    if client is not None and client.allowance is known.get(side.name):
        client.allowance = None
