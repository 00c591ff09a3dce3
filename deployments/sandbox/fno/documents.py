"""F&O's metadata: $metadata as CSDL, and the JSON documents below /Metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from deployments.sandbox.fno.errors import NAMESPACE
from deployments.sandbox.fno.values import edm_type
from deployments.sandbox.odata.keys import Segment
from deployments.sandbox.schema.model import Column, FnoEntity, Schema

_DATA_TYPES = {
    "text": "String",
    "integer": "Int32",
    "bigint": "Int64",
    "decimal": "Real",
    "datetime": "UtcDateTime",
    "guid": "Guid",
    "enum": "Enum",
    "boolean": "Boolean",
}


def csdl(schema: Schema) -> bytes:
    """$metadata: entity types, enums and entity sets. As in the service, texts have no length."""
    used = {
        column.enum for entity in schema.fno.values() for column in entity.columns.values() if column.enum
    }
    enums = "".join(
        f'<EnumType Name="{name}">'
        + "".join(f'<Member Name="{member}" Value="{value}"/>' for member, value in members.items())
        + "</EnumType>"
        for name, members in schema.enums.items()
        if name in used
    )
    types = "".join(_type(entity) for entity in schema.fno.values())
    sets = "".join(
        f'<EntitySet Name="{entity.set}" EntityType="{NAMESPACE}.{entity.public}"/>'
        for entity in schema.fno.values()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{enums}{types}<EntityContainer Name="Resources">{sets}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


def _type(entity: FnoEntity) -> str:
    keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity.key)
    properties = "".join(
        f'<Property Name="{column.name}" Type="{edm_type(column)}"{_nullable(entity, column)}/>'
        for column in entity.columns.values()
    )
    return f'<EntityType Name="{entity.public}"><Key>{keys}</Key>{properties}</EntityType>'


def _nullable(entity: FnoEntity, column: Column) -> str:
    number = column.kind in ("integer", "bigint", "decimal", "datetime", "guid")
    return ' Nullable="false"' if number or column.name in entity.key else ""


def metadata(schema: Schema, url: str, steps: tuple[Segment, ...]) -> dict[str, Any] | None:
    """A document below /Metadata; None if there is none."""
    if len(steps) != 1:
        return None
    step = steps[0]
    context = f"{url}/Metadata/$metadata#{step.name}"
    described: dict[str, Callable[[], Iterator[tuple[str, Callable[[], dict[str, Any]]]]]] = {
        "DataEntities": lambda: (
            (entity.entity, partial(_data_entity, entity)) for entity in schema.fno.values()
        ),
        "PublicEntities": lambda: (
            (entity.public, partial(_public_entity, entity)) for entity in schema.fno.values()
        ),
        "PublicEnumerations": lambda: (
            (name, partial(_enumeration, name, members)) for name, members in schema.enums.items()
        ),
    }
    if step.name not in described:
        return None
    found = described[step.name]()
    if step.key is None:
        return {"@odata.context": context, "value": [document() for _, document in found]}
    wanted = str(step.key[0][1].value) if step.key else ""
    for name, document in found:
        if name == wanted:
            return {"@odata.context": f"{context}/$entity", **document()}
    return None


def _data_entity(entity: FnoEntity) -> dict[str, Any]:
    return {
        "Name": entity.entity,
        "PublicEntityName": entity.public,
        "PublicCollectionName": entity.set,
        "LabelId": entity.label,
        "DataServiceEnabled": True,
        "DataManagementEnabled": True,
        "EntityCategory": "Master",
        "IsReadOnly": entity.read_only,
    }


def _public_entity(entity: FnoEntity) -> dict[str, Any]:
    return {
        "Name": entity.public,
        "EntitySetName": entity.set,
        "LabelId": entity.label,
        "IsReadOnly": entity.read_only,
        "ConfigurationEnabled": True,
        "Properties": [
            {
                "Name": column.name,
                "TypeName": edm_type(column),
                "DataType": "Date" if column.date_only else _DATA_TYPES[column.kind],
                "LabelId": column.label,
                "IsKey": column.name in entity.key,
                "IsMandatory": column.required,
                "ConfigurationEnabled": True,
                "AllowEdit": column.updatable,
                "AllowEditOnCreate": column.creatable,
                "IsDimension": False,
            }
            for column in entity.columns.values()
        ],
        "NavigationProperties": [],
        "PropertyGroups": [],
        "Actions": [],
    }


def _enumeration(name: str, members: dict[str, int]) -> dict[str, Any]:
    return {
        "Name": name,
        "LabelId": name,
        "Members": [
            {"Name": member, "Value": value, "LabelId": member, "ConfigurationEnabled": True}
            for member, value in members.items()
        ],
    }
