"""The map: one F&O entity with one Dataverse table, its field pairs and its policies.

A map is a YAML file read by `mappings.reader`; this module is what such a file may contain. All values in
a map (value maps, defaults, constants) are text: ``"true"``, ``"3"``, ``"Organization"``; the type of the
live column decides what they become on the wire.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from mappings.ends import DataverseEnd, FnoEnd
from mappings.lookup import Lookup
from mappings.part import Name, Part, Text

Conflict = Literal["fno", "dataverse", "newest", "hold"]
Leave = Literal["detach", "deactivate", "delete"]

# descriptive fields: they change nothing that a sync does, so they are no part of a map's identity
DESCRIPTIVE = frozenset({"template", "version", "area", "solution", "verified", "about", "sensitive"})


AREAS = (
    "Company",
    "Internal organizations",
    "Organization hierarchy",
    "Currencies",
    "Exchange rates",
    "Fiscal calendars",
    "Chart of accounts and ledger",
    "Financial dimensions",
    "Sales tax groups",
    "Tax reference",
    "Withholding tax",
    "Terms of payment",
    "Payment days",
    "Payment schedules",
    "Customer groups",
    "Customer payment methods",
    "Customers",
    "Contact persons",
    "Loyalty",
    "Vendor groups",
    "Vendor payment methods",
    "Vendors",
    "Products",
    "Product dimensions and policies",
    "Product categories",
    "Units",
    "Order settings",
    "Sites and warehouses",
    # later than the first twenty-eight
    "Parties and addresses",
    "Contact details",
    "Prospects",
    "Customer hierarchies",
    "Prices",
    "Delivery",
    "Sales quotations",
    "Sales orders",
    "Sales invoices",
    "Purchase orders",
    "Product receipts",
    "Warehouse locations",
    "Warehouse work",
    "On-hand inventory",
    "Workers",
    "Jobs and positions",
    "Diversity",
    "Asset lifecycle",
    "Assets",
    "Functional locations",
    "Guides",
    "Attachments",
)
"""Business areas of the shipped maps; your own maps may name others."""


class Direction(StrEnum):
    """Which way a field pair flows."""

    BOTH = "both"
    TO_DATAVERSE = "to-dataverse"
    TO_FNO = "to-fno"


class FieldPair(Part):
    """One row of a map: an F&O property, a Dataverse column, or a constant for one of them."""

    fno: Name | None = Field(default=None, description="F&O property, in the spelling of $metadata")
    dataverse: Name | None = Field(
        default=None,
        description="Dataverse column; a lookup is followed by dots to the column that names the row: "
        "msdyn_customergroupid.msdyn_groupid",
    )
    direction: Direction = Field(default=Direction.BOTH, description="both when left out")
    values: Mapping[Text, Text] | None = Field(default=None, description="F&O value: Dataverse value")
    else_: Text = Field(
        default="park",
        alias="else",
        description="what to do with a value that `values` doesn't name: park (the row waits with an "
        "error), pass (send it as it is), or the value to send instead",
    )
    default: Text | None = Field(default=None, description="sent on create when the source is empty")
    constant: Text | None = Field(
        default=None, description="sent on create to the one end that this pair names"
    )
    always: bool = Field(default=False, description="send the constant with updates too, not only on create")
    sensitive: bool = Field(
        default=False,
        description="personal beyond what business needs: left out unless the setting `sensitive` names the map",
    )

    @model_validator(mode="before")
    @classmethod
    def _constants_have_a_direction(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("constant") is not None and "direction" not in given:
            direction = Direction.TO_FNO if given.get("fno") else Direction.TO_DATAVERSE
            return {**given, "direction": direction}
        return given

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.constant is None:
            if not (self.fno and self.dataverse):
                raise ValueError("needs both `fno` and `dataverse`, or one of them and a `constant`")
            if self.always:
                raise ValueError("`always` belongs to a `constant`")
        else:
            if bool(self.fno) == bool(self.dataverse):
                raise ValueError("a `constant` needs exactly one of `fno` and `dataverse`")
            if self.values is not None or self.default is not None:
                raise ValueError("a `constant` takes neither `values` nor `default`")
            expected = Direction.TO_FNO if self.fno else Direction.TO_DATAVERSE
            if self.direction is not expected:
                raise ValueError(f"this `constant` can only go {expected.value}; leave `direction` out")
        return self

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def symbol(self) -> str:
        """Dual-write's symbol: = both ways, > to Dataverse, < to F&O; doubled where a value is changed."""
        changed = self.values is not None or self.default is not None or self.constant is not None
        plain, transformed = {
            Direction.BOTH: ("=", "><"),
            Direction.TO_DATAVERSE: (">", ">>"),
            Direction.TO_FNO: ("<", "<<"),
        }[self.direction]
        return transformed if changed else plain

    @property
    def id(self) -> str:
        """Name of the pair inside its map, such as ``CustomerAccount=accountnumber``."""
        return f"{self.fno or 'none'}{self.symbol}{self.dataverse or 'none'}"

    @property
    def path(self) -> tuple[str, ...]:
        """Parts of the Dataverse column: one for a plain column, two or more behind a lookup."""
        return tuple(self.dataverse.split(".")) if self.dataverse else ()

    @property
    def lookup(self) -> str | None:
        """The lookup column that this pair goes through; None for a plain column."""
        return self.path[0] if len(self.path) > 1 else None

    @property
    def to_dataverse(self) -> bool:
        return self.direction is not Direction.TO_FNO

    @property
    def to_fno(self) -> bool:
        return self.direction is not Direction.TO_DATAVERSE


class Deletes(Part):
    """What a delete on one side does to the other."""

    to_dataverse: Literal["propagate", "ignore", "deactivate"] = Field(
        default="propagate",
        alias="to-dataverse",
        description="when a row is deleted in F&O: propagate (delete that of Dataverse), ignore, or deactivate it",
    )
    to_fno: Literal["propagate", "ignore"] = Field(
        default="propagate",
        alias="to-fno",
        description="when a row is deleted in Dataverse: propagate (delete that of F&O) or ignore",
    )


class Numbering(Part):
    """Who numbers rows that were made without a key."""

    by: Literal["fno"] = Field(description="F&O numbers the row and its answer names the key")
    reference: Name = Field(description="F&O property that carries our reference to find the row again")


class Map(Part):
    """One F&O entity with one Dataverse table."""

    name: Name = Field(alias="map", description="unique name, used by commands, tasks and the state")
    template: Name = Field(description="name of the published map")
    version: Name = Field(default="current", description="form of the published map, such as 2019 or current")
    area: Name = Field(description="business area", examples=list(AREAS))
    solution: Name = Field(description="Dataverse solution that owns the table", examples=["FinanceCommon"])
    verified: bool = Field(
        default=True, description="every name in the map was checked against published metadata"
    )
    about: str = Field(default="", description="what a reader must know")
    fno: FnoEnd = Field(description="the F&O entity")
    dataverse: DataverseEnd = Field(description="the Dataverse table")
    lookups: Mapping[Name, Lookup] = Field(default_factory=dict, description="one entry per lookup column")
    fields: tuple[FieldPair, ...] = Field(min_length=1, description="the field pairs")
    groups: Mapping[Name, tuple[Name, ...]] = Field(
        default_factory=dict,
        description="name: Dataverse columns (or F&O properties) that merge as one thing",
    )
    after: tuple[Name, ...] = Field(
        default=(), description="maps to run first although no lookup points there"
    )
    shares: tuple[Name, ...] = Field(
        default=(),
        description="maps of the same table whose rows this map may write too; elsewhere a row belongs to the "
        "map that had it first. While this map holds a row, the other doesn't delete it",
    )
    sensitive: bool = Field(
        default=False,
        description="personal data that business can do without: off unless the setting `sensitive` names the "
        "map",
    )
    initial: bool = Field(
        default=True,
        description="false: request and answer, carried by events alone; never scanned, no part of an initial "
        "sync",
    )
    conflict: Conflict = Field(default="fno", description="who wins when both sides changed the same thing")
    delete: Deletes = Field(
        default_factory=Deletes, description="what a delete does on the other side, each way"
    )
    on_leave: Leave = Field("detach", description="what the other side does when a row leaves the filter")
    number: Numbering | None = Field(default=None, description="rows without a key are numbered by F&O")
    match: tuple[tuple[Name, ...], ...] = Field(
        default=(), description="lists of Dataverse columns that pair rows without key; unique hits only"
    )
    adopt: bool = Field(
        default=False, description="take over a row that has the key but is outside the filter"
    )
    owner: Name | None = Field(default=None, description="owning team of new rows of a global map")
    empty: Literal["keep", "overwrite"] = Field(
        default="keep", description="first connection: may the master's empty value clear the other side's"
    )

    @model_validator(mode="before")
    @classmethod
    def _key_lookups_wait(cls, given: Any) -> Any:
        """Fill in `missing: wait` for lookups that are part of the key; other lookups default to defer."""
        if not isinstance(given, Mapping):
            return given
        end, lookups = given.get("dataverse"), given.get("lookups")
        key = end.get("key") if isinstance(end, Mapping) else getattr(end, "key", None)
        if not isinstance(lookups, Mapping) or not isinstance(key, list | tuple):
            return given
        in_key = {part.split(".")[0] for part in key if isinstance(part, str) and "." in part}
        filled = {
            name: {**lookup, "missing": "wait"}
            if name in in_key and isinstance(lookup, Mapping) and "missing" not in lookup
            else lookup
            for name, lookup in lookups.items()
        }
        return {**given, "lookups": filled}

    _file: Path | None = PrivateAttr(default=None)
    _lines: Mapping[str, int] = PrivateAttr(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.name, self.hash))

    @property
    def file(self) -> Path | None:
        """The file that the map was read from."""
        return self._file

    def line_of(self, field: str = "") -> int | None:
        """Line, counted from 1, of a field path such as ``fields.3.dataverse``.

        What the file doesn't say has the line of the nearest thing around it, at last the map's first line;
        None for a map that was not read from a file.
        """
        while field and field not in self._lines:
            field = field.rpartition(".")[0]
        return self._lines.get(field)

    def without_sensitive(self) -> Map:
        """The map without its sensitive field pairs, and without what only they used; itself if it has none."""
        if not any(pair.sensitive for pair in self.fields):
            return self
        kept = [index for index, pair in enumerate(self.fields) if not pair.sensitive]
        fields = tuple(self.fields[index] for index in kept)
        names = {name for pair in fields for name in (pair.fno, pair.dataverse) if name}
        gone = {name for pair in self.fields for name in (pair.fno, pair.dataverse) if name} - names
        used = {pair.lookup for pair in fields}
        groups = {group: tuple(m for m in members if m not in gone) for group, members in self.groups.items()}
        lookups = {
            column: lookup
            for column, lookup in self.lookups.items()
            if column in used or all(pair.lookup != column for pair in self.fields)
        }
        left = self.model_copy(
            update={
                "fields": fields,
                "lookups": lookups,
                "groups": {group: members for group, members in groups.items() if members},
                "match": tuple(rule for rule in self.match if not gone & set(rule)),
            }
        )
        for cached in ("compared", "constants", "key_pairs", "hash"):
            left.__dict__.pop(cached, None)
        left._file = self._file
        left._lines = _renumbered(self._lines, kept)
        return left

    @property
    def company_specific(self) -> bool:
        """The company is part of the key; else the map is global."""
        return self.dataverse.company is not None

    @cached_property
    def compared(self) -> tuple[FieldPair, ...]:
        """The pairs with both ends, in the map's order."""
        return tuple(pair for pair in self.fields if pair.constant is None)

    @cached_property
    def constants(self) -> tuple[FieldPair, ...]:
        """The pairs with one end and a constant."""
        return tuple(pair for pair in self.fields if pair.constant is not None)

    @cached_property
    def key_pairs(self) -> tuple[FieldPair, ...]:
        """The pairs that carry the integration key, in the key's order (see `Catalogue.validate`)."""
        by_column = {pair.dataverse: pair for pair in reversed(self.compared)}
        return tuple(by_column[column] for column in self.dataverse.key if column in by_column)

    @cached_property
    def to_dataverse(self) -> bool:
        """Something flows from F&O to Dataverse."""
        return any(pair.to_dataverse for pair in self.compared)

    @cached_property
    def to_fno(self) -> bool:
        """Something flows from Dataverse to F&O."""
        return any(pair.to_fno for pair in self.compared)

    @cached_property
    def hash(self) -> str:
        """Identity of the map: hash of everything that changes what a sync does.

        Comments, layout, `about` and the other descriptive fields don't count, nor does how changes are noticed.
        """
        left_out: dict[str, Any] = {
            **dict.fromkeys(DESCRIPTIVE, True),
            "fno": {"feeds", "effective"},
            "dataverse": {"feeds"},
        }
        content = self.model_dump(mode="json", by_alias=True, exclude=left_out)
        canonical = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _renumbered(lines: Mapping[str, int], kept: list[int]) -> dict[str, int]:
    """Lines of a map's fields after some field pairs were taken out."""
    places = {str(old): str(new) for new, old in enumerate(kept)}
    found: dict[str, int] = {}
    for field, line in lines.items():
        parts = field.split(".")
        if parts[0] == "fields" and len(parts) > 1:
            if parts[1] not in places:
                continue
            parts[1] = places[parts[1]]
        found[".".join(parts)] = line
    return found
