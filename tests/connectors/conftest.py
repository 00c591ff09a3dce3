"""Sides against the awkward server, with time that only moves when somebody sleeps."""

from __future__ import annotations

import time as real_time
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.connectors.credentials import client_secret
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tests.connectors.awkward_server import AwkwardServer
from tests.credentials import application
from tests.local_services import Services


class Time:
    """A clock that nothing but `sleep` moves; the sleeps are on record."""

    def __init__(self) -> None:
        # tokens end by the real clock
        self.now = float(int(real_time.time()))
        self.sleeps: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwkwardServer]:
    server = AwkwardServer(tmp_path_factory.mktemp("awkward"))
    yield server
    server.close()


@pytest.fixture
def server(running: AwkwardServer) -> AwkwardServer:
    """The awkward server with an empty script."""
    running.reset()
    return running


def credential_of(server: AwkwardServer, secret: str = "s3cret-value") -> Any:
    return client_secret("tenant", "client-1", secret, server.url, str(server.ca_file))


@pytest.fixture
def fno(server: AwkwardServer, time: Time) -> Iterator[FnoSide]:
    side = FnoSide(
        server.url,
        credential_of(server),
        verify=str(server.ca_file),
        clock=time.clock,
        sleep=time.sleep,
        random=lambda: 0.5,
    )
    yield side
    side.close()


@pytest.fixture
def dataverse(server: AwkwardServer, time: Time) -> Iterator[DataverseSide]:
    side = DataverseSide(
        server.url,
        credential_of(server),
        verify=str(server.ca_file),
        clock=time.clock,
        sleep=time.sleep,
        random=lambda: 0.5,
    )
    yield side
    side.close()


def sandbox_options(services: Services) -> tuple[Any, dict[str, Any]]:
    """Our credential in a sandbox, and the options with which sides trust it."""
    credential = application(services)
    # waits are real time lost: none of these tests is about their length
    return credential, {"verify": services.ca_bundle, "sleep": lambda seconds: None}


def fno_side(services: Services, **options: Any) -> FnoSide:
    credential, usual = sandbox_options(services)
    return FnoSide(services.fno_url, credential, **{**usual, **options})


def dataverse_side(services: Services, **options: Any) -> DataverseSide:
    credential, usual = sandbox_options(services)
    return DataverseSide(services.dataverse_url, credential, **{**usual, **options})
