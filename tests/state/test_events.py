"""Events wait until they are routed; a row told again meanwhile stays, and the state's tables follow on an old database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alembic import command
from alembic.config import Config

from tasks.state import schema
from tasks.state.database import WRITER, connect, parse_url
from tasks.state.leases import Lease
from tasks.state.records import Event
from tasks.state.store import Store
from tests.state.samples import NOON

SET = "CustomerGroups"


def event(pair: int, row: str, **changes: object) -> Event:
    return replace(Event(pair, "fno", SET, row), **changes)  # type: ignore[arg-type]


def test_a_row_is_listed_once_and_the_last_word_counts(store: Store, pair: int) -> None:
    keys = {"dataAreaId": "usmf", "CustomerGroupId": "10"}
    with store.unfenced() as tx:
        tx.put_events([event(pair, "a", keys=keys, noted_at=NOON), event(pair, "b", noted_at=NOON)])
        tx.put_events([event(pair, "b"), event(pair, "b", kind="delete")])
        tx.put_events([])
    with store.read() as state:
        first, second = state.take_events(pair, "fno", SET, 10)
        assert (first.row, first.kind, first.keys, first.noted_at) == ("a", "upsert", keys, NOON)
        assert (second.row, second.kind, second.keys) == ("b", "delete", None)
        assert [each.row for each in state.take_events(pair, "fno", SET, 1)] == ["a"]
        assert state.tables_with_events(pair) == {("fno", SET): (2, NOON)}


def test_a_row_told_again_while_it_is_routed_stays(store: Store, pair: int, lease: Lease) -> None:
    with store.unfenced() as tx:
        tx.put_events([event(pair, "a"), event(pair, "b")])
    with store.read() as state:
        taken = state.take_events(pair, "fno", SET, 10)
    with store.unfenced() as tx:
        tx.put_events([event(pair, "a")])
    with store.transaction(lease) as tx:
        tx.drop_events(taken)
    with store.read() as state:
        assert [each.row for each in state.take_events(pair, "fno", SET, 10)] == ["a"]


def test_tables_and_pairs_keep_theirs(store: Store, pair: int) -> None:
    other = store.pair(f"beside {pair}", "dataverse")
    with store.unfenced() as tx:
        tx.put_events(
            [event(pair, "a"), event(pair, "a", side="dataverse", table="accounts"), event(other, "a")]
        )
    with store.read() as state:
        assert set(state.tables_with_events(pair)) == {("fno", SET), ("dataverse", "accounts")}
        assert len(state.take_events(pair, "dataverse", "accounts", 10)) == 1
        assert set(state.tables_with_events(other)) == {("fno", SET)}


def test_a_state_of_the_version_before_is_brought_up_to_date(new_url: Callable[[], str]) -> None:
    url = new_url()
    engine = connect(parse_url(url))
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.connect().execution_options(**WRITER) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with Store.open(url) as store:
        pair = store.pair("fno", "dataverse")
        with store.unfenced() as tx:
            tx.put_events([event(pair, "a")])
        with store.read() as state:
            assert state.tables_with_events(pair).keys() == {("fno", SET)}
