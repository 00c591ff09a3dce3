"""The engine beside the sandbox: one sandbox process and one pair of clients for all tests, a state for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tests.integration.installation import Installation, Sides
from tests.local_services import Services

Install = Callable[..., Installation]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture(scope="session")
def running_sides(running_services: Services) -> Iterator[Sides]:
    sides = Sides(running_services)
    yield sides
    sides.close()


@pytest.fixture
def sides(running_sides: Sides) -> Sides:
    running_sides.slept.clear()
    return running_sides


@pytest.fixture
def install(services: Services, sides: Sides, catalogue: Catalogue, tmp_path: Path) -> Iterator[Install]:
    """Make installations; each has a state of its own unless told which."""
    made: list[Installation] = []

    def make(**options: Any) -> Installation:
        url = options.pop("state_url", None) or f"sqlite:///{tmp_path}/state-{len(made)}.db"
        made.append(Installation(services, sides, catalogue, url, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
