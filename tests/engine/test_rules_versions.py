"""Services that don't mind the version of a write: what it went over is on record; and the right to send, asked at each request."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tasks.connectors.fence import current
from tasks.connectors.side import Outcome
from tests.engine.memory import MemorySide, Stored
from tests.engine.trade import Trade

Side = Literal["fno", "dataverse"]
SIDES: tuple[Side, Side] = ("fno", "dataverse")
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}
NAME = {"fno": "Name", "dataverse": "new_name"}


def careless(side: Side) -> tuple[Trade, MemorySide, dict[Side, Stored]]:
    """Three customers in sync; this side ignores the versions of our writes, and says what stood there."""
    w = Trade()
    for key in ("C1", "C2", "C3"):
        w.customer(key, Name="old", Amount="1.00")
    w.connect("Customers")
    service = w.fno if side == "fno" else w.dataverse
    service.ignores_versions = service.looks = True
    fno, dataverse = w.in_fno("C1"), w.in_dataverse("C1")
    assert fno is not None and dataverse is not None
    w.writes()
    return w, service, {"fno": fno, "dataverse": dataverse}


def just_before_our_write(w: Trade, service: MemorySide, row: Stored, **values: Any) -> None:
    def act(kind: str) -> None:
        if kind == "batch":
            service.before = lambda _: None
            w.change(row, **values)

    service.before = act


@pytest.mark.parametrize("target", SIDES)
def test_what_an_update_went_over_is_on_record(target: Side) -> None:
    w, service, rows = careless(target)
    source = OTHER[target]
    w.change(rows[source], **{NAME[source]: "ours"})
    just_before_our_write(w, service, rows[target], **{NAME[target]: "a user's"})
    w.sync("Customers")
    assert rows[target].values[NAME[target]] == "ours"
    (record,) = w.conflicts(kind="conflict")
    assert (record.key, record.winner, record.loser, list(record.fields)) == (
        "C1",
        source,
        target,
        ["Name=new_name"],
    )
    w.sync("Customers")
    assert len(w.conflicts()) == 1 and len(w.writes()) == 1


@pytest.mark.parametrize("target", SIDES)
def test_another_field_was_not_gone_over_and_flows_back(target: Side) -> None:
    w, service, rows = careless(target)
    source = OTHER[target]
    amount = {"fno": "Amount", "dataverse": "new_amount"}
    w.change(rows[source], **{NAME[source]: "ours"})
    just_before_our_write(w, service, rows[target], **{amount[target]: "2.00"})
    w.sync("Customers")
    w.sync("Customers")
    assert w.conflicts() == []
    assert rows[target].values[NAME[target]] == "ours"
    assert float(rows[source].values[amount[source]]) == 2


@pytest.mark.parametrize("target", SIDES)
def test_an_edit_that_a_delete_went_over_is_on_record(target: Side) -> None:
    w, service, rows = careless(target)
    w.remove(rows[OTHER[target]])
    just_before_our_write(w, service, rows[target], **{NAME[target]: "a user's"})
    w.sync("Customers")
    (record,) = w.conflicts(kind="delete")
    assert (record.key, record.winner, record.loser) == ("C1", OTHER[target], target)
    assert "Name=new_name" in record.fields


@pytest.mark.parametrize("target", SIDES)
def test_a_write_that_went_out_twice_went_over_nothing(target: Side) -> None:
    w, service, rows = careless(target)
    source = OTHER[target]
    w.change(rows[source], **{NAME[source]: "ours"})
    write = service.write

    def twice(*args: Any, **options: Any) -> list[Outcome]:
        write(*args, **options)
        return write(*args, **options)

    service.write = twice  # type: ignore[method-assign]
    w.sync("Customers")
    assert w.conflicts() == [] and rows[target].values[NAME[target]] == "ours"


@pytest.mark.parametrize("target", SIDES)
def test_what_a_service_changes_along_with_our_update_flows_back_in_the_same_run(target: Side) -> None:
    w = Trade()
    row = w.customer("C1", Name="old", Amount="1.00")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    rows: dict[Side, Stored] = {"fno": row, "dataverse": contact}
    memory = w.fno_memory if target == "fno" else w.dataverse_memory
    update = memory.update

    def plugin(table: str, id_: str, values: Any, **options: Any) -> Stored:
        amount = {"fno": "Amount", "dataverse": "new_amount"}[target]
        return update(table, id_, {**values, amount: "7.00"}, **options)

    memory.update = plugin  # type: ignore[method-assign]
    w.change(rows[OTHER[target]], **{NAME[OTHER[target]]: "new"})
    w.sync("Customers")
    assert (row.values["Name"], contact.values["new_name"]) == ("new", "new")
    assert float(row.values["Amount"]) == float(contact.values["new_amount"]) == 7


def test_a_write_asks_for_its_right_whenever_it_goes_out_again() -> None:
    """A side that is throttled for longer than the lease asks before each attempt; the lease is renewed, or nothing goes out."""
    w = Trade()
    w.customer("C1")
    w.connect("Customers")
    w.writes()
    w.customer("C2")
    asked: list[str] = []
    write = w.dataverse.write

    def throttled(*args: Any, **options: Any) -> list[Outcome]:
        (hold,) = current()
        hold()
        asked.append("first")
        with w.store.unfenced() as tx:  # a minute later: another run has the lane
            tx._connection.exec_driver_sql("UPDATE lease SET epoch = epoch + 1, owner = 'another'")
        lease_ran_out(hold)
        hold()
        asked.append("again")
        return write(*args, **options)

    w.dataverse.write = throttled  # type: ignore[method-assign]
    (summary, _) = w.delta("Customers")
    assert asked == ["first"] and summary.code == "lease_lost"
    assert w.writes() == [] and current() == ()


def lease_ran_out(hold: Any) -> None:
    """Let the engine's lease look as old as it is."""
    hold.__self__.lease._until = 0.0
