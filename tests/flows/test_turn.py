"""Turns: one delta run at a time, the next one takes over without a gap."""

from __future__ import annotations

import threading

import pytest

from flows.turn import turn
from tasks.state.leases import LeaseHeld
from tests.engine.world import World


def test_the_successor_asks_and_gets_the_turn() -> None:
    world = World()
    took: list[str] = []
    with turn(world.session, 0) as first:
        assert not first.wanted()
        successor = threading.Thread(target=lambda: _take(world, took))
        successor.start()
        for _ in range(500):
            if first.wanted():
                break
            threading.Event().wait(0.01)
        assert first.wanted() and took == []
    successor.join(10)
    assert took == ["second"]


def _take(world: World, took: list[str]) -> None:
    with turn(world.session, 10):
        took.append("second")


def test_a_run_that_does_not_let_go_is_waited_for_only_so_long() -> None:
    world = World()
    with turn(world.session, 0), pytest.raises(LeaseHeld), turn(world.session, 0):
        pass


def test_who_lost_the_lease_wants_no_more() -> None:
    world = World()
    with turn(world.session, 0) as ours:
        ours.lost = True
        assert ours.wanted()
