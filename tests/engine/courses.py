"""The courses that a scenario takes over one store or another, to be compared."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from tests.engine.chooser import Chooser
from tests.engine.hookedstore import HookedStore
from tests.engine.interleave import Played
from tests.engine.player import Player
from tests.engine.rest import Rest
from tests.engine.scenario import Scenario
from tests.engine.search import MOST_RUNS
from tests.engine.suites import Suite
from tests.engine.telling import told

SAMPLES = 1
"""Interleavings of each suite that are played again over the real store."""


def over_both_stores(suite: Suite) -> tuple[dict[str, Any], dict[str, Any]]:
    """What comes of samples of a suite, by their words: over the plain store, and over the real one on SQLite."""
    scenario = replace(suite.at(*suite.depths[-1]), edits=1)
    known = cycles(scenario)
    words = sorted(known)[:: max(1, len(known) // SAMPLES)][:SAMPLES]
    paths = [known[each] for each in words]
    real = replace(scenario, store=lambda clock: HookedStore.open("sqlite://", clock=clock))
    return courses(scenario, paths), courses(real, paths)


def cycles(scenario: Scenario) -> dict[str, list[list[int]]]:
    """The path of each interleaving of one cycle, by its words."""
    found = {}
    with Player(scenario) as player:
        path: list[list[int]] = []
        while True:
            played = Played(player, Chooser(path), player.start)
            played.cycle()
            found[str(played)] = [list(step) for step in path]
            if not Chooser.advance(path):
                return found


def courses(scenario: Scenario, paths: list[list[list[int]]]) -> dict[str, Any]:
    """What comes of these interleavings of one cycle, by their words."""
    found = {}
    with Player(scenario) as player:
        for path in paths:
            played = Played(player, Chooser(path), player.start)
            played.cycle()
            rests = played.settle(MOST_RUNS)
            found[str(played)] = _plain(told(player, rests))
    return found


def _plain(rest: Rest) -> dict[str, Any]:
    kept = {each.name: getattr(rest, each.name) for each in fields(rest)}
    return {name: value for name, value in kept.items() if name not in ("rules", "excused")}
