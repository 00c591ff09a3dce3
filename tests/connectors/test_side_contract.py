"""Both real sides, against the sandbox over TLS, pass the suite that every side passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.conftest import dataverse_side, fno_side
from tests.connectors.side_contract import SideContract, Subject
from tests.local_services import Services


@pytest.fixture(scope="module")
def emptied(running_services: Services) -> Services:
    """The sandbox, emptied once: tests of the suite stay out of each other's way."""
    running_services.reset()
    return running_services


class TestFno(SideContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def subject(emptied: Services) -> Iterator[Subject]:
        side = fno_side(emptied)
        yield Subject(side, "ExchangeRateTypes", "Name", "Description")
        side.close()


class TestDataverse(SideContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def subject(emptied: Services) -> Iterator[Subject]:
        side = dataverse_side(emptied)
        yield Subject(side, "msdyn_exchangeratetypes", "msdyn_name", "msdyn_description")
        side.close()
