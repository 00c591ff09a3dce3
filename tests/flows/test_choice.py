"""What a run is asked for, and what it runs: by name, area and solution, with what that depends on or without."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flows import delta_sync as delta_module
from flows import initial_sync as initial_module
from tasks import entity
from tests.engine.memory import lookup
from tests.engine.world import DATAVERSE_THINGS, FNO_THINGS, World, thing_map

pytestmark = pytest.mark.prefect

NAMES = ("Sizes", "Parts", "Answers")
AREAS = {"Sizes": "Measures", "Parts": "Stock", "Answers": "Stock"}


def small_map(name: str) -> dict[str, Any]:
    """A map of two fields; a part has a size; answers come by events alone."""
    parts = name == "Parts"
    return thing_map(
        map=name,
        template=name,
        area=AREAS[name],
        solution="Mine" if parts else "Theirs",
        fno={"set": name, "entity": f"{name}Entity", "key": ["Code"], "unlisted": ["Code", "A", "Parent"]}
        | ({"feeds": ["data_events"]} if name == "Answers" else {}),
        dataverse={"table": f"new_{name.lower()}", "key": ["new_code"]},
        initial=name != "Answers",
        lookups={"new_parent": {"table": "new_sizes"}} if parts else {},
        fields=[{"fno": "Code", "dataverse": "new_code"}, {"fno": "A", "dataverse": "new_a"}]
        + ([{"fno": "Parent", "dataverse": "new_parent.new_code"}] if parts else []),
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, prefect_server: None) -> Iterator[World]:
    columns = dict(DATAVERSE_THINGS.columns) | {"new_parent": lookup("new_parent", "new_sizes_one")}
    made = World(
        [small_map(name) for name in NAMES],
        fno=[replace(FNO_THINGS, name=name) for name in NAMES],
        dataverse=[
            replace(
                DATAVERSE_THINGS,
                name=f"new_{name.lower()}",
                logical=f"new_{name.lower()}_one",
                columns=columns,
            )
            for name in NAMES
        ],
    )
    for module in (entity, initial_module, delta_module):
        monkeypatch.setattr(module, "shared_session", lambda: made.session)
    yield made


def initial(**parameters: Any) -> Any:
    return initial_module.initial_sync(return_state=True, **parameters)


def ran(state: Any) -> set[str]:
    assert state.is_completed(), state.message
    return {lane["map"] for lane in state.result()["lanes"]}


def test_an_area_runs_with_what_it_depends_on_and_without(world: World) -> None:
    assert ran(initial(areas=["stock"], related=False)) == {"Parts", "Answers"}
    assert ran(initial(areas=["Stock"])) == {"Parts", "Answers", "Sizes"}


def test_a_solution_and_names_beside_it(world: World) -> None:
    assert ran(initial(solutions=["Theirs"])) == {"Sizes", "Answers"}
    assert ran(initial(maps=["Sizes"], solutions=["Mine"], related=False)) == {"Parts", "Sizes"}


def test_a_map_that_events_carry_is_begun_without_being_read(world: World) -> None:
    world.fno_memory.create("Answers", {**world.fno.new("Answers"), "Code": "old"})
    assert ran(initial(maps=["Answers"])) == {"Answers"}
    assert world.engine_writes() == 0
    with world.session.store.read() as stored:
        assert stored.lane(world.session.pair, "Answers", "").initial == "done"


def test_an_area_that_there_is_not_ends_the_run_before_it_begins(world: World) -> None:
    for flow in (initial_module.initial_sync, delta_module.delta_sync):
        state = flow(areas=["Stok"], return_state=True)
        assert state.is_failed() and "did you mean “Stock”?" in str(state.message)
    with world.session.store.read() as stored:
        assert list(stored.runs(world.session.pair)) == []


def test_a_delta_carries_what_was_chosen_and_leaves_the_rest(world: World) -> None:
    initial()
    for name in ("Sizes", "Parts"):
        world.fno_memory.create(name, {**world.fno.new(name), "Code": "X", "A": "new"})

    def arrived() -> set[str]:
        return {name for name in ("Sizes", "Parts") if world.dataverse_memory.of(f"new_{name.lower()}")}

    def delta(**parameters: Any) -> set[str]:
        assert delta_module.delta_sync(return_state=True, **parameters).is_completed()
        return arrived()

    assert delta(maps=["Sizes"], solutions=["Theirs"]) == {"Sizes"}
    assert delta(areas=["Measures"]) == {"Sizes"}
    assert delta(areas=["Stock"], related=False) == {"Sizes", "Parts"}


def test_a_delta_takes_what_the_chosen_maps_depend_on_along(world: World) -> None:
    initial()
    world.fno_memory.create("Sizes", {**world.fno.new("Sizes"), "Code": "L"})
    world.fno_memory.create("Parts", {**world.fno.new("Parts"), "Code": "P", "Parent": "L"})
    assert delta_module.delta_sync(maps=["Parts"], return_state=True).is_completed()
    (part,) = world.dataverse_memory.of("new_parts").values()
    (size,) = world.dataverse_memory.of("new_sizes")
    assert part.values["new_parent"] == size


def test_both_flows_have_the_same_choice_with_a_word_on_each(prefect_server: None) -> None:
    """The UI makes its form of these."""
    for flow in (initial_module.initial_sync, delta_module.delta_sync):
        shown = flow.parameters.properties
        assert {"maps", "areas", "solutions", "companies", "related"} <= set(shown)
        assert all(shown[name].get("description") for name in inspect.signature(flow.fn).parameters)
