"""A few hand-made rows, each nasty in its own way.

Keys with ``/ & % + ' # *`` and letters beyond ASCII; parents and children that spell a key with other case and
trailing blanks; null beside 0 beside empty; numbers that were taken from a sequence; rows that one side has
already, in another spelling, outside the map's filter or without a company.
"""

from __future__ import annotations

from typing import Any

from deployments.sandbox.seed.seeds import SeedRows

KEYS = ("US-001", "us/002", "A&B", "50%", "C+D", "O'Neil", "#7", "Größe-1", "US*", "日本-1", "a b", "x[1]_")
"""Account numbers; ``US*`` matches others when it is taken for a pattern, and so does ``x[1]_``."""


def rows(size: int = 0) -> SeedRows:
    """The rows, parents first. `size` has no meaning here."""
    yield from _fno()
    yield from _dataverse()


def _fno() -> SeedRows:
    yield "fno", "LegalEntities", _each("LegalEntityId Name", ("USMF", "Contoso US"), ("demf", "Contoso DE"))
    yield (
        "fno",
        "Currencies",
        _each(
            "CurrencyCode Name Symbol", ("USD", "US Dollar", "$"), ("EUR", "Euro", "€"), ("999", "None", "")
        ),
    )
    yield "fno", "ExchangeRateTypes", _each("Name Description", ("Default", "Daily"), ("R/D & Co", ""))
    pair = "FromCurrencyCode ToCurrencyCode ExchangeRateTypeName ExchangeRateDisplayFactor"
    yield "fno", "ExchangeRateCurrencyPairs", _each(pair, ("EUR", "USD", "default ", "Hundred"))
    rate = "ExchangeRateTypeName FromCurrencyCode ToCurrencyCode Rate ValidFrom"
    yield (
        "fno",
        "ExchangeRatesCDSEntity",
        _each(rate, ("Default", "eur", "usd", 108.1234567, "2024-01-01T12:00:00Z")),
    )
    unit = "UnitSymbol UnitClass DecimalPrecision IsBaseUnit SystemOfUnits UnitDescription"
    yield (
        "fno",
        "UnitsOfMeasure",
        _each(
            unit,
            ("ea", "Quantity", 0, "Yes", "None", "Each"),
            ("Box", "Quantity", 0, "No", "None", ""),
            ("m²", "Area", 2, "Yes", "Metric", "Square metre"),
            ("µg", "Mass", 3, "No", "Metric", "Microgram"),
        ),
    )
    yield (
        "fno",
        "UnitOfMeasureConversions",
        _each("FromUnitSymbol ToUnitSymbol Factor Rounding", ("box ", "EA", 12, "Up")),
    )
    yield "fno", "NameAffixes", _each("Type Affix", ("PersonalSuffix", "Jr."), ("PersonalPrefix", "Jr."))
    yield (
        "fno",
        "PaymentTerms",
        [
            {"dataAreaId": "usmf", "Name": "Net 30", "NumberOfDays": 30, "Description": ""},
            {"dataAreaId": "usmf", "Name": "1% 10 & rest", "NumberOfDays": 0},
            {"dataAreaId": "demf", "Name": "Net 30", "NumberOfDays": 30, "Description": "netto"},
        ],
    )
    yield (
        "fno",
        "CustomerGroups",
        [
            {"dataAreaId": "usmf", "CustomerGroupId": "R&D", "PaymentTermId": "NET 30 "},
            {"dataAreaId": "usmf", "CustomerGroupId": "A/B", "Description": "slash"},
            {"dataAreaId": "demf", "CustomerGroupId": "r&d", "Description": "the same name, another company"},
        ],
    )
    yield "fno", "VendorGroups", [{"dataAreaId": "usmf", "VendorGroupId": "10%", "Description": "percent"}]
    yield "fno", "CustomersV3", list(_customers())
    yield "fno", "VendorsV2", list(_vendors())
    yield "fno", "CDSContactPersonsV2", list(_contacts())
    # the cycle: the vendor's contact person is one of the contacts that belong to the vendor
    yield (
        "fno",
        "VendorsV2",
        [{"dataAreaId": "usmf", "VendorAccountNumber": "V/1", "PrimaryContactPersonId": "000001"}],
    )
    yield from _products()


def _customers() -> list[dict[str, Any]]:
    spellings = ("R&D", "r&d", "R&d ", "a/b")
    customers: list[dict[str, Any]] = [
        {
            "dataAreaId": "usmf",
            "CustomerAccount": key,
            "CustomerGroupId": spellings[number % len(spellings)],
            "OrganizationName": f"Customer {key}",
            "SalesCurrencyCode": "usd",
            "InvoiceAccount": "us-001 " if number % 2 else "",
        }
        for number, key in enumerate(KEYS)
    ]
    customers[0].update(CreditLimit=0, SalesMemo="", OrganizationNumberOfEmployees=0)
    customers[1].update(CreditLimit=12345678901.25, SalesMemo="  leading blanks stay", PaymentTerms="net 30")
    customers += [
        {
            "dataAreaId": "demf",
            "CustomerAccount": "US-001",
            "CustomerGroupId": "R&D",
            "OrganizationName": "GmbH",
        },
        {"dataAreaId": "usmf", "CustomerGroupId": "A/B", "OrganizationName": "Numbered by the sequence"},
        {
            "dataAreaId": "usmf",
            "CustomerAccount": "P-1",
            "CustomerGroupId": "R&D",
            "PartyType": "Person",
            "PersonFirstName": "Zoë",
            "PersonLastName": "Łuczak",
        },
    ]
    return customers


def _vendors() -> list[dict[str, Any]]:
    return [
        {
            "dataAreaId": "usmf",
            "VendorAccountNumber": "V/1",
            "VendorGroupId": "10%",
            "VendorOrganizationName": "Supplier & Sons",
            "InvoiceVendorAccountNumber": "v/1 ",
        },
        {
            "dataAreaId": "usmf",
            "VendorAccountNumber": "V'2",
            "VendorGroupId": "10% ",
            "VendorPartyType": "Person",
            "PersonFirstName": "Ada",
            "PersonLastName": "O'Hara",
        },
    ]


def _contacts() -> list[dict[str, Any]]:
    return [
        {
            "dataAreaId": "usmf",
            "ContactPersonPartyNumber": "P#1",
            "ContactPersonId": "000001",
            "AssociatedContactType": "Vendor",
            "AssociatedContactNumber": "v/1",
            "FirstName": "Ann",
            "LastName": "of the vendor",
        },
        {
            "dataAreaId": "usmf",
            "ContactPersonPartyNumber": "P#2",
            "ContactPersonId": "000002",
            "AssociatedContactType": "Customer",
            "AssociatedContactNumber": "us-001",
            "FirstName": "Bob",
            "LastName": "of the customer",
        },
    ]


def _products() -> SeedRows:
    yield "fno", "ProductColors", _each("ColorId", ("Red",), ("Blue/Green",))
    yield "fno", "ProductSizes", _each("SizeId", ("XL",), ("10%",))
    yield "fno", "ProductStyles", _each("StyleId", ("Classic",))
    yield "fno", "ProductConfigurations", _each("ConfigurationId", ("Std",))
    yield "fno", "AllProducts", _each("ProductNumber ProductName", ("1+1", "Two"), ("D-1/XL", "Distinct"))
    yield (
        "fno",
        "ReleasedProductsV2",
        [
            {
                "dataAreaId": "usmf",
                "ItemNumber": "1+1",
                "ProductNumber": "1+1",
                "InventoryUnitSymbol": "EA",
                "SalesUnitSymbol": "ea ",
                "SalesPrice": 1.005,
            },
            {
                "dataAreaId": "usmf",
                "ItemNumber": "D-1",
                "ProductNumber": "D-1/XL",
                "SalesUnitSymbol": "ea",
                "AlternativeItemNumber": "1+1",
            },
        ],
    )
    yield (
        "fno",
        "CDSReleasedDistinctProducts",
        [
            {
                "dataAreaId": "usmf",
                "ProductNumber": "D-1/XL",
                "ProductName": "Distinct, XL",
                "ItemNumber": "D-1",
                "SalesUnitSymbol": "EA ",
                "CurrencyCode": "USD",
                "ProductSizeId": "xl",
                "ProductColorId": "red",
                "SalesPrice": 0,
            }
        ],
    )


def _dataverse() -> SeedRows:
    company = {"msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='usmf')"}
    yield "dataverse", "cdm_companies", [{"cdm_companycode": "usmf", "cdm_name": "Contoso US"}]
    yield (
        "dataverse",
        "transactioncurrencies",
        [{"isocurrencycode": "usd", "currencyname": "Dollar", "currencysymbol": "$", "exchangerate": 1}],
    )
    yield "dataverse", "msdyn_customergroups", [{"msdyn_groupid": "r&d ", **company}]
    yield (
        "dataverse",
        "accounts",
        [
            # the same customers as in F&O, in another spelling
            {"accountnumber": "us-001 ", "name": "customer us-001", "customertypecode": 3, **company},
            {
                "accountnumber": "A&b",
                "name": "Another name",
                "creditlimit": 0,
                "customertypecode": 3,
                **company,
            },
            # the key of a customer, but outside the map's filter
            {"accountnumber": "50%", "name": "A competitor", "customertypecode": 1, **company},
            # only here
            {"accountnumber": "D-ONLY", "name": "Only in Dataverse", "customertypecode": 3, **company},
            # not eligible: no company; no number
            {"accountnumber": "C+D", "name": "Without a company", "customertypecode": 3},
            {"name": "Without a number", "customertypecode": 3, "creditlimit": None, **company},
        ],
    )


def _each(names: str, *rows_of: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(names.split(), values, strict=True)) for values in rows_of]
