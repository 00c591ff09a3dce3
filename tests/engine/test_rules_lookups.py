"""Lookups of every shape: to one of several tables, by several columns, through several tables."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.sync.verify import verify
from tasks.sync.work import maps_with_work
from tests.engine.shop import Shop, a_map, dataverse_table, fno_table, order_map, order_shop, points_at

# one of several tables


@pytest.fixture
def shop() -> Shop:
    shop = order_shop()
    shop.in_fno("Customers", Account="O1", Name="org", Kind="Organization")
    shop.in_fno("Customers", Account="P1", Name="person", Kind="Person")
    return shop


def test_an_order_points_at_the_account_or_the_contact_that_has_the_number(shop: Shop) -> None:
    shop.in_fno("Orders", Number="1", Customer="o1")
    shop.in_fno("Orders", Number="2", Customer="P1")
    shop.in_fno("Orders", Number="3")
    shop.connect()
    assert shop.one("orders", number="1").values["customerid"] == shop.one("accounts").id
    assert shop.one("orders", number="2").values["customerid"] == shop.one("contacts").id
    assert shop.one("orders", number="3").values.get("customerid") is None
    shop.writes()
    shop.sync()
    assert shop.writes() == []
    assert verify(shop.session).differences == 0


def test_an_update_moves_the_lookup_from_one_table_to_the_other_and_clears_it(shop: Shop) -> None:
    order = shop.in_fno("Orders", Number="1", Customer="O1")
    shop.connect()
    for number, expected in (("P1", shop.one("contacts").id), ("O1", shop.one("accounts").id), ("", None)):
        shop.change(order, Customer=number)
        shop.sync()
        assert shop.one("orders").values["customerid"] == expected


def test_towards_fno_the_table_that_the_service_names_gives_the_number(shop: Shop) -> None:
    order = shop.in_fno("Orders", Number="1", Customer="O1")
    shop.connect()
    shop.change(shop.one("orders"), customerid=shop.one("contacts").id)
    shop.sync()
    assert order.values["Customer"] == "P1"
    shop.in_dataverse("orders", number="2", customerid=shop.one("accounts").id)
    shop.sync()
    assert shop.one("Orders", Number="2").values["Customer"] == "O1"


def test_a_service_that_names_no_table_is_understood_too(shop: Shop) -> None:
    shop.dataverse._table_of = lambda _: None  # type: ignore[method-assign, assignment]
    shop.connect()
    shop.in_dataverse("orders", number="2", customerid=shop.one("contacts").id)
    shop.sync()
    assert shop.one("Orders", Number="2").values["Customer"] == "P1"


def test_only_the_rows_of_the_rows_own_company_are_meant(shop: Shop) -> None:
    shop.in_fno("Customers", dataAreaId="demf", Account="X", Kind="Organization")
    shop.in_fno("Customers", Account="X", Kind="Person")
    shop.in_fno("Orders", Number="1", Customer="X")
    shop.in_fno("Orders", dataAreaId="demf", Number="1", Customer="X")
    shop.connect()
    by_company = {row["new_company"]: row["customerid"] for row in shop.rows("orders")}
    assert by_company == {
        shop.company["usmf"]: shop.one("contacts", personid="X").id,
        shop.company["demf"]: shop.one("accounts", accountnumber="X").id,
    }


def test_a_row_that_waits_for_a_customer_goes_on_when_either_table_has_it() -> None:
    shop = order_shop(missing="wait")
    shop.in_fno("Orders", Number="1", Customer="P9")
    shop.connect()
    assert shop.rows("orders") == []
    assert {(each.parent_table, each.row) for each in shop.waiting()} == {
        ("accounts", '["usmf","1"]'),
        ("contacts", '["usmf","1"]'),
    }
    shop.in_fno("Customers", Account="P9", Kind="Person")
    shop.sync()
    shop.sync("Orders")
    assert shop.one("orders").values["customerid"] == shop.one("contacts").id
    assert shop.waiting() == []


def test_a_customer_that_no_link_knows_is_found_in_the_second_table_too(shop: Shop) -> None:
    shop.connect()
    by_hand = shop.in_dataverse("contacts", personid="H1")
    shop.in_fno("Orders", Number="1", Customer="H1")
    shop.sync("Orders")
    assert shop.one("orders").values["customerid"] == by_hand.id


def test_a_lookup_can_mean_the_rows_of_one_map_only() -> None:
    """Two maps fill one table: what belongs to the other is no answer, whether a link says so or its filter does."""
    fields: Any = [
        ("Account", "accountnumber"),
        ("Name", "name"),
        {"dataverse": "kind", "constant": "vendor"},
    ]
    vendors = a_map(
        "Vendors",
        "Vendors",
        ("dataAreaId", "Account"),
        "accounts",
        ["accountnumber"],
        fields=fields,
        dataverse_end={"filter": "kind eq 'vendor'"},
    )
    clients = a_map(
        "Clients",
        "Clients",
        ("dataAreaId", "Account"),
        "accounts",
        ["accountnumber"],
        fields=[*fields[:2], {"dataverse": "kind", "constant": "client"}],
        dataverse_end={"filter": "kind eq 'client'"},
    )
    purchases = a_map(
        "Purchases",
        "Purchases",
        ("dataAreaId", "Number"),
        "purchases",
        ["number"],
        fields=[("Number", "number"), ("Vendor", "vendor.accountnumber")],
        lookups={"vendor": {"table": "accounts", "maps": ["Vendors"]}},
    )
    company = points_at("new_company", "cdm_company")
    shop = Shop(
        [clients, vendors, purchases],
        [
            fno_table("Vendors", ("dataAreaId", "Account"), "Name"),
            fno_table("Clients", ("dataAreaId", "Account"), "Name"),
            fno_table("Purchases", ("dataAreaId", "Number"), "Vendor"),
        ],
        [
            dataverse_table("accounts", ("accountnumber", "new_company"), "name", "kind", company),
            dataverse_table(
                "purchases", ("number", "new_company"), "number", points_at("vendor", "account"), company
            ),
        ],
    )
    shop.in_fno("Clients", Account="C1")
    shop.in_fno("Clients", Account="C0")
    shop.in_fno("Vendors", Account="V1")
    shop.in_fno("Purchases", Number="1", Vendor="C1")
    shop.in_fno("Purchases", Number="2", Vendor="V1")
    shop.connect()
    assert shop.one("purchases", number="1").values.get("vendor") is None
    assert shop.one("purchases", number="2").values["vendor"] == shop.one("accounts", kind="vendor").id
    # made by hand, known to no link
    shop.in_dataverse("accounts", accountnumber="C2", kind="client")
    by_hand = shop.in_dataverse("accounts", accountnumber="V2", kind="vendor")
    shop.in_fno("Purchases", Number="3", Vendor="C2")
    shop.in_fno("Purchases", Number="4", Vendor="V2")
    shop.sync("Purchases")
    assert shop.one("purchases", number="3").values.get("vendor") is None
    assert shop.one("purchases", number="4").values["vendor"] == by_hand.id
    # the client's row is not what the first purchase waits for: nobody is woken for it, until a vendor comes
    assert "Purchases" not in maps_with_work(shop.session)
    shop.remove(shop.one("Clients", Account="C1"))
    shop.in_fno("Clients", Account="C9")
    shop.sync("Clients")
    shop.in_fno("Vendors", Account="C1")
    shop.sync("Vendors")
    assert "Purchases" in maps_with_work(shop.session)
    shop.sync("Purchases")
    assert shop.one("purchases", number="1").values["vendor"] == shop.one("accounts", accountnumber="C1").id


def test_the_column_that_names_the_table_follows_the_lookup() -> None:
    made = order_map(type="customertype", missing="wait")
    made["fields"].append({"dataverse": "customertype", "constant": "account"})
    shop = order_shop(made)
    shop.in_fno("Customers", Account="O1", Kind="Organization")
    shop.in_fno("Customers", Account="P1", Kind="Person")
    shop.in_fno("Orders", Number="1", Customer="O1")
    order = shop.in_fno("Orders", Number="2", Customer="P1")
    shop.connect()
    assert shop.one("orders", number="1").values["customertype"] == "account"
    assert shop.one("orders", number="2").values["customertype"] == "contact"
    shop.change(order, Customer="O1")
    shop.sync()
    assert shop.one("orders", number="2").values["customertype"] == "account"


def test_a_table_that_the_live_column_cannot_point_at_is_a_fault_of_the_map() -> None:
    shop = order_shop(tables={"accounts": "accountnumber", "orders": "number"}, missing="defer", cycle=True)
    (first, *_) = shop.initial("Orders")
    assert first.verdict == "failed"
    assert "customerid of orders can't point at orders, only at account, contact" in first.message
