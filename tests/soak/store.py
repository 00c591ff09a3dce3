"""The real state on SQLite in memory, which tells when a transaction begins, can go back, and notices stale writers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from tasks.state import models
from tasks.state.leases import FREE, Lease
from tasks.state.store import Store, Transaction

EPOCH = select(models.lease.c.epoch).where(
    models.lease.c.pair == bindparam("of_pair"), models.lease.c.name == bindparam("of_name")
)


class WatchedStore(Store):
    """A state whose transactions can be interfered with.

    Attributes:
        before: called before each transaction begins; may raise to play a crash.
        stale: transactions that went through although somebody else had the lease.
    """

    before: Callable[[], None] = staticmethod(lambda: None)
    stale: int = 0

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        self.before()
        with super()._changing() as connection:
            yield connection

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Transaction]:
        with super().transaction(lease) as tx:
            yield tx
            ((epoch,),) = tx._found(EPOCH, {"of_pair": lease.pair, "of_name": lease.name})
            self.stale += epoch != lease.epoch

    def snapshot(self) -> sqlite3.Connection:
        """A copy of the database."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._driver().backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """Go back to a copy; all leases are free."""
        copy.backup(self._driver())
        self.free()
        self.stale = 0

    def free(self) -> None:
        """All leases run out: their holder died, or sleeps."""
        with Store._changing(self) as connection:
            connection.execute(update(models.lease).values(owner=FREE))

    def _driver(self) -> Any:
        return self._engine.raw_connection().driver_connection
