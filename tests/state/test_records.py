"""Lanes, layouts, conflicts, history, runs, approvals, metadata: each comes back as it was stored."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from mappings.errors import FatalError
from tasks.state.leases import Lease
from tasks.state.records import (
    ConflictRecord,
    HistoryEntry,
    LaneRecord,
    RunLane,
    TableMetadata,
)
from tasks.state.store import Store
from tests.state.samples import COMPANY, MAP, NOON

PAIRS = [("CustomerAccount=accountnumber", "t1"), ("Name=name", "t2")]


def test_a_lane_that_never_ran_is_not_running(store: Store, pair: int) -> None:
    with store.read() as state:
        assert state.lane(pair, MAP, COMPANY) == LaneRecord(
            pair, MAP, COMPANY, state="not_running", initial="none"
        )
        assert state.lanes(pair) == []


def test_lanes(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        layout = tx.layout(pair, MAP, "h1", PAIRS)
        lane = LaneRecord(pair, MAP, COMPANY, "initializing", "", "h1", layout, "running", "both")
        tx.save_lane(lane)
        tx.save_lane_state(pair, MAP, COMPANY, "error", "too many deletes")
        tx.save_lane_state(pair, MAP, "DEMF", "paused")
    with store.read() as state:
        found = state.lane(pair, MAP, COMPANY)
        assert replace(found, updated_at=None) == replace(lane, state="error", reason="too many deletes")
        assert found.updated_at is not None
        assert [(one.company, one.state) for one in state.lanes(pair)] == [
            ("DEMF", "paused"),
            (COMPANY, "error"),
        ]
        assert state.lanes(pair, [MAP, "Other"]) == state.lanes(pair)
        assert state.lanes(pair, ["Other"]) == state.lanes(pair, []) == []


def test_a_layout_is_stored_once_and_any_difference_makes_another(
    store: Store, pair: int, lease: Lease
) -> None:
    with store.transaction(lease) as tx:
        first = tx.layout(pair, MAP, "h1", PAIRS)
        assert tx.layout(pair, MAP, "h1", list(PAIRS)) == first
        others = [
            tx.layout(pair, MAP, "h2", PAIRS),
            tx.layout(pair, MAP, "h1", PAIRS[::-1]),
            tx.layout(pair, MAP, "h1", [PAIRS[0], ("Name=name", "retyped")]),
            tx.layout(pair, "Vendors", "h1", PAIRS),
        ]
        assert len({first, *others}) == 5
        stored = tx.layout_by_id(first)
    assert (stored.pair, stored.map, stored.hash, stored.pairs) == (pair, MAP, "h1", tuple(PAIRS))
    with pytest.raises(FatalError, match="no layout 999999"), store.read() as state:
        state.layout_by_id(999999)


def conflict(pair: int, key: str, **changes: object) -> ConflictRecord:
    record = ConflictRecord(
        pair,
        MAP,
        COMPANY,
        key,
        "conflict",
        ["Name=name"],
        "fno",
        "dataverse",
        (1 << 64) - 1,
        1 << 63,
        at=NOON,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def test_conflicts_come_back_newest_first(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.record_conflicts([conflict(pair, "a"), conflict(pair, "b", kind="drift"), conflict(pair, "a")])
    with store.read() as state:
        found = state.conflicts(pair, MAP, COMPANY)
        assert [replace(one, id=0) for one in found] == [
            conflict(pair, "a"),
            conflict(pair, "b", kind="drift"),
            conflict(pair, "a"),
        ]
        assert len(state.conflicts(pair, limit=1)) == 1
        assert [one.key for one in state.conflicts(pair, kind="drift")] == ["b"]
        assert state.count_conflicts(pair, MAP, kind="conflict") == 2
        assert state.count_conflicts(pair, status="open") == 0


def test_an_open_conflict_is_replaced_not_doubled(store: Store, pair: int, lease: Lease) -> None:
    held = conflict(pair, "a", status="open", winner="", loser="")
    with store.transaction(lease) as tx:
        tx.record_conflicts([held, conflict(pair, "b", status="open"), replace(held, unit="address")])
    with store.read() as state:
        first = state.conflicts(pair, key="a", status="open")[-1]
    with store.transaction(lease) as tx:
        tx.record_conflicts([replace(held, fields=["Name=name", "City=city"], fno_digest=3)])
    with store.read() as state:
        assert state.count_conflicts(pair, status="open") == 3
        again = state.conflicts(pair, key="a", status="open")[-1]
        assert [one.unit for one in state.open_conflicts(pair, MAP, COMPANY, ["a", "c"])] == ["", "address"]
        assert (again.id, again.fields, again.fno_digest) == (first.id, ["Name=name", "City=city"], 3)
    with store.transaction(lease) as tx:
        tx.close_conflicts([again.id], winner="dataverse")
        tx.record_conflicts([held])
    with store.read() as state:
        decided = state.conflicts(pair, key="a", status="decided")
        assert [(one.winner, one.loser) for one in decided] == [("dataverse", "fno")]
        assert state.count_conflicts(pair, status="open") == 3  # a new one, since the old one is decided


def test_a_choice_stays_while_the_values_do(store: Store, pair: int, lease: Lease) -> None:
    held = conflict(pair, "a", status="open", winner="", loser="")
    with store.transaction(lease) as tx:
        tx.record_conflicts([held])
    with store.unfenced() as tx:
        (seen,) = tx.conflicts(pair)
        assert not tx.choose(replace(seen, fno_digest=1), "fno"), "that is not what is on record"
        assert tx.choose(seen, "fno")
        assert [one.id for one in tx.choices(pair, MAP, COMPANY)] == [seen.id]
        assert tx.conflicts_by_id(pair, [seen.id, 99])[0].choice == "fno"
    with store.transaction(lease) as tx:
        tx.record_conflicts([replace(held, at=None, run=7)])
        (again,) = tx.conflicts(pair)
        assert (again.choice, again.run, again.at) == ("fno", 7, NOON), "it is as old as its values"
        tx.record_conflicts([replace(held, fno_digest=1, at=None)])
        assert tx.choices(pair, MAP, COMPANY) == []
        tx.close_conflicts([seen.id])
        assert not tx.choose(replace(seen, fno_digest=1), "fno")


def test_history(store: Store, pair: int, lease: Lease) -> None:
    entry = HistoryEntry(pair, MAP, COMPANY, "C-1", "update", "dataverse", ["Name=name"], 3, NOON)
    with store.transaction(lease) as tx:
        tx.add_history(
            [entry, replace(entry, key="C-2", at=None), replace(entry, action="delete", fields=[], run=4)]
        )
        tx.add_history([])
    with store.read() as state:
        assert [one.action for one in state.history(pair, MAP, COMPANY, key="C-1")] == ["delete", "update"]
        assert replace(state.history(pair, run=3)[-1], id=0) == entry
        assert state.history(pair, key="C-2")[0].at is not None
    with store.transaction(lease) as tx:
        tx.forget_history(pair, NOON + timedelta(seconds=1))
    with store.read() as state:
        assert [one.key for one in state.history(pair)] == ["C-2"]


def test_runs_and_what_they_did(store: Store, pair: int) -> None:
    with store.unfenced() as tx:
        run = tx.start_run(pair, "delta", parameters={"target_frozen": False}, started=NOON)
        other = tx.start_run(pair, "initial")
        lane = RunLane(
            pair, run, MAP, COMPANY, "to-dataverse", read=5, created=2, seconds=0.5, other={"drift": 1}
        )
        tx.save_run_lane(replace(lane, read=1))
        tx.save_run_lane(lane)
        tx.finish_run(run, "ok", requests={"fno": {"get": 3}}, ended=NOON + timedelta(seconds=2))
    with store.read() as state:
        done = state.run(run)
        assert done is not None
        assert (done.kind, done.started, done.verdict, done.requests) == (
            "delta",
            NOON,
            "ok",
            {"fno": {"get": 3}},
        )
        assert done.parameters == {"target_frozen": False}
        assert done.ended == NOON + timedelta(seconds=2)
        assert [one.id for one in state.runs(pair)] == [other, run]
        assert state.runs(pair, limit=1)[0].ended is None
        assert state.run_lanes(run) == [lane]
        assert state.run(0) is None


def test_the_ledger_of_deletes(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx:
        tx.note_deleted(pair, MAP, COMPANY, "dataverse", 2, NOON)
        tx.note_deleted(pair, MAP, COMPANY, "dataverse", 3, NOON + timedelta(hours=1))
        tx.note_deleted(pair, MAP, COMPANY, "fno", 10, NOON)
        tx.note_deleted(pair, MAP, "DEMF", "dataverse", 20, NOON)
    with store.read() as state:
        assert state.deleted_since(pair, MAP, COMPANY, "dataverse", NOON) == 5
        assert state.deleted_since(pair, MAP, COMPANY, "dataverse", NOON + timedelta(minutes=1)) == 3
        assert state.deleted_since(pair, MAP, None, "dataverse", NOON) == 25
        assert state.deleted_since(pair, "Vendors", COMPANY, "dataverse", NOON) == 0


def test_approvals_end_by_time_and_by_number(store: Store, pair: int, lease: Lease) -> None:
    until = NOON + timedelta(hours=1)
    with store.unfenced() as tx:
        tx.approve_deletes(pair, MAP, COMPANY, "fno", until, count=5, at=NOON)
        tx.approve_deletes(pair, "Vendors", None, "dataverse", until)
    with store.read() as state:
        assert state.approved(pair, MAP, COMPANY, "fno", NOON) == 5
        assert not state.approved(pair, MAP, COMPANY, "fno", until)
        assert not state.approved(pair, MAP, COMPANY, "dataverse", NOON)
        assert not state.approved(pair, MAP, "DEMF", "fno", NOON)
        assert state.approved(pair, "Vendors", "DEMF", "dataverse", NOON) == math.inf
        assert state.released(pair, "Vendors", "DEMF", NOON)
        assert not state.released(pair, "Vendors", "DEMF", until)
        assert not state.released(pair, MAP, "DEMF", NOON)
        assert len(state.approvals(pair)) == 2
        assert state.approvals(pair, MAP)[0].count == 5
    with store.transaction(lease) as tx:
        tx.note_deleted(
            pair, MAP, COMPANY, "dataverse", 4, NOON - timedelta(minutes=1)
        )  # before the approval
        tx.note_deleted(pair, MAP, COMPANY, "dataverse", 4, NOON + timedelta(minutes=1))
        assert tx.approved(pair, MAP, COMPANY, "fno", NOON + timedelta(minutes=2)) == 1
        tx.note_deleted(pair, MAP, COMPANY, "dataverse", 1, NOON + timedelta(minutes=3))
        assert not tx.approved(pair, MAP, COMPANY, "fno", NOON + timedelta(minutes=4))


def test_metadata_of_tables(store: Store, pair: int) -> None:
    seen = TableMetadata(pair, "fno", "CustomersV3", "f1", {"columns": ["Name"]}, NOON)
    with store.unfenced() as tx:
        tx.save_metadata([replace(seen, fingerprint="f0")])
        tx.save_metadata([seen])
    with store.read() as state:
        assert state.metadata(pair, "fno", "CustomersV3") == seen
        assert state.metadata(pair, "dataverse", "CustomersV3") is None


def test_metadata_that_was_seen_before(store: Store, pair: int) -> None:
    first = TableMetadata(pair, "dataverse", "accounts", "f1", {}, NOON)
    other = replace(first, table="contacts", fingerprint="f2")
    with store.unfenced() as tx:
        tx.keep_metadata([first, other])
        tx.keep_metadata([replace(first, fingerprint="f9")])
        tx.see_metadata(pair, "dataverse", ["accounts"], NOON + timedelta(hours=1))
    with store.read() as state:
        assert state.knows_metadata(pair, "dataverse", "accounts")
        assert not state.knows_metadata(pair, "fno", "accounts")
        assert state.fingerprints(pair) == {("dataverse", "accounts"): "f1", ("dataverse", "contacts"): "f2"}
        seen = [state.metadata(pair, "dataverse", table) for table in ("accounts", "contacts")]
        assert [found.seen_at for found in seen if found] == [NOON + timedelta(hours=1), NOON]


def test_times_need_a_zone(store: Store, pair: int, lease: Lease) -> None:
    with pytest.raises(ValueError, match="no time zone"), store.transaction(lease) as tx:
        tx.add_history([HistoryEntry(pair, MAP, COMPANY, "a", "update", "fno", at=NOON.replace(tzinfo=None))])
