"""A small map and live tables that it fits, for tests to break."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mappings.live.metadata import Live
from mappings.metadata import Column, SideName, Table
from mappings.model import Map

MAP: dict[str, Any] = {
    "map": "Things",
    "template": "Things",
    "area": "Products",
    "solution": "Mine",
    "fno": {
        "set": "Things",
        "entity": "ThingEntity",
        "key": ["dataAreaId", "ThingId"],
        "filter": "Kind ne 'Small'",
        "filter_fields": ["Extra"],
        "modified": "ChangedAt",
    },
    "dataverse": {
        "table": "new_things",
        "key": ["new_id"],
        "company": "msdyn_company",
        "filter": "new_flag eq true and new_state ne 3",
        "filter_fields": ["new_state"],
    },
    "lookups": {
        "new_group": {"table": "new_groups"},
        "new_place": {"table": "new_places"},
        "new_party": {
            "tables": {"accounts": "accountnumber", "contacts": "msdyn_contactpersonid"},
            "type": "new_partytype",
        },
    },
    "fields": [
        {"fno": "ThingId", "dataverse": "new_id"},
        {"fno": "Name", "dataverse": "new_name"},
        {"fno": "Kind", "dataverse": "new_kind", "values": {"Small": "1", "Big": "2", "Huge": "3"}},
        {"fno": "Price", "dataverse": "new_price", "default": "1.5"},
        {"fno": "Since", "dataverse": "new_since"},
        {"fno": "GroupId", "dataverse": "new_group.new_code"},
        {"fno": "SiteId", "dataverse": "new_place.new_site.new_code"},
        {"fno": "PlaceId", "dataverse": "new_place.new_code"},
        {"fno": "PartyId", "dataverse": "new_party.accountnumber"},
        {"dataverse": "new_flag", "constant": "true"},
        {"fno": "Origin", "constant": "Dataverse"},
    ],
    "match": [["new_name"]],
}


def columns(*given: Column) -> dict[str, Column]:
    return {column.name: column for column in given}


def lookup(name: str, *targets: str) -> Column:
    navigation = {target: f"{name}_{target}" if len(targets) > 1 else name for target in targets}
    return Column(name, "lookup", targets=targets, navigation=navigation)


def fno_things() -> Table:
    return Table(
        side="fno",
        name="Things",
        logical="Thing",
        key=("dataAreaId", "ThingId"),
        columns=columns(
            Column("dataAreaId", "text", required=True, updatable=False),
            Column("ThingId", "text", required=True, updatable=False),
            Column("Name", "text", max_length=100),
            Column("Kind", "enum", enum="ThingKind", members=("None", "Small", "Big", "Huge")),
            Column("Price", "decimal", scale=6),
            Column("Since", "datetime"),
            Column("GroupId", "text"),
            Column("SiteId", "text"),
            Column("PlaceId", "text"),
            Column("PartyId", "text"),
            Column("Origin", "enum", enum="Origin", members=("Fno", "Dataverse")),
            Column("Extra", "text"),
            Column("ChangedAt", "datetime", creatable=False, updatable=False),
        ),
    )


def tables() -> dict[str, Table]:
    def table(name: str, logical: str, *given: Column, **more: Any) -> Table:
        base = (
            Column(f"{logical}id", "guid", required=True, updatable=False),
            Column("versionnumber", "bigint", creatable=False, updatable=False),
            Column("modifiedon", "datetime", creatable=False, updatable=False),
            Column("ownerid", "lookup", required=True, targets=("team",), navigation={"team": "ownerid"}),
            Column("statecode", "option", members=("0", "1"), required=True),
        )
        return Table(
            side="dataverse",
            name=name,
            logical=logical,
            id_column=f"{logical}id",
            columns=columns(*base, *given),
            bulk=frozenset({"CreateMultiple"}),
            tracked=True,
            user_owned=True,
            **more,
        )

    text = Column("new_code", "text", max_length=20, required=True)
    found = [
        table(
            "new_things",
            "new_thing",
            Column("new_id", "text", max_length=20, required=True),
            Column("new_name", "text", max_length=100),
            Column("new_kind", "option", members=("1", "2", "3")),
            Column("new_price", "decimal", scale=4),
            Column("new_since", "date"),
            Column("new_flag", "boolean"),
            Column("new_state", "option", members=("1", "3")),
            Column("new_partytype", "text"),
            lookup("new_group", "new_group"),
            lookup("new_place", "new_place"),
            lookup("new_party", "account", "contact"),
            lookup("msdyn_company", "cdm_company"),
            alternate_keys=(("new_id", "msdyn_company"),),
        ),
        table("new_groups", "new_group", text),
        table("new_sites", "new_site", text),
        table("new_places", "new_place", text, lookup("new_site", "new_site")),
        table("accounts", "account", Column("accountnumber", "text", max_length=20)),
        table("contacts", "contact", Column("msdyn_contactpersonid", "text", max_length=20)),
        table("cdm_companies", "cdm_company", Column("cdm_companycode", "text", max_length=4)),
    ]
    return {each.name: each for each in found}


def live() -> Live:
    """What `MAP` fits."""
    dataverse = tables()
    names: dict[SideName, set[str]] = {"fno": {"Things", "Thinks"}, "dataverse": set(dataverse)}
    return Live({"Things": fno_things()}, dataverse, names)


def altered(found: Live, side: SideName, name: str, **change: Any) -> Live:
    """The same with another table; columns given as None are dropped, as mappings changed."""
    named = dict(found.side(side))
    table = named[name]
    stated: Mapping[str, Any] = change.pop("columns", {})
    fields = dict(table.columns)
    for column, what in stated.items():
        if what is None:
            del fields[column]
        elif isinstance(what, Column):
            fields[column] = what
        else:
            fields[column] = replace(fields[column], **what)
    named[name] = replace(table, columns=fields, **change)
    return _with(found, side, named)


def without(found: Live, side: SideName, name: str) -> Live:
    return _with(found, side, {key: table for key, table in found.side(side).items() if key != name})


def _with(found: Live, side: SideName, tables: Mapping[str, Table]) -> Live:
    return replace(found, fno=tables) if side == "fno" else replace(found, dataverse=tables)


def a_map(**parts: Any) -> Map:
    """`MAP`, with parts of its ends, lookups or fields replaced; fields are told apart by their first name."""
    given = {key: value for key, value in MAP.items()}
    for key, value in parts.items():
        if isinstance(value, dict):
            merged = {**given.get(key, {}), **value}
            given[key] = {name: each for name, each in merged.items() if each is not None}
        else:
            given[key] = value
    return Map.model_validate(given)


def pairs(**changed: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The fields of `MAP`, those of these names changed (None: left out)."""
    found = []
    for each in MAP["fields"]:
        name = each.get("fno") or each["dataverse"]
        if name not in changed:
            found.append(dict(each))
        elif (change := changed[name]) is not None:
            found.append({key: value for key, value in {**each, **change}.items() if value is not None})
    return found
