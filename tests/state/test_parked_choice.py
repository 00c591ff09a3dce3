"""A person's word about parked rows: which are meant, tried again, set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.state.leases import Lease
from tasks.state.records import ParkedChoice, ParkedRow
from tasks.state.store import Store
from tests.state.samples import COMPANY, MAP, NOON


def parked(pair: int, row: str, **changes: object) -> ParkedRow:
    base = ParkedRow(pair, MAP, COMPANY, "fno", row, row, "parked", "too_long", "no", first_at=NOON)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def rows(store: Store, pair: int, lease: Lease) -> Callable[..., dict[str, ParkedRow]]:
    """The parked rows by name, of those that a choice means."""
    with store.transaction(lease) as tx:
        tx.park(
            [
                parked(pair, "a"),
                parked(pair, "b", code="refused", first_at=NOON + timedelta(hours=2)),
                parked(pair, "c", kind="held_delete", company="DEMF"),
                parked(pair, "d", map="Other", kind="duplicate"),
            ]
        )

    def found(**choice: object) -> dict[str, ParkedRow]:
        with store.read() as state:
            return {row.row: row for row in state.chosen_parked(pair, ParkedChoice(**choice))}  # type: ignore[arg-type]

    return found


def test_rows_are_chosen_by_map_company_kind_code_age_and_number(
    rows: Callable[..., dict[str, ParkedRow]], store: Store, pair: int
) -> None:
    assert set(rows()) == {"a", "b", "c", "d"}
    assert set(rows(map=MAP)) == {"a", "b", "c"}
    assert set(rows(company="DEMF")) == {"c"}
    assert set(rows(kind="duplicate")) == {"d"}
    assert set(rows(code="refused")) == {"b"}
    assert set(rows(before=NOON)) == {"a", "c", "d"}
    assert set(rows(after=NOON + timedelta(hours=1))) == {"b"}
    assert set(rows(ids=(rows()["a"].id, rows()["d"].id))) == {"a", "d"}
    with store.read() as state:
        first = state.chosen_parked(pair, ParkedChoice(), limit=3)
        rest = state.chosen_parked(pair, ParkedChoice(), first[-1].id)
    assert [row.row for row in (*first, *rest)] == sorted(rows(), key=lambda name: rows()[name].id)


def test_a_row_set_aside_is_not_due_until_it_fails_for_another_reason(
    rows: Callable[..., dict[str, ParkedRow]], store: Store, pair: int, lease: Lease
) -> None:
    later = NOON + timedelta(days=3650)
    with store.transaction(lease) as tx:
        tx.skip_parked([rows()["a"].id])
        assert [row.row for row in tx.due_parked(pair, MAP, COMPANY, later)] == ["b"]
        tx.park([parked(pair, "a")])
        assert (tx.parked(pair, MAP, COMPANY)[0].kind, tx.parked(pair, MAP, COMPANY)[0].attempts) == (
            "skipped",
            2,
        )
        tx.park([parked(pair, "a", message="no, and for another reason")])
    assert (rows()["a"].kind, rows()["a"].attempts) == ("parked", 3)
    assert rows()["a"].next_at is not None


def test_a_row_that_is_to_be_tried_again_is_due_at_once_whatever_it_was(
    rows: Callable[..., dict[str, ParkedRow]], store: Store, pair: int, lease: Lease
) -> None:
    with store.transaction(lease) as tx:
        tx.skip_parked([rows()["a"].id])
        tx.retry_parked([rows()["a"].id, rows()["d"].id], NOON)
        assert [row.row for row in tx.due_parked(pair, MAP, COMPANY, NOON)] == ["a"]
        assert [row.row for row in tx.due_parked(pair, "Other", COMPANY, NOON)] == ["d"]
    assert (rows()["a"].kind, rows()["d"].kind) == ("parked", "duplicate")
