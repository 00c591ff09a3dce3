"""Dataverse tables out of maps and facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from deployments.sandbox.schema.facts import Facts
from deployments.sandbox.schema.model import Column, DataverseTable, Key
from deployments.sandbox.schema.system import STATES, system_columns
from mappings.fno_entities import FnoEntities
from mappings.metadata import Kind
from mappings.model import FieldPair, Map

BULK = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple"})
_INT = (Decimal(-2147483648), Decimal(2147483647))
_EDM: dict[str, Kind] = {
    "Edm.String": "text",
    "Edm.Int32": "integer",
    "Edm.Int64": "bigint",
    "Edm.Decimal": "decimal",
    "Edm.Double": "double",
    "Edm.DateTimeOffset": "datetime",
    "Edm.Guid": "guid",
    "Edm.Boolean": "boolean",
    "enum": "text",
}


def logical_name(entity_set: str) -> str:
    """Singular of an entity set's name: ``currencies`` → ``currency``, ``addresses`` → ``address``.

    What this rule gets wrong has its `logical` among the facts.
    """
    if entity_set.endswith("ies"):
        return entity_set[:-3] + "y"
    if entity_set.endswith(("sses", "xes", "ches")):
        return entity_set[:-2]
    return entity_set.removesuffix("s")


def tables(maps: Iterable[Map], facts: Facts, entities: FnoEntities) -> dict[str, DataverseTable]:
    """All tables: those of the maps, those they look up, and those of the platform."""
    by_table: dict[str, list[Map]] = {name: [] for name in facts.platform_tables}
    for each in maps:
        by_table.setdefault(each.dataverse.table, []).append(each)
        for lookup in each.lookups.values():
            for target in lookup.targets:
                by_table.setdefault(target, [])
    logical = {name: facts.table(name).get("logical") or logical_name(name) for name in by_table}
    return {
        name: _table(name, of_table, facts, entities, logical, code)
        for code, (name, of_table) in enumerate(by_table.items(), start=10_000)
    }


def _table(
    name: str,
    maps: list[Map],
    facts: Facts,
    entities: FnoEntities,
    known: Mapping[str, str],
    code: int,
) -> DataverseTable:
    about = facts.table(name)
    logical = known[name]
    drafts: dict[str, dict[str, Any]] = {}
    for each in maps:
        _from_map(each, drafts, entities)
    for column in about.get("columns") or {}:
        drafts.setdefault(column, {})
    user_owned = about.get("owned", "user") == "user"
    columns = system_columns(f"{logical}id", user_owned, about.get("states") or STATES)
    keys = {tuple(dict.fromkeys(_key_columns(each))) for each in maps}
    for column in dict.fromkeys(column for key in sorted(keys) for column in key):
        # forms ask for what identifies a row; the service itself takes rows without it
        drafts.setdefault(column, {}).setdefault("recommended", True)
    for column, draft in drafts.items():
        if column not in columns:
            stated = facts.column(name, column)
            options = {**(draft.get("options") or {}), **(stated.get("options") or {})}
            columns[column] = _column(column, {**draft, **stated, "options": options}, facts, known)
    return DataverseTable(
        set=name,
        logical=logical,
        id=f"{logical}id",
        primary_name=about.get("name") or _primary_name(columns, maps),
        columns=columns,
        keys=tuple(Key("_".join(("key", *key)), key) for key in sorted(keys)),
        user_owned=user_owned,
        tracked=about.get("tracked", True),
        bulk=frozenset(about["bulk"]) if "bulk" in about else BULK,
        code=code,
        company=next((each.dataverse.company for each in maps if each.dataverse.company), ""),
        closes=about.get("closes", False),
        closed_with=about.get("closed_with", ""),
        duplicate_detection=about.get("duplicate_detection", False),
    )


def _key_columns(each: Map) -> list[str]:
    company = [each.dataverse.company] if each.dataverse.company else []
    return [*(part.split(".")[0] for part in each.dataverse.key), *company]


def _primary_name(columns: Mapping[str, Column], maps: list[Map]) -> str:
    for name in ("name", "msdyn_name", "cdm_name", "msdyn_description"):
        if name in columns:
            return name
    key = [part for each in maps for part in each.dataverse.key if part in columns]
    texts = [part for part in key if columns[part].kind == "text"]
    return (texts or [next(iter(columns))])[0]


def _from_map(each: Map, drafts: dict[str, dict[str, Any]], entities: FnoEntities) -> None:
    """Note what one map tells about the columns of its table; several maps of a table add up."""
    for pair in each.fields:
        if not pair.path:
            continue
        column = pair.path[0]
        draft = drafts.setdefault(column, {})
        if pair.lookup:
            lookup = each.lookups[column]
            draft["targets"] = list(dict.fromkeys([*draft.get("targets", ()), *lookup.targets]))
        elif "kind" not in draft or draft["kind"] == "text":
            draft["kind"] = _kind(each, pair, entities)
        if pair.values and draft.get("kind") == "option":
            draft.setdefault("options", {}).update({int(to): of for of, to in pair.values.items()})
        if pair.constant is not None and draft.get("kind") == "option":
            draft.setdefault("options", {}).setdefault(int(pair.constant), pair.constant)
        if pair.else_ not in ("park", "pass") and draft.get("kind") == "option" and pair.to_dataverse:
            draft.setdefault("options", {}).setdefault(int(pair.else_), pair.else_)
    if each.dataverse.company:
        drafts.setdefault(each.dataverse.company, {})["targets"] = ["cdm_companies"]
    for column in each.dataverse.filter_fields:
        drafts.setdefault(column, {"kind": "text"})
    for column in (column for columns in each.match for column in columns):
        drafts.setdefault(column.split(".")[0], {"kind": "text"})


def _kind(each: Map, pair: FieldPair, entities: FnoEntities) -> Kind:
    found: list[str] = []
    if pair.values:
        found = list(pair.values.values())
    elif pair.constant is not None:
        found = [pair.constant]
    if found:
        if all(value.lower() in ("true", "false") for value in found):
            return "boolean"
        if all(value.lstrip("-").isdigit() for value in found):
            return "option"
        if pair.constant is not None and pair.constant.replace(".", "", 1).isdigit():
            return "decimal"
        return "text"
    entity = entities.sets.get(each.fno.set)
    known = entity.properties.get(pair.fno or "") if entity else None
    return _EDM.get(known.type, "text") if known else "text"


def _column(name: str, draft: dict[str, Any], facts: Facts, known: Mapping[str, str]) -> Column:
    defaults = facts.dataverse_defaults
    targets = tuple(target for target in draft.get("targets", ()) if target in known)
    kind: Kind = "lookup" if targets else draft.get("kind", "text")
    options = {int(number): str(label) for number, label in (draft.get("options") or {}).items()}
    if options and kind in ("text", "integer"):
        kind = "option"
    money = bool(draft.get("money"))
    scale = draft.get("scale")
    if money:
        kind, scale = "decimal", scale if scale is not None else 2
    elif kind == "decimal" and scale is None:
        scale = defaults["decimal_scale"]
    elif kind == "double" and scale is None:
        scale = defaults["double_scale"]
    length = draft.get("length")
    if length is None and kind in ("text", "memo"):
        length = defaults[kind]
    low, high = draft.get("minimum"), draft.get("maximum")
    if kind == "integer":
        low, high = low if low is not None else _INT[0], high if high is not None else _INT[1]
    elif kind in ("decimal", "double"):
        low, high = (
            low if low is not None else -100_000_000_000,
            high if high is not None else 100_000_000_000,
        )
    single = draft.get("navigation") or _schema_name(name)
    navigation = {target: f"{single}_{known[target]}" if len(targets) > 1 else single for target in targets}
    computed = bool(draft.get("computed"))
    return Column(
        name=name,
        kind=kind,
        wire=f"_{name}_value" if kind == "lookup" else name,
        length=length,
        scale=scale,
        minimum=None if low is None else Decimal(str(low)),
        maximum=None if high is None else Decimal(str(high)),
        options=options,
        targets=targets,
        navigation=navigation,
        deletion=draft.get("deletion", "restrict"),
        money=money,
        required=bool(draft.get("required")),
        recommended=bool(draft.get("recommended")),
        system=computed,
        creatable=not computed,
        updatable=not computed and draft.get("updatable", True),
        default=draft.get("default"),
        label=draft.get("label") or name,
    )


def _schema_name(name: str) -> str:
    """How the human resources tables spell their navigation properties: ``cdm_worker`` → ``cdm_Worker``."""
    prefix, _, rest = name.partition("_")
    return f"{prefix}_{rest[:1].upper()}{rest[1:]}" if prefix == "cdm" else name
