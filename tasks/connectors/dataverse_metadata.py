"""Dataverse's own description of its tables: EntityDefinitions, attribute casts, keys, relationships, bulk
messages.

One request lists all tables; a `$batch` brings the rest of a table the first time that it is asked for. An
attribute's details (length, range, options, behaviour, targets) are on its derived type only, hence a GET for each
cast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappings.metadata import Kind as ColumnKind
from tasks.connectors.batchread import all_rows, get_parts
from tasks.connectors.fingerprint import fingerprinted
from tasks.connectors.http import Client
from tasks.connectors.odata import query, text_literal
from tasks.connectors.paging import follow
from tasks.connectors.side import Column, Row, Table

BULK_MESSAGES = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")

_KINDS: dict[str, ColumnKind] = {
    "String": "text",
    "EntityName": "text",
    "Memo": "memo",
    "Integer": "integer",
    "BigInt": "bigint",
    "Decimal": "decimal",
    "Money": "decimal",
    "Double": "double",
    "Boolean": "boolean",
    "Picklist": "option",
    "State": "option",
    "Status": "option",
    "DateTime": "datetime",
    "Uniqueidentifier": "guid",
    "Lookup": "lookup",
    "Customer": "lookup",
    "Owner": "lookup",
}
_CASTS: dict[str, str] = {
    "String": "MaxLength",
    "Memo": "MaxLength",
    "Integer": "MinValue,MaxValue",
    "BigInt": "MinValue,MaxValue",
    "Decimal": "Precision,MinValue,MaxValue",
    "Double": "Precision,MinValue,MaxValue",
    "Money": "Precision,MinValue,MaxValue",
    "DateTime": "DateTimeBehavior",
    "Lookup": "Targets",
}
_OPTION_CASTS = ("Picklist", "State", "Status", "MultiSelectPicklist")
_SET_OPTIONS = {
    "$select": "LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,OwnershipType,TableType"
}
_ATTRIBUTES = (
    "LogicalName,AttributeType,AttributeTypeName,"
    "IsValidForCreate,IsValidForUpdate,IsValidForRead,RequiredLevel"
)


@dataclass(frozen=True, slots=True)
class Definition:
    """What the list of all tables says about one."""

    logical: str
    set: str
    id_column: str
    tracked: bool
    user_owned: bool
    elastic: bool


def definitions(client: Client, executor: Executor) -> dict[str, Definition]:
    """All tables, by entity set name."""
    url = "EntityDefinitions?" + query(_SET_OPTIONS)
    found = {}
    for page in follow(client, executor, "metadata", url, doing="the list of tables"):
        for row in page.value:
            name = row.get("EntitySetName")
            if name:
                found[name] = Definition(
                    logical=row["LogicalName"],
                    set=name,
                    id_column=row.get("PrimaryIdAttribute") or f"{row['LogicalName']}id",
                    tracked=bool(row.get("ChangeTrackingEnabled")),
                    user_owned=row.get("OwnershipType") == "UserOwned",
                    elastic=row.get("TableType") == "Elastic",
                )
    return found


def read_tables(client: Client, executor: Executor, wanted: Sequence[Definition]) -> dict[str, Table]:
    """Everything about these tables, by entity set name: a hundred questions a request, several requests at once."""
    questions = [_questions(definition) for definition in wanted]
    targets = [target for asked in questions for target in asked.values()]
    parts = iter(zip(get_parts(client, executor, "metadata", targets, size=100), targets, strict=True))
    found = {}
    for definition, asked in zip(wanted, questions, strict=True):
        answers = {name: all_rows(client, "metadata", *next(parts)) for name in asked}
        found[definition.set] = _table(definition, answers)
    return found


def _questions(definition: Definition) -> dict[str, str]:
    """What to ask about one table: paths below the service's root."""
    root = f"EntityDefinitions(LogicalName={text_literal(definition.logical)})"
    targets = {
        "attributes": f"{root}/Attributes?$select={_ATTRIBUTES}",
        "keys": f"{root}/Keys?$select=KeyAttributes,EntityKeyIndexStatus",
        "relationships": f"{root}/ManyToOneRelationships"
        "?$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName",
    }
    for cast, names in _CASTS.items():
        targets[cast] = f"{root}/Attributes/{_cast(cast)}?$select=LogicalName,{names}"
    for cast in _OPTION_CASTS:
        targets[cast] = (
            f"{root}/Attributes/{_cast(cast)}?$select=LogicalName"
            "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
        )
    for message in BULK_MESSAGES:
        condition = f"sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{definition.logical}'"
        options = {"$select": "sdkmessagefilterid", "$filter": condition}
        targets[message] = "sdkmessagefilters?" + query(options)
    return targets


def _cast(name: str) -> str:
    return f"Microsoft.Dynamics.CRM.{name}AttributeMetadata"


def _table(definition: Definition, answers: Mapping[str, Sequence[Row]]) -> Table:
    details: dict[str, dict[str, Any]] = {}
    for cast in (*_CASTS, *_OPTION_CASTS):
        for row in answers[cast]:
            details.setdefault(row["LogicalName"], {}).update(row)
    navigation: dict[str, dict[str, str]] = {}
    for row in answers["relationships"]:
        targets = navigation.setdefault(row["ReferencingAttribute"], {})
        targets[row["ReferencedEntity"]] = row["ReferencingEntityNavigationPropertyName"]
    columns = {}
    for row in answers["attributes"]:
        name = row["LogicalName"]
        column = _column(row, details.get(name, {}), navigation.get(name, {}))
        if column is not None:
            columns[name] = column
    # an elastic table takes half of a bulk message and refuses the other half: not the contract of our bulk
    # writes
    bulk = frozenset() if definition.elastic else frozenset(m for m in BULK_MESSAGES if answers[m])
    return fingerprinted(
        Table(
            side="dataverse",
            name=definition.set,
            logical=definition.logical,
            id_column=definition.id_column,
            alternate_keys=tuple(_active_keys(answers["keys"])),
            columns=columns,
            bulk=bulk,
            tracked=definition.tracked,
            user_owned=definition.user_owned,
        )
    )


def _active_keys(rows: Iterable[Row]) -> Iterable[tuple[str, ...]]:
    # an index that is still being built (or has failed) does not answer
    return sorted(tuple(row["KeyAttributes"]) for row in rows if row.get("EntityKeyIndexStatus") == "Active")


def _column(row: Row, detail: Mapping[str, Any], navigation: Mapping[str, str]) -> Column | None:
    """A column, or None where it has no value of its own in a row (images, parts of other columns,
    calendars)."""
    if row.get("IsValidForRead") is False:
        return None
    attribute_type = row.get("AttributeType")
    type_name = (row.get("AttributeTypeName") or {}).get("Value")
    kind = _KINDS.get(str(attribute_type))
    if type_name == "MultiSelectPicklistType":
        kind = "options"
    elif kind == "datetime" and (detail.get("DateTimeBehavior") or {}).get("Value") == "DateOnly":
        kind = "date"
    if kind is None:
        return None
    targets = detail.get("Targets") or sorted(navigation)
    level = (row.get("RequiredLevel") or {}).get("Value")
    return Column(
        name=row["LogicalName"],
        kind=kind,
        max_length=detail.get("MaxLength"),
        scale=detail.get("Precision"),
        minimum=_number(detail.get("MinValue")),
        maximum=_number(detail.get("MaxValue")),
        members=tuple(_options(detail)),
        targets=tuple(targets) if kind == "lookup" else (),
        navigation=dict(navigation) if kind == "lookup" else {},
        # ApplicationRequired is for forms: the service itself takes rows without such a column
        required=level == "SystemRequired",
        recommended=level == "ApplicationRequired",
        creatable=row.get("IsValidForCreate") is not False,
        updatable=row.get("IsValidForUpdate") is not False,
    )


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _options(detail: Mapping[str, Any]) -> Iterable[str]:
    """Option numbers; a column with a global option set has them there."""
    for holder in ("OptionSet", "GlobalOptionSet"):
        options = (detail.get(holder) or {}).get("Options")
        if options:
            return [str(option["Value"]) for option in options if option.get("Value") is not None]
    return []
