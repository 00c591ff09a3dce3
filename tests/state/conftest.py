"""Both databases for every test. The tests of a run share one of each: a pair of environments keeps them apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tasks.state.leases import Lease
from tasks.state.store import Store

BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgres)]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_stores(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Store]]:
    """One store a database for the whole run, opened when a test first wants it."""
    stores: dict[str, Store] = {}

    def opened(database: str) -> Store:
        if database not in stores:
            if database == "sqlite":
                url = f"sqlite:///{tmp_path_factory.mktemp('state') / 'state.db'}"
            else:
                server = request.getfixturevalue("postgres_url")
                engine = create_engine(server, isolation_level="AUTOCOMMIT")
                with engine.connect() as connection:
                    connection.execute(text("CREATE DATABASE shared_state"))
                engine.dispose()
                url = make_url(server).set(database="shared_state").render_as_string(hide_password=False)
            stores[database] = Store.open(url)
        return stores[database]

    yield opened
    for store in stores.values():
        store.close()


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest, shared_stores: Callable[[str], Store]) -> Store:
    """A store on either database."""
    return shared_stores(request.param)


@pytest.fixture
def pair(store: Store) -> int:
    """A pair of environments that no other test uses."""
    return store.pair(f"fno-{next(_numbers)}", "dataverse")


@pytest.fixture
def lease(store: Store, pair: int) -> Lease:
    """A lease that lasts longer than the tests."""
    return store.acquire(pair, "lane:Customers:USMF", "this test", 3600)


@pytest.fixture(params=BOTH)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of empty databases."""
    if request.param == "postgresql":
        made: Callable[[], str] = request.getfixturevalue("postgres")
        return made
    return lambda: f"sqlite:///{tmp_path / f'{next(_numbers)}.db'}"


def url_of(store: Store) -> str:
    """URL of a store, for a second process."""
    return store._engine.url.render_as_string(hide_password=False)
