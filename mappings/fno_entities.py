"""What the published maps tell about F&O: entity sets, their properties with types, and enums.

Read from `reference/fno_entities.json`. Good for checking maps without a live system and for imitating one;
a live environment's $metadata always has the last word. The list of properties is not complete: it holds
those that some published map names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "reference" / "fno_entities.json"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an F&O entity.

    Attributes:
        name: in the spelling of $metadata.
        type: Edm type such as ``Edm.String``; ``enum`` for a property with an enum.
        nullable: as $metadata says; part of the entity key or a plain number = False.
        enum: name of the enum type without namespace; None for other types.
    """

    name: str
    type: str
    nullable: bool
    enum: str | None = None


@dataclass(frozen=True, slots=True)
class EntitySet:
    """An F&O entity set.

    Attributes:
        name: collection name, as in /data/<name>.
        entity: name of the data entity (AOT), as error texts and data events use it.
        type: name of the OData type, as $metadata uses it.
        key: entity key in order.
        verified: the set's name was seen in published metadata.
        properties: by name.
    """

    name: str
    entity: str
    type: str
    key: tuple[str, ...]
    verified: bool
    properties: Mapping[str, Property]


@dataclass(frozen=True, slots=True)
class FnoEntities:
    """Everything known: entity sets by name, enums by name with member → number in their order."""

    sets: Mapping[str, EntitySet]
    enums: Mapping[str, Mapping[str, int]]


@cache
def load() -> FnoEntities:
    """The shipped reference; read once per process."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    sets = {
        name: EntitySet(
            name=name,
            entity=content["entity"],
            type=content["type"],
            key=tuple(content["key"]),
            verified=content["verified"],
            properties={
                key: Property(key, value["type"], value["nullable"], value.get("enum"))
                for key, value in content["properties"].items()
            },
        )
        for name, content in document["sets"].items()
    }
    return FnoEntities(sets=sets, enums=document["enums"])
