"""CreateMultiple, UpdateMultiple, UpsertMultiple."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, code, message

TYPE = "Microsoft.Dynamics.CRM.account"


def send(dataverse: Dataverse, name: str, *items: dict[str, Any], table: str = "accounts") -> Any:
    targets = [{"@odata.type": TYPE, **item} for item in items]
    return dataverse("POST", f"{table}/Microsoft.Dynamics.CRM.{name}", {"Targets": targets})


def names(dataverse: Dataverse) -> list[str]:
    return sorted(row["name"] for row in dataverse.rows("accounts?$select=name"))


def test_create_multiple_answers_the_ids_in_order(dataverse: Dataverse) -> None:
    response = send(dataverse, "CreateMultiple", {"name": "A"}, {"name": "B"})
    assert response.status_code == 200
    for row_id, name in zip(response.json()["Ids"], ("A", "B"), strict=True):
        assert dataverse("GET", f"accounts({row_id})/name").json()["value"] == name


@pytest.mark.parametrize("message_name", ["CreateMultiple", "UpsertMultiple"])
def test_one_bad_item_takes_all_back(dataverse: Dataverse, message_name: str) -> None:
    bad = {"name": "B", "accountnumber": "x" * 30, "accountid": "11111111-1111-1111-1111-111111111111"}
    good = {"name": "A", "accountid": "22222222-2222-2222-2222-222222222222"}
    writes = dataverse.services.write_count()
    response = send(dataverse, message_name, good, bad)
    assert code(response) == (400, "0x80044331")
    assert names(dataverse) == [] and dataverse.services.write_count() == writes


def test_a_duplicate_inside_one_message_takes_all_back(dataverse: Dataverse) -> None:
    company = {"msdyn_company@odata.bind": f"/cdm_companies({dataverse.company()})", "accountnumber": "1"}
    assert code(send(dataverse, "CreateMultiple", company, company)) == (412, "0x80060892")
    assert dataverse.rows("accounts?$select=name") == []


def test_update_multiple(dataverse: Dataverse) -> None:
    ids = [dataverse.create("accounts", {"name": name, "fax": "1"}) for name in ("A", "B")]
    items = [{"accountid": row_id, "name": "new"} for row_id in ids]
    assert send(dataverse, "UpdateMultiple", *items).status_code == 204
    assert names(dataverse) == ["new", "new"]
    assert {row["fax"] for row in dataverse.rows("accounts?$select=fax")} == {"1"}
    absent = {"accountid": "11111111-1111-1111-1111-111111111111", "name": "x"}
    assert code(send(dataverse, "UpdateMultiple", {**items[0], "name": "y"}, absent)) == (404, "0x80040217")
    assert names(dataverse) == ["new", "new"]
    assert send(dataverse, "UpdateMultiple", {"name": "x"}).status_code == 400


def test_upsert_multiple_by_alternate_key_answers_204_without_a_body(dataverse: Dataverse) -> None:
    company = dataverse.company()
    items = [
        {"@odata.id": f"accounts(accountnumber='{number}',_msdyn_company_value={company})", "name": name}
        for number, name in (("1", "A"), ("2", "B"))
    ]
    for _ in range(2):
        response = send(dataverse, "UpsertMultiple", *items)
        assert response.status_code == 204 and response.content == b""
    rows = dataverse.rows("accounts?$select=accountnumber,name,_msdyn_company_value")
    assert {(r["accountnumber"], r["name"], r["_msdyn_company_value"]) for r in rows} == {
        ("1", "A", company),
        ("2", "B", company),
    }


def test_every_item_names_its_type(dataverse: Dataverse) -> None:
    path = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert dataverse("POST", path, {"Targets": [{"name": "A"}]}).status_code == 400
    assert dataverse("POST", path, {}).status_code == 400


def test_standard_tables_know_no_delete_multiple(dataverse: Dataverse) -> None:
    response = send(dataverse, "DeleteMultiple", {"accountid": "11111111-1111-1111-1111-111111111111"})
    assert message(response) == "DeleteMultiple has not yet been implemented."


def filters(dataverse: Dataverse, logical: str) -> int:
    condition = f"sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq '{logical}'"
    return len(dataverse.rows(f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={condition}"))


def test_some_tables_take_no_bulk_messages_and_the_metadata_say_which(dataverse: Dataverse) -> None:
    body = {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.uom", "name": "ea"}]}
    response = dataverse("POST", "uoms/Microsoft.Dynamics.CRM.CreateMultiple", body)
    assert response.status_code == 400 and "isn't supported" in message(response)
    assert (filters(dataverse, "uom"), filters(dataverse, "account")) == (0, 1)


def test_bulk_messages_can_be_switched_off(services: Services, dataverse: Dataverse) -> None:
    services.switch(bulk_messages=False)
    assert send(dataverse, "CreateMultiple", {"name": "A"}).status_code == 400
