"""Lookups: from the key values that F&O writes to the row that Dataverse points at, and back.

The links are the index: a parent that was synced is found in one query per page and table, whatever the size of its table. Only
parents that no link knows are asked for live, all of a page in one request. Nothing is kept beyond a batch, so memory stays one
page and a parent made a second ago is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from tasks.connectors.side import Row
from tasks.sync.destinations import Destination, Parts, Source, Sources, arranged
from tasks.sync.lane import Lane
from tasks.transform.digests import key_text
from tasks.transform.layout import table_of

UNTRANSLATED = "\x00"
"""Stands before the guid of a row whose key nobody could read."""


@dataclass
class Parents:
    """What the lookup columns of a page of Dataverse rows point at.

    Attributes:
        parts: Lookup column → per row the key texts, in the order of the lookup's pairs; None for a null lookup.
        in_fno: Lookup column → per row, does F&O have that parent? True for a null lookup.
    """

    parts: dict[str, list[Parts | None]] = field(default_factory=dict)
    in_fno: dict[str, list[bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MissingParent:
    """A parent that is not there.

    Attributes:
        values: the key that it was looked for by, in the order of the first table's key.
        places: where it was looked for, each as (table, company, folded key, map whose row is meant; "" = any); one will do.
        gone: a link names its row, which Dataverse has no more.
    """

    values: Parts
    places: tuple[tuple[str, str, str, str], ...]
    gone: bool = False

    def __str__(self) -> str:
        tables = dict.fromkeys(table for table, _, _, _ in self.places)
        company = next((company for _, company, _, _ in self.places if company), "")
        return f"{'/'.join(self.values)!r} in {' or '.join(tables)}" + (
            f" of company {company}" if company else ""
        )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A parent that stands in another table than the first that the lookup may point at."""

    table: str
    id: str


Bound = str | Elsewhere | None | MissingParent
"""Id of the parent's row, None for no parent, or the parent that is missing."""

Found = dict[Source, dict[Parts, str]]


class Lookups:
    """Translates the lookups of one lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._sources = Sources(lane)
        self._pairs: dict[str, list[int]] = {}
        self._destinations: dict[str, tuple[Destination, ...]] = {}
        for column in lane.map.lookups:
            pairs = [index for index, pair in enumerate(lane.layout.pairs) if pair.lookup == column]
            if pairs:
                self._pairs[column] = pairs
                self._destinations[column] = self._sources.of(column, pairs)

    @property
    def columns(self) -> tuple[str, ...]:
        """The lookup columns that carry field pairs."""
        return tuple(self._pairs)

    def pairs_of(self, column: str) -> list[int]:
        """Indexes of the field pairs behind a lookup column."""
        return self._pairs[column]

    def tables_of(self, column: str) -> tuple[str, ...]:
        """The tables that a lookup column may point at, in the order tried."""
        return tuple(each.source.table for each in self._destinations[column])

    def missing(self, column: str, values: Parts) -> MissingParent:
        """The parent that the pairs of a lookup name, as something to wait for."""
        places = [
            (each.source.table, each.source.company, key_text(each.key(values), each.source.company), map_)
            for each in self._destinations[column]
            for map_ in each.source.only or ("",)
        ]
        return MissingParent(self._destinations[column][0].key(values), tuple(places))

    # Dataverse → key values

    def parents(self, rows: Sequence[Row]) -> Parents:
        """The key values behind every lookup of these Dataverse rows."""
        asked: dict[Source, set[str]] = {}
        pointed: dict[str, list[str | None]] = {}
        told: dict[str, list[str | None]] = {}
        for column, destinations in self._destinations.items():
            ids = pointed[column] = [row.get(f"_{column}_value") for row in rows]
            if len(destinations) == 1:
                asked.setdefault(destinations[0].source, set()).update(id_ for id_ in ids if id_)
                continue
            told[column] = [row.get(table_of(column)) for row in rows]
            for id_, name in zip(ids, told[column], strict=True):
                for each in _possible(destinations, name) if id_ else ():
                    asked.setdefault(each.source, set()).add(str(id_))
        known = self._keys_behind(asked)
        found = Parents()
        for column, ids in pointed.items():
            destinations = self._destinations[column]
            if len(destinations) == 1:
                answers = self._translated(column, ids, known, destinations)
            else:
                answers = []
                for id_, name in zip(ids, told[column], strict=True):
                    answers += self._translated(column, [id_], known, _possible(destinations, name))
            found.parts[column] = [parts for parts, _ in answers]
            found.in_fno[column] = [there for _, there in answers]
        return found

    def _translated(
        self,
        column: str,
        ids: Sequence[str | None],
        known: Mapping[Source, Mapping[str, tuple[Parts, bool]]],
        possible: Sequence[Destination],
    ) -> list[tuple[Parts | None, bool]]:
        """Key texts behind some ids, and whether F&O has those rows; looked for in all tables that may have them."""
        out: list[tuple[Parts | None, bool]] = []
        for id_ in ids:
            if not id_:
                out.append((None, True))
                continue
            for each in possible:
                values, there = known[each.source].get(id_, (None, False))
                if values is not None:
                    out.append((tuple([values[place] for place in each.places]), there))
                    break
            else:
                out.append(((UNTRANSLATED + id_,) * len(self._pairs[column]), False))
        return out

    def _keys_behind(self, asked: Mapping[Source, set[str]]) -> dict[Source, dict[str, tuple[Parts, bool]]]:
        """Source → id → key values, and whether F&O has that row: by links first, and live what no link knows."""
        lane = self._lane
        known: dict[Source, dict[str, tuple[Parts, bool]]] = {source: {} for source in asked}
        if not any(asked.values()):
            return known
        with lane.store.read() as state:
            linked = {
                source: state.parents_by_dataverse_id(lane.pair, source.table, list(ids))
                for source, ids in asked.items()
                if ids
            }
        for source, found in linked.items():
            for id_, links in found.items():
                for link in links:
                    if link.key_text is not None and link.map in source.maps:
                        there = link.fno_key is not None and link.state != "half"
                        known[source][id_] = (tuple(link.key_text), there)
                        break
            unknown = [id_ for id_ in asked[source] if id_ not in known[source]]
            for id_, values in self._read_keys(source, unknown).items():
                known[source][id_] = (values, False)
        return known

    def _read_keys(self, source: Source, ids: Sequence[str]) -> dict[str, Parts]:
        """Key values of rows that no link knows, read from Dataverse itself, through nested lookups too."""
        if not ids:
            return {}
        lane, parts = self._lane, source.key
        heads = list(dict.fromkeys(part.split(".")[0] for part in parts))
        rows = [
            (id_, row)
            for id_, row in zip(ids, lane.dataverse.read(source.table, list(ids), heads), strict=True)
            if row is not None
        ]
        columns: list[list[str]] = []
        keys: dict[str, dict[str, tuple[Parts, bool]]] = {}
        for part in parts:
            head, _, rest = part.partition(".")
            if not rest:
                columns.append([_text(row.get(head)) for _, row in rows])
                continue
            inner = self._sources.behind(source, head)
            refs = [row.get(f"_{head}_value") for _, row in rows]
            if head not in keys:
                keys[head] = self._keys_behind({inner: {ref for ref in refs if ref}})[inner]
            place = inner.key.index(rest)
            columns.append(
                [
                    (keys[head][ref][0][place] if ref in keys[head] else UNTRANSLATED + ref) if ref else ""
                    for ref in refs
                ]
            )
        return {id_: tuple(column[i] for column in columns) for i, (id_, _) in enumerate(rows)}

    # key values → Dataverse

    def bind(self, texts: Mapping[int, Sequence[str]], columns: Iterable[str]) -> dict[str, list[Bound]]:
        """Ids of the parents that F&O rows name: by links of all tables in question first, then live, table by table.

        Args:
            texts: pair index → canonical text per row, for all pairs of the lookups asked for.
            columns: the lookup columns to resolve.

        Returns: lookup column → per row what to bind.
        """
        rows = {
            column: list(zip(*(texts[index] for index in self._pairs[column]), strict=True))
            for column in columns
        }
        open_: dict[str, dict[Parts, Bound]] = {
            column: {values: None for values in dict.fromkeys(of_column) if any(values)}
            for column, of_column in rows.items()
        }
        for find in (self._linked_ids, self._find_ids):
            self._resolve(open_, find)
        out: dict[str, list[Bound]] = {}
        for column, of_column in rows.items():
            known = open_[column]
            for values, bound in known.items():
                if bound is None:
                    known[values] = self.missing(column, values)
            out[column] = [known.get(values) for values in of_column]
        return out

    def alive(self, column: str, keys: Sequence[Parts], bound: Sequence[Bound]) -> list[Bound]:
        """What was bound, as Dataverse has it now: a row that is gone is looked for by its key, and missing where nothing has it.

        Args:
            keys: what the pairs of the lookup say, for each that was bound.
        """
        lane, first = self._lane, self.tables_of(column)[0]
        places = [
            (parent.table, parent.id) if isinstance(parent, Elsewhere) else (first, parent)
            for parent in bound
            if isinstance(parent, (str, Elsewhere))
        ]
        there: set[tuple[str, str]] = set()
        for table in {table for table, _ in places}:
            ids = sorted({id_ for of, id_ in places if of == table})
            rows = lane.dataverse.read(table, ids, [lane.dataverse.table(table).id_column])
            there |= {(table, id_) for id_, row in zip(ids, rows, strict=True) if row is not None}
        named = iter(places)
        gone = [isinstance(parent, (str, Elsewhere)) and next(named) not in there for parent in bound]
        open_: dict[Parts, Bound] = {key: None for key, lost in zip(keys, gone, strict=True) if lost}
        if open_:
            self._resolve({column: open_}, self._find_ids)
        return [
            (open_[key] or replace(self.missing(column, key), gone=True)) if lost else parent
            for key, lost, parent in zip(keys, gone, bound, strict=True)
        ]

    def _resolve(
        self,
        open_: Mapping[str, dict[Parts, Bound]],
        find: Callable[[Source, Sequence[Parts]], dict[Parts, str]],
    ) -> None:
        """Fill in what one way to look finds, the first table of each lookup before the others."""
        ranked = zip_longest(*([(column, d) for d in self._destinations[column]] for column in open_))
        for rank, in_turn in enumerate(ranked):
            asked: dict[Source, dict[Parts, None]] = {}
            for column, each in filter(None, in_turn):
                keys = (each.key(values) for values, bound in open_[column].items() if bound is None)
                asked.setdefault(each.source, {}).update(dict.fromkeys(keys))
            found = {source: find(source, list(keys)) for source, keys in asked.items() if keys}
            for column, each in filter(None, in_turn):
                ids = found.get(each.source)
                if not ids:
                    continue
                for values, bound in open_[column].items():
                    id_ = ids.get(each.key(values)) if bound is None else None
                    if id_ is not None:
                        open_[column][values] = id_ if rank == 0 else Elsewhere(each.source.table, id_)

    def _linked_ids(self, source: Source, keys: Sequence[Parts]) -> dict[Parts, str]:
        lane = self._lane
        by_text: dict[str, list[Parts]] = {}
        for key in keys:
            by_text.setdefault(key_text(key, source.company), []).append(key)
        found: dict[Parts, str] = {}
        with lane.store.read() as state:
            for text, links in state.parents_by_key(
                lane.pair, source.table, source.company, list(by_text)
            ).items():
                for link in links:
                    if link.dataverse_id and link.state != "half" and link.map in source.maps:
                        found.update(dict.fromkeys(by_text[text], link.dataverse_id))
                        break
        return found

    def _ids_of(self, source: Source, keys: Iterable[Parts]) -> dict[Parts, str]:
        wanted = list(dict.fromkeys(keys))
        found = self._linked_ids(source, wanted) if wanted else {}
        found.update(self._find_ids(source, [key for key in wanted if key not in found]))
        return found

    def _find_ids(self, source: Source, keys: Sequence[Parts]) -> dict[Parts, str]:
        """Ids of rows that no link knows: made by hand in Dataverse, or not part of any map's selection."""
        if not keys:
            return {}
        lane, parts = self._lane, source.key
        nested: dict[str, tuple[dict[Parts, str], list[Parts]]] = {}
        for head in dict.fromkeys(part.split(".")[0] for part in parts if "." in part):
            inner = self._sources.behind(source, head)
            own = [i for i, part in enumerate(parts) if part.startswith(head + ".")]
            places = [inner.key.index(parts[i].partition(".")[2]) for i in own]
            inner_keys = [arranged([key[i] for i in own], places, len(inner.key)) for key in keys]
            nested[head] = (self._ids_of(inner, inner_keys), inner_keys)
        queries: list[dict[str, object]] = []
        asked: list[Parts] = []
        for n, key in enumerate(keys):
            query: dict[str, object] = {part: key[i] for i, part in enumerate(parts) if "." not in part}
            for head, (ids, inner_keys) in nested.items():
                parent = ids.get(inner_keys[n])
                if parent is None:
                    break
                query[f"_{head}_value"] = parent
            else:
                if source.company_column:
                    query[f"_{source.company_column}_value"] = lane.company_id
                queries.append(query)
                asked.append(key)
        if not queries:
            return {}
        id_column = lane.dataverse.table(source.table).id_column
        found = {}
        answers = lane.dataverse.find(source.table, queries, [id_column, *source.filter_columns])
        for key, rows in zip(asked, answers, strict=True):
            meant = source.meant(rows)
            if len(meant) == 1:
                found[key] = str(meant[0][id_column])
        return found


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _possible(destinations: Sequence[Destination], name: str | None) -> Sequence[Destination]:
    """Those that a reference can mean whose table the service named; all, where it didn't."""
    return [each for each in destinations if each.source.logical == name] or destinations
