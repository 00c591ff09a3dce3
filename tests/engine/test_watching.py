"""A run that keeps watch: its worklist, the leases that it keeps, and its vigil over the feeds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from mappings.errors import LeaseLost, RetriableError
from tasks.connectors.side import ChangePage
from tasks.state.leases import LeaseHeld
from tasks.state.store import Store
from tasks.sync.keeping import Keeper
from tasks.sync.lane import Counts
from tasks.sync.seams import SerialExecutor
from tasks.sync.vigil import Vigil
from tasks.sync.work import LaneSummary, delta_sync
from tasks.sync.worklist import Sum, Worklist
from tests.engine.world import World


class Moment:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def summary(map: str = "M", company: str = "", verdict: str = "ok", **other: Any) -> LaneSummary:
    return LaneSummary(map, company, verdict, "", other.pop("counts", asdict(Counts())), **other)


# worklist


def test_what_comes_while_a_map_is_worked_on_is_its_next_round() -> None:
    worklist = Worklist(2, Moment())
    assert worklist.add([("M", "a"), ("M", "b"), ("N", "")]) == {"M", "N"}
    assert worklist.take("M") == ["a", "b"]
    assert worklist.add([("M", "a"), ("M", "c")]) == {"M"}, "a is under way and takes what came by itself"
    worklist.stirred.clear()
    worklist.done("M", [summary(company="a"), summary(company="b")])
    assert worklist.stirred.is_set(), "whoever watches looks again whether anything was left"
    assert worklist.take("M") == ["c"]
    assert worklist.rounds == 2


def test_no_more_maps_at_a_time_than_are_allowed() -> None:
    worklist = Worklist(1, Moment())
    worklist.add([("M", ""), ("N", "")])
    assert worklist.take("M") == [""]
    taken: list[Any] = []
    other = threading.Thread(target=lambda: taken.append(worklist.take("N")), daemon=True)
    other.start()
    other.join(0.05)
    assert taken == []
    worklist.done("M", [summary()])
    other.join(10)
    assert taken == [[""]]


def test_the_end_of_the_run_ends_all_waiting() -> None:
    worklist = Worklist(1, Moment())
    worklist.add([("M", "")])
    worklist.close()
    assert worklist.take("M") is None and worklist.take("N") is None


def test_a_lane_in_trouble_rests_longer_each_time_and_one_that_needs_a_person_for_good() -> None:
    moment = Moment()
    worklist = Worklist(1, moment)
    rests = []
    for _ in range(3):
        worklist.add([("M", "")])
        assert worklist.take("M") == [""]
        worklist.done("M", [summary(verdict="failed", retry_after=0.0)])
        begun = moment.now
        while not worklist.add([("M", "")]):
            moment.now += 0.25
        rests.append(moment.now - begun)
    assert rests == [0.5, 1.0, 2.0]
    worklist.take("M")
    worklist.done("M", [summary(verdict="error")])
    moment.now += 10_000
    assert worklist.add([("M", "")]) == set()


def test_a_service_that_says_when_is_asked_then_and_a_lease_is_tried_soon() -> None:
    moment = Moment()
    worklist = Worklist(1, moment)
    for code, wait in (("throttled", 40.0), ("lease_held", 0.5)):
        worklist.add([("M", code)])
        worklist.take("M")
        worklist.done("M", [summary(company=code, verdict="failed", code=code, retry_after=40.0)])
        assert worklist.add([("M", code)]) == set()
        moment.now += wait
        assert worklist.add([("M", code)]) == {"M"}
        worklist.take("M")
        worklist.done("M", [])


def test_the_rounds_of_a_run_add_up_and_the_last_verdict_counts() -> None:
    total = Sum()
    total.add([summary(verdict="failed", counts=asdict(Counts(updated_fno=2)))])
    total.add([summary(counts=asdict(Counts(updated_fno=3, equal=1)))])
    (lane,) = total.lanes.values()
    assert (lane.verdict, lane.counts["updated_fno"], lane.counts["equal"]) == ("ok", 5, 1)


# kept leases


class Kept:
    """A keeper over a state in memory; `other` is another run."""

    def __init__(self) -> None:
        self.moment = Moment()
        self.store = Store.open("sqlite://", monotonic=self.moment)
        self.pair = self.store.pair("fno", "dataverse")
        self.keeper = Keeper(self.store, self.pair, "we", self.moment, self.moment.sleep)
        self.acquired = 0

    def hold(self, name: str = "lane", wait: float = 0.0) -> Any:
        def acquire() -> Any:
            self.acquired += 1
            return self.store.acquire(self.pair, name, "we", 60)

        return self.keeper.hold(name, wait, acquire)

    def free(self, name: str = "lane") -> bool:
        try:
            self.store.release(self.store.acquire(self.pair, name, "other", 60))
        except LeaseHeld:
            return False
        return True


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_lease_is_kept_between_rounds_and_given_back_when_nobody_uses_it(kept: Kept) -> None:
    for _ in range(3):
        with kept.hold():
            pass
        kept.moment.now += 1
        kept.keeper.sweep()
    assert kept.acquired == 1 and not kept.free()
    kept.moment.now += 10
    kept.keeper.sweep()
    assert kept.free()
    with kept.hold():
        kept.moment.now += 10
        kept.keeper.sweep()
        assert not kept.free(), "not while it is in use"
    assert kept.acquired == 2
    kept.keeper.close()
    assert kept.free()


def test_another_run_that_asks_for_a_lease_gets_it_at_the_next_sweep(kept: Kept) -> None:
    with kept.hold():
        assert kept.store.request(kept.pair, "lane", "other")
        kept.keeper.sweep()
        assert not kept.free()
    kept.keeper.sweep()
    assert kept.free()


def test_a_kept_lease_always_outlives_a_request(kept: Kept) -> None:
    for _ in range(40):
        with kept.hold() as lease:
            assert lease.outlives(60 * 0.75)
        kept.moment.now += 2.5


def test_a_lease_that_another_run_took_over_is_taken_anew_or_not_at_all(kept: Kept) -> None:
    with kept.hold() as lease:
        epoch = lease.epoch
    # what happens to a run that slept past its lease and doesn't know
    kept.store.release(replace(lease))
    theirs = kept.store.acquire(kept.pair, "lane", "other", 60)
    with pytest.raises(LeaseLost), kept.hold() as lease, kept.store.transaction(lease):
        raise AssertionError("the epoch is checked as ever")
    with pytest.raises(LeaseHeld), kept.hold():
        pass
    kept.store.release(theirs)
    with kept.hold() as lease:
        assert lease.epoch > epoch


def test_two_threads_of_one_run_do_not_hold_a_lease_at_once(kept: Kept) -> None:
    with kept.hold(), pytest.raises(LeaseHeld), kept.hold(wait=1.0):
        pass
    with kept.hold("other one"):
        pass


# vigil


class Watched:
    """A vigil over a small world; polls happen in `step`, rounds when the test works them off."""

    def __init__(self) -> None:
        self.world = World()
        self.world.add_fno("A1", A="a")
        self.world.initial()
        self.world.delta()
        self.moment = Moment()
        self.worklist = Worklist(4, self.moment)
        session = self.world.session
        maps = list(session.catalogue.maps.values())
        self.vigil = Vigil(session, maps, None, self.worklist, SerialExecutor(), self.moment)

    def skip(self, seconds: float) -> None:
        """Let time pass in which nobody does anything."""
        self.moment.now += seconds
        self.world.clock.forward(seconds=seconds)

    def seconds(self, seconds: float, work: bool = True) -> set[str]:
        """Let time pass; returns the maps that got work."""
        found: set[str] = set()
        end = self.moment.now + seconds
        while self.moment.now <= end:
            maps, rest = self.vigil.step()
            for name in maps if work else ():
                companies = self.worklist.take(name)
                self.worklist.done(name, delta_sync(self.world.session, name, companies))
            found |= maps
            self.moment.now += max(rest, 0.02)
            self.world.clock.forward(seconds=max(rest, 0.02))
        return found


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_change_in_dataverse_is_found_and_brought_across(watched: Watched) -> None:
    watched.seconds(1)
    watched.world.set_dataverse("A1", a="new")
    assert watched.seconds(31) == {"Things"}
    assert watched.world.equal()
    writes = watched.world.engine_writes()
    assert watched.seconds(40) == set()
    assert watched.world.engine_writes() == writes


def test_a_table_without_a_feed_is_scanned_in_its_turn(watched: Watched) -> None:
    watched.seconds(1)
    watched.world.set_fno("A1", A="new")
    watched.seconds(30)
    assert not watched.world.equal()
    watched.skip(600)
    watched.seconds(2)
    assert watched.world.equal()
    assert watched.vigil.asked.polls["fno", "scan"] <= 2


def test_an_event_is_followed_at_once(watched: Watched) -> None:
    from tasks.state.records import Event

    watched.seconds(100)
    watched.world.set_dataverse("A1", a="new")
    session = watched.world.session
    with session.store.unfenced() as tx:
        tx.put_events([Event(session.pair, "dataverse", "new_things", "x", "upsert")])
    assert watched.seconds(1) == {"Things"}
    assert watched.world.equal()


def test_a_feed_in_trouble_is_told_and_forgotten_once_it_answers(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> ChangePage:
        raise RetriableError("down", code="unavailable")

    changes: Callable[..., Any] = watched.world.dataverse.changes
    monkeypatch.setattr(watched.world.dataverse, "changes", broken)
    watched.seconds(20)
    assert [error.code for _, error in watched.vigil.unread.values()] == ["unavailable"]
    monkeypatch.setattr(watched.world.dataverse, "changes", changes)
    watched.world.set_dataverse("A1", a="new")
    watched.seconds(60)
    assert not watched.vigil.unread and watched.world.equal()


def test_a_fault_of_ours_in_one_feed_stops_nothing(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> ChangePage:
        raise ZeroDivisionError

    monkeypatch.setattr(watched.world.dataverse, "changes", broken)
    watched.world.set_fno("A1", A="new")
    watched.seconds(1)
    watched.skip(600)
    watched.seconds(2)
    assert [error.code for _, error in watched.vigil.unread.values()] == ["fault"]
    assert watched.world.equal()


def test_the_next_vigil_asks_nothing_that_was_just_asked(watched: Watched) -> None:
    watched.seconds(120)
    watched.vigil.save()
    session = watched.world.session
    again = Vigil(
        session,
        list(session.catalogue.maps.values()),
        None,
        watched.worklist,
        SerialExecutor(),
        watched.moment,
    )
    again.step()
    assert sum(again.asked.polls.values()) <= 1
