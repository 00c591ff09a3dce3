"""Both flows through Prefect: order, verdicts, artifacts, records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flows import control as control_module
from flows import delta_sync as delta_module
from flows import initial_sync as initial_module
from flows import planning as plan_module
from flows import replay as replay_module
from flows.report import RunFailed
from tasks import entity
from tasks.progress import Tick, listening
from tests.engine.memory import Refused
from tests.engine.world import World, thing_map

pytestmark = pytest.mark.prefect


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, prefect_server: None) -> Iterator[World]:
    made = World()
    for module in (entity, initial_module, delta_module, control_module, plan_module, replay_module):
        monkeypatch.setattr(module, "shared_session", lambda: made.session)
    yield made


def artifacts(key: str) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def test_an_initial_sync_makes_both_sides_equal_and_leaves_a_record(world: World) -> None:
    world.add_fno("A1", A="a")
    world.add_fno("A2", A="b", Parent="A1")
    world.add_dataverse("D1", a="only here")
    state = initial_module.initial_sync(return_state=True)
    assert state.is_completed(), state.message
    assert world.equal()
    report: Any = state.result()
    assert report["written"] == 4, "three rows, and the self reference patched afterwards"
    assert report["verdict"] == "ok"
    with world.session.store.read() as stored:
        (run,) = stored.runs(world.session.pair)
        lanes = stored.run_lanes(run.id)
    assert run.kind == "initial_sync" and run.verdict == "ok" and run.ended is not None
    assert {(lane.direction, lane.created) for lane in lanes} == {("to-dataverse", 2), ("to-fno", 1)}
    assert artifacts("initial-sync") and artifacts("states")


def test_a_run_again_writes_nothing(world: World) -> None:
    world.add_fno("A1", A="a")
    initial_module.initial_sync(return_state=True)
    before = world.engine_writes()
    state = initial_module.initial_sync(return_state=True)
    assert state.is_completed()
    assert world.engine_writes() == before


def test_a_failed_map_fails_the_run_and_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(entity, "initial_sync", broken)
    state = initial_module.initial_sync(return_state=True)
    assert state.is_failed()
    assert "Things" in str(state.message)
    found = state.result(raise_on_failure=False)
    assert isinstance(found, RunFailed)
    assert found.report["lanes"][0]["verdict"] == "failed"
    assert artifacts("initial-sync-remedies")


def test_unknown_maps_end_the_run_before_it_begins(world: World) -> None:
    state = initial_module.initial_sync(maps=["Nothing"], return_state=True)
    assert state.is_failed()
    assert "there is no map" in str(state.message)


def test_a_delta_brings_changes_across_and_is_quiet_afterwards(world: World) -> None:
    world.add_fno("A1", A="a")
    initial_module.initial_sync(return_state=True)
    delta_module.delta_sync(return_state=True)
    world.set_fno("A1", A="new")
    state = delta_module.delta_sync(return_state=True)
    assert state.is_completed()
    report: Any = state.result()
    assert report["written"] == 1
    assert world.equal()
    delta_module.delta_sync(return_state=True)
    before = world.engine_writes()
    delta_module.delta_sync(return_state=True)
    assert world.engine_writes() == before


def test_a_delta_has_no_task_for_a_map_without_work(world: World) -> None:
    world.add_fno("A1", A="a")
    initial_module.initial_sync(return_state=True)
    delta_module.delta_sync(return_state=True)
    ticks: list[Tick] = []
    with listening(ticks.append):
        state = delta_module.delta_sync(return_state=True)
        assert state.is_completed() and ticks == []
        world.set_fno("A1", A="new")
        delta_module.delta_sync(return_state=True)
    assert {tick.map for tick in ticks} == {"Things"}


def test_maps_whose_initial_sync_is_not_done_are_left_out(world: World) -> None:
    world.add_fno("A1", A="a")
    state = delta_module.delta_sync(return_state=True)
    assert state.is_completed()
    assert world.engine_writes() == 0


def test_maps_are_paused_and_resumed_from_a_form(world: World) -> None:
    world.add_fno("A1", A="a")
    initial_module.initial_sync(return_state=True)
    delta_module.delta_sync(return_state=True)
    state = control_module.control("pause", everything=True, return_state=True)
    assert state.is_completed() and "1 of 1" in str(state.message)
    world.set_fno("A1", A="new")
    delta_module.delta_sync(return_state=True)
    assert not world.equal()
    assert control_module.control("resume", return_state=True).is_failed(), "it must say which"
    found: Any = control_module.control("resume", maps=["Things"], return_state=True).result()
    assert [lane["was"] for lane in found["lanes"]] == ["Paused"]
    delta_module.delta_sync(return_state=True)
    assert world.equal()
    assert artifacts("control")


def test_a_plan_is_shown_and_writes_nothing(world: World) -> None:
    world.add_fno("A1", A="a")
    state = plan_module.plan(return_state=True)
    assert state.is_completed() and "1 new in Dataverse" in str(state.message)
    assert world.engine_writes() == 0
    assert artifacts("plan")


def test_the_example_map_is_what_the_tests_think() -> None:
    assert thing_map()["lookups"]["new_parent"]["cycle"] is True


def test_a_replay_tries_parked_rows_at_once(world: World) -> None:
    def refuse(column: str, value: Any) -> Any:
        if value == "bad":
            raise Refused(400, "0x80060891", "this value is not allowed")
        return value

    world.add_fno("A1", A="a")
    world.add_fno("A2", A="bad")
    world.dataverse_memory.normalize, allowed = refuse, world.dataverse_memory.normalize
    initial_module.initial_sync(return_state=True)
    with world.store.read() as stored:
        (parked,) = stored.parked(world.session.pair)
    world.dataverse_memory.normalize = allowed
    assert replay_module.replay(code="another", return_state=True).is_completed()
    assert not world.equal()
    state = replay_module.replay(ids=[parked.id], return_state=True)
    assert state.is_completed(), state.message
    assert world.equal()
    with world.store.read() as stored:
        assert stored.parked(world.session.pair) == []
        assert stored.runs(world.session.pair)[0].kind == "replay"
