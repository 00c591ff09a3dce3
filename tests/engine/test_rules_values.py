"""Values: what is compared, what is only ever written once, what is never sent back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.test_rules_connection import filtered
from tests.engine.trade import Trade, customers_map

# constants and defaults


def test_constants_are_written_on_create_and_never_compared() -> None:
    w = Trade(
        customers_map(
            more=[{"dataverse": "new_type", "constant": "3"}, {"fno": "Kind", "constant": "Organization"}]
        )
    )
    row = w.customer("C1", Name="one")
    contact = w.contact("D1", name="two", status=1)
    w.connect("Customers")
    made = w.in_dataverse("C1")
    assert made is not None and made.values["new_type"] == 3
    assert w.in_fno("D1").values["Kind"] == "Organization"  # type: ignore[union-attr]
    w.change(made, new_type=1)
    w.change(row, Name="one!")
    w.sync("Customers")
    assert made.values["new_name"] == "one!" and made.values["new_type"] == 1
    assert contact.values.get("new_type") is None, "a paired row's constant is nobody's to reset"


def test_a_default_is_used_on_create_only() -> None:
    more = [{"fno": "Reference", "dataverse": "new_plugin", "default": "none"}]
    w = Trade(customers_map(more=more))
    row = w.customer("C1", Name="one", Reference="")
    w.connect("Customers")
    made = w.in_dataverse("C1")
    assert made is not None and made.values["new_plugin"] == "none"
    w.sync("Customers")
    w.change(row, Reference="x")
    w.sync("Customers")
    w.change(row, Reference="")
    w.sync("Customers")
    assert not made.values["new_plugin"]


# emptiness


def test_null_and_the_empty_value_are_no_difference_and_never_written() -> None:
    w = Trade()
    w.customer("C1", Name="", Amount=0)
    w.contact("C1", name=None, amount=None, status=1)
    w.connect("Customers")
    w.sync("Customers")
    assert w.writes() == []


def test_a_first_enum_member_that_the_value_map_names_is_a_value() -> None:
    """Dataverse's null is not F&O's `Open`: it is written once, and then both are equal."""
    w = Trade()
    w.customer("C1", Name="one", Status="Open")
    contact = w.contact("C1", name="one")
    w.connect("Customers")
    assert [(kind, values) for _, kind, values in w.writes()] == [("update", {"new_status": 1})]
    w.sync("Customers")
    assert w.writes() == [] and contact.values["new_status"] == 1


def test_emptied_by_a_user_travels() -> None:
    w = Trade()
    row = w.customer("C1", Name="one", Amount="5.00")
    w.connect("Customers")
    w.change(row, Name="", Amount=0)
    w.sync("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None and not contact.values["new_name"] and not contact.values["new_amount"]


# types that can't hold the same


def test_more_digits_than_the_other_side_holds_are_no_difference() -> None:
    """Compared in the coarser form: F&O's sixth digit stays, however often both are looked at."""
    w = Trade()
    row = w.customer("C1", Name="one", Amount="10.123456")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None and str(contact.values["new_amount"]) == "10.12"
    w.writes()
    w.change(row, Name="two")
    w.sync("Customers")
    w.change(contact, new_name="three")
    w.sync("Customers")
    assert row.values["Amount"] == "10.123456"
    assert {tuple(values) for _, _, values in w.writes()} == {("new_name",), ("Name",)}


def test_what_a_service_makes_of_a_value_is_counted_and_never_sent_back() -> None:
    def cut(column: str, value: Any) -> Any:
        return value[:5].upper() if column == "new_name" and isinstance(value, str) else value

    w = Trade(normalize_dataverse=cut)
    row = w.customer("C1", Name="Contoso Retail")
    w.connect("Customers")
    w.writes()
    w.change(row, Name="Fabrikam Inc")
    (summary, _) = w.delta("Customers")
    assert summary.counts["normalized"] == 1
    for _ in range(3):
        w.sync("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None and contact.values["new_name"] == "FABRI"
    assert row.values["Name"] == "Fabrikam Inc" and row.by == "user"
    assert len(w.writes()) == 1
    assert {record.key for record in w.conflicts(kind="normalized")} == {"C1"}
    w.change(contact, new_name="mine")
    w.sync("Customers")
    assert row.values["Name"] == "MINE"


def test_what_nobody_moved_stays_as_each_side_has_it_beside_a_field_of_its_group_that_moved() -> None:
    """F&O holds more digits than Dataverse, and a form of the note's text that Dataverse's user never wrote."""

    def shouted(column: str, value: Any) -> Any:
        return value.upper() if column == "Reference" and isinstance(value, str) else value

    group = {"all": ["new_name", "new_amount", "new_plugin"]}
    more = [{"fno": "Reference", "dataverse": "new_plugin"}]
    w = Trade(customers_map(groups=group, more=more), normalize_fno=shouted)
    row = w.customer("C1", Name="one", Amount="10.123456", Reference="A")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_plugin="mixed Case")
    w.sync("Customers")
    assert (row.values["Reference"], row.values["Amount"]) == ("MIXED CASE", "10.123456")
    w.change(contact, new_name="two")
    w.sync("Customers")
    assert (row.values["Name"], row.values["Amount"]) == ("two", "10.123456")
    w.change(row, Name="three")
    w.sync("Customers")
    assert (contact.values["new_name"], contact.values["new_plugin"]) == ("three", "mixed Case")


def test_a_value_that_the_map_does_not_name_parks_its_row_and_no_other() -> None:
    w = Trade()
    w.contact("D1", name="one", status=3)
    w.contact("D2", name="two", status=2)
    row = w.customer("C1", Name="three")
    w.connect("Customers")
    assert w.in_fno("D2").values["Status"] == "Held"  # type: ignore[union-attr]
    assert [key for key, _ in w.parked()] == ["D1"]
    # in an update, the other fields of the row go on
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_status=3, new_name="four")
    w.sync("Customers")
    assert row.values["Name"] == "four" and row.values["Status"] == "Open"
    assert sorted(key for key, _ in w.parked()) == ["C1", "D1"]
    w.change(contact, new_status=2)
    w.sync("Customers")
    assert row.values["Status"] == "Held" and [key for key, _ in w.parked()] == ["D1"]


def test_text_too_long_for_the_other_side_is_parked_and_never_cut() -> None:
    w = Trade()
    w.customer("C1", Name="x" * 51)
    w.customer("C2", Name="fits")
    w.connect("Customers")
    assert [key for key, _ in w.parked()] == ["C1"]
    assert w.in_dataverse("C1") is None and w.in_dataverse("C2") is not None


def test_a_row_that_a_service_refuses_stops_no_other_and_is_tried_again() -> None:
    w = Trade()
    from tests.engine.memory import Refused

    def refuse(column: str, value: Any) -> Any:
        if column == "new_name" and value == "bad":
            raise Refused(400, "0x80060891", "this name is not allowed")
        return value

    w.dataverse_memory.normalize = refuse
    row = w.customer("C1", Name="bad")
    for n in range(3):
        w.customer(f"G{n}", Name="good")
    w.connect("Customers")
    with w.store.read() as state:
        (parked,) = state.parked(w.session.pair)
    assert (parked.key, parked.code) == ("C1", "0x80060891") and "not allowed" in parked.message
    assert len(w.dataverse_memory.of("new_customers")) == 3
    w.change(row, Name="better")
    w.sync("Customers")
    assert w.parked() == [] and w.in_dataverse("C1") is not None


# one-way


def test_drift_is_repaired_in_the_same_run_recorded_and_never_copied_back() -> None:
    w = Trade()
    row = w.customer("C1", Name="one", Note="F&O says")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_note="drifted", new_name="a real edit")
    w.sync("Customers")
    assert contact.values["new_note"] == row.values["Note"] == "F&O says"
    assert row.values["Name"] == "a real edit"
    assert [record.winner for record in w.conflicts(kind="drift")] == ["fno"]


def test_a_repair_that_does_not_stay_is_given_up_after_three_and_resumed_by_a_change_at_its_source() -> None:
    w = Trade()
    row = w.customer("C1", Name="one", Note="right")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.writes()
    for _ in range(5):
        w.change(contact, new_note="the plug-in's")
        w.sync("Customers")
    assert len(w.writes()) == 3
    assert w.parked() == [("C1", "not_kept")]
    w.change(row, Note="new")
    w.sync("Customers")
    assert contact.values["new_note"] == "new" and w.parked() == []


def test_a_field_that_both_sides_set_back_to_their_own_value_is_given_up_and_another_value_flows() -> None:
    """A plug-in here and a rule there: every turn looks like a user's change, and there would be no end to it."""
    w = Trade()
    row = w.customer("C1", Name="by rule", Status="Open")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.writes()
    for _ in range(10):
        if contact.values["new_name"] == "by rule":
            w.change(contact, new_name="by plug-in")
            w.sync("Customers")
        if row.values["Name"] == "by plug-in":
            w.change(row, Name="by rule")
            w.sync("Customers")
    assert 6 <= len(w.writes()) <= 8
    assert w.parked() == [("C1", "not_kept")]
    (record,) = w.conflicts(kind="not_kept", status="open")
    assert list(record.fields) == ["Name=new_name"]
    w.change(row, Status="Held")  # the other fields go on
    w.sync("Customers")
    assert [(table, list(values)) for table, _, values in w.writes()] == [("new_customers", ["new_status"])]
    w.change(row, Name="a user's")
    w.sync("Customers")
    assert contact.values["new_name"] == "a user's" and w.parked() == []


def test_users_who_disagree_about_a_field_now_and_then_dont_count_as_going_back_and_forth() -> None:
    w = Trade()
    row = w.customer("C1", Name="yes")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    for _ in range(10):
        w.clock.forward(minutes=20)
        w.change(contact, new_name="no")
        w.sync("Customers")
        w.clock.forward(minutes=20)
        w.change(row, Name="yes")
        w.sync("Customers")
        assert contact.values["new_name"] == "yes"
    assert w.parked() == []


def test_repairs_of_other_days_dont_count() -> None:
    w = Trade()
    w.customer("C1", Name="one", Note="right")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    for _ in range(5):
        w.change(contact, new_note="somebody's")
        w.sync("Customers")
        w.clock.forward(hours=30)
    assert contact.values["new_note"] == "right" and w.parked() == []


# conflicts


@pytest.mark.parametrize(("policy", "stands"), [("fno", "F&O"), ("dataverse", "Dataverse")])
def test_a_conflict_is_decided_by_the_policy_per_field_and_recorded(policy: str, stands: str) -> None:
    w = Trade(customers_map(conflict=policy))
    row = w.customer("C1", Name="one", Amount="1.00")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, Name="F&O", Amount="2.00")
    w.change(contact, new_name="Dataverse", new_status=2)
    w.sync("Customers")
    assert row.values["Name"] == contact.values["new_name"] == stands
    assert (row.values["Status"], str(contact.values["new_amount"])) == ("Held", "2.00"), (
        "the other fields merge"
    )
    (record,) = w.conflicts(kind="conflict")
    assert list(record.fields) == ["Name=new_name"] and record.winner == policy


def test_hold_keeps_one_field_and_lets_the_others_go_on() -> None:
    w = Trade(customers_map(conflict="hold"))
    row = w.customer("C1", Name="one", Amount="1.00")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, Name="F&O", Amount="2.00")
    w.change(contact, new_name="Dataverse")
    for _ in range(2):
        w.sync("Customers")
    assert (row.values["Name"], contact.values["new_name"]) == ("F&O", "Dataverse")
    assert str(contact.values["new_amount"]) == "2.00"
    (record,) = w.conflicts(status="open")
    assert list(record.fields) == ["Name=new_name"]
    w.change(row, Name="one")  # back at its base: no longer changed on both sides
    w.sync("Customers")
    assert row.values["Name"] == "Dataverse" and w.conflicts(status="open") == []


def test_an_edit_beats_a_delete_and_it_is_on_record() -> None:
    w = Trade()
    row = w.customer("C1", Name="one")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_name="edited")
    w.remove(row)
    w.sync("Customers")
    w.sync("Customers")
    back = w.in_fno("C1")
    assert back is not None and back.values["Name"] == "edited" and back.values["Status"] == "Open", "whole"
    (record,) = w.conflicts(kind="delete")
    assert (record.key, record.winner) == ("C1", "dataverse")


# leaving the filter


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_row_that_leaves_its_filter_is_left_alone_until_it_is_back(side: str) -> None:
    w = Trade(filtered())
    row = w.customer("C1", Name="one", Kind="Organization")
    w.customer("C2", Name="canary", Kind="Organization")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.writes()
    if side == "dataverse":
        w.change(contact, new_type=1, new_name="a person now")
    else:
        w.change(row, Kind="Person", Name="a person now")
    w.sync("Customers")
    w.change(row, Name="from F&O")
    w.sync("Customers")
    assert w.writes() == [], "nothing is written in either direction, the constant least of all"
    with w.store.read() as state:
        assert state.count_links(w.session.pair, "Customers", "usmf", "detached") == 1
    if side == "dataverse":
        w.change(contact, new_type=3)
    else:
        w.change(row, Kind="Organization")
    w.sync("Customers")
    assert contact.values["new_name"] == row.values["Name"] == "from F&O"
    assert {tuple(values) for _, kind, values in w.writes()} == {("new_name",)}


def test_a_detached_row_that_is_deleted_takes_nobody_along() -> None:
    w = Trade(filtered())
    row = w.customer("C1", Name="one", Kind="Organization")
    w.customer("C2", Name="canary", Kind="Organization")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_type=1)
    w.sync("Customers")
    w.remove(row)
    for _ in range(2):
        w.sync("Customers")
    assert w.dataverse_memory.of("new_customers").get(contact.id) is contact


def test_a_filter_that_flips_for_all_rows_stops_the_lane_until_somebody_looked() -> None:
    w = Trade(filtered(), update_brake_share=0.3)
    rows = [w.customer(f"C{n}", Name="one", Kind="Organization") for n in range(10)]
    w.connect("Customers")
    w.writes()
    for row in rows:
        w.change(row, Kind="Person", Name="edited")
    for _ in range(2):
        w.sync("Customers")
    assert w.lane_state("Customers") == "error" and w.lane_state("Customers", "demf") == "running"
    assert w.writes() == []
    with w.store.read() as state:
        assert state.count_links(w.session.pair, "Customers", "usmf", "paired") == 10


def test_a_conflict_of_a_row_that_is_refused_is_recorded_once() -> None:
    """The row is tried again and again; its two values met only once."""
    w = Trade()
    row = w.customer("C1", Name="one", Amount="1.00")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, Name="x" * 60)
    w.change(contact, new_name="theirs")
    for _ in range(3):
        w.sync("Customers")
        w.clock.forward(hours=12)
    assert w.parked() == [("C1", "too_long")]
    assert [record.kind for record in w.conflicts(kind="conflict")] == ["conflict"]
