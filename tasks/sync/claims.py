"""Claims: several maps may write one Dataverse table, but a row belongs to one of them at a time.

It belongs to the map whose link had it first, for as long as that map's filter takes it. A row that leaves one map's filter and
enters another's is handed over: the first map's link lets go of it (it is detached), the second links it; nothing is deleted and
made again. Maps that share rows by declaration (`shares`) hold them together: while one has a row, the other doesn't delete it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mappings import filters as expressions
from mappings.model import Map
from tasks.connectors.side import Row
from tasks.state.records import Link
from tasks.sync.cases import Case, Comparison, Work
from tasks.sync.diff import Decision
from tasks.sync.feeds import entry
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.transform.filters import mask

DELETING = frozenset({Decision.DELETE_DATAVERSE, Decision.RECREATE_FNO})
"""Decisions about a row that is gone from its own F&O entity."""


LEAVING = DELETING | {Decision.DEACTIVATE, Decision.LET_GO}
"""The same, and what a map may have made of it."""


class Claims:
    """What other maps hold of the table that one lane writes. Costs nothing where no other map writes it."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        table = lane.map.dataverse.table
        self._others = {
            each.name: each for each in lane.catalogue.of_table(table) if each.name != lane.map.name
        }
        self._partners = [each for each in self._others.values() if self._shares(each)]

    def _shares(self, other: Map) -> bool:
        return other.name in self._lane.map.shares or self._lane.map.name in other.shares

    # who has a row

    def dispute(self, cases: Sequence[Case], comparison: Comparison) -> None:
        """Mark rows that are about to be linked although another map has them."""
        if not self._others and not self._lane.company:
            return
        id_column = self._lane.dataverse_table.id_column
        asked = [
            (i, case, case.dataverse)
            for i, case in enumerate(cases)
            if case.dataverse is not None
            and not case.disputed
            and (case.link is None or case.link.state == "half" or "dataverse" in case.moved)
        ]
        held = self.held([row for _, _, row in asked])
        for _, case, row in asked:
            link = held.get(str(row[id_column]))
            if link is None:
                continue
            if link.map in self._others and self._shares(self._others[link.map]):
                # a row that the partner brought: it is ours too where F&O has it in our entity, else it is no news
                case.elsewhere = case.fno is None
            else:
                name = "/".join(link.key_text or ()) or str(link.dataverse_id)
                own = link.map == self._lane.map.name
                case.claimed = (link.map, f"{name} of company {link.company}" if own else name)
        new = [(i, case) for i, case, _ in asked if case.fno is None and not case.disputed]
        if new and self._partners:
            places = list(self._lane.layout.key_pairs)
            texts = comparison.texts_dataverse[[i for i, _ in new]][:, places].tolist()
            keys = [dict(zip(self._lane.map.dataverse.key, each, strict=False)) for each in texts]
            for (_, case), there in zip(new, self._with_partners(keys), strict=True):
                case.elsewhere = there

    def held(self, rows: Sequence[Row]) -> dict[str, Link]:
        """Links of other maps, and of other companies, that have some of these Dataverse rows, by id."""
        lane = self._lane
        if not rows or not (self._others or lane.company):
            return {}
        ids = [str(row[lane.dataverse_table.id_column]) for row in rows]
        with lane.store.read() as state:
            links = state.parents_by_dataverse_id(lane.pair, lane.map.dataverse.table, ids)
        found = {
            id_: link
            for id_, of_row in links.items()
            for link in of_row
            if self._is_others(link) and link.state != "detached"
        }
        return self._standing(found)

    def _is_others(self, link: Link) -> bool:
        return link.map in self._others or (
            link.map == self._lane.map.name and link.company != self._lane.company
        )

    def _standing(self, found: Mapping[str, Link]) -> dict[str, Link]:
        """Without those whose own map's filter no longer takes the row: it is being handed over."""
        lane = self._lane
        by_map: dict[str, list[str]] = {}
        for id_, link in found.items():
            by_map.setdefault(link.map, []).append(id_)
        standing: dict[str, Link] = {}
        for name, ids in by_map.items():
            # given to another company it still is the row of its link, whatever the filter says
            text = self._others[name].dataverse.filter if name in self._others else None
            if text is None:
                standing.update((id_, found[id_]) for id_ in ids)
                continue
            node = expressions.parse(text)
            columns = sorted(expressions.fields_of(node))
            read = zip(ids, lane.dataverse.read(lane.map.dataverse.table, ids, columns), strict=True)
            there = [(id_, row) for id_, row in read if row is not None]
            verdicts = mask(node, [row for _, row in there], lane.dataverse_table).tolist() if there else []
            standing.update(
                (id_, found[id_]) for (id_, _), taken in zip(there, verdicts, strict=True) if taken
            )
        return standing

    def emigrated(self, work: Work) -> None:
        """Leave rows to another company that were given to it, when they are gone from this company's F&O."""
        lane, column = self._lane, self._lane.company_value
        if column is None:
            return
        for i, decision in enumerate(work.decisions):
            row = work.cases[i].dataverse
            now = row.get(column) if row is not None else None
            if decision not in LEAVING or row is None or now is None or now == lane.company_id:
                continue
            work.decisions[i] = Decision.UNLINK
            company = (lane.companies.code_of(str(now)) or "").lower()
            if company in lane.settings.companies:
                told = entry(lane, "dataverse", str(row[lane.dataverse_table.id_column]), "upsert")
                work.handed.append(replace(told, company=company))

    # shared rows

    def spare(self, work: Work) -> None:
        """Let go of rows that are gone from this map's F&O entity because a partner's entity has them now."""
        if not self._partners:
            return
        at = [i for i, decision in enumerate(work.decisions) if decision in DELETING]
        links = [(i, link) for i in at if (link := work.cases[i].link) is not None]
        if not links:
            return
        there = self._with_partners([self._values_of_link(link) for _, link in links])
        for (i, _), spared in zip(links, there, strict=True):
            if spared:
                work.decisions[i] = Decision.UNLINK

    def _with_partners(self, keys: Sequence[Mapping[str, Any] | None]) -> list[bool]:
        """Does a partner's F&O entity have the rows of these keys (Dataverse key column → value)?"""
        lane = self._lane
        found = [False] * len(keys)
        for partner in self._partners:
            properties = {pair.dataverse: pair.fno for pair in partner.compared}
            asked: list[tuple[int, dict[str, Any]]] = []
            for place, values in enumerate(keys):
                if (
                    not values
                    or found[place]
                    or not all(values.values())
                    or not values.keys() <= properties.keys()
                ):
                    continue
                query = {str(properties[column]): value for column, value in values.items()}
                if partner.company_specific:
                    query[COMPANY_PROPERTY] = lane.company
                asked.append((place, query))
            if not asked:
                continue
            answers = lane.fno.find(partner.fno.set, [query for _, query in asked], partner.fno.key)
            for (place, _), rows in zip(asked, answers, strict=True):
                found[place] = bool(rows)
        return found

    def _values_of_link(self, link: Link) -> dict[str, Any] | None:
        if link.key_text is None:
            return None
        key = dict(zip(self._lane.map.dataverse.key, link.key_text, strict=False))
        known = link.fno_key or {}
        pairs = {pair.dataverse: pair.fno for pair in self._lane.map.key_pairs}
        # F&O's own form of a value where the link has it: a number is no text there
        return {column: known.get(str(pairs.get(column)), text) for column, text in key.items()}
