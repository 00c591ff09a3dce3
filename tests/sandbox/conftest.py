"""Fixtures of the sandbox's own tests."""

from __future__ import annotations

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, Fno
from tests.sandbox.receiver import receiver

__all__ = ["receiver"]


@pytest.fixture
def dataverse(services: Services) -> Dataverse:
    return Dataverse(services)


@pytest.fixture
def fno(services: Services) -> Fno:
    return Fno(services)
