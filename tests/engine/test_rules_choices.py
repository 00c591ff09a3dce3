"""Held conflicts: a person chooses, and nothing but what that person saw is overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.state.records import ConflictRecord, Side
from tasks.sync.resolution import Chosen, by_numbers, listed, resolve
from tests.engine.memory import Stored
from tests.engine.trade import Trade, customers_map


def held(**changes: Any) -> tuple[Trade, Stored, Stored]:
    """One customer whose name and amount were changed on both sides."""
    w = Trade(customers_map(conflict="hold", **changes))
    row = w.customer("C1", Name="one", Amount="1.00")
    w.customer("C2", Name="another")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, Name="F&O", Amount="2.00")
    w.change(contact, new_name="Dataverse", new_amount="3.00")
    w.sync("Customers")
    w.writes()
    return w, row, contact


def open_(w: Trade) -> dict[str, ConflictRecord]:
    """Open conflicts by their only field."""
    return {record.fields[0].split("=")[0]: record for record in w.conflicts(status="open")}


def choose(w: Trade, side: Side, *fields: str) -> list[Chosen]:
    found = open_(w)
    return resolve(w.store, w.session.pair, [found[name] for name in fields or found], side)


def names(row: Stored, contact: Stored) -> tuple[Any, Any]:
    return row.values["Name"], contact.values["new_name"]


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_the_next_delta_writes_what_was_chosen_and_that_alone(side: Side) -> None:
    w, row, contact = held()
    assert set(open_(w)) == {"Name", "Amount"}
    assert [each.refused for each in choose(w, side, "Name")] == [""]
    assert w.writes() == [], "a choice writes nothing by itself"
    w.sync("Customers")
    stands = {"fno": "F&O", "dataverse": "Dataverse"}[side]
    assert names(row, contact) == (stands, stands)
    assert [set(values) for _, kind, values in w.writes()] == [{"new_name"} if side == "fno" else {"Name"}], (
        "the amount waits on"
    )
    (record,) = w.conflicts(status="decided")
    loser = {"fno": "dataverse", "dataverse": "fno"}[side]
    assert (list(record.fields), record.winner, record.loser) == (["Name=new_name"], side, loser)
    assert set(open_(w)) == {"Amount"}
    w.sync("Customers")
    assert w.writes() == []


def test_each_unit_has_its_own_choice() -> None:
    w, row, contact = held()
    choose(w, "fno", "Name")
    choose(w, "dataverse", "Amount")
    w.sync("Customers")
    assert names(row, contact) == ("F&O", "F&O")
    assert float(row.values["Amount"]) == float(contact.values["new_amount"]) == 3
    assert w.conflicts(status="open") == []


@pytest.mark.parametrize("edited", ["fno", "dataverse"])
def test_what_already_differed_when_rows_were_paired_waits_for_a_person_too(edited: Side) -> None:
    """As after a database was restored: rows are paired anew, and one of them is edited in another field."""
    w = Trade(customers_map(conflict="hold"))
    row = w.customer("C1", Name="F&O", Amount="1.00")
    contact = w.contact("C1", Name="Dataverse", Amount="1.00")
    w.connect("Customers", mode="link")
    if edited == "fno":
        w.change(row, Amount="2.00")
    else:
        w.change(contact, new_amount="2.00")
    w.writes()
    w.sync("Customers")
    w.sync("Customers")
    assert names(row, contact) == ("F&O", "Dataverse")
    assert [set(values) for _, _, values in w.writes()] == [{"new_amount"} if edited == "fno" else {"Amount"}]
    assert set(open_(w)) == {"Name"}
    choose(w, "dataverse")
    w.sync("Customers")
    assert names(row, contact) == ("Dataverse", "Dataverse")
    assert w.conflicts(status="open") == []


@pytest.mark.parametrize("moved", ["fno", "dataverse"])
def test_a_choice_about_other_values_is_void_and_the_conflict_is_shown_again(moved: Side) -> None:
    w, row, contact = held()
    before = open_(w)["Name"]
    choose(w, "dataverse", "Name")
    if moved == "fno":
        w.change(row, Name="nobody saw this")
    else:
        w.change(contact, new_name="nobody saw this")
    now = names(row, contact)
    for _ in range(2):
        w.sync("Customers")
    assert names(row, contact) == now
    record = open_(w)["Name"]
    assert (record.id, record.choice) == (before.id, "")
    assert (record.fno_digest, record.dataverse_digest) != (before.fno_digest, before.dataverse_digest)
    # what the person saw is gone, so a choice made from the old list is refused
    assert resolve(w.store, w.session.pair, [before], "fno")[0].refused


def test_another_field_that_moves_voids_nothing() -> None:
    w, row, contact = held()
    choose(w, "fno", "Name")
    w.change(row, Amount="4.00")
    w.sync("Customers")
    assert names(row, contact) == ("F&O", "F&O")


def test_an_edit_between_read_and_write_stands() -> None:
    w, row, contact = held()
    choose(w, "fno", "Name")

    def edit(point: str) -> None:
        if point == "intent":
            w.failpoint = lambda _: None
            w.change(contact, new_name="in between")

    w.failpoint = edit
    w.sync("Customers")
    w.failpoint = lambda _: None
    assert names(row, contact) == ("F&O", "in between")
    assert open_(w)["Name"].choice == ""


@pytest.mark.parametrize("point", ["intent", "written"])
def test_a_choice_survives_a_crash(point: str) -> None:
    w, row, contact = held()
    choose(w, "fno", "Name")
    with w.dying_at(point):
        w.sync("Customers")
    w.session = w.open(companies="usmf,demf")
    w.sync("Customers")
    assert names(row, contact) == ("F&O", "F&O")
    (record,) = w.conflicts(status="decided")
    assert record.winner == "fno"


def test_what_is_equal_by_then_needs_no_choice_and_names_no_winner() -> None:
    w, row, contact = held()
    choose(w, "dataverse", "Name")
    w.change(contact, new_name="F&O")
    w.sync("Customers")
    assert names(row, contact) == ("F&O", "F&O")
    (record,) = w.conflicts(status="decided")
    assert record.winner == ""


def test_a_chosen_value_that_cannot_be_written_stays_chosen_until_it_can() -> None:
    w = Trade(customers_map(conflict="hold"))
    row = w.customer("C1", Name="one")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, Name="x" * 60)  # Dataverse holds 50
    w.change(contact, new_name="Dataverse")
    w.sync("Customers")
    choose(w, "fno", "Name")
    w.sync("Customers")
    assert contact.values["new_name"] == "Dataverse"
    assert open_(w)["Name"].choice == "fno"
    assert [code for _, code in w.parked()] == ["too_long"]


def test_values_that_change_places_are_other_values() -> None:
    w = Trade(customers_map(conflict="hold", groups={"both": ["new_name", "new_note"]}))
    row = w.customer("C1", Name="one", Note="n")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, Name="a", Note="b")
    w.change(contact, new_name="c")
    w.sync("Customers")
    choose(w, "fno")
    w.change(row, Name="b", Note="a")
    w.sync("Customers")
    assert names(row, contact) == ("b", "c")


def test_a_difference_that_linking_left_open_can_be_chosen_too() -> None:
    w = Trade()
    row = w.customer("C1", Name="F&O", Status="Open")
    contact = w.contact("C1", name="Dataverse", status=1)
    w.initial("Customers", mode="link")
    choose(w, "dataverse")
    w.sync("Customers")
    assert names(row, contact) == ("Dataverse", "Dataverse")
    (record,) = w.conflicts(status="decided")
    assert (record.kind, record.winner) == ("no_base", "dataverse")


def test_conflicts_are_listed_by_kind_and_age() -> None:
    from datetime import timedelta

    w, row, _ = held()
    w.clock.forward(hours=2)
    w.sync("Customers")
    w.change(row, Name="later")
    w.sync("Customers")
    now, pair = w.clock(), w.session.pair
    old = listed(w.store, pair, now, older=timedelta(hours=1))
    assert [record.fields[0] for record in old] == ["Amount=new_amount"]
    (new,) = listed(w.store, pair, now, "Customers", "usmf", "conflict", newer=timedelta(hours=1))
    assert new.fields[0] == "Name=new_name"
    assert listed(w.store, pair, now, kind="drift") == listed(w.store, pair, now, company="demf") == []
    found, unknown = by_numbers(w.store, pair, [new.id, 999])
    assert ([record.id for record in found], unknown) == ([new.id], [999])
