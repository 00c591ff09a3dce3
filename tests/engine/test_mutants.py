"""The checks are checked: each safeguard of the engine, taken out, must be noticed.

Where the small-scope check can see a mutant, the scenario that does is played until its first broken invariant; the fence of the
state, for which one process is not enough, has a check of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.state.store import Store
from tests.engine.invariants import broken
from tests.engine.mutants import MUTANTS
from tests.engine.rest import Rest
from tests.engine.search import Found, search
from tests.engine.suites import SUITES
from tests.state.fencing import nobody_takes_over_between_check_and_write

SCENARIOS = {suite.scenario.name: suite for suite in SUITES}


LOSSES = ("I1", "I2", "I3", "I4", "I6", "I7")
"""Invariants about values and rows; how writes are counted and asked for doesn't prove a loss."""


def first_broken(name: str, depth: tuple[int, int, int]) -> Found | None:
    """The first interleaving of a suite after which a value or a row is not as it should be."""

    def check(rest: Rest) -> list[str]:
        return [each for each in broken(rest) if each.startswith(LOSSES)]

    found = search(SCENARIOS[name].at(*depth), check).found
    return found[0] if found else None


NOTICED: dict[str, tuple[str, tuple[int, int, int]]] = {
    "no_version_on_update": ("concurrent edits", (2, 0, 0)),
    "no_version_on_delete": ("deletes and recreates", (2, 0, 0)),
    "no_intent": ("there and back", (2, 1, 0)),
    "one_base": ("normalizing both", (2, 0, 0)),
    "sending_back": ("normalizing Dataverse", (1, 0, 0)),
    "upsert": ("deletes and recreates", (2, 0, 0)),
    "record_before_write": ("concurrent edits", (1, 1, 0)),
    "half_links_delete": ("first connection, Dataverse has it", (1, 1, 0)),
    "no_conflict_record_before_the_write": ("concurrent edits", (2, 1, 0)),
    "versions_settle_nothing": ("there and back", (2, 0, 1)),
    "reads_are_ours": ("answers without the row", (2, 0, 0)),
    "identity_does_not_matter": ("recreated as it was", (2, 1, 0)),
    "delete_by_feed_entry": ("recreated as it was", (2, 0, 0)),
    "release_by_call": ("a parent that comes late, Dataverse has the row", (2, 0, 0)),
    "digests_without_layout": ("another order of field pairs", (1, 0, 0)),
}


@pytest.mark.parametrize("mutant", NOTICED)
def test_the_small_scope_check_notices(mutant: str) -> None:
    suite, depth = NOTICED[mutant]
    with MUTANTS[mutant]():
        assert first_broken(suite, depth) is not None


def test_every_mutant_is_noticed_somewhere() -> None:
    assert {*NOTICED, "epoch_by_select"} == set(MUTANTS)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_the_lease_check_notices(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = (
        request.getfixturevalue("postgres")()
        if database == "postgresql"
        else f"sqlite:///{tmp_path}/state.db"
    )
    with Store.open(url) as store:
        pair = store.pair("fno", "dataverse")
        nobody_takes_over_between_check_and_write(store, pair)
        with MUTANTS["epoch_by_select"](), pytest.raises(AssertionError, match="stale"):
            nobody_takes_over_between_check_and_write(store, pair)
