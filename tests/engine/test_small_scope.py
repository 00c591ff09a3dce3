"""Every interleaving of users' edits, crashes and lost answers with the engine's steps, in worlds of a few rows.

What is covered: see `suites`. Edits of any field on either side, deletes and recreates, before every request that the engine makes
about the row in its first two runs (one more a crash), in every order; crashes after every transaction of the state and every
write; writes that are done without an answer, not done, or sent again. Up to three edits and two crashes. After each interleaving
the engine runs alone until nothing moves (at most five times, the last of which moves nothing), and `invariants` says what must
hold. `python -m tests.engine.small_scope --all` plays the deeper ones.

The engine is the production one over a store of plain dictionaries. Samples of every suite are played again over the real store on
SQLite, and must take the same course to the same end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from tests.engine.hookedstore import HookedStore
from tests.engine.interleave import Chooser, Played
from tests.engine.invariants import broken
from tests.engine.player import Player
from tests.engine.rest import Rest
from tests.engine.scenario import Scenario
from tests.engine.search import MOST_RUNS, Searched, search
from tests.engine.suites import SUITES
from tests.engine.telling import told

SCENARIOS = [scenario for suite in SUITES for scenario in suite.scenarios()]
SAMPLES = 1
"""Interleavings of each suite that are played again over the real store."""

pytestmark = pytest.mark.slow

counted: dict[str, Searched] = {}


@pytest.fixture(scope="module", autouse=True)
def _summary(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if capture is not None and counted:
        total = sum(each.interleavings for each in counted.values())
        with capture.global_and_fixture_disabled():
            print(f"\nsmall scope: {total} interleavings in {len(counted)} scenarios")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_interleaving(scenario: Scenario) -> None:
    searched = search(scenario, broken)
    assert not searched.found, str(searched.found[0])
    assert searched.interleavings > 10 and searched.ends > 5
    counted[scenario.name] = searched


# the same over the real store


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


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.scenario.name)
def test_the_real_store_takes_the_same_course(suite: Any) -> None:
    scenario = replace(suite.at(*suite.depths[-1]), edits=1)
    known = cycles(scenario)
    words = sorted(known)[:: max(1, len(known) // SAMPLES)][:SAMPLES]
    paths = [known[each] for each in words]
    real = replace(scenario, store=lambda clock: HookedStore.open("sqlite://", clock=clock))
    found = courses(real, paths)
    assert list(found) == words and found == courses(scenario, paths)
