"""Reading F&O: company scope, filters, order, pages, what some users don't see."""

from __future__ import annotations

import pytest

from tests.local_services import Services
from tests.sandbox.given import Fno, infolog

ALL = "CustomersV3?cross-company=true"


@pytest.fixture
def customers(fno: Fno) -> Fno:
    """Customers of two companies."""
    fno.chain("usmf", "demf")
    fno.customers("usmf", "US-1", OrganizationName="Alpha retail", CreditLimit=1.5)
    fno.customers("usmf", "US*", OrganizationName="Beta", OnHoldStatus="All")
    fno.customers("usmf", "us-2", OrganizationName="alpha", PartyType="Person")
    fno.customers("demf", "DE-1", OrganizationName="Gamma")
    return fno


def numbers(fno: Fno, query: str) -> list[str]:
    return [row["CustomerAccount"] for row in fno.rows(f"CustomersV3?{query}&$orderby=CustomerAccount")]


def test_reads_see_the_default_company_or_all(services: Services, customers: Fno) -> None:
    assert numbers(customers, "$select=CustomerAccount") == []
    services.switch(fno_default_company="demf")
    assert numbers(customers, "$select=CustomerAccount") == ["DE-1"]
    assert numbers(customers, "$filter=dataAreaId eq 'usmf'") == []
    assert numbers(customers, "cross-company=true&$filter=dataAreaId eq 'USMF'") == ["US*", "US-1", "us-2"]
    assert len(numbers(customers, "cross-company=true")) == 4
    services.switch(fno_cross_company_default=True)
    assert len(numbers(customers, "$select=CustomerAccount")) == 4


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("CustomerAccount eq 'us-1'", ["US-1"]),
        ("CustomerAccount eq 'US*'", ["US*", "US-1", "us-2"]),
        ("OrganizationName eq '*retail*'", ["US-1"]),
        ("OrganizationName ne 'alpha*'", ["DE-1", "US*"]),
        ("PartyType eq 'person'", ["us-2"]),
        ("OnHoldStatus eq Microsoft.Dynamics.DataEntities.CustVendorBlocked'All'", ["US*"]),
        ("OnHoldStatus ne Microsoft.Dynamics.DataEntities.CustVendorBlocked'All'", ["DE-1", "US-1", "us-2"]),
        ("CreditLimit gt 1", ["US-1"]),
        ("CreditLimit eq 0 and dataAreaId eq 'usmf'", ["US*", "us-2"]),
        ("not(CreditLimit eq 0)", ["US-1"]),
        ("SalesMemo eq ''", ["DE-1", "US*", "US-1", "us-2"]),
    ],
)
def test_filters(customers: Fno, condition: str, expected: list[str]) -> None:
    assert numbers(customers, f"cross-company=true&$filter={condition}") == expected


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("$filter=OnHoldStatus eq 'All'", "incompatible types"),
        ("$filter=OnHoldStatus eq Microsoft.Dynamics.DataEntities.NoYes'Yes'", "incompatible types"),
        (
            "$filter=OnHoldStatus eq Microsoft.Dynamics.DataEntities.CustVendorBlocked'X'",
            "not a valid enumeration",
        ),
        (
            "$filter=OnHoldStatus gt Microsoft.Dynamics.DataEntities.CustVendorBlocked'All'",
            "incompatible types",
        ),
        ("$filter=Nonsense eq 1", "Could not find a property named 'Nonsense'"),
        ("$select=Nonsense", "Could not find a property named 'Nonsense'"),
        ("$orderby=Nonsense", "Could not find a property named 'Nonsense'"),
        ("$filter=contains(OrganizationName,'x')", "contains"),
        ("$search=x", "$search"),
        ("$apply=aggregate($count as n)", "$apply"),
        ("$top=x", "$top"),
    ],
)
def test_bad_queries(customers: Fno, query: str, text: str) -> None:
    response = customers("GET", f"{ALL}&{query}")
    assert response.status_code == 400 and text in infolog(response)


def test_string_functions_are_a_switch(services: Services, customers: Fno) -> None:
    services.switch(fno_string_functions=True)
    assert numbers(customers, "cross-company=true&$filter=contains(OrganizationName,'RETAIL')") == ["US-1"]


def test_expand_is_not_imitated(customers: Fno) -> None:
    assert customers("GET", f"{ALL}&$expand=Anything").status_code == 501


def test_select_count_skip_and_top(customers: Fno) -> None:
    document = customers(
        "GET", f"{ALL}&$select=CustomerAccount&$count=true&$top=2&$skip=1&$orderby=CustomerAccount desc"
    ).json()
    assert document["@odata.count"] == 4
    assert [row["CustomerAccount"] for row in document["value"]] == ["US-1", "US*"]
    assert document["value"][0].keys() == {"@odata.etag", "CustomerAccount"}
    assert customers("GET", "CustomersV3/$count?cross-company=true").text == "4"


def test_pages_follow_the_order(customers: Fno) -> None:
    headers = {"Prefer": "odata.maxpagesize=3"}
    first = customers(
        "GET", f"{ALL}&$select=CustomerAccount&$orderby=dataAreaId,CustomerAccount", **headers
    ).json()
    assert "$skiptoken=" in first["@odata.nextLink"]
    second = customers("GET", first["@odata.nextLink"], **headers).json()
    seen = [row["CustomerAccount"] for row in first["value"] + second["value"]]
    assert seen == ["DE-1", "US*", "US-1", "us-2"] and "@odata.nextLink" not in second


def test_the_page_size_preference_is_a_switch(services: Services, customers: Fno) -> None:
    services.switch(fno_page_size_preference=False)
    assert len(customers.rows(ALL, Prefer="odata.maxpagesize=1")) == 4


def test_unordered_pages_come_in_another_order_each_time(services: Services, customers: Fno) -> None:
    customers.customers("demf", *(f"N{number}" for number in range(30)))
    orders = [[row["CustomerAccount"] for row in customers.rows(ALL)] for _ in range(2)]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])
    services.switch(shuffle=False)
    orders = [[row["CustomerAccount"] for row in customers.rows(ALL)] for _ in range(2)]
    assert orders[0] == orders[1]


def test_a_page_holds_ten_thousand_rows(services: Services, fno: Fno) -> None:
    services.load("fno", "ProductColors", [{"ColorId": f"c{number:05}"} for number in range(10_001)])
    first = fno("GET", "ProductColors?$orderby=ColorId").json()
    assert len(first["value"]) == 10_000
    assert fno.rows(first["@odata.nextLink"])[0]["ColorId"] == "c10000"


def test_a_company_without_rights_is_silently_missing(services: Services, customers: Fno) -> None:
    services.switch(hide_companies=["USMF"])

    def seen(caller: str) -> int:
        response = services.request("fno", "GET", ALL, caller=caller)  # type: ignore[arg-type]
        return len(response.json()["value"])

    assert (seen("application"), seen("user")) == (1, 4)
    key = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-1')?cross-company=true"
    assert services.request("fno", "GET", key, caller="application").status_code == 404
    body = {"dataAreaId": "usmf", "CustomerAccount": "N", "CustomerGroupId": "10"}
    assert services.request("fno", "POST", "CustomersV3", body, caller="application").status_code == 403


def test_rows_can_be_hidden_one_by_one(services: Services, customers: Fno) -> None:
    services.switch(hide_rows=[{"side": "fno", "set": "CustomersV3", "filter": "CustomerAccount eq 'us-1'"}])
    response = services.request("fno", "GET", f"{ALL}&$count=true", caller="application")
    assert response.json()["@odata.count"] == 3
    assert len(customers.rows(ALL)) == 4
