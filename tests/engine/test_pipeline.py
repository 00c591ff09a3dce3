"""Batches under way: what holds however late the state hears of the batches before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

import pytest

from tasks.sync.seams import Seams
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tests.engine.trade import Trade, customers_map
from tests.engine.world import SETTINGS

P = ParamSpec("P")
T = TypeVar("T")


class LateFuture(Future[T]):
    """Done when somebody waits for it, and not before."""

    def __init__(self, executor: LateExecutor) -> None:
        super().__init__()
        self.executor = executor

    def result(self, timeout: float | None = None) -> T:
        while not self.done():
            self.executor.step()
        return super().result(timeout)


class LateExecutor(Executor):
    """Works in order, but only on what somebody waits for: the opposite of one that works at once."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: LateFuture[T] = LateFuture(self)

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # handed to whoever asks for the result, as a pool would
                future.set_exception(error)

        self.queue.append(work)
        return future

    def step(self) -> None:
        self.queue.pop(0)()


def late(world: Trade, **settings: Any) -> None:
    """Let the world's engine work with such executors."""
    world.session = Session.open(
        Settings(**{**SETTINGS, "companies": "usmf,demf", "page_size": 50, **settings}),
        seams=Seams(now=world.clock, sleep=lambda _: None, executor=lambda _: LateExecutor()),
        catalogue=world.catalogue,
        fno=world.fno,
        dataverse=world.dataverse,
        store=world.store,
    )


@pytest.fixture
def world() -> Trade:
    """Customers whose F&O key has a part that the integration key lacks."""
    world = Trade(customers_map(fno={"key": ["dataAreaId", "Reference", "Account"]}))
    world.fno_memory.unique["Customers"] = ("dataAreaId", "Reference", "Account")
    late(world)
    return world


def names(world: Trade) -> list[Any]:
    return sorted(row.values["new_name"] for row in world.dataverse_memory.of("new_customers").values())


def test_many_batches_arrive_whole(world: Trade) -> None:
    for n in range(333):
        world.customer(f"C{n:03}", Name=f"name {n:03}")
    world.connect("Customers")
    assert names(world) == [f"name {n:03}" for n in range(333)]
    world.writes()
    world.sync("Customers")
    assert world.writes() == []


def test_two_rows_with_one_key_in_batches_under_way_at_once_make_no_twin(world: Trade) -> None:
    for n in range(120):
        world.customer(f"C{n:03}", Name=f"name {n:03}")
    # sorted by reference, this one comes in another batch than the first C000
    world.customer("c000 ", Name="twin", Reference="2")
    world.connect("Customers")
    assert names(world) == [f"name {n:03}" for n in range(120)]
    assert [code for _, code in world.parked()] == ["duplicate"]


def test_a_row_of_dataverse_is_paired_once_by_rows_of_two_batches(world: Trade) -> None:
    for n in range(120):
        world.customer(f"C{n:03}", Name=f"name {n:03}")
    world.customer("c000 ", Name="twin", Reference="2")
    there = world.contact("C000", name="there already")
    world.connect("Customers")
    assert names(world) == [f"name {n:03}" for n in range(120)]
    assert world.in_dataverse("C000").id == there.id  # type: ignore[union-attr]
    assert [code for _, code in world.parked()] == ["duplicate"]
