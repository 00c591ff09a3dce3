"""EntityDefinitions: the metadata of tables as data."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.rights import privilege, privilege_id, verbs
from deployments.sandbox.dataverse.virtual import VirtualTables
from deployments.sandbox.odata.expressions import Literal, Name, Node, Operation, SyntaxFault, parse
from deployments.sandbox.odata.keys import Segment
from deployments.sandbox.odata.options import split_outside
from deployments.sandbox.schema.model import Column, DataverseTable, Schema
from deployments.sandbox.switches import Switches

Document = dict[str, Any]
_SPACE = uuid.UUID("6f2d0b52-8f0c-4f4e-9d1e-4f5a7c1e0002")
PREFIX = "Microsoft.Dynamics.CRM."
_TYPES = {
    "text": "String",
    "memo": "Memo",
    "integer": "Integer",
    "bigint": "BigInt",
    "decimal": "Decimal",
    "double": "Double",
    "boolean": "Boolean",
    "option": "Picklist",
    "options": "MultiSelectPicklist",
    "date": "DateTime",
    "datetime": "DateTime",
    "guid": "Uniqueidentifier",
    "lookup": "Lookup",
}
_COLLECTIONS = ("Attributes", "Keys", "ManyToOneRelationships", "OneToManyRelationships")


class Definitions:
    """Metadata documents of all tables, in the service's own form."""

    def __init__(self, schema: Schema, virtual: VirtualTables, switches: Switches, root: str) -> None:
        self._schema = schema
        self._virtual = virtual
        self._switches = switches
        self._root = root
        self._tables: dict[str, Document] = {}

    def table(self, spec: DataverseTable) -> Document:
        """The whole definition of a table, collections included."""
        name = f"{spec.logical} {spec.tracked}"
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = self._describe(spec)
        status = self._switches.key_status(spec.set)
        if status != "Active":
            keys = [{**key, "EntityKeyIndexStatus": status} for key in found["Keys"]]
            return {**found, "Keys": keys}
        return found

    def answer(self, name: str, steps: tuple[Segment, ...], options: Mapping[str, str]) -> Document:
        """A GET below EntityDefinitions.

        Raises:
            ServiceFault: nothing there, a query option that metadata doesn't take, something not imitated.
        """
        if name != "EntityDefinitions":
            raise errors.not_imitated(f"{name}")
        first, rest = steps[0], list(steps[1:])
        if first.key is None:
            if rest:
                raise errors.unknown_segment(rest[0].name)
            virtual = self._virtual.specs().values()
            tables = [self.table(spec) for spec in (*self._schema.dataverse.values(), *virtual)]
            return self._collection("EntityDefinitions", tables, options)
        document = self._one(first)
        context = f"EntityDefinitions({first.raw})"
        if not rest:
            shaped = _shaped(document, options)
            return {"@odata.context": f"{self._root}/$metadata#EntityDefinitions/$entity", **shaped}
        part = rest.pop(0)
        if part.name not in _COLLECTIONS:
            raise errors.unknown_segment(part.name)
        items: list[Document] = document[part.name]
        if part.key is not None:
            items = [item for item in items if _named(item, part)]
            if not items:
                raise errors.fault(404, "0x80060888", f"Could not find '{part.raw}' in {part.name}.")
        if rest and rest[0].name.startswith(PREFIX):
            wanted = f"#{rest.pop(0).name}"
            items = [item for item in items if item.get("@odata.type") == wanted]
        if rest:
            if part.key is not None and items and len(rest) == 1 and rest[0].name in items[0]:
                return {"@odata.context": f"{self._root}/$metadata#{context}", **items[0][rest[0].name]}
            raise errors.not_imitated(f"metadata below {part.name}")
        if part.key is not None:
            shaped = _shaped(items[0], options)
            return {"@odata.context": f"{self._root}/$metadata#{context}/{part.name}/$entity", **shaped}
        return self._collection(f"{context}/{part.name}", items, options)

    def _collection(self, context: str, items: list[Document], options: Mapping[str, str]) -> Document:
        for name in options:
            if name.startswith("$") and name not in ("$select", "$filter", "$expand", "$count"):
                raise errors.query(f"The query parameter {name} is not supported for metadata.")
        text = options.get("$filter")
        if text:
            test = _filter(text)
            items = [item for item in items if test(item)]
        value = [_shaped(item, options) for item in items]
        return {"@odata.context": f"{self._root}/$metadata#{context}", "value": value}

    def _one(self, step: Segment) -> Document:
        assert step.key is not None
        wanted = dict(step.key).get("LogicalName")
        named = self._schema.logical.get(str(wanted.value)) if wanted is not None else None
        if named is not None:
            return self.table(self._schema.dataverse[named])
        virtual = self._virtual.named(str(wanted.value)) if wanted is not None else None
        if virtual is not None:
            return self.table(virtual)
        for spec in (*self._schema.dataverse.values(), *self._virtual.specs().values()):
            document = self.table(spec)
            if _named(document, step):
                return document
        raise errors.fault(404, "0x80060888", f"Could not find an entity with the given key: {step.raw}.")

    # documents

    def _describe(self, spec: DataverseTable) -> Document:
        return {
            "MetadataId": _id(spec.logical),
            "LogicalName": spec.logical,
            "SchemaName": spec.logical,
            "LogicalCollectionName": spec.set,
            "EntitySetName": spec.set,
            "ObjectTypeCode": spec.code,
            "PrimaryIdAttribute": spec.id,
            "PrimaryNameAttribute": spec.primary_name,
            "ChangeTrackingEnabled": spec.tracked,
            "CanChangeTrackingBeEnabled": _managed(True, "canchangetrackingbeenabled"),
            "OwnershipType": "UserOwned" if spec.user_owned else "OrganizationOwned",
            "TableType": "Virtual" if spec.external else "Standard",
            "ExternalName": spec.external or None,
            "IsOptimisticConcurrencyEnabled": not spec.external,
            "IsCustomEntity": "_" in spec.logical,
            "IsIntersect": False,
            "IsActivity": False,
            "HasChanged": None,
            "IsDuplicateDetectionEnabled": _managed(spec.duplicate_detection, "canmodifyduplicatedetection"),
            "Privileges": [_privilege(verb, spec) for verb in verbs(spec)],
            "DisplayName": _label(spec.logical),
            "Attributes": [self._attribute(spec, column) for column in spec.columns.values()],
            "Keys": [
                {
                    "MetadataId": _id(f"{spec.logical} key {key.name}"),
                    "LogicalName": key.name,
                    "SchemaName": key.name,
                    "EntityLogicalName": spec.logical,
                    "KeyAttributes": list(key.columns),
                    "EntityKeyIndexStatus": "Active",
                    "DisplayName": _label(key.name),
                }
                for key in spec.keys
            ],
            "ManyToOneRelationships": [
                self._relationship(spec, column, target)
                for column in spec.columns.values()
                for target in column.targets
            ],
            "OneToManyRelationships": [
                self._relationship(other, column, spec.set)
                for other in self._schema.dataverse.values()
                for column in other.columns.values()
                if spec.set in column.targets
            ],
        }

    def _relationship(self, spec: DataverseTable, column: Column, target: str) -> Document:
        referenced = self._schema.dataverse[target]
        name = f"{spec.logical}_{column.name}_{referenced.logical}"
        deletion = {"restrict": "Restrict", "remove_link": "RemoveLink", "cascade": "Cascade"}
        return {
            "@odata.type": f"#{PREFIX}OneToManyRelationshipMetadata",
            "MetadataId": _id(name),
            "SchemaName": name,
            "RelationshipType": "OneToManyRelationship",
            "ReferencingEntity": spec.logical,
            "ReferencingAttribute": column.name,
            "ReferencingEntityNavigationPropertyName": column.navigation[target],
            "ReferencedEntity": referenced.logical,
            "ReferencedAttribute": referenced.id,
            "ReferencedEntityNavigationPropertyName": name,
            "CascadeConfiguration": {"Delete": deletion[column.deletion]},
        }

    def _attribute(self, spec: DataverseTable, column: Column) -> Document:
        kind = _TYPES[column.kind]
        if column.money:
            kind = "Money"
        elif column.name == "statecode":
            kind = "State"
        elif column.name == "statuscode":
            kind = "Status"
        shown = {"Lookup": "Customer"} if column.name in ("parentcustomerid", "customerid") else {}
        if column.name == "ownerid":
            shown = {"Lookup": "Owner"}
        level = "SystemRequired" if column.required else "None"
        if column.recommended and not column.required:
            level = "ApplicationRequired"
        document: Document = {
            "@odata.type": f"#{PREFIX}{'UniqueIdentifier' if kind == 'Uniqueidentifier' else kind}"
            "AttributeMetadata",
            "MetadataId": _id(f"{spec.logical}.{column.name}"),
            "LogicalName": column.name,
            "SchemaName": column.name,
            "EntityLogicalName": spec.logical,
            "AttributeType": shown.get(kind, "Virtual" if kind == "MultiSelectPicklist" else kind),
            "AttributeTypeName": {"Value": f"{shown.get(kind, kind)}Type"},
            "AttributeOf": None,
            "IsValidForCreate": column.creatable,
            "IsValidForUpdate": column.updatable,
            "IsValidForRead": True,
            "IsPrimaryId": column.name == spec.id,
            "IsPrimaryName": column.name == spec.primary_name,
            "IsLogical": False,
            "RequiredLevel": _managed(level, "canmodifyrequirementlevelsettings"),
            "DisplayName": _label(column.name),
        }
        document.update(_details(column))
        if column.kind == "lookup":
            document["Targets"] = [self._schema.dataverse[target].logical for target in column.targets]
        return document


def _details(column: Column) -> Document:
    """What depends on a column's type."""
    if column.kind in ("text", "memo"):
        format_name = "TextArea" if column.kind == "memo" else "Text"
        return {"MaxLength": column.length, "Format": format_name, "FormatName": {"Value": format_name}}
    if column.kind == "integer":
        return {
            "MinValue": int(column.minimum or 0),
            "MaxValue": int(column.maximum or 0),
            "Format": "None",
        }
    if column.kind == "bigint":
        return {"MinValue": -(2**63), "MaxValue": 2**63 - 1}
    if column.kind in ("decimal", "double"):
        limits = {"MinValue": column.minimum, "MaxValue": column.maximum, "Precision": column.scale}
        return {**limits, "PrecisionSource": 0} if column.money else limits
    if column.kind in ("date", "datetime"):
        date = column.kind == "date"
        return {
            "Format": "DateOnly" if date else "DateAndTime",
            "DateTimeBehavior": {"Value": "DateOnly" if date else "UserLocal"},
        }
    if column.kind == "boolean":
        return {
            "DefaultValue": False,
            "OptionSet": {
                "TrueOption": {"Value": 1, "Label": _label("Yes")},
                "FalseOption": {"Value": 0, "Label": _label("No")},
            },
        }
    if column.kind in ("option", "options"):
        options = [_option(column, value, label) for value, label in column.options.items()]
        return {
            "DefaultFormValue": -1,
            "OptionSet": {"Name": column.name, "IsGlobal": False, "Options": options},
            "GlobalOptionSet": None,
        }
    return {}


def _option(column: Column, value: int, label: str) -> Document:
    option: Document = {"Value": value, "Label": _label(label)}
    if column.name == "statuscode":
        option["State"] = column.states[value]
    return option


def _privilege(verb: str, spec: DataverseTable) -> Document:
    name = privilege(verb, spec)
    return {
        "CanBeBasic": spec.user_owned,
        "CanBeDeep": spec.user_owned,
        "CanBeGlobal": True,
        "CanBeLocal": spec.user_owned,
        "Name": name,
        "PrivilegeId": privilege_id(name),
        "PrivilegeType": verb,
    }


def _id(text: str) -> str:
    return str(uuid.uuid5(_SPACE, text))


def _label(text: str) -> Document:
    label = {"Label": text, "LanguageCode": 1033, "IsManaged": False, "MetadataId": _id(f"label {text}")}
    label["HasChanged"] = None
    return {"LocalizedLabels": [label], "UserLocalizedLabel": label}


def _managed(value: Any, name: str) -> Document:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def _named(document: Document, step: Segment) -> bool:
    key = dict(step.key or ())
    if set(key) == {""}:
        return bool(document["MetadataId"] == str(key[""].value).lower())
    return all(document.get(name) == literal.value for name, literal in key.items()) and bool(key)


def _shaped(document: Document, options: Mapping[str, str]) -> Document:
    """$select and $expand of metadata; collections come only when expanded, MetadataId always."""
    selected = [name.strip() for name in (options.get("$select") or "").split(",") if name.strip()]
    expandable = {*_COLLECTIONS, "OptionSet", "GlobalOptionSet"}
    for name in selected:
        if name not in document:
            raise errors.query(f"Could not find a property named '{name}' on a metadata type.")
    names = [*selected, "@odata.type", "MetadataId"] if selected else list(document)
    shaped = {name: document[name] for name in names if name in document and name not in expandable}
    for item in _expansions(options.get("$expand") or ""):
        name, inner = item
        if name not in document:
            raise errors.query(f"Could not find a property named '{name}' on a metadata type.")
        value = document[name]
        if isinstance(value, list):
            shaped[name] = [_shaped(entry, inner) for entry in value]
        else:
            shaped[name] = value
    return shaped


def _expansions(text: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    for item in split_outside(text, ","):
        name, opening, rest = item.strip().partition("(")
        inner: dict[str, str] = {}
        if opening:
            for option in split_outside(rest.rstrip()[:-1], ";"):
                key, _, value = option.partition("=")
                inner[key.strip()] = value
        if name:
            found.append((name, inner))
    return found


def _filter(text: str) -> Callable[[Document], bool]:
    """$filter on metadata: eq, ne, and, or, not, in, on primitives, enums and managed values."""
    try:
        node = parse(text)
    except SyntaxFault as syntax:
        raise errors.query(str(syntax)) from None
    return lambda document: _test(node, document)


def _test(node: Node, document: Document) -> bool:
    if isinstance(node, Operation):
        if node.operator == "not":
            return not _test(node.left, document)
        if node.operator == "in" and isinstance(node.left, Name) and isinstance(node.right, tuple):
            values = [value.value for value in node.right if isinstance(value, Literal)]
            return _value(node.left, document) in values
        assert node.right is not None and not isinstance(node.right, tuple)
        if node.operator == "and":
            return _test(node.left, document) and _test(node.right, document)
        if node.operator == "or":
            return _test(node.left, document) or _test(node.right, document)
        if node.operator in ("eq", "ne") and isinstance(node.left, Name) and isinstance(node.right, Literal):
            same = bool(_value(node.left, document) == node.right.value)
            return same == (node.operator == "eq")
        raise errors.not_imitated(f"'{node.operator}' in a filter on metadata")
    name = getattr(node, "name", "")
    raise errors.fault(501, "0x80060888", f'The "{name}" function isn\'t supported for Metadata Entities.')


def _value(name: Name, document: Document) -> Any:
    current: Any = document
    for part in name.parts:
        if not isinstance(current, dict) or part not in current:
            raise errors.query(f"Could not find a property named '{part}' on a metadata type.")
        current = current[part]
    return current
