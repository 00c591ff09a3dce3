"""What a planned run costs: requests against what is left of both limits, and the time that follows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.metadata import SideName
from tasks.state.budgets import Used
from tasks.state.records import RunLane
from tasks.sync.budget import DAY, Limits, Standing
from tasks.sync.cost import (
    ASSUMED_ROWS_A_SECOND,
    Pace,
    cost,
    count_operations,
    count_requests,
    duration,
    pace,
)
from tests.engine.trade import Trade

LIMITS = Limits(requests=1000, seconds=1000.0, operations=100_000)


def standing(requests: int = 0, operations: int = 0) -> Standing:
    return Standing("fno", Used(requests=requests, seconds=0.0, operations=operations), LIMITS)


@pytest.mark.parametrize(
    ("reads", "writes", "rows", "used", "held_up"),
    [
        (100, 100, 5000, standing(), 0.0),
        (900, 100, 5000, standing(), 0.0),
        (900, 101, 5000, standing(), 300.0),
        (900, 100, 5000, standing(requests=1), 300.0),
        (3000, 100, 5000, standing(), 900.0),
        (10, 100, 100_000, standing(), DAY),
        (10, 100, 90_000, standing(operations=20_000), DAY),
    ],
)
def test_limits_hold_up_what_is_more_than_they_leave(
    reads: int, writes: int, rows: int, used: Standing, held_up: float
) -> None:
    found = cost("fno", reads, reads, writes, rows, used, loads=False)
    assert (found.requests, found.held_up) == (reads + writes, held_up)
    assert (found.free, found.free_today) == (1000 - used.used.requests, 100_000 - used.used.operations)


def test_an_initial_load_leaves_something_for_live_changes() -> None:
    found = cost("fno", 900, 900, 0, 0, standing(), loads=True)
    assert found.free < 900 and found.held_up == 300.0


def test_the_time_is_that_of_the_work_or_of_the_limits_whichever_is_longer() -> None:
    easy, held = (cost("fno", 10, 10, 10, rows, standing(), loads=False) for rows in (2000, 150_000))
    assert duration([easy], 5.0, Pace(100.0)) == 25.0
    assert duration([easy, held], 5.0, Pace(100_000.0)) == DAY


def test_the_pace_is_that_of_the_latest_run_that_wrote_enough() -> None:
    w = Trade()
    assert pace(w.store, w.session.pair).run is None
    assert pace(w.store, w.session.pair).rows_a_second == ASSUMED_ROWS_A_SECOND
    numbers = []
    for kind, created in (("initial_sync", 600), ("initial_sync", 3), ("delta_sync", 5000)):
        with w.store.unfenced() as tx:
            number = tx.start_run(w.session.pair, kind)
            tx.save_run_lane(
                RunLane(
                    w.session.pair, number, "Customers", "usmf", "to-dataverse", created=created, updated=60
                )
            )
        w.clock.now += timedelta(seconds=6)
        with w.store.unfenced() as tx:
            tx.finish_run(number, "ok")
        numbers.append(number)
    found = pace(w.store, w.session.pair)
    assert (found.run, round(found.rows_a_second)) == (numbers[0], 110)


def test_a_day_counts_each_row_that_is_read_in_a_batch() -> None:
    counted: dict[SideName, dict[str, int]] = {"fno": {"page": 3, "read": 2, "operations": 1500}}
    assert (count_requests(counted, "fno"), count_operations(counted, "fno")) == (5, 1503)
    found = cost("fno", 5, 1503, 1, 100, standing(), loads=False)
    assert (found.requests, found.operations) == (6, 1603)
