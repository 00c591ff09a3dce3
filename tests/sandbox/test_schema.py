"""The schema of both sides, derived from the shipped maps and the facts."""

from __future__ import annotations

import pytest

from deployments.sandbox.process import Options, schema_of
from deployments.sandbox.schema.dataverse import logical_name
from deployments.sandbox.schema.facts import load
from deployments.sandbox.schema.fno import label_of
from deployments.sandbox.schema.model import Schema
from mappings.catalogue import Catalogue
from tests.local_services import REPOSITORY


@pytest.fixture(scope="module")
def schema() -> Schema:
    return schema_of(Options(REPOSITORY))


@pytest.mark.parametrize(
    ("entity_set", "logical"),
    [
        ("accounts", "account"),
        ("cdm_companies", "cdm_company"),
        ("transactioncurrencies", "transactioncurrency"),
        ("uoms", "uom"),
        ("msdyn_currencyexchangeratepairs", "msdyn_currencyexchangeratepair"),
        ("msdyn_nameaffixes", "msdyn_nameaffix"),
        ("msdyn_postaladdresses", "msdyn_postaladdress"),
    ],
)
def test_logical_names(entity_set: str, logical: str) -> None:
    assert logical_name(entity_set) == logical


def test_every_pair_of_every_map_has_its_column_and_property(schema: Schema) -> None:
    for each in Catalogue.load().maps.values():
        table, entity = schema.dataverse[each.dataverse.table], schema.fno[each.fno.set]
        for pair in each.fields:
            if pair.fno:
                assert pair.fno in entity.columns, (each.name, pair.id)
            if pair.path:
                assert pair.path[0] in table.columns, (each.name, pair.id)
                assert (table.columns[pair.path[0]].kind == "lookup") == bool(pair.lookup), (
                    each.name,
                    pair.id,
                )
            for value in (pair.values or {}).values():
                column = table.columns[pair.path[0]]
                assert column.kind != "option" or int(value) in column.options, (each.name, pair.id)


def test_integration_keys_are_alternate_keys_with_the_company(schema: Schema) -> None:
    keys = {key.columns for key in schema.dataverse["accounts"].keys}
    assert ("accountnumber", "msdyn_company") in keys
    lines = {key.columns for key in schema.dataverse["msdyn_paymentdaylines"].keys}
    assert ("msdyn_paymentday", "msdyn_linenumber", "msdyn_company") in lines or (
        "msdyn_linenumber",
        "msdyn_paymentday",
        "msdyn_company",
    ) in lines


def test_references_follow_the_maps_lookups(schema: Schema) -> None:
    found = {reference.properties: reference for reference in schema.fno["CustomersV3"].references}
    assert found["CustomerGroupId",].targets == (("CustomerGroups", ("CustomerGroupId",)),)
    assert found["CustomerGroupId",].company
    assert not found["SalesCurrencyCode",].company
    rates = schema.fno["ExchangeRatesCDSEntity"].references
    assert len(rates[0].properties) == 3


def test_facts_name_only_what_exists(schema: Schema) -> None:
    """A fact about a misspelled column would be silently without effect."""
    facts = load()
    for name, table in schema.dataverse.items():
        assert set(facts.table(name).get("columns") or {}) <= table.columns.keys(), name
        assert table.primary_name in table.columns or table.primary_name == table.id, name
    for name, entity in schema.fno.items():
        about = facts.entity(name)
        named = {*(about.get("mandatory") or ()), *(about.get("dates") or ()), *(about.get("defaults") or {})}
        named |= {*(about.get("sequences") or {}), *(about.get("properties") or {})}
        assert named <= entity.columns.keys(), (name, named - entity.columns.keys())


def test_navigation_properties_are_not_always_the_column(schema: Schema) -> None:
    column = schema.dataverse["accounts"].columns["msdyn_customergroupid"]
    assert column.navigation == {"msdyn_customergroups": "msdyn_CustomerGroupId"}


def test_labels() -> None:
    assert label_of("PaymentTermId") == "Payment term id"
    assert label_of("dataAreaId") == "Data area id"
