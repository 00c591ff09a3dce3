"""F&O's own description of its entities: the CSDL of `/data/$metadata`.

The document is tens of megabytes on a real system, so it is parsed once, as a stream, and only what tables
need is kept. What it leaves out (which times are dates, what is mandatory, what may be edited) comes from
`/Metadata/PublicEntities`, one small document per entity; where that is not served, the CSDL has to do.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError, iterparse

from mappings.errors import FatalError, RetriableError
from mappings.metadata import Kind as ColumnKind
from tasks.connectors.fingerprint import fingerprinted
from tasks.connectors.http import Client
from tasks.connectors.odata import absent, text_literal
from tasks.connectors.paging import ROW
from tasks.connectors.refusals import refused
from tasks.connectors.side import Column, Table

_KINDS: dict[str, ColumnKind] = {
    "Edm.String": "text",
    "Edm.Int16": "integer",
    "Edm.Int32": "integer",
    "Edm.Int64": "bigint",
    "Edm.Decimal": "decimal",
    "Edm.Double": "double",
    "Edm.Single": "double",
    "Edm.Boolean": "boolean",
    "Edm.Guid": "guid",
    "Edm.Date": "date",
    "Edm.DateTimeOffset": "datetime",
}
_COMPUTED = ("Org.OData.Core.V1.Computed", "Org.OData.Core.V1.Permissions")
_IMMUTABLE = "Org.OData.Core.V1.Immutable"


class Property(NamedTuple):
    """One property of an entity type, as the document has it."""

    name: str
    type: str
    nullable: bool
    max_length: int | None
    scale: int | None
    creatable: bool
    updatable: bool


@dataclass(slots=True)
class EntityType:
    """An entity type: key and properties in the order of the document."""

    name: str
    key: tuple[str, ...] = ()
    properties: list[Property] = field(default_factory=list)


@dataclass(slots=True)
class Schema:
    """The document: entity types by name, entity sets with their type's name, enums with their members."""

    types: dict[str, EntityType] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """An entity set as a table; FatalError naming sets with similar names if there is none."""
        entity = self.types.get(self.sets.get(name, ""))
        if entity is None:
            raise absent("fno", "entity set", name, self.sets)
        columns = {}
        for each in entity.properties:
            column = self._column(each, entity.key)
            if column is not None:
                columns[each.name] = column
        return fingerprinted(
            Table(side="fno", name=name, logical=entity.name, key=entity.key, columns=columns)
        )

    def _column(self, each: Property, key: tuple[str, ...]) -> Column | None:
        kind = _KINDS.get(each.type)
        members: tuple[str, ...] = ()
        enum = None
        if kind is None:
            enum = each.type.rpartition(".")[2]
            if enum not in self.enums:
                return None
            kind, members = "enum", self.enums[enum]
        return Column(
            name=each.name,
            kind=kind,
            max_length=each.max_length,
            scale=each.scale,
            members=members,
            enum=enum,
            # numbers, enums and dates are never null in F&O, they have an empty value instead
            required=not each.nullable and kind == "text",
            creatable=each.creatable,
            updatable=each.updatable and each.name not in key,
        )


def read_table(client: Client, schema: Schema, name: str) -> Table:
    """An entity set as a table, with what the service tells about its properties beyond the CSDL."""
    table = schema.table(name)
    root = client.origin.path.removesuffix("data/")
    url = f"{root}Metadata/PublicEntities({text_literal(table.logical)})"
    try:
        answer = client.send("metadata", "GET", url, decoder=ROW)
    except FatalError as error:
        if error.code != "access_denied":
            raise
        return table
    about = answer.data or {}
    described = about.get("Properties")
    if not isinstance(described, list):
        return table
    columns = dict(table.columns)
    for each in described:
        column = columns.get(each.get("Name"))
        if column is not None:
            columns[column.name] = _described(column, each, key=column.name in table.key)
    return fingerprinted(replace(table, columns=columns, read_only=bool(about.get("IsReadOnly", False))))


def _described(column: Column, about: Mapping[str, Any], *, key: bool) -> Column:
    return replace(
        column,
        kind="date" if column.kind == "datetime" and about.get("DataType") == "Date" else column.kind,
        required=bool(about.get("IsMandatory", column.required)),
        creatable=bool(about.get("AllowEditOnCreate", column.creatable)),
        updatable=bool(about.get("AllowEdit", column.updatable)) and not key,
    )


def read_schema(client: Client) -> Schema:
    """The whole document, parsed."""
    answer = client.send("metadata", "GET", "$metadata", headers={"Accept": "application/xml"})
    if answer.status != 200:
        raise refused(client.error_of(answer), "the metadata document")
    try:
        return parse_schema(answer.content)
    except ParseError as error:
        raise RetriableError(
            f"fno answered {answer.path} with a document that can't be read: {error}",
            code="unreadable_answer",
            side="fno",
            path=answer.path,
        ) from None


def parse_schema(content: bytes) -> Schema:
    """A CSDL document; each type is forgotten as soon as it is taken over."""
    schema = Schema()
    for _, element in iterparse(io.BytesIO(content)):
        name = _local(element.tag)
        if name == "EntityType":
            entity = _entity(element)
            schema.types[entity.name] = entity
        elif name == "EnumType":
            schema.enums[element.get("Name", "")] = _members(element)
        elif name == "EntitySet":
            schema.sets[element.get("Name", "")] = element.get("EntityType", "").rpartition(".")[2]
        elif name not in ("Schema", "EntityContainer", "ComplexType", "Action", "Function"):
            continue
        element.clear()
    return schema


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _entity(element: Element) -> EntityType:
    entity = EntityType(element.get("Name", ""))
    for child in element:
        name = _local(child.tag)
        if name == "Key":
            entity.key = tuple(ref.get("Name", "") for ref in child)
        elif name == "Property":
            entity.properties.append(_property(child))
    return entity


def _property(element: Element) -> Property:
    annotations = {child.get("Term", ""): child for child in element if _local(child.tag) == "Annotation"}
    computed = any(_read_only(annotations.get(term)) for term in _COMPUTED)
    immutable = _true(annotations.get(_IMMUTABLE))
    return Property(
        name=sys.intern(element.get("Name", "")),
        type=sys.intern(element.get("Type", "")),
        nullable=element.get("Nullable", "true") != "false",
        max_length=_integer(element.attrib, "MaxLength"),
        scale=_integer(element.attrib, "Scale"),
        creatable=not computed,
        updatable=not computed and not immutable,
    )


def _true(annotation: Element | None) -> bool:
    return annotation is not None and annotation.get("Bool", "true") == "true"


def _read_only(annotation: Element | None) -> bool:
    """Computed, or permissions that end with reading."""
    if annotation is None:
        return False
    permission = annotation.get("EnumMember") or next((child.text or "" for child in annotation), "")
    if permission:
        return permission.rpartition("/")[2] in ("Read", "None")
    return _true(annotation)


def _integer(attributes: Mapping[str, str], name: str) -> int | None:
    text = attributes.get(name, "")
    return int(text) if text.isdecimal() else None


def _members(element: Element) -> tuple[str, ...]:
    """Member names in the order of their values; the first one is what an empty field holds."""
    numbered = [
        (int(child.get("Value", at)), child.get("Name", ""))
        for at, child in enumerate(element)
        if _local(child.tag) == "Member"
    ]
    return tuple(name for _, name in sorted(numbered, key=lambda each: each[0]))
