"""Who is let in, who we are, what is installed: the states of an environment that a check has to find."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.local_services import Services, Side
from tests.sandbox.given import Dataverse, Fno, code, message

ELSEWHERE = "11111111-2222-4333-8444-555555555555"


def ours(
    services: Services, side: Side, path: str, method: str = "GET", body: Any = None
) -> requests.Response:
    """A request of the application."""
    return services.request(side, method, path, body, caller="application")


def test_a_healthy_environment_lets_the_application_in_and_says_what_it_is(services: Services) -> None:
    who = ours(services, "dataverse", "WhoAmI").json()["UserId"]
    user = ours(services, "dataverse", f"systemusers({who})?$select=isdisabled,fullname").json()
    assert user["isdisabled"] is False
    roles = ours(services, "dataverse", f"systemusers({who})/systemuserroles_association?$select=name").json()
    assert [role["name"] for role in roles["value"]] == ["Dualflow"]
    solutions = ours(services, "dataverse", "solutions?$select=uniquename,version").json()["value"]
    assert {"Dynamics365Company", "Dynamics365SupplyChainCommon"} <= {
        each["uniquename"] for each in solutions
    }
    mine = services.environment["DUALFLOW_CLIENT_ID"]
    client = ours(services, "fno", f"SysAADClients?$filter=AADClientId eq '{mine}'").json()["value"][0]
    asked = f"SystemUsers?$filter=UserID eq '{client['UserId']}'&$select=UserID,Enabled,UserInfo_language"
    (mapped,) = ours(services, "fno", asked).json()["value"]
    assert (mapped["Enabled"], mapped["UserInfo_language"]) == (True, "en-US")
    roles = ours(services, "fno", f"SecurityUserRoles?$filter=UserId eq '{client['UserId']}'").json()["value"]
    assert [role["SecurityRoleName"] for role in roles] == ["System administrator"]
    assert ours(services, "fno", "SecurityUserRoleOrganizations").json()["value"] == []


@pytest.mark.parametrize(
    ("switch", "value", "refusal"),
    [
        ("dataverse_member", False, "0x80072560"),
        ("dataverse_user_enabled", False, "0x80040225"),
        ("dataverse_roles", [], "0x80042F09"),
    ],
)
def test_dataverse_says_why_it_does_not_serve_the_application(
    services: Services, dataverse: Dataverse, switch: str, value: Any, refusal: str
) -> None:
    services.switch(**{switch: value})
    for path in ("WhoAmI", "accounts?$top=1"):
        assert code(ours(services, "dataverse", path)) == (403, refusal)
    assert dataverse("GET", "accounts?$top=1").status_code == 200, "a user is not touched"
    services.reset()
    assert ours(services, "dataverse", "WhoAmI").status_code == 200


def test_a_disabled_application_user_is_shown_as_such_and_can_be_enabled_by_an_edit(
    services: Services,
) -> None:
    who = ours(services, "dataverse", "WhoAmI").json()["UserId"]
    services.edit("dataverse", "PATCH", f"systemusers({who})", {"isdisabled": True})
    assert code(ours(services, "dataverse", "WhoAmI")) == (403, "0x80040225")
    services.switch(dataverse_user_enabled=True)
    assert ours(services, "dataverse", "WhoAmI").status_code == 200


@pytest.mark.parametrize("switch", ["fno_registered", "fno_user_enabled"])
def test_fno_does_not_know_an_application_without_a_user(services: Services, fno: Fno, switch: str) -> None:
    services.switch(**{switch: False})
    refused = ours(services, "fno", "CustomerGroups")
    assert (refused.status_code, refused.content) == (401, b"")
    assert fno("GET", "CustomerGroups").status_code == 200
    rows = fno.rows("SystemUsers?$filter=Enabled eq false"), fno.rows("SysAADClients")
    assert [len(found) for found in rows] == ([0, 1] if switch == "fno_registered" else [1, 2])


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_service_of_another_tenant_names_it_and_takes_no_token_of_ours(
    services: Services, side: Side
) -> None:
    token_of = {"fno": "CustomerGroups", "dataverse": "WhoAmI"}
    assert ours(services, side, token_of[side]).status_code == 200
    services.switch(**{f"{side}_tenant": ELSEWHERE})
    refused = ours(services, side, token_of[side])
    assert refused.status_code == 401
    assert f"/{ELSEWHERE}/oauth2/authorize" in refused.headers["WWW-Authenticate"]
    # a new token isn't to be had either: our tenant doesn't know the resource
    form = {
        "grant_type": "client_credentials",
        "client_id": services.environment["DUALFLOW_CLIENT_ID"],
        "client_secret": services.environment["DUALFLOW_CLIENT_SECRET"],
        "scope": f"{services.url(side)}/.default",
    }
    address = f"{services.login_url}/{services.environment['DUALFLOW_TENANT_ID']}/oauth2/v2.0/token"
    answer = requests.post(address, data=form, verify=services.ca_bundle, timeout=30)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [500011])


def test_versions_are_those_of_the_switches(services: Services) -> None:
    services.switch(
        fno_application_version="10.0.3", fno_platform_version="7.0.5257.35396", dataverse_version="9.0.2.33"
    )
    action = "DataManagementEntities/Microsoft.Dynamics.DataEntities."
    told = [
        ours(services, "fno", f"{action}{name}", "POST", {}).json()["value"]
        for name in ("GetApplicationVersion", "GetPlatformBuildVersion")
    ]
    assert told == ["10.0.3", "7.0.5257.35396"]
    assert ours(services, "dataverse", "RetrieveVersion").json()["Version"] == "9.0.2.33"
    organization = ours(services, "dataverse", "RetrieveCurrentOrganization").json()["Detail"]
    assert organization["OrganizationVersion"] == "9.0.2.33"


def test_solutions_can_be_old_missing_or_replaced_until_the_reset(
    services: Services, dataverse: Dataverse
) -> None:
    def installed() -> dict[str, str]:
        return {row["uniquename"]: row["version"] for row in dataverse.rows("solutions")}

    before = installed()
    services.switch(
        solutions={
            "Dynamics365Company": "1.0.0.0",
            "Dynamics365FinanceCommon": None,
            "Dynamics365FinanceExtended": "2.3.4.294",
        }
    )
    expected = {**before, "Dynamics365Company": "1.0.0.0", "Dynamics365FinanceExtended": "2.3.4.294"}
    del expected["Dynamics365FinanceCommon"]
    assert installed() == expected
    services.reset()
    assert installed() == before


def test_an_fno_user_without_a_right_is_refused_and_one_limited_to_companies_sees_only_theirs(
    services: Services, fno: Fno
) -> None:
    fno.chain("usmf", "demf")
    services.switch(fno_denied=["VendorGroups"], fno_user_companies=["USMF"])
    refused = ours(services, "fno", "VendorGroups?cross-company=true")
    assert refused.status_code == 403
    assert "VendVendorGroupEntity" in refused.json()["error"]["innererror"]["message"]
    assert ours(services, "fno", "VendorGroups", "POST", {"VendorGroupId": "11"}).status_code == 403
    groups = ours(services, "fno", "CustomerGroups?cross-company=true").json()["value"]
    assert [row["dataAreaId"] for row in groups] == ["usmf"]
    body = {"dataAreaId": "demf", "CustomerGroupId": "11"}
    assert ours(services, "fno", "CustomerGroups", "POST", body).status_code == 403
    limits = ours(services, "fno", "SecurityUserRoleOrganizations").json()["value"]
    assert [(row["OrganizationType"], row["OrganizationId"]) for row in limits] == [("LegalEntity", "USMF")]
    services.switch(fno_user_companies=[], hide_companies=["USMF"])
    limits = ours(services, "fno", "SecurityUserRoleOrganizations").json()["value"]
    assert [row["OrganizationId"].lower() for row in limits] == ["demf"]
    services.switch(hide_companies=[], fno_user_roles=[])
    assert ours(services, "fno", "CustomerGroups").status_code == 403
    assert len(fno.rows("CustomerGroups?cross-company=true")) == 2


def test_what_is_not_imitated_of_the_users_sets_says_so(fno: Fno) -> None:
    assert fno("PATCH", "SystemUsers(UserID='Admin')", {"Enabled": False}).status_code == 501
    assert "Nothing" in fno("GET", "SystemUsers?$select=Nothing").text


def test_a_missing_privilege_names_itself_its_table_and_the_user(services: Services) -> None:
    services.switch(denied=["prvReadAccount"])
    refused = ours(services, "dataverse", "accounts")
    assert code(refused) == (403, "0x80040220")
    assert "is missing prvReadAccount privilege (Id=" in message(refused)
    assert "for entity 'account'" in message(refused)
