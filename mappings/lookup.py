"""Lookups: where a column of the Dataverse table points, and what to do without the row there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from mappings.part import Name, Part

if TYPE_CHECKING:
    from mappings.model import Map

Missing = Literal["wait", "defer", "skip-row"]


class Lookup(Part):
    """Where one lookup column of the Dataverse table points, and what to do without the row there."""

    table: str = Field(
        default="", description="Dataverse entity set of the row looked up; with `tables`, the first of them"
    )
    tables: Mapping[Name, Name] = Field(
        default_factory=dict,
        description="where a lookup may point at several tables: entity set: the column that names the row "
        "there, in the order tried; the field pair names the first, customerid.accountnumber",
    )
    maps: tuple[Name, ...] = Field(
        default=(),
        description="maps whose rows are meant, where several share the table; left out = any row of it",
    )
    type: Name | None = Field(
        default=None,
        description="column that says which of `tables` the lookup points at; it is sent with the lookup, "
        "whatever constant it has",
    )
    missing: Missing = Field(
        default="defer",
        description="when the row looked up isn't there: wait with the whole row, defer (write it without, "
        "patch later) or skip-row; left out = wait where the lookup is part of the key, else defer",
    )
    cycle: bool = Field(default=False, description="patched afterwards; the dependency graph ignores it")

    @model_validator(mode="before")
    @classmethod
    def _first_table(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and not given.get("table"):
            tables = given.get("tables")
            if isinstance(tables, Mapping) and tables:
                return {**given, "table": next(iter(tables))}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.table:
            raise ValueError("needs `table`, or `tables` where the lookup may point at several")
        if self.tables and next(iter(self.tables)) != self.table:
            raise ValueError("`tables` says it all; leave `table` out")
        if self.type is not None and not self.tables:
            raise ValueError("`type` belongs to a lookup with `tables`")
        if self.cycle and self.missing != "defer":
            raise ValueError(f"a lookup with `cycle: true` is patched afterwards, it can't {self.missing}")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The tables it may point at, in the order tried."""
        return tuple(self.tables) or (self.table,)

    def means(self, target: Map) -> bool:
        """True if rows of this map are among those meant."""
        return target.dataverse.table in self.targets and (not self.maps or target.name in self.maps)
