"""Every check of a map has a map that it refuses, with file and line."""

from __future__ import annotations

import pytest

from mappings.catalogue import Catalogue
from tests.mappings.conftest import Copy

F = "finance_common"
X = "currency_exchange_rates"
S = "supply_chain_common"

CASES = {
    "unknown property": (
        f"{F}/customer_groups.yaml",
        "  - {fno: Description, dataverse: msdyn_description}",
        "  - {fno: Descripton, dataverse: msdyn_description}",
        "did you mean “Description”?",
    ),
    "unknown enum member": (
        f"{F}/vendor_payment_methods.yaml",
        "    values: {None: 806380000, Sent: 806380001, Recieved: 806380002, Confirmed: 806380003, Rejected",
        "    values: {None: 806380000, Sent: 806380001, Recieved: 806380002, approved: 806380003, Rejected",
        "CustVendPaymStatus has no member “approved”",
    ),
    "column filled twice": (
        f"{F}/payment_days.yaml",
        "conflict: fno",
        "  - {fno: Description, dataverse: msdyn_name, direction: to-dataverse}\nconflict: fno",
        "msdyn_name is already filled",
    ),
    "property filled twice": (
        f"{F}/payment_days.yaml",
        "conflict: fno",
        "  - {fno: Name, dataverse: msdyn_other}\nconflict: fno",
        "Name is already filled",
    ),
    "two-way values not one-to-one": (
        f"{F}/customer_groups.yaml",
        "values: {No: false, Yes: true}",
        "values: {No: true, Yes: true}",
        "the Dataverse value “true” stands in it 2 times",
    ),
    "one value for all others, two-way": (
        f"{F}/customer_groups.yaml",
        "  - fno: IsSalesTaxIncludedInPrice\n",
        "  - else: true\n    fno: IsSalesTaxIncludedInPrice\n",
        "can't send one value for all others",
    ),
    "key not mapped": (
        f"{F}/payment_days.yaml",
        "  key: [msdyn_name]",
        "  key: [msdyn_nam]",
        "did you mean “msdyn_name”?",
    ),
    "key one-way in a two-way map": (
        f"{F}/payment_days.yaml",
        "  - {fno: Name, dataverse: msdyn_name}",
        "  - {fno: Name, dataverse: msdyn_name, direction: to-dataverse}",
        "only flows to Dataverse",
    ),
    "F&O key not filled": (
        f"{X}/exchange_rate_types.yaml",
        "  key: [Name]",
        "  key: [Name, Description, Id]",
        "nothing fills Id of the entity's key",
    ),
    "company on one side only": (
        f"{F}/payment_days.yaml",
        "  company: msdyn_company\n",
        "",
        "names no company lookup",
    ),
    "company of a global entity": (
        f"{X}/exchange_rate_types.yaml",
        "  key: [msdyn_name]\n",
        "  key: [msdyn_name]\n  company: msdyn_company\n",
        "the F&O key has no dataAreaId",
    ),
    "company as a field": (
        f"{F}/payment_days.yaml",
        "conflict: fno",
        "  - {fno: dataAreaId, dataverse: msdyn_text}\nconflict: fno",
        "never a field pair",
    ),
    "owner of a company's rows": (
        f"{F}/payment_days.yaml",
        "conflict: fno",
        "owner: x\nconflict: fno",
        "only a global map",
    ),
    "lookup without entry": (
        f"{F}/customer_groups.yaml",
        "  msdyn_paymenttermid: {table: msdyn_paymentterms}\n",
        "",
        "add `msdyn_paymenttermid: {table: …}` to lookups",
    ),
    "lookup that nothing uses": (
        f"{F}/customer_groups.yaml",
        "lookups:\n",
        "lookups:\n  msdyn_other: {table: msdyn_paymentterms}\n",
        "no field pair goes through this lookup",
    ),
    "lookup to a table without a map": (
        f"{F}/customer_groups.yaml",
        "msdyn_paymenttermid: {table: msdyn_paymentterms}",
        "msdyn_paymenttermid: {table: msdyn_paymentterm}",
        "did you mean “msdyn_paymentterms”?",
    ),
    "lookup by something else than the key": (
        f"{F}/customer_groups.yaml",
        "msdyn_paymenttermid.msdyn_name",
        "msdyn_paymenttermid.msdyn_days",
        "is named by msdyn_name",
    ),
    "lookup by a part of the key": (
        f"{X}/exchange_rates.yaml",
        """  - fno: ToCurrencyCode
    dataverse: msdyn_currencyexchangeratepair.msdyn_totransactioncurrencyid.isocurrencycode
""",
        """  - fno: ToCurrencyCode
    dataverse: msdyn_tocurrency
""",
        "map every part of that key through the lookup",
    ),
    "deferred lookup in the key": (
        f"{X}/exchange_rates.yaml",
        "{table: msdyn_currencyexchangeratepairs}",
        "{table: msdyn_currencyexchangeratepairs, missing: defer, cycle: true}",
        "without it and patched later",
    ),
    "polymorphic lookup without its table": (
        f"{F}/customer_contacts.yaml",
        "{table: accounts, maps: [Customers V3 to accounts], missing: wait}",
        "{tables: {accounts: accountnumber, contacts: fullname}, missing: wait}",
        "named by msdyn_contactpersonid",
    ),
    "global map with a company's row": (
        f"{X}/exchange_rate_types.yaml",
        "fields:\n",
        "lookups:\n  x: {table: msdyn_paymentdays}\nfields:\n  - {fno: Description, dataverse: x.msdyn_name, "
        "direction: to-dataverse}\n",
        "which company's row would it be?",
    ),
    "bad filter": (
        f"{X}/currencies.yaml",
        "filter: CurrencyCode ne '999'",
        "filter: CurrencyCode != '999'",
        "can't be read",
    ),
    "filter by an unmapped column": (
        f"{F}/customers_accounts.yaml",
        "filter: customertypecode eq 3",
        "filter: customertypcode eq 3",
        "did you mean “customertypecode”?",
    ),
    "filter by company": (
        f"{F}/payment_days.yaml",
        "  feeds: [row_version",
        "  filter: dataAreaId eq 'usmf'\n  feeds: [row_version",
        "can't name the company",
    ),
    "constant outside its filter": (
        f"{F}/customer_contacts.yaml",
        "{fno: AssociatedContactType, constant: Customer}",
        "{fno: AssociatedContactType, constant: Vendor}",
        "but the map's filter wants Customer",
    ),
    "newest without a time": (
        f"{F}/payment_days.yaml",
        "conflict: fno",
        "conflict: newest",
        "fno.modified names none",
    ),
    "delete against the flow": (
        f"{S}/colors.yaml",
        "to-fno: ignore",
        "to-fno: propagate",
        "nothing flows this way",
    ),
    "number without property": (
        f"{F}/vendors.yaml",
        "conflict: fno",
        "number: {by: fno, reference: OurReferenc}\nconflict: fno",
        "no known property OurReferenc",
    ),
    "match by an unmapped column": (
        f"{F}/vendors.yaml",
        "  - [msdyn_dunsnumber]",
        "  - [msdyn_dunsnumer]",
        "did you mean “msdyn_dunsnumber”?",
    ),
    "group of an unknown field": (
        f"{F}/vendors.yaml",
        "  position: [msdyn_addresslatitude,",
        "  position: [msdyn_addresslatitud,",
        "did you mean “msdyn_addresslatitude”?",
    ),
    "field in two groups": (
        f"{F}/vendors.yaml",
        "  position: [msdyn_addresslatitude,",
        "  position: [msdyn_name, msdyn_addresslatitude,",
        "is already in “name”",
    ),
    "after a map that isn't there": (
        f"{S}/released_distinct_products.yaml",
        "after: [Released products V2]",
        "after: [Released products]",
        "did you mean “Released products V2”?",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "told"), CASES.values(), ids=CASES)
def test_refused_with_file_and_line(file: str, old: str, new: str, told: str, maps_copy: Copy) -> None:
    path, _ = maps_copy.edit(file, old, new)
    found = [error for error in maps_copy.errors() if told in f"{error.problem} {error.remedy}"]
    assert found, f"nothing says {told!r}"
    assert found[0].file == str(path)
    # a part that was removed or belongs to a list is shown at the nearest line around it
    assert found[0].line and found[0].line <= len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (f"{F}/customer_groups.yaml", "{fno: Description, dataverse", "{fno: Descripton, dataverse"),
        (f"{X}/currencies.yaml", "filter: CurrencyCode ne '999'", "filter: CurrencyCode != '999'"),
        (f"{F}/payment_days.yaml", "conflict: fno", "conflict: newest"),
    ],
)
def test_the_line_is_the_one_that_was_changed(file: str, old: str, new: str, maps_copy: Copy) -> None:
    path, line = maps_copy.edit(file, old, new)
    error = maps_copy.errors()[0]
    assert (error.file, error.line) == (str(path), line)


def test_properties_of_your_own_are_declared(maps_copy: Copy) -> None:
    file = f"{F}/customer_groups.yaml"
    maps_copy.edit(file, "conflict: fno", "  - {fno: MyRegion, dataverse: new_region}\nconflict: fno")
    assert "fno.unlisted" in str(maps_copy.errors()[0])
    maps_copy.edit(file, "  feeds: [row_version", "  unlisted: [MyRegion]\n  feeds: [row_version")
    assert len(maps_copy.load().maps) == len(Catalogue.load().maps)


def test_one_property_may_feed_a_lookup_and_a_text(maps_copy: Copy) -> None:
    maps_copy.edit(
        f"{F}/customer_groups.yaml",
        "conflict: fno",
        "  - {fno: PaymentTermId, dataverse: new_term}\nconflict: fno",
    )
    maps_copy.load()


def test_numbered_maps_may_leave_the_key_to_fno(maps_copy: Copy) -> None:
    file = f"{F}/vendors.yaml"
    maps_copy.edit(
        file,
        "{fno: VendorAccountNumber, dataverse: msdyn_vendoraccountnumber}",
        "{fno: VendorAccountNumber, dataverse: msdyn_vendoraccountnumber, direction: to-dataverse}",
    )
    assert any(error.code == "key_one_way" for error in maps_copy.errors())
    maps_copy.edit(file, "conflict: fno", "number: {by: fno, reference: PaymentId}\nconflict: fno")
    maps_copy.load()
