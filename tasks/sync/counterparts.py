"""Counterparts: does a row about to be created exist already?

It is looked for by key and without the map's filters, since a filter says what is synced, not what exists.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.connectors.side import Row
from tasks.state.records import Link
from tasks.sync.cases import Case, Work, relink
from tasks.sync.diff import Decision
from tasks.sync.lane import Lane
from tasks.sync.notes import Notes
from tasks.sync.sends import Sends


class Counterparts:
    """Looks for the counterparts of one lane's new rows."""

    def __init__(self, lane: Lane, notes: Notes, sends: Sends, dataverse_columns: Sequence[str]) -> None:
        self._lane = lane
        self._notes = notes
        self._sends = sends
        self._columns = dataverse_columns

    def search(self, work: Work) -> bool:
        """Put what exists already beside its row; True when something was found, so that the cases must be judged again."""
        found = False
        to_dataverse = self._unsearched(work, Decision.CREATE_DATAVERSE)
        if to_dataverse:
            found |= self._in_dataverse(work, to_dataverse)
        to_fno = self._unsearched(work, Decision.CREATE_FNO)
        if to_fno:
            found |= self._in_fno(work, to_fno)
        return found

    @staticmethod
    def _unsearched(work: Work, decision: Decision) -> list[int]:
        return [i for i, each in enumerate(work.decisions) if each is decision and not work.cases[i].searched]

    def _in_fno(self, work: Work, at: Sequence[int]) -> bool:
        lane = self._lane
        addresses = self._sends.addresses_of(work, at)
        asked = [(i, address) for i, address in zip(at, addresses, strict=True) if address is not None]
        found = False
        if asked:
            rows = lane.fno.read(lane.map.fno.set, [a for _, a in asked], lane.layout.fno_columns)
            for (i, _), row in zip(asked, rows, strict=True):
                if row is not None:
                    work.cases[i].fno = row
                    found = True
        for i in at:
            work.cases[i].searched = True
        return found

    def _in_dataverse(self, work: Work, at: Sequence[int]) -> bool:
        lane = self._lane
        queries: list[tuple[int, dict[str, object]]] = []
        for own_company in (True, False) if lane.map.company_specific else (True,):
            for i, query in zip(at, self._sends.key_queries(work, at, company=own_company), strict=True):
                if query is not None:
                    queries.append((i, query))
        by_case: dict[int, list[Row]] = {}
        if queries:
            answers = lane.dataverse.find(
                lane.map.dataverse.table, [query for _, query in queries], self._columns
            )
            for (i, _), rows in zip(queries, answers, strict=True):
                by_case.setdefault(i, []).extend(rows)
        id_column = lane.dataverse_table.id_column
        linked = self._linked([str(row[id_column]) for rows in by_case.values() for row in rows])
        found = False
        for i in at:
            case = work.cases[i]
            case.searched = True
            rows = by_case.get(i, [])
            free = [row for row in rows if _is_free(linked.get(str(row[id_column])), case)]
            if len(free) == 1:
                relink(case, free[0], id_column)
                case.stamp = lane.company_value is not None and free[0].get(lane.company_value) is None
                found = True
            elif len(free) > 1:
                self._notes.park_ambiguous(work, i, len(free))
                work.decisions[i] = Decision.SKIP
            elif rows:
                work.decisions[i] = Decision.SKIP
                if case.attempts == 0:
                    work.again.append(i)  # its owner may be on its way to another key in this very batch
                else:
                    owner = linked[str(rows[0][id_column])]
                    self._notes.park_duplicate(work, i, "/".join(owner.key_text or ()))
        return found

    def _linked(self, ids: Sequence[str]) -> dict[str, Link]:
        lane = self._lane
        if not ids:
            return {}
        with lane.store.read() as state:
            return state.links_by_id(lane.pair, lane.map.name, lane.company, ids)


def _is_free(link: Link | None, case: Case) -> bool:
    """May this row be paired? Not if it is another's; an unfinished create has noted an id, but owns nothing yet."""
    return link is None or (case.link is not None and link.id == case.link.id)
