"""F&O entities as virtual tables in Dataverse: names, ids, values, and tracking by row version."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.local_services import Refused, Services
from tests.sandbox.given import Dataverse, Fno, code, message

CATALOGUE = "mserp_financeandoperationsentities"
GROUPS = "mserp_custcustomergroupentities"
TRACK = {"Prefer": "odata.track-changes"}


def generate(services: Services, *sets: str, tracked: bool = True) -> None:
    services.admin("POST", "virtual", {"sets": list(sets), "tracked": tracked})


def entry(dataverse: Dataverse, name: str) -> dict[str, Any]:
    (found,) = dataverse.rows(f"{CATALOGUE}?$filter=mserp_physicalname eq '{name}'")
    return found


def record(etag: str) -> int:
    """The record id inside an F&O etag."""
    inner = base64.b64decode(etag.removeprefix('W/"').removesuffix('"')).decode()
    return int(inner.strip("'").split(",")[1])


def test_an_entity_is_generated_through_the_catalogue(dataverse: Dataverse, fno: Fno) -> None:
    found = entry(dataverse, "CustCustomerGroupEntity")
    assert (found["mserp_hasbeengenerated"], found["mserp_changetrackingenabled"]) == (False, False)
    assert dataverse("GET", GROUPS).status_code == 404
    body = {"mserp_hasbeengenerated": True, "mserp_changetrackingenabled": True}
    dataverse("PATCH", f"{CATALOGUE}({found['mserp_financeandoperationsentityid']})", body)
    assert dataverse.rows(GROUPS) == []
    definition = dataverse(
        "GET", "EntityDefinitions(LogicalName='mserp_custcustomergroupentity')?$expand=Attributes"
    ).json()
    assert definition["EntitySetName"] == GROUPS and definition["ChangeTrackingEnabled"]
    assert (definition["TableType"], definition["ExternalName"]) == ("Virtual", "CustCustomerGroupEntity")
    names = {attribute["LogicalName"] for attribute in definition["Attributes"]}
    assert {"mserp_customergroupid", "mserp_dataareaid", "mserp_primaryfield"} <= names


def test_a_row_has_the_record_id_of_f_and_o_in_its_guid(
    services: Services, dataverse: Dataverse, fno: Fno
) -> None:
    fno.chain("usmf")
    generate(services, "CustomerGroups")
    (group,) = fno.rows("CustomerGroups?cross-company=true")
    (row,) = dataverse.rows(GROUPS)
    guid = row["mserp_custcustomergroupentityid"]
    head, *zeros, high, low = guid.split("-")
    assert zeros == ["0000", "0000"] and int(head, 16) > 0
    assert int.from_bytes(bytes.fromhex(high + low), "little") == record(group["@odata.etag"])
    assert (row["mserp_dataareaid"], row["mserp_primaryfield"]) == ("usmf", "usmf | 10")
    assert dataverse("GET", f"{GROUPS}({guid})").json()["mserp_customergroupid"] == "10"
    services.switch(virtual_record_id="big")
    (row,) = dataverse.rows(GROUPS)
    tail = "".join(row["mserp_custcustomergroupentityid"].split("-")[3:])
    assert int(tail, 16) == record(group["@odata.etag"])


def test_enums_are_options_and_empty_dates_null(services: Services, dataverse: Dataverse, fno: Fno) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "US-1", OnHoldStatus="Invoice")
    generate(services, "CustomersV3", tracked=False)
    (row,) = dataverse.rows("mserp_custcustomerv3entities?$filter=mserp_customeraccount eq 'us-1'")
    assert row["mserp_onholdstatus"] > 200_000_000
    assert row["mserp_modifieddatetime1"] is not None
    services.load("fno", "JobTypes", [{"JobTypeId": "A"}])
    generate(services, "JobTypes", tracked=False)
    (row,) = dataverse.rows("mserp_hcmjobtypeentities")
    assert row["mserp_system_createddatetime"] is None


def test_changes_and_deletes_come_by_id(services: Services, dataverse: Dataverse, fno: Fno) -> None:
    fno.chain("usmf", "usrt")
    generate(services, "CustomerGroups")
    document = dataverse("GET", f"{GROUPS}?$select=mserp_customergroupid", **TRACK).json()
    ids = {row["mserp_custcustomergroupentityid"] for row in document["value"]}
    assert len(ids) == 2
    link = document["@odata.deltaLink"]
    assert dataverse("GET", link).json()["value"] == []
    services.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "20"}])
    fno(
        "PATCH",
        "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')?cross-company=true",
        {"Description": "X"},
    )
    fno("DELETE", "CustomerGroups(dataAreaId='usrt',CustomerGroupId='10')?cross-company=true")
    document = dataverse("GET", link).json()
    *rows, gone = document["value"]
    assert [row["mserp_customergroupid"] for row in rows] == ["20", "10"]
    assert gone["reason"] == "deleted" and gone["id"] in ids
    assert dataverse("GET", document["@odata.deltaLink"]).json()["value"] == []


def test_a_refused_change_is_no_change(services: Services, dataverse: Dataverse, fno: Fno) -> None:
    fno.chain("usmf")
    generate(services, "CustomerGroups")
    link = dataverse("GET", GROUPS, **TRACK).json()["@odata.deltaLink"]
    path = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')?cross-company=true"
    assert fno("PATCH", path, {"Description": "x" * 500}).status_code == 400
    assert fno("PATCH", path, {"Description": "Y"}, If_Match='W/"old"').status_code == 412
    assert dataverse("GET", link).json()["value"] == []


def test_an_entity_that_does_not_qualify_says_why(services: Services, dataverse: Dataverse) -> None:
    found = entry(dataverse, "MainAccountEntity")
    path = f"{CATALOGUE}({found['mserp_financeandoperationsentityid']})"
    refused = dataverse("PATCH", path, {"mserp_changetrackingenabled": True})
    assert refused.status_code == 400 and "F&O entity MainAccountEntity contains Ranges" in message(refused)
    assert not entry(dataverse, "MainAccountEntity")["mserp_changetrackingenabled"]
    with pytest.raises(Refused, match="CustCustomerV3Entity"):
        generate(services, "CustomersV3")
    generate(services, "CustomersV3", tracked=False)
    refused = dataverse("GET", "mserp_custcustomerv3entities", **TRACK)
    assert code(refused) == (400, "0x80072491")
    listed = services.admin("GET", "virtual")
    assert listed["CustomerGroups"]["qualifies"] and not listed["CustomersV3"]["qualifies"]


def test_nothing_can_be_tracked_without_the_configuration_key_or_the_integration(
    services: Services, dataverse: Dataverse
) -> None:
    services.switch(row_version_tracking=False)
    with pytest.raises(Refused, match="configuration key"):
        generate(services, "CustomerGroups")
    services.switch(row_version_tracking=True, fno_application_version="10.0.30.12")
    with pytest.raises(Refused, match=r"in version 10\.0\.30\.12"):
        generate(services, "CustomerGroups")
    services.alter("dataverse", CATALOGUE, gone=True)
    assert dataverse("GET", CATALOGUE).status_code == 404
    assert dataverse("GET", GROUPS).status_code == 404
    services.reset()
    assert dataverse("GET", CATALOGUE).status_code == 200


def test_a_change_of_the_entity_voids_the_token(services: Services, dataverse: Dataverse) -> None:
    generate(services, "CustomerGroups")
    link = dataverse("GET", f"{GROUPS}?$select=mserp_customergroupid", **TRACK).json()["@odata.deltaLink"]
    services.alter("fno", "CustomerGroups", columns={"New": {"kind": "text"}})
    assert code(dataverse("GET", link)) == (400, "0x80044352")
    assert dataverse("GET", f"{GROUPS}?$select=mserp_new", **TRACK).status_code == 200


def test_tokens_of_virtual_tables_live_ten_days(services: Services, dataverse: Dataverse) -> None:
    generate(services, "CustomerGroups")
    link = dataverse("GET", GROUPS, **TRACK).json()["@odata.deltaLink"]
    services.switch(dataverse_clock_offset=9.9 * 86_400)
    assert dataverse("GET", link).status_code == 200
    services.switch(dataverse_clock_offset=10.1 * 86_400)
    assert code(dataverse("GET", link)) == (400, "0x80044352")


def test_virtual_tables_follow_a_restore_and_a_reset(
    services: Services, dataverse: Dataverse, fno: Fno
) -> None:
    fno.chain("usmf")
    generate(services, "CustomerGroups")
    services.snapshot("before")
    link = dataverse("GET", GROUPS, **TRACK).json()["@odata.deltaLink"]
    services.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "20"}])
    assert len(dataverse.rows(GROUPS)) == 2
    services.restore("before")
    assert len(dataverse.rows(GROUPS)) == 1
    assert dataverse("GET", link).json()["value"] == []
    services.reset()
    assert dataverse("GET", GROUPS).status_code == 404


def test_nothing_is_written_through_a_virtual_table(services: Services, dataverse: Dataverse) -> None:
    generate(services, "CustomerGroups")
    assert dataverse("POST", GROUPS, {"mserp_customergroupid": "30"}).status_code == 501


def test_rows_of_hidden_companies_are_not_shown(services: Services, dataverse: Dataverse, fno: Fno) -> None:
    fno.chain("usmf", "usrt")
    generate(services, "CustomerGroups")
    services.switch(hide_companies=["usrt"])
    assert len(dataverse.rows(GROUPS)) == 2
    response = services.request("dataverse", "GET", GROUPS, caller="application")
    assert [row["mserp_dataareaid"] for row in response.json()["value"]] == ["usmf"]
