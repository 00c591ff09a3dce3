"""Every interleaving of users' edits, crashes and lost answers with the engine's steps, in worlds of a few rows.

What is covered: see `suites`; here one row, in `test_small_scope_several` several of them and what maps may say. Edits of any field
on either side, deletes and recreates, before every request that the engine makes about the row in its first two runs (one more a
crash), in every order; crashes after every transaction of the state and every write; writes that are done without an answer, not
done, or sent again. Up to three edits and two crashes. After each interleaving the engine runs alone until nothing moves (at most
five times, the last of which moves nothing), and `invariants` says what must hold. `python -m tests.engine.small_scope --all` plays
the deeper ones and counts them.

The engine is the production one over a store of plain dictionaries. Samples of every suite are played again over the real store on
SQLite, and must take the same course to the same end.
"""

from __future__ import annotations

import pytest

from tests.engine.courses import over_both_stores
from tests.engine.invariants import broken
from tests.engine.scenario import Scenario
from tests.engine.search import search
from tests.engine.suites import ONE_ROW, Suite

SCENARIOS = [scenario for suite in ONE_ROW for scenario in suite.scenarios()]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_interleaving(scenario: Scenario) -> None:
    searched = search(scenario, broken)
    assert not searched.found, str(searched.found[0])
    assert searched.interleavings > 10 and searched.ends > 5


@pytest.mark.parametrize("suite", ONE_ROW, ids=lambda suite: suite.scenario.name)
def test_the_real_store_takes_the_same_course(suite: Suite) -> None:
    plain, real = over_both_stores(suite)
    assert plain and real == plain
