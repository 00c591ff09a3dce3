"""Plan: what an initial sync or a delta would do, found out by doing it with both systems' writes left out.

The same engine works on the same rows, in a copy of the state and against systems that only pretend to be written. So the plan
is not a model of the run but the run itself, up to what only the services know: their refusals, defaults and numbers.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mappings.metadata import SideName
from mappings.model import Map
from tasks.state.copying import copy_pair
from tasks.state.records import ConflictRecord, ParkedRow, WaitingRow
from tasks.state.store import Store
from tasks.sync.companies import Companies
from tasks.sync.lane import Counts
from tasks.sync.pretending import Pretended, PretendedSide
from tasks.sync.session import Session
from tasks.sync.work import LaneSummary, delta_sync, initial_sync, poll, settle
from tasks.transform.digests import shown_key

What = Literal["initial", "delta"]
LISTED = 100_000
"""Writes that a plan lists by name; all are counted."""
NOT_TAKEN = ("duplicate", "key_taken", "ambiguous", "claimed")
"""Codes of rows of which it isn't clear which belong together."""


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


@dataclass
class Plan:
    """What a run would do.

    Attributes:
        writes: by name, as many as were asked for; `total_writes` are all.
        unclear: parked rows of which it isn't clear which belong together: duplicates, keys claimed twice.
        requests: side → requests, reads as they were made and writes as they would be.
        operations: side → rows written, as a day's entitlement counts them.
        seconds: that the rehearsal took; the run takes that and its writes.
    """

    what: What
    lanes: list[PlannedLane] = field(default_factory=list)
    writes: list[PlannedWrite] = field(default_factory=list)
    total_writes: int = 0
    parked: list[ParkedRow] = field(default_factory=list)
    unclear: list[ParkedRow] = field(default_factory=list)
    waiting: list[WaitingRow] = field(default_factory=list)
    conflicts: list[ConflictRecord] = field(default_factory=list)
    requests: dict[SideName, int] = field(default_factory=dict)
    operations: dict[SideName, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def findings(self) -> int:
        """Rows about which a person should think before the run."""
        open_ = sum(each.status == "open" for each in self.conflicts)
        return len(self.parked) + len(self.unclear) + len(self.waiting) + open_

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


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
        what: an initial sync (which also resumes one that was interrupted), or a delta.
        mode: of the initial sync.
        listed: how many writes to list by name.
    """
    started = time.perf_counter()
    before = session.requests()
    with _rehearsed(session) as (copy, sides):
        summaries = _initial(copy, sides, maps, companies, mode) if what == "initial" else []
        if what == "delta":
            poll(copy, maps, companies)
        if mode != "link":
            summaries += _settle(copy, sides, maps, companies)
        found = Plan(what)
        found.lanes = _lanes(summaries, sides)
        _look_up(found, copy, sides, listed)
    for side in sides:
        reads = _requests(session.requests(), side.name) - _requests(before, side.name)
        found.requests[side.name] = reads + side.requests_saved
        found.operations[side.name] = len(side.written)
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


def _initial(
    session: Session,
    sides: Sequence[PretendedSide],
    maps: Sequence[Map],
    companies: Sequence[str] | None,
    mode: str | None,
) -> list[LaneSummary]:
    done = []
    for sync in maps:
        for company in session.companies_of(sync, companies):
            _works(sides, sync.name, company)
            done += initial_sync(session, sync.name, [company] if company else None, mode=mode)
    return done


def _settle(
    session: Session, sides: Sequence[PretendedSide], maps: Sequence[Map], companies: Sequence[str] | None
) -> list[LaneSummary]:
    """Work off what waits, as the flow does it."""
    done: list[LaneSummary] = []

    def work(busy: Sequence[str]) -> set[str]:
        found: list[LaneSummary] = []
        for name in busy:
            for company in session.companies_of(session.catalogue.get(name), companies):
                _works(sides, name, company)
                found += delta_sync(session, name, [company] if company else None)
        done.extend(found)
        return {each.map for each in found if each.verdict != "ok"}

    settle(session, [sync.name for sync in maps], companies, work)
    return done


def _works(sides: Sequence[PretendedSide], name: str, company: str) -> None:
    for side in sides:
        side.lane = (name, company)


def _lanes(summaries: Sequence[LaneSummary], sides: Sequence[PretendedSide]) -> list[PlannedLane]:
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
        values |= {"map": lane[0], "company": lane[1]}
        values |= {"verdict": ended[lane].verdict, "message": ended[lane].message}
        out.append(PlannedLane(**values))
    return out


def _look_up(found: Plan, copy: Session, sides: Sequence[PretendedSide], listed: int) -> None:
    """What the copy of the state holds after the rehearsal."""
    found.total_writes = sum(len(side.written) for side in sides)
    with copy.store.read() as state:
        touched = {(lane.map, lane.company) for lane in found.lanes}
        for map_, company in touched:
            parked = state.parked(copy.pair, map_, company)
            found.unclear += [each for each in parked if each.code in NOT_TAKEN]
            found.parked += [each for each in parked if each.code not in NOT_TAKEN]
            found.waiting += state.waiting(copy.pair, map_, company)
            found.conflicts += state.conflicts(copy.pair, map_, company)
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


def _requests(counted: dict[SideName, dict[str, int]], side: SideName) -> int:
    kinds = ("page", "read", "find", "feed", "batch", "bulk")
    return sum(int(counted.get(side, {}).get(kind, 0)) for kind in kinds)
