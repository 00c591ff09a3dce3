"""Plan: what an initial sync, a delta, a resume or a repair would do, found out by doing it with both systems' writes left out.

The same engine works on the same rows, in a copy of the state and against systems that only pretend to be written. So the plan
is not a model of the run but the run itself, up to what only the services know: their refusals, defaults and numbers.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mappings.metadata import SideName
from mappings.model import Map
from tasks.state.copying import copy_pair
from tasks.state.records import ConflictRecord, ParkedRow, WaitingRow
from tasks.state.store import Store
from tasks.sync.budget import Limits, standing
from tasks.sync.companies import Companies
from tasks.sync.control import resume
from tasks.sync.cost import Cost, Pace, cost, count_operations, count_requests, duration, pace
from tasks.sync.lane import Counts
from tasks.sync.plan_findings import NOT_TAKEN, Finding, findings
from tasks.sync.pretending import Pretended, PretendedSide
from tasks.sync.proposals import Ownerless, Proposal, ownerless, proposals
from tasks.sync.reconcile import Compared, reconcile
from tasks.sync.session import Session
from tasks.sync.work import LaneSummary, delta_sync, initial_sync, poll, settle
from tasks.transform.digests import shown_key

What = Literal["initial", "delta", "resume", "repair"]
LISTED = 100_000
"""Writes that a plan lists by name; all are counted."""


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write.

    Attributes:
        key: the row's integration key as people read it, or its identity where it has none.
        fields: properties or columns that it carries; of a create all of the row.
    """

    map: str
    company: str
    side: SideName
    table: str
    kind: str
    row: str
    key: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedLane:
    """What a run would do in one map and company; numbers of rows.

    Attributes:
        verdict, message: how the run would end there.
        paired: rows of both sides that would be connected.
        requests_fno, requests_dataverse: reads as they were made, and writes as they would be; asking feeds is nobody's alone.
    """

    map: str
    company: str
    verdict: str
    message: str
    read_fno: int = 0
    read_dataverse: int = 0
    create_fno: int = 0
    create_dataverse: int = 0
    update_fno: int = 0
    update_dataverse: int = 0
    delete_fno: int = 0
    delete_dataverse: int = 0
    paired: int = 0
    equal: int = 0
    no_base: int = 0
    conflicts: int = 0
    drift: int = 0
    waiting: int = 0
    parked: int = 0
    held: int = 0
    out_of_scope: int = 0
    requests_fno: int = 0
    requests_dataverse: int = 0


@dataclass
class Plan:
    """What a run would do.

    Attributes:
        writes: by name, as many as were asked for; `total_writes` are all.
        unclear: parked rows of which it isn't clear which belong together: duplicates, keys claimed twice.
        pairings: rows that no key, or no company, holds together, and that would be paired.
        lookalikes: rows that would be made in Dataverse, although rows without a key hold the same there: maybe made twice.
        ownerless: rows of Dataverse that would still name no company, so nothing is done about them.
        costs: what each side is asked for, against what is left of its limits.
        seconds: that the rehearsal took.
        duration: seconds that the run takes, about; `pace` says what that rests on.
        quickest: the same if writing took no longer than rehearsing it; less than `duration` where the pace is assumed.
    """

    what: What
    lanes: list[PlannedLane] = field(default_factory=list)
    writes: list[PlannedWrite] = field(default_factory=list)
    total_writes: int = 0
    parked: list[ParkedRow] = field(default_factory=list)
    unclear: list[ParkedRow] = field(default_factory=list)
    waiting: list[WaitingRow] = field(default_factory=list)
    conflicts: list[ConflictRecord] = field(default_factory=list)
    pairings: list[Proposal] = field(default_factory=list)
    lookalikes: list[Proposal] = field(default_factory=list)
    ownerless: list[Ownerless] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    seconds: float = 0.0
    duration: float = 0.0
    quickest: float = 0.0
    pace: Pace = field(default_factory=Pace)

    @property
    def findings(self) -> list[Finding]:
        """Rows about which a person should think before the run."""
        return findings(
            (*self.unclear, *self.parked), self.lookalikes, self.ownerless, self.waiting, self.conflicts
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**asdict(self), "findings": [asdict(each) for each in self.findings]}


def plan(
    session: Session,
    maps: Sequence[Map],
    companies: Sequence[str] | None = None,
    *,
    what: What = "initial",
    mode: str | None = None,
    listed: int = LISTED,
) -> Plan:
    """Rehearse a run; both systems are read, nothing is written to them or to the state.

    Args:
        maps: in the order of a run.
        what: an initial sync (which also goes on with one that was interrupted), a delta, the delta after paused maps are
            resumed, or a repair of what a comparison finds.
        mode: of the initial sync.
        listed: how many writes to list by name.
    """
    started = time.perf_counter()
    before = session.requests()
    found = Plan(what)
    with _rehearsed(session) as (copy, sides):
        past = _Past.of(copy)
        work = _Work(copy, sides)
        if what == "initial":
            summaries = work.initial(maps, companies, mode)
        elif what == "repair":
            summaries = work.repair(maps, companies)
        else:
            maps, summaries = work.resume(maps, companies) if what == "resume" else (maps, [])
            poll(copy, maps, companies)
        if mode != "link":
            summaries += work.settle(maps, companies)
        reading, read = time.perf_counter() - started, session.requests()
        found.lanes = _lanes(summaries, sides, work.requests)
        _look_up(found, copy, sides, listed, past)
        found.pairings, found.lookalikes = (proposals(copy, noted, maps) for noted in ("pair", "lookalike"))
        if what == "initial":
            found.ownerless = ownerless(copy, maps, companies)
    limits, now = Limits.of(session.settings), session.seams.now().timestamp()
    for side in sides:
        used = standing(session.store, session.pair, side.name, limits, now)
        reads, single = (
            count(read, side.name) - count(before, side.name) for count in (count_requests, count_operations)
        )
        saved, rows = side.requests_saved, len(side.written)
        found.costs.append(cost(side.name, reads, single, saved, rows, used, loads=what == "initial"))
    found.pace = pace(session.store, session.pair)
    found.duration = round(duration(found.costs, reading, found.pace), 1)
    found.quickest = found.duration
    if found.pace.run is None:
        found.quickest = round(max([reading, *(each.held_up for each in found.costs)]), 1)
    found.seconds = round(time.perf_counter() - started, 3)
    return found


@contextmanager
def _rehearsed(session: Session) -> Iterator[tuple[Session, tuple[PretendedSide, PretendedSide]]]:
    """A session like the given one whose writes go nowhere."""
    sides = PretendedSide(session.fno), PretendedSide(session.dataverse)
    with (
        tempfile.TemporaryDirectory(prefix="dualflow-plan-") as folder,
        Store.open(f"sqlite:///{Path(folder) / 'state.db'}", clock=session.seams.now) as store,
    ):
        copy_pair(session.store, store, session.pair)
        copy = Session(
            settings=session.settings,
            seams=session.seams,
            catalogue=session.catalogue,
            fno=sides[0],
            dataverse=sides[1],
            store=store,
            pair=session.pair,
            secret=session.secret,
            companies=Companies(sides[1]),
        )
        yield copy, sides


class _Work:
    """The steps of a rehearsal, lane by lane.

    Attributes:
        requests: (map, company) → side → requests that its work took, or would take.
    """

    def __init__(self, session: Session, sides: Sequence[PretendedSide]) -> None:
        self._session = session
        self._sides = sides
        self.requests: dict[tuple[str, str], Counter[SideName]] = {}

    def initial(
        self, maps: Sequence[Map], companies: Sequence[str] | None, mode: str | None
    ) -> list[LaneSummary]:
        """Connect lane by lane, parents first."""
        done = []
        for sync in maps:
            for company in self._session.companies_of(sync, companies):
                with self._at(sync.name, company):
                    done += initial_sync(self._session, sync.name, [company] if company else None, mode=mode)
        return done

    def resume(
        self, maps: Sequence[Map], companies: Sequence[str] | None
    ) -> tuple[list[Map], list[LaneSummary]]:
        """Let those that are paused go on; says which maps these are. Initial syncs among them are gone on with."""
        with self._session.store.read() as state:
            known = {
                (lane.map, lane.company): lane
                for lane in state.lanes(self._session.pair, [sync.name for sync in maps])
                if lane.state == "paused"
            }
        chosen = [
            (sync, lane)
            for sync in maps
            for company in self._session.companies_of(sync, companies)
            if (lane := known.get((sync.name, company))) is not None
        ]
        resume(self._session.store, [lane for _, lane in chosen])
        done: list[LaneSummary] = []
        for sync, lane in chosen:
            if lane.initial != "done":
                done += self.initial([sync], [lane.company] if lane.company else None, None)
        return list({sync.name: sync for sync, _ in chosen}.values()), done

    def repair(self, maps: Sequence[Map], companies: Sequence[str] | None) -> list[LaneSummary]:
        """Compare lane by lane, and put right what differs."""
        done = []
        for sync in maps:
            for company in self._session.companies_of(sync, companies) if sync.initial else ():
                with self._at(sync.name, company):
                    given = [company] if company else None
                    found = reconcile(self._session, [sync.name], given, repair=True, limit=0)
                done += [self._repaired(each) for each in found.lanes]
        return done

    def _repaired(self, each: Compared) -> LaneSummary:
        with self._session.store.read() as state:
            parked = state.count_parked(self._session.pair, each.map, each.company)
            waiting = state.count_waiting(self._session.pair, each.map, each.company)
        counts = Counts(equal=each.rows - each.different, parked=parked, waiting=waiting)
        return LaneSummary(
            each.map, each.company, "failed" if each.message else "ok", each.message, asdict(counts)
        )

    def settle(self, maps: Sequence[Map], companies: Sequence[str] | None) -> list[LaneSummary]:
        """Work off what waits, as the flow does it."""
        done: list[LaneSummary] = []

        def work(busy: Sequence[str]) -> set[str]:
            found: list[LaneSummary] = []
            for name in busy:
                for company in self._session.companies_of(self._session.catalogue.get(name), companies):
                    with self._at(name, company):
                        found += delta_sync(self._session, name, [company] if company else None)
            done.extend(found)
            return {each.map for each in found if each.verdict != "ok"}

        settle(self._session, [sync.name for sync in maps], companies, work)
        return done

    @contextmanager
    def _at(self, name: str, company: str) -> Iterator[None]:
        for side in self._sides:
            side.lane = (name, company)
        before = self._asked()
        yield
        self.requests.setdefault((name, company), Counter()).update(self._asked() - before)

    def _asked(self) -> Counter[SideName]:
        counted = self._session.requests()
        return Counter(
            {side.name: count_requests(counted, side.name) + side.requests_saved for side in self._sides}
        )


@dataclass(frozen=True, slots=True)
class _Past:
    """Conflicts on record before a rehearsal: the number of the last, and of those that wait for a person."""

    last: int
    waiting: frozenset[int]

    @classmethod
    def of(cls, session: Session) -> _Past:
        with session.store.read() as state:
            newest = state.conflicts(session.pair, limit=1)
            waiting = state.conflicts(session.pair, status="open")
        return cls(newest[0].id if newest else 0, frozenset(each.id for each in waiting))

    def without(self, conflicts: Sequence[ConflictRecord]) -> list[ConflictRecord]:
        """Those that are the rehearsal's: what was decided before is over."""
        return [each for each in conflicts if each.id > self.last or each.id in self.waiting]


def _lanes(
    summaries: Sequence[LaneSummary],
    sides: Sequence[PretendedSide],
    requests: Mapping[tuple[str, str], Mapping[SideName, int]],
) -> list[PlannedLane]:
    counts: dict[tuple[str, str], Counts] = {}
    ended: dict[tuple[str, str], LaneSummary] = {}
    for each in summaries:
        lane = (each.map, each.company)
        counts.setdefault(lane, Counts()).add(Counts(**each.counts))  # type: ignore[arg-type]
        if lane not in ended or each.verdict != "ok":
            ended[lane] = each
    writes = Counter((write.lane, f"{write.kind}_{side.name}") for side in sides for write in side.written)
    out = []
    for lane, own in counts.items():
        planned = {
            name: writes[(lane, name)]
            for kind in ("create", "update", "delete")
            for name in (f"{kind}_fno", f"{kind}_dataverse")
        }
        told = "read_fno read_dataverse paired equal no_base conflicts drift waiting parked held out_of_scope"
        values: dict[str, Any] = {name: int(getattr(own, name)) for name in told.split()}
        values |= planned
        values |= {f"requests_{side.name}": requests.get(lane, {}).get(side.name, 0) for side in sides}
        values |= {"map": lane[0], "company": lane[1]}
        values |= {"verdict": ended[lane].verdict, "message": ended[lane].message}
        out.append(PlannedLane(**values))
    return out


def _look_up(found: Plan, copy: Session, sides: Sequence[PretendedSide], listed: int, past: _Past) -> None:
    """What the copy of the state holds after the rehearsal."""
    found.total_writes = sum(len(side.written) for side in sides)
    with copy.store.read() as state:
        touched = {(lane.map, lane.company) for lane in found.lanes}
        for map_, company in touched:
            parked = state.parked(copy.pair, map_, company)
            found.unclear += [each for each in parked if each.code in NOT_TAKEN]
            found.parked += [each for each in parked if each.code not in NOT_TAKEN]
            found.waiting += state.waiting(copy.pair, map_, company)
            found.conflicts += past.without(state.conflicts(copy.pair, map_, company))
        keys: dict[tuple[str, str, str], str] = {}
        for side in sides:
            of_lane: dict[tuple[str, str], list[Pretended]] = {}
            for write in side.written[:listed]:
                of_lane.setdefault(write.lane, []).append(write)
            for (map_, company), writes in of_lane.items():
                if side.name == "dataverse":
                    links = state.links_by_id(copy.pair, map_, company, [write.row for write in writes])
                    for id_, link in links.items():
                        keys[(map_, company, id_)] = shown_key(link.key) if link.key else ""
    for side in sides:
        for write in side.written[:listed]:
            key = keys.get((*write.lane, write.row), "") or write.key
            found.writes.append(
                PlannedWrite(*write.lane, side.name, write.table, write.kind, write.row, key, write.fields)
            )
