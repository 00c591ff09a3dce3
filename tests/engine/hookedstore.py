"""The real store on SQLite in memory, with the handles that interleavings need."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import update

from tasks.state import models
from tasks.state.leases import FREE, Lease
from tasks.state.store import Store, Transaction


class HookedStore(Store):
    """Tells when a transaction is through, and goes back to an earlier moment.

    Attributes:
        effect: Called after each transaction is through; may raise to play a crash.
    """

    effect: Callable[[], None] = staticmethod(lambda: None)

    def snapshot(self) -> sqlite3.Connection:
        """A copy of the database."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._driver().backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """Go back to a copy; all leases are free."""
        copy.backup(self._driver())
        self.free()

    def free(self) -> None:
        """All leases run out: their holder died, or sleeps."""
        with Store._changing(self) as connection:
            connection.execute(update(models.lease).values(owner=FREE))

    def _driver(self) -> Any:
        return self._engine.raw_connection().driver_connection

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Transaction]:
        with super().transaction(lease) as tx:
            yield tx
        self.effect()

    @contextmanager
    def unfenced(self) -> Iterator[Transaction]:
        with super().unfenced() as tx:
            yield tx
        self.effect()
