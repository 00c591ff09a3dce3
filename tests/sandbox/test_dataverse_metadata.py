"""Metadata documents of Dataverse."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.sandbox.given import Dataverse

CAST = "Microsoft.Dynamics.CRM"


def attributes(dataverse: Dataverse, logical: str, kind: str, query: str = "") -> dict[str, dict[str, Any]]:
    path = f"EntityDefinitions(LogicalName='{logical}')/Attributes/{CAST}.{kind}AttributeMetadata{query}"
    return {entry["LogicalName"]: entry for entry in dataverse.rows(path)}


def test_tables_by_set_name(dataverse: Dataverse) -> None:
    found = dataverse.rows(
        "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,OwnershipType"
        "&$filter=EntitySetName eq 'accounts' or EntitySetName eq 'cdm_companies'"
    )
    assert {entry["LogicalName"]: entry["OwnershipType"] for entry in found} == {
        "account": "UserOwned",
        "cdm_company": "OrganizationOwned",
    }
    assert all(entry["MetadataId"] and entry["ChangeTrackingEnabled"] for entry in found)


def test_keys_and_lookups(dataverse: Dataverse) -> None:
    document = dataverse(
        "GET",
        "EntityDefinitions(LogicalName='account')?$select=LogicalName&$expand=Keys($select=KeyAttributes,"
        "EntityKeyIndexStatus),ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,"
        "ReferencingEntityNavigationPropertyName)",
    ).json()
    assert document["Keys"][0]["KeyAttributes"] == ["accountnumber", "msdyn_company"]
    assert document["Keys"][0]["EntityKeyIndexStatus"] == "Active"
    navigation = {
        entry["ReferencingAttribute"]: entry["ReferencingEntityNavigationPropertyName"]
        for entry in document["ManyToOneRelationships"]
    }
    assert navigation["msdyn_customergroupid"] == "msdyn_CustomerGroupId"
    assert dataverse.rows("EntityDefinitions(LogicalName='account')/Keys")[0]["LogicalName"]


def test_a_polymorphic_lookup_has_a_navigation_property_for_each_target(dataverse: Dataverse) -> None:
    found = {
        entry["ReferencedEntity"]: entry["ReferencingEntityNavigationPropertyName"]
        for entry in dataverse.rows("EntityDefinitions(LogicalName='contact')/ManyToOneRelationships")
        if entry["ReferencingAttribute"] == "parentcustomerid"
    }
    assert found == {"account": "parentcustomerid_account", "contact": "parentcustomerid_contact"}
    assert attributes(dataverse, "contact", "Lookup")["parentcustomerid"]["AttributeType"] == "Customer"


def test_details_by_type(dataverse: Dataverse) -> None:
    assert (
        attributes(dataverse, "account", "String", "?$select=LogicalName,MaxLength")["accountnumber"][
            "MaxLength"
        ]
        == 20
    )
    assert attributes(dataverse, "account", "Memo")["description"]["MaxLength"] == 2000
    assert attributes(dataverse, "account", "Money")["creditlimit"]["Precision"] == 2
    assert attributes(dataverse, "account", "Double")["address1_latitude"]["MinValue"] == -90
    assert attributes(dataverse, "account", "Lookup")["msdyn_company"]["Targets"] == ["cdm_company"]
    dates = attributes(dataverse, "msdyn_sharedproductdetail", "DateTime")
    assert dates["msdyn_salespricedate"]["DateTimeBehavior"]["Value"] == "DateOnly"
    picklist = attributes(
        dataverse,
        "account",
        "Picklist",
        "?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet",
    )
    assert {option["Value"] for option in picklist["customertypecode"]["OptionSet"]["Options"]} >= {1, 3, 12}
    assert {option["Value"] for option in picklist["address1_addresstypecode"]["OptionSet"]["Options"]} == {
        1,
        2,
        3,
        4,
    }
    assert {option["Value"] for option in picklist["msdyn_onholdstatus"]["OptionSet"]["Options"]} >= {
        806380000
    }


def test_what_is_required_and_what_is_read_only(dataverse: Dataverse) -> None:
    rows = dataverse.rows(
        "EntityDefinitions(LogicalName='uom')/Attributes?$select=LogicalName,RequiredLevel,IsValidForCreate"
    )
    found = {row["LogicalName"]: row for row in rows}
    assert found["uomscheduleid"]["RequiredLevel"]["Value"] == "SystemRequired"
    assert found["versionnumber"]["IsValidForCreate"] is False
    assert found["msdyn_symbol"]["RequiredLevel"]["Value"] == "ApplicationRequired"
    assert found["msdyn_decimalprecision"]["RequiredLevel"]["Value"] == "None"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("EntityDefinitions(LogicalName='nonsense')", 404),
        ("EntityDefinitions?$filter=startswith(LogicalName,'acc')", 501),
        ("EntityDefinitions?$select=Nonsense", 400),
        ("EntityDefinitions?$top=1", 400),
        ("GlobalOptionSetDefinitions", 501),
    ],
)
def test_refusals(dataverse: Dataverse, path: str, status: int) -> None:
    assert dataverse("GET", path).status_code == status


def test_the_csdl_parses_and_names_tables_and_tracking(dataverse: Dataverse) -> None:
    root = ElementTree.fromstring(dataverse("GET", "$metadata").content)
    space = "{http://docs.oasis-open.org/odata/ns/edm}"
    types = {entry.get("Name"): entry for entry in root.iter(f"{space}EntityType")}
    names = {entry.get("Name") for entry in types["account"].iter(f"{space}NavigationProperty")}
    assert "msdyn_CustomerGroupId" in names
    assert {entry.get("Name") for entry in root.iter(f"{space}EntitySet")} >= {"accounts", "uoms"}


def test_versions_and_identity(dataverse: Dataverse) -> None:
    who = dataverse("GET", "WhoAmI()").json()
    assert dataverse("GET", f"systemusers({who['UserId']})").json()["fullname"] == "# user"
    assert (
        dataverse("GET", f"organizations({who['OrganizationId']})").json()["expirechangetrackingindays"] == 7
    )
    assert dataverse("GET", "RetrieveVersion").json()["Version"].startswith("9.2.")
    detail = dataverse(
        "GET",
        "RetrieveCurrentOrganization(AccessType=@p)?@p=Microsoft.Dynamics.CRM.EndpointAccessType'Default'",
    )
    assert detail.json()["Detail"]["OrganizationId"] == who["OrganizationId"]
    solutions = dataverse.rows(
        "solutions?$select=uniquename,version&$filter=uniquename eq 'CurrencyExchangeRates'"
    )
    assert solutions[0]["version"] == "2.0.2.10"
    assert {entry["name"] for entry in dataverse.rows("")} >= {"accounts"}
