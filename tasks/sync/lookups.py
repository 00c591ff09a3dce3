"""Lookups: from the key values that F&O writes to the row that Dataverse points at, and back.

The links are the index: a parent that was synced is found in one query per page, whatever the size of its table. Only parents
that no link knows are asked for live, all of a page in one request. Nothing is kept beyond a batch, so memory stays one page and
a parent made a second ago is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mappings.errors import FatalError
from mappings.model import Map
from tasks.connectors.side import Row
from tasks.sync.lane import Lane
from tasks.transform.digests import key_text

Parts = tuple[str, ...]

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
    """A parent that is not there: the table, the company and the key it was looked for by."""

    table: str
    company: str
    key: str
    values: Parts

    def __str__(self) -> str:
        place = f" of company {self.company}" if self.company else ""
        return f"{'/'.join(self.values)!r} in {self.table}{place}"


Bound = str | None | MissingParent
"""Id of the parent's row, None for no parent, or the parent that is missing."""


class Lookups:
    """Translates the lookups of one lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._targets: dict[str, tuple[Map, list[int], list[int]]] = {}
        for column in lane.map.lookups:
            pairs = [index for index, pair in enumerate(lane.layout.pairs) if pair.lookup == column]
            if not pairs:
                continue
            target = self._map_of(lane.map.lookups[column].table)
            places = []
            for index in pairs:
                rest = ".".join(lane.layout.pairs[index].pair.path[1:])
                if rest not in target.dataverse.key:
                    raise FatalError(
                        f"map {lane.map.name!r}: {lane.layout.pairs[index].pair.dataverse} does not lead to a key part of"
                        f" {target.dataverse.table} ({', '.join(target.dataverse.key)})",
                        code="lookup_not_a_key",
                        remedy="follow the lookup to the column that identifies the row behind it",
                    )
                places.append(target.dataverse.key.index(rest))
            self._targets[column] = (target, pairs, places)

    @property
    def columns(self) -> tuple[str, ...]:
        """The lookup columns that carry field pairs."""
        return tuple(self._targets)

    def pairs_of(self, column: str) -> list[int]:
        """Indexes of the field pairs behind a lookup column."""
        return self._targets[column][1]

    def target(self, column: str) -> Map:
        """A map of the table behind a lookup column."""
        return self._targets[column][0]

    def missing(self, target: Map, values: Parts) -> MissingParent:
        """The parent with this key, as something to wait for."""
        company = self._company_of(target)
        return MissingParent(target.dataverse.table, company, key_text(values, company), values)

    def _map_of(self, table: str) -> Map:
        maps = self._lane.catalogue.of_table(table)
        if not maps:
            raise FatalError(
                f"no map of the catalogue writes {table}, which map {self._lane.map.name!r} looks up",
                code="lookup_without_map",
                remedy="add the map of that table to the catalogue",
            )
        return maps[0]

    def _company_of(self, target: Map) -> str:
        return self._lane.company if target.company_specific else ""

    # Dataverse → key values

    def parents(self, rows: Sequence[Row]) -> Parents:
        """The key values behind every lookup of these Dataverse rows."""
        found = Parents()
        for column, (target, _, places) in self._targets.items():
            ids = [row.get(f"_{column}_value") for row in rows]
            known = self._keys_of(target, {id_ for id_ in ids if id_})
            parts: list[Parts | None] = []
            in_fno: list[bool] = []
            for id_ in ids:
                if not id_:
                    parts.append(None)
                    in_fno.append(True)
                    continue
                values, there = known.get(id_, (None, False))
                if values is None:
                    parts.append(tuple(UNTRANSLATED + id_ for _ in places))
                else:
                    parts.append(tuple(values[place] for place in places))
                in_fno.append(there)
            found.parts[column] = parts
            found.in_fno[column] = in_fno
        return found

    def _keys_of(self, target: Map, ids: set[str]) -> dict[str, tuple[Parts, bool]]:
        lane = self._lane
        if not ids:
            return {}
        known: dict[str, tuple[Parts, bool]] = {}
        with lane.store.read() as state:
            for id_, links in state.parents_by_dataverse_id(
                lane.pair, target.dataverse.table, list(ids)
            ).items():
                for link in links:
                    if link.key_text is not None:
                        known[id_] = (tuple(link.key_text), link.fno_key is not None and link.state != "half")
                        break
        unknown = [id_ for id_ in ids if id_ not in known]
        for id_, values in self._read_keys(target, unknown).items():
            known[id_] = (values, False)
        return known

    def _read_keys(self, target: Map, ids: Sequence[str]) -> dict[str, Parts]:
        """Key values of rows that no link knows, read from Dataverse itself, through nested lookups too."""
        if not ids:
            return {}
        lane = self._lane
        table = target.dataverse.table
        heads = list(dict.fromkeys(part.split(".")[0] for part in target.dataverse.key))
        rows = [
            (id_, row)
            for id_, row in zip(ids, lane.dataverse.read(table, list(ids), heads), strict=True)
            if row is not None
        ]
        columns: list[list[str]] = []
        for part in target.dataverse.key:
            head, _, rest = part.partition(".")
            if not rest:
                columns.append([_text(row.get(head)) for _, row in rows])
                continue
            nested = self._map_of(target.lookups[head].table)
            refs = [row.get(f"_{head}_value") for _, row in rows]
            keys = self._keys_of(nested, {ref for ref in refs if ref})
            place = nested.dataverse.key.index(rest)
            columns.append(
                [(keys[ref][0][place] if ref in keys else UNTRANSLATED + ref) if ref else "" for ref in refs]
            )
        return {id_: tuple(column[i] for column in columns) for i, (id_, _) in enumerate(rows)}

    # key values → Dataverse

    def bind(self, texts: Mapping[int, Sequence[str]], columns: Iterable[str]) -> dict[str, list[Bound]]:
        """Ids of the parents that F&O rows name.

        Args:
            texts: pair index → canonical text per row, for all pairs of the lookups asked for.
            columns: the lookup columns to resolve.

        Returns: lookup column → per row what to bind.
        """
        bound: dict[str, list[Bound]] = {}
        for column in columns:
            target, pairs, places = self._targets[column]
            company = self._company_of(target)
            size = len(target.dataverse.key)
            rows = list(zip(*(texts[index] for index in pairs), strict=True))
            wanted: dict[Parts, Parts] = {}
            for values in rows:
                if values not in wanted and any(values):
                    ordered = [""] * size
                    for place, value in zip(places, values, strict=True):
                        ordered[place] = value
                    wanted[values] = tuple(ordered)
            ids = self._ids_of(target, company, set(wanted.values()))
            out: list[Bound] = []
            for values in rows:
                if not any(values):
                    out.append(None)
                    continue
                key = wanted[values]
                out.append(ids.get(key) or self.missing(target, key))
            bound[column] = out
        return bound

    def _ids_of(self, target: Map, company: str, keys: set[Parts]) -> dict[Parts, str]:
        if not keys:
            return {}
        lane = self._lane
        by_text = {key_text(key, company): key for key in keys}
        found: dict[Parts, str] = {}
        with lane.store.read() as state:
            for text, links in state.parents_by_key(
                lane.pair, target.dataverse.table, company, list(by_text)
            ).items():
                for link in links:
                    if link.dataverse_id and link.state != "half":
                        found[by_text[text]] = link.dataverse_id
                        break
        missing = [key for key in keys if key not in found]
        found.update(self._find_ids(target, company, missing))
        return found

    def _find_ids(self, target: Map, company: str, keys: Sequence[Parts]) -> dict[Parts, str]:
        """Ids of rows that no link knows: made by hand in Dataverse, or not part of any map's selection."""
        if not keys:
            return {}
        lane = self._lane
        nested: dict[str, tuple[Map, dict[Parts, str], list[int], list[int]]] = {}
        for head in dict.fromkeys(part.split(".")[0] for part in target.dataverse.key if "." in part):
            inner = self._map_of(target.lookups[head].table)
            own = [i for i, part in enumerate(target.dataverse.key) if part.startswith(head + ".")]
            places = [inner.dataverse.key.index(target.dataverse.key[i].partition(".")[2]) for i in own]
            inner_keys = {_arranged(key, own, places, len(inner.dataverse.key)) for key in keys}
            ids = self._ids_of(inner, self._company_of(inner), inner_keys)
            nested[head] = (inner, ids, own, places)
        queries: list[dict[str, object]] = []
        asked: list[Parts] = []
        for key in keys:
            query: dict[str, object] = {
                part: key[i] for i, part in enumerate(target.dataverse.key) if "." not in part
            }
            for head, (inner, ids, own, places) in nested.items():
                parent = ids.get(_arranged(key, own, places, len(inner.dataverse.key)))
                if parent is None:
                    break
                query[f"_{head}_value"] = parent
            else:
                if target.dataverse.company:
                    query[f"_{target.dataverse.company}_value"] = lane.company_id
                queries.append(query)
                asked.append(key)
        if not queries:
            return {}
        id_column = lane.dataverse.table(target.dataverse.table).id_column
        found = {}
        for key, rows in zip(
            asked, lane.dataverse.find(target.dataverse.table, queries, [id_column]), strict=True
        ):
            if len(rows) == 1:
                found[key] = str(rows[0][id_column])
        return found


def _arranged(key: Parts, own: Sequence[int], places: Sequence[int], size: int) -> Parts:
    arranged = [""] * size
    for i, place in zip(own, places, strict=True):
        arranged[place] = key[i]
    return tuple(arranged)


def _text(value: object) -> str:
    return "" if value is None else str(value)
