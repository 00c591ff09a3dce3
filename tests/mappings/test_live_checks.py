"""Every check against live metadata has a wrong state that it finds, and a right one that it is silent about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mappings.findings import Finding
from mappings.live.check import check
from mappings.live.metadata import Live, wanted
from mappings.metadata import Column, SideName
from tests.mappings.live_tables import a_map, altered, live, pairs, without

Change = tuple[SideName, str, dict[str, Any]]


def found(system: Live, **parts: Any) -> tuple[Finding, ...]:
    return check([a_map(**parts)], system)


def test_a_map_that_fits_gives_nothing() -> None:
    assert found(live()) == ()


THINGS, TABLE = "Things", "new_things"

SYSTEMS: dict[str, tuple[list[Change], str, str, str]] = {
    # what is different: changes of the system, code, place, words
    "the company is no column": (
        [("dataverse", TABLE, {"columns": {"msdyn_company": None}})],
        "DIPV1016", "dataverse.company", "has no column msdyn_company",
    ),
    "the company points elsewhere": (
        [("dataverse", TABLE, {"columns": {"msdyn_company": {"targets": ("account",)}}})],
        "DIPV1016", "dataverse.company", "no lookup to the companies",
    ),
    "the entity is the same everywhere": (
        [("fno", THINGS, {"columns": {"dataAreaId": None}, "key": ("dataAreaId", "ThingId")})],
        "DIPV1002", "dataverse.company", "the same in all companies",
    ),
    "a required column nobody fills": (
        [("dataverse", TABLE, {"columns": {"new_must": Column("new_must", "text", required=True)}})],
        "DIPV1010", "dataverse.table", "requires new_must",
    ),
    "a mandatory property nobody fills": (
        [("fno", THINGS, {"columns": {"Must": Column("Must", "text", required=True)}})],
        "DIPV1010", "fno.set", "requires Must",
    ),
    "a required column with a source that may be empty": (
        [("dataverse", TABLE, {"columns": {"new_name": {"required": True}}})],
        "DIPV1031", "fields.1", "its source may be empty in F&O",
    ),
    "a read-only column": (
        [("dataverse", TABLE, {"columns": {"new_name": {"creatable": False, "updatable": False}}})],
        "DIPV1011", "fields.1.dataverse", "new_name is read-only in Dataverse",
    ),
    "a read-only property": (
        [("fno", THINGS, {"columns": {"Name": {"creatable": False, "updatable": False}}})],
        "DIPV1011", "fields.1.fno", "Name is read-only in F&O",
    ),
    "a property that can't be changed": (
        [("fno", THINGS, {"columns": {"Name": {"updatable": False}}})],
        "created_only", "fields.1.fno", "on a new row only in F&O",
    ),
    "a column that can't be created": (
        [("dataverse", TABLE, {"columns": {"new_name": {"creatable": False}}})],
        "created_only", "fields.1.dataverse", "can't be set on a new row",
    ),
    "the property is gone": (
        [("fno", THINGS, {"columns": {"Name": None, "Names": Column("Names", "text")}})],
        "DIPV1022", "fields.1.fno", "Things has no property Name in F&O",
    ),
    "the column is gone": (
        [("dataverse", TABLE, {"columns": {"new_price": None}})],
        "DIPV1025", "fields.3.dataverse", "new_things has no column new_price",
    ),
    "no row versions": (
        [("dataverse", TABLE, {"columns": {"versionnumber": None}})],
        "DIPV1019", "dataverse.table", "no versionnumber",
    ),
    "types that can't meet": (
        [("dataverse", TABLE, {"columns": {"new_since": {"kind": "boolean"}}})],
        "DIPV1030", "fields.4.dataverse", "boolean and datetime have no form in common",
    ),
    "a lookup that became text": (
        [("dataverse", TABLE, {"columns": {"new_group": {"kind": "text", "targets": (), "navigation": {}}}})],
        "DIPV1030", "fields.5.dataverse", "new_group is no lookup",
    ),
    "text that became a lookup": (
        [("dataverse", TABLE, {"columns": {"new_name": {"kind": "lookup", "targets": ("account",)}}})],
        "DIPV1030", "fields.1.dataverse", "new_name is a lookup",
    ),
    "a shorter text": (
        [("dataverse", TABLE, {"columns": {"new_name": {"max_length": 40}}})],
        "shorter", "fields.1.dataverse", "new_name holds 40 characters in Dataverse",
    ),
    "a narrower number": (
        [("dataverse", TABLE, {"columns": {"new_price": {"kind": "integer"}}}),
         ("fno", THINGS, {"columns": {"Price": {"kind": "bigint"}}})],
        "narrower", "fields.3.dataverse", "new_price holds numbers to",
    ),
    "a default that the column can't have": (
        [("dataverse", TABLE, {"columns": {"new_price": {"kind": "integer", "maximum": 1, "scale": None}}})],
        "bad_value", "fields.3.default", "can't be “1.5”",
    ),
    "an enum without the member": (
        [("fno", THINGS, {"columns": {"Kind": {"members": ("None", "Small", "Big")}}})],
        "unknown_member", "fields.2.values", "ThingKind has no member “Huge”",
    ),
    "a choice without the options": (
        [("dataverse", TABLE, {"columns": {"new_kind": {"members": ("1",)}}})],
        "unknown_option", "fields.2.values", "no option “2” or “3”",
    ),
    "a constant that is no member": (
        [("fno", THINGS, {"columns": {"Origin": {"members": ("Fno",)}}})],
        "unknown_member", "fields.10.constant", "Origin has no member “Dataverse”",
    ),
    "an enum with a new member": (
        [("fno", THINGS, {"columns": {"Kind": {"members": ("None", "Small", "Big", "Huge", "Vast")}}})],
        "incomplete_values", "fields.2.values", "rows whose Kind is Vast are parked",
    ),
    "another entity key": (
        [("fno", THINGS, {"key": ("dataAreaId", "Name")})],
        "entity_key", "fno.key", "the key of Things is dataAreaId, Name",
    ),
    "a key that may be empty in F&O": (
        [("fno", THINGS, {"columns": {"ThingId": {"required": False}}})],
        "2000", "fno.key.1", "whose ThingId is empty",
    ),
    "a key that may be empty in Dataverse": (
        [("dataverse", TABLE, {"columns": {"new_id": {"required": False}}})],
        "5200", "dataverse.key", "whose new_id is empty",
    ),
    "no alternate key": (
        [("dataverse", TABLE, {"alternate_keys": (("new_id",),)})],
        "5100", "dataverse.key", "no active alternate key of msdyn_company, new_id",
    ),
    "a read-only entity": (
        [("fno", THINGS, {"read_only": True})], "read_only_entity", "fno.set", "Things is read-only",
    ),
    "tracking is off": (
        [("dataverse", TABLE, {"tracked": False})], "tracking_off", "dataverse.feeds", "is off",
    ),
    "no bulk messages": (
        [("dataverse", TABLE, {"bulk": frozenset({"UpdateMultiple"})})],
        "no_bulk", "dataverse.table", "takes no CreateMultiple",
    ),
    "the lookup points elsewhere": (
        [("dataverse", TABLE, {"columns": {"new_group": {"targets": ("new_site",)}}})],
        "lookup_target", "lookups.new_group.table", "does not point at new_group",
    ),
    "the lookup lost one of its tables": (
        [("dataverse", TABLE, {"columns": {"new_party": {"targets": ("account",)}}})],
        "lookup_target", "lookups.new_party.tables.contacts", "does not point at contact",
    ),
    "no navigation property": (
        [("dataverse", TABLE, {"columns": {"new_party": {"navigation": {"account": "new_party_account"}}}})],
        "navigation", "lookups.new_party.tables.contacts", "no navigation property to contact",
    ),
    "the type column is gone": (
        [("dataverse", TABLE, {"columns": {"new_partytype": None}})],
        "DIPV1025", "lookups.new_party.type", "has no column new_partytype",
    ),
    "the column behind a lookup is gone": (
        [("dataverse", "new_groups", {"columns": {"new_code": None}})],
        "DIPV1028", "fields.5.dataverse", "new_groups, behind new_group, has no column new_code",
    ),
    "the last of a long path is gone": (
        [("dataverse", "new_sites", {"columns": {"new_code": None}})],
        "DIPV1028", "fields.6.dataverse", "new_sites, behind new_place, has no column new_code",
    ),
    "the midst of a long path is no lookup": (
        [("dataverse", "new_places", {"columns": {"new_site": {"kind": "text", "targets": ()}}})],
        "DIPV1028", "fields.6.dataverse", "has no lookup new_site",
    ),
    "the second table has another number": (
        [("dataverse", "contacts", {"columns": {"msdyn_contactpersonid": None}})],
        "DIPV1028", "lookups.new_party.tables.contacts", "has no column msdyn_contactpersonid",
    ),
    "the F&O filter's property is gone": (
        [("fno", THINGS, {"columns": {"Kind": None}})], "900", "fno.filter", "names Kind",
    ),
    "the F&O filter's member is gone": (
        [("fno", THINGS, {"columns": {"Kind": {"members": ("None", "Big")}}})],
        "900", "fno.filter", "compares Kind with “Small”",
    ),
    "the Dataverse filter's column is gone": (
        [("dataverse", TABLE, {"columns": {"new_state": None}})], "DIPV1012", "dataverse.filter", "names new_state",
    ),
    "the Dataverse filter's option is gone": (
        [("dataverse", TABLE, {"columns": {"new_state": {"members": ("1",)}}})],
        "DIPV1012", "dataverse.filter", "compares new_state with “3”",
    ),
    "the match rule's column is gone": (
        [("dataverse", TABLE, {"columns": {"new_name": None}})],
        "unknown_match_field", "match.0", "has no column new_name",
    ),
    "a field of the F&O filter alone": (
        [("fno", THINGS, {"columns": {"Extra": None}})], "900", "fno.filter_fields.0", "Things has no Extra",
    ),
    "a field of the Dataverse filter alone": (
        [("dataverse", TABLE, {"columns": {"new_state": None}})],
        "DIPV1012", "dataverse.filter_fields.0", "new_things has no new_state",
    ),
    "types that can't meet behind a long path": (
        [("dataverse", "new_sites", {"columns": {"new_code": {"kind": "boolean"}}}),
         ("fno", THINGS, {"columns": {"SiteId": {"kind": "datetime"}}})],
        "DIPV1030", "fields.6.dataverse", "have no form in common",
    ),
    "an option that the value map doesn't name": (
        [("dataverse", TABLE, {"columns": {"new_kind": {"members": ("1", "2", "3", "4")}}})],
        "incomplete_values", "fields.2.values", "rows whose new_kind is 4 are parked",
    ),
    "no time of change": (
        [("fno", THINGS, {"columns": {"ChangedAt": {"kind": "text"}}})],
        "no_modified_time", "fno.modified", "no property ChangedAt with a time",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_that_does_not_fit(name: str) -> None:
    changes, code, field, words = SYSTEMS[name]
    system = live()
    for side, table, change in changes:
        system = altered(system, side, table, **change)
    (finding,) = [each for each in found(system) if (each.code, each.field) == (code, field)]
    assert words in finding.message
    assert finding.map == "Things" and finding.remedy


MAPS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no such entity set": ({"fno": {"set": "Thing"}}, "DIPV1018", "fno.set", "no entity set Thing"),
    "no such table": ({"dataverse": {"table": "new_thing"}}, "DIPV1020", "dataverse.table", "no table new_thing"),
    "no such table behind a lookup": (
        {"lookups": {"new_group": {"table": "new_group"}}}, "DIPV1020", "lookups.new_group.table", "no table new_group",
    ),
    "numbers by a property that is not there": (
        {"number": {"by": "fno", "reference": "Ref"}}, "DIPV1025", "number.reference", "no property Ref",
    ),
    "newest, without a time": (
        {"conflict": "newest", "fno": {"modified": "Changed"}}, "no_modified_time", "fno.modified", "Changed",
    ),
    "values for text": (
        {"fields": pairs(Kind={"values": None})}, "DIPV1030", "fields.2.dataverse", "needs `values`",
    ),
    "else that is no option": (
        {"fields": pairs(Kind={"direction": "to-dataverse", "else": "9"})},
        "unknown_option", "fields.2.else", "no option “9”",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
def test_a_map_that_does_not_fit(name: str) -> None:
    parts, code, field, words = MAPS[name]
    (finding,) = [each for each in found(live(), **parts) if (each.code, each.field) == (code, field)]
    assert words in finding.message


def test_names_that_may_have_been_meant_are_named() -> None:
    (finding,) = found(replace(without(live(), "fno", "Things"), names={"fno": {"Thinks", "Other"}}))
    assert finding.code == "DIPV1018" and finding.remedy == "did you mean “Thinks”?"
    system = altered(live(), "fno", "Things", columns={"Name": None, "Names": Column("Names", "text")})
    (finding,) = found(system)
    assert finding.remedy == "did you mean “Names”?"


def test_tracking_is_a_warning_where_another_feed_is_left() -> None:
    system = altered(live(), "dataverse", "new_things", tracked=False)
    (finding,) = found(system, dataverse={"feeds": ["change_tracking", "scan"]})
    assert finding.severity == "warning"
    assert found(system, dataverse={"feeds": ["scan"]}) == ()


def test_organization_owned_rows_have_no_owner_and_stateless_ones_no_state() -> None:
    system = altered(live(), "dataverse", "new_things", user_owned=False, columns={"statecode": None})
    findings = found(system, owner="Everybody", on_leave="deactivate", delete={"to-dataverse": "deactivate"})
    assert {each.code for each in findings} == {"no_owner", "no_state"}


@pytest.mark.parametrize("policy", [{"on_leave": "deactivate"}, {"delete": {"to-dataverse": "deactivate"}}])
def test_each_policy_that_deactivates_needs_a_state(policy: dict[str, Any]) -> None:
    system = altered(live(), "dataverse", "new_things", columns={"statecode": None})
    assert [each.code for each in found(system, **policy)] == ["no_state"]


def test_newest_needs_the_time_of_change_on_both_sides() -> None:
    assert found(live(), conflict="newest") == ()
    (finding,) = found(
        altered(live(), "dataverse", "new_things", columns={"modifiedon": None}), conflict="newest"
    )
    assert (finding.code, finding.side) == ("no_modified_time", "dataverse")


def test_a_required_column_is_content_with_a_default_or_a_source_that_is_never_empty() -> None:
    system = altered(live(), "dataverse", "new_things", columns={"new_name": {"required": True}})
    assert [each.code for each in found(system)] == ["DIPV1031"]
    assert found(system, fields=pairs(Name={"default": "none"})) == ()
    assert found(altered(system, "fno", "Things", columns={"Name": {"required": True}})) == ()
    system = altered(live(), "fno", "Things", columns={"Name": {"required": True}})
    assert [each.code for each in found(system)] == ["DIPV1031"]
    recommended = {"new_name": {"recommended": True}}
    assert found(altered(system, "dataverse", "new_things", columns=recommended)) == ()


def test_what_is_behind_a_lookup_is_never_written_so_its_length_does_not_matter() -> None:
    assert found(altered(live(), "fno", "Things", columns={"GroupId": {"max_length": 200}})) == ()


def test_a_one_way_map_may_read_what_it_can_not_write() -> None:
    one_way = [{**each, "direction": "to-dataverse"} for each in pairs(Origin=None, new_flag=None)]
    one_way.append({"dataverse": "new_flag", "constant": "true"})
    system = altered(
        live(),
        "fno",
        "Things",
        read_only=True,
        columns={
            "Name": {"creatable": False, "updatable": False},
            "Must": Column("Must", "text", required=True),
        },
    )
    assert found(system, fields=one_way) == ()


def test_a_value_map_that_is_known_to_be_incomplete_is_a_note() -> None:
    """Members without a published value are listed with the deviations; others are news."""
    members = ("None", "Small", "Big", "Huge", "Vast")
    system = altered(live(), "fno", "Things", columns={"Kind": {"members": members}})
    (finding,) = found(system)
    assert finding.severity == "warning"
    hold = {"OnHoldStatus": Column("OnHoldStatus", "enum", members=members)}
    (finding,) = found(
        altered(system, "fno", "Things", columns=hold),
        map="Customers V3 to accounts",
        fields=pairs(Kind={"fno": "OnHoldStatus"}),
    )
    assert (finding.code, finding.severity) == ("incomplete_values", "note")
    assert found(system, fields=pairs(Kind={"else": "pass"})) == ()


def test_columns_that_plug_ins_fill_need_no_pair() -> None:
    must = {"objectid": Column("objectid", "lookup", required=True, targets=("account",))}
    system = altered(live(), "dataverse", "new_things", columns=must)
    dataverse = {
        **system.dataverse,
        "annotations": replace(system.dataverse["new_things"], name="annotations"),
    }
    assert found(Live(system.fno, dataverse, system.names), dataverse={"table": "annotations"}) == ()


def test_required_choices_may_have_a_default_and_booleans_always_have_one() -> None:
    must = {
        "new_yes": Column("new_yes", "boolean", required=True),
        "new_choice": Column("new_choice", "option", required=True, members=("1",)),
    }
    (finding,) = found(altered(live(), "dataverse", "new_things", columns=must))
    assert (finding.code, finding.severity, finding.expected) == ("DIPV1010", "warning", "new_choice")


def test_tables_that_checks_need_are_those_named_and_those_behind_lookups() -> None:
    sets, tables = wanted([a_map()])
    assert sets == {"Things"}
    assert tables == {"new_things", "new_groups", "new_places", "accounts", "contacts", "cdm_companies"}


def test_findings_are_ordered_and_have_a_json_form() -> None:
    system = altered(
        live(),
        "dataverse",
        "new_things",
        tracked=False,
        bulk=frozenset(),
        columns={"new_name": {"required": True}},
    )
    findings = found(system)
    assert [each.code for each in findings] == ["tracking_off", "DIPV1031", "no_bulk"]
    assert [each.severity for each in findings] == ["error", "warning", "note"]
    assert findings[0].to_json().keys() == {
        "code", "severity", "map", "message", "file", "line", "field", "side", "expected", "found", "remedy",
    }  # fmt: skip
