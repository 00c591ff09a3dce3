"""Orders in Dataverse: a customer who is an account or a contact, closed orders and their lines, notes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, code, message


@pytest.fixture
def company(dataverse: Dataverse) -> dict[str, str]:
    return {"msdyn_company@odata.bind": f"/cdm_companies({dataverse.company()})"}


@pytest.fixture
def parties(dataverse: Dataverse, company: dict[str, str]) -> dict[str, str]:
    """Ids of an account and a contact with one number each."""
    return {
        "account": dataverse.create("accounts", {"accountnumber": "O1", **company}),
        "contact": dataverse.create("contacts", {"msdyn_contactpersonid": "P1", **company}),
    }


def order(dataverse: Dataverse, number: str, company: dict[str, str], **body: Any) -> str:
    return dataverse.create("salesorders", {"msdyn_salesordernumber": number, **company, **body})


def bound(kind: str, parties: dict[str, str], to: str = "") -> dict[str, str]:
    table = {"account": "accounts", "contact": "contacts"}[to or kind]
    return {f"customerid_{kind}@odata.bind": f"/{table}({parties[to or kind]})"}


def test_a_customer_is_bound_by_the_navigation_property_of_its_table(
    dataverse: Dataverse, company: dict[str, str], parties: dict[str, str]
) -> None:
    one = order(dataverse, "1", company, **bound("account", parties))
    other = order(dataverse, "2", company, **bound("contact", parties))
    query = "salesorders?$select=_customerid_value&$orderby=msdyn_salesordernumber"
    asked = {"Prefer": 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'}
    rows = dataverse.rows(query, **asked)
    name = "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"
    assert [(row["_customerid_value"], row[name]) for row in rows] == [
        (parties["account"], "account"),
        (parties["contact"], "contact"),
    ]
    # what points at the wrong table, or at no table in particular, is refused
    for wrong in (
        bound("account", parties, to="contact"),
        {"customerid@odata.bind": f"/accounts({parties['account']})"},
    ):
        assert code(dataverse("PATCH", f"salesorders({one})", wrong)) == (400, "0x80048d19")
    # the other table's property replaces the reference
    assert dataverse("PATCH", f"salesorders({one})", bound("contact", parties)).status_code == 204
    assert dataverse.rows(query)[0]["_customerid_value"] == parties["contact"]
    assert other


def test_an_order_needs_a_customer(dataverse: Dataverse, company: dict[str, str]) -> None:
    response = dataverse("POST", "salesorders", {"msdyn_salesordernumber": "1", **company})
    assert response.status_code == 400 and "customerid" in message(response)


def test_a_closed_order_and_its_lines_take_nothing_but_to_be_opened(
    dataverse: Dataverse, company: dict[str, str], parties: dict[str, str]
) -> None:
    one = order(dataverse, "1", company, **bound("account", parties))
    open_ = order(dataverse, "2", company, **bound("account", parties))
    path = f"salesorders({one})"
    assert dataverse("PATCH", path, {"statecode": 3, "statuscode": 100001}).status_code == 204
    refused = dataverse("PATCH", path, {"emailaddress": "a@b.c"})
    assert code(refused) == (400, "0x80040265") and "closed (state 3)" in message(refused)
    assert dataverse("PATCH", f"salesorders({open_})", {"emailaddress": "a@b.c"}).status_code == 204
    line = {"sequencenumber": 1, "salesorderid@odata.bind": f"/{path}", **company}
    below = dataverse("POST", "salesorderdetails", line)
    assert below.status_code == 400 and "belongs to is closed (state 3)" in message(below)
    assert dataverse("PATCH", path, {"statecode": 0, "statuscode": 1}).status_code == 204
    assert dataverse("PATCH", path, {"emailaddress": "a@b.c"}).status_code == 204


@pytest.mark.parametrize("flag", ["isintegrationuser", "issopintegrationenabled"])
def test_amounts_that_the_application_sends_stay_only_if_it_is_an_integration_user(
    services: Services, dataverse: Dataverse, company: dict[str, str], parties: dict[str, str], flag: str
) -> None:
    def totals(number: str) -> list[float]:
        body = {"msdyn_salesordernumber": number, "totalamount": 100, "freightamount": 7, **company}
        asked = {"Prefer": "return=representation"}
        sent = {**body, **bound("account", parties)}
        made = services.request("dataverse", "POST", "salesorders", sent, caller="application", headers=asked)
        assert made.status_code == 201, made.text
        path = f"salesorders({made.json()['salesorderid']})"
        changed = services.request(
            "dataverse", "PATCH", path, {"totalamount": 90}, caller="application", headers=asked
        )
        return [made.json()["totalamount"], changed.json()["totalamount"]]

    assert totals("1") == [100, 90]
    who = services.request("dataverse", "GET", "WhoAmI", caller="application").json()
    row = {
        "isintegrationuser": f"systemusers({who['UserId']})",
        "issopintegrationenabled": f"organizations({who['OrganizationId']})",
    }[flag]
    services.edit("dataverse", "PATCH", row, {flag: False})
    assert totals("2") == [7, 7]
