"""What a live system says about a table: the vocabulary shared by connectors, transforms and engine.

Types, lengths, enum spelling, option numbers and keys always come from the live system, never from a
map; these two classes are the form in which they travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

SideName = Literal["fno", "dataverse"]

SIDES: tuple[SideName, ...] = ("fno", "dataverse")
SIDE_NAMES: Mapping[str, str] = {"fno": "F&O", "dataverse": "Dataverse"}
"""What people call the sides."""

Kind = Literal[
    "text",  # one line of text
    "memo",  # many lines of text
    "integer",  # 32 bit
    "bigint",  # 64 bit
    "decimal",  # exact, with a scale; money included
    "double",  # binary floating point
    "boolean",
    "option",  # Dataverse choice: a number
    "options",  # Dataverse choices: several numbers
    "enum",  # F&O enum: a member's name
    "date",
    "datetime",
    "guid",
    "lookup",  # Dataverse reference to a row of another table
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column or property of a live table.

    Attributes:
        name: property name (F&O) or logical name (Dataverse), in the service's spelling.
        kind: what its values are.
        max_length: longest text in characters; None = unlimited or not text.
        scale: digits after the decimal point; None where that has no meaning.
        minimum: smallest number allowed; None = no limit known.
        maximum: largest number allowed; None = no limit known.
        members: enum member names in their order, or option numbers as text.
        enum: name of the F&O enum type without its namespace, such as ``NoYes``.
        targets: for a lookup, the logical names of the tables it may point at.
        navigation: for a lookup, target's logical name → navigation property for ``@odata.bind``.
        required: the service refuses a new row without it.
        recommended: only forms ask for it; the service takes rows without it.
        creatable: may be sent when a row is created.
        updatable: may be sent when a row is updated.
    """

    name: str
    kind: Kind
    max_length: int | None = None
    scale: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    members: tuple[str, ...] = ()
    enum: str | None = None
    targets: tuple[str, ...] = ()
    navigation: Mapping[str, str] = field(default_factory=dict)
    required: bool = False
    recommended: bool = False
    creatable: bool = True
    updatable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One live table: an F&O entity set or a Dataverse entity set.

    Attributes:
        side: the side it lives on.
        name: entity set name, as used in URLs and maps.
        logical: Dataverse logical name; F&O entity name.
        id_column: Dataverse primary id column; "" on the F&O side.
        key: F&O entity key in order (``dataAreaId`` included where the entity has it).
        alternate_keys: Dataverse alternate keys that are active.
        columns: by name.
        bulk: bulk messages the table takes, such as ``CreateMultiple``.
        tracked: Dataverse change tracking is on.
        user_owned: rows have an owner; else they belong to the organization.
        read_only: the service takes no writes at all.
        fingerprint: hash of all of the above, to notice changed metadata.
    """

    side: SideName
    name: str
    logical: str
    id_column: str = ""
    key: tuple[str, ...] = ()
    alternate_keys: tuple[tuple[str, ...], ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    bulk: frozenset[str] = frozenset()
    tracked: bool = False
    user_owned: bool = False
    read_only: bool = False
    fingerprint: str = ""
