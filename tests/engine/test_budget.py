"""Budgets: what all processes of an installation ask of a service together, on a clock that only the test moves."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from tasks.connectors.http import OverBudget
from tasks.state.store import Store
from tasks.sync.budget import DAY, SLEEP, Budget, Limits

LIMITS = Limits(requests=50, seconds=1e9, operations=10**9)
START = 1_750_000_000.0


@dataclass
class Moment:
    """Time that passes when somebody sleeps."""

    now: float = START

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Process:
    """One process of an installation, and what it sent when."""

    budget: Budget
    moment: Moment
    sent: list[tuple[float, int]] = field(default_factory=list)

    def send(self, operations: int = 1) -> float:
        """Send a request if the budget has one; else the seconds that it must wait."""
        try:
            self.budget.take(operations)
        except OverBudget as error:
            assert error.retry_after is not None and error.retry_after > SLEEP
            return error.retry_after
        self.sent.append((self.moment.now, operations))
        return 0.0


Make = Callable[..., Process]


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def make(moment: Moment) -> Iterator[Make]:
    store = Store.open("sqlite://")
    pair = store.pair("fno", "dataverse")

    def process(limits: Limits = LIMITS) -> Process:
        budget = Budget(store, pair, "dataverse", limits, lambda: moment.now, moment.sleep)
        return Process(budget, moment)

    yield process
    store.close()


def most_in(sent: list[tuple[float, int]], window: float) -> int:
    times = sorted(at for at, _ in sent)
    return max(sum(at <= other < at + window for other in times) for at in times)


def test_no_window_holds_more_requests_than_are_ours_whoever_sends_them(make: Make, moment: Moment) -> None:
    chance = random.Random(7)
    processes = [make(), make(), make()]
    while moment.now < START + 2000:
        wait = chance.choice(processes).send()
        moment.now += min(wait, 60) if wait else chance.choice((0.0, 0.1, 1.0, 12.0))
    sent = [each for process in processes for each in process.sent]
    assert most_in(sent, LIMITS.window) <= LIMITS.requests
    # and it is no less than could be: all of it in each window and the slot that makes it safe
    assert len(sent) >= LIMITS.requests * 6


def test_a_request_that_is_on_its_way_for_a_slot_exceeds_nothing(make: Make, moment: Moment) -> None:
    chance = random.Random(3)
    process = make()
    while moment.now < START + 1500:
        moment.now += process.send() or 0.05
    late = [(at + chance.random() * 10, operations) for at, operations in process.sent]
    assert most_in(late, LIMITS.window) <= LIMITS.requests


def test_no_day_holds_more_rows_than_are_ours(make: Make, moment: Moment) -> None:
    limits = replace(LIMITS, requests=10**6, operations=5000)
    processes = [make(limits), make(limits)]
    chance = random.Random(1)
    while moment.now < START + 3 * DAY:
        wait = chance.choice(processes).send(chance.choice((1, 30, 100)))
        moment.now += wait if wait else 300
    days: dict[int, int] = {}
    for process in processes:
        for at, operations in process.sent:
            days[int(at // DAY)] = days.get(int(at // DAY), 0) + operations
    assert len(days) >= 3 and max(days.values()) <= limits.operations
    assert sorted(days.values())[-2] > 0.95 * limits.operations, "what one process leaves is the others'"


def test_seconds_of_work_are_a_limit_too(make: Make, moment: Moment) -> None:
    limits = replace(LIMITS, requests=10**6, seconds=100)
    process = make(limits)
    spent = 0.0
    while process.send() == 0.0:
        process.budget.spent(5.0)
        spent += 5.0
        moment.now += 10
    assert 100 <= spent <= 110
    moment.now += 300
    assert process.send() == 0.0


def test_an_initial_load_leaves_the_last_part_to_deltas(make: Make) -> None:
    load, delta = make(), make()
    with load.budget.loading():
        while load.send() == 0.0:
            pass
    assert 0.7 * LIMITS.requests <= len(load.sent) <= 0.85 * LIMITS.requests
    while delta.send() == 0.0:
        pass
    assert len(load.sent) + len(delta.sent) == LIMITS.requests


def test_polls_slow_down_before_anything_has_to_wait_but_not_while_there_is_enough(make: Make) -> None:
    process = make()
    paces = []
    while process.send() == 0.0:
        paces.append(process.budget.pace)
    assert set(paces[: int(0.9 * LIMITS.requests)]) == {1.0} and paces[-1] > 20
    assert all(one <= other for one, other in pairwise(paces))


def test_a_process_that_died_takes_no_more_with_it_than_it_had_taken(make: Make, moment: Moment) -> None:
    limits = replace(LIMITS, requests=1000)
    for _ in range(5):
        make(limits).send()  # and is never heard of again
    alive = make(limits)
    while alive.send() == 0.0:
        pass
    assert len(alive.sent) >= 1000 - 5 * 6


def test_a_short_wait_is_waited_for_and_a_long_one_handed_on(make: Make, moment: Moment) -> None:
    process = make()
    while process.send() == 0.0:
        pass
    stopped = moment.now
    # the window and the slot behind it, but for a second
    moment.now += 310 - START % 10 - 1
    assert process.send() == 0.0
    assert moment.now > stopped + 300
