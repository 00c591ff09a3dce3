"""The real state on SQLite in memory, which tells when a transaction begins, can go back, and notices stale writers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, bindparam, select

from tasks.state import models
from tasks.state.leases import Lease
from tasks.state.store import Transaction
from tests.engine.hookedstore import HookedStore

EPOCH = select(models.lease.c.epoch).where(
    models.lease.c.pair == bindparam("of_pair"), models.lease.c.name == bindparam("of_name")
)


class WatchedStore(HookedStore):
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

    def restore(self, copy: sqlite3.Connection) -> None:
        super().restore(copy)
        self.stale = 0
