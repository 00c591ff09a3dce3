"""Another schema while the sandbox serves: columns, keys, tracking, bulk messages, sets that are gone."""

from __future__ import annotations

import pytest

from tests.local_services import Refused, Services
from tests.sandbox.given import Dataverse, Fno


def attributes(dataverse: Dataverse, table: str) -> dict[str, dict[str, object]]:
    rows = dataverse.rows(f"EntityDefinitions(LogicalName='{table}')/Attributes")
    return {row["LogicalName"]: row for row in rows}


def test_a_dropped_column_is_gone_from_metadata_rows_and_requests(
    services: Services, dataverse: Dataverse
) -> None:
    dataverse.create("accounts", {"name": "A", "fax": "1"})
    services.alter("dataverse", "accounts", drop=["fax"], columns={"name": {"length": 1}})
    found = attributes(dataverse, "account")
    assert "fax" not in found and found["name"]["MaxLength"] == 1
    (row,) = services.dump("dataverse", "accounts")
    assert row["name"] == "A" and "fax" not in row
    assert services.request("dataverse", "GET", "accounts?$select=fax").status_code == 400
    with pytest.raises(Refused, match="fax"):
        services.edit("dataverse", "POST", "accounts", {"name": "B", "fax": "2"})
    services.reset()
    assert "fax" in attributes(dataverse, "account")


def test_a_new_column_is_empty_in_rows_that_are_there(services: Services, dataverse: Dataverse) -> None:
    dataverse.create("accounts", {"name": "A"})
    services.alter("dataverse", "accounts", columns={"new_grade": {"kind": "option", "options": {1: "one"}}})
    (row,) = services.dump("dataverse", "accounts")
    assert row["new_grade"] is None
    services.edit("dataverse", "PATCH", f"accounts({row['accountid']})", {"new_grade": 1})
    assert services.dump("dataverse", "accounts")[0]["new_grade"] == 1


def test_keys_tracking_and_messages(services: Services, dataverse: Dataverse) -> None:
    services.alter(
        "dataverse", "uoms", keys=[["msdyn_symbol", "name"]], tracked=False, bulk=["CreateMultiple"]
    )
    (keys,) = dataverse.rows("EntityDefinitions(LogicalName='uom')/Keys")
    assert keys["KeyAttributes"] == ["msdyn_symbol", "name"]
    (table,) = dataverse.rows("EntityDefinitions?$filter=LogicalName eq 'uom'")
    assert table["ChangeTrackingEnabled"] is False
    messages = dataverse.rows("sdkmessagefilters?$filter=primaryobjecttypecode eq 'uom'")
    assert {row["name"] for row in messages if "Multiple" in row["name"]} == {"CreateMultiple uom"}


def test_a_set_that_is_gone_takes_lookups_to_it_along(services: Services, dataverse: Dataverse) -> None:
    services.alter("dataverse", "msdyn_customergroups", gone=True)
    assert services.request("dataverse", "GET", "msdyn_customergroups").status_code == 404
    assert "msdyn_customergroupid" not in attributes(dataverse, "account")
    dataverse.create("accounts", {"name": "A"})


def test_fno_properties_and_read_only_entities(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "A")
    services.alter("fno", "CustomersV3", drop=["CustomerGroupId"], columns={"SalesMemo": {"length": 3}})
    assert "CustomerGroupId" not in services.dump("fno", "CustomersV3")[0]
    text = services.request("fno", "GET", "$metadata").text
    described = text.partition('<EntityType Name="CustomerV3"')[2].partition("</EntityType>")[0]
    assert '"SalesMemo"' in described and '"CustomerGroupId"' not in described
    services.alter("fno", "CustomerGroups", read_only=True)
    path = "/Metadata/PublicEntities('CustomerGroup')"
    assert services.request("fno", "GET", f"{services.fno_url}{path}").json()["IsReadOnly"] is True
    with pytest.raises(Refused, match=r"403.*read-only"):
        services.edit("fno", "POST", "CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "new"})


def test_delta_tokens_end_with_the_schema(services: Services, dataverse: Dataverse) -> None:
    first = services.request(
        "dataverse", "GET", "accounts?$select=name", headers={"Prefer": "odata.track-changes"}
    ).json()["@odata.deltaLink"]
    assert services.request("dataverse", "GET", first).status_code == 200
    services.alter("dataverse", "accounts", drop=["fax"])
    assert services.request("dataverse", "GET", first).status_code >= 400


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"entity_set": "accounts", "drop": ["nonsense"]}, "accounts has no column nonsense"),
        ({"entity_set": "nonsense"}, "no set 'nonsense'"),
        ({"entity_set": "accounts", "columns": {"name": {"size": 1}}}, "a column has no size"),
        ({"entity_set": "accounts", "read_only": True}, "can't have read_only"),
    ],
)
def test_changes_that_make_no_sense_are_refused(
    services: Services, change: dict[str, object], text: str
) -> None:
    with pytest.raises(Refused, match=text):
        services.alter("dataverse", **change)  # type: ignore[arg-type]
