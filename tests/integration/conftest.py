"""The engine beside the sandbox: one sandbox process and one pair of clients for all tests, a state for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tests import states
from tests.integration.customers import Customers
from tests.integration.feeding import Fed, Feeding
from tests.integration.installation import Installation, Sides, core_catalogue, failed
from tests.integration.trading import reference_data
from tests.integration.worker import Workers
from tests.local_services import Services

Install = Callable[..., Installation]
Build = Callable[[Installation], None]
Prepare = Callable[..., Installation]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return core_catalogue()


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
    """Make installations; each has a state of its own unless told which, and the shipped maps unless told others."""
    made: list[Installation] = []

    def make(**options: Any) -> Installation:
        url = options.pop("state_url", None) or states.at(tmp_path / f"state-{len(made)}.db")
        maps = options.pop("catalogue", catalogue)
        made.append(Installation(services, sides, maps, url, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def state_url(request: pytest.FixtureRequest) -> str | None:
    """Where a state is, for tests that run `on_both_databases`; None leaves it to the installation: a SQLite file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    create: Callable[[], str] = request.getfixturevalue("postgres")
    return create()


on_both_databases = pytest.mark.parametrize("state_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def prepared_states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of states that a test left for others to start from."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def prepare(services: Services, install: Install, prepared_states: Path, tmp_path: Path) -> Prepare:
    """Make installations over systems that were filled before: built once a run, then taken from a snapshot.

    `prepare(build, **options)`: `build` fills both systems and runs what has to have run; it is told apart by its name.
    """

    def make(build: Build, **options: Any) -> Installation:
        kept = prepared_states / f"{build.__module__}.{build.__name__}.db"
        if not kept.exists():
            built = install(**options)
            build(built)
            copy_state(Path(built.settings.state_url.removeprefix("sqlite:///")), kept)
            services.snapshot(kept.stem)
        services.restore(kept.stem)
        copy_state(kept, tmp_path / "prepared.db")
        installation = install(state_url=f"sqlite:///{tmp_path}/prepared.db", **options)
        installation.forget_writes()
        return installation

    return make


def copy_state(source: Path, target: Path) -> None:
    """Copy a SQLite state, with what still stands in its log."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@pytest.fixture
def ours(services: Services) -> Customers:
    """The customers of one company on both sides, and what users do with them."""
    return Customers(services)


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Processes that sync and are killed on the way."""
    found = Workers()
    yield found
    found.close()


@pytest.fixture(scope="session")
def whole() -> Catalogue:
    """All shipped maps."""
    return Catalogue.load()


@pytest.fixture
def connect(install: Install, whole: Catalogue) -> Callable[..., Installation]:
    """Run maps with all that they need, in one company, until nothing is left open."""

    def run(*names: str) -> Installation:
        needed = whole.related(names, deferred=True)
        installation = install(catalogue=whole, maps=needed, companies=("usmf",))
        assert not failed(installation.initial())
        return installation

    return run


@pytest.fixture
def trade(services: Services) -> Services:
    """Both services, with the reference data of a company in F&O."""
    reference_data(services, ["usmf"])
    return services


@pytest.fixture
def fed(services: Services, sides: Sides, catalogue: Catalogue, tmp_path: Path) -> Iterator[Feeding]:
    """Make installations for tests of F&O's feeds, at rest, with a state of their own; `alone` with clients of their own."""
    opened: list[Installation | Sides] = []

    def make(companies: Sequence[str] = ("usmf",), *, alone: bool = False, **options: Any) -> Fed:
        clients = Sides(services) if alone else sides
        url = states.at(tmp_path / f"feeds-{len(opened)}.db")
        found = Fed(
            services, clients, options.pop("catalogue", catalogue), url, companies=companies, **options
        )
        opened.extend([found.installation, clients] if alone else [found.installation])
        return found

    yield make
    for each in opened:
        each.close()
