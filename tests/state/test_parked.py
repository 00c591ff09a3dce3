"""Parked and waiting rows: attempts are counted, and no order of events lets a waiting row wait for ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.state.leases import Lease
from tasks.state.parked import RETRY_DELAYS
from tasks.state.records import Link, ParkedRow, WaitingRow
from tasks.state.store import Store, Transaction
from tests.state.samples import COMPANY, MAP, TABLE, link


def parked(pair: int, row: str, **changes: object) -> ParkedRow:
    base = ParkedRow(
        pair, MAP, COMPANY, "fno", row, f"key of {row}", "parked", "refused", "no", "fix it", "Name=name"
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def waits(pair: int, row: str, parent: Link, **changes: object) -> WaitingRow:
    base = WaitingRow(pair, "Contacts", COMPANY, "fno", row, -1, TABLE, parent.company, str(parent.key))
    return replace(base, **changes)  # type: ignore[arg-type]


def test_attempts_are_counted_and_retried_later_and_later(store: Store, pair: int, lease: Lease) -> None:
    gaps = []
    for attempt in range(len(RETRY_DELAYS) + 2):
        with store.transaction(lease) as tx:
            tx.park([parked(pair, "a", message=f"no {attempt}")])
        with store.read() as state:
            (row,) = state.parked(pair)
        if attempt == 0:
            first = row
        assert row.next_at is not None
        gaps.append(round((row.next_at - store._now()).total_seconds() / 10) * 10)
        assert (row.attempts, row.message, row.first_at) == (attempt + 1, f"no {attempt}", first.first_at)
    assert gaps == [*RETRY_DELAYS, RETRY_DELAYS[-1], RETRY_DELAYS[-1]]


def test_due_rows_are_those_that_may_mend_by_themselves(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.park(
            [parked(pair, "a"), parked(pair, "held", kind="held_delete"), parked(pair, "b", company="DEMF")]
        )
    now = store._now()
    with store.read() as state:
        assert state.due_parked(pair, MAP, COMPANY, now) == []
        later = now + timedelta(seconds=RETRY_DELAYS[0] + 1)
        assert [row.row for row in state.due_parked(pair, MAP, COMPANY, later)] == ["a"]


def test_lists_and_counts(store: Store, pair: int, lease: Lease) -> None:
    with store.read() as state:
        assert not state.any_listed(pair, MAP, COMPANY)
    with store.transaction(lease) as tx:
        tx.park(
            [
                parked(pair, "a"),
                parked(pair, "a"),
                parked(pair, "b", kind="duplicate"),
                parked(pair, "c", map="M"),
            ]
        )
    with store.read() as state:
        assert state.any_listed(pair, MAP, COMPANY)
        assert [row.row for row in state.parked(pair)] == ["a", "b", "c"]
        assert [row.row for row in state.parked(pair, limit=2)] == ["a", "b"]
        assert [row.row for row in state.parked(pair, MAP, COMPANY, "duplicate")] == ["b"]
        assert state.parked(pair, MAP)[0].attempts == 1  # twice in one batch is one attempt
        assert state.count_parked(pair) == 3
        assert state.count_parked(pair, MAP, kind="duplicate") == 1
    with store.transaction(lease) as tx:
        tx.unpark(pair, MAP, COMPANY, {("fno", "a"), ("dataverse", "b"), ("fno", "nobody")})
        tx.unpark(pair, MAP, COMPANY, [])
    with store.read() as state:
        assert [row.row for row in state.parked(pair)] == ["b", "c"]  # another side's b is another row


def test_waits_are_listed_once_and_forgotten_by_row(store: Store, pair: int, lease: Lease) -> None:
    one, two = link(pair, 1), link(pair, 2)
    with store.transaction(lease) as tx:
        tx.wait(
            [
                waits(pair, "a", one),
                waits(pair, "a", two, unit=3),
                waits(pair, "b", one),
                waits(pair, "a", one),
            ]
        )
        tx.wait([waits(pair, "a", one)])
    with store.read() as state:
        assert len(state.waiting(pair)) == 3
        assert state.count_waiting(pair) == state.count_waiting(pair, "Contacts", COMPANY) == 2
        assert state.any_listed(pair, "Contacts", COMPANY)
    with store.transaction(lease) as tx:
        tx.stop_waiting(pair, "Contacts", COMPANY, [("fno", "a")])
    with store.read() as state:
        assert [row.row for row in state.waiting(pair)] == ["b"]


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        ({}, True),
        ({"map": "made by hand, linked by another map"}, True),
        ({"state": "detached"}, True),
        ({"state": "half"}, False),
        ({"dataverse_id": None}, False),
        ({"fno_key": None}, False),
        ({"company": "DEMF"}, False),
        ({"table": "contacts"}, False),
        ({"key": "usmf\x1fanother"}, False),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "-".join(value) or "paired",
)
def test_a_parent_counts_when_it_is_on_both_sides(
    store: Store, pair: int, lease: Lease, changes: dict[str, object], there: bool
) -> None:
    child = waits(pair, "child", link(pair, 1))
    with store.transaction(lease) as tx:
        tx.wait([child])
    with store.read() as state:
        assert state.releasable(pair, "Contacts", COMPANY) == []
    with store.transaction(lease) as tx:
        tx.insert_links([link(pair, 1, **changes)])
    with store.read() as state:
        assert state.releasable(pair, "Contacts", COMPANY) == ([child] if there else [])
        assert state.lanes_with_releasable(pair) == ({("Contacts", COMPANY)} if there else set())
        assert state.releasable(pair, "Contacts", "DEMF") == []


def test_parents_of_global_maps(store: Store, pair: int, lease: Lease) -> None:
    parent = link(pair, 1, company="", map="Currencies", table="transactioncurrencies", key="eur")
    child = waits(pair, "child", parent, parent_table="transactioncurrencies")
    with store.transaction(lease) as tx:
        tx.wait([child])
        tx.insert_links([parent])
    with store.read() as state:
        assert state.releasable(pair, "Contacts", COMPANY) == [child]


# child and parent, interleaved at every step

CHILD = ("child looks", "child begins", "child parks", "child commits")
PARENT = (
    "parent begins",
    "parent is linked",
    "parent commits",
    "parent begins",
    "parent is paired",
    "parent commits",
)


def interleavings() -> Iterator[tuple[str, ...]]:
    size = len(CHILD) + len(PARENT)
    for places in itertools.combinations(range(size), len(CHILD)):
        child, parent = iter(CHILD), iter(PARENT)
        yield tuple(next(child) if at in places else next(parent) for at in range(size))


def overlap(steps: tuple[str, ...]) -> bool:
    """Do both have a transaction open at once? SQLite has one writer and makes the second one wait."""
    open_now = 0
    for step in steps:
        open_now += step.endswith("begins") - step.endswith("commits")
        if open_now > 1:
            return True
    return False


class Actor:
    """One of the two, in a thread of its own, one step at a time."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self.store, self.lease = store, lease
        self.thread = ThreadPoolExecutor(1)
        self.stack = ExitStack()
        self.tx: Transaction

    def begin(self) -> None:
        self.tx = self.stack.enter_context(self.store.transaction(self.lease))

    def step(self, call: object) -> object:
        return self.thread.submit(call).result(timeout=60)  # type: ignore[arg-type]


def test_no_interleaving_leaves_a_child_waiting_for_ever(store: Store, pair: int) -> None:
    schedules = [one for one in interleavings() if store._engine.dialect.name != "sqlite" or not overlap(one)]
    assert len(schedules) > 10
    child = Actor(store, store.acquire(pair, "lane of the child", "child", 600))
    parent = Actor(store, store.acquire(pair, "lane of the parent", "parent", 600))
    for number, schedule in enumerate(schedules):
        half = link(pair, number, state="half")
        key = str(half.key)
        row = waits(pair, f"row {number}", half)
        seen = stored = 0

        def look(key: str = key) -> bool:
            with store.read() as state:
                found = state.parents_by_key(pair, TABLE, COMPANY, [key])
            return any(one.state != "half" for one in found.get(key, []))

        for step in schedule:
            actor = child if step.startswith("child") else parent
            if step == "child looks":
                seen = bool(actor.step(look))
            elif step.endswith("begins"):
                actor.step(actor.begin)
            elif step == "child parks":
                actor.step(lambda row=row, seen=seen: None if seen else child.tx.wait([row]))
            elif step == "parent is linked":
                (stored,) = actor.step(lambda half=half: parent.tx.insert_links([half]))  # type: ignore[misc]
            elif step == "parent is paired":
                actor.step(lambda stored=stored: parent.tx.patch_links([{"id": stored, "state": "paired"}]))
            else:
                actor.step(actor.stack.close)
        with store.read() as state:
            released = [one.row for one in state.releasable(pair, "Contacts", COMPANY)]
        assert (row.row in released) is not seen, schedule
