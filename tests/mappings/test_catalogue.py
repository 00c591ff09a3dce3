"""All maps together: order, cycles, lookups, versions, folders."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mappings.catalogue import SHIPPED, Catalogue
from mappings.errors import FatalError, MapError
from mappings.model import Map
from tests.mappings.conftest import Copy


def wave_of(catalogue: Catalogue) -> dict[str, int]:
    return {name: number for number, wave in enumerate(catalogue.order()) for name in wave}


def test_every_map_comes_after_everything_it_needs(catalogue: Catalogue) -> None:
    waves = wave_of(catalogue)
    assert set(waves) == set(catalogue.maps)
    for ours in catalogue.maps.values():
        for parent in catalogue.parents(ours):
            assert waves[parent.name] < waves[ours.name], f"{ours.name} needs {parent.name}"


def test_a_map_comes_as_early_as_it_can(catalogue: Catalogue) -> None:
    waves = wave_of(catalogue)
    for ours in catalogue.maps.values():
        needed = [waves[parent.name] for parent in catalogue.parents(ours)]
        assert waves[ours.name] == (max(needed) + 1 if needed else 0)


def test_the_chain_of_a_customer(catalogue: Catalogue) -> None:
    assert catalogue.related(["Customers V3 to accounts"])[-1] == "Customers V3 to accounts"
    assert set(catalogue.related(["Customers V3 to accounts"])) == {
        "Legal entities to cdm_companies",
        "Currencies",
        "Payment days CDS",
        "Payment schedule",
        "Terms of payment",
        "Customer groups",
        "Customer payment method",
        "Sales tax groups",
        "Vendor groups",
        "Vendor payment method",
        "Vendors V2",
        "Customers V3 to accounts",
    }


def test_related_can_follow_what_is_patched_afterwards(catalogue: Catalogue) -> None:
    everything = catalogue.related(["Vendors V2"], deferred=True)
    assert {"CDS Contacts V2 for vendors", "Customers V3 to accounts"} <= set(everything)
    assert "CDS Contacts V2 for vendors" not in catalogue.related(["Vendors V2"])


def test_the_one_cycle_is_broken_at_the_marked_lookups(catalogue: Catalogue) -> None:
    core = {"Customers V3 to accounts", "Vendors V2", "Released products V2"}
    deferred = {
        (edge.child, edge.field) for edge in catalogue.graph_edges() if edge.deferred and edge.child in core
    }
    assert deferred == {
        ("Customers V3 to accounts", "msdyn_billingaccount"),
        ("Customers V3 to accounts", "primarycontactid"),
        ("Vendors V2", "msdyn_invoicevendoraccountnumber"),
        ("Vendors V2", "msdyn_vendorprimarycontactperson"),
        ("Released products V2", "msdyn_alternativeitemnumber"),
    }
    vendors = catalogue.get("Vendors V2")
    assert {each.name for each in catalogue.deferred(vendors)} == {
        "Vendors V2",
        "CDS Contacts V2 for customers",
        "CDS Contacts V2 for vendors",
        "Customers V3 to contacts",
    }


@pytest.mark.parametrize(
    ("file", "lookup", "named"),
    [
        (
            "finance_common/vendors.yaml",
            "msdyn_vendorprimarycontactperson: {table: contacts, missing: defer, cycle: true}",
            ["CDS Contacts V2 for vendors", "Vendors V2"],
        ),
        (
            "finance_common/customers_accounts.yaml",
            "primarycontactid: {table: contacts, missing: defer, cycle: true}",
            ["CDS Contacts V2 for customers", "Customers V3 to accounts"],
        ),
        (
            "supply_chain_common/released_products.yaml",
            "msdyn_alternativeitemnumber: {table: msdyn_sharedproductdetails, missing: defer, cycle: true}",
            ["Released products V2", "Released products V2"],
        ),
    ],
    ids=["vendors", "accounts", "itself"],
)
def test_an_unmarked_cycle_names_its_maps_files_and_lines(
    file: str, lookup: str, named: list[str], maps_copy: Copy
) -> None:
    path, line = maps_copy.edit(file, lookup, lookup.replace(", cycle: true", ""))
    (error,) = maps_copy.errors()
    assert error.code == "cycle"
    assert " → ".join([named[0], *named[1:], named[0]][: len(set(named)) + 1]) in str(error)
    assert f"{path}:{line}" in str(error), "the lookup that lost its mark"
    assert error.file is not None and error.file in str(error) and error.line
    assert "`cycle: true`" in error.remedy


def test_after_orders_too_and_can_close_a_cycle(maps_copy: Copy) -> None:
    maps_copy.edit("supply_chain_common/colors.yaml", "conflict: fno", "after: [Sizes]\nconflict: fno")
    assert wave_of(maps_copy.load())["Colors"] == 1
    maps_copy.edit("supply_chain_common/sizes.yaml", "conflict: fno", "after: [Colors]\nconflict: fno")
    (error,) = maps_copy.errors()
    assert "Colors → Sizes → Colors" in str(error)


def test_key_path_names_the_pair_of_each_key_part(catalogue: Catalogue) -> None:
    rates = catalogue.key_path(catalogue.get("CDS Exchange Rates"))
    assert [pair.fno for pair in rates["msdyn_currencyexchangeratepair"]] == [
        "ExchangeRateTypeName",
        "FromCurrencyCode",
        "ToCurrencyCode",
    ]
    customers = catalogue.key_path(catalogue.get("Customers V3 to accounts"))
    assert set(customers) == set(catalogue.get("Customers V3 to accounts").lookups)
    assert [pair.fno for pair in customers["msdyn_paymentterm"]] == ["PaymentTerms"]


def test_key_path_follows_the_targets_key_order(maps_copy: Copy) -> None:
    file = "currency_exchange_rates/exchange_rate_currency_pairs.yaml"
    by_type = "    - msdyn_currencyexchangeratetypeid.msdyn_name\n"
    by_source = "    - msdyn_fromtransactioncurrencyid.isocurrencycode\n"
    maps_copy.edit(file, by_type + by_source, by_source + by_type)
    loaded = maps_copy.load()
    path = loaded.key_path(loaded.get("CDS Exchange Rates"))["msdyn_currencyexchangeratepair"]
    assert [pair.fno for pair in path][:2] == ["FromCurrencyCode", "ExchangeRateTypeName"]


def test_maps_of_tables_and_sets(catalogue: Catalogue) -> None:
    assert [each.name for each in catalogue.of_table("contacts")] == [
        "CDS Contacts V2 for customers",
        "CDS Contacts V2 for vendors",
        "Customers V3 to contacts",
    ]
    assert [each.dataverse.table for each in catalogue.of_set("CustomersV3")] == ["accounts", "contacts"]
    assert catalogue.of_table("nothing") == ()


def test_an_unknown_name_suggests_near_ones(catalogue: Catalogue) -> None:
    with pytest.raises(FatalError, match="Vendors V2"):
        catalogue.get("Vendor V2")
    with pytest.raises(FatalError):
        catalogue.related(["nonsense"])


def test_a_map_of_your_own_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    text = (SHIPPED / "finance_common" / "customer_groups.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("conflict: fno", "conflict: hold"), encoding="utf-8")
    loaded = Catalogue.load([tmp_path])
    assert loaded.get("Customer groups").conflict == "hold"
    assert loaded.get("Customer groups").file == tmp_path / "mine.yaml"
    assert len(loaded.maps) == len(Catalogue.load().maps)


def test_the_same_map_twice_in_one_folder_is_an_error(maps_copy: Copy) -> None:
    first = maps_copy.folder / "finance_common" / "customer_groups.yaml"
    shutil.copy(first, first.with_name("zz.yaml"))
    (error,) = maps_copy.errors()
    assert error.file == str(first.with_name("zz.yaml"))
    assert str(first) in error.problem


def test_one_form_of_a_map_is_active(tmp_path: Path) -> None:
    text = (SHIPPED / "finance_common" / "customer_groups.yaml").read_text(encoding="utf-8")
    (tmp_path / "old.yaml").write_text(text.replace("version: current", 'version: "2019"'), encoding="utf-8")
    assert Catalogue.load([tmp_path]).get("Customer groups").version == "2019"
    selected = Catalogue.load([tmp_path], select={"Customer groups": "current"})
    assert selected.get("Customer groups").version == "current"
    with pytest.raises(FatalError, match="there is: 2019, current"):
        Catalogue.load([tmp_path], select={"Customer groups": "2031"})
    with pytest.raises(FatalError, match="no such map"):
        Catalogue.load([tmp_path], select={"Customer grups": "current"})


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is no folder"):
        Catalogue.load([tmp_path / "nothing"])


def test_loading_is_quick() -> None:
    started = time.process_time()
    Catalogue.load()
    assert time.process_time() - started < 2  # 0.05 s measured; the bound only catches another parser


def test_lookups_in_the_key_wait_and_others_defer(catalogue: Catalogue) -> None:
    rates = catalogue.get("CDS Exchange Rates")
    assert rates.lookups["msdyn_currencyexchangeratepair"].missing == "wait"
    assert catalogue.get("Customer groups").lookups["msdyn_paymenttermid"].missing == "defer"


def test_without_maps_of_its_parents_a_map_is_refused(one_map: Callable[..., Map]) -> None:
    lonely = one_map(
        fno={"set": "Things", "entity": "ThingEntity", "key": ["dataAreaId", "ThingId"]},
        dataverse={"table": "new_things", "key": ["new_id"], "company": "new_company"},
    )
    with pytest.raises(MapError, match="no map fills cdm_companies"):
        Catalogue([lonely]).validate()
