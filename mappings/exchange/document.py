"""A dual-write map as the service keeps it: the JSON of `msdyn_mapping`, read into plain records.

    {"name": …, "legs": [{"sourceSchema": F&O entity as people see it, "destinationSchema": Dataverse set,
      "sourceFilter": X++, "reversedSourceFilter": OData,
      "fieldMappings": [{"sourceField", "destinationField", "syncDirection": 1 | 2 | 3,
        "destinationLookupFieldRelatedEntity", "isSystemGenerated",
        "valueTransforms": [{"transformType": "ValueMap", "valueMap": {…}} | {"transformType": "Default",
          "defaultValue": …}]}]}]}

A project document holds the same legs below ``entityMappingTasks``. Our exports add one object, `dualflow`,
with what these fields can't carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.errors import MapError
from mappings.model import Direction

EXTENSION = "dualflow"
"""The object in an export that holds what the service's own fields can't carry."""

DIRECTIONS = {1: Direction.TO_DATAVERSE, 2: Direction.TO_FNO, 3: Direction.BOTH}
MAX_LEGS, MAX_FIELDS = 100, 5_000


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One row of a leg.

    Attributes:
        source: F&O field, mostly in capitals; "" = a default goes to the destination.
        destination: Dataverse column, with dots behind a lookup; "" = a default goes to the source.
        direction: which way it flows.
        related: entity set behind the lookup; "" = none named.
        values: F&O value → Dataverse value; None = no value map.
        default: value of a Default transform; None = none.
        generated: the service made the row itself, as it does for key fields.
        odd: what we don't understand about it; "" = nothing.
        at: place in the document.
    """

    source: str
    destination: str
    direction: Direction
    related: str = ""
    values: Mapping[str, str] | None = None
    default: str | None = None
    generated: bool = False
    odd: str = ""
    at: str = ""

    @property
    def name(self) -> str:
        return f"{self.source or 'none'} to {self.destination or 'none'}"


@dataclass(frozen=True, slots=True)
class Leg:
    """One F&O entity with one Dataverse table."""

    source: str
    destination: str
    source_filter: str = ""
    reversed_filter: str = ""
    fields: tuple[FieldMapping, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One `msdyn_mapping`: its name, its legs and our own object, if it was exported by us."""

    name: str
    legs: tuple[Leg, ...]
    extension: Mapping[str, Any] = field(default_factory=dict)


def read(content: object, place: str) -> Document:
    """The records of a parsed `msdyn_mapping`.

    Args:
        content: the JSON value.
        place: file and row, for errors.

    Raises:
        MapError: it is no such document.
    """
    top = _object(content, place, "")
    extension = top.get(EXTENSION)
    legs = tuple(_legs(top, place))
    if not legs:
        raise MapError(
            "has no legs, so it is no dual-write map",
            file=place,
            code="no_dual_write_map",
            remedy="name a solution zip, msdyn_dualwriteentitymap rows, or the JSON of one row's msdyn_mapping",
        )
    return Document(
        name=_text(top.get("name")),
        legs=legs,
        extension=_object(extension, place, EXTENSION) if extension is not None else {},
    )


def _legs(top: Mapping[str, Any], place: str) -> Iterator[Leg]:
    holders = [("", top)]
    for index, task in enumerate(_list(top.get("entityMappingTasks"), place, "entityMappingTasks")):
        at = f"entityMappingTasks[{index}]"
        holders.append((f"{at}.", _object(task, place, at)))
    count = 0
    for prefix, holder in holders:
        for index, given in enumerate(_list(holder.get("legs"), place, f"{prefix}legs")):
            count += 1
            if count > MAX_LEGS:
                raise MapError(f"has more than {MAX_LEGS} legs", file=place, code="too_large")
            yield _leg(given, place, f"{prefix}legs[{index}]")


def _leg(given: object, place: str, at: str) -> Leg:
    leg = _object(given, place, at)
    source, destination = _text(leg.get("sourceSchema")), _text(leg.get("destinationSchema"))
    if not source or not destination:
        raise MapError(
            "needs a sourceSchema (F&O entity) and a destinationSchema (Dataverse table)",
            file=place,
            field=at,
            code="no_dual_write_map",
        )
    if _text(leg.get("sourceEnvironmentType")).upper() == "CRM":
        raise MapError(
            f"goes from Dataverse ({source}) to F&O ({destination}); legs of dual-write start in F&O",
            file=place,
            field=at,
            code="no_dual_write_map",
        )
    fields = _list(leg.get("fieldMappings"), place, f"{at}.fieldMappings")
    if len(fields) > MAX_FIELDS:
        raise MapError(f"has more than {MAX_FIELDS:,} field mappings", file=place, field=at, code="too_large")
    return Leg(
        source=source,
        destination=destination,
        source_filter=_text(leg.get("sourceFilter")),
        reversed_filter=_text(leg.get("reversedSourceFilter")),
        fields=tuple(
            _field(each, place, f"{at}.fieldMappings[{index}]") for index, each in enumerate(fields)
        ),
        at=at,
    )


def _field(given: object, place: str, at: str) -> FieldMapping:
    row = _object(given, place, at)
    odd: list[str] = []
    values, default = None, None
    for index, each in enumerate(_list(row.get("valueTransforms"), place, f"{at}.valueTransforms")):
        transform = _object(each, place, f"{at}.valueTransforms[{index}]")
        kind = _text(transform.get("transformType"))
        if kind.lower() == "valuemap" or (not kind and transform.get("valueMap")):
            table = _object(transform.get("valueMap") or {}, place, f"{at}.valueTransforms[{index}].valueMap")
            values = {**(values or {}), **{str(name): value_text(value) for name, value in table.items()}}
        elif kind.lower() != "default":
            odd.append(f"the transform “{kind}” is unknown here")
        if transform.get("defaultValue") is not None:
            default = value_text(transform["defaultValue"])
    direction = _direction(row.get("syncDirection"))
    if direction is None:
        odd.append(f"syncDirection is “{row.get('syncDirection')}”, not 1, 2 or 3")
    source, destination = _text(row.get("sourceField")), _text(row.get("destinationField"))
    if not source and not destination:
        odd.append("names no field")
    elif (not source or not destination) and default is None:
        odd.append("has one field only and no default value for it")
    return FieldMapping(
        source=source,
        destination=destination,
        direction=direction or Direction.TO_DATAVERSE,
        related=_text(row.get("destinationLookupFieldRelatedEntity")),
        values=values,
        default=default,
        generated=row.get("isSystemGenerated") is True,
        odd="; ".join(odd),
        at=at,
    )


def value_text(value: object) -> str:
    """A value of a value map or default as the text of our maps."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _direction(value: object) -> Direction | None:
    """Rows hold the number, or the number as text."""
    try:
        return DIRECTIONS.get(int(str(value)))
    except ValueError:
        return None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _object(value: object, place: str, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MapError("is no JSON object", file=place, field=at, code="no_dual_write_map")
    return value


def _list(value: object, place: str, at: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MapError("is no JSON list", file=place, field=at, code="no_dual_write_map")
    return value
