"""F&O's metadata documents and version actions."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.local_services import Services
from tests.sandbox.given import Fno

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


def test_the_csdl_names_types_keys_and_enums(fno: Fno) -> None:
    root = ElementTree.fromstring(fno("GET", "$metadata").content)
    sets = {entry.get("Name"): entry.get("EntityType") for entry in root.iter(f"{EDM}EntitySet")}
    assert sets["CustomersV3"] == "Microsoft.Dynamics.DataEntities.CustomerV3"
    customer = next(entry for entry in root.iter(f"{EDM}EntityType") if entry.get("Name") == "CustomerV3")
    assert [ref.get("Name") for ref in customer.iter(f"{EDM}PropertyRef")] == [
        "dataAreaId",
        "CustomerAccount",
    ]
    properties = {entry.get("Name"): entry for entry in customer.iter(f"{EDM}Property")}
    assert properties["CreditLimit"].get("Type") == "Edm.Decimal"
    assert properties["OnHoldStatus"].get("Type") == "Microsoft.Dynamics.DataEntities.CustVendorBlocked"
    assert properties["CustomerAccount"].get("Nullable") == "false"
    assert "MaxLength" not in properties["CustomerAccount"].attrib
    enums = {
        entry.get("Name"): [member.get("Name") for member in entry.iter(f"{EDM}Member")]
        for entry in root.iter(f"{EDM}EnumType")
    }
    assert enums["NoYes"] == ["No", "Yes"]


def test_json_metadata(services: Services) -> None:
    url = f"{services.fno_url}/Metadata"
    entity = services.request("fno", "GET", f"{url}/PublicEntities('CustomerV3')").json()
    assert entity["EntitySetName"] == "CustomersV3"
    assert {entry["Name"] for entry in entity["Properties"] if entry["IsKey"]} == {
        "dataAreaId",
        "CustomerAccount",
    }
    assert {entry["Name"] for entry in entity["Properties"] if entry["IsMandatory"]} >= {"CustomerGroupId"}
    names = [
        entry["PublicCollectionName"]
        for entry in services.request("fno", "GET", f"{url}/DataEntities").json()["value"]
    ]
    assert "VendorsV2" in names
    enum = services.request("fno", "GET", f"{url}/PublicEnumerations('Gender')").json()
    assert enum["Members"][0]["Name"] == "Unknown"
    assert services.request("fno", "GET", f"{url}/PublicEntities('Nonsense')").status_code == 404


@pytest.mark.parametrize(
    "action", ["GetApplicationVersion", "GetPlatformBuildVersion", "GetApplicationBuildVersion"]
)
def test_versions(fno: Fno, action: str) -> None:
    response = fno("POST", f"DataManagementEntities/Microsoft.Dynamics.DataEntities.{action}", {})
    assert response.json()["value"].count(".") >= 2
    assert response.headers["ms-dyn-aid"]


@pytest.mark.parametrize(
    "path",
    [
        "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.ImportFromPackage",
        "CustomersV3(dataAreaId='usmf',CustomerAccount='x')/Microsoft.Dynamics.DataEntities.Something",
    ],
)
def test_what_is_not_imitated_answers_501(fno: Fno, path: str) -> None:
    assert fno("POST", path, {}).status_code == 501


def test_the_service_document(fno: Fno) -> None:
    assert "LegalEntities" in {entry["name"] for entry in fno.rows("")}
