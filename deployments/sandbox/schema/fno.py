"""F&O entities out of maps, the reference of entity sets, and facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from deployments.sandbox.schema.facts import Facts
from deployments.sandbox.schema.model import Column, FnoEntity, Reference
from mappings.fno_entities import FnoEntities, Property
from mappings.metadata import Kind
from mappings.model import Map

COMPANY = "dataAreaId"
_EDM: dict[str, Kind] = {
    "Edm.String": "text",
    "Edm.Int32": "integer",
    "Edm.Int64": "bigint",
    "Edm.Decimal": "decimal",
    "Edm.Double": "decimal",
    "Edm.DateTimeOffset": "datetime",
    "Edm.Guid": "guid",
    "Edm.Boolean": "boolean",
    "enum": "enum",
}


def entities(maps: Iterable[Map], facts: Facts, known: FnoEntities) -> dict[str, FnoEntity]:
    """The entity sets that the maps name."""
    maps = list(maps)
    used: dict[str, list[Map]] = {}
    for each in maps:
        used.setdefault(each.fno.set, []).append(each)
    columns = {name: _columns(name, of_set, facts, known) for name, of_set in used.items()}
    references = _references(maps, columns, facts)
    company = Reference((COMPANY,), (("LegalEntities", ("LegalEntityId",)),), False, "Legal entities")
    for name in used:
        if COMPANY in columns[name] and "LegalEntities" in used:
            references[name] = (company, *references.get(name, ()))
    return {
        name: _entity(name, of_set, facts, known, columns[name], references.get(name, ()))
        for name, of_set in used.items()
    }


def label_of(name: str) -> str:
    """A property's label as forms show it: ``PaymentTermId`` → ``Payment term id``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return " ".join([words[0].capitalize(), *(word.lower() for word in words[1:])]) if words else name


def _entity(
    name: str,
    maps: list[Map],
    facts: Facts,
    known: FnoEntities,
    columns: dict[str, Column],
    references: tuple[Reference, ...],
) -> FnoEntity:
    about = facts.entity(name)
    published = known.sets.get(name)
    return FnoEntity(
        set=name,
        entity=published.entity if published else maps[0].fno.entity,
        public=published.type if published else name.removesuffix("s"),
        label=about.get("label") or maps[0].template,
        table=about.get("table") or maps[0].fno.entity.removesuffix("Entity"),
        key=maps[0].fno.key,
        columns=columns,
        references=references,
        defaults={key: str(value) for key, value in (about.get("defaults") or {}).items()},
        sequences=dict(about.get("sequences") or {}),
        company_specific=COMPANY in columns,
        read_only=bool(about.get("read_only")),
        modified=(about.get("modified") or {}).get("property", ""),
        elsewhere=frozenset(
            field
            for field in columns
            if field.startswith(tuple((about.get("modified") or {}).get("elsewhere", ())))
        ),
        untracked=_untracked(name, published.entity if published else maps[0].fno.entity, maps, facts),
    )


def _untracked(name: str, entity: str, maps: list[Map], facts: Facts) -> str:
    """Why row versions can't track the entity: what the facts say, else what its maps don't claim."""
    reason = facts.entity(name).get("untracked")
    if reason is None and any("row_version" in each.fno.feeds for each in maps):
        return ""
    reason = reason or "contains a data source that isn't a table"
    return f"Change tracking can't be enabled because the F&O entity {entity} {reason}."


def _columns(name: str, maps: list[Map], facts: Facts, known: FnoEntities) -> dict[str, Column]:
    about = facts.entity(name)
    published = known.sets.get(name)
    properties: dict[str, Property] = dict(published.properties) if published else {}
    for each in maps:
        fields = (pair.fno for pair in each.fields if pair.fno)
        for field in (*each.fno.key, *fields, *each.fno.filter_fields):
            properties.setdefault(field, Property(field, "Edm.String", field not in each.fno.key))
    for field, draft in (about.get("extra") or {}).items():
        properties.setdefault(field, Property(field, draft["type"], True, draft.get("enum")))
    modified = (about.get("modified") or {}).get("property")
    if modified:
        properties.setdefault(modified, Property(modified, "Edm.DateTimeOffset", False))
    key = maps[0].fno.key
    required = {*key, *(about.get("mandatory") or ())} - set(about.get("optional") or ())
    dates = set(about.get("dates") or ())
    return {
        field: _column(
            found,
            {**facts.property(name, field), **({"editable": False} if field == modified else {})},
            facts,
            field in required,
            field in dates,
            key,
            known,
        )
        for field, found in properties.items()
    }


def _column(
    found: Property,
    draft: dict[str, Any],
    facts: Facts,
    required: bool,
    date: bool,
    key: tuple[str, ...],
    known: FnoEntities,
) -> Column:
    kind = _EDM.get(found.type, "text")
    defaults = facts.fno_defaults
    return Column(
        name=found.name,
        kind=kind,
        wire=found.name,
        length=draft.get("length", defaults["text"]) if kind == "text" else None,
        scale=draft.get("scale", defaults["decimal_scale"]) if kind == "decimal" else None,
        members=_in_order(known.enums[found.enum]) if found.enum else (),
        enum=found.enum or "",
        date_only=date,
        required=required,
        creatable=draft.get("editable", True),
        updatable=draft.get("editable", True) and found.name not in key,
        upper=bool(draft.get("upper")),
        label=draft.get("label") or label_of(found.name),
    )


def _in_order(members: Mapping[str, int]) -> tuple[str, ...]:
    """Members by their number: the lowest is what an empty property holds."""
    return tuple(sorted(members, key=lambda member: members[member]))


def _references(
    maps: list[Map], columns: dict[str, dict[str, Column]], facts: Facts
) -> dict[str, tuple[Reference, ...]]:
    """What F&O validates: a property behind a lookup of a map names a row of the entity behind it.

    The pairs behind one lookup are followed to the maps of the table looked up, and there to the properties
    of the same columns. Several maps can fill one table, and several maps can use one property: a value is
    right when any of the entities found has it.
    """
    by_table: dict[str, list[Map]] = {}
    for each in maps:
        by_table.setdefault(each.dataverse.table, []).append(each)
    found: dict[str, dict[tuple[str, ...], dict[tuple[str, tuple[str, ...]], None]]] = {}
    for each in maps:
        for lookup, about in each.lookups.items():
            pairs = [pair for pair in each.compared if pair.lookup == lookup and pair.fno]
            properties = tuple(str(pair.fno) for pair in pairs)
            if not pairs or not set(properties) <= columns[each.fno.set].keys():
                continue
            if set(properties) & (facts.entity(each.fno.set).get("sequences") or {}).keys():
                continue  # what an entity numbers by itself it also makes: a new customer founds its party
            for table in about.targets:
                for other in filter(about.means, by_table.get(table, ())):
                    by_column = {pair.dataverse: pair.fno for pair in other.compared}
                    named = [
                        by_column.get(about.tables.get(table) or ".".join(pair.path[1:])) for pair in pairs
                    ]
                    if all(named):
                        target = (other.fno.set, tuple(str(name) for name in named))
                        found.setdefault(each.fno.set, {}).setdefault(properties, {})[target] = None
    return {
        name: tuple(
            Reference(
                properties,
                tuple(targets),
                COMPANY in columns[name] and all(COMPANY in columns[target] for target, _ in targets),
                _label(targets, maps, facts),
            )
            for properties, targets in of_set.items()
        )
        for name, of_set in found.items()
    }


def _label(targets: Iterable[tuple[str, tuple[str, ...]]], maps: list[Map], facts: Facts) -> str:
    name = next(iter(targets))[0]
    template = next(each.template for each in maps if each.fno.set == name)
    return str(facts.entity(name).get("label") or template)
