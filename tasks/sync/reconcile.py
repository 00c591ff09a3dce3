"""Reconcile: what both systems hold, compared afresh row by row and field by field, and put right by the maps' own rules.

Rows change while two big tables are read, so every difference is looked at once more before it counts: what both sides agree on
by then was on its way. A repair does no more than name the rows that are listed to the engine, which decides about them as it
does about any change: by bases, policy, evidence and brake.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mappings.errors import DualflowError
from tasks.state.leases import Lease
from tasks.state.records import InboxEntry
from tasks.sync.delta import drain, halted
from tasks.sync.diff import at_odds
from tasks.sync.engine import Engine
from tasks.sync.feed_fno import name_moved
from tasks.sync.feeds import LINK, entry, link_name
from tasks.sync.finding import observer
from tasks.sync.gather import gather
from tasks.sync.lane import Lane
from tasks.sync.listed import Fate, Listed, listing
from tasks.sync.session import Session
from tasks.sync.verify import Difference, Verification, compare_lane
from tasks.sync.work import delta_sync, settle

FOUND: tuple[Fate, ...] = ("found",)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found in one map and company; numbers of rows.

    Attributes:
        rows: on both sides under one key.
        passing: differences that were gone when looked at again.
        repaired: differences that the repair settled; `left`: those that it did not, each parked, held or in conflict.
        message: why the lane could not be compared or repaired; "" if all is well.
    """

    map: str
    company: str
    rows: int = 0
    different: int = 0
    missing_in_dataverse: int = 0
    missing_in_fno: int = 0
    duplicate: int = 0
    normalized: int = 0
    orphans: int = 0
    out_of_scope: int = 0
    passing: int = 0
    repaired: int = 0
    left: int = 0
    seconds: float = 0.0
    message: str = ""

    @property
    def differences(self) -> int:
        """Rows that differ, miss their counterpart or are double."""
        return self.different + self.missing_in_dataverse + self.missing_in_fno + self.duplicate


@dataclass
class Reconciliation:
    """What a comparison found, lane by lane; `details` are the first differences with what became of them."""

    lanes: list[Compared] = field(default_factory=list)
    details: list[tuple[Difference, Fate]] = field(default_factory=list)
    repair: bool = False

    @property
    def differences(self) -> int:
        """All that were found."""
        return sum(lane.differences for lane in self.lanes)

    @property
    def open(self) -> int:
        """Those that are still there."""
        return sum(lane.left if self.repair and not lane.message else lane.differences for lane in self.lanes)

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**asdict(self), "differences": self.differences, "open": self.open}


def reconcile(
    session: Session,
    maps: Sequence[str] | None = None,
    companies: Sequence[str] | None = None,
    *,
    repair: bool = False,
    limit: int = 1000,
    run: int | None = None,
) -> Reconciliation:
    """Compare both systems, and put right what differs if asked to.

    Args:
        maps: map names; all that the settings name, if None.
        companies: codes; all in scope, if None.
        repair: apply each map's policy to exactly the rows listed.
        limit: how many differences to list by name; all are counted.
        run: number of the run, for history.
    """
    if any(sync.company_specific for sync in session.selected(maps)):
        session.companies.refresh()
    chosen = [sync for sync in session.selected(maps) if sync.initial]
    found = Reconciliation(repair=repair)
    with listing() as listed:
        lanes = [(sync, company) for sync in chosen for company in session.companies_of(sync, companies)]
        begun: list[tuple[Compared, Lane]] = []
        for sync, company in lanes:
            try:
                lane = session.lane(sync, company, run)
                begun.append((_compare(session, lane, listed, repair=repair), lane))
            except DualflowError as error:
                found.lanes.append(Compared(sync.name, company, message=str(error)))
        if repair:
            _work_off(session, [sync.name for sync in chosen], companies, run)
            begun = [(_look_again(each, lane, listed), lane) for each, lane in begun]
        found.lanes += [each for each, _ in begun]
        found.details = listed.details(limit, ("found", "repaired", "left"))
    return found


def _compare(session: Session, lane: Lane, listed: Listed, *, repair: bool) -> Compared:
    started = time.perf_counter()
    counted = Verification()
    page: list[Difference] = []

    def note(difference: Difference) -> None:
        page.append(difference)
        if len(page) >= lane.settings.page_size:
            listed.add(page)
            page.clear()

    compare_lane(lane, counted, note)
    listed.add(page)
    place = (lane.map.name, lane.company)
    engine = observer(lane)
    for batch in listed.pages(lane.settings.page_size, *place, FOUND):
        looked = _look(engine, batch)
        listed.settle(looked.agreed, "passing")
        listed.correct(looked.doubles)
    message = ""
    if repair and any(fate == "found" for _, fate in listed.count(*place)):
        message = _refused(lane)
        if not message:
            with session.leased(lane.name, wait=session.settings.lease_seconds) as lease:
                _repair(lane, lease, listed)
    kinds = listed.count(*place)
    return Compared(
        *place,
        rows=counted.rows_compared,
        different=kinds.get(("different", "found"), 0),
        missing_in_dataverse=kinds.get(("missing_in_dataverse", "found"), 0),
        missing_in_fno=kinds.get(("missing_in_fno", "found"), 0),
        duplicate=kinds.get(("duplicate", "found"), 0),
        normalized=counted.normalized,
        orphans=counted.orphans,
        out_of_scope=counted.out_of_scope,
        passing=sum(number for (_, fate), number in kinds.items() if fate == "passing"),
        seconds=round(time.perf_counter() - started, 3),
        message=message,
    )


def _refused(lane: Lane) -> str:
    """Why a lane can't be repaired now."""
    with lane.store.read() as state:
        record = state.lane(lane.pair, lane.map.name, lane.company)
    if record.initial != "done":
        return "not repaired: its initial sync isn't done → dualflow sync initial"
    if halted(record):
        return f"not repaired: it is {record.state}: {record.reason}".rstrip(": ")
    return ""


def _repair(lane: Lane, lease: Lease, listed: Listed) -> None:
    """Name the listed rows to the engine, and let it work them off."""
    for batch in listed.pages(lane.settings.page_size, lane.map.name, lane.company, FOUND):
        named = [each for own in _entries(lane, [difference for _, difference in batch]) for each in own]
        named = _without_moved(lane, lease, named)
        with lane.store.transaction(lease) as tx:
            tx.put_inbox(named)
        lane.store.renew(lease)
    drain(lane, lease)


def _without_moved(lane: Lane, lease: Lease, named: Sequence[InboxEntry]) -> list[InboxEntry]:
    """The entries without those of rows that are not gone but have another key by now; these are named by that one."""
    numbers = [int(each.row.removeprefix(LINK)) for each in named if each.kind == "missing"]
    if not numbers:
        return list(named)
    with lane.store.read() as state:
        links = state.links_of(numbers)
    gone = {link_name(link) for _, left in name_moved([(lane, links)], lease) for link in left}
    return [each for each in named if each.kind != "missing" or each.row in gone]


def _work_off(
    session: Session, maps: Collection[str], companies: Sequence[str] | None, run: int | None
) -> None:
    """Let the rows go on that waited for what was repaired."""

    def work(busy: Sequence[str]) -> Sequence[str]:
        written = sum(each.written for name in busy for each in delta_sync(session, name, companies, run=run))
        return () if written else busy

    settle(session, [sync.name for sync in session.selected() if sync.name in maps], companies, work)


def _look_again(before: Compared, lane: Lane, listed: Listed) -> Compared:
    """Which of the listed differences are gone."""
    if before.message:
        return before
    place = (lane.map.name, lane.company)
    engine = observer(lane)
    for batch in listed.pages(lane.settings.page_size, *place, FOUND):
        agreed = _look(engine, batch).agreed
        listed.settle(agreed, "repaired")
        listed.settle({number for number, _ in batch} - agreed, "left")
    kinds = listed.count(*place)
    of_fate = {
        fate: sum(number for (_, of), number in kinds.items() if of == fate) for fate in ("repaired", "left")
    }
    return replace(before, repaired=of_fate["repaired"], left=of_fate["left"])


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a second look at differences found, by their numbers.

    Attributes:
        agreed: those that aren't there any more.
        doubles: those that are another row with a key which belongs to a row that is paired.
    """

    agreed: set[int]
    doubles: dict[int, Difference]


def _look(engine: Engine, batch: Sequence[tuple[int, Difference]]) -> _Looked:
    """Read both systems once more, row by row."""
    lane = engine.lane
    listed = dict(batch)
    doubtful: set[int] = set()
    doubles: dict[int, Difference] = {}
    of_name: dict[tuple[str, str], int] = {}
    named: dict[tuple[str, str], InboxEntry] = {}
    entries = _entries(lane, [difference for _, difference in batch])
    for (number, _), own in zip(batch, entries, strict=True):
        for each in own:
            of_name[(each.side, each.row)], named[(each.side, each.row)] = number, each
    cases, _ = gather(engine, list(named.values()))
    comparison = engine.comparer.compare(cases)
    for i, case in enumerate(cases):
        both = case.fno is not None and case.dataverse is not None
        outside = (case.fno is None or not comparison.in_fno[i]) and (
            case.dataverse is None or not comparison.in_dataverse[i]
        )
        same = both and not case.disputed and bool((comparison.fno[i] == comparison.dataverse[i]).all())
        bases = comparison.base_fno[i], comparison.base_dataverse[i]
        known = both and not at_odds(comparison.fno[i], comparison.dataverse[i], *bases).any()
        # what left the filter is let go by the map's own rule, and no difference
        let_go = case.link is not None and case.link.state == "detached"
        if not (same or outside or known or let_go):
            numbers = {of_name[(each.side, each.row)] for each in case.entries}
            doubtful |= numbers
            if case.rival:
                doubles.update(
                    {number: replace(listed[number], kind="duplicate", fields=()) for number in numbers}
                )
    return _Looked(set(listed) - doubtful, doubles)


def _entries(lane: Lane, page: Sequence[Difference]) -> list[list[InboxEntry]]:
    """How the rows of each difference are named to the engine: as a scan would, which has read both tables to their ends."""
    alone = [each.dataverse for each in page if each.kind == "missing_in_fno"]
    with lane.store.read() as state:
        links = state.links_by_id(lane.pair, lane.map.name, lane.company, alone)
    out = []
    for each in page:
        named = []
        if each.fno:
            named.append(entry(lane, "fno", each.fno, "upsert"))
        link = links.get(each.dataverse) if each.kind == "missing_in_fno" else None
        if link is not None and link.fno_key is not None:
            named.append(entry(lane, "fno", link_name(link), "missing"))
        elif each.dataverse:
            named.append(entry(lane, "dataverse", each.dataverse, "upsert"))
        out.append(named)
    return out
