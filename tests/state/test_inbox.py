"""The inbox: a row named again while it is worked on is worked again; names and token are stored together or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.state.leases import Lease
from tasks.state.records import Cursor, InboxEntry
from tasks.state.store import Store
from tests.state.samples import COMPANY, MAP, NOON


def entry(pair: int, row: str, **changes: object) -> InboxEntry:
    return replace(InboxEntry(pair, MAP, COMPANY, "dataverse", row), **changes)  # type: ignore[arg-type]


def test_entries_come_in_the_order_of_their_notice(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_inbox([entry(pair, row) for row in "cab"])
        tx.put_inbox(
            [entry(pair, "x", side="fno", kind="delete", noted_at=NOON), entry(pair, "y", company="DEMF")]
        )
    with store.read() as state:
        rows = state.take_inbox(pair, MAP, COMPANY, 10)
        assert [one.row for one in rows] == ["c", "a", "b", "x"]
        assert [one.row for one in state.take_inbox(pair, MAP, COMPANY, 2)] == ["c", "a"]
        assert [one.row for one in state.take_inbox(pair, MAP, COMPANY, 2, newest=True)] == [
            one.row for one in rows[:-3:-1]
        ]
        assert (rows[3].side, rows[3].kind, rows[3].noted_at) == ("fno", "delete", NOON)
        assert rows[0].noted_at is not None
        assert state.count_inbox(pair, MAP, COMPANY) == 4
        assert state.count_inbox(pair) == 5
        assert state.lanes_with_inbox(pair) == {(MAP, COMPANY): 4, (MAP, "DEMF"): 1}


def test_a_notice_during_work_survives_the_drop(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_inbox([entry(pair, "a"), entry(pair, "b")])
    with store.read() as state:
        taken = state.take_inbox(pair, MAP, COMPANY, 10)
    with store.transaction(lease) as tx:
        tx.put_inbox([entry(pair, "a", kind="delete")])  # while a and b are in work
    with store.transaction(lease) as tx:
        tx.drop_inbox(taken)
    with store.read() as state:
        (left,) = state.take_inbox(pair, MAP, COMPANY, 10)
    assert (left.row, left.kind) == ("a", "delete")
    assert left.seq not in {one.seq for one in taken}


def test_a_row_is_listed_once_and_the_last_word_counts(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_inbox([entry(pair, "a"), entry(pair, "a", kind="missing"), entry(pair, "a", kind="delete")])
        tx.put_inbox([])
    with store.read() as state:
        assert [one.kind for one in state.take_inbox(pair, MAP, COMPANY, 10)] == ["delete"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["note", "take", "settle"]), max_size=8))
def test_nothing_noted_is_lost(store: Store, pair: int, lease: Lease, steps: list[str]) -> None:
    """A row is out of the inbox only if it was taken after its last notice and then settled."""
    with store.transaction(lease) as tx:
        tx.clear_inbox(pair, MAP, COMPANY)
    noted = False
    taken: list[InboxEntry] = []
    fresh = False
    for step in steps:
        with store.transaction(lease) as tx:
            if step == "note":
                tx.put_inbox([entry(pair, "a")])
                noted, fresh = True, True
            elif step == "take":
                taken = tx.take_inbox(pair, MAP, COMPANY, 1)
                fresh = False
            else:
                tx.drop_inbox(taken)
                if taken and not fresh:
                    noted = False
                taken = []
    with store.read() as state:
        assert state.count_inbox(pair, MAP, COMPANY) == int(noted)


def test_names_and_token_are_stored_together(store: Store, pair: int, lease: Lease) -> None:
    cursor = Cursor(pair, "dataverse", "accounts", token="t1", high_version="17", polled_at=NOON)
    with store.read() as state:
        assert state.cursor(pair, "dataverse", "accounts") is None
    with store.transaction(lease) as tx:
        tx.put_inbox([entry(pair, "a")])
        tx.save_cursor(cursor)

    class Crash(BaseException):
        pass

    with pytest.raises(Crash), store.transaction(lease) as tx:
        tx.put_inbox([entry(pair, "b")])
        tx.save_cursor(replace(cursor, token="t2"))
        raise Crash
    with store.read() as state:
        assert state.cursor(pair, "dataverse", "accounts") == cursor
        assert state.count_inbox(pair, MAP, COMPANY) == 1


def test_a_table_may_have_several_feeds(store: Store, pair: int, lease: Lease) -> None:
    scan = Cursor(pair, "fno", "CustomersV3", feed="scan", state="ready")
    with store.transaction(lease) as tx:
        tx.save_cursor(scan)
        tx.save_cursor(replace(scan, feed="modified", token="m"))
        tx.save_cursor(replace(scan, token="s"))
    with store.read() as state:
        assert [one.token for one in state.cursors(pair)] == ["m", "s"]
    with store.transaction(lease) as tx:
        tx.drop_cursor(pair, "fno", "CustomersV3", "modified")
    with store.read() as state:
        assert state.cursors(pair) == [replace(scan, token="s")]
