"""Leases: one holder at a time, and a holder of yesterday changes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting

import pytest
from sqlalchemy import event

from mappings.errors import LeaseLost, RetriableError
from tasks.state.leases import Lease, LeaseHeld
from tasks.state.store import Store
from tests.state.conftest import url_of
from tests.state.fencing import NAME, nobody_takes_over_between_check_and_write, run_out
from tests.state.samples import COMPANY, MAP, link
from tests.state.worker import MAP as COUNTER


def test_a_held_lease_is_refused_with_holder_and_time(store: Store, pair: int) -> None:
    store.acquire(pair, NAME, "run 1", 60)
    with pytest.raises(LeaseHeld, match="run 1") as caught:
        store.acquire(pair, NAME, "run 2", 60)
    assert isinstance(caught.value, RetriableError)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60
    assert caught.value.facts["owner"] == "run 1"
    with pytest.raises(LeaseHeld):
        store.acquire(pair, NAME, "run 1", 60)


def test_leases_of_other_lanes_and_pairs_are_free(store: Store, pair: int) -> None:
    store.acquire(pair, NAME, "run 1", 60)
    assert store.acquire(pair, "lane:Vendors:DEMF", "run 2", 60).epoch == 1
    assert store.acquire(store.pair("lease", str(pair)), NAME, "run 2", 60).epoch == 1


def test_a_released_lease_is_free_and_gets_a_new_epoch(store: Store, pair: int) -> None:
    first = store.acquire(pair, NAME, "run 1", 60)
    store.release(first)
    assert first.remaining() <= 0
    second = store.acquire(pair, NAME, "run 2", 60)
    assert second.epoch == first.epoch + 1
    store.release(first)  # too late: it is another's
    with pytest.raises(LeaseHeld):
        store.acquire(pair, NAME, "run 3", 60)


def test_takeover_only_after_expiry(store: Store, pair: int) -> None:
    first = store.acquire(pair, NAME, "run 1", 60)
    with pytest.raises(LeaseHeld):
        store.acquire(pair, NAME, "run 2", 60)
    run_out(store, first)
    assert store.acquire(pair, NAME, "run 2", 60).epoch == first.epoch + 1


def test_a_renewed_lease_is_held_on(store: Store, pair: int) -> None:
    first = store.acquire(pair, NAME, "run 1", 60)
    before = first.expires
    run_out(store, first)
    store.renew(first)
    assert first.expires >= before
    with pytest.raises(LeaseHeld):
        store.acquire(pair, NAME, "run 2", 60)


def test_renewing_renews_what_it_can_and_names_what_is_lost(store: Store, pair: int) -> None:
    lost = store.acquire(pair, NAME, "run 1", 60)
    kept = store.acquire(pair, "other", "run 1", 60)
    run_out(store, lost)
    run_out(store, kept)
    store.acquire(pair, NAME, "run 2", 60)
    with pytest.raises(LeaseLost, match=r"Vendors.*run 2 holds it"):
        store.renew(lost, kept)
    with pytest.raises(LeaseHeld):
        store.acquire(pair, "other", "run 2", 60)


def test_a_stale_lease_changes_nothing(store: Store, pair: int) -> None:
    stale = store.acquire(pair, NAME, "run 1", 60)
    with store.transaction(stale) as tx:
        tx.insert_links([link(pair, 1)])
    run_out(store, stale)
    current = store.acquire(pair, NAME, "run 2", 60)
    reached = False
    with pytest.raises(LeaseLost, match="run 2 holds it now") as caught, store.transaction(stale) as tx:
        reached = True
        tx.insert_links([link(pair, 2)])
    assert not reached
    assert caught.value.code == "lease_lost"
    with store.transaction(current) as tx:
        assert tx.count_links(pair, MAP, COMPANY) == 1


def test_an_expired_lease_that_nobody_took_still_counts(store: Store, pair: int) -> None:
    late = store.acquire(pair, NAME, "run 1", 60)
    run_out(store, late)
    with store.transaction(late) as tx:
        tx.insert_links([link(pair, 1)])
    with store.read() as state:
        assert state.count_links(pair, MAP, COMPANY) == 1


def test_an_error_undoes_the_whole_transaction(store: Store, pair: int, lease: Lease) -> None:
    with pytest.raises(KeyboardInterrupt), store.transaction(lease) as tx:
        tx.insert_links([link(pair, 1)])
        raise KeyboardInterrupt
    with store.read() as state:
        assert state.count_links(pair, MAP, COMPANY) == 0


def test_the_check_is_the_first_statement_and_a_write(store: Store, lease: Lease) -> None:
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        with store.transaction(lease) as tx:
            tx.lane(lease.pair, MAP, COMPANY)
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    before = [statement for statement in sent if not statement.startswith("BEGIN")]
    assert before[0].startswith("UPDATE lease SET beat=")
    if store._engine.dialect.name == "sqlite":
        assert sent[0] == "BEGIN IMMEDIATE"


def test_a_takeover_waits_for_the_open_transaction(store: Store, pair: int) -> None:
    first = store.acquire(pair, NAME, "run 1", 60)
    run_out(store, first)
    with ThreadPoolExecutor() as threads:
        with store.transaction(first) as tx:
            tx.insert_links([link(pair, 1)])
            taking = threads.submit(store.acquire, pair, NAME, "run 2", 60.0)
            with pytest.raises(StillWaiting):
                taking.result(timeout=0.3)
        second = taking.result(timeout=30)
    assert second.epoch == first.epoch + 1
    with store.read() as state:
        assert state.count_links(pair, MAP, COMPANY) == 1


def test_nobody_takes_over_between_check_and_write(store: Store, pair: int) -> None:
    nobody_takes_over_between_check_and_write(store, pair)


def test_hand_over(store: Store, pair: int) -> None:
    assert store.request(pair, NAME, "run 2") is False  # nobody to ask
    lease = store.acquire(pair, NAME, "run 1", 60)
    assert store.requested(lease) is None
    assert store.request(pair, NAME, "run 2") is True
    assert store.requested(lease) == "run 2"
    store.release(lease)
    taken = store.acquire(pair, NAME, "run 2", 60)
    assert store.requested(taken) is None
    assert store.requested(lease) is None


def test_time_left_is_counted_from_before_the_answer(new_url: Callable[[], str]) -> None:
    now = 100.0

    def clock() -> float:
        nonlocal now
        now += 2.0  # each look takes two seconds
        return now

    with Store.open(new_url(), monotonic=clock) as store:
        lease = store.acquire(store.pair("f", "d"), NAME, "run 1", 60)
        assert lease.remaining() == 58.0
        assert lease.outlives(50)
        assert not lease.outlives(56)
        now += 100
        assert lease.remaining() < 0
        store.renew(lease)
        assert lease.remaining() == 58.0


def test_a_transaction_in_a_transaction_is_a_mistake(store: Store, lease: Lease) -> None:
    with (
        store.transaction(lease),
        pytest.raises(RuntimeError, match="open in this thread"),
        store.transaction(lease),
    ):
        pass


def worker(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.state.worker", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_take_turns(store: Store, pair: int) -> None:
    each = 20
    workers = [worker("count", url_of(store), str(pair), NAME, str(each)) for _ in range(2)]
    assert [process.wait(timeout=120) for process in workers] == [0, 0]
    with store.read() as state:
        assert state.lane(pair, COUNTER, "").reason == str(2 * each)
    assert store.acquire(pair, NAME, "test", 1).epoch == 2 * each + 1


def test_a_process_that_slept_past_its_lease_changes_nothing(store: Store, pair: int) -> None:
    process = worker("stale", url_of(store), str(pair), NAME)
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    with pytest.raises(LeaseHeld, match="stale worker"):
        store.acquire(pair, NAME, "test", 60)
    run_out(store, Lease(pair, NAME, 0, "", 0, 0))
    current = store.acquire(pair, NAME, "test", 60)
    with store.transaction(current) as tx:
        tx.save_lane_state(pair, COUNTER, "", "running", "written by the test")
    answer, _ = process.communicate("go on\n", timeout=60)
    assert answer == "lease_lost\n"
    with store.read() as state:
        assert state.lane(pair, COUNTER, "").reason == "written by the test"
