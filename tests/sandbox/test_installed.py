"""What is installed: plug-ins by their steps, Prospect to cash, duplicate detection, dual-write's own tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_services import Refused, Services
from tests.sandbox.given import Dataverse, Fno, code, infolog, message

STEPS = (
    "sdkmessageprocessingsteps?$select=name,statecode,stage,mode&$expand=sdkmessageid($select=name),"
    "sdkmessagefilterid($select=primaryobjecttypecode),plugintypeid($select=typename,assemblyname)"
)


def steps(dataverse: Dataverse) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Steps by table and message."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in dataverse.rows(STEPS):
        key = (row["sdkmessagefilterid"]["primaryobjecttypecode"], row["sdkmessageid"]["name"])
        found.setdefault(key, []).append(row)
    return found


def test_every_plug_in_of_a_solution_is_an_enabled_step(dataverse: Dataverse) -> None:
    known = steps(dataverse)
    assert {
        ("cdm_company", "Create"),
        ("uom", "Create"),
        ("product", "Update"),
        ("account", "Create"),
    } <= set(known)
    listed = [step for found in known.values() for step in found]
    assert {step["statecode"] for step in listed} == {0}
    (owner,) = known["cdm_company", "Create"]
    assert (owner["stage"], owner["mode"]) == (40, 0)
    assert owner["plugintypeid"]["assemblyname"] == "Dynamics365Company.Plugins"


def test_what_a_disabled_or_deleted_step_did_is_missing(services: Services, dataverse: Dataverse) -> None:
    known = steps(dataverse)
    (owner,) = known["cdm_company", "Create"]
    path = f"sdkmessageprocessingsteps({owner['sdkmessageprocessingstepid']})"
    assert dataverse("PATCH", path, {"statecode": 1, "statuscode": 2}).status_code == 204
    without = dataverse("GET", f"cdm_companies({dataverse.company('usmf')})").json()
    assert without["_cdm_defaultowningteam_value"] is None
    assert dataverse("PATCH", path, {"statecode": 0, "statuscode": 1}).status_code == 204
    with_team = dataverse("GET", f"cdm_companies({dataverse.company('demf')})").json()
    assert with_team["_cdm_defaultowningteam_value"] is not None
    unit = {"name": "kg", "quantity": 1, "msdyn_externalunitclassname": "Mass"}
    for step in known["uom", "Create"]:
        dataverse("DELETE", f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})")
    assert "uomscheduleid" in message(dataverse("POST", "uoms", unit))
    services.reset()
    assert dataverse("POST", "uoms", unit).status_code == 204


def test_plug_ins_go_with_their_solution_and_stay_with_its_successor(
    services: Services, dataverse: Dataverse
) -> None:
    services.switch(solutions={"Dynamics365SupplyChainCommon": None})
    assert not [key for key in steps(dataverse) if key[0] in ("uom", "product")]
    assert dataverse("POST", "uoms", {"name": "kg", "msdyn_externalunitclassname": "Mass"}).status_code == 400
    services.switch(
        solutions={"Dynamics365SupplyChainCommon": None, "Dynamics365SupplyChainExtended": "2.3.4.294"}
    )
    assert ("uom", "Create") in steps(dataverse)
    assert dataverse("POST", "uoms", {"name": "kg", "msdyn_externalunitclassname": "Mass"}).status_code == 204


def test_the_switch_shows_all_steps_disabled_and_enables_them_again(
    services: Services, dataverse: Dataverse
) -> None:
    for enabled in (False, True):
        services.switch(plugins=enabled)
        states = {step["statecode"] for found in steps(dataverse).values() for step in found}
        assert states == {0 if enabled else 1}


def test_prospect_to_cash_brings_solutions_templates_and_a_key_over_all_companies(
    services: Services, dataverse: Dataverse
) -> None:
    bound = [
        {"accountnumber": "1", "msdyn_company@odata.bind": f"/cdm_companies({dataverse.company(each)})"}
        for each in ("usmf", "demf")
    ]
    dataverse.create("accounts", bound[0])
    services.switch(prospect_to_cash=True)
    refused = dataverse("POST", "accounts", bound[1])
    assert code(refused) == (412, "0x80060892") and "msdynce_AccountNumber" in message(refused)
    keys = dataverse("GET", "EntityDefinitions(LogicalName='account')/Keys").json()["value"]
    assert [key["KeyAttributes"] for key in keys if key["LogicalName"] == "msdynce_AccountNumber"] == [
        ["accountnumber"]
    ]
    assert dataverse.rows("solutions?$filter=uniquename eq 'CRMP2C'")
    names = {row["msdyn_name"] for row in dataverse.rows("msdyn_dualwriteentitymaps")}
    assert names == {"CustomerV3-Account", "VendorV2-Vendor"}
    services.switch(prospect_to_cash=False)
    assert dataverse("POST", "accounts", bound[1]).status_code == 204
    assert not dataverse.rows("msdyn_dualwriteentitymaps")
    assert not dataverse.rows("solutions?$filter=uniquename eq 'CRMP2C'")


def test_the_dormant_version_has_no_key(services: Services, dataverse: Dataverse) -> None:
    services.switch(solutions={"CRMP2C": "15.0.0.2"})
    keys = dataverse("GET", "EntityDefinitions(LogicalName='account')/Keys").json()["value"]
    assert "msdynce_AccountNumber" not in {key["LogicalName"] for key in keys}
    assert dataverse.rows("solutions?$filter=uniquename eq 'CRMP2C'")[0]["version"] == "15.0.0.2"


def test_duplicates_are_detected_by_published_rules_where_a_write_asks_for_it(dataverse: Dataverse) -> None:
    rule = dataverse.create(
        "duplicaterules",
        {"name": "Same name", "baseentityname": "account", "matchingentityname": "account"},
    )
    condition = {"baseattributename": "name", "matchingattributename": "name"}
    condition["regardingobjectid@odata.bind"] = f"/duplicaterules({rule})"
    dataverse.create("duplicateruleconditions", condition)
    asked = {"MSCRM.SuppressDuplicateDetection": "false"}
    dataverse.create("accounts", {"name": "Contoso"})

    def create(**headers: str) -> Any:
        return dataverse("POST", "accounts", {"name": "contoso "}, **headers)

    assert create(**asked).status_code == 204, "not published"
    published = {"statecode": 1, "statuscode": 2}
    assert dataverse("PATCH", f"duplicaterules({rule})", published).status_code == 204
    assert create().status_code == 204, "the Web API doesn't look by itself"
    assert code(create(**asked)) == (412, "0x80040333")


def test_refusals_come_in_the_language_of_the_user(services: Services, fno: Fno) -> None:
    fno.chain("usmf")

    def refused(caller: Any, **body: Any) -> str:
        row = {"dataAreaId": "usmf", "CustomerAccount": "C1", **body}
        response = services.request("fno", "POST", "CustomersV3", row, caller=caller)
        assert response.status_code == 400
        return infolog(response)

    english = refused("application", CustomerGroupId="99")
    assert "is not found in the related table" in english
    services.switch(fno_user_language="de")
    german = refused("application", CustomerGroupId="99")
    assert german.startswith(
        "Fehler beim Schreiben der Tabellenzeile vom Typ 'CustCustomerV3Entity'. Infolog: Warnung: "
    )
    assert "Der Wert '99' in Feld 'Customer group' wurde in der verknüpften Tabelle" in german
    assert "validateWrite ist für die Datenquelle 'CustTable (CustTable)' fehlgeschlagen" in german
    assert "Warning" not in german and "not found" not in german
    assert "Feld 'Customer group' muss ausgefüllt werden." in refused("application")
    assert refused("user", CustomerGroupId="99") == english, "others speak their own"


def test_without_data_events_none_can_be_activated(services: Services) -> None:
    services.switch(data_events=False)
    with pytest.raises(Refused, match="not available"):
        services.admin(
            "POST", "data-events", {"data-events": [{"set": "CustomersV3", "url": "https://localhost:1/"}]}
        )


def test_dual_write_itself_shows_by_its_steps_and_its_runtime_configuration(
    services: Services, dataverse: Dataverse
) -> None:
    asked = (
        "sdkmessageprocessingsteps?$select=name&$expand=sdkmessagefilterid($select=primaryobjecttypecode)"
        "&$filter=statecode eq 0 and contains(plugintypeid/assemblyname,'DualWriteRuntime')"
    )
    assert dataverse.rows(asked) == [] and dataverse.rows("msdyn_dualwriteruntimeconfigs") == []
    services.switch(dual_write=["accounts", "msdyn_vendors"])
    services.switch(dual_write=["accounts"])
    found = dataverse.rows(asked)
    assert {step["sdkmessagefilterid"]["primaryobjecttypecode"] for step in found} == {"account"}
    assert len(found) == 6
    assert [row["msdyn_entityname"] for row in dataverse.rows("msdyn_dualwriteruntimeconfigs")] == ["account"]
    dataverse.create("accounts", {"name": "x"})
    services.switch(dual_write=[])
    assert dataverse.rows(asked) == [] and dataverse.rows("msdyn_dualwriteruntimeconfigs") == []
