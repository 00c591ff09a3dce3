"""Lookups named by several columns, through several tables, and keys of which parts may be empty."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.errors import FatalError
from tasks.sync.verify import verify
from tests.engine.shop import Shop, a_map, dataverse_table, fno_table, points_at
from tests.engine.trade import Trade, customers_map, groups_map

# several columns, several tables

CATEGORIES = a_map(
    "Categories",
    "Categories",
    ("Hierarchy", "Name"),
    "categories",
    ["hierarchy.name", "name"],
    fields=[
        ("Name", "name"),
        ("Hierarchy", "hierarchy.name"),
        ("Parent", "parent.name"),
        ("ParentHierarchy", "parent.hierarchy.name", "to-dataverse"),
    ],
    lookups={
        "hierarchy": {"table": "hierarchies"},
        "parent": {"table": "categories", "cycle": True},
    },
)
HIERARCHIES = a_map(
    "Hierarchies", "Hierarchies", ("Name",), "hierarchies", ["name"], fields=[("Name", "name")]
)


def tree() -> Shop:
    return Shop(
        [HIERARCHIES, CATEGORIES],
        [
            fno_table("Hierarchies", ("Name",)),
            fno_table("Categories", ("Hierarchy", "Name"), "Parent", "ParentHierarchy"),
        ],
        [
            dataverse_table("hierarchies", ("name",)),
            dataverse_table(
                "categories",
                ("hierarchy", "name"),
                "name",
                points_at("hierarchy", "hierarchie"),
                points_at("parent", "categorie"),
            ),
        ],
    )


def test_a_parent_named_by_two_parts_is_found_in_its_own_hierarchy_whatever_the_order() -> None:
    shop = tree()
    for hierarchy in ("Sales", "Stock"):
        shop.in_fno("Hierarchies", Name=hierarchy)
        for name, parent in (("Bikes", "Vehicles"), ("Vehicles", "All"), ("All", "")):
            shop.in_fno(
                "Categories",
                Hierarchy=hierarchy,
                Name=name,
                Parent=parent,
                ParentHierarchy=hierarchy if parent else "",
            )
    shop.connect()
    ids = {stored.id: stored.values for stored in shop.dataverse_memory.of("categories").values()}
    for row in ids.values():
        above = ids.get(str(row.get("parent")))
        expected = {"Bikes": "Vehicles", "Vehicles": "All", "All": None}[row["name"]]
        assert (above["name"] if above else None) == expected
        assert above is None or above["hierarchy"] == row["hierarchy"]
    shop.writes()
    shop.sync()
    assert shop.writes() == [] and verify(shop.session).differences == 0


def test_the_parts_of_one_lookup_change_together() -> None:
    shop = tree()
    for hierarchy in ("Sales", "Stock"):
        shop.in_fno("Hierarchies", Name=hierarchy)
        shop.in_fno("Categories", Hierarchy=hierarchy, Name="All")
    bikes = shop.in_fno("Categories", Hierarchy="Sales", Name="Bikes", Parent="All", ParentHierarchy="Sales")
    shop.connect()
    shop.change(bikes, ParentHierarchy="Stock")
    shop.sync()
    stock = shop.one("categories", name="All", hierarchy=shop.one("hierarchies", name="Stock").id)
    assert shop.one("categories", name="Bikes").values["parent"] == stock.id


def workshop(makers_first: bool = True) -> Shop:
    makers = a_map("Makers", "Makers", ("Maker",), "makers", ["maker_id"], fields=[("Maker", "maker_id")])
    models = a_map(
        "Models",
        "Models",
        ("Maker", "Model"),
        "models",
        ["maker.maker_id", "model_id"] if makers_first else ["model_id", "maker.maker_id"],
        fields=[("Model", "model_id"), ("Maker", "maker.maker_id")],
        lookups={"maker": {"table": "makers"}},
    )
    assets = a_map(
        "Assets",
        "Assets",
        ("Asset",),
        "assets",
        ["asset_id"],
        fields=[("Asset", "asset_id"), ("Model", "model.model_id"), ("Maker", "model.maker.maker_id")],
        lookups={"model": {"table": "models"}},
    )
    return Shop(
        [makers, models, assets],
        [
            fno_table("Makers", ("Maker",)),
            fno_table("Models", ("Maker", "Model")),
            fno_table("Assets", ("Asset",), "Model", "Maker"),
        ],
        [
            dataverse_table("makers", ("maker_id",)),
            dataverse_table("models", ("maker", "model_id"), "model_id", points_at("maker", "maker")),
            dataverse_table("assets", ("asset_id",), points_at("model", "model")),
        ],
    )


@pytest.mark.parametrize("makers_first", [True, False])
def test_a_path_through_two_tables_names_the_row_in_both_directions(makers_first: bool) -> None:
    shop = workshop(makers_first)
    for maker in ("Acme", "Best"):
        shop.in_fno("Makers", Maker=maker)
        shop.in_fno("Models", Maker=maker, Model="M1")
    shop.in_fno("Assets", Asset="A", Model="M1", Maker="Best")
    shop.connect()
    best = shop.one("models", maker=shop.one("makers", maker_id="Best").id)
    assert shop.one("assets").values["model"] == best.id
    acme = shop.one("models", maker=shop.one("makers", maker_id="Acme").id)
    shop.change(shop.one("assets"), model=acme.id)
    shop.in_dataverse("assets", asset_id="B", model=best.id)
    shop.sync()
    assert shop.one("Assets", Asset="A").values["Maker"] == "Acme"
    assert shop.one("Assets", Asset="B").values == {"Asset": "B", "Model": "M1", "Maker": "Best"}


def test_a_row_behind_two_tables_is_found_and_read_live() -> None:
    shop = workshop()
    shop.connect()
    maker = shop.in_dataverse("makers", maker_id="Hand")
    model = shop.in_dataverse("models", maker=maker.id, model_id="M9")
    shop.in_fno("Assets", Asset="A", Model="M9", Maker="Hand")
    shop.sync("Assets")
    assert shop.one("assets").values["model"] == model.id
    assert verify(shop.session, ["Assets"]).differences == 0


def test_a_path_that_leads_to_no_key_is_a_fault_of_the_map() -> None:
    shop = workshop()
    half = shop.catalogue.maps["Assets"].model_dump(by_alias=True)
    half["fields"] = half["fields"][:2]
    shop = Shop(
        [*(shop.catalogue.maps[name].model_dump(by_alias=True) for name in ("Makers", "Models")), half],
        list(shop.fno_memory.tables.values()),
        [table for name, table in shop.dataverse_memory.tables.items() if name != "cdm_companies"],
    )
    (summary,) = shop.initial("Assets")
    assert summary.verdict == "failed" and summary.code == "lookup_not_a_key"
    assert "model_id does not lead to the key of models (maker.maker_id, model_id)" in summary.message
    with pytest.raises(FatalError):
        shop.catalogue.validate()


def test_rates_stand_behind_a_pair_that_three_parts_name() -> None:
    types = a_map("Types", "Types", ("Type",), "types", ["name"], fields=[("Type", "name")])
    currencies = a_map(
        "Currencies", "Currencies", ("Code",), "currencies", ["code"], fields=[("Code", "code")]
    )
    three = {"type": {"table": "types"}, "from_": {"table": "currencies"}, "to_": {"table": "currencies"}}
    parts = [("Type", "type.name"), ("From", "from_.code"), ("To", "to_.code")]
    pairs = a_map(
        "Pairs",
        "Pairs",
        ("Type", "From", "To"),
        "pairs",
        [path for _, path in parts],
        fields=[(name, path, "to-dataverse") for name, path in parts],
        lookups=three,
        delete={"to-fno": "ignore"},
    )
    rates = a_map(
        "Rates",
        "Rates",
        ("Type", "From", "To", "Day"),
        "rates",
        [*(f"pair.{path}" for _, path in parts), "day"],
        fields=[
            *((name, f"pair.{path}", "to-dataverse") for name, path in parts),
            ("Day", "day", "to-dataverse"),
            ("Rate", "rate", "to-dataverse"),
        ],
        lookups={"pair": {"table": "pairs"}},
        delete={"to-fno": "ignore"},
    )
    shop = Shop(
        [types, currencies, pairs, rates],
        [
            fno_table("Types", ("Type",)),
            fno_table("Currencies", ("Code",)),
            fno_table("Pairs", ("Type", "From", "To")),
            fno_table("Rates", ("Type", "From", "To", "Day"), "Rate"),
        ],
        [
            dataverse_table("types", ("name",)),
            dataverse_table("currencies", ("code",)),
            dataverse_table(
                "pairs",
                ("type", "from_", "to_"),
                points_at("type", "type"),
                points_at("from_", "currencie"),
                points_at("to_", "currencie"),
            ),
            dataverse_table("rates", ("pair", "day"), "day", "rate", points_at("pair", "pair")),
        ],
    )
    shop.in_fno("Types", Type="Default")
    for code in ("EUR", "USD"):
        shop.in_fno("Currencies", Code=code)
    for one, other in (("EUR", "USD"), ("USD", "EUR")):
        shop.in_fno("Pairs", Type="Default", From=one, To=other)
        shop.in_fno("Rates", Type="default", From=one, To=other.lower(), Day="1", Rate=f"{one}1")
    shop.connect()
    codes = {stored.id: stored.values["code"] for stored in shop.dataverse_memory.of("currencies").values()}
    pairs_of = {
        stored.id: codes[stored.values["from_"]] for stored in shop.dataverse_memory.of("pairs").values()
    }
    assert {(pairs_of[row["pair"]], row["rate"]) for row in shop.rows("rates")} == {
        ("EUR", "EUR1"),
        ("USD", "USD1"),
    }
    assert verify(shop.session).differences == 0
    # the day is part of the key beside the pair: a second day is a second row
    shop.in_fno("Rates", Type="Default", From="EUR", To="USD", Day="2", Rate="3")
    shop.sync()
    assert len(shop.rows("rates")) == 3


# parts of a key that may be empty


def settings_shop(**end: Any) -> Shop:
    """Order settings of an item: for one site, for one colour, or for all of them."""
    sites = a_map("Sites", "Sites", ("Site",), "sites", ["site_id"], fields=[("Site", "site_id")])
    settings = a_map(
        "Settings",
        "Settings",
        ("Item", "Site", "Color"),
        "settings",
        ["item", "site.site_id", "color"],
        fields=[("Item", "item"), ("Site", "site.site_id"), ("Color", "color"), ("Days", "days")],
        lookups={"site": {"table": "sites"}},
        dataverse_end={"optional": ["site.site_id", "color"]} | end,
    )
    return Shop(
        [sites, settings],
        [fno_table("Sites", ("Site",)), fno_table("Settings", ("Item", "Site", "Color"), "Days")],
        [
            dataverse_table("sites", ("site_id",)),
            # the service doesn't compare keys with an empty part: nothing but the engine keeps twins away
            dataverse_table("settings", (), "item", "color", "days", points_at("site", "site")),
        ],
    )


def settings_of(shop: Shop, table: str) -> set[tuple[str, str, str, str]]:
    if table == "Settings":
        names = ("Item", "Site", "Color", "Days")
        return {(w, x, y, z) for w, x, y, z in ([r.get(n) or "" for n in names] for r in shop.rows(table))}
    sites = {stored.id: stored.values["site_id"] for stored in shop.dataverse_memory.of("sites").values()}
    rows = shop.rows(table)
    return {
        (r.get("item") or "", sites.get(str(r.get("site")), ""), r.get("color") or "", r.get("days") or "")
        for r in rows
    }


def test_an_empty_part_of_a_key_is_a_value_of_it() -> None:
    shop = settings_shop()
    shop.in_fno("Sites", Site="1")
    for site, color in (("", ""), ("1", ""), ("", "red"), ("1", "red")):
        shop.in_fno("Settings", Item="A", Site=site, Color=color, Days=f"{site}{color}")
    first = shop.in_dataverse("sites", site_id="1")
    shop.in_dataverse("settings", item="A", site=first.id, days="1")
    shop.in_dataverse("settings", item="a", days="")
    shop.in_dataverse("settings", item="B", color="blue", days="5")
    shop.in_dataverse("settings", color="no item", days="6")
    shop.connect()
    expected = {
        ("A", "", "", ""),
        ("A", "1", "", "1"),
        ("A", "", "red", "red"),
        ("A", "1", "red", "1red"),
        ("B", "", "blue", "5"),
    }
    assert settings_of(shop, "Settings") == expected
    in_dataverse = {(item.upper(), *rest) for item, *rest in settings_of(shop, "settings") if item}
    assert in_dataverse == expected and len(shop.rows("settings")) == 6
    assert verify(shop.session).differences == 0
    shop.change(shop.one("settings", item="B"), days="7")
    shop.change(shop.one("Settings", Site="", Color=""), Days="8")
    shop.in_dataverse("settings", item="C", days="9")
    shop.sync()
    assert {("B", "", "blue", "7"), ("A", "", "", "8"), ("C", "", "", "9")} <= settings_of(shop, "Settings")
    assert len(shop.rows("settings")) == 7 and shop.parked() == []
    # a second installation pairs all of them again, and makes no twin
    shop.writes()
    again = settings_shop()
    again.fno_memory.rows, again.dataverse_memory.rows = shop.fno_memory.rows, shop.dataverse_memory.rows
    again.dataverse_memory.version = shop.dataverse_memory.version
    again.connect()
    assert again.writes() == []


def test_a_key_without_optional_parts_waits_for_all_of_them() -> None:
    shop = settings_shop(optional=[])
    shop.in_dataverse("settings", item="B", color="blue", days="5")
    shop.connect()
    assert shop.rows("Settings") == []


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_what_shares_a_unit_with_a_missing_parent_waits_with_it(side: str) -> None:
    """An amount that stood there without its currency would be an amount of another one."""
    unit = {"credit": ["new_amount", "new_group.new_groupid_", "new_invoice.new_account"]}
    w = Trade(maps=[groups_map(), customers_map(groups=unit)])
    w.customer("C0")
    w.connect("Customers")
    invoice = w.in_dataverse("C0")
    assert invoice is not None
    if side == "fno":
        w.group("G9")
        w.customer("C1", Amount="7.00", GroupId="G9", InvoiceAccount="C0", Name="one")
    else:
        group = w.dataverse_group("G9")
        w.contact("C1", Amount="7.00", Group=group.id, Invoice=invoice.id, Name="one")
    w.sync("Customers")
    assert [each.parent_table for each in w.waiting()] == ["new_groups"]
    row, contact = w.in_fno("C1"), w.in_dataverse("C1")
    assert (
        row is not None and contact is not None and row.values["Name"] == contact.values["new_name"] == "one"
    )
    waits = contact.values if side == "fno" else row.values
    named = (
        ("new_amount", "new_group", "new_invoice")
        if side == "fno"
        else ("Amount", "GroupId", "InvoiceAccount")
    )
    assert {waits.get(name) or None for name in named} <= {None, "0", 0}
    w.connect("Groups")
    w.sync("Customers")
    assert (row.values["GroupId"], row.values["InvoiceAccount"], float(row.values["Amount"])) == (
        "G9",
        "C0",
        7,
    )
    assert (contact.values["new_invoice"], float(contact.values["new_amount"])) == (invoice.id, 7)
    assert w.waiting() == [] and w.conflicts() == []
