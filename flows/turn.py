"""Turns: one delta run at a time keeps watch, and hands over to the next without a gap.

Runs are started by the clock and end when their successor is ready: it asks for the lease named `delta`, the one at work sees
that at its next pause and lets go. The lease is a courtesy between runs; what keeps the data safe are the leases of lanes and
feeds underneath.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mappings.errors import LeaseLost
from tasks.state.leases import Lease, LeaseHeld
from tasks.sync.session import Session

NAME = "delta"
ASK_EVERY = 0.2
"""Seconds between two looks at whether the run before us let go."""


@dataclass
class Turn:
    """Our turn to watch the feeds.

    Attributes:
        lost: another run took over, because we slept too long.
    """

    session: Session
    lease: Lease
    lost: bool = False
    _over: threading.Event = field(default_factory=threading.Event)
    _beat: threading.Thread | None = None

    def wanted(self) -> bool:
        """Should this run come to its end: does another ask for the turn, or has it taken it?"""
        return self.lost or self.session.store.requested(self.lease) is not None

    def let_go(self) -> None:
        """Let the next one begin; again does no harm."""
        if not self._over.is_set():
            self._over.set()
            if self._beat is not None:
                self._beat.join()
            self.session.store.release(self.lease)


@contextmanager
def turn(session: Session, patience: float) -> Iterator[Turn]:
    """Ask the run at work to hand over, and take its place.

    Args:
        patience: seconds to wait for it.

    Raises:
        LeaseHeld: it didn't let go in time.
    """
    held = Turn(session, _take(session, patience))
    held._beat = threading.Thread(target=_keep, args=(held, held._over), name="delta turn", daemon=True)
    held._beat.start()
    try:
        yield held
    finally:
        held.let_go()


def _take(session: Session, patience: float) -> Lease:
    deadline = time.monotonic() + patience
    while True:
        try:
            return session.store.acquire(session.pair, NAME, session.owner, session.settings.lease_seconds)
        except LeaseHeld:
            if time.monotonic() >= deadline:
                raise
            # asked again and again: a holder that died leaves its lease to whoever is next, who must hear of us too
            session.store.request(session.pair, NAME, session.owner)
            session.seams.sleep(ASK_EVERY)


def _keep(held: Turn, stop: threading.Event) -> None:
    """Renew the lease while the run works, however long one of its steps takes."""
    while not stop.wait(held.lease.seconds / 3):
        try:
            held.session.store.renew(held.lease)
        except LeaseLost:
            held.lost = True
            return
