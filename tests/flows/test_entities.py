"""Entity tasks: one a map, no more, and none fails for what a system does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import RetriableError
from tasks import entity
from tasks.connectors.http import OverBudget
from tasks.entity import LONGEST_WAIT, RETRY_DELAYS, entity_task, shipped_tasks
from tasks.progress import Tick, listening
from tasks.sync import work
from tasks.sync.worklist import WORKLISTS, Worklist
from tests.engine.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(entity, "shared_session", lambda: made.session)
    return made


def test_every_map_has_exactly_one_task_named_as_the_map() -> None:
    assert sorted(shipped_tasks()) == sorted(Catalogue.load(sensitive=["all"]).maps)
    for name, task in shipped_tasks().items():
        assert task.name == task.task_run_name == name


def test_tasks_return_json_and_try_again_only_where_it_helps() -> None:
    for task in shipped_tasks().values():
        assert task.result_serializer == "json"
        assert task.retries == len(RETRY_DELAYS)
        assert task.retry_condition_fn is not None
        assert not task.tags, "each tagged task run costs a request to Prefect's server"


def test_a_map_without_a_module_gets_its_task_at_run_time() -> None:
    assert entity_task("Things").name == "Things"
    assert entity_task("Things", "deferred").name == "Things: deferred references"
    assert entity_task("Units", "deferred").name == "Units: deferred references"
    assert shipped_tasks()["Units"].name == "Units"


def test_a_task_returns_a_small_summary_with_a_verdict(world: World) -> None:
    world.add_fno("A1", A="a")
    ticks: list[Tick] = []
    with listening(ticks.append):
        result = entity_task("Things").fn("initial")
    assert result["verdict"] == "ok"
    assert result["lanes"][0]["counts"]["created_dataverse"] == 1
    assert json.loads(json.dumps(result)) == result
    assert ticks[0].moment == "started"
    assert ticks[-1].moment == "ended" and ticks[-1].verdict == "ok"


def test_nothing_that_a_task_is_given_stands_in_its_result(world: World) -> None:
    given: dict[str, Any] = {"step": "initial", "mode": "both"}
    result = entity_task("Things").fn(**given)
    assert not {id(value) for value in given.values()} & {id(value) for value in result.values()}


def test_a_map_in_trouble_has_a_verdict_instead_of_an_exception(world: World) -> None:
    result = entity_task("No such map").fn("initial")
    assert result["verdict"] == "failed"
    assert "there is no map" in result["lanes"][0]["message"]


def test_a_fault_of_ours_fails_this_map_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(entity, "initial_sync", broken)
    result = entity_task("Things").fn("initial")
    assert result["verdict"] == "failed"
    assert "ZeroDivisionError: oops" in result["lanes"][0]["message"]


@contextmanager
def somebody_holds_the_lane(world: World) -> Iterator[None]:
    store = world.session.store
    lease = store.acquire(world.session.pair, "lane:Things:", "another run", 60)
    yield
    store.release(lease)


def rounds(run: int, count: int) -> Worklist:
    """A worklist with so many rounds of the map, over when they are done."""

    class Counted(Worklist):
        def done(self, map: str, summaries: Any) -> None:
            super().done(map, summaries)
            self._rests.clear()
            if self.add([(map, "")]) and self.rounds >= count:
                self.close()

    made = WORKLISTS[run] = Counted(1)
    made.add([("Things", "")])
    return made


def test_a_task_of_a_run_that_keeps_watch_takes_rounds_until_the_run_is_over(world: World) -> None:
    world.initial()
    world.add_fno("A1", A="a")
    world.delta()
    world.set_dataverse("A1", a="new")
    work.poll(world.session, list(world.catalogue.maps.values()))
    rounds(7, 3)
    result = entity_task("Things").fn("watch", run=7)
    assert result["verdict"] == "ok" and world.equal()
    (lane,) = result["lanes"]
    assert lane["counts"]["updated_fno"] == 1


def test_a_lane_that_another_run_holds_is_no_trouble_of_one_that_keeps_watch(world: World) -> None:
    world.initial()
    with somebody_holds_the_lane(world):
        rounds(8, 1)
        result = entity_task("Things").fn("watch", run=8)
        assert result["verdict"] == "busy"
        held = entity_task("Things").fn("delta")
        assert held["verdict"] == "failed" and held["lanes"][0]["code"] == "lease_held"


@pytest.mark.prefect
def test_a_held_lane_is_tried_again(
    world: World, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    world.initial()
    store = world.session.store
    lease = store.acquire(world.session.pair, "lane:Things:", "another run", 60)
    tries: list[int] = []
    real = work.delta_sync

    def counted(*args: Any, **kwargs: Any) -> Any:
        tries.append(1)
        if len(tries) == 2:
            store.release(lease)
        return real(*args, **kwargs)

    monkeypatch.setattr(entity, "delta_sync", counted)
    task = entity_task("Things").with_options(retry_delay_seconds=0)

    @flow
    def run() -> Any:
        return task.submit("delta").result()

    result: Any = run()
    assert result["verdict"] == "ok"
    assert len(tries) == 2


def test_only_retriable_errors_are_worth_another_try() -> None:
    from prefect.states import Failed

    assert entity._worth_another_try(None, None, Failed(data=RetriableError("busy")))
    assert not entity._worth_another_try(None, None, Failed(data=ValueError("no")))


def test_an_initial_load_waits_for_its_budget_and_holds_nothing_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_fno("A1", A="a")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        lease = world.store.acquire(world.session.pair, "lane:Things:", "somebody else", 60)
        world.store.release(lease)
        monkeypatch.setattr(world.fno, "pages", pages)

    def short(*_: Any, **__: Any) -> Any:
        raise OverBudget("our share is used up", code="budget", retry_after=400.0)

    pages = world.fno.pages
    monkeypatch.setattr(world.fno, "pages", short)
    monkeypatch.setattr(world.session, "seams", replace(world.session.seams, sleep=sleep))
    result = entity_task("Things").fn("initial")
    assert result["verdict"] == "ok" and world.equal()
    assert slept == [LONGEST_WAIT]
