"""Gather: from the names in an inbox to cases with both sides freshly read.

A name can lead to a link in three ways: by the link's own number, by the row's identity, or by its key. The last matters where a
row was deleted and made again, or renamed: then a row stands under an identity that no link knows, and the link has to be told
from it before anything is judged, or the same row would be worked on twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.connectors.side import Row
from tasks.state.records import InboxEntry, Link
from tasks.sync.cases import Case, fno_address, fno_name, fno_row_id, relink
from tasks.sync.engine import Engine
from tasks.sync.feeds import LINK
from tasks.sync.lane import Lane

Found = list[tuple[InboxEntry | None, Row]]


def gather(engine: Engine, entries: Sequence[InboxEntry]) -> tuple[list[Case], list[InboxEntry]]:
    """Turn names into cases with both sides freshly read; entries that name nothing any more come back as idle."""
    gathering = _Gathering(engine)
    gathering.named_by_link([e for e in entries if e.row.startswith(LINK)])
    gathering.named_in_dataverse([e for e in entries if e.side == "dataverse" and not e.row.startswith(LINK)])
    gathering.named_in_fno([e for e in entries if e.side == "fno" and not e.row.startswith(LINK)])
    cases = gathering.read()
    counts = engine.lane.counts
    counts.count(read_fno=sum(case.fno is not None for case in cases))
    counts.count(read_dataverse=sum(case.dataverse is not None for case in cases))
    return cases, gathering.idle


def cases_of_dataverse(engine: Engine, rows: Sequence[Row]) -> list[Case]:
    """Cases for Dataverse rows that were just read and that no feed named."""
    gathering = _Gathering(engine)
    gathering.seen_in_dataverse([(None, row) for row in rows])
    return gathering.read()


@dataclass(slots=True)
class _New:
    """The rows of both sides that have one key and no link."""

    fno: Found = field(default_factory=list)
    dataverse: Found = field(default_factory=list)

    def cases(self, lane: Lane) -> list[Case]:
        """One case where one row of each side at most has the key; else nobody can say which belong together."""
        if len(self.fno) <= 1 and len(self.dataverse) <= 1:
            case = Case(
                fno=self.fno[0][1] if self.fno else None,
                dataverse=self.dataverse[0][1] if self.dataverse else None,
            )
            case.entries = [e for e, _ in (*self.fno, *self.dataverse) if e is not None]
            return [case]
        cases = []
        for found, side in ((self.fno, "fno"), (self.dataverse, "dataverse")):
            names = [
                fno_name(lane.map.fno.key, row) if side == "fno" else str(row[lane.dataverse_table.id_column])
                for _, row in found
            ]
            for place, (e, row) in enumerate(found):
                case = Case(rival=", ".join(names[:place] + names[place + 1 :]))
                setattr(case, side, row)
                case.entries = [] if e is None else [e]
                cases.append(case)
        return cases


class _Gathering:
    """What one batch of names leads to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lane = engine.lane
        self._linked: dict[int, Case] = {}
        # rows that no link claims, by key; those without one stand alone
        self._new: dict[str, _New] = {}
        self._keyless: list[Case] = []
        # rows that claim to be a link's, under an identity that the link may not know
        self._fno: dict[int, Found] = {}
        self._dataverse: dict[int, Found] = {}
        self.idle: list[InboxEntry] = []

    def named_by_link(self, entries: Sequence[InboxEntry]) -> None:
        """Entries that name a link."""
        if not entries:
            return
        numbers = [int(e.row.removeprefix(LINK)) for e in entries]
        with self._lane.store.read() as state:
            links = {link.id: link for link in state.links_of(numbers)}
        for e, number in zip(entries, numbers, strict=True):
            if number in links:
                self._join(links[number], e)
            else:
                self.idle.append(e)

    def named_in_dataverse(self, entries: Sequence[InboxEntry]) -> None:
        """Entries that name a Dataverse row by its id."""
        if not entries:
            return
        lane = self._lane
        with lane.store.read() as state:
            links = state.links_by_id(lane.pair, lane.map.name, lane.company, [e.row for e in entries])
        for e in entries:
            if e.row in links:
                self._join(links[e.row], e)
        unknown = [e for e in entries if e.row not in links]
        if not unknown:
            return
        rows = lane.dataverse.read(
            lane.map.dataverse.table, [e.row for e in unknown], self._engine.dataverse_columns
        )
        self.idle += [e for e, row in zip(unknown, rows, strict=True) if row is None]
        self.seen_in_dataverse([(e, row) for e, row in zip(unknown, rows, strict=True) if row is not None])

    def seen_in_dataverse(self, found: Found) -> None:
        """Dataverse rows under an id that no link names: perhaps a link names their key."""
        lane, engine = self._lane, self._engine
        if not found:
            return
        id_column = lane.dataverse_table.id_column
        keys = engine.keys_of_dataverse([row for _, row in found])
        with lane.store.read() as state:
            by_id = state.links_by_id(
                lane.pair, lane.map.name, lane.company, [str(row[id_column]) for _, row in found]
            )
            by_key = state.links_by_key(
                lane.pair, lane.map.name, lane.company, [key for key in keys if key is not None]
            )
        for (e, row), key in zip(found, keys, strict=True):
            id_ = str(row[id_column])
            link = by_id.get(id_) or by_key.get(key or "")
            if link is not None:
                self._join(link, None)
                self._dataverse.setdefault(link.id, []).append((e, row))
                continue
            if key is None:
                self._keyless.append(Case(dataverse=row, entries=[] if e is None else [e]))
            else:
                self._new.setdefault(key, _New()).dataverse.append((e, row))

    def named_in_fno(self, entries: Sequence[InboxEntry]) -> None:
        """Entries that name an F&O row by its key."""
        lane, engine = self._lane, self._engine
        if not entries:
            return
        addresses = [fno_address(lane.map.fno.key, e.row) for e in entries]
        rows = lane.fno.read(lane.map.fno.set, addresses, lane.layout.fno_columns)
        self.idle += [e for e, row in zip(entries, rows, strict=True) if row is None]
        there = [(e, row) for e, row in zip(entries, rows, strict=True) if row is not None]
        if not there:
            return
        keys = engine.keys_of_fno([row for _, row in there])
        records = [fno_row_id(row) for _, row in there]
        with lane.store.read() as state:
            by_key = state.links_by_key(lane.pair, lane.map.name, lane.company, keys)
            strangers = [
                record for key, record in zip(keys, records, strict=True) if key not in by_key and record
            ]
            by_record = (
                state.links_by_fno_row(lane.pair, lane.map.name, lane.company, strangers) if strangers else {}
            )
        for (e, row), key, record in zip(there, keys, records, strict=True):
            link = by_key.get(key) or by_record.get(record or "")
            if link is not None:
                self._join(link, None)
                self._fno.setdefault(link.id, []).append((e, row))
                continue
            same = self._new.setdefault(key, _New()).fno
            if any(lane.fno_address(row) == lane.fno_address(other) for _, other in same):
                self.idle.append(e)  # one row, named by two feeds in two spellings of its key
            else:
                same.append((e, row))

    def _join(self, link: Link, e: InboxEntry | None) -> None:
        case = self._linked.setdefault(link.id, Case(link=link))
        if e is not None:
            case.entries.append(e)

    def read(self) -> list[Case]:
        """Both sides of every linked case, and which of several rows is the link's."""
        linked = list(self._linked.values())
        if linked:
            self._engine.read_fresh(linked)
        others: list[Case] = []
        for number, case in self._linked.items():
            others += self._settle_fno(case, self._fno.get(number, []))
            others += self._settle_dataverse(case, self._dataverse.get(number, []))
        return (
            linked
            + [case for new in self._new.values() for case in new.cases(self._lane)]
            + self._keyless
            + others
        )

    def _settle_fno(self, case: Case, found: Found) -> list[Case]:
        """The link's row is the one with its record id, wherever its key went; without one, the one with its key."""
        lane, link = self._lane, case.link
        if not found or link is None:
            return []
        if case.fno is not None:
            found = [(None, case.fno), *found]
        own = next((row for _, row in found if link.fno_row and fno_row_id(row) == link.fno_row), None)
        case.fno = own or case.fno or found[0][1]
        keys = self._engine.keys_of_fno([case.fno, *(row for _, row in found)])
        chosen = str(lane.fno_address(case.fno))
        others: dict[str, Case] = {}
        for (e, row), key in zip(found, keys[1:], strict=True):
            address = str(lane.fno_address(row))
            if address != chosen:
                # the old key of a renamed row, taken by a new one; or a second row with the same integration key
                rival = _named(link) if key == keys[0] else ""
                own_case = others.setdefault(address, Case(fno=row, rival=rival))
            else:
                own_case = case
            if e is not None:
                own_case.entries.append(e)
        return list(others.values())

    def _settle_dataverse(self, case: Case, found: Found) -> list[Case]:
        """The link's row is the one with its id; if that is gone, the one that has its key now."""
        id_column = self._lane.dataverse_table.id_column
        others: list[Case] = []
        for e, row in found:
            entries = [] if e is None else [e]
            if case.dataverse is None:
                relink(case, row, id_column)
            if case.dataverse is not None and case.dataverse[id_column] == row[id_column]:
                case.entries += entries
            else:
                others.append(Case(dataverse=row, rival=_named(case.link), entries=entries))
        return others


def _named(link: Link | None) -> str:
    if link is None:
        return ""
    return "/".join(link.key_text or ()) or link.dataverse_id or "another row"
