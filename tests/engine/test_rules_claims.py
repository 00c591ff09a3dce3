"""Several maps on one Dataverse table: whose row is it, who may write it too, and how it passes from one to the other."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.sync.verify import verify
from tests.engine.shop import Shop, a_map, dataverse_table, fno_table, points_at

COMPANY = points_at("new_company", "cdm_company")
KEY = ("dataAreaId", "Number")


def party_maps(**more: Any) -> list[dict[str, Any]]:
    """Customers and contact persons in one table, told apart by `sellable`; persons of vendors by `of`."""
    return [
        a_map(
            name,
            entity,
            KEY,
            "contacts",
            ["personid"],
            fields=[("Number", "personid"), ("Name", "name"), *constants],
            dataverse_end={"filter": f"{expression} and personid ne null"},
            fno_end={"unlisted": ["Number", "Name"]},
            **more.get(name, {}),
        )
        for name, entity, expression, constants in (
            ("Customers", "Customers", "sellable eq 'yes'", [{"dataverse": "sellable", "constant": "yes"}]),
            (
                "Helpers",
                "Helpers",
                "sellable eq 'no' and of eq 'customer'",
                [{"dataverse": "sellable", "constant": "no"}, {"dataverse": "of", "constant": "customer"}],
            ),
            (
                "Vendor helpers",
                "VendorHelpers",
                "sellable eq 'no' and of eq 'vendor'",
                [{"dataverse": "sellable", "constant": "no"}, {"dataverse": "of", "constant": "vendor"}],
            ),
        )
    ]


def parties(**more: Any) -> Shop:
    return Shop(
        party_maps(**more),
        [fno_table(name, KEY, "Name") for name in ("Customers", "Helpers", "VendorHelpers")],
        [dataverse_table("contacts", ("personid", "new_company"), "name", "sellable", "of", COMPANY)],
    )


def kinds(shop: Shop) -> dict[str, tuple[str, str | None]]:
    return {row["personid"]: (row["sellable"], row.get("of")) for row in shop.rows("contacts")}


def test_three_maps_fill_one_table_and_each_keeps_to_its_rows() -> None:
    shop = parties()
    shop.in_fno("Customers", Number="C1", Name="customer")
    shop.in_fno("Helpers", Number="H1", Name="helper")
    shop.in_fno("VendorHelpers", Number="V1", Name="vendor's")
    shop.connect()
    assert kinds(shop) == {"C1": ("yes", None), "H1": ("no", "customer"), "V1": ("no", "vendor")}
    for number, table in (("C1", "Customers"), ("H1", "Helpers"), ("V1", "VendorHelpers")):
        shop.change(shop.one("contacts", personid=number), name="new")
        shop.sync()
        assert shop.one(table).values["Name"] == "new"
    assert shop.parked() == [] and verify(shop.session).differences == 0


@pytest.mark.parametrize("initial", [True, False])
def test_the_second_claim_to_a_row_is_listed_with_both_names(initial: bool) -> None:
    shop = parties()
    shop.in_fno("Helpers", Number="X1", Name="helper")
    shop.in_fno("Helpers", Number="X2", Name="another")
    if initial:
        shop.connect("Helpers")
        shop.in_fno("Customers", Number="X1", Name="customer")
        shop.connect("Customers")
    else:
        shop.connect()
        shop.in_fno("Customers", Number="X1", Name="customer")
        shop.sync()
    assert shop.parked() == [("Customers", "X1", "claimed")]
    text = shop.parked_text()
    assert "'X1' of map 'Helpers'" in text and "Customers, company usmf, row 'X1'" in text
    assert "`shares: [Helpers]`" in text
    assert shop.one("contacts", personid="X1").values["name"] == "helper"
    # the first goes, the second takes its place
    shop.remove(shop.one("Helpers", Number="X1"))
    shop.sync("Helpers")
    shop.clock.forward(days=1)
    shop.sync("Customers")
    assert kinds(shop)["X1"] == ("yes", None) and shop.parked() == []


def test_rows_that_stood_there_before_are_claimed_once() -> None:
    shop = parties()
    shop.in_dataverse("contacts", personid="X1", name="same", sellable="no", of="customer")
    shop.in_fno("Helpers", Number="X1", Name="same")
    shop.in_fno("Customers", Number="X1", Name="same")
    shop.connect("Helpers")
    shop.connect("Customers")
    assert shop.parked() == [("Customers", "X1", "claimed")]
    assert len(shop.rows("contacts")) == 1


def test_a_row_in_two_filters_is_not_made_twice_in_fno() -> None:
    shop = parties()
    shop.in_dataverse("contacts", personid="X1", name="both", sellable="no", of="customer")
    for each in ("Vendor helpers",):
        end = shop.catalogue.maps[each].dataverse.model_copy(update={"filter": "sellable eq 'no'"})
        shop.catalogue.maps[each].__dict__["dataverse"] = end
    shop.connect("Helpers")
    shop.connect("Vendor helpers")
    assert len(shop.rows("Helpers")) == 1 and shop.rows("VendorHelpers") == []
    assert shop.parked() == [("Vendor helpers", "X1", "claimed")]


def test_a_number_that_two_tables_rows_have_in_common_pairs_with_the_free_one() -> None:
    """Without an alternate key both rows stand: only one of them is still nobody's."""
    shop = Shop(
        party_maps(),
        [fno_table(name, KEY, "Name") for name in ("Customers", "Helpers", "VendorHelpers")],
        [dataverse_table("contacts", (), "personid", "name", "sellable", "of", COMPANY)],
    )
    shop.in_fno("Helpers", Number="X1", Name="helper")
    shop.connect("Helpers")
    by_hand = shop.in_dataverse("contacts", personid="X1", name="customer", sellable="yes")
    shop.in_fno("Customers", Number="X1", Name="customer")
    shop.connect("Customers")
    shop.writes()
    shop.sync()
    assert shop.parked() == [] and shop.writes() == []
    shop.change(by_hand, name="new")
    shop.sync()
    assert shop.one("Customers").values["Name"] == "new" and shop.one("Helpers").values["Name"] == "helper"


def test_of_several_rows_with_a_number_the_one_that_is_nobodys_is_meant() -> None:
    """One way, so that only F&O's row looks for its counterpart."""
    maps = [
        a_map(
            name,
            name,
            KEY,
            "accounts",
            ["number"],
            fields=[
                ("Number", "number", "to-dataverse"),
                ("Name", "name", "to-dataverse"),
                {"dataverse": "kind", "constant": name},
            ],
            dataverse_end={"filter": f"kind eq '{name}'"},
            delete={"to-fno": "ignore"},
        )
        for name in ("Clients", "Vendors")
    ]
    shop = Shop(
        maps,
        [fno_table(name, KEY, "Name") for name in ("Clients", "Vendors")],
        [dataverse_table("accounts", (), "number", "name", "kind", COMPANY)],
    )
    shop.in_fno("Clients", Number="X1", Name="client")
    shop.connect()
    by_hand = shop.in_dataverse("accounts", number="X1", kind="Vendors")
    shop.in_fno("Vendors", Number="X1", Name="vendor")
    shop.sync()
    assert shop.parked() == [] and len(shop.rows("accounts")) == 2
    assert by_hand.values["name"] == "vendor"


# handed over


def test_a_contact_that_becomes_sellable_becomes_a_customer_and_nothing_is_made_again() -> None:
    shop = parties()
    shop.in_fno("Helpers", Number="H1", Name="helper")
    shop.in_fno("Helpers", Number="H2", Name="other")
    shop.connect()
    contact = shop.one("contacts", personid="H1")
    shop.writes()
    shop.change(contact, sellable="yes")
    shop.sync("Helpers", "Customers")
    customer = shop.one("Customers")
    assert (customer.values["Number"], customer.values["Name"]) == ("H1", "helper")
    assert [(table, kind) for table, kind, _ in shop.writes()] == [("Customers", "create")]
    assert shop.one("contacts", personid="H1").id == contact.id
    # from now on it is the customer that follows, and the contact person that is left alone
    shop.change(contact, name="sold")
    shop.sync()
    assert customer.values["Name"] == "sold" and shop.one("Helpers", Number="H1").values["Name"] == "helper"
    shop.change(shop.one("Helpers", Number="H1"), Name="edited")
    shop.change(customer, Name="by the customer")
    shop.sync()
    assert contact.values["name"] == "by the customer"
    assert shop.parked() == [] and len(shop.rows("contacts")) == 2
    shop.writes()
    shop.sync()
    assert shop.writes() == [] and verify(shop.session).differences == 0


def test_the_customer_may_stand_in_fno_already_and_either_map_may_look_first() -> None:
    shop = parties()
    shop.in_fno("Helpers", Number="H1", Name="helper")
    shop.connect()
    shop.in_fno("Customers", Number="H1", Name="helper")
    shop.sync()
    assert shop.parked() == [("Customers", "H1", "claimed")]
    shop.change(shop.one("contacts"), sellable="yes")
    shop.sync("Customers")
    with shop.store.read() as state:
        links = state.iterate_links(shop.session.pair, "Customers", "usmf", 0, 10)
    assert [link.state for link in links] == ["paired"], "although the other link has not let go yet"
    shop.sync("Helpers")
    assert shop.parked() == []
    shop.change(shop.one("Customers"), Name="new")
    shop.sync()
    assert shop.one("contacts").values["name"] == "new" and len(shop.rows("contacts")) == 1


def test_a_row_may_come_back() -> None:
    shop = parties()
    shop.in_fno("Helpers", Number="H1", Name="helper")
    shop.connect()
    contact = shop.one("contacts")
    for sellable, table in (("yes", "Customers"), ("no", "Helpers")):
        shop.change(contact, sellable=sellable)
        shop.sync()
        shop.change(contact, name=f"now {sellable}")
        shop.sync()
        assert shop.one(table).values["Name"] == f"now {sellable}"
    assert len(shop.rows("contacts")) == 1 and len(shop.rows("Customers")) == 1


# shared


def lines(**more: Any) -> Shop:
    """Purchase lines, and the entity where deleted ones appear."""
    key = ("dataAreaId", "Order", "Number")
    own = ["number", "order.number"]
    orders = a_map(
        "Orders", "Orders", ("dataAreaId", "Number"), "orders", ["number"], fields=[("Number", "number")]
    )
    both: Any = [("Number", "number"), ("Order", "order.number")]
    open_lines = a_map(
        "Lines",
        "Lines",
        key,
        "lines",
        own,
        fields=[*both, ("Text", "text")],
        lookups={"order": {"table": "orders"}},
    )
    deleted = a_map(
        "Deleted lines",
        "DeletedLines",
        key,
        "lines",
        own,
        fields=[
            ("Number", "number", "to-dataverse"),
            ("Order", "order.number", "to-dataverse"),
            {
                "fno": "IsDeleted",
                "dataverse": "deleted",
                "direction": "to-dataverse",
                "values": {"Yes": "true", "No": "false"},
            },
        ],
        lookups={"order": {"table": "orders"}},
        shares=["Lines"],
        delete={"to-fno": "ignore"},
        **more,
    )
    return Shop(
        [orders, open_lines, deleted],
        [
            fno_table("Orders", ("dataAreaId", "Number")),
            fno_table("Lines", key, "Text"),
            fno_table("DeletedLines", key, "IsDeleted"),
        ],
        [
            dataverse_table("orders", ("number", "new_company"), COMPANY),
            dataverse_table(
                "lines",
                ("number", "order", "new_company"),
                "text",
                "deleted",
                points_at("order", "order"),
                COMPANY,
            ),
        ],
    )


@pytest.fixture
def order() -> Shop:
    shop = lines()
    for number in ("A", "B"):
        shop.in_fno("Orders", Number=number)
        for line in ("1", "2"):
            shop.in_fno("Lines", Order=number, Number=line, Text=f"{number}{line}")
    shop.connect()
    return shop


def soft_delete(shop: Shop, order: str, line: str) -> None:
    shop.remove(shop.one("Lines", Order=order, Number=line))
    shop.in_fno("DeletedLines", Order=order, Number=line, IsDeleted="Yes")


@pytest.mark.parametrize("first", ["Lines", "Deleted lines"])
def test_a_line_that_moved_to_the_deleted_ones_is_marked_and_stays(order: Shop, first: str) -> None:
    row = order.one("lines", text="A1")
    soft_delete(order, "A", "1")
    second = "Deleted lines" if first == "Lines" else "Lines"
    order.sync(first)
    # in between a user edits it: the line isn't made again in F&O for that
    order.change(row, text="edited")
    order.sync(first, second, first)
    assert order.one("lines", text="edited").values["deleted"] == "true"
    assert len(order.rows("lines")) == 4 and len(order.rows("Lines")) == 3
    assert order.parked() == []
    order.writes()
    order.change(row, text="again")
    order.sync()
    order.connect()
    assert order.writes() == [] and len(order.rows("Lines")) == 3
    assert verify(order.session).differences == 0


def test_a_line_that_is_gone_from_both_is_deleted_and_not_made_again_before(order: Shop) -> None:
    soft_delete(order, "A", "1")
    order.sync()
    order.remove(order.one("DeletedLines"))
    order.connect("Lines")
    assert len(order.rows("Lines")) == 3
    order.remove(order.one("Lines", Order="B", Number="1"))
    order.sync()
    assert sorted(row["text"] for row in order.rows("lines")) == ["A2", "B2"]


def test_a_line_that_comes_back_is_paired_again(order: Shop) -> None:
    soft_delete(order, "A", "1")
    order.sync()
    order.remove(order.one("DeletedLines"))
    order.in_fno("Lines", Order="A", Number="1", Text="back")
    order.sync("Deleted lines", "Lines", "Deleted lines")
    assert sorted(row["text"] for row in order.rows("lines")) == ["A2", "B1", "B2", "back"]
    assert order.parked() == []


def test_a_map_that_does_not_share_may_delete(order: Shop) -> None:
    """The same move without the word that the rows are shared: the second entity's claim is listed."""
    order = lines(map="Deleted lines")
    order.catalogue.maps["Deleted lines"].__dict__["shares"] = ()
    order.in_fno("Orders", Number="A")
    order.in_fno("Lines", Order="A", Number="1", Text="A1")
    order.in_fno("Lines", Order="A", Number="2", Text="A2")
    order.connect()
    order.in_fno("DeletedLines", Order="A", Number="1", IsDeleted="Yes")
    order.sync()
    assert [(map_, code) for map_, _, code in order.parked()] == [("Deleted lines", "claimed")]


def test_a_row_that_leaves_before_its_own_creation_came_back_is_noticed() -> None:
    """Bulk creates are confirmed by the feed: a row in which only the filter's column changed since is no such echo."""
    shop = parties()
    shop.in_fno("Helpers", Number="H1", Name="helper")
    shop.in_fno("Helpers", Number="H2", Name="other")
    for name in ("Helpers", "Customers"):
        shop.initial(name)
    shop.change(shop.one("contacts", personid="H1"), sellable="yes")
    shop.sync("Helpers", "Customers")
    assert shop.one("Customers").values["Number"] == "H1"
    with shop.store.read() as state:
        links = state.iterate_links(shop.session.pair, "Helpers", "usmf", 0, 10)
    assert [link.state for link in links] == ["detached", "paired"]
