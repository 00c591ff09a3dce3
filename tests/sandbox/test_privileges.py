"""Privileges of the application user: listed, missing, and of less than all rows."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.local_services import Services
from tests.sandbox.given import Dataverse, code, message


def ours(services: Services, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
    """A request of the application."""
    return services.request("dataverse", method, path, body, caller="application", headers=headers)


def held(services: Services, suffix: str = "") -> dict[str, str]:
    who = ours(services, "GET", "WhoAmI").json()["UserId"]
    path = f"systemusers({who})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges{suffix}"
    listed = ours(services, "GET", path).json()["RolePrivileges"]
    return {each["PrivilegeName"]: each["Depth"] for each in listed}


def described(dataverse: Dataverse, table: str) -> dict[str, str]:
    path = f"EntityDefinitions?$select=LogicalName,Privileges&$filter=LogicalName eq '{table}'"
    (row,) = dataverse.rows(path)
    return {each["PrivilegeType"]: each["Name"] for each in row["Privileges"]}


def test_the_user_holds_all_privileges_of_all_tables_at_organization_level(
    services: Services, dataverse: Dataverse
) -> None:
    mine = held(services)
    assert set(mine.values()) == {"Global"} and held(services, "()") == mine
    for table in ("account", "msdyn_vendor", "cdm_company"):
        assert set(described(dataverse, table).values()) <= mine.keys()
    assert "Assign" in described(dataverse, "account")
    assert "Assign" not in described(dataverse, "cdm_company"), "rows of the organization have no owner"
    assert described(dataverse, "salesorderdetail")["Read"] == "prvReadSalesOrder", "lines share it"


def test_what_is_denied_or_narrowed_is_listed_so(services: Services) -> None:
    services.switch(denied=["prvwriteaccount"], privilege_depths={"prvReadaccount": "Local"})
    mine = held(services)
    assert "prvWriteAccount" not in mine
    assert (mine["prvReadAccount"], mine["prvCreateAccount"]) == ("Local", "Global")


@pytest.fixture
def rows(services: Services, dataverse: Dataverse) -> dict[str, str]:
    """Ids of three accounts: the application's own, a user's of the same unit, one of a company's team below."""
    company = dataverse.company()
    team = dataverse.rows("cdm_companies?$select=_cdm_defaultowningteam_value")[0]
    below = f"/teams({team['_cdm_defaultowningteam_value']})"
    bound = {"msdyn_company@odata.bind": f"/cdm_companies({company})"}
    made = ours(services, "POST", "accounts", {"accountnumber": "1", **bound}, Prefer="return=representation")
    assert made.status_code == 201
    return {
        "own": made.json()["accountid"],
        "unit": dataverse.create("accounts", {"accountnumber": "2", **bound}),
        "below": dataverse.create("accounts", {"accountnumber": "3", "ownerid@odata.bind": below, **bound}),
    }


@pytest.mark.parametrize(
    ("depth", "seen"),
    [("Basic", {"own"}), ("Local", {"own", "unit"}), ("Deep", {"own", "unit", "below"})],
)
def test_reading_less_than_all_rows_leaves_the_others_out_unsaid_but_changes_are_refused(
    services: Services, rows: dict[str, str], depth: str, seen: set[str]
) -> None:
    services.switch(privilege_depths={"prvReadAccount": depth})
    listed = ours(services, "GET", "accounts?$select=accountid").json()["value"]
    assert {row["accountid"] for row in listed} == {rows[name] for name in seen}
    for name, row_id in rows.items():
        answer = ours(services, "GET", f"accounts({row_id})")
        assert answer.status_code == (200 if name in seen else 403)
        if name not in seen:
            assert code(answer) == (403, "0x80048306") and "ReadAccess" in message(answer)
    tracked = ours(services, "GET", "accounts", Prefer="odata.track-changes")
    assert code(tracked) == (403, "0x80040220"), "change tracking takes the privilege for all rows"


def test_writing_own_rows_only_refuses_the_others(services: Services, rows: dict[str, str]) -> None:
    services.switch(privilege_depths={"prvWriteAccount": "Basic", "prvDeleteAccount": "Basic"})
    assert ours(services, "PATCH", f"accounts({rows['own']})", {"name": "x"}).status_code == 204
    refused = ours(services, "PATCH", f"accounts({rows['unit']})", {"name": "x"})
    assert code(refused) == (403, "0x80048306") and "WriteAccess" in message(refused)
    assert code(ours(services, "DELETE", f"accounts({rows['below']})")) == (403, "0x80048306")
    assert ours(services, "DELETE", f"accounts({rows['own']})").status_code == 204


@pytest.mark.parametrize("denied", ["prvAppendAccount", "prvAppendTocdm_company"])
def test_filling_a_lookup_takes_append_on_one_table_and_append_to_on_the_other(
    services: Services, dataverse: Dataverse, denied: str
) -> None:
    bound = {"msdyn_company@odata.bind": f"/cdm_companies({dataverse.company()})"}
    services.switch(denied=[denied])
    refused = ours(services, "POST", "accounts", {"accountnumber": "1", **bound})
    assert code(refused) == (403, "0x80040220") and denied.lower() in message(refused).lower()
    bulk = {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.account", "accountnumber": "1", **bound}]}
    assert ours(services, "POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", bulk).status_code == 403
    assert ours(services, "POST", "accounts", {"accountnumber": "1"}).status_code == 204


def test_bulk_messages_take_the_privilege_of_what_they_do(services: Services) -> None:
    services.switch(denied=["prvWriteAccount"])
    item = {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountnumber": "1"}
    for message_name, status in (("UpdateMultiple", 403), ("UpsertMultiple", 403), ("CreateMultiple", 200)):
        path = f"accounts/Microsoft.Dynamics.CRM.{message_name}"
        assert ours(services, "POST", path, {"Targets": [item]}).status_code == status


def test_keys_and_duplicate_detection_are_told_with_the_table(
    services: Services, dataverse: Dataverse
) -> None:
    path = (
        "EntityDefinitions?$select=LogicalName,ChangeTrackingEnabled,IsDuplicateDetectionEnabled"
        "&$expand=Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)"
        "&$filter=LogicalName eq 'account' or LogicalName eq 'msdyn_vendor'"
    )

    def told() -> dict[str, tuple[bool, bool, list[str]]]:
        return {
            row["LogicalName"]: (
                row["ChangeTrackingEnabled"],
                row["IsDuplicateDetectionEnabled"]["Value"],
                [key["EntityKeyIndexStatus"] for key in row["Keys"]],
            )
            for row in dataverse.rows(path)
        }

    assert told() == {"account": (True, True, ["Active"]), "msdyn_vendor": (True, False, ["Active"])}
    services.switch(key_states={"accounts": "Pending"})
    services.alter("dataverse", "msdyn_vendors", keys=[], tracked=False)
    assert told() == {"account": (True, True, ["Pending"]), "msdyn_vendor": (False, False, [])}
    company = {"msdyn_company@odata.bind": f"/cdm_companies({dataverse.company()})"}
    for _ in range(2):
        dataverse.create("accounts", {"accountnumber": "1", **company})
    services.switch(key_states={})
    assert dataverse("POST", "accounts", {"accountnumber": "1", **company}).status_code == 412


def test_teams_have_roles_and_without_one_they_own_nothing(services: Services, dataverse: Dataverse) -> None:
    company = dataverse.company()
    asked = "teams?$select=teamid,name&$expand=teamroles_association($select=name)&$filter=isdefault eq false"
    (team,) = dataverse.rows(asked)
    assert (team["name"], [role["name"] for role in team["teamroles_association"]]) == (
        "Company usmf Dual Write",
        ["Dualflow"],
    )
    services.switch(team_roles=[])
    assert [row["teamroles_association"] for row in dataverse.rows(asked)] == [[]]
    body = {"accountnumber": "1", "ownerid@odata.bind": f"/teams({team['teamid']})"}
    body["msdyn_company@odata.bind"] = f"/cdm_companies({company})"
    refused = dataverse("POST", "accounts", body)
    assert code(refused) == (403, "0x80040220") and f"Principal team (Id={team['teamid']}" in message(refused)
