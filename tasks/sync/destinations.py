"""Destinations: the tables that the lookups of a map may point at, and by which key their rows are named there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mappings import filters as expressions
from mappings.errors import FatalError
from mappings.lookup import Lookup
from mappings.metadata import Table
from mappings.model import Map
from tasks.connectors.side import Row
from tasks.sync.lane import Lane
from tasks.transform.filters import mask

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One table as a place where parents stand, under one key.

    Attributes:
        map: a map of the table that has this key.
        maps: names of all maps whose links name the rows meant, by this same key.
        company: the company of the rows meant; "" for a global table.
        logical: logical name of the table.
        only: names of the maps meant, where the lookup doesn't mean every row of the table.
        narrowed: filters of the maps meant, where the lookup doesn't mean every row of the table.
    """

    map: Map
    maps: frozenset[str]
    company: str
    logical: str
    live: Table
    only: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    filter_columns: tuple[str, ...] = field(default=())

    @property
    def table(self) -> str:
        """Dataverse entity set."""
        return self.map.dataverse.table

    @property
    def key(self) -> tuple[str, ...]:
        """Columns and lookup paths that name a row."""
        return self.map.dataverse.key

    @property
    def company_column(self) -> str | None:
        """Company lookup column."""
        return self.map.dataverse.company

    def meant(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Those of some rows of the table that the lookup means."""
        if not self.narrowed or not rows:
            return rows
        verdicts = [mask(expressions.parse(text), rows, self.live) for text in self.narrowed]
        return [row for row, taken in zip(rows, zip(*verdicts, strict=True), strict=True) if any(taken)]


@dataclass(frozen=True, slots=True, eq=False)
class Destination:
    """One table that a lookup column may point at.

    Attributes:
        places: for each field pair of the lookup, in the map's order, the part of the table's key that it fills.
    """

    source: Source
    places: tuple[int, ...]

    def key(self, values: Parts) -> Parts:
        """Texts of the lookup's pairs in the order of the table's key."""
        if len(values) == 1 == len(self.source.key):
            return values
        return arranged(values, self.places, len(self.source.key))


class Sources:
    """Finds the destinations of one lane's lookups."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._known: dict[tuple[str, frozenset[str]], Source] = {}

    def of(self, column: str, pairs: Sequence[int]) -> tuple[Destination, ...]:
        """The destinations of a lookup column, in the order tried.

        Raises:
            FatalError: a table has no map, or its rows are named by another key.
        """
        lane = self._lane
        lookup = lane.map.lookups[column]
        rests = [".".join(lane.layout.pairs[index].pair.path[1:]) for index in pairs]
        found = []
        for table in lookup.targets:
            named = [lookup.tables[table]] if lookup.tables else rests
            source = self._source(lane.map, lookup, table, named)
            found.append(Destination(source, tuple(source.key.index(name) for name in named)))
        return tuple(found)

    def behind(self, source: Source, head: str) -> Source:
        """Where a lookup that is part of a table's key points: the first of its tables, if it has several."""
        lookup = source.map.lookups[head]
        rests = [part.partition(".")[2] for part in source.key if part.startswith(head + ".")]
        return self._source(source.map, lookup, lookup.table, rests)

    def _source(self, child: Map, lookup: Lookup, table: str, named: Sequence[str]) -> Source:
        maps = [each for each in self._lane.catalogue.of_table(table) if lookup.means(each)]
        if not maps:
            raise FatalError(
                f"no map of the catalogue writes {table}, which map {child.name!r} looks up",
                code="lookup_without_map",
                remedy="add the map of that table to the catalogue",
            )
        fitting = [each for each in maps if set(named) == set(each.dataverse.key)]
        if not fitting:
            keys = " or ".join(sorted({", ".join(each.dataverse.key) for each in maps}))
            raise FatalError(
                f"map {child.name!r}: {', '.join(named)} does not lead to the key of {table} ({keys})",
                code="lookup_not_a_key",
                remedy="follow the lookup to the columns that identify the row behind it",
            )
        first = fitting[0]
        # key texts of a link stand in the order of its own map's key
        names = frozenset(each.name for each in fitting if each.dataverse.key == first.dataverse.key)
        if (first.name, names) not in self._known:
            self._known[first.name, names] = self._made(first, names, fitting if lookup.maps else ())
        return self._known[first.name, names]

    def _made(self, first: Map, names: frozenset[str], meant: Sequence[Map]) -> Source:
        lane = self._lane
        live = lane.dataverse.table(first.dataverse.table)
        texts = [each.dataverse.filter for each in meant]
        narrowed = tuple(text for text in texts if text) if all(texts) else ()
        columns = {name for text in narrowed for name in expressions.fields_of(expressions.parse(text))}
        return Source(
            map=first,
            maps=names,
            company=lane.company if first.company_specific else "",
            logical=live.logical,
            live=live,
            only=tuple(each.name for each in meant),
            narrowed=narrowed,
            filter_columns=tuple(sorted(columns)),
        )


def arranged(values: Sequence[str], places: Sequence[int], size: int) -> Parts:
    """Texts put at their places among the parts of a key."""
    key = [""] * size
    for place, value in zip(places, values, strict=True):
        key[place] = value
    return tuple(key)
