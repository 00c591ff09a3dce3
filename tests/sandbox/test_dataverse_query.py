"""Reading Dataverse: columns, filters, order, expansion, counts and pages."""

from __future__ import annotations

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, code, message


@pytest.fixture
def accounts(dataverse: Dataverse) -> Dataverse:
    """Five accounts of two companies."""
    load = dataverse.services.load
    load(
        "dataverse",
        "cdm_companies",
        [{"cdm_companycode": "usmf", "cdm_name": "US"}, {"cdm_companycode": "demf"}],
    )
    us = {"msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='USMF')"}
    load(
        "dataverse",
        "accounts",
        [
            {"accountnumber": "A%1", "name": "Alpha", "numberofemployees": 1, "customertypecode": 3, **us},
            {"accountnumber": "AB1", "name": "beta ", "numberofemployees": 2, "customertypecode": 3, **us},
            {"accountnumber": "A_1", "name": "O'Neil", "creditlimit": 10.5, "customertypecode": 1, **us},
            {"accountnumber": "x[1]", "name": "Ünal", "msdyn_onetimecustomer": True},
            {"accountnumber": "Z", "name": None},
        ],
    )
    return dataverse


def numbers(dataverse: Dataverse, condition: str) -> list[str]:
    return sorted(
        row["accountnumber"] for row in dataverse.rows(f"accounts?$select=accountnumber&$filter={condition}")
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name eq 'ALPHA'", ["A%1"]),
        ("name eq 'beta'", ["AB1"]),
        ("name eq 'O''Neil'", ["A_1"]),
        ("name ne 'alpha'", ["AB1", "A_1", "Z", "x[1]"]),
        ("name eq null", ["Z"]),
        ("name eq ''", ["Z"]),
        ("name ne null", ["A%1", "AB1", "A_1", "x[1]"]),
        ("accountnumber eq 'A%251'", ["A%1", "AB1", "A_1"]),
        ("accountnumber eq 'a_1'", ["A%1", "AB1", "A_1"]),
        ("accountnumber eq 'a[%25]1'", ["A%1"]),
        ("accountnumber eq 'x[1]'", []),
        ("accountnumber eq 'x[[]1]'", ["x[1]"]),
        ("contains(name,'LPH')", ["A%1"]),
        ("startswith(name,'ü')", ["x[1]"]),
        ("endswith(name,'TA')", ["AB1"]),
        ("numberofemployees gt 1", ["AB1"]),
        ("numberofemployees ge 1 and numberofemployees lt 2", ["A%1"]),
        ("creditlimit eq 10.50", ["A_1"]),
        ("customertypecode eq 3 or msdyn_onetimecustomer eq true", ["A%1", "AB1", "x[1]"]),
        ("not(customertypecode eq 3)", ["A_1", "Z", "x[1]"]),
        ("_msdyn_company_value eq null", ["Z", "x[1]"]),
        ("msdyn_company/cdm_companycode eq 'USMF'", ["A%1", "AB1", "A_1"]),
        ("msdyn_company/cdm_name eq 'us' and customertypecode eq 1", ["A_1"]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='accountnumber',PropertyValues=['z','ab1'])", ["AB1", "Z"]),
        (
            "Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=['1','2'])",
            ["A%1", "AB1"],
        ),
        ("accountnumber eq @p1&@p1='z'", ["Z"]),
        ("createdon ge 2020-01-01T00:00:00Z", ["A%1", "AB1", "A_1", "Z", "x[1]"]),
        ("createdon lt 2020-01-01", []),
    ],
)
def test_filters(accounts: Dataverse, condition: str, expected: list[str]) -> None:
    assert numbers(accounts, condition) == expected


def test_many_keys_in_one_filter(accounts: Dataverse) -> None:
    wanted = " or ".join(f"accountnumber eq 'N{number}'" for number in range(600))
    assert numbers(accounts, f"{wanted} or accountnumber eq 'z'") == ["Z"]


def test_filters_by_index_follow_changes(accounts: Dataverse) -> None:
    assert numbers(accounts, "accountnumber eq 'z'") == ["Z"]
    accounts.create("accounts", {"accountnumber": "z "})
    assert len(numbers(accounts, "accountnumber eq 'z'")) == 2
    accounts.services.change("dataverse", "accounts", {"accountnumber": "y"}, "accountnumber eq 'Z'")
    assert numbers(accounts, "accountnumber eq 'z'") == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "$filter=nonsense eq 1",
            "Could not find a property named 'nonsense' on type 'Microsoft.Dynamics.CRM.account'.",
        ),
        (
            "$select=nonsense",
            "Could not find a property named 'nonsense' on type 'Microsoft.Dynamics.CRM.account'.",
        ),
        ("$filter=name eq 5", "incompatible types"),
        ("$filter=name eq", "Expression expected"),
        ("$filter=name eq 'a", "Syntax error"),
        ("$skip=5", "$skip is not supported"),
        ("$search=a", "$search is not supported"),
        ("$top=x", "$top"),
        ("$orderby=name sideways", "$orderby"),
        ("$skiptoken=nonsense", "paging cookie"),
    ],
)
def test_bad_queries(accounts: Dataverse, query: str, text: str) -> None:
    response = accounts("GET", f"accounts?{query}")
    assert code(response) == (400, "0x80060888")
    assert text in message(response)


def test_select_brings_the_key_and_the_currency_of_money(accounts: Dataverse) -> None:
    row = accounts.rows("accounts?$select=creditlimit,msdyn_company&$filter=creditlimit ne null")[0]
    assert row.keys() == {
        "@odata.etag",
        "accountid",
        "creditlimit",
        "_transactioncurrencyid_value",
        "_msdyn_company_value",
    }


def test_without_select_all_columns_come_null_ones_too(accounts: Dataverse) -> None:
    row = accounts.rows("accounts?$filter=name eq null")[0]
    assert row["fax"] is None and row["versionnumber"] and row["createdon"].endswith("Z")


def test_expand(accounts: Dataverse) -> None:
    path = "accounts?$select=name&$orderby=accountnumber&$expand=msdyn_company($select=cdm_companycode)"
    rows = accounts.rows(path)
    assert [row["msdyn_company"] and row["msdyn_company"]["cdm_companycode"] for row in rows] == [
        "usmf",
        "usmf",
        "usmf",
        None,
        None,
    ]
    assert accounts("GET", "accounts?$expand=msdyn_company($top=1)").status_code == 501
    assert accounts("GET", "accounts?$expand=nonsense").status_code == 400


def test_order(accounts: Dataverse) -> None:
    by_name = [row["name"] for row in accounts.rows("accounts?$select=name&$orderby=name desc")]
    assert by_name == ["Ünal", "O'Neil", "beta", "Alpha", None]
    by_two = accounts.rows("accounts?$select=accountnumber&$orderby=customertypecode desc,accountnumber desc")
    assert [row["accountnumber"] for row in by_two] == ["AB1", "A%1", "A_1", "Z", "x[1]"]
    unordered = [row["accountid"] for row in accounts.rows("accounts?$select=accountid")]
    assert unordered == sorted(unordered)


def test_counts(accounts: Dataverse) -> None:
    answer = accounts("GET", "accounts?$select=name&$count=true&$top=2&$filter=customertypecode eq 3").json()
    assert answer["@odata.count"] == 2
    response = accounts("GET", "accounts/$count?$filter=customertypecode eq 3")
    assert response.content.decode() == "\ufeff2"
    totals = accounts("GET", "RetrieveTotalRecordCount(EntityNames=['account','contact'])").json()
    assert totals["EntityRecordCountCollection"]["Values"] == [5, 0]
    assert accounts.rows("accounts?$apply=aggregate($count as number)") == [{"number": 5}]


def test_counts_are_capped_at_5000(services: Services, dataverse: Dataverse) -> None:
    services.load(
        "dataverse", "msdyn_productcolors", [{"msdyn_productcolorname": f"c{n}"} for n in range(5001)]
    )
    first = dataverse("GET", "msdyn_productcolors?$select=msdyn_productcolorname&$count=true").json()
    assert (first["@odata.count"], len(first["value"])) == (5000, 5000)
    following = dataverse("GET", first["@odata.nextLink"]).json()
    assert len(following["value"]) == 1 and "@odata.nextLink" not in following


@pytest.mark.parametrize("order", ["", "&$orderby=name", "&$orderby=name desc,accountnumber"])
def test_pages_hold_every_row_once(accounts: Dataverse, order: str) -> None:
    headers = {"Prefer": "odata.maxpagesize=2"}
    answer = accounts("GET", f"accounts?$select=accountnumber{order}&$top=1", **headers)
    assert "odata.maxpagesize=2" in answer.headers["Preference-Applied"]
    seen, document = [], answer.json()
    while True:
        seen += [row["accountnumber"] for row in document["value"]]
        if "@odata.nextLink" not in document:
            break
        assert len(document["value"]) == 2
        document = accounts("GET", document["@odata.nextLink"], **headers).json()
    assert sorted(seen) == ["A%1", "AB1", "A_1", "Z", "x[1]"]


def test_a_page_starts_behind_the_last_row_of_the_one_before(accounts: Dataverse) -> None:
    headers = {"Prefer": "odata.maxpagesize=2"}
    first = accounts("GET", "accounts?$select=accountnumber", **headers).json()
    accounts("DELETE", f"accounts({first['value'][1]['accountid']})")
    second = accounts("GET", first["@odata.nextLink"], **headers).json()
    seen = {row["accountid"] for row in first["value"] + second["value"]}
    assert len(seen) == 4


def test_annotations(accounts: Dataverse) -> None:
    row = accounts.rows(
        "accounts?$select=customertypecode,_msdyn_company_value&$filter=accountnumber eq 'A[%25]1'",
        Prefer='odata.include-annotations="*"',
    )[0]
    assert row["customertypecode@OData.Community.Display.V1.FormattedValue"] == "Customer"
    assert row["_msdyn_company_value@OData.Community.Display.V1.FormattedValue"] == "US"
    assert row["_msdyn_company_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "cdm_company"


def test_unchanged_rows_answer_304(accounts: Dataverse) -> None:
    row = accounts.rows("accounts?$select=name")[0]
    path = f"accounts({row['accountid']})?$select=name"
    assert accounts("GET", path, If_None_Match=row["@odata.etag"]).status_code == 304
    assert accounts("GET", path, If_None_Match="null").status_code == 200


def test_alternate_keys_in_addresses(accounts: Dataverse) -> None:
    company = accounts.rows("cdm_companies?$filter=cdm_companycode eq 'usmf'")[0]["cdm_companyid"]
    path = f"accounts(accountnumber='ab1',_msdyn_company_value={company})?$select=accountnumber"
    assert accounts("GET", path).json()["accountnumber"] == "AB1"
    assert code(accounts("GET", path.replace("ab1", "no"))) == (404, "0x80060891")
    assert code(accounts("GET", "accounts(accountnumber='ab1')")) == (400, "0x80060888")
    assert accounts("GET", "cdm_companies(cdm_companycode='USMF')").status_code == 200


def test_urls_have_a_limit(dataverse: Dataverse) -> None:
    assert dataverse("GET", f"accounts?$filter=name eq '{'x' * 33_000}'").status_code == 414


def test_rows_can_be_hidden_from_the_application(services: Services, accounts: Dataverse) -> None:
    rule = {"side": "dataverse", "set": "accounts", "filter": "customertypecode eq 3"}
    services.switch(hide_rows=[rule])
    hidden = accounts.rows("accounts?$filter=accountnumber eq 'AB1'")[0]
    answer = services.request("dataverse", "GET", "accounts?$select=name", caller="application")
    assert len(answer.json()["value"]) == 3
    single = services.request("dataverse", "GET", f"accounts({hidden['accountid']})", caller="application")
    assert single.status_code == 404


def test_privileges_can_be_taken_from_the_application(services: Services, dataverse: Dataverse) -> None:
    services.switch(denied=["prvReadAccount", "prvCreateAccount"])
    for method, path in (("GET", "accounts"), ("POST", "accounts")):
        response = services.request("dataverse", method, path, {"name": "x"}, caller="application")
        assert code(response) == (403, "0x80040220")
        assert services.request("dataverse", method, path, {"name": "x"}).status_code in (200, 204)
