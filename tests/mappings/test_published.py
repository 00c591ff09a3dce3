"""Our maps against the published ones: nothing lost, nothing turned round, every difference on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mappings import deviations, fno_entities
from mappings.catalogue import SHIPPED, Catalogue
from mappings.model import AREAS, Direction, FieldPair, Map

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "data" / "templates_slice.json").read_text(encoding="utf-8")
)
TEMPLATES: list[dict[str, Any]] = PUBLISHED["templates"]
DIRECTIONS = {"=": Direction.BOTH, "><": Direction.BOTH, ">": Direction.TO_DATAVERSE, "<": Direction.TO_FNO}
UNPUBLISHED = {"CDS Contacts V2 for customers"}

by_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template["map"]))


def folded(values: Any) -> dict[str, str]:
    """A value map for comparing: published spellings differ in case and hyphens."""
    pairs = values.items() if hasattr(values, "items") else values or ()
    return {str(fno).casefold(): str(dataverse).casefold() for fno, dataverse in pairs}


def deviating(name: str) -> set[str]:
    return {entry.field for entry in deviations.load() if entry.map == name and not entry.kept}


def test_every_map_of_the_slice_is_published_or_declared(catalogue: Catalogue) -> None:
    assert {template["map"] for template in TEMPLATES} | UNPUBLISHED == set(catalogue.maps)
    assert all("map" in deviating(name) for name in UNPUBLISHED)


@by_template
def test_ends_and_keys(template: dict[str, Any], catalogue: Catalogue) -> None:
    ours = catalogue.get(template["map"])
    assert ours.fno.set == template["entity_set"]
    assert ours.fno.entity == template["entity"]
    assert list(ours.fno.key) == template["keys"]
    assert ours.dataverse.table == template["dataverse_table"]
    assert ours.company_specific == template["company_specific"]
    assert ours.version == template["version"]


@by_template
def test_every_published_pair_is_ours(template: dict[str, Any], catalogue: Catalogue) -> None:
    ours = catalogue.get(template["map"])
    pairs = {(pair.fno, pair.dataverse): pair for pair in ours.fields}
    differing = set()
    for fno, symbol, dataverse, default, values, _ in template["fields"]:
        pair = pairs.pop((fno, dataverse), None)
        assert pair is not None, f"{fno} {symbol} {dataverse} is missing"
        if not same(pair, symbol, default, values):
            differing.add(fno or dataverse)
    added = {pair.fno or pair.dataverse for pair in pairs.values()}
    undeclared = (differing | added) - deviating(ours.name)
    assert not undeclared, "differs from the published map, but deviations.yaml doesn't say so"


def same(pair: FieldPair, symbol: str, default: str | None, values: Any) -> bool:
    direction = DIRECTIONS[symbol if symbol in DIRECTIONS else symbol[0]]
    given = pair.constant if pair.constant is not None else pair.default
    return (
        pair.direction is direction
        and (given or "").casefold() == (default or "").casefold()
        and folded(pair.values) == folded(values)
        # a transformed pair that names no values can only be one whose values were not published
        and not (symbol == "><" and pair.values is None)
    )


@by_template
def test_filters(template: dict[str, Any], catalogue: Catalogue) -> None:
    ours = catalogue.get(template["map"])
    if "filter" in deviating(ours.name):
        return
    assert bool(ours.fno.filter) == bool(template["fno_filter"])
    assert (ours.dataverse.filter or "").split() == (template["dataverse_filter"] or "").split()


def test_fno_filters_say_what_the_published_ones_say(catalogue: Catalogue) -> None:
    filters = {name: ours.fno.filter for name, ours in catalogue.maps.items() if ours.fno.filter}
    assert filters == {
        "Currencies": "CurrencyCode ne '999'",
        "Customers V3 to accounts": "PartyType eq 'Organization'",
        "Customers V3 to contacts": "PartyType eq 'Person'",
        "CDS Contacts V2 for customers": "AssociatedContactType eq 'Customer'",
        "CDS Contacts V2 for vendors": "AssociatedContactType eq 'Vendor'",
        "Vendors V2": "VendorPartyType eq 'Organization' or VendorPartyType eq 'Person'",
    }


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("Customers V3 to contacts", "PersonGender", "PersonGender"),
        ("Customers V3 to contacts", "PersonMaritalStatus", "PersonMaritalStatus"),
        ("CDS Contacts V2 for vendors", "Gender", "PersonGender"),
        ("CDS Contacts V2 for customers", "MaritalStatus", "PersonMaritalStatus"),
        ("Vendors V2", "LanguageId", "LanguageId"),
        ("Vendors V2", "PersonBirthMonth", "PersonBirthMonth"),
        ("Vendors V2", "PersonAnniversaryMonth", "PersonAnniversaryMonth"),
    ],
)
def test_unpublished_options_are_those_of_the_parties(
    name: str, ours: str, theirs: str, catalogue: Catalogue
) -> None:
    pair = next(pair for pair in catalogue.get(name).fields if pair.fno == ours)
    wanted = {
        fno.replace("-", "") if theirs == "PersonGender" else fno: value
        for fno, value in PUBLISHED["parties"][theirs]
    }
    assert folded(pair.values) == folded(wanted)


def test_two_way_enum_pairs_have_values(catalogue: Catalogue) -> None:
    """Without a value map an enum member's name would be sent to a number."""
    sets = fno_entities.load().sets
    bare = [
        f"{ours.name}: {pair.id}"
        for ours in catalogue.maps.values()
        for pair in ours.compared
        if pair.fno and sets[ours.fno.set].properties[pair.fno].enum and pair.values is None
    ]
    assert bare == []


def test_uncovered_members_are_parked_and_on_record(catalogue: Catalogue) -> None:
    entities = fno_entities.load()
    for ours in catalogue.maps.values():
        for pair in ours.compared:
            enum = entities.sets[ours.fno.set].properties[pair.fno or ""].enum
            if enum and set(entities.enums[enum]) - set(pair.values or {}):
                assert pair.else_ == "park" or pair.fno == "UnitClass", f"{ours.name}: {pair.id}"
                assert pair.fno in deviating(ours.name), f"{ours.name}: {pair.id}"


def test_deviations_name_maps_and_fields_that_exist(catalogue: Catalogue) -> None:
    whole = {"map", "filter", "direction"}
    for entry in deviations.load():
        ours = catalogue.get(entry.map)
        known = {name for pair in ours.fields for name in (pair.fno, pair.dataverse)}
        assert entry.field in known | whole, entry


def test_what_is_kept_although_it_looks_wrong_is_warned_about(catalogue: Catalogue) -> None:
    warnings = catalogue.warnings()
    assert sum("IsReceivingDirectMail" in warning for warning in warnings) == 2
    assert any(warning.startswith("CDS Contacts V2 for customers: unverified") for warning in warnings)


def test_legal_entities_are_one_way(catalogue: Catalogue) -> None:
    companies = catalogue.get("Legal entities to cdm_companies")
    assert all(pair.direction is Direction.TO_DATAVERSE for pair in companies.fields)


def test_every_map_explains_itself(catalogue: Catalogue) -> None:
    for ours in catalogue.maps.values():
        assert ours.about and ours.area in AREAS, ours.name
        assert ours.file is not None
        assert ours.file.parent.name == snake(ours.solution), "a folder per solution"


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")


def test_files_start_with_the_schema_and_their_key() -> None:
    for path in SHIPPED.glob("*/*.yaml"):
        assert path.read_text(encoding="utf-8").startswith(
            "# yaml-language-server: $schema=../map.schema.json\nmap: "
        ), path


def test_maps_lead_with_their_key(catalogue: Catalogue) -> None:
    def key_first(ours: Map) -> bool:
        return tuple(pair.dataverse for pair in ours.fields[: len(ours.dataverse.key)]) == ours.dataverse.key

    assert [ours.name for ours in catalogue.maps.values() if not key_first(ours)] == []


def test_constants_of_filters_are_only_sent_on_create(catalogue: Catalogue) -> None:
    """Else an account that a user makes something else would be forced back to be a customer."""
    assert [ours.name for ours in catalogue.maps.values() for pair in ours.constants if pair.always] == []
