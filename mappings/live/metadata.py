"""What both systems say about the tables that maps name, as the checks take it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mappings.graph import COMPANIES
from mappings.metadata import SideName, Table
from mappings.model import Map


@dataclass(frozen=True)
class Live:
    """The live tables of both sides.

    Attributes:
        fno: entity sets by name; one that is not in it does not exist.
        dataverse: tables by entity set name, likewise.
        names: every set of a side, also those not read: to say which name may have been meant.
    """

    fno: Mapping[str, Table]
    dataverse: Mapping[str, Table]
    names: Mapping[SideName, Collection[str]] = field(default_factory=dict)

    def side(self, side: SideName) -> Mapping[str, Table]:
        return self.fno if side == "fno" else self.dataverse

    @cached_property
    def by_logical(self) -> Mapping[str, Table]:
        """Dataverse tables by logical name."""
        return {table.logical: table for table in self.dataverse.values()}


def wanted(maps: Iterable[Map]) -> tuple[frozenset[str], frozenset[str]]:
    """The F&O sets and the Dataverse tables that checks of these maps look at, those behind lookups included."""
    fno, dataverse = set(), set()
    for each in maps:
        fno.add(each.fno.set)
        dataverse.add(each.dataverse.table)
        dataverse.update(table for lookup in each.lookups.values() for table in lookup.targets)
        if each.company_specific:
            dataverse.add(COMPANIES)
    return frozenset(fno), frozenset(dataverse)
