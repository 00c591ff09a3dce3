"""Changes of the schema while the sandbox serves, as an update of a solution or an administrator makes them.

{"side": "dataverse", "set": "accounts", "drop": ["msdyn_onholdstatus"], "columns": {"name": {"length": 40}},
 "keys": [["accountnumber"]], "tracked": false, "bulk": []}
{"side": "fno", "set": "CustomersV3", "drop": ["SalesMemo"], "columns": {"CreditLimit": {"kind": "text"}},
 "key": ["dataAreaId", "CustomerAccount"], "read_only": true}
{"side": "fno", "set": "CustomersV3", "gone": true}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from deployments.sandbox.schema.model import Column, DataverseTable, FnoEntity, Key, Reference, Schema
from mappings.errors import FatalError

Spec = TypeVar("Spec", DataverseTable, FnoEntity)

_COLUMN = {field.name for field in dataclasses.fields(Column)} - {"name", "wire"}


def altered(schema: Schema, change: Mapping[str, Any]) -> Schema:
    """The schema after a change.

    Args:
        change: as in the module's description. `columns` changes columns or adds new ones; what is not named of
            a column stays as it is.

    Raises:
        FatalError: the change names what isn't there, or nothing that can be changed.
    """
    side, name = str(change.get("side")), str(change.get("set"))
    known: Mapping[str, Any] = schema.fno if side == "fno" else schema.dataverse
    if name not in known:
        raise FatalError(f"no set '{name}' on {side}")
    allowed = {"side", "set", "drop", "columns", "gone"}
    allowed |= {"key", "read_only"} if side == "fno" else {"keys", "tracked", "bulk", "user_owned"}
    unknown = sorted(change.keys() - allowed)
    if unknown:
        raise FatalError(f"a change of {side} can't have {', '.join(unknown)}", remedy=", ".join(allowed))
    if change.get("gone"):
        return _without(schema, side, name)
    if side == "fno":
        entity = _entity(schema.fno[name], change)
        references = tuple(
            each for each in entity.references if set(each.properties) <= entity.columns.keys()
        )
        entity = dataclasses.replace(entity, references=references)
        return _referable(dataclasses.replace(schema, fno={**schema.fno, name: entity}))
    table = _table(schema, schema.dataverse[name], change)
    return dataclasses.replace(schema, dataverse={**schema.dataverse, name: table})


def _entity(entity: FnoEntity, change: Mapping[str, Any]) -> FnoEntity:
    columns = _columns(entity, change, lambda target: target)
    key = tuple(change.get("key") or (name for name in entity.key if name in columns))
    _check(entity.set, key, columns)
    return dataclasses.replace(
        entity,
        columns=columns,
        key=key,
        read_only=bool(change.get("read_only", entity.read_only)),
        modified=entity.modified if entity.modified in columns else "",
    )


def _table(schema: Schema, table: DataverseTable, change: Mapping[str, Any]) -> DataverseTable:
    columns = _columns(table, change, lambda target: schema.dataverse[target].logical)
    if "keys" in change:
        keys = tuple(Key("_".join(("key", *key)), tuple(key)) for key in change["keys"])
        for each in keys:
            _check(table.set, each.columns, columns)
    else:
        keys = tuple(key for key in table.keys if set(key.columns) <= columns.keys())
    return dataclasses.replace(
        table,
        columns=columns,
        keys=keys,
        tracked=bool(change.get("tracked", table.tracked)),
        user_owned=bool(change.get("user_owned", table.user_owned)),
        bulk=frozenset(change.get("bulk", table.bulk)),
        company=table.company if table.company in columns else "",
        primary_name=table.primary_name if table.primary_name in columns else table.id,
    )


def _columns(spec: Spec, change: Mapping[str, Any], logical: Callable[[str], str]) -> dict[str, Column]:
    dropped = list(change.get("drop") or ())
    _check(spec.set, dropped, spec.columns)
    columns = {name: column for name, column in spec.columns.items() if name not in dropped}
    for name, stated in (change.get("columns") or {}).items():
        unknown = sorted(stated.keys() - _COLUMN)
        if unknown:
            raise FatalError(f"a column has no {', '.join(unknown)}", remedy=", ".join(sorted(_COLUMN)))
        old = columns.get(name) or Column(name, stated.get("kind", "text"), name, length=100, label=name)
        columns[name] = _column(old, stated, logical)
    return columns


def _column(old: Column, stated: Mapping[str, Any], logical: Callable[[str], str]) -> Column:
    values: dict[str, Any] = dict(stated)
    for name in ("minimum", "maximum"):
        if values.get(name) is not None:
            values[name] = Decimal(str(values[name]))
    for name in ("options", "states"):
        if name in values:
            values[name] = {int(number): label for number, label in values[name].items()}
    if "members" in values:
        values["members"] = tuple(values["members"])
    kind = values.get("kind", old.kind)
    values["wire"] = f"_{old.name}_value" if kind == "lookup" else old.name
    if kind in ("text", "memo"):
        values.setdefault("length", old.length or 100)
    if kind != "lookup":
        values |= {"targets": (), "navigation": {}}
    elif "targets" in values:
        values["targets"] = tuple(values["targets"])
        several = len(values["targets"]) > 1
        named = {
            target: f"{old.name}_{logical(target)}" if several else old.name for target in values["targets"]
        }
        values.setdefault("navigation", named)
    return dataclasses.replace(old, **values)


def _without(schema: Schema, side: str, name: str) -> Schema:
    """The schema without a set; lookups to it are gone too."""
    if side == "fno":
        left = {other: entity for other, entity in schema.fno.items() if other != name}
        return _referable(dataclasses.replace(schema, fno=left))
    tables = {}
    for other, table in schema.dataverse.items():
        if other == name:
            continue
        columns = {
            column.name: _narrowed(column, name)
            for column in table.columns.values()
            if set(column.targets) != {name}
        }
        tables[other] = dataclasses.replace(
            table,
            columns=columns,
            keys=tuple(key for key in table.keys if set(key.columns) <= columns.keys()),
            company=table.company if table.company in columns else "",
        )
    logical = {table.logical: other for other, table in tables.items()}
    return dataclasses.replace(schema, dataverse=tables, logical=logical)


def _narrowed(column: Column, gone: str) -> Column:
    if gone not in column.targets:
        return column
    return dataclasses.replace(
        column,
        targets=tuple(target for target in column.targets if target != gone),
        navigation={target: name for target, name in column.navigation.items() if target != gone},
    )


def _referable(schema: Schema) -> Schema:
    """References to properties and sets that are there."""
    fno = {}
    for name, entity in schema.fno.items():
        references = tuple(_reachable(schema, entity.references))
        fno[name] = dataclasses.replace(entity, references=references)
    return dataclasses.replace(schema, fno=fno)


def _reachable(schema: Schema, references: Iterable[Reference]) -> Iterable[Reference]:
    for each in references:
        targets = tuple(
            (target, properties)
            for target, properties in each.targets
            if target in schema.fno and set(properties) <= schema.fno[target].columns.keys()
        )
        if targets:
            yield dataclasses.replace(each, targets=targets)


def _check(name: str, columns: Iterable[str], known: Mapping[str, Column]) -> None:
    missing = [column for column in columns if column not in known]
    if missing:
        raise FatalError(f"{name} has no column {', '.join(missing)}")
