"""Single rows of Dataverse: statuses, headers, refusals, plug-ins."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, code, message

NOBODY = "00000000-0000-0000-0000-00000000dead"


# creating


def test_create_answers_204_with_the_address(dataverse: Dataverse) -> None:
    response = dataverse("POST", "accounts", {"name": "A"})
    assert response.status_code == 204 and response.content == b""
    assert response.headers["OData-EntityId"] == response.headers["Location"]
    assert response.headers["OData-Version"] == "4.0"


def test_create_with_representation_answers_201_with_the_selected_columns(dataverse: Dataverse) -> None:
    response = dataverse("POST", "accounts?$select=name", {"name": "A"}, Prefer="return=representation")
    assert response.status_code == 201
    assert response.headers["Preference-Applied"] == "return=representation"
    row = response.json()
    assert row.keys() == {"@odata.context", "@odata.etag", "accountid", "name"}
    assert response.headers["ETag"] == row["@odata.etag"]


def test_the_caller_may_choose_the_id_but_not_twice(dataverse: Dataverse) -> None:
    body = {"accountid": "11111111-1111-1111-1111-111111111111", "name": "A"}
    assert dataverse.create("accounts", body) == body["accountid"]
    assert code(dataverse("POST", "accounts", body)) == (412, "0x80040237")


def test_an_alternate_key_is_unique_per_company_without_case_and_trailing_blanks(
    dataverse: Dataverse,
) -> None:
    one, other = dataverse.company("usmf"), dataverse.company("demf")
    for company in (one, other):
        dataverse.create(
            "accounts", {"accountnumber": "US-1", "msdyn_company@odata.bind": f"/cdm_companies({company})"}
        )
    twin = {"accountnumber": "us-1 ", "msdyn_company@odata.bind": f"/cdm_companies({one})"}
    response = dataverse("POST", "accounts", twin)
    assert code(response) == (412, "0x80060892")
    assert "accountnumber, msdyn_company" in message(response)


def test_null_in_a_key_is_never_a_duplicate(dataverse: Dataverse) -> None:
    for _ in range(2):
        dataverse.create("accounts", {"accountnumber": "US-1"})  # without a company


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"accountnumber": "x" * 21}, (400, "0x80044331")),
        ({"customertypecode": 99}, (400, "0x8004431A")),
        ({"numberofemployees": -1}, (400, "0x8004432F")),
        ({"creditlimit": -1}, (400, "0x80044330")),
        ({"numberofemployees": "many"}, (400, "0x80048d19")),
        ({"name": 5}, (400, "0x80048d19")),
        ({"msdyn_onetimecustomer": "yes"}, (400, "0x80048d19")),
        ({"nonsense": 1}, (400, "0x0")),
        ({"msdyn_customergroupid": NOBODY}, (400, "0x80048d19")),
        ({"_msdyn_customergroupid_value": NOBODY}, (400, "0x80048d19")),
        ({"msdyn_customergroupid@odata.bind": f"/msdyn_customergroups({NOBODY})"}, (400, "0x80048d19")),
        ({"msdyn_CustomerGroupId@odata.bind": f"/msdyn_customergroups({NOBODY})"}, (404, "0x80040217")),
        ({"msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='none')"}, (404, "0x80060891")),
        ({"msdyn_company@odata.bind": "/cdm_companies(cdm_name='none')"}, (400, "0x80060888")),
        ({"statecode": 1, "statuscode": 1}, (400, "0x80048408")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refusals(dataverse: Dataverse, body: dict[str, Any], expected: tuple[int, str]) -> None:
    response = dataverse("POST", "accounts", body)
    assert code(response) == expected
    assert dataverse.rows("accounts?$select=name") == []


def test_too_long_names_column_table_and_limit(dataverse: Dataverse) -> None:
    assert message(dataverse("POST", "accounts", {"accountnumber": "x" * 21})) == (
        "A validation error occurred.  The length of the 'accountnumber' attribute of the 'account' entity "
        "exceeded the maximum allowed length of '20'."
    )


def test_a_body_that_is_no_json_is_refused(services: Services) -> None:
    response = services.request("dataverse", "POST", "accounts", data=b"{name", headers={})
    assert response.status_code == 400


def test_values_are_stored_as_the_service_keeps_them(dataverse: Dataverse) -> None:
    body = {"name": "A  ", "creditlimit": 2.675, "address1_latitude": 1.234567, "fax": ""}
    row_id = dataverse.create("accounts", body)
    text = dataverse("GET", f"accounts({row_id})?$select=name,creditlimit,address1_latitude,fax").text
    assert '"name":"A"' in text and '"fax":null' in text
    assert '"creditlimit":2.6800' in text  # halves go away from zero, money has four digits
    assert '"address1_latitude":1.23457' in text


def test_money_of_nineteen_digits_stays_exact(services: Services, dataverse: Dataverse) -> None:
    data = b'{"revenue": 98765432100.12}'
    headers = {"Content-Type": "application/json"}
    response = services.request("dataverse", "POST", "accounts", data=data, headers=headers)
    assert response.status_code == 204
    assert '"revenue":98765432100.1200' in dataverse("GET", "accounts?$select=revenue").text


def test_without_rounding_too_many_digits_are_refused(services: Services, dataverse: Dataverse) -> None:
    services.switch(normalize_round=False)
    assert code(dataverse("POST", "accounts", {"creditlimit": 1.234})) == (400, "0x80044330")


def test_dates_take_no_time_and_times_no_bare_date(dataverse: Dataverse) -> None:
    dated = "msdyn_sharedproductdetails", "msdyn_salespricedate"
    timed = "msdyn_vendors", "msdyn_vendoronholdreleasedate"
    for (table, column), value, status in (
        (dated, "2024-02-03", 204),
        (dated, "2024-02-03T00:00:00Z", 400),
        (timed, "2024-02-03T04:05:06+01:00", 204),
        (timed, "2024-02-03", 400),
        (timed, "1700-01-01T00:00:00Z", 400),
    ):
        assert dataverse("POST", table, {column: value}).status_code == status, (column, value)
    assert dataverse.rows("msdyn_vendors")[0][timed[1]] == "2024-02-03T03:05:06Z"


# changing


def test_patch_by_id_changes_only_what_is_sent(dataverse: Dataverse) -> None:
    row_id = dataverse.create("accounts", {"name": "A", "fax": "1"})
    response = dataverse("PATCH", f"accounts({row_id})", {"name": "B"}, If_Match="*")
    assert response.status_code == 204 and response.headers["OData-EntityId"].endswith(f"({row_id})")
    assert dataverse("GET", f"accounts({row_id})/fax").json()["value"] == "1"


def test_every_write_moves_the_version(dataverse: Dataverse) -> None:
    row_id = dataverse.create("accounts", {"name": "A"})
    first = dataverse("GET", f"accounts({row_id})").json()
    changed = dataverse(
        "PATCH", f"accounts({row_id})?$select=name", {"name": "A"}, Prefer="return=representation"
    )
    assert changed.status_code == 200
    assert changed.json()["@odata.etag"] != first["@odata.etag"] == f'W/"{first["versionnumber"]}"'


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_stale_version_is_refused(dataverse: Dataverse, method: str) -> None:
    row_id = dataverse.create("accounts", {"name": "A"})
    old = dataverse("GET", f"accounts({row_id})").headers["ETag"]
    dataverse("PATCH", f"accounts({row_id})", {"name": "B"})
    response = dataverse(method, f"accounts({row_id})", {"name": "C"}, If_Match=old)
    assert code(response) == (412, "0x80060882")
    assert dataverse("GET", f"accounts({row_id})/name").json()["value"] == "B"


@pytest.mark.parametrize(
    ("headers", "exists", "status"),
    [
        ({}, True, 204),
        ({}, False, 204),
        ({"If_Match": "*"}, True, 204),
        ({"If_Match": "*"}, False, 404),
        ({"If_None_Match": "*"}, True, 412),
        ({"If_None_Match": "*"}, False, 204),
        ({"Prefer": "return=representation"}, True, 200),
        ({"Prefer": "return=representation"}, False, 201),
    ],
)
def test_upsert(dataverse: Dataverse, headers: dict[str, str], exists: bool, status: int) -> None:
    company = dataverse.company()
    key = f"accounts(accountnumber='US-1',_msdyn_company_value={company})"
    if exists:
        dataverse("PATCH", key, {"name": "old"})
    response = dataverse("PATCH", key, {"name": "new"}, **headers)
    assert response.status_code == status
    if status == 204:
        assert response.headers["OData-EntityId"].endswith(key)  # the key form, not the guid
    if status < 400:
        rows = dataverse.rows("accounts?$select=name,accountnumber,_msdyn_company_value")
        assert [(r["name"], r["accountnumber"], r["_msdyn_company_value"]) for r in rows] == [
            ("new", "US-1", company)
        ]


@pytest.mark.parametrize("character", ["/", "<", ">", "*", "%", "&", ":", "\\", "?", "+"])
def test_key_values_with_such_characters_cant_stand_in_a_url(dataverse: Dataverse, character: str) -> None:
    encoded = f"a%{ord(character):02X}b"
    response = dataverse("GET", f"cdm_companies(cdm_companycode='{encoded}')")
    assert response.status_code == 400


def test_but_they_can_in_a_reference(dataverse: Dataverse) -> None:
    group = dataverse.create("msdyn_customergroups", {"msdyn_groupid": "A/B"})
    company = dataverse.company()
    dataverse(
        "PATCH", f"msdyn_customergroups({group})", {"msdyn_company@odata.bind": f"cdm_companies({company})"}
    )
    reference = f"/msdyn_customergroups(msdyn_groupid='a/b',_msdyn_company_value={company})"
    row_id = dataverse.create("accounts", {"msdyn_CustomerGroupId@odata.bind": reference})
    row = dataverse("GET", f"accounts({row_id})?$select=msdyn_customergroupid").json()
    assert row["_msdyn_customergroupid_value"] == group


def test_a_lookup_is_emptied_by_null_and_by_ref(dataverse: Dataverse) -> None:
    parent = dataverse.create("accounts", {"name": "P"})
    row_id = dataverse.create("accounts", {"parentaccountid@odata.bind": f"/accounts({parent})"})
    assert dataverse("GET", f"accounts({row_id})/parentaccountid").json()["accountid"] == parent
    dataverse("PATCH", f"accounts({row_id})", {"parentaccountid@odata.bind": None})
    assert dataverse("GET", f"accounts({row_id})/parentaccountid").status_code == 204
    absolute = {"@odata.id": f"{dataverse.services.dataverse_url}/api/data/v9.2/accounts({parent})"}
    assert dataverse("PUT", f"accounts({row_id})/parentaccountid/$ref", absolute).status_code == 204
    assert dataverse("GET", f"accounts({row_id})/parentaccountid").status_code == 200
    assert dataverse("DELETE", f"accounts({row_id})/parentaccountid/$ref").status_code == 204
    assert dataverse("GET", f"accounts({row_id})/parentaccountid").status_code == 204


def test_a_customer_lookup_points_at_one_of_two_tables(dataverse: Dataverse) -> None:
    account = dataverse.create("accounts", {"name": "A"})
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({account})", "lastname": "X"}
    contact = dataverse.create("contacts", bind)
    row = dataverse(
        "GET",
        f"contacts({contact})?$select=_parentcustomerid_value,fullname",
        Prefer='odata.include-annotations="Microsoft.Dynamics.CRM.*"',
    ).json()
    assert row["_parentcustomerid_value"] == account
    assert row["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert (
        row["_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"]
        == "parentcustomerid_account"
    )
    wrong = {"parentcustomerid_contact@odata.bind": f"/accounts({account})", "lastname": "X"}
    assert dataverse("POST", "contacts", wrong).status_code == 400


def test_the_company_is_stamped_once_and_stays(dataverse: Dataverse) -> None:
    one, other = dataverse.company("usmf"), dataverse.company("demf")
    row_id = dataverse.create("accounts", {"accountnumber": "A"})
    for company, expected in ((one, 204), (one, 204), (other, 400)):
        body = {"msdyn_company@odata.bind": f"/cdm_companies({company})"}
        assert dataverse("PATCH", f"accounts({row_id})", body).status_code == expected


def test_deactivating_takes_the_status_along(dataverse: Dataverse) -> None:
    row_id = dataverse.create("accounts", {"name": "A"})
    dataverse("PATCH", f"accounts({row_id})", {"statecode": 1})
    row = dataverse("GET", f"accounts({row_id})?$select=statecode,statuscode").json()
    assert (row["statecode"], row["statuscode"]) == (1, 2)


# deleting


def test_delete(dataverse: Dataverse) -> None:
    row_id = dataverse.create("accounts", {"name": "A"})
    assert dataverse("DELETE", f"accounts({row_id})").status_code == 204
    response = dataverse("GET", f"accounts({row_id})")
    assert code(response) == (404, "0x80040217")
    assert message(response) == f"Entity 'account' With Id = {row_id} Does Not Exist"
    assert code(dataverse("DELETE", f"accounts({row_id})")) == (404, "0x80040217")
    assert dataverse("DELETE", "accounts").status_code == 405


def test_delete_is_restricted_cascades_or_empties_by_relationship(dataverse: Dataverse) -> None:
    company = dataverse.company()
    account = dataverse.create(
        "accounts", {"accountnumber": "A", "msdyn_company@odata.bind": f"/cdm_companies({company})"}
    )
    child = dataverse.create("accounts", {"parentaccountid@odata.bind": f"/accounts({account})"})
    contact = dataverse.create(
        "contacts", {"parentcustomerid_account@odata.bind": f"/accounts({account})", "lastname": "X"}
    )
    assert code(dataverse("DELETE", f"cdm_companies({company})")) == (405, "0x80040227")
    assert dataverse("DELETE", f"accounts({account})").status_code == 204
    assert dataverse("GET", f"contacts({contact})").status_code == 404
    assert dataverse("GET", f"accounts({child})/parentaccountid").status_code == 204
    log = [(w["set"], w["kind"], w["caller"]) for w in dataverse.services.writes()[-3:]]
    assert ("contacts", "delete", "plug-in") in log and ("accounts", "update", "plug-in") in log


def test_a_refused_delete_takes_back_what_it_cascaded(dataverse: Dataverse) -> None:
    account = dataverse.create("accounts", {"name": "A"})
    contact = dataverse.create(
        "contacts", {"parentcustomerid_account@odata.bind": f"/accounts({account})", "lastname": "X"}
    )
    vendor = dataverse.create("msdyn_vendors", {"msdyn_vendoraccountnumber": "V"})
    dataverse(
        "PATCH", f"contacts({contact})", {"msdyn_VendorContactId@odata.bind": f"/msdyn_vendors({vendor})"}
    )
    dataverse.create("accounts", {"msdyn_billingaccount@odata.bind": f"/accounts({account})"})
    assert dataverse("DELETE", f"accounts({account})").status_code == 405
    assert dataverse("GET", f"contacts({contact})").status_code == 200


# plug-ins


def test_a_company_brings_a_business_unit_and_its_owning_team(dataverse: Dataverse) -> None:
    company = dataverse.company()
    row = dataverse("GET", f"cdm_companies({company})?$expand=cdm_DefaultOwningTeam($select=name)").json()
    assert row["cdm_DefaultOwningTeam"]["name"] == "Company usmf Dual Write"
    unit = row["cdm_DefaultOwningTeam"]["teamid"]
    team = dataverse("GET", f"teams({unit})?$expand=businessunitid($select=name)").json()
    assert team["businessunitid"]["name"] == "Company usmf"


def test_rows_are_owned_by_their_writer_or_by_whom_is_bound(dataverse: Dataverse) -> None:
    user = dataverse("GET", "WhoAmI").json()["UserId"]
    company = dataverse("GET", f"cdm_companies({dataverse.company()})").json()
    team = company["_cdm_defaultowningteam_value"]
    mine = dataverse("GET", f"accounts({dataverse.create('accounts', {'name': 'A'})})").json()
    assert (mine["_ownerid_value"], mine["_owninguser_value"]) == (user, user)
    bound = dataverse.create("accounts", {"ownerid@odata.bind": f"/teams({team})"})
    theirs = dataverse("GET", f"accounts({bound})").json()
    assert (theirs["_ownerid_value"], theirs["_owningteam_value"]) == (team, team)
    assert (theirs["_owninguser_value"], theirs["_createdby_value"]) == (None, user)


def test_a_unit_gets_its_group_and_base_unit(dataverse: Dataverse) -> None:
    base = {
        "name": "ea",
        "msdyn_symbol": "ea",
        "msdyn_externalunitclassname": "Quantity",
        "msdyn_isbaseunit": True,
    }
    first = dataverse.create("uoms", base)
    box = {"name": "box", "msdyn_symbol": "box", "msdyn_externalunitclassname": "Quantity"}
    second = dataverse.create("uoms", box)
    row = dataverse("GET", f"uoms({second})?$expand=uomscheduleid($select=name)").json()
    assert (row["_baseuom_value"], row["uomscheduleid"]["name"]) == (first, "Quantity")
    assert len(dataverse.rows("uomschedules?$select=name")) == 1


def test_what_no_map_fills_is_required_when_the_plugins_dont(
    services: Services, dataverse: Dataverse
) -> None:
    services.switch(plugins=False)
    unit = {"name": "ea", "msdyn_externalunitclassname": "Quantity", "quantity": 1}
    response = dataverse("POST", "uoms", unit)
    assert response.status_code == 400 and "uomscheduleid" in message(response)


def test_a_caller_may_bypass_the_plugins(services: Services, dataverse: Dataverse) -> None:
    headers = {"MSCRM.BypassCustomPluginExecution": "true"}
    unit = {"name": "ea", "msdyn_externalunitclassname": "Quantity", "quantity": 1}
    assert services.request("dataverse", "POST", "uoms", unit, headers=headers).status_code == 400
    assert dataverse("POST", "uoms", unit).status_code == 204


def test_a_product_number_is_made_of_company_and_number(dataverse: Dataverse) -> None:
    company = dataverse.company()
    unit = dataverse.create("uoms", {"name": "ea", "msdyn_externalunitclassname": "Quantity"})
    row_id = dataverse.create(
        "products",
        {
            "name": "P",
            "msdyn_productnumber": "P-1",
            "quantitydecimal": 0,
            "defaultuomid@odata.bind": f"/uoms({unit})",
            "msdyn_CompanyId@odata.bind": f"/cdm_companies({company})",
        },
    )
    row = dataverse("GET", f"products({row_id})?$select=productnumber,_defaultuomscheduleid_value").json()
    assert row["productnumber"] == "usmf P-1" and row["_defaultuomscheduleid_value"]


# what is not imitated


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "accounts?fetchXml=%3Cfetch%2F%3E", None),
        ("GET", "accounts?$apply=groupby((name))", None),
        ("GET", "accounts?$filter=Account_Tasks/any(t:t/x eq 1)", None),
        (
            "GET",
            "accounts?$filter=Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=1)",
            None,
        ),
        ("POST", "EntityDefinitions", {}),
        ("POST", "BulkDelete", {}),
        ("POST", "accounts", {"parentaccountid": {"name": "nested"}}),
    ],
)
def test_what_is_not_imitated_answers_501_and_says_so(
    dataverse: Dataverse, method: str, path: str, body: Any
) -> None:
    response = dataverse(method, path, body)
    assert response.status_code == 501
    assert "does not imitate" in message(response)


def test_impersonation_is_not_imitated(dataverse: Dataverse) -> None:
    assert dataverse("GET", "WhoAmI", MSCRMCallerID=NOBODY).status_code == 501


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nonsense", 404),
        ("POST", "WhoAmI", 404),
        ("PUT", "accounts", 405),
        ("GET", "accounts(name='x')", 400),
    ],
)
def test_wrong_addresses(dataverse: Dataverse, method: str, path: str, status: int) -> None:
    assert dataverse(method, path, {}).status_code == status


def test_without_key_indexes_two_rows_may_share_a_key(services: Services, dataverse: Dataverse) -> None:
    services.switch(alternate_keys=False)
    for _ in range(2):
        dataverse.create("msdyn_exchangeratetypes", {"msdyn_name": "Default"})
    assert len(dataverse.rows("msdyn_exchangeratetypes")) == 2
    found = dataverse("GET", "EntityDefinitions(LogicalName='msdyn_exchangeratetype')/Keys").json()["value"]
    assert {key["EntityKeyIndexStatus"] for key in found} == {"Failed"}
