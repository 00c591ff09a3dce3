"""When feeds are asked: a schedule on a clock that only the test moves."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tasks.sync.polling import Feed
from tasks.sync.schedule import AGAIN, Due, Schedule


def feed(table: str, kind: str = "change_tracking", **other: Any) -> Feed:
    times = {"floor": 0.5, "ceiling": 30.0, **other}
    side = "dataverse" if kind == "change_tracking" else "fno"
    return Feed(side=side, table=table, kind=kind, maps=(table,), lag=1.0, **times)  # type: ignore[arg-type]


@dataclass
class Run:
    """A run that asks what is due and is answered at once.

    Attributes:
        hot: table → rows that each poll of it names.
        asked: (seconds, table, scan?) of each poll.
    """

    schedule: Schedule
    now: float = 0.0
    hot: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[float, str, bool]] = field(default_factory=list)

    def until(self, end: float) -> Run:
        """Go on to a moment, from one thing that is due to the next."""
        while self.now <= end:
            for due in self.schedule.due(self.now):
                self.asked.append((self.now, due.feed.table, due.scan))
                self.schedule.asked(due, self.now, self.hot.get(due.feed.table, 0))
            self.now += max(0.01, min(self.schedule.rest(self.now), end - self.now + 0.01))
        return self

    def times(self, table: str, *, scan: bool = False) -> list[float]:
        return [at for at, name, scanned in self.asked if name == table and scanned == scan]


def gaps(times: list[float]) -> list[float]:
    return [later - one for one, later in itertools.pairwise(times)]


def test_a_table_that_changes_is_asked_at_its_floor_and_a_quiet_one_at_its_ceiling() -> None:
    run = Run(Schedule([feed("hot"), feed("quiet")], 0.0), hot={"hot": 3}).until(100)
    assert max(gaps(run.times("hot"))[1:]) <= 0.52
    # it goes along with another one that is due, but not much sooner than its own turn
    assert min(gaps(run.times("quiet"))) >= 20 and len(run.times("quiet")) <= 5


def test_one_that_falls_silent_is_asked_more_and_more_rarely() -> None:
    run = Run(Schedule([feed("t")], 0.0), hot={"t": 1}).until(60)
    run.hot.clear()
    before = len(run.asked)
    run.until(400)
    later = gaps(run.times("t")[before:])
    assert all(one <= other + 0.1 for one, other in itertools.pairwise(later))
    assert later[0] <= 1.2 and later[-1] >= 29
    run.hot["t"] = 1
    run.until(500)
    assert gaps(run.times("t"))[-1] <= 0.52


def test_the_next_run_goes_on_as_this_one_left_it() -> None:
    feeds = [feed("hot"), feed("quiet")]
    before = Run(Schedule(feeds, 0.0), hot={"hot": 1}).until(200)
    # the clock of the next process is another one
    paces = {at: (every, asked - 190) for at, (every, asked) in before.schedule.paces.items()}
    after = Run(Schedule(feeds, 10.0, paces=paces), now=10.0, hot={"hot": 1}).until(11.1)
    assert [table for _, table, _ in after.asked if table == "quiet"] == []
    assert len(after.times("hot")) >= 2


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    run = Run(Schedule([feed("t")], 0.0, paces={("dataverse", "t"): (30.0, 10_000.0)})).until(31)
    assert run.times("t")


def test_feeds_due_at_nearly_the_same_time_go_out_together() -> None:
    names = [f"t{n}" for n in range(40)]
    schedule = Schedule([feed(name) for name in names], 0.0)
    run = Run(schedule, hot=dict.fromkeys(names, 1)).until(20)
    at_once = Counter(at for at, _, _ in run.asked)
    assert len(at_once) < 50 and len(run.asked) >= 40 * 35


def test_hot_feeds_that_began_out_of_step_are_asked_together_soon() -> None:
    feeds = [feed("a"), feed("b"), feed("c")]
    paces = {("dataverse", each.table): (0.5, 0.17 * n - 0.5) for n, each in enumerate(feeds)}
    run = Run(Schedule(feeds, 0.0, paces=paces), hot=dict.fromkeys("abc", 1)).until(20)  # type: ignore[arg-type]
    late = Counter(at for at, _, _ in run.asked if at > 2)
    assert set(late.values()) == {3} and max(gaps(sorted(late))) <= 0.52


def test_an_event_makes_its_table_due_but_no_faster_than_its_floor() -> None:
    schedule = Schedule([feed("t"), feed("events", "data_events", floor=0.2, ceiling=5.0)], 0.0)
    run = Run(schedule).until(1)
    run.asked.clear()
    for step in range(20):
        schedule.wake("dataverse", "t", run.now)
        run.until(1.1 + step * 0.1)
    assert 3 <= len(run.times("t")) <= 6
    schedule.wake("fno", "events", run.now)
    before = len(run.times("events"))
    run.until(run.now + 1)
    assert len(run.times("events")) == before + 1, "an event is answered, not followed by polls for nothing"
    schedule.wake("fno", "nobody's", run.now)


def test_an_event_that_comes_while_its_table_is_asked_is_not_lost() -> None:
    schedule = Schedule([feed("t")], 0.0)
    (due,) = schedule.due(0.0)
    schedule.wake("dataverse", "t", 0.1)
    assert schedule.due(10.0) == [], "one poll of a table at a time"
    schedule.asked(due, 0.2, 0)
    assert schedule.due(0.5) == [due]


def test_a_feed_that_can_lose_something_is_scanned_besides() -> None:
    run = Run(Schedule([feed("t", "data_events", ceiling=5.0, safety=60.0)], 0.0, {("fno", "t"): -30.0}))
    run.until(200)
    assert gaps(run.times("t", scan=True)) == pytest.approx([60, 60], abs=2)
    assert run.times("t", scan=True)[0] == pytest.approx(30, abs=2)
    run.schedule.want_scan("fno", "t", run.now)
    run.until(run.now + 1)
    assert len(run.times("t", scan=True)) == 4


def test_scans_do_not_come_all_at_once_for_ever() -> None:
    tables = [f"t{n}" for n in range(40)]
    run = Run(Schedule([feed(name, "scan", floor=60.0, ceiling=600.0) for name in tables], 0.0)).until(3000)
    late = Counter(int(at // 10) for at, _, _ in run.asked if at > 1500)
    assert max(late.values()) < 20
    assert all(440 <= gap <= 610 for name in tables for gap in gaps(run.times(name)))


def test_a_feed_in_trouble_is_tried_again_later_and_later_or_when_its_service_says() -> None:
    schedule = Schedule([feed("t")], 0.0)
    now, waits = 0.0, []
    for _ in range(len(AGAIN) + 1):
        (due,) = schedule.due(now)
        schedule.trouble(due, now)
        waits.append(schedule.rest(now))
        schedule.wake("dataverse", "t", now)
        assert schedule.due(now) == [], "no event changes that"
        now += waits[-1]
    assert waits == [*AGAIN, AGAIN[-1]]
    (due,) = schedule.due(now)
    schedule.trouble(due, now, 77.0)
    assert schedule.rest(now) == 77.0
    (due,) = schedule.due(now + 77)
    assert due == Due(due.feed)
    schedule.asked(due, now + 77, 1)
    assert schedule.rest(now + 77) == pytest.approx(0.5)


def test_where_the_budget_runs_short_all_polls_of_the_side_slow_down() -> None:
    pace = {"dataverse": 1.0, "fno": 1.0}
    feeds = [feed("t"), feed("v", "row_version")]
    run = Run(Schedule(feeds, 0.0, pace=lambda side: pace[side]), hot={"t": 1, "v": 1}).until(10)
    pace["dataverse"] = 10.0
    begin = len(run.times("t"))
    run.until(60)
    assert 8 <= len(run.times("t")) - begin <= 15
    assert max(gaps(run.times("v"))[1:]) <= 0.52
