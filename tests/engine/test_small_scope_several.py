"""The same as `test_small_scope` for rows that refer to each other, renames, filters and deletes as the maps have them."""

from __future__ import annotations

import pytest

from tests.engine.courses import over_both_stores
from tests.engine.invariants import broken
from tests.engine.scenario import Scenario
from tests.engine.search import search
from tests.engine.suites import SEVERAL, Suite

SCENARIOS = [scenario for suite in SEVERAL for scenario in suite.scenarios()]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_interleaving(scenario: Scenario) -> None:
    searched = search(scenario, broken)
    assert not searched.found, str(searched.found[0])
    assert searched.interleavings > 10 and searched.ends > 5


@pytest.mark.parametrize("suite", SEVERAL, ids=lambda suite: suite.scenario.name)
def test_the_real_store_takes_the_same_course(suite: Suite) -> None:
    plain, real = over_both_stores(suite)
    assert plain and real == plain
