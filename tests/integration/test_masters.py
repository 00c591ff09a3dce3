"""What is special about the masters of a trading group, with the shipped maps, over TLS.

Each test holds the rows that go wrong without the rule that it is about.
"""

from __future__ import annotations

from mappings.catalogue import Catalogue
from tests.integration.conftest import Install
from tests.integration.installation import (
    ACCOUNTS,
    CUSTOMER_CONTACTS,
    PERSONS,
    VENDOR_CONTACTS,
    VENDORS,
    failed,
)
from tests.integration.special import OWN, Connect, codes, equal, one, rows
from tests.integration.trading import customer, person, reference_data, vendor
from tests.local_services import Services

DIMENSIONS = {
    "msdyn_productcolor": "Red",
    "msdyn_productsize": "XL",
    "msdyn_productstyle": "Sport",
    "msdyn_productconfiguration": "Plus",
}

# organizations


def test_legal_entities_and_operating_units_fill_one_table_and_meet_in_the_hierarchy(
    services: Services, connect: Connect
) -> None:
    entities = [{"LegalEntityId": "usmf", "Name": "US", "PartyNumber": "LE-1"}]
    units = [
        {
            "OperatingUnitNumber": "1",
            "Name": "Sales",
            "PartyNumber": "OU-1",
            "OperatingUnitType": "OMDepartment",
        },
        {
            "OperatingUnitNumber": "2",
            "Name": "Cost",
            "PartyNumber": "OU-2",
            "OperatingUnitType": "OMCostCenter",
        },
    ]
    services.load("fno", "LegalEntities", entities)
    services.load("fno", "OperatingUnits", units)
    services.load("fno", "OrganizationHierarchyTypes", [{"Name": "Org"}])
    tree = [
        {"HierarchyType": "Org", "ParentOrganizationPartyNumber": above, "ChildOrganizationPartyNumber": own}
        for above, own in (("", "LE-1"), ("LE-1", "OU-1"), ("OU-1", "OU-2"))
    ]
    services.load(
        "fno",
        "OrganizationHierarchyPublishedV2",
        [{**each, "validFrom": "2020-01-01T00:00:00Z"} for each in tree],
    )
    installation = connect("Organization hierarchy - published")
    kinds = {
        row["msdyn_partynumber"]: row["msdyn_type"] for row in rows(services, "msdyn_internalorganizations")
    }
    assert kinds == {"LE-1": 806380000, "OU-1": 806380001, "OU-2": 806380003}
    ids = {
        row["msdyn_internalorganizationid"]: row["msdyn_partynumber"]
        for row in rows(services, "msdyn_internalorganizations")
    }
    nodes = rows(
        services, "msdyn_internalorganizationhierarchies", "_msdyn_parentid_value", "_msdyn_childid_value"
    )
    assert {(ids.get(n["_msdyn_parentid_value"]), ids[n["_msdyn_childid_value"]]) for n in nodes} == {
        (None, "LE-1"),
        ("LE-1", "OU-1"),
        ("OU-1", "OU-2"),
    }
    services.change("fno", "OperatingUnits", {"Name": "Renamed"}, "PartyNumber eq 'OU-1'")
    installation.settle()
    names = {
        row["msdyn_partynumber"]: row["msdyn_name"] for row in rows(services, "msdyn_internalorganizations")
    }
    assert names == {"LE-1": "US", "OU-1": "Renamed", "OU-2": "Cost"}
    assert equal(installation)


# parties


def test_customers_split_by_party_type_and_contact_persons_by_whom_they_are_for(
    trade: Services, connect: Connect
) -> None:
    trade.load("fno", "CustomersV3", [customer("usmf", "C1"), person("usmf", "P1")])
    trade.load("fno", "VendorsV2", [vendor("usmf", "V1")])
    helpers = [
        {"AssociatedContactType": "Customer", "AssociatedContactNumber": "C1", "ContactPersonId": "H1"},
        {"AssociatedContactType": "Vendor", "AssociatedContactNumber": "V1", "ContactPersonId": "H2"},
    ]
    numbered = [{**OWN, **each, "ContactPersonPartyNumber": f"N{n}"} for n, each in enumerate(helpers)]
    trade.load(
        "fno", "CDSContactPersonsV2", [{**each, "LastName": each["ContactPersonId"]} for each in numbered]
    )
    installation = connect(ACCOUNTS, PERSONS, CUSTOMER_CONTACTS, VENDOR_CONTACTS)
    contacts = {row["msdyn_contactpersonid"]: row for row in rows(trade, "contacts")}
    assert set(contacts) == {"P1", "H1", "H2"}
    assert [contacts[key]["msdyn_sellable"] for key in ("P1", "H1", "H2")] == [True, False, False]
    assert (
        contacts["H1"]["_parentcustomerid_value"] == one(trade, "accounts", accountnumber="C1")["accountid"]
    )
    assert contacts["H2"]["_msdyn_vendorcontactid_value"] == one(trade, "msdyn_vendors")["msdyn_vendorid"]
    assert codes(installation) == set() and equal(installation)


def test_a_contact_person_who_becomes_sellable_becomes_a_customer(trade: Services, connect: Connect) -> None:
    trade.load("fno", "CustomersV3", [customer("usmf", "C1")])
    numbered = [
        {
            **OWN,
            "AssociatedContactType": "Customer",
            "AssociatedContactNumber": "C1",
            "ContactPersonId": key,
            "ContactPersonPartyNumber": f"N-{key}",
            "FirstName": "Ann",
            "LastName": key,
        }
        for key in ("H1", "H2")
    ]
    trade.load("fno", "CDSContactPersonsV2", numbered)
    installation = connect(ACCOUNTS, PERSONS, CUSTOMER_CONTACTS)
    contact = one(trade, "contacts", msdyn_contactpersonid="H1")
    group = one(trade, "msdyn_customergroups", msdyn_groupid="10")["msdyn_customergroupid"]
    currency = one(trade, "transactioncurrencies", isocurrencycode="USD")["transactioncurrencyid"]
    sold = {
        "msdyn_sellable": True,
        "msdyn_CustomerGroupId@odata.bind": f"/msdyn_customergroups({group})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})",
    }
    trade.edit("dataverse", "PATCH", f"contacts({contact['contactid']})", sold)
    installation.forget_writes()
    assert not failed(installation.settle())
    (made,) = [row for row in trade.dump("fno", "CustomersV3") if row["PartyType"] == "Person"]
    assert (made["CustomerAccount"], made["PersonLastName"]) == ("H1", "H1")
    assert {write["kind"] for write in installation.ours("delete")} == set()
    assert len(rows(trade, "contacts")) == 2 and len(trade.dump("fno", "CDSContactPersonsV2")) == 2
    assert codes(installation) == set() and equal(installation)


def test_a_vendor_with_a_customers_number_gets_no_account_and_no_order_the_customers(
    trade: Services, connect: Connect
) -> None:
    trade.load("fno", "CustomersV3", [customer("usmf", "X1")])
    trade.load("fno", "VendorsV2", [vendor("usmf", "X1"), vendor("usmf", "V2")])
    orders = [
        {
            **OWN,
            "PurchaseOrderNumber": f"PO-{number}",
            "OrderVendorAccountNumber": number,
            "CurrencyCode": "USD",
        }
        for number in ("X1", "V2")
    ]
    trade.load("fno", "PurchaseOrderHeadersV2", orders)
    installation = connect("Purchase order headers V2", ACCOUNTS, VENDORS)
    assert codes(installation) == {("Vendors V2 to accounts", "X1", "claimed")}
    assert "'X1' of map 'Customers V3 to accounts'" in installation.parked()[0].message
    kinds = {row["accountnumber"]: row["customertypecode"] for row in rows(trade, "accounts")}
    assert kinds == {"X1": 3, "V2": 11}
    accounts = {row["accountid"]: row["accountnumber"] for row in rows(trade, "accounts")}

    def vendors_of_orders() -> dict[str, str | None]:
        found = rows(trade, "msdyn_purchaseorders")
        return {row["msdyn_name"]: accounts.get(row["_msdyn_vendor_value"]) for row in found}

    assert vendors_of_orders() == {"PO-X1": None, "PO-V2": "V2"}
    # the vendor itself is there, and its order follows once the vendor has a number of its own
    assert len(rows(trade, "msdyn_vendors")) == 2
    trade.edit(
        "fno",
        "RENAME",
        "VendorsV2(dataAreaId='usmf',VendorAccountNumber='X1')?cross-company=true",
        {"VendorAccountNumber": "V1"},
    )
    installation.settle()
    accounts = {row["accountid"]: row["accountnumber"] for row in rows(trade, "accounts")}
    assert vendors_of_orders() == {"PO-X1": "V1", "PO-V2": "V2"}
    assert equal(installation)


def test_two_rows_of_fno_that_claim_one_contact_are_told_by_name(trade: Services, connect: Connect) -> None:
    trade.load("fno", "CustomersV3", [customer("usmf", "C1"), person("usmf", "P1"), person("usmf", "P2")])
    helper = {
        **OWN,
        "AssociatedContactType": "Customer",
        "AssociatedContactNumber": "C1",
        "ContactPersonId": "P1",
        "ContactPersonPartyNumber": "N1",
        "LastName": "Helper",
    }
    trade.load("fno", "CDSContactPersonsV2", [helper])
    installation = connect(ACCOUNTS, PERSONS, CUSTOMER_CONTACTS)
    assert len(rows(trade, "contacts")) == 2
    (parked,) = installation.parked()
    both = {PERSONS, CUSTOMER_CONTACTS}
    assert parked.code == "claimed" and parked.map in both
    assert (both - {parked.map}).pop() in parked.message and "'P1'" in parked.message


def test_vendors_are_organizations_or_persons_and_only_organizations_are_accounts_too(
    trade: Services, connect: Connect
) -> None:
    one_person = vendor("usmf", "V2", VendorPartyType="Person", PersonFirstName="Ann", PersonLastName="Lee")
    del one_person["VendorOrganizationName"]
    trade.load("fno", "VendorsV2", [vendor("usmf", "V1"), one_person])
    installation = connect(VENDORS, "Vendors V2 to accounts")
    found = {row["msdyn_vendoraccountnumber"]: row for row in rows(trade, "msdyn_vendors")}
    assert [(found[key]["msdyn_isperson"], found[key]["msdyn_lastname"]) for key in ("V1", "V2")] == [
        (False, None),
        (True, "Lee"),
    ]
    accounts = rows(trade, "accounts", "accountnumber", "customertypecode")
    assert accounts == [{"accountnumber": "V1", "customertypecode": 11}]
    # the copy follows the vendor, whichever side the vendor is edited on
    path = f"msdyn_vendors({found['V1']['msdyn_vendorid']})"
    trade.edit("dataverse", "PATCH", path, {"msdyn_name": "Renamed"})
    installation.settle()
    assert one(trade, "accounts")["name"] == "Renamed"
    assert codes(installation) == set() and equal(installation)


def test_several_members_may_mean_one_option_where_nothing_comes_back(
    services: Services, connect: Connect
) -> None:
    kinds = {"1": "Employee", "2": "Both", "3": "Contractor"}
    workers = [
        {"PersonnelNumber": number, "WorkerType": kind, "WorkerStatus": "Employed", "LastName": kind}
        for number, kind in kinds.items()
    ]
    services.load("fno", "Workers", workers)
    installation = connect("Worker")
    types = {row["cdm_workernumber"]: row["cdm_type"] for row in rows(services, "cdm_workers")}
    assert types == {"1": 754400000, "2": 754400000, "3": 754400001}
    # from one to the other of two that are the same there: nothing to write
    installation.forget_writes()
    services.change("fno", "Workers", {"WorkerType": "Employee"}, "PersonnelNumber eq '2'")
    installation.settle()
    assert installation.ours() == [] and equal(installation)


# products


def test_product_numbers_are_unique_per_company_and_units_belong_to_groups_kept_in_fno(
    services: Services, install: Install, whole: Catalogue
) -> None:
    reference_data(services, ["usmf", "demf"])
    units = [{"UnitSymbol": "ea", "UnitClass": "Quantity"}, {"UnitSymbol": "kg", "UnitClass": "Mass"}]
    services.load("fno", "UnitsOfMeasure", units)
    services.load("fno", "AllProducts", [{"ProductNumber": "P1", "ProductName": "Bike"}])
    for entity, name, column in (
        ("ProductColors", "ColorId", "msdyn_productcolor"),
        ("ProductSizes", "SizeId", "msdyn_productsize"),
        ("ProductStyles", "StyleId", "msdyn_productstyle"),
        ("ProductConfigurations", "ConfigurationId", "msdyn_productconfiguration"),
    ):
        services.load("fno", entity, [{name: DIMENSIONS[column]}])
    variant_of = {
        "ProductColorId": "red ",
        "ProductSizeId": "xl",
        "ProductStyleId": "Sport",
        "ProductConfigurationId": "Plus",
    }
    released = [
        {
            **variant_of,
            "dataAreaId": code,
            "ProductNumber": "P1",
            "ProductName": f"Bike {code}",
            "SalesUnitSymbol": "ea",
        }
        for code in ("usmf", "demf")
    ]
    services.load("fno", "CDSReleasedDistinctProducts", released)
    name = "CDS released distinct products"
    maps = whole.related([name], deferred=True)
    installation = install(catalogue=whole, maps=maps, companies=("usmf", "demf"))
    assert not failed(installation.initial())
    products = rows(services, "products", "msdyn_productnumber", "productnumber", "name")
    assert sorted((row["msdyn_productnumber"], row["name"]) for row in products) == [
        ("P1", "Bike demf"),
        ("P1", "Bike usmf"),
    ]
    assert len({row["productnumber"] for row in products}) == 2
    variant = one(services, "products", name="Bike usmf")
    for column, table, name in (
        ("msdyn_productcolor", "msdyn_productcolors", "msdyn_productcolorname"),
        ("msdyn_productsize", "msdyn_productsizes", "msdyn_productsize"),
        ("msdyn_productstyle", "msdyn_productstyles", "msdyn_productstyle"),
        ("msdyn_productconfiguration", "msdyn_productconfigurations", "msdyn_productconfiguration"),
    ):
        (dimension,) = rows(services, table)
        assert variant[f"_{column}_value"] == dimension[f"{table[:-1]}id"], column
        assert dimension[name] == DIMENSIONS[column]
    groups = {row["uomscheduleid"]: row for row in rows(services, "uomschedules")}
    for row in rows(services, "uoms"):
        group = groups[row["_uomscheduleid_value"]]
        assert group["msdyn_externallymaintained"] and group["name"] == row["msdyn_externalunitclassname"]
    assert codes(installation) == set() and equal(installation)


def test_categories_find_their_parents_whatever_comes_first(services: Services, connect: Connect) -> None:
    services.load(
        "fno", "ProductCategoryHierarchies", [{"HierarchyName": "Sales"}, {"HierarchyName": "Stock"}]
    )
    tree = (("All", ""), ("Bikes", "Vehicles"), ("Vehicles", "All"))
    for hierarchy in ("Sales", "Stock"):
        own = {"ProductCategoryHierarchyName": hierarchy}
        for name, above in sorted(tree, key=lambda each: each[1]):
            parent = {"ParentProductCategoryHierarchyName": hierarchy, "ParentProductCategoryName": above}
            services.load(
                "fno", "ProductCategories", [{**own, "CategoryName": name, **(parent if above else {})}]
            )
    installation = connect("Product categories")
    found = {row["msdyn_productcategoryid"]: row for row in rows(services, "msdyn_productcategories")}
    assert len(found) == 6
    for row in found.values():
        parent_row = found.get(row["_msdyn_parentproductcategory_value"])
        assert (parent_row["msdyn_name"] if parent_row else "") == dict(tree)[row["msdyn_name"]]
        assert parent_row is None or parent_row["_msdyn_hierarchy_value"] == row["_msdyn_hierarchy_value"]
    assert codes(installation) == set() and equal(installation)


def test_an_asset_names_its_model_through_the_maker(services: Services, connect: Connect) -> None:
    reference_data(services, ["usmf"])
    for maker in ("Acme", "Best"):
        services.load("fno", "AssetMaintenanceProducts", [{**OWN, "ProductId": maker}])
        services.load("fno", "AssetMaintenanceModels", [{**OWN, "ProductId": maker, "ModelId": "M1"}])
    asset = {
        **OWN,
        "MaintenanceAssetId": "A1",
        "ProductId": "Best",
        "ModelProductId": "Best",
        "ModelId": "M1",
    }
    services.load("fno", "AssetMaintenanceAssets", [asset])
    installation = connect("Asset management assets")
    makers = {
        row["msdyn_manufacturerid"]: row["msdyn_manufacturer_id"]
        for row in rows(services, "msdyn_manufacturers")
    }
    models = {
        row["msdyn_modelid"]: makers[row["_msdyn_manufacturer_value"]]
        for row in rows(services, "msdyn_models")
    }
    assert models[one(services, "msdyn_customerassets")["_msdyn_model_value"]] == "Best"
    (acme,) = [model for model, maker in models.items() if maker == "Acme"]
    row = one(services, "msdyn_customerassets")
    services.edit(
        "dataverse",
        "PATCH",
        f"msdyn_customerassets({row['msdyn_customerassetid']})",
        {"msdyn_model@odata.bind": f"/msdyn_models({acme})"},
    )
    installation.settle()
    (changed,) = services.dump("fno", "AssetMaintenanceAssets")
    assert (changed["ModelProductId"], changed["ModelId"]) == ("Acme", "M1")
    assert codes(installation) == set() and equal(installation)


# addresses


def test_each_period_of_an_address_is_a_row_of_its_own(services: Services, connect: Connect) -> None:
    services.load("fno", "CDSPostalAddressLocations", [{"LocationId": "L1", "Description": "Home"}])
    periods = [
        {"ValidFrom": "2020-01-01T00:00:00Z", "ValidTo": "2023-12-31T23:59:59Z", "City": "Seattle"},
        {"ValidFrom": "2024-01-01T00:00:00Z", "City": "Tacoma"},
    ]
    services.load("fno", "CDSPostalAddressHistoryV2", [{"LocationId": "L1", **each} for each in periods])
    installation = connect("CDS postal address history V2")
    assert sorted(row["msdyn_city"] for row in rows(services, "msdyn_postaladdresses")) == [
        "Seattle",
        "Tacoma",
    ]
    services.load(
        "fno",
        "CDSPostalAddressHistoryV2",
        [{"LocationId": "L1", "ValidFrom": "2030-01-01T00:00:00Z", "City": "Spokane"}],
    )
    installation.settle()
    assert len(rows(services, "msdyn_postaladdresses")) == 3
    assert codes(installation) == set() and equal(installation)
