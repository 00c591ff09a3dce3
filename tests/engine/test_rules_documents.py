"""Orders that Dataverse closed, and notes attached to rows of several tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mappings.metadata import Column
from tasks.sync.verify import verify
from tests.engine.memory import Refused, Stored
from tests.engine.shop import Shop, a_map, dataverse_table, fno_table, points_at

COMPANY = points_at("new_company", "cdm_company")
KEY = ("dataAreaId", "Number")


# closed


def state(name: str = "statecode") -> Column:
    return Column(name, "option", members=("0", "1", "2", "3", "4"))


@pytest.fixture
def orders() -> Shop:
    """Orders with lines; once an order isn't active, Dataverse lets nobody change it or its lines."""
    lines = a_map(
        "Lines",
        "Lines",
        ("dataAreaId", "Order", "Line"),
        "lines",
        ["order.number", "line"],
        fields=[("Order", "order.number"), ("Line", "line"), ("Text", "text")],
        lookups={"order": {"table": "orders"}},
    )
    headers = a_map(
        "Orders", "Orders", KEY, "orders", ["number"], fields=[("Number", "number"), ("Note", "note")]
    )
    shop = Shop(
        [headers, lines],
        [fno_table("Orders", KEY, "Note"), fno_table("Lines", ("dataAreaId", "Order", "Line"), "Text")],
        [
            dataverse_table("orders", ("number", "new_company"), "note", state(), COMPANY),
            dataverse_table(
                "lines",
                ("order", "line", "new_company"),
                "text",
                state("orderstatecode"),
                points_at("order", "order"),
                COMPANY,
            ),
        ],
    )
    refuse_what_is_closed(shop)
    for number in ("A", "B"):
        shop.in_fno("Orders", Number=number, Note="first")
        shop.in_fno("Lines", Order=number, Line="1", Text="first")
    shop.connect()
    return shop


def refuse_what_is_closed(shop: Shop) -> None:
    memory = shop.dataverse_memory
    create, update = memory.create, memory.update

    def check(table: str, values: Mapping[str, Any]) -> None:
        order = memory.of("orders").get(str(values.get("order"))) if table == "lines" else None
        closed = values if table == "orders" else order.values if order else {}
        if closed.get("statecode"):
            raise Refused(400, "0x80040265", "The record is closed.")

    def create_checked(table: str, values: Mapping[str, Any], **more: Any) -> Stored:
        check(table, values)
        return create(table, values, **more)

    def update_checked(table: str, id_: str, values: Mapping[str, Any], **more: Any) -> Stored:
        if not any(name.endswith("statecode") for name in values):
            check(table, memory.of(table)[id_].values)
        return update(table, id_, values, **more)

    memory.create, memory.update = create_checked, update_checked  # type: ignore[method-assign]


def close(shop: Shop, number: str, value: int = 3) -> None:
    order = shop.one("orders", number=number)
    shop.change(order, statecode=value)
    for line in shop.dataverse_memory.of("lines").values():
        if line.values["order"] == order.id:
            shop.change(line, orderstatecode=value)


def test_a_change_of_a_closed_order_is_listed_with_what_to_do_and_goes_through_once_it_is_open(
    orders: Shop,
) -> None:
    close(orders, "A")
    orders.change(orders.one("Orders", Number="A"), Note="second")
    orders.change(orders.one("Orders", Number="B"), Note="second")
    orders.sync()
    assert orders.parked() == [("Orders", "A", "closed")]
    text = orders.parked_text()
    assert "closed in Dataverse (order, state 3)" in text and "The record is closed." in text
    assert "revise the quote" in text
    assert orders.one("orders", number="B").values["note"] == "second"
    close(orders, "A", 0)
    orders.sync()
    assert orders.one("orders", number="A").values["note"] == "second" and orders.parked() == []


def test_lines_of_a_closed_order_are_listed_as_such_changed_ones_and_new_ones(orders: Shop) -> None:
    close(orders, "A", 4)
    orders.change(orders.one("Lines", Order="A"), Text="second")
    orders.in_fno("Lines", Order="A", Line="2", Text="new")
    orders.in_fno("Lines", Order="B", Line="2", Text="new")
    orders.sync()
    assert sorted(orders.parked()) == [("Lines", "A/1", "closed"), ("Lines", "A/2", "closed")]
    assert orders.parked_text().count("closed in Dataverse (order, state 4)") == 2
    assert len(orders.rows("lines")) == 3


def test_an_inactive_row_is_not_closed(orders: Shop) -> None:
    """Accounts and their like are active or inactive; that doesn't keep anybody from editing them."""
    shop = Shop(
        [
            a_map(
                "Accounts",
                "Accounts",
                KEY,
                "accounts",
                ["number"],
                fields=[("Number", "number"), ("Name", "name")],
            )
        ],
        [fno_table("Accounts", KEY, "Name")],
        [
            dataverse_table(
                "accounts",
                ("number", "new_company"),
                "name",
                Column("statecode", "option", members=("0", "1")),
                COMPANY,
            )
        ],
    )
    account = shop.in_fno("Accounts", Number="A", Name="first")
    shop.connect()
    shop.change(shop.one("accounts"), statecode=1)

    def refuse(name: str, value: Any) -> Any:
        if value == "bad":
            raise Refused(400, "0x80040203", "no such name")
        return value

    shop.dataverse_memory.normalize = refuse
    shop.change(account, Name="bad")
    shop.sync()
    assert shop.parked() == [("Accounts", "A", "0x80040203")]


def test_what_is_refused_for_another_reason_is_not_called_closed(orders: Shop) -> None:
    def refuse(name: str, value: Any) -> Any:
        if value == "bad":
            raise Refused(400, "0x80040203", "no such note")
        return value

    orders.dataverse_memory.normalize = refuse
    orders.change(orders.one("Orders", Number="A"), Note="bad")
    orders.sync()
    assert orders.parked() == [("Orders", "A", "0x80040203")]


# notes


def note_map(name: str, kind: str, number: str, tables: dict[str, str], kinds: str) -> dict[str, Any]:
    """Notes of one kind of row: the number is kept as text, and binds the row."""
    first = next(iter(tables.values()))
    return a_map(
        name,
        name.replace(" ", ""),
        ("dataAreaId", "Document"),
        "notes",
        ["notesid"],
        fields=[
            ("Document", "notesid"),
            ("Text", "notetext"),
            ("Number", number),
            ("Number", f"objectid.{first}", "to-dataverse"),
            {"fno": "Type", "constant": "Note"},
            {"dataverse": "objecttype", "constant": kind},
        ],
        lookups={"objectid": {"tables": tables, "type": "objecttype", "missing": "wait"}},
        fno_end={"filter": "Type eq 'Note' or Type eq 'URL'"},
        dataverse_end={"filter": f"({kinds}) and {number} ne null"},
    )


@pytest.fixture
def notes() -> Shop:
    parties = [
        a_map(name, name, KEY, table, [key], fields=[("Number", key)])
        for name, table, key in (
            ("Customers", "accounts", "accountnumber"),
            ("Persons", "contacts", "personid"),
            ("Vendors", "vendors", "vendornumber"),
        )
    ]
    maps = [
        note_map(
            "Customer notes",
            "account",
            "relatedid",
            {"accounts": "accountnumber", "contacts": "personid"},
            "objecttype eq 'account' or objecttype eq 'contact'",
        ),
        note_map(
            "Vendor notes", "vendor", "relatedid2", {"vendors": "vendornumber"}, "objecttype eq 'vendor'"
        ),
    ]
    document = ("dataAreaId", "Document")
    shop = Shop(
        [*parties, *maps],
        [
            *(fno_table(name, KEY) for name in ("Customers", "Persons", "Vendors")),
            *(
                fno_table(name, document, "Text", "Number", "Type")
                for name in ("Customernotes", "Vendornotes")
            ),
        ],
        [
            dataverse_table("accounts", ("accountnumber", "new_company"), COMPANY),
            dataverse_table("contacts", ("personid", "new_company"), COMPANY),
            dataverse_table("vendors", ("vendornumber", "new_company"), COMPANY),
            dataverse_table(
                "notes",
                ("notesid", "new_company"),
                "notetext",
                "relatedid",
                "relatedid2",
                "objecttype",
                points_at("objectid", "account", "contact", "vendor"),
                COMPANY,
            ),
        ],
    )
    shop.in_fno("Customers", Number="O1")
    shop.in_fno("Persons", Number="P1")
    shop.in_fno("Vendors", Number="V1")
    return shop


def test_notes_of_several_kinds_share_a_table_and_are_bound_to_their_rows(notes: Shop) -> None:
    notes.in_fno("Customernotes", Document="1", Text="org", Number="O1", Type="Note")
    notes.in_fno("Customernotes", Document="2", Text="person", Number="P1", Type="URL")
    notes.in_fno("Customernotes", Document="3", Text="a file", Number="P1", Type="File")
    notes.in_fno("Vendornotes", Document="4", Text="vendor", Number="V1", Type="Note")
    notes.connect()
    bound = {row["notesid"]: (row["objecttype"], row["objectid"]) for row in notes.rows("notes")}
    assert bound == {
        "1": ("account", notes.one("accounts").id),
        "2": ("contact", notes.one("contacts").id),
        "4": ("vendor", notes.one("vendors").id),
    }
    notes.change(notes.one("notes", notesid="2"), notetext="edited")
    notes.change(notes.one("notes", notesid="4"), notetext="edited too")
    notes.sync()
    assert notes.one("Customernotes", Document="2").values["Text"] == "edited"
    assert notes.one("Vendornotes").values["Text"] == "edited too"
    notes.writes()
    notes.sync()
    assert notes.writes() == [] and verify(notes.session).differences == 0


def test_a_note_from_dataverse_becomes_a_note_in_fno(notes: Shop) -> None:
    notes.connect()
    notes.in_dataverse(
        "notes",
        notesid="9",
        notetext="hello",
        objecttype="contact",
        relatedid="P1",
        objectid=notes.one("contacts").id,
    )
    notes.sync()
    made = notes.one("Customernotes").values
    assert (made["Number"], made["Text"], made["Type"]) == ("P1", "hello", "Note")
    assert notes.rows("Vendornotes") == []


def test_a_note_whose_number_is_changed_moves_to_the_other_row(notes: Shop) -> None:
    note = notes.in_fno("Customernotes", Document="1", Text="x", Number="O1", Type="Note")
    notes.connect()
    notes.change(note, Number="P1")
    notes.sync()
    row = notes.one("notes").values
    assert (row["relatedid"], row["objectid"], row["objecttype"]) == (
        "P1",
        notes.one("contacts").id,
        "contact",
    )
    notes.change(notes.one("notes"), relatedid="O1")
    notes.sync()
    notes.sync()
    row = notes.one("notes").values
    assert note.values["Number"] == "O1" and row["objectid"] == notes.one("accounts").id


def test_a_note_waits_for_its_row(notes: Shop) -> None:
    notes.in_fno("Customernotes", Document="1", Text="early", Number="O2", Type="Note")
    notes.connect()
    assert notes.rows("notes") == []
    notes.in_fno("Customers", Number="O2")
    notes.sync()
    notes.sync()
    assert notes.one("notes").values["objectid"] == notes.one("accounts", accountnumber="O2").id
