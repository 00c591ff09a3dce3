"""A small trading group: what the tests fill both systems with, as users.

Customers and vendors have keys that are hard to address (``/ & % + ' # * ?``, letters beyond ASCII) and refer to their groups
and terms in another case and with trailing blanks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.integration.installation import COMPANIES
from tests.local_services import Services

Row = dict[str, Any]

NASTY = ("us/002", "A&B", "50%", "C+D", "O'Neil", "#7", "US*", "what?", "Größe-1", "日本-1", "a b")


def companies(services: Services, *codes: str) -> None:
    """Legal entities in F&O."""
    services.load("fno", "LegalEntities", [{"LegalEntityId": code, "Name": f"{code} Inc"} for code in codes])


def reference_data(services: Services, codes: Iterable[str] = COMPANIES) -> None:
    """What customers and vendors refer to, in F&O."""
    codes = tuple(codes)
    companies(services, *codes)
    services.load(
        "fno",
        "Currencies",
        [
            {"CurrencyCode": "USD", "Name": "US Dollar", "Symbol": "$"},
            {"CurrencyCode": "EUR", "Name": "Euro", "Symbol": "€"},
            {"CurrencyCode": "999", "Name": "No currency"},
        ],
    )
    for code in codes:
        own = {"dataAreaId": code}
        services.load(
            "fno",
            "PaymentTerms",
            [
                {**own, "Name": "Net 30", "NumberOfDays": 30, "Description": "30 days"},
                {**own, "Name": "1% & rest", "NumberOfDays": 0},
            ],
        )
        services.load(
            "fno",
            "CustomerGroups",
            [
                {**own, "CustomerGroupId": "R&D", "Description": "Research", "PaymentTermId": "NET 30"},
                {**own, "CustomerGroupId": "10", "Description": "Wholesale"},
            ],
        )
        services.load("fno", "VendorGroups", [{**own, "VendorGroupId": "10%", "Description": "Percent"}])


def customer(company: str, account: str, **values: Any) -> Row:
    """An organization as customer, in F&O."""
    return {
        "dataAreaId": company,
        "CustomerAccount": account,
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "OrganizationName": f"Customer {account}",
        **values,
    }


def person(company: str, account: str, **values: Any) -> Row:
    """A person as customer, in F&O."""
    names = {"PartyType": "Person", "PersonFirstName": "Zoë", "PersonLastName": "Łuczak"}
    row = customer(company, account, **{**names, **values})
    return {name: value for name, value in row.items() if name != "OrganizationName"}


def vendor(company: str, account: str, **values: Any) -> Row:
    """A vendor in F&O."""
    return {
        "dataAreaId": company,
        "VendorAccountNumber": account,
        "VendorGroupId": "10% ",
        "VendorOrganizationName": f"Vendor {account}",
        "CurrencyCode": "EUR",
        **values,
    }


# Dataverse


def company_ids(services: Services) -> dict[str, str]:
    """Ids of the companies in Dataverse by code."""
    return {
        row["cdm_companycode"].casefold(): row["cdm_companyid"]
        for row in services.dump("dataverse", "cdm_companies")
    }


def dataverse_companies(services: Services, *codes: str) -> None:
    """Companies in Dataverse, as somebody set them up before the first sync."""
    rows = [{"cdm_companycode": code, "cdm_name": f"{code} Inc"} for code in codes]
    services.load("dataverse", "cdm_companies", rows)


def of(company: str, column: str = "msdyn_company", navigation: str | None = None) -> Mapping[str, str]:
    """The company of a Dataverse row, as a body binds it."""
    return {f"{navigation or column}@odata.bind": f"/cdm_companies(cdm_companycode='{company}')"}


def account(company: str | None, number: str | None, **values: Any) -> Row:
    """A customer in Dataverse; company None leaves it blank."""
    return {
        **({"accountnumber": number} if number is not None else {}),
        "name": f"Customer {number}",
        "customertypecode": 3,
        **(of(company) if company else {}),
        **values,
    }


def contact(company: str | None, number: str | None, **values: Any) -> Row:
    """A person as customer in Dataverse."""
    return {
        **({"msdyn_contactpersonid": number} if number is not None else {}),
        "firstname": "Zoë",
        "lastname": "Łuczak",
        "msdyn_sellable": True,
        **(of(company) if company else {}),
        **values,
    }


def parent(table: str, column: str, value: str, company_id: str) -> str:
    """Reference to a company-specific row by its key, for a bind."""
    quoted = value.replace("'", "''")
    return f"/{table}({column}='{quoted}',_msdyn_company_value={company_id})"


def customer_binds(company_id: str, group: str = "10") -> Row:
    """What a customer of Dataverse needs to be accepted by F&O: a group and a currency."""
    return {
        "msdyn_CustomerGroupId@odata.bind": parent(
            "msdyn_customergroups", "msdyn_groupid", group, company_id
        ),
        "transactioncurrencyid@odata.bind": "/transactioncurrencies(isocurrencycode='USD')",
    }


def vendor_binds(company_id: str, group: str = "10%") -> Row:
    """What a vendor of Dataverse needs to be accepted by F&O."""
    return {
        "msdyn_vendorgroupid@odata.bind": parent(
            "msdyn_vendorgroups", "msdyn_vendorgroup", group, company_id
        ),
        "msdyn_currencycode@odata.bind": "/transactioncurrencies(isocurrencycode='USD')",
    }
