"""What can't be synced is listed with its field and comes by itself once it is mended; what `status` counts of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from mappings.metadata import Column
from tasks.state.records import ParkedRow
from tasks.sync.status import LaneStatus, status
from tests.engine.memory import ENGINE, Refused, Stored, text
from tests.engine.trade import Trade, customers_map
from tests.engine.world import DATAVERSE_THINGS, FNO_THINGS, World, thing_map

Side = Literal["fno", "dataverse"]
SIDES: tuple[Side, Side] = ("fno", "dataverse")


def listed(w: World) -> list[ParkedRow]:
    with w.store.read() as state:
        return list(state.parked(w.session.pair))


def shown(w: World, name: str, company: str = "usmf") -> LaneStatus:
    """A lane as `status` shows it."""
    found = status(w.store, w.session.pair, w.catalogue, w.clock())
    (lane,) = [lane for lane in found.lanes if (lane.map, lane.company) == (name, company)]
    return lane


# values that the other side can't hold


def measured() -> World:
    """Things with a number, a member and a short text, each of which one of the sides takes less of than the other."""
    base = thing_map()
    fields = [
        *base["fields"],
        {"fno": "Amount", "dataverse": "new_amount"},
        {"fno": "Kind", "dataverse": "new_kind", "values": {"Small": "1", "Large": "2"}},
    ]
    low, high = Decimal(-1000), Decimal(1000)
    fno = {
        **FNO_THINGS.columns,
        "A": text("A", max_length=8),
        "Amount": Column("Amount", "decimal", scale=2),
        "Kind": Column("Kind", "enum", enum="Kind", members=("Small", "Large", "Odd")),
    }
    dataverse = {
        **DATAVERSE_THINGS.columns,
        "new_b": text("new_b", max_length=8),
        "new_amount": Column("new_amount", "decimal", scale=2, minimum=low, maximum=high),
        "new_kind": Column("new_kind", "option", members=("1", "2", "3")),
    }
    names = {**base["fno"], "unlisted": [*base["fno"]["unlisted"], "Amount", "Kind"]}
    return World(
        [thing_map(fields=fields, fno=names)],
        fno=[replace(FNO_THINGS, columns=fno)],
        dataverse=[replace(DATAVERSE_THINGS, columns=dataverse)],
    )


@pytest.mark.parametrize("new", [True, False], ids=["new", "known"])
@pytest.mark.parametrize(
    ("side", "bad", "good", "code", "field"),
    [
        ("fno", {"Amount": "1000.01"}, {"Amount": "999.99"}, "out_of_range", "Amount=new_amount"),
        ("fno", {"B": "x" * 9}, {"B": "x" * 8}, "too_long", "B=new_b"),
        ("fno", {"Kind": "Odd"}, {"Kind": "Large"}, "value_not_mapped", "Kind><new_kind"),
        ("dataverse", {"A": "x" * 9}, {"A": "x" * 8}, "too_long", "A=new_a"),
        ("dataverse", {"Kind": 3}, {"Kind": 2}, "value_not_mapped", "Kind><new_kind"),
    ],
)
def test_a_value_that_the_other_side_cannot_hold_is_listed_by_field_and_flows_once_mended(
    side: Side, bad: dict[str, Any], good: dict[str, Any], code: str, field: str, new: bool
) -> None:
    w = measured()
    w.add_fno("canary")
    own = {"Amount": "1.00", "Kind": "Small"} if side == "fno" else {"Kind": 1}
    add = w.add_fno if side == "fno" else w.add_dataverse
    change = w.set_fno if side == "fno" else w.set_dataverse
    if new:
        w.initial()
        add("X", **{**own, **bad})
    else:
        add("X", **own)
        w.initial()
        change("X", **bad)
    w.settle()
    (row,) = listed(w)
    assert (row.key, row.code, row.field) == ("X", code, field)
    assert row.remedy and (field.split("=")[0] in row.message or "new_" in row.message)
    other = w.dataverse_row if side == "fno" else w.fno_row
    assert (other("X") is None) is new
    w.fno_memory.log.clear()
    w.dataverse_memory.log.clear()
    w.settle(1)
    assert w.engine_writes() == 0
    change("X", **good)
    w.settle(2)
    assert listed(w) == []
    (name, value), there = next(iter(good.items())), other("X")
    assert there is not None
    held = there[f"new_{name.lower()}" if side == "fno" else name]
    assert str(held) == {"Large": "2", "2": "Large"}.get(str(value), str(value))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("fno", "Write failed for table row. Infolog: Warning: Field 'Name' must be filled in."),
        ("dataverse", "Required attribute 'new_name' of entity 'new_customer' is missing."),
    ],
)
def test_a_required_field_that_is_empty_is_listed_by_field_and_flows_once_filled(
    target: Side, said: str
) -> None:
    w = Trade()
    w.customer("C0", Name="canary")
    memory = w.fno_memory if target == "fno" else w.dataverse_memory
    name = "Name" if target == "fno" else "new_name"
    create = memory.create

    def strict(table: str, values: Any, **options: Any) -> Stored:
        if options.get("by") == ENGINE and not values.get(name):
            raise Refused(400, "", said)
        return create(table, values, **options)

    memory.create = strict  # type: ignore[method-assign]
    row = w.contact("X1") if target == "fno" else w.customer("X1")
    w.connect("Customers")
    (listed_row,) = listed(w)
    assert (listed_row.key, listed_row.field) == ("X1", "Name=new_name") and said in listed_row.message
    w.change(row, **{"new_name" if target == "fno" else "Name": "filled"})
    w.sync("Customers")
    assert listed(w) == []
    assert (w.in_fno("X1") and w.in_dataverse("X1")) is not None


# rows that change their name or company while they are listed


@pytest.mark.parametrize("why", ["refused", "waiting"])
def test_a_listed_row_that_is_renamed_is_listed_once_under_its_new_name(why: str) -> None:
    w = Trade(customers_map(missing="wait"))
    w.customer("C0")
    w.connect()
    row = w.customer("OLD", **({"Name": "x" * 51} if why == "refused" else {"GroupId": "NONE"}))
    w.sync("Customers")
    w.change(row, Account="NEW")
    w.sync("Customers")
    keys = [each.key for each in listed(w)] if why == "refused" else [each.row for each in w.waiting()]
    assert len(keys) == 1 and "NEW" in keys[0]
    w.change(row, Account="LAST", Name="fits", GroupId="")
    w.sync("Customers")
    assert listed(w) == [] and w.waiting() == []
    assert w.in_dataverse("LAST") is not None


def test_a_row_given_to_another_company_is_listed_with_both_and_nothing_flows() -> None:
    w = Trade()
    w.customer("C1", Name="one")
    for company in ("usmf", "demf"):
        w.customer("CANARY", company)
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.writes()
    w.change(contact, new_company=w.company["demf"], new_name="theirs")
    w.sync("Customers")
    (row,) = listed(w)
    assert (row.code, row.field) == ("company_changed", "new_company")
    assert "'DEMF'" in row.message and "'usmf'" in row.message
    # a row of the other company with the same key doesn't get it either
    w.customer("C1", "demf", Name="a namesake")
    for _ in range(2):
        w.sync("Customers")
    assert w.writes() == []
    assert sorted(row.code for row in listed(w)) == ["claimed", "company_changed"]
    # given back, all of it flows
    w.change(contact, new_company=w.company["usmf"])
    w.clock.forward(minutes=5)
    w.sync("Customers")
    assert w.in_fno("C1").values["Name"] == "theirs"  # type: ignore[union-attr]
    assert w.in_dataverse("C1", "demf").values["new_name"] == "a namesake"  # type: ignore[union-attr]
    assert listed(w) == []


def test_a_row_given_to_another_company_is_made_there_once_the_first_company_let_it_go() -> None:
    w = Trade()
    row = w.customer("C1", Name="one")
    for company in ("usmf", "demf"):
        w.customer("CANARY", company)
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_company=w.company["demf"])
    w.sync("Customers")
    w.writes()
    w.remove(row)
    for _ in range(2):
        w.sync("Customers")
    assert [(table, kind) for table, kind, _ in w.writes()] == [("Customers", "create")]
    assert w.in_fno("C1", "demf") is not None and w.in_dataverse("C1", "demf") is contact
    assert listed(w) == []


# what is counted


def cut(column: str, value: Any) -> Any:
    return value[:5] if column == "new_name" and isinstance(value, str) else value


@pytest.mark.parametrize("bulk", [True, False], ids=["new rows", "an update"])
def test_what_a_service_makes_of_a_value_is_counted_by_rows_whoever_hears_of_it(bulk: bool) -> None:
    """A bulk message is answered without the rows, a dead run not at all: the next one sees what became of the value."""
    w = Trade(normalize_dataverse=cut)
    row = w.customer("C1", Name="a name" if bulk else "short")
    w.customer("C2", Name="short")
    w.connect("Customers")
    if not bulk:
        assert shown(w, "Customers").normalized == 0
        w.change(row, Name="a name")
        with w.dying_at("written"):
            w.sync("Customers")
        w.clock.forward(minutes=10)
        w.sync("Customers")
    w.sync("Customers")
    assert shown(w, "Customers").normalized == 1
    assert row.values["Name"] == "a name"
    # the same row again is no second one
    w.change(row, Name="another name")
    w.sync("Customers")
    w.sync("Customers")
    assert shown(w, "Customers").normalized == 1 and len(w.conflicts(kind="normalized")) == 2
    assert row.values["Name"] == "another name"


def test_status_counts_drift_what_is_not_kept_and_what_is_detached() -> None:
    w = Trade(customers_map(dataverse={"filter": "new_plugin eq null"}))
    row = w.customer("C1", Note="right")
    w.customer("C2")
    w.connect("Customers")
    contact, other = w.in_dataverse("C1"), w.in_dataverse("C2")
    assert contact is not None and other is not None
    for _ in range(5):
        w.change(contact, new_note="the plug-in's")
        w.sync("Customers")
    w.change(other, new_plugin="left")
    w.sync("Customers")
    lane = shown(w, "Customers")
    assert (lane.drift, lane.not_kept, lane.detached, lane.parked, lane.open) == (3, 1, 1, 1, 0)
    (record,) = w.conflicts(kind="not_kept", status="open")
    assert record.key == "C1" and len(record.fields) == 1 and "Note" in record.fields[0]
    w.change(row, Note="new")
    w.change(other, new_plugin=None)
    w.sync("Customers")
    lane = shown(w, "Customers")
    assert (lane.not_kept, lane.detached, lane.parked) == (0, 0, 0)
