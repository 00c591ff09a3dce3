"""Every interleaving of users' edits, crashes and lost answers with the engine's steps, in a world of one row and a neighbour.

What is covered: one row with two fields and a neighbour that must stay as it is; once with a parent that comes late, brought over
by another lane in the midst of the row's own work, and once under a map whose field pairs change their order meanwhile. Edits of
either field on either side, deletes and recreates, before every request that the engine makes to that side in its first two runs
(one more a crash), in every order;
crashes after every transaction of the state and every write; writes that are done without an answer, not done, or sent again.
Up to three edits, or two with a crash or a lost answer. Both one-way and two-way conflicts' policies, services that normalize,
services that answer without the row, and first connections from each start. After each interleaving the engine runs alone until
nothing moves (at most four times), and `invariants` says what must hold.

`SMALL_SCOPE=soak` adds the deeper ones (up to four edits, or two crashes), about ten times as many.

The engine is the production one over a store of plain dictionaries. Samples of every suite are played again over the real store on
SQLite, and must take the same course to the same end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.engine.hookedstore import HookedStore
from tests.engine.interleave import SETS, SIDES, Played, Player, Scenario, explore
from tests.engine.invariants import broken
from tests.engine.parents import REFERENCE
from tests.engine.suites import SUITES

SOAK = os.environ.get("SMALL_SCOPE") == "soak"
SCENARIOS = [scenario for suite in SUITES for scenario in suite.scenarios(SOAK)]
SAMPLES = 5
"""Interleavings of each scenario that are played again over the real store."""

counted: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _summary(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if capture is not None and counted:
        with capture.global_and_fixture_disabled():
            print(f"\nsmall scope: {sum(counted.values())} interleavings in {len(counted)} scenarios")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_interleaving(scenario: Scenario) -> None:
    played, found = explore(scenario, broken)
    assert not found, str(found[0])
    assert played > 10
    counted[scenario.name] = played


# the same over the real store


def anonymous(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row without ids, which are drawn; of a reference only whether there is one."""
    return {
        name: bool(value) if name == REFERENCE["dataverse"].name else value
        for name, value in values.items()
        if not name.endswith("id")
    }


def course(one: Played) -> dict[str, Any]:
    """What came of an interleaving, without ids and times."""
    player = one.player
    with player.store.read() as state:
        pair = player.world.session.pair
        conflicts = [r for r in state.conflicts(pair) if r.id not in player.recorded]
        return {
            "words": one.words,
            "trouble": one.trouble,
            "rows": {
                side: sorted(
                    [
                        sorted(anonymous(row.values).items(), key=str)
                        for row in player.memory(side).of(SETS[side]).values()
                    ],
                    key=str,
                )
                for side in SIDES
            },
            "writes": {
                side: [(write.kind, anonymous(write.values)) for write in writes]
                for side, writes in one.writes.items()
            },
            "conflicts": [(r.key, r.kind, list(r.fields), r.winner, r.status) for r in reversed(conflicts)],
            "parked": [(r.key, r.kind, r.code) for r in state.parked(pair)],
            "links": [
                (link.key, link.state, link.base_dataverse is None, link.intent_fno, link.intent_dataverse)
                for link in state.iterate_links(pair, "Rows", "", 0, 10)
            ],
            "inbox": state.count_inbox(pair),
        }


@pytest.mark.parametrize(
    "scenario",
    [s for suite in SUITES for s in list(suite.scenarios())[-1:]],
    ids=lambda scenario: scenario.name,
)
def test_the_real_store_takes_the_same_course(scenario: Scenario) -> None:
    taken: list[tuple[list[list[int]], dict[str, Any]]] = []

    def watch(path: list[list[int]], one: Played) -> None:
        taken.append(([list(step) for step in path], course(one)))

    explore(replace(scenario, cycles=1), lambda _: [], watch=watch)
    real = Player(replace(scenario, cycles=1, store=lambda: HookedStore.open("sqlite://")))
    try:
        for path, expected in taken[:: max(1, len(taken) // SAMPLES)][:SAMPLES]:
            assert course(real.play(path)) == expected
    finally:
        real.store.close()
