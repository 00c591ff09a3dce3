"""Leases that are kept from one round of work to the next.

A run that keeps watch works on the same lanes again and again, a few rows each time. Taking and giving back a lease each time would
cost more than the rows. What is kept is renewed in one go, given back when nobody used it for a while, and at once when another run
asks for it. The fence stays where it was: every transaction checks the lease's epoch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mappings.errors import LeaseLost
from tasks.state.leases import Lease, LeaseHeld
from tasks.state.store import Store

IDLE = 3.0
"""Seconds without use after which a lease is given back."""
FRESH = 0.85
"""Share of its time that a kept lease has left at least: more than the longest request takes."""


@dataclass(slots=True)
class _Kept:
    lease: Lease | None
    busy: bool
    used_at: float


class Keeper:
    """The leases that a run keeps.

    Args:
        owner: under which name the run holds leases.
        clock, sleep: seconds that only grow; waiting.
    """

    def __init__(
        self,
        store: Store,
        pair: int,
        owner: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._pair, self._owner = store, pair, owner
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    @contextmanager
    def hold(self, name: str, wait: float, acquire: Callable[[], Lease]) -> Iterator[Lease]:
        """Use a lease for the length of a block; it is kept afterwards.

        Args:
            wait: seconds to wait for another thread of this process that uses it.
            acquire: takes the lease where we don't have it.

        Raises:
            LeaseHeld: it is in use here, or another run has it.
        """
        kept = self._take(name, wait)
        try:
            if kept.lease is not None and not kept.lease.outlives(FRESH * kept.lease.seconds):
                try:
                    self._store.renew(kept.lease)
                except LeaseLost:
                    kept.lease = None
            if kept.lease is None:
                kept.lease = acquire()
            yield kept.lease
        except LeaseLost:
            kept.lease = None
            raise
        finally:
            with self._lock:
                kept.busy, kept.used_at = False, self._clock()
                if kept.lease is None:
                    self._kept.pop(name, None)

    def sweep(self, idle: float = IDLE) -> None:
        """Renew what is in use, and give back what nobody uses or somebody else asks for."""
        wanted = self._store.wanted(self._pair, self._owner)
        with self._lock:
            now = self._clock()
            over = [
                (name, kept)
                for name, kept in self._kept.items()
                if not kept.busy and (name in wanted or now - kept.used_at >= idle)
            ]
            for name, _ in over:
                del self._kept[name]
            short = [
                kept.lease
                for kept in self._kept.values()
                if kept.lease is not None and not kept.lease.outlives(FRESH * kept.lease.seconds)
            ]
        self._store.release(*(kept.lease for _, kept in over if kept.lease is not None))
        if short:
            with suppress(LeaseLost):  # whoever uses it finds out, and nothing is written
                self._store.renew(*short)

    def close(self) -> None:
        """Give everything back that is not in use."""
        self.sweep(idle=0.0)

    def _take(self, name: str, wait: float) -> _Kept:
        until = self._clock() + wait
        while True:
            with self._lock:
                kept = self._kept.get(name)
                if kept is None:
                    kept = self._kept[name] = _Kept(None, True, self._clock())
                    return kept
                if not kept.busy:
                    kept.busy = True
                    return kept
            if self._clock() >= until:
                raise LeaseHeld(
                    f"{name} is being worked on by another thread of this run",
                    retry_after=1.0,
                    code="lease_held",
                    lease=name,
                    owner=self._owner,
                )
            self._sleep(0.05)
