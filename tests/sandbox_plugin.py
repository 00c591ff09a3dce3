"""Fixtures that give tests a running sandbox; registered for all tests by `tests/conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_services import Services, start


@pytest.fixture(scope="session")
def running_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One sandbox process for the whole run (one a worker); use `services` instead."""
    services = start(tmp_path_factory.mktemp("sandbox"))
    yield services
    services.stop()


@pytest.fixture
def services(running_services: Services) -> Services:
    """A running sandbox, both systems empty, all switches at their defaults."""
    running_services.reset()
    return running_services
