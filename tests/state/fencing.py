"""The fence under test: another run tries to take a lease over at the worst of all moments."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from threading import get_ident

from sqlalchemy import event, update

from tasks.state import models
from tasks.state.leases import Lease
from tasks.state.store import Store

NAME = "lane:Vendors:USMF"
MAP = "Fenced"


def run_out(store: Store, lease: Lease) -> None:
    """Let a lease run out as if its time had passed on the database's clock."""
    with store.unfenced() as tx:
        tx._connection.execute(
            update(models.lease)
            .where(models.lease.c.pair == lease.pair, models.lease.c.name == lease.name)
            .values(expires=models.lease.c.beat - 1)
        )


def nobody_takes_over_between_check_and_write(store: Store, pair: int) -> None:
    """Right after a transaction's check of the lease somebody else takes it: either he waits, or nothing is written.

    Raises:
        AssertionError: a stale holder wrote.
    """
    stale = store.acquire(pair, NAME, "run 1", 60)
    run_out(store, stale)
    taking: list[Future[Lease]] = []
    takes_over = [False]
    here = get_ident()

    with ThreadPoolExecutor(1) as threads:

        def step_in(_: object, __: object, statement: str, *___: object) -> None:
            if not taking and get_ident() == here and not statement.startswith("BEGIN"):
                taking.append(threads.submit(store.acquire, pair, NAME, "run 2", 60.0))
                try:
                    taking[0].result(timeout=0.3)
                    takes_over[0] = True
                except StillWaiting:
                    pass  # he has to wait for us, as he should

        event.listen(store._engine, "after_cursor_execute", step_in)
        try:
            with store.transaction(stale) as tx:
                tx.save_lane_state(pair, MAP, "", "running", "written by run 1")
        finally:
            event.remove(store._engine, "after_cursor_execute", step_in)
        current = taking[0].result(timeout=30)
    store.release(current)
    assert current.epoch == stale.epoch + 1
    assert not takes_over[0], "a stale holder wrote after another had taken over"
