"""What the two simulated systems know of their tables: columns, keys, references.

Derived once at start (`deployments.sandbox.schema.derive`) and immutable afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from mappings.metadata import Kind

Deletion = Literal["restrict", "remove_link", "cascade"]
"""What deleting the row looked up does: it is refused, the lookup is emptied, or this row goes too."""


@dataclass(frozen=True, slots=True)
class Column:
    """A Dataverse column or an F&O property.

    Attributes:
        name: logical name or property name.
        wire: name in JSON; ``_x_value`` for lookups, else `name`.
        kind: see `mappings.metadata.Kind`.
        length: longest text.
        scale: digits after the point.
        minimum, maximum: range of numbers.
        options: option value → label.
        states: of a status reason column: reason → the state it belongs to.
        members: names of the F&O enum's members, in order.
        enum: F&O enum type.
        targets: tables (entity sets) that a lookup may point at.
        navigation: entity set → navigation property.
        deletion: what deleting the target of a lookup does.
        money: the decimal is a money column.
        date_only: datetime without a time (Dataverse date only; F&O date, noon UTC).
        required: a new row is refused without it.
        recommended: RequiredLevel ApplicationRequired, which only forms enforce.
        system: read-only, filled by the service.
        creatable, updatable: may be sent on create, on update.
        upper: the service turns the text into upper case.
        default: what a new row gets where the caller sends nothing.
        label: name in error texts.
    """

    name: str
    kind: Kind
    wire: str
    length: int | None = None
    scale: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    options: dict[int, str] = field(default_factory=dict)
    states: dict[int, int] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    enum: str = ""
    targets: tuple[str, ...] = ()
    navigation: dict[str, str] = field(default_factory=dict)
    deletion: Deletion = "restrict"
    money: bool = False
    date_only: bool = False
    required: bool = False
    recommended: bool = False
    system: bool = False
    creatable: bool = True
    updatable: bool = True
    upper: bool = False
    default: str | int | bool | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """An alternate key of a Dataverse table: its columns by logical name."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataverseTable:
    """One Dataverse table.

    Attributes:
        closes: its rows can't be changed in any state but the first.
        closed_with: lookup to the row that closes its rows with itself.
        external: of a virtual table, the F&O entity behind it.
        duplicate_detection: rules of duplicate detection may be published for it.
    """

    set: str
    logical: str
    id: str
    primary_name: str
    columns: dict[str, Column]
    keys: tuple[Key, ...]
    user_owned: bool
    tracked: bool
    bulk: frozenset[str]
    code: int
    company: str = ""
    closes: bool = False
    closed_with: str = ""
    external: str = ""
    duplicate_detection: bool = False

    def by_wire(self) -> dict[str, Column]:
        return {column.wire: column for column in self.columns.values()}


@dataclass(frozen=True, slots=True)
class Reference:
    """A value of an F&O set that must exist in another set.

    Attributes:
        properties: properties of this set, compared together.
        targets: (set, its properties) pairs; one of them must have the row.
        company: both sets are company-specific, so the row must be of the same company.
        label: what the error text calls the related table.
    """

    properties: tuple[str, ...]
    targets: tuple[tuple[str, tuple[str, ...]], ...]
    company: bool
    label: str


@dataclass(frozen=True, slots=True)
class FnoEntity:
    """One F&O data entity.

    Attributes:
        modified: property with the time of the last change of the root data source; "" = none.
        elsewhere: properties of other data sources: their changes don't move `modified`.
        untracked: why Dataverse can't track its changes by row version, in the service's words; "" = it can.
    """

    set: str
    entity: str
    public: str
    label: str
    table: str
    key: tuple[str, ...]
    columns: dict[str, Column]
    references: tuple[Reference, ...]
    defaults: dict[str, str]
    sequences: dict[str, str]
    company_specific: bool
    read_only: bool = False
    modified: str = ""
    elsewhere: frozenset[str] = frozenset()
    untracked: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything that exists on both sides.

    Attributes:
        dataverse: tables by entity set.
        logical: entity set by logical name.
        fno: entities by entity set.
        enums: F&O enum → member → number.
        sequences: number sequence → format, ``#`` for a digit.
        company_currency: company → currency of its ledger.
    """

    dataverse: dict[str, DataverseTable]
    logical: dict[str, str]
    fno: dict[str, FnoEntity]
    enums: dict[str, dict[str, int]]
    sequences: dict[str, str]
    company_currency: dict[str, str]
