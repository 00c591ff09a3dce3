"""Tables of the published maps: states with their reasons, notes that find their object, keys, names of all kinds."""

from __future__ import annotations

import pytest

from deployments.sandbox.process import Options, schema_of
from deployments.sandbox.schema.model import Schema
from mappings.catalogue import read_maps
from tests.local_services import REPOSITORY, Services
from tests.sandbox.given import Dataverse, code


@pytest.fixture(scope="module")
def schema() -> Schema:
    return schema_of(Options(REPOSITORY))


def company_of(dataverse: Dataverse) -> dict[str, str]:
    return {"msdyn_company@odata.bind": f"/cdm_companies({dataverse.company()})"}


def test_a_state_has_its_own_reasons(dataverse: Dataverse) -> None:
    lead = dataverse.create("leads", {"fullname": "A", "statuscode": 2})
    path = f"leads({lead})"
    assert dataverse("PATCH", path, {"statuscode": 4}).status_code == 400
    # a state without a reason takes its first one
    assert dataverse("PATCH", path, {"statecode": 2}).status_code == 204
    row = dataverse("GET", f"{path}?$select=statecode,statuscode").json()
    assert (row["statecode"], row["statuscode"]) == (2, 4)
    assert code(dataverse("POST", "leads", {"fullname": "B", "statecode": 0, "statuscode": 3})) == (
        400,
        "0x80048408",
    )


def test_metadata_tell_which_reason_belongs_to_which_state(dataverse: Dataverse) -> None:
    cast = "Microsoft.Dynamics.CRM.StatusAttributeMetadata?$expand=OptionSet"
    (column,) = dataverse.rows(f"EntityDefinitions(LogicalName='quote')/Attributes/{cast}")
    found = {option["Value"]: option["State"] for option in column["OptionSet"]["Options"]}
    assert found == {1: 0, 2: 1, 3: 1, 4: 2, 5: 3, 6: 3, 7: 3}


@pytest.mark.parametrize(
    ("kind", "number", "table"),
    [
        ("account", "C-1", "accounts"),
        ("account", "c-2 ", "contacts"),
        ("msdyn_vendor", "V-1", "msdyn_vendors"),
    ],
)
def test_a_note_finds_its_object_by_number(
    services: Services, dataverse: Dataverse, kind: str, number: str, table: str
) -> None:
    company = company_of(dataverse)
    ids = {
        "accounts": dataverse.create("accounts", {"accountnumber": "C-1", "name": "A", **company}),
        "contacts": dataverse.create(
            "contacts", {"msdyn_contactpersonid": "C-2", "lastname": "B", **company}
        ),
        "msdyn_vendors": dataverse.create("msdyn_vendors", {"msdyn_vendoraccountnumber": "V-1", **company}),
    }
    number_column = "msdyn_relatedentityid2" if kind == "msdyn_vendor" else "msdyn_relatedentityid"
    body = {"subject": "n", "objecttypecode": kind, number_column: number, **company}
    dataverse.create("annotations", body)
    (note,) = services.dump("dataverse", "annotations")
    assert note["_objectid_value"] == ids[table]


def test_a_note_without_an_object_is_refused(dataverse: Dataverse) -> None:
    company = company_of(dataverse)
    body = {"subject": "n", "objecttypecode": "account", "msdyn_relatedentityid": "nobody", **company}
    assert dataverse("POST", "annotations", body).status_code == 400


def test_every_integration_key_of_every_form_is_an_alternate_key(schema: Schema) -> None:
    for each in read_maps():
        parts = {part.split(".")[0] for part in each.dataverse.key}
        wanted = parts | ({each.dataverse.company} if each.dataverse.company else set())
        keys = [set(key.columns) for key in schema.dataverse[each.dataverse.table].keys]
        assert wanted in keys, each.name


def test_every_lookup_can_be_bound_to_each_of_its_tables(schema: Schema) -> None:
    for each in read_maps():
        table = schema.dataverse[each.dataverse.table]
        for name, lookup in each.lookups.items():
            column = table.columns[name]
            assert set(lookup.targets) <= column.navigation.keys(), (each.name, name)
            assert len(set(column.navigation.values())) == len(column.navigation) or name == "ownerid"


def test_logical_names_are_told_apart(schema: Schema) -> None:
    logical = [table.logical for table in schema.dataverse.values()]
    assert len(set(logical)) == len(logical)
    assert schema.dataverse["msdyn_chartofaccountses"].logical == "msdyn_chartofaccounts"
    assert schema.dataverse["cdm_veteranstatuses"].logical == "cdm_veteranstatus"


def test_enum_members_stand_in_the_order_of_their_numbers(schema: Schema) -> None:
    for name, entity in schema.fno.items():
        for column in entity.columns.values():
            numbers = [schema.enums[column.enum][member] for member in column.members]
            assert numbers == sorted(numbers), (name, column.name)
