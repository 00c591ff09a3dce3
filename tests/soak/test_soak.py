"""The soak, a short one: random steps over both systems and the engine, each episode judged at rest; and a few runs killed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installation import Sides
from tests.integration.test_crashes import forget_leases
from tests.local_services import Services, start
from tests.soak.kills import LEASE, connected, killed
from tests.soak.run import play
from tests.soak.world import World

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("SOAK_SEED", "4"))
STEPS = 2000


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    services = start(tmp_path_factory.mktemp("soak"))
    yield services
    services.stop()


def test_whatever_users_do_and_whatever_fails_both_sides_end_equal(sandbox: Services) -> None:
    world = World(sandbox)
    outcome = play(world, SEED, STEPS)
    world.close()
    after = "\n".join([*outcome.wrong, "after:", *outcome.course, *map(str, outcome.plan)])
    assert not outcome.wrong, (
        f"seed {SEED} (again: .venv/bin/python -m tests.soak --seed {SEED} --steps {STEPS}): {after}"
    )
    assert outcome.steps >= STEPS


def test_runs_killed_under_load_lose_and_double_nothing(sandbox: Services, tmp_path: Path) -> None:
    sandbox.reset()
    sides = Sides(sandbox)
    installation = connected(sandbox, sides, tmp_path, LEASE)
    wrong = killed(
        sandbox,
        installation,
        3,
        random.Random(SEED).randrange(1000),
        longest=1.5,
        between=lambda: forget_leases(installation),
    )
    installation.close()
    sides.close()
    assert wrong == []
