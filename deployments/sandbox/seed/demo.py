"""A trading group: three companies, about 20,000 rows, part of them already on the Dataverse side.

Currencies, units and exchange rates are real (ISO 4217, ECB); parties and products are invented, the same at every run.
On the Dataverse side stand rows as in F&O, rows that differ, rows that only Dataverse has, and the untidy ones that a
first connection meets: without a company, without a number, in other spelling, outside the map's filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployments.sandbox.seed.seeds import SeedRows
from deployments.sandbox.seed.trading import finance, parties, products, reference
from deployments.sandbox.seed.trading.dataverse import Twins, changed
from deployments.sandbox.seed.trading.group import Company, Row, Scale, companies, phone

FULL_SIZE = 20_000


def rows(size: int = 0) -> SeedRows:
    """The rows of both sides, F&O's first.

    Args:
        size: roughly how many; the reference data is some 750 whatever the size.
    """
    scale = Scale(size / FULL_SIZE if size else 1.0)
    firms = companies()
    fno: dict[str, list[Row]] = {}
    for name, found in _fno(firms, scale):
        fno.setdefault(name, []).extend(found)
        yield "fno", name, found
    for name, found in _dataverse(firms, scale, fno):
        yield "dataverse", name, found


def _fno(firms: Sequence[Company], scale: Scale) -> Any:
    """Sets and rows of F&O, parents first; rows of a set that comes again change those that are there."""
    rates = reference.Rates(scale)
    yield "LegalEntities", reference.legal_entities(firms)
    yield "Currencies", reference.currencies()
    yield "ExchangeRateTypes", rates.types()
    yield "ExchangeRateCurrencyPairs", rates.pairs()
    yield "ExchangeRatesCDSEntity", rates.rates()
    yield "UnitsOfMeasure", reference.units()
    yield "UnitOfMeasureConversions", reference.conversions()
    yield "NameAffixes", reference.affixes()
    vendors: dict[str, list[str]] = {}
    for firm in firms:
        yield from finance.of_company(firm)
        own = parties.of_company(firm, scale)
        vendors[firm.code] = [row["VendorAccountNumber"] for row in own.vendors]
        yield "VendorsV2", own.vendors
        yield "CustomersV3", own.customers
        yield "CDSContactPersonsV2", own.contacts
        yield "CustomersV3", own.customer_links
        yield "VendorsV2", own.vendor_links
    yield from products.dimensions()
    found = products.of_group(firms, vendors, scale)
    yield "ProductDimensionGroups", found.groups
    yield "AllProducts", found.products
    yield "ReleasedProductsV2", found.released
    yield "ReleasedProductsV2", found.links
    yield "CDSReleasedDistinctProducts", found.distinct


def _dataverse(firms: Sequence[Company], scale: Scale, fno: dict[str, list[Row]]) -> Any:
    """Tables and rows of Dataverse, parents first."""
    twins = Twins()
    draw = twins.random
    yield "cdm_companies", twins.of("Legal entities to cdm_companies", fno["LegalEntities"])
    known = [
        row for row in fno["Currencies"] if row["CurrencyCode"] in ("USD", "EUR", "GBP", "CHF", "SEK", "JPY")
    ]
    yield "transactioncurrencies", changed(twins.of("Currencies", known), draw, 0.3, {"currencysymbol": "¤"})
    yield (
        "uoms",
        twins.of("Units", [row for row in fno["UnitsOfMeasure"] if row["UnitSymbol"] in ("ea", "kg", "m")]),
    )
    # the unit that every Dataverse environment has, which no F&O unit stands for
    yield (
        "uoms",
        [{"name": "Primary Unit", "msdyn_externalunitclassname": "Default Unit", "msdyn_isbaseunit": True}],
    )
    yield "msdyn_paymentterms", twins.of("Terms of payment", fno["PaymentTerms"], 0.4)
    yield (
        "msdyn_paymentterms",
        [
            twins.twin("Terms of payment", {"dataAreaId": firm.code, "Name": "Net75", "NumberOfDays": 75})
            for firm in firms
        ],
    )
    yield (
        "msdyn_customergroups",
        changed(
            twins.of("Customer groups", _numbered(fno["CustomerGroups"], "CustomerGroupId")),
            draw,
            0.3,
            {"msdyn_description": "Renamed in sales"},
        ),
    )
    yield "msdyn_vendorgroups", twins.of("Vendor groups", _numbered(fno["VendorGroups"], "VendorGroupId"))
    yield "msdyn_vendors", _vendors(twins, firms, scale, _whole(fno["VendorsV2"], "VendorAccountNumber"))
    customers = _whole(fno["CustomersV3"], "CustomerAccount")
    organizations = [row for row in customers if row["PartyType"] == "Organization"]
    yield "accounts", _accounts(twins, firms, scale, organizations)
    yield (
        "contacts",
        twins.of(
            "Customers V3 to contacts", [row for row in customers if row["PartyType"] == "Person"], 0.15
        ),
    )
    yield "contacts", _contacts(twins, firms, scale, fno["CDSContactPersonsV2"])
    yield "msdyn_globalproducts", twins.of("All products", fno["AllProducts"], 0.05)


def _numbered(rows: Sequence[Row], key: str) -> list[Row]:
    """The groups that sales uses as well: those with a plain number."""
    return [row for row in rows if row[key].isdigit()]


def _whole(rows: Sequence[Row], key: str) -> list[Row]:
    """Rows with their later changes."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        found.setdefault((row["dataAreaId"], row[key]), {}).update(row)
    return list(found.values())


def _vendors(twins: Twins, firms: Sequence[Company], scale: Scale, rows: Sequence[Row]) -> list[Row]:
    found = changed(
        twins.of("Vendors V2", rows, 0.16),
        twins.random,
        0.3,
        {"msdyn_vendorknownasname": "Called so by sales"},
    )
    for firm in firms:
        for number in range(1, scale.of(8) + 1):
            name = firm.random.choice(firm.pools.organizations)
            found.append(
                twins.twin(
                    "Vendors V2",
                    {
                        "dataAreaId": firm.code,
                        "VendorAccountNumber": f"{firm.prefix}-VD{number:04d}",
                        "VendorPartyNumber": f"{firm.prefix}S{number:07d}",
                        "VendorGroupId": "20",
                        "CurrencyCode": firm.currency,
                        "VendorPartyType": "Organization",
                        "VendorOrganizationName": name,
                        "PrimaryPhoneNumber": phone(firm),
                        "LanguageId": firm.language,
                    },
                )
            )
    return found


def _accounts(twins: Twins, firms: Sequence[Company], scale: Scale, rows: Sequence[Row]) -> list[Row]:
    draw = twins.random
    found = changed(
        twins.of("Customers V3 to accounts", rows, 0.2), draw, 0.3, {"telephone1": "+1 (800) 555-0199"}
    )
    # columns that no map knows, and another spelling of the same number
    for row in found[::7]:
        row |= {"revenue": draw.randint(1, 900) * 1000, "sic": "5045"}
    for row in found[::11]:
        row["accountnumber"] = f"{row['accountnumber'].lower()} "
    for row in found[3::29]:
        _without_company(row)
    for firm in firms:
        for number in range(1, scale.of(20) + 1):
            name = firm.random.choice(firm.pools.organizations)
            found.append(
                twins.twin(
                    "Customers V3 to accounts",
                    {
                        "dataAreaId": firm.code,
                        "CustomerAccount": f"{firm.prefix}-D{number:05d}",
                        "PartyNumber": f"{firm.prefix}T{number:07d}",
                        "CustomerGroupId": "30",
                        "SalesCurrencyCode": firm.currency,
                        "OrganizationName": name,
                        "PrimaryContactPhone": phone(firm),
                    },
                )
            )
    # near duplicates: the same firm once more, without a number; and leads, which are no customers yet
    for row in rows[:: max(1, len(rows) // scale.of(40))]:
        found.append({"name": f"{row['OrganizationName']} (old)", "customertypecode": 3})
        found.append({"name": f"{row['OrganizationName']}", "customertypecode": 8})
    return found


def _without_company(row: Row) -> None:
    """Somebody typed it in before there were companies, and what depends on one along with it."""
    for name in [name for name in row if name.endswith("@odata.bind")]:
        del row[name]


def _contacts(twins: Twins, firms: Sequence[Company], scale: Scale, rows: Sequence[Row]) -> list[Row]:
    found: list[Row] = []
    for kind, name in (
        ("Customer", "CDS Contacts V2 for customers"),
        ("Vendor", "CDS Contacts V2 for vendors"),
    ):
        of_kind = [row for row in rows if row["AssociatedContactType"] == kind]
        made = twins.of(name, of_kind, 0.12)
        found += changed(made, twins.random, 0.25, {"jobtitle": "Changed in sales"})
    for firm in firms:
        numbers = [row["AssociatedContactNumber"] for row in rows if row["dataAreaId"] == firm.code]
        parents = [number for number in numbers if twins.has("accounts", firm.code, number)]
        # in a small group nobody with a contact may stand on this side
        for number in range(1, scale.of(12) + 1 if parents else 1):
            first, last = (
                firm.random.choice(firm.pools.first_names),
                firm.random.choice(firm.pools.last_names),
            )
            found.append(
                twins.twin(
                    "CDS Contacts V2 for customers",
                    {
                        "dataAreaId": firm.code,
                        "ContactPersonPartyNumber": f"{firm.prefix}U{number:07d}",
                        "ContactPersonId": f"{firm.prefix}CD{number:06d}",
                        "AssociatedContactNumber": parents[number % len(parents)],
                        "FirstName": first,
                        "LastName": last,
                        "PrimaryPhoneNumber": phone(firm),
                    },
                )
            )
    # people that sales met: no number yet, so they stay in Dataverse
    found += [{"firstname": "Lead", "lastname": f"Number {number}"} for number in range(scale.of(40))]
    return found
