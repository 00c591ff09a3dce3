"""Family: the parents and children of rows that are about to be deleted.

Where a parent is deleted, its service deletes the children that belong to it, and those reach their own maps as deletes like any
other. Where the parent's map keeps its row on the other side, the children stay there with it. And a service refuses to delete a
row that others still name: they are counted, since it seldom says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mappings.errors import DualflowError
from mappings.metadata import SideName
from mappings.model import Map
from tasks.state.records import Link
from tasks.sync.cases import Case, Work
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.lookups import Elsewhere, MissingParent
from tasks.sync.sends import Sends

MOST = 5000
"""Children that are counted one by one; beyond that there are simply many."""


class Family:
    """What one lane's rows belong to, and what belongs to them."""

    def __init__(self, lane: Lane, sends: Sends) -> None:
        self._lane = lane
        self._sends = sends

    # parents

    def kept(self, work: Work, at: Sequence[int], gone_from: SideName) -> set[int]:
        """Which of these rows, gone from one side, went there with a parent that the other side keeps."""
        if not at or not self._lane.map.lookups:
            return set()
        parents = (
            self._parents_of_fno(work, at)
            if gone_from == "dataverse"
            else self._parents_of_dataverse(work, at)
        )
        ignoring = [(i, link) for i, link in parents if self._policy(link, gone_from) != "propagate"]
        gone = self._gone({link.id: link for _, link in ignoring}.values(), gone_from)
        return {i for i, link in ignoring if link.id in gone}

    def _policy(self, link: Link, gone_from: SideName) -> str:
        """What the map of a parent does about its deletes."""
        sync = self._lane.catalogue.maps.get(link.map)
        if sync is None:
            return "propagate"
        return sync.delete.to_dataverse if gone_from == "fno" else sync.delete.to_fno

    def _parents_of_fno(self, work: Work, at: Sequence[int]) -> list[tuple[int, Link]]:
        """Links of the rows that these F&O rows name."""
        lane, lookups = self._lane, self._sends.lookups
        bound = self._sends.bind(work.comparison, at, lookups.columns)
        ids: dict[str, dict[str, list[int]]] = {}
        keys: dict[tuple[str, str], dict[str, list[int]]] = {}
        for column in lookups.columns:
            for i, parent in zip(at, bound[column], strict=True):
                if isinstance(parent, MissingParent):
                    for table, company, key, _ in parent.places:
                        keys.setdefault((table, company), {}).setdefault(key, []).append(i)
                elif isinstance(parent, Elsewhere):
                    ids.setdefault(parent.table, {}).setdefault(parent.id, []).append(i)
                elif parent is not None:
                    ids.setdefault(lookups.tables_of(column)[0], {}).setdefault(parent, []).append(i)
        found = self._linked(ids)
        with lane.store.read() as state:
            for (table, company), named in keys.items():
                for key, links in state.parents_by_key(lane.pair, table, company, list(named)).items():
                    found += [(i, link) for i in named[key] for link in links]
        return found

    def _parents_of_dataverse(self, work: Work, at: Sequence[int]) -> list[tuple[int, Link]]:
        """Links of the rows that these Dataverse rows point at."""
        ids: dict[str, dict[str, list[int]]] = {}
        for column in self._sends.lookups.columns:
            for i in at:
                pointed = (work.cases[i].dataverse or {}).get(f"_{column}_value")
                for table in self._sends.lookups.tables_of(column) if pointed else ():
                    ids.setdefault(table, {}).setdefault(str(pointed), []).append(i)
        return self._linked(ids)

    def _linked(self, ids: dict[str, dict[str, list[int]]]) -> list[tuple[int, Link]]:
        lane = self._lane
        found: list[tuple[int, Link]] = []
        with lane.store.read() as state:
            for table, named in ids.items():
                for id_, links in state.parents_by_dataverse_id(lane.pair, table, list(named)).items():
                    found += [(i, link) for i in named[id_] for link in links]
        return found

    def _gone(self, links: Iterable[Link], side: SideName) -> set[int]:
        """Which of these parents are gone from a side, whether their own lane has noticed yet or not."""
        lane = self._lane
        gone: set[int] = set()
        asked: dict[str, list[tuple[Link, Any]]] = {}
        for link in links:
            address = link.fno_key if side == "fno" else link.dataverse_id
            if address is None:
                gone.add(link.id)
            else:
                asked.setdefault(link.map, []).append((link, address))
        for name, each in asked.items():
            sync = lane.catalogue.maps[name]
            table = sync.fno.set if side == "fno" else sync.dataverse.table
            column = sync.fno.key[0] if side == "fno" else lane.dataverse.table(table).id_column
            rows = lane.side(side).read(table, [address for _, address in each], [column])
            gone |= {link.id for (link, _), row in zip(each, rows, strict=True) if row is None}
        return gone


def children(lane: Lane, case: Case, side: SideName) -> dict[str, int]:
    """How many rows of each table or entity set still name this row on a side; what can't be asked is left out."""
    found: dict[str, int] = {}
    asked: set[tuple[str, ...]] = set()
    for sync in lane.catalogue.maps.values():
        for column, lookup in sync.lookups.items():
            if not lookup.means(lane.map):
                continue
            try:
                if side == "dataverse":
                    table, count = sync.dataverse.table, _in_dataverse(lane, case, sync, column, asked)
                else:
                    table, count = sync.fno.set, _in_fno(lane, case, sync, column, asked)
            except DualflowError:
                continue  # a map whose table this environment doesn't have
            if count:
                found[table] = found.get(table, 0) + count
    return found


def _in_dataverse(lane: Lane, case: Case, sync: Map, column: str, asked: set[tuple[str, ...]]) -> int:
    name = (sync.dataverse.table, column)
    id_ = (case.dataverse or {}).get(lane.dataverse_table.id_column)
    if name in asked or id_ is None:
        return 0
    asked.add(name)
    table = lane.dataverse.table(sync.dataverse.table)
    pages = lane.dataverse.pages(
        table.name, columns=[table.id_column], filter=f"_{column}_value eq {id_}", size=MOST
    )
    return len(next(pages, []))


def _in_fno(lane: Lane, case: Case, sync: Map, column: str, asked: set[tuple[str, ...]]) -> int:
    """Children in F&O name their parent by its key."""
    row = case.fno or {}
    own = {pair.dataverse: pair.fno for pair in lane.map.compared}
    query: dict[str, Any] = {}
    for pair in sync.compared:
        named = own.get(".".join(pair.path[1:])) if pair.lookup == column else None
        if named is not None and pair.fno is not None and row.get(named) not in (None, ""):
            query[pair.fno] = row[named]
    name = (sync.fno.set, *sorted(query))
    named_parts = {".".join(pair.path[1:]) for pair in sync.compared if pair.lookup == column}
    if not set(lane.map.dataverse.key) <= named_parts or not query or name in asked:
        return 0
    asked.add(name)
    if COMPANY_PROPERTY in sync.fno.key and lane.company:
        query[COMPANY_PROPERTY] = lane.company
    (rows,) = lane.fno.find(sync.fno.set, [query], list(sync.fno.key))
    itself = (
        str(lane.fno_address(case.fno)) if case.fno is not None and sync.fno.set == lane.map.fno.set else ""
    )
    return sum(str({key: each[key] for key in sync.fno.key}) != itself for each in rows)
