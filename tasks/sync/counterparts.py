"""Counterparts: does a row about to be created exist already?

It is looked for by key and without the map's filters, since a filter says what is synced, not what exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.connectors.side import Row
from tasks.state.records import Link
from tasks.sync.cases import Case, Work, fno_name, fno_row_id, relink
from tasks.sync.claims import Claims
from tasks.sync.compare import Comparer
from tasks.sync.diff import Decision
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.sends import Sends
from tasks.transform.canonical import canonical_fno
from tasks.transform.digests import key_text

NAMED = 5
"""Rows that are named where several have one key."""


class Counterparts:
    """Looks for the counterparts of one lane's new rows."""

    def __init__(
        self, lane: Lane, comparer: Comparer, sends: Sends, claims: Claims, dataverse_columns: Sequence[str]
    ) -> None:
        self._lane = lane
        self._claims = claims
        self._comparer = comparer
        self._sends = sends
        self._columns = dataverse_columns

    def search(self, work: Work) -> bool:
        """Put what exists already beside its row; True when something was found, so that the cases must be judged again."""
        found = self._numbered(work)
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
        found = self._by_reference(
            work, [i for i, address in zip(at, addresses, strict=True) if address is None]
        )
        if asked:
            rows = lane.fno.read(lane.map.fno.set, [a for _, a in asked], lane.layout.fno_columns)
            there = [(i, row) for (i, _), row in zip(asked, rows, strict=True) if row is not None]
            owners = self._owners([row for _, row in there])
            for (i, row), owner in zip(there, owners, strict=True):
                case = work.cases[i]
                if owner is None or _is_free(owner, case):
                    case.fno = row
                else:
                    # F&O's key is not the integration key: two Dataverse rows may lead to one row of F&O
                    case.taken = "/".join(owner.key_text or ()) or "another row"
                found = True
        for i in at:
            work.cases[i].searched = True
        return found

    def _numbered(self, work: Work) -> bool:
        """New F&O rows that F&O numbered for us: they say themselves which Dataverse row they were made for."""
        lane, number = self._lane, self._lane.map.number
        if number is None:
            return False
        asked = [
            (case, case.fno)
            for case, decision in zip(work.cases, work.decisions, strict=True)
            if decision is Decision.CREATE_DATAVERSE
            and case.link is None
            and case.fno is not None
            and not case.referred
        ]
        if not asked:
            return False
        addresses = [lane.fno_address(row) for _, row in asked]
        carried = lane.fno.read(lane.map.fno.set, addresses, [number.reference])
        ids = [str((row or {}).get(number.reference) or "") for row in carried]
        links = self._linked([id_ for id_ in ids if id_])
        here = {case.link.id for case in work.cases if case.link is not None}
        found = False
        for (case, _), id_ in zip(asked, ids, strict=True):
            case.referred = True
            link = links.get(id_)
            if link is None or (link.fno_key is not None and link.state != "half"):
                continue
            found = True
            if link.id in here:
                case.elsewhere = True
                continue
            (row,) = lane.dataverse.read(lane.map.dataverse.table, [id_], self._columns)
            case.link, case.dataverse = link, row
        return found

    def _by_reference(self, work: Work, at: Sequence[int]) -> bool:
        """Rows that F&O numbered for us before, without our hearing of it: they carry the id of their Dataverse row."""
        lane, number = self._lane, self._lane.map.number
        if number is None or not at:
            return False
        id_column = lane.dataverse_table.id_column
        queries: list[dict[str, object]] = []
        for i in at:
            query: dict[str, object] = {number.reference: (work.cases[i].dataverse or {}).get(id_column)}
            if lane.company:
                query[COMPANY_PROPERTY] = lane.company
            queries.append(query)
        found = False
        for i, rows in zip(
            at, lane.fno.find(lane.map.fno.set, queries, lane.layout.fno_columns), strict=True
        ):
            if len(rows) == 1:
                work.cases[i].fno = rows[0]
                found = True
            elif rows:
                work.cases[i].claims = len(rows)
                work.cases[i].claimants = tuple(
                    fno_name(lane.map.fno.key, lane.fno_address(row)) for row in rows[:NAMED]
                )
                found = True
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
        held = self._claims.held([row for rows in by_case.values() for row in rows])
        free_of = {
            i: [row for row in rows if _is_free(linked.get(str(row[id_column])), work.cases[i])]
            for i, rows in by_case.items()
        }
        for i, rows in free_of.items():
            # where only one of several is no other map's, that one is meant; else the first says whose they are
            own = [row for row in rows if str(row[id_column]) not in held]
            free_of[i] = own or rows[:1] if held else rows
        anyone = self._anyones(work, free_of)
        found = False
        for i in at:
            case = work.cases[i]
            case.searched = True
            rows, free = by_case.get(i, []), free_of.get(i, [])
            own = [row for row in free if not self._is_blank(row)]
            if own or i in anyone:
                free = own
                rows = [row for row in rows if not self._is_blank(row)]
            if len(free) == 1:
                relink(case, free[0], id_column)
                case.stamp = self._is_blank(free[0])
                if case.stamp:
                    case.paired_by = (str(lane.map.dataverse.company),)
                found = True
            elif len(free) > 1:
                case.claims = len(free)
                case.claimants = tuple(str(row[id_column]) for row in free[:NAMED])
                found = True
            elif rows:
                case.taken = "/".join(linked[str(rows[0][id_column])].key_text or ()) or "another row"
                found = True
        return found

    def _is_blank(self, row: Row) -> bool:
        """Does a row of a company-specific table name no company?"""
        column = self._lane.company_value
        return column is not None and row.get(column) is None

    def _anyones(self, work: Work, free_of: Mapping[int, Sequence[Row]]) -> set[int]:
        """Cases whose rows without a company could as well be another company's."""
        at = [i for i, rows in free_of.items() if any(self._is_blank(row) for row in rows)]
        asked = [(i, row) for i in at if (row := work.cases[i].fno) is not None]
        companies = self.companies_with([row for _, row in asked], self.key_properties)
        return {i for (i, _), found in zip(asked, companies, strict=True) if len(found) > 1}

    @property
    def key_properties(self) -> list[str]:
        """The integration key, as F&O names it."""
        pairs = [self._lane.layout.pairs[p].pair.fno for p in self._lane.layout.key_pairs]
        return [name for name in pairs if name is not None]

    def companies_with(self, rows: Sequence[Row], properties: Sequence[str]) -> list[list[str]]:
        """For each F&O row the companies of all rows that hold the same in these properties and that the map takes.

        Asked of F&O itself and over all its companies, in scope or not: a Dataverse row that names no company may be any one's.
        """
        lane = self._lane
        if not rows:
            return []
        queries = [{name: row[name] for name in properties} for row in rows]
        columns = list(lane.layout.fno_columns)
        return [
            [
                str(row.get(COMPANY_PROPERTY, "")).casefold()
                for row, taken in zip(found, self._comparer.fno_mask(found).tolist(), strict=True)
                if taken
            ]
            for found in lane.fno.find(lane.map.fno.set, queries, columns)
        ]

    def _owners(self, rows: Sequence[Row]) -> list[Link | None]:
        """The links of F&O rows, by record id or integration key."""
        lane = self._lane
        if not rows:
            return []
        records = [fno_row_id(row) or "" for row in rows]
        texts = canonical_fno(lane.key_layout, rows).texts.tolist()
        keys = [key_text(parts, lane.company) if all(parts) else "" for parts in texts]
        with lane.store.read() as state:
            by_record = state.links_by_fno_row(
                lane.pair, lane.map.name, lane.company, [record for record in records if record]
            )
            by_key = state.links_by_key(lane.pair, lane.map.name, lane.company, [key for key in keys if key])
        found: list[Link | None] = []
        for record, key in zip(records, keys, strict=True):
            link = by_record.get(record) or by_key.get(key)
            found.append(link if link is not None and link.fno_key is not None else None)
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
