"""The state as plain dictionaries: what the real store promises, at a twentieth of its cost.

The exhaustive check runs the engine hundreds of thousands of times; statements on SQLite would be nine tenths of that. This store
keeps the real records, has the same questions and changes, takes leases by epoch and can be put back to an earlier moment.
That both agree is checked by running samples of the same interleavings over the real one (`test_small_scope.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mappings.errors import LeaseLost, RowError
from tasks.state.leases import Lease, LeaseHeld
from tasks.state.parked import RETRIED, RETRY_DELAYS
from tasks.state.records import (
    Approval,
    ConflictRecord,
    Cursor,
    HistoryEntry,
    InboxEntry,
    LaneRecord,
    Link,
    ParkedRow,
    Sighting,
    StoredLayout,
    WaitingRow,
)

PAIR = 1
SECRET = "abcdefghijklmnop"
FAR = 1e12


@dataclass
class Tables:
    """All that is stored; every value is immutable, so a copy of the dictionaries is a copy of the state."""

    lanes: dict[Any, LaneRecord] = field(default_factory=dict)
    layouts: dict[int, StoredLayout] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    sightings: dict[Any, Sighting] = field(default_factory=dict)
    cursors: dict[Any, Cursor] = field(default_factory=dict)
    inbox: dict[Any, InboxEntry] = field(default_factory=dict)
    parked: dict[Any, ParkedRow] = field(default_factory=dict)
    waiting: dict[Any, WaitingRow] = field(default_factory=dict)
    conflicts: dict[int, ConflictRecord] = field(default_factory=dict)
    history: dict[int, HistoryEntry] = field(default_factory=dict)
    deleted: dict[int, Any] = field(default_factory=dict)
    approvals: dict[int, Approval] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Tables:
        """The same content in new dictionaries."""
        return Tables(**{name: dict(table) for name, table in vars(self).items()})

    def number(self, name: str) -> int:
        """The next number of a counter."""
        self.numbers[name] = self.numbers.get(name, 0) + 1
        return self.numbers[name]


def _row(record: Any) -> tuple[Any, ...]:
    return record.map, record.company, record.side, record.row


class PlainReader:
    """Questions, by the names and promises of the real ones."""

    def __init__(self, tables: Tables, now: Callable[[], datetime]) -> None:
        self.t = tables
        self._now = now

    # links

    def _lane(self, map: str, company: str) -> Iterator[Link]:
        return (link for link in self.t.links.values() if link.map == map and link.company == company)

    def links_by_key(self, pair: int, map: str, company: str, keys: Iterable[str]) -> dict[str, Link]:
        wanted = set(keys)
        return {str(link.key): link for link in self._lane(map, company) if link.key in wanted}

    def links_by_id(self, pair: int, map: str, company: str, ids: Iterable[str]) -> dict[str, Link]:
        wanted = set(ids)
        return {str(x.dataverse_id): x for x in self._lane(map, company) if x.dataverse_id in wanted}

    def links_by_fno_row(self, pair: int, map: str, company: str, rows: Iterable[str]) -> dict[str, Link]:
        wanted = set(rows)
        return {str(x.fno_row): x for x in self._lane(map, company) if x.fno_row in wanted}

    def links_of(self, ids: Iterable[int]) -> list[Link]:
        return [self.t.links[id_] for id_ in sorted(set(ids)) if id_ in self.t.links]

    def iterate_links(self, pair: int, map: str, company: str, after_id: int, limit: int) -> list[Link]:
        found = sorted((x for x in self._lane(map, company) if x.id > after_id), key=lambda x: x.id)
        return found[:limit]

    def parents_by_key(
        self, pair: int, table_name: str, company: str, keys: Iterable[str]
    ) -> dict[str, list[Link]]:
        wanted = set(keys)
        found: dict[str, list[Link]] = {}
        for link in self.t.links.values():
            if link.table == table_name and link.company == company and link.key in wanted:
                found.setdefault(str(link.key), []).append(link)
        return found

    def parents_by_dataverse_id(
        self, pair: int, table_name: str, ids: Iterable[str]
    ) -> dict[str, list[Link]]:
        wanted = set(ids)
        found: dict[str, list[Link]] = {}
        for link in self.t.links.values():
            if link.table == table_name and link.dataverse_id in wanted:
                found.setdefault(str(link.dataverse_id), []).append(link)
        return found

    def count_links(self, pair: int, map: str, company: str | None = None, state: str | None = None) -> int:
        return sum(
            link.map == map
            and (company is None or link.company == company)
            and (state is None or link.state == state)
            for link in self.t.links.values()
        )

    # sightings

    def _seen(self, map: str, company: str, side: str) -> list[Sighting]:
        found = [s for s in self.t.sightings.values() if (s.map, s.company, s.side) == (map, company, side)]
        return sorted(found, key=lambda seen: seen.id)

    def sightings_by_key(
        self, pair: int, map: str, company: str, side: str, keys: Iterable[str]
    ) -> dict[str, list[Sighting]]:
        wanted = set(keys)
        found: dict[str, list[Sighting]] = {}
        for seen in self._seen(map, company, side):
            if seen.key in wanted:
                found.setdefault(str(seen.key), []).append(seen)
        return found

    def sightings_by_row(
        self, pair: int, map: str, company: str, side: str, rows: Iterable[str]
    ) -> dict[str, Sighting]:
        wanted = set(rows)
        return {seen.row: seen for seen in self._seen(map, company, side) if seen.row in wanted}

    def sightings_by_match(
        self, pair: int, map: str, company: str, side: str, rule: int, values: Iterable[str]
    ) -> dict[str, list[Sighting]]:
        wanted = set(values)
        found: dict[str, list[Sighting]] = {}
        for seen in self._seen(map, company, side):
            if seen.match and seen.match[rule] in wanted:
                found.setdefault(str(seen.match[rule]), []).append(seen)
        return found

    def iterate_sightings(
        self,
        pair: int,
        map: str,
        company: str,
        side: str,
        *,
        after: int = 0,
        limit: int = 1000,
        unmatched: bool = False,
        verdict: str | None = None,
    ) -> list[Sighting]:
        return [
            seen
            for seen in self._seen(map, company, side)
            if seen.id > after and not (unmatched and seen.matched) and verdict in (None, seen.verdict)
        ][:limit]

    # lanes and layouts

    def lane(self, pair: int, map: str, company: str) -> LaneRecord:
        return self.t.lanes.get((map, company)) or LaneRecord(pair, map, company)

    def lanes(self, pair: int, maps: Collection[str] | None = None) -> list[LaneRecord]:
        return [self.t.lanes[at] for at in sorted(self.t.lanes) if maps is None or at[0] in maps]

    def layout_by_id(self, id: int) -> StoredLayout:
        return self.t.layouts[id]

    # inbox

    def take_inbox(
        self, pair: int, map: str, company: str, limit: int, *, newest: bool = False
    ) -> list[InboxEntry]:
        own = [e for e in self.t.inbox.values() if e.map == map and e.company == company]
        return sorted(own, key=lambda e: e.seq, reverse=newest)[:limit]

    def count_inbox(self, pair: int, map: str | None = None, company: str | None = None) -> int:
        return sum(map in (None, e.map) and company in (None, e.company) for e in self.t.inbox.values())

    def count_gone(self, pair: int, map: str, company: str) -> dict[str, int]:
        gone = [
            e.side
            for e in self.t.inbox.values()
            if (e.map, e.company) == (map, company) and e.kind in ("missing", "delete")
        ]
        return {side: gone.count(side) for side in gone}

    def lanes_with_inbox(self, pair: int) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for e in self.t.inbox.values():
            found[(e.map, e.company)] = found.get((e.map, e.company), 0) + 1
        return found

    def cursor(self, pair: int, side: str, table: str, feed: str = "") -> Cursor | None:
        return self.t.cursors.get((side, table, feed))

    def cursors(self, pair: int) -> list[Cursor]:
        return [self.t.cursors[at] for at in sorted(self.t.cursors)]

    def tables_with_events(self, pair: int) -> dict[tuple[str, str], tuple[int, datetime]]:
        return {}  # nothing tells this world of changes: its feeds are asked

    def take_events(self, *_: object) -> list[Any]:
        return []

    # parked and waiting

    def parked(
        self, pair: int, map: str | None = None, company: str | None = None, kind: str | None = None, **_: Any
    ) -> list[ParkedRow]:
        return [
            p
            for p in self.t.parked.values()
            if map in (None, p.map) and company in (None, p.company) and kind in (None, p.kind)
        ]

    def due_parked(self, pair: int, map: str, company: str, now: datetime) -> list[ParkedRow]:
        return [p for p in self.parked(pair, map, company) if p.next_at is not None and p.next_at <= now]

    def count_waiting(self, pair: int, map: str | None = None, company: str | None = None) -> int:
        return len({(w.map, w.company, w.side, w.row) for w in self.waiting(pair, map, company)})

    def waiting(self, pair: int, map: str | None = None, company: str | None = None) -> list[WaitingRow]:
        return [w for w in self.t.waiting.values() if map in (None, w.map) and company in (None, w.company)]

    def releasable(self, pair: int, map: str, company: str) -> list[WaitingRow]:
        there = {
            (link.table, link.company, link.key)
            for link in self.t.links.values()
            if link.state != "half" and link.dataverse_id is not None and link.fno_key is not None
        }
        return [
            w
            for w in self.waiting(pair, map, company)
            if (w.parent_table, w.parent_company, w.parent_key) in there
        ]

    def any_listed(self, pair: int, map: str, company: str) -> bool:
        return bool(self.parked(pair, map, company) or self.waiting(pair, map, company))

    # conflicts and history

    def conflicts(
        self, pair: int, map: str | None = None, company: str | None = None, **wanted: Any
    ) -> list[ConflictRecord]:
        return [
            c
            for c in sorted(self.t.conflicts.values(), key=lambda c: -c.id)
            if map in (None, c.map)
            and company in (None, c.company)
            and all(value is None or getattr(c, name) == value for name, value in wanted.items())
        ]

    def open_keys(self, pair: int, map: str, company: str) -> set[str]:
        return {c.key for c in self.conflicts(pair, map, company, status="open")}

    def choices(self, pair: int, map: str, company: str) -> list[ConflictRecord]:
        return [c for c in self.conflicts(pair, map, company, status="open") if c.choice]

    # deletes

    def deleted_since(self, pair: int, map: str, company: str | None, side: str, since: datetime) -> int:
        return sum(
            n
            for m, c, s, n, at in self.t.deleted.values()
            if m == map and company in (None, c) and s == side and at >= since
        )

    def approved(self, pair: int, map: str, company: str, side: str, now: datetime) -> float:
        other = {"fno": "dataverse", "dataverse": "fno"}[side]
        valid = [a for a in self._valid(map, company, now) if a.side == side]
        return max(
            (
                math.inf
                if a.count is None or a.at is None
                else a.count - self.deleted_since(pair, map, a.company, other, a.at)
                for a in valid
            ),
            default=0.0,
        )

    def released(self, pair: int, map: str, company: str, now: datetime) -> bool:
        return bool(self._valid(map, company, now))

    def _valid(self, map: str, company: str, now: datetime) -> list[Approval]:
        return [
            a
            for a in self.t.approvals.values()
            if a.map == map and a.company in (None, company) and a.until > now
        ]


class PlainTransaction(PlainReader):
    """Changes, by the names and promises of the real ones."""

    # links

    def insert_links(self, links: Sequence[Link]) -> list[int]:
        ids = []
        for link in links:
            self._unique(link)
            id_ = self.t.number("link")
            self.t.links[id_] = replace(link, id=id_)
            ids.append(id_)
        return ids

    def insert_half(
        self,
        pair: int,
        map: str,
        company: str,
        table_name: str,
        layout_id: int,
        rows: Sequence[tuple[str, Mapping[str, Any], str | None, str, bytes, Sequence[str]]],
    ) -> list[int]:
        return self.insert_links(
            [
                Link(
                    *(0, pair, map, company, table_name, key),
                    fno_key=address,
                    fno_row=record,
                    dataverse_id=id_,
                    intent_dataverse=intent,
                    key_text=spelled,
                    layout_id=layout_id,
                )
                for key, address, record, id_, intent, spelled in rows
            ]
        )

    def update_links(self, links: Sequence[Link]) -> None:
        for link in links:
            if link.id in self.t.links:
                self._unique(link)
                self.t.links[link.id] = link

    def patch_links(self, patches: Sequence[Mapping[str, Any]]) -> None:
        for patch in patches:
            if patch["id"] in self.t.links:
                link = replace(self.t.links[patch["id"]], **patch)
                self._unique(link)
                self.t.links[link.id] = link

    def confirm_created(self, created: Sequence[tuple[int, int]]) -> None:
        for id_, raw in created:
            if id_ in self.t.links:
                link = self.t.links[id_]
                self.t.links[id_] = replace(link, state="paired", base_fno=link.intent_dataverse, raw_fno=raw)

    def delete_links(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            self.t.links.pop(id_, None)

    def _unique(self, link: Link) -> None:
        if link.key is not None and any(
            other.id != link.id
            and (other.map, other.company, other.key) == (link.map, link.company, link.key)
            for other in self.t.links.values()
        ):
            raise RowError(f"the key {link.key!r} is linked already", code="duplicate_link")

    # sightings

    def put_sightings(self, sightings: Sequence[Sighting]) -> None:
        for seen in sightings:
            self.t.sightings[_row(seen)] = replace(seen, id=self.t.number("sighting"))

    def mark_matched(self, pair: int, map: str, company: str, side: str, rows: Iterable[str]) -> None:
        for row in rows:
            at = (map, company, side, row)
            if at in self.t.sightings:
                self.t.sightings[at] = replace(self.t.sightings[at], matched=True)

    def clear_sightings(self, pair: int, map: str, company: str, side: str | None = None) -> None:
        for at in list(self.t.sightings):
            if at[:2] == (map, company) and side in (None, at[2]):
                del self.t.sightings[at]

    # lanes and layouts

    def save_lane(self, record: LaneRecord) -> None:
        self.t.lanes[(record.map, record.company)] = replace(record, updated_at=self._now())

    def save_lane_state(self, pair: int, map: str, company: str, state: Any, reason: str = "") -> None:
        self.save_lane(replace(self.lane(pair, map, company), state=state, reason=reason))

    def knows_metadata(self, pair: int, side: str, table: str) -> bool:
        return True

    def keep_metadata(self, records: Iterable[object]) -> None:
        assert not list(records)

    def layout(self, pair: int, map: str, hash: str, pairs: Sequence[tuple[str, str]]) -> int:
        for layout in self.t.layouts.values():
            if (layout.map, layout.hash, layout.pairs) == (map, hash, tuple(pairs)):
                return layout.id
        id_ = self.t.number("layout")
        self.t.layouts[id_] = StoredLayout(id_, pair, map, hash, tuple(pairs), 1)
        return id_

    # inbox

    def put_inbox(self, entries: Sequence[InboxEntry]) -> None:
        for e in {_row(e): e for e in entries}.values():
            self.t.inbox[_row(e)] = replace(
                e, seq=self.t.number("notice"), noted_at=e.noted_at or self._now()
            )

    def drop_inbox(self, entries: Sequence[InboxEntry]) -> None:
        seqs = {e.seq for e in entries}
        for at in [at for at, e in self.t.inbox.items() if e.seq in seqs]:
            del self.t.inbox[at]

    def save_cursor(self, record: Cursor) -> None:
        self.t.cursors[(record.side, record.table, record.feed)] = record

    # parked and waiting

    def parked_among(
        self, pair: int, map: str, company: str, names: Iterable[tuple[str, str]]
    ) -> set[tuple[str, str]]:
        return {name for name in names if (map, company, *name) in self.t.parked}

    def park(self, rows: Sequence[ParkedRow]) -> None:
        now = self._now()
        for row in {_row(row): row for row in rows}.values():
            known = self.t.parked.get(_row(row))
            attempts = (known.attempts if known else 0) + 1
            next_at = row.next_at
            if next_at is None and row.kind in RETRIED:
                next_at = now + timedelta(seconds=RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1])
            self.t.parked[_row(row)] = replace(
                row,
                id=known.id if known else self.t.number("parked"),
                attempts=attempts,
                first_at=known.first_at if known else row.first_at or now,
                next_at=next_at,
            )

    def unpark(self, pair: int, map: str, company: str, names: Iterable[tuple[str, str]]) -> None:
        for side, row in names:
            self.t.parked.pop((map, company, side, row), None)

    def wait(self, rows: Sequence[WaitingRow]) -> None:
        for row in rows:
            self.t.waiting[tuple(vars_of(row))] = row

    def stop_waiting(self, pair: int, map: str, company: str, names: Iterable[tuple[str, str]]) -> None:
        wanted = set(names)
        for at, w in list(self.t.waiting.items()):
            if (w.map, w.company) == (map, company) and (w.side, w.row) in wanted:
                del self.t.waiting[at]

    # conflicts and history

    def record_conflicts(self, records: Sequence[ConflictRecord]) -> None:
        def row(c: ConflictRecord) -> tuple[Any, ...]:
            return c.map, c.company, c.key, c.kind, c.unit

        open_ = {row(c): c for c in self.t.conflicts.values() if c.status == "open"}
        for record in records:
            known = open_.pop(row(record), None)
            same = known and (known.fno_digest, known.dataverse_digest) == (
                record.fno_digest,
                record.dataverse_digest,
            )
            id_ = known.id if known else self.t.number("conflict")
            choice = known.choice if known and same else record.choice
            at = known.at if known and same else record.at or self._now()
            self.t.conflicts[id_] = replace(record, id=id_, choice=choice, at=at)

    def close_conflicts(self, ids: Iterable[int], *, winner: str = "") -> None:
        loser = {"fno": "dataverse", "dataverse": "fno"}.get(winner, "")
        for id_ in ids:
            if self.t.conflicts[id_].status == "open":
                self.t.conflicts[id_] = replace(
                    self.t.conflicts[id_], status="decided", winner=winner, loser=loser
                )

    def add_history(self, entries: Sequence[HistoryEntry]) -> None:
        return None

    def drop_events(self, events: Sequence[object]) -> None:
        assert not events

    # deletes

    def note_deleted(self, pair: int, map: str, company: str, side: str, count: int, at: datetime) -> None:
        self.t.deleted[self.t.number("deleted")] = (map, company, side, count, at)


def vars_of(record: Any) -> list[Any]:
    """Values of a record with slots."""
    return [getattr(record, name) for name in record.__dataclass_fields__]


class PlainStore:
    """The store.

    Attributes:
        effect: Called after each transaction is through; may raise to play a crash.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.tables = Tables()
        self._now = clock
        self._holders: dict[str, tuple[int, str]] = {}
        self._open = False
        self.effect: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Nothing to close."""

    def snapshot(self) -> Tables:
        """What is stored now."""
        return self.tables.copy()

    def restore(self, tables: Tables) -> None:
        """Go back to a snapshot; all leases are free."""
        self.tables = tables.copy()
        self.free()

    def free(self) -> None:
        """All leases run out: their holder died."""
        self._holders = {name: (epoch, "") for name, (epoch, _) in self._holders.items()}

    def pair(self, fno_environment: str, dataverse_environment: str) -> int:
        return PAIR

    def pairs(self) -> dict[int, tuple[str, str]]:
        return {PAIR: ("fno", "dataverse")}

    def secret(self, pair: int) -> str:
        return SECRET

    def acquire(self, pair: int, name: str, owner: str, seconds: float) -> Lease:
        epoch, holder = self._holders.get(name, (0, ""))
        if holder:
            raise LeaseHeld(f"{name} is held by {holder}", code="lease_held")
        self._holders[name] = (epoch + 1, owner)
        return Lease(pair, name, epoch + 1, owner, seconds, FAR, FAR)

    def renew(self, *held: Lease) -> None:
        for lease in held:
            self._check(lease)

    def release(self, lease: Lease) -> None:
        if self._holders.get(lease.name) == (lease.epoch, lease.owner):
            self._holders[lease.name] = (lease.epoch, "")

    def requested(self, lease: Lease) -> str | None:
        return None

    def _check(self, lease: Lease) -> None:
        if self._holders.get(lease.name) != (lease.epoch, lease.owner):
            raise LeaseLost(f"the lease {lease.name} is lost", code="lease_lost")

    @contextmanager
    def read(self) -> Iterator[PlainReader]:
        yield PlainReader(self.tables, self._now)

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[PlainTransaction]:
        self._check(lease)
        with self.unfenced() as tx:
            yield tx

    @contextmanager
    def unfenced(self) -> Iterator[PlainTransaction]:
        assert not self._open, "a state transaction is open already"
        before = self.tables.copy()
        self._open = True
        try:
            yield PlainTransaction(self.tables, self._now)
        except BaseException:
            self.tables = before
            raise
        finally:
            self._open = False
        self.effect()
