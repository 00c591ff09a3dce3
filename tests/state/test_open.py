"""Opening: the tables come by migration, whoever opens first; what can't be opened says why and what to do."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text

from mappings.errors import FatalError, RetriableError
from tasks.state import database, schema
from tasks.state.models import SQLITE_ONLY, metadata
from tasks.state.records import InboxEntry
from tasks.state.store import Store
from tests.state.samples import COMPANY, MAP, NOON, link


def test_the_migrations_make_the_models(new_url: Callable[[], str]) -> None:
    with Store.open(new_url()) as store, store._engine.connect() as connection:
        here = connection.dialect.name

        def runs_here(item: object, name: object, kind: str, reflected: bool, other: object) -> bool:
            info: dict[str, str] = getattr(item, "info", {})
            return kind != "table" or info.get("dialect", here) == here

        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": runs_here}
        )
        differences = compare_metadata(context, metadata)
        assert [one for one in differences if "alembic_version" not in str(one)] == []
        names = set(inspect(connection).get_table_names())
    assert names - {"alembic_version"} == {
        name for name, table in metadata.tables.items() if here == "sqlite" or table.info != SQLITE_ONLY
    }


def test_the_known_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_every_table_names_its_pair_of_environments() -> None:
    without = {name for name, table in metadata.tables.items() if "pair" not in table.c and name != "pair"}
    assert without == {"installation", "counter"}


def test_reopening_keeps_everything_and_needs_no_alembic(new_url: Callable[[], str]) -> None:
    url = new_url()
    with Store.open(url) as store:
        pair = store.pair("f", "d")
        secret = store.secret(pair)
        lease = store.acquire(pair, "lane", "run", 60)
        with store.transaction(lease) as tx:
            tx.insert_links([link(pair, 1)])
    with Store.open(url) as store:
        assert (store.pair("f", "d"), store.secret(pair)) == (pair, secret)
        with store.read() as state:
            assert state.count_links(pair, MAP, COMPANY) == 1
    program = (
        "import sys; from tasks.state.store import Store; Store.open(sys.argv[1]).close();"
        " sys.exit('alembic' in sys.modules or 'prefect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, url]).returncode == 0


def test_a_state_of_a_newer_version_is_refused(new_url: Callable[[], str]) -> None:
    url = new_url()
    with Store.open(url) as store, store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(FatalError, match=r"newer version of Dualflow \(schema 9999.*update Dualflow"):
        Store.open(url)


def test_processes_that_open_an_empty_state_at_once_agree(new_url: Callable[[], str]) -> None:
    url = new_url()
    command = [sys.executable, "-m", "tests.state.worker", "open", url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(set(said)) == 1


def test_each_pair_has_a_key_of_its_own(store: Store) -> None:
    one, other = store.pair("f1", "d1"), store.pair("f1", "d2")
    assert one != other
    assert store.pair("f1", "d1") == one
    assert store.pairs()[other] == ("f1", "d2")
    assert store.secret(one) == store.secret(one) != store.secret(other)
    assert len(store.secret(one).encode()) == 16
    assert store.secret(one).isalnum()


def test_another_host_is_refused_on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    Store.open(url, host="alpha").close()
    Store.open(url, host="alpha").close()
    with pytest.raises(
        FatalError, match=r"belongs to the machine 'alpha', and this is 'beta'.*PostgreSQL"
    ) as caught:
        Store.open(url, host="beta")
    assert "DUALFLOW_STATE_HOST=alpha" in caught.value.remedy
    monkeypatch.setenv("DUALFLOW_STATE_HOST", "alpha")  # the machine was renamed
    Store.open(url).close()


@pytest.mark.postgres
def test_postgresql_serves_many_hosts(postgres: Callable[[], str]) -> None:
    url = postgres()
    Store.open(url, host="alpha").close()
    Store.open(url, host="beta").close()


def test_the_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "state.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.pair("f", "d")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense", "oracle://u:secret@h/d", ""])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(FatalError, match="DUALFLOW_STATE_URL") as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FatalError, match=r"file/state.db can't be opened.*writable"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'state.db'}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("something else " * 100)
    with pytest.raises(FatalError, match=r"state.db can't be opened: file is not a database"):
        Store.open(f"sqlite:///{tmp_path / 'state.db'}")


def test_a_server_that_does_not_answer_is_a_fatal_error_without_the_password() -> None:
    with pytest.raises(FatalError, match="check that PostgreSQL runs") as caught:
        Store.open("postgresql://user:secret@127.0.0.1:1/state?connect_timeout=2")
    assert "secret" not in str(caught.value)


def test_a_busy_file_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with Store.open(url) as store, sqlite3.connect(tmp_path / "state.db", isolation_level=None) as other:
        pair = store.pair("f", "d")
        lease = store.acquire(pair, "lane", "run", 60)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetriableError, match=r"busy.*PostgreSQL"), store.transaction(lease):
            pass
        with store.read() as state:
            assert state.count_inbox(pair) == 0  # readers go on
        other.execute("ROLLBACK")
        with store.transaction(lease) as tx:
            tx.put_inbox([InboxEntry(pair, MAP, COMPANY, "fno", "a")])


@pytest.mark.postgres
def test_a_lost_connection_can_be_tried_again(postgres: Callable[[], str]) -> None:
    with Store.open(postgres()) as store:
        pair = store.pair("f", "d")
        lease = store.acquire(pair, "lane", "run", 60)
        with pytest.raises(RetriableError, match="failed"), store.transaction(lease) as tx:
            tx.put_inbox([InboxEntry(pair, MAP, COMPANY, "fno", "a")])
            with store._engine.connect() as other:
                other.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE state = 'idle in transaction' AND datname = current_database()"
                    )
                )
            tx.put_inbox([InboxEntry(pair, MAP, COMPANY, "fno", "b")])
        with store.read() as state:
            assert state.count_inbox(pair) == 0
        with store.transaction(lease) as tx:
            tx.put_inbox([InboxEntry(pair, MAP, COMPANY, "fno", "a")])


def test_in_memory() -> None:
    with Store.open("sqlite://") as store, Store.open("sqlite://") as other:
        pair = store.pair("f", "d")
        lease = store.acquire(pair, "lane", "run", 60)
        with store.transaction(lease) as tx:
            tx.put_inbox([InboxEntry(pair, MAP, COMPANY, "fno", "a", noted_at=NOON)])
            with store.read() as state:
                assert state.count_inbox(pair) == 1  # one connection: a read inside sees what was written
        counts: list[int] = []

        def look() -> None:
            with store.read() as state:
                counts.append(state.count_inbox(pair))

        thread = Thread(target=look)
        thread.start()
        thread.join()
        assert counts == [1]
        assert other.pairs() == {}


def test_a_read_is_a_snapshot(store: Store, pair: int) -> None:
    lease = store.acquire(pair, "lane", "run", 60)
    with store.read() as state:
        assert state.count_inbox(pair) == 0
        with store.transaction(lease) as tx:
            tx.put_inbox([InboxEntry(pair, MAP, COMPANY, "fno", "a")])
        assert state.count_inbox(pair) == 0
    with store.read() as state:
        assert state.count_inbox(pair) == 1


def test_questions_about_rows_go_through_an_index(tmp_path: Path) -> None:
    """Tables that grow with the rows are never read whole by what runs for every batch."""
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as store:
        pair = store.pair("f", "d")
        lease = store.acquire(pair, "lane", "run", 600)
        with store.transaction(lease) as tx:
            tx.insert_links([link(pair, n) for n in range(5)])
        plans: list[tuple[str, str]] = []

        def explain(connection: object, cursor: object, statement: str, values: object, *_: object) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                raw = store._engine.raw_connection()
                for row in raw.cursor().execute("EXPLAIN QUERY PLAN " + statement, values).fetchall():  # type: ignore[arg-type]
                    plans.append((statement, row[3]))
                raw.close()

        event.listen(store._engine, "before_cursor_execute", explain)
        lane = (pair, MAP, COMPANY)
        with store.read() as state:
            state.links_by_key(*lane, ["k"])
            state.links_by_id(*lane, ["k"])
            state.links_by_fno_row(*lane, ["k"])
            state.links_of([1])
            state.iterate_links(*lane, 2, 10)
            state.parents_by_key(pair, "accounts", COMPANY, ["k"])
            state.parents_by_dataverse_id(pair, "accounts", ["k"])
            state.count_links(*lane, "paired")
            state.releasable(*lane)
            state.take_inbox(*lane, 10)
            state.due_parked(*lane, NOON)
            state.sightings_by_key(*lane, "fno", ["k"])
            state.sightings_by_row(*lane, "fno", ["k"])
            state.sightings_by_match(*lane, "fno", 0, ["k"])
            state.iterate_sightings(*lane, "fno", after=3)
        assert len(plans) > 20
        growing = ("link", "sighting", "sighting_match", "inbox", "parked", "waiting")
        assert [
            plan for plan in plans if plan[1].split(" USING ")[0] in {f"SCAN {name}" for name in growing}
        ] == []
        assert [plan for plan in plans if "ix_link_scope_id_state_id (scope_id=?)" in plan[1]] == []
