"""Sightings: the rows of one side, found by key and by match rule while the other side is read."""

from __future__ import annotations

from dataclasses import replace

from tasks.state.leases import Lease
from tasks.state.records import Sighting
from tasks.state.store import Store
from tests.state.samples import COMPANY, MAP, link


def seen(pair: int, row: str, **changes: object) -> Sighting:
    base = Sighting(pair, MAP, COMPANY, "dataverse", row, f"key {row}", "v", b"\x01" * 16, -5)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_sightings_come_back_in_the_order_of_reading(store: Store, pair: int, lease: Lease) -> None:
    rows = [seen(pair, row) for row in "cba"]
    with store.transaction(lease) as tx:
        tx.put_sightings([*rows, seen(pair, "f", side="fno"), seen(pair, "d", company="DEMF")])
        tx.insert_links([link(pair, 1)])  # links of the lane are kept apart from its sightings
    with store.read() as state:
        found = state.iterate_sightings(pair, MAP, COMPANY, "dataverse", limit=2)
        assert [replace(one, id=0) for one in found] == rows[:2]
        rest = state.iterate_sightings(pair, MAP, COMPANY, "dataverse", after=found[-1].id)
        assert [replace(one, id=0) for one in rest] == rows[2:]
        assert state.count_sightings(pair, MAP, COMPANY, "dataverse") == 3
        assert (
            state.count_links(pair, MAP, COMPANY) == len(state.iterate_links(pair, MAP, COMPANY, 0, 10)) == 1
        )


def test_a_row_read_again_replaces_what_was_seen(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_sightings([seen(pair, "a", match=["x"]), seen(pair, "b")])
        tx.put_sightings([seen(pair, "a", match=["y"], raw=7), seen(pair, "b"), seen(pair, "b", raw=8)])
    with store.read() as state:
        assert state.count_sightings(pair, MAP, COMPANY, "dataverse") == 2
        assert state.sightings_by_match(pair, MAP, COMPANY, "dataverse", 0, ["x"]) == {}
        assert [
            one.raw for one in state.sightings_by_match(pair, MAP, COMPANY, "dataverse", 0, ["y"])["y"]
        ] == [7]
        assert state.sightings_by_row(pair, MAP, COMPANY, "dataverse", ["b", "z"])["b"].raw == 8


def test_rows_of_one_key_are_all_found(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_sightings(
            [
                seen(pair, "a", key="k"),
                seen(pair, "b", key="k", verdict="duplicate"),
                seen(pair, "c", key=None, verdict="blank"),
            ]
        )
    with store.read() as state:
        found = state.sightings_by_key(pair, MAP, COMPANY, "dataverse", ["k", "other"])
        assert {key: [one.row for one in rows] for key, rows in found.items()} == {"k": ["a", "b"]}
        assert state.count_sightings(pair, MAP, COMPANY, "dataverse", "blank") == 1
        blank = state.iterate_sightings(pair, MAP, COMPANY, "dataverse", verdict="blank")
        assert [one.row for one in blank] == ["c"]


def test_match_rules(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_sightings(
            [
                seen(pair, "a", match=["ann\x1fx", None]),
                seen(pair, "b", match=["bob\x1fy", "555"]),
                seen(pair, "c", match=["bob\x1fy", "556"]),
            ]
        )
    with store.read() as state:
        by_name = state.sightings_by_match(
            pair, MAP, COMPANY, "dataverse", 0, ["ann\x1fx", "bob\x1fy", "555"]
        )
        assert {value: [one.row for one in rows] for value, rows in by_name.items()} == {
            "ann\x1fx": ["a"],
            "bob\x1fy": ["b", "c"],
        }
        by_phone = state.sightings_by_match(pair, MAP, COMPANY, "dataverse", 1, ["556", "557"])
        assert [one.row for one in by_phone["556"]] == ["c"]
        assert by_phone["556"][0].match == ["bob\x1fy", "556"]


def test_matched_rows_are_passed_over(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_sightings([seen(pair, row) for row in "abc"])
        tx.mark_matched(pair, MAP, COMPANY, "dataverse", ["b", "z"])
        tx.mark_matched(pair, MAP, COMPANY, "fno", ["a"])
    with store.read() as state:
        left = state.iterate_sightings(pair, MAP, COMPANY, "dataverse", unmatched=True)
        assert [one.row for one in left] == ["a", "c"]
        assert state.sightings_by_row(pair, MAP, COMPANY, "dataverse", ["b"])["b"].matched is True


def test_clearing(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.put_sightings(
            [seen(pair, "a", match=["x"]), seen(pair, "f", side="fno"), seen(pair, "d", company="DEMF")]
        )
        tx.clear_sightings(pair, MAP, COMPANY, "dataverse")
    with store.read() as state:
        assert state.count_sightings(pair, MAP, COMPANY, "dataverse") == 0
        assert state.sightings_by_match(pair, MAP, COMPANY, "dataverse", 0, ["x"]) == {}
        assert state.count_sightings(pair, MAP, COMPANY, "fno") == 1
        assert state.count_sightings(pair, MAP, "DEMF", "dataverse") == 1
    with store.transaction(lease) as tx:
        tx.clear_sightings(pair, MAP, COMPANY)
        assert tx.count_sightings(pair, MAP, COMPANY, "fno") == 0
