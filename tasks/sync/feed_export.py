"""F&O's exports: Data Management hands out the rows that changed since the export before.

An export takes minutes, so that a poll never waits for one: it starts it, or picks up one that has ended. Which one is under way is
noted before it is started; one that failed or got lost is made up for by a scan. Exports know no deletes: a scan on a timer finds
them.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from mappings.errors import FatalError, RetriableError
from tasks.connectors.packages import Exports
from tasks.state.leases import Lease
from tasks.state.records import Cursor
from tasks.state.store import Transaction
from tasks.sync.feeds import Poll
from tasks.sync.fno_names import Named, route
from tasks.sync.fno_told import Told, compare_late, forgotten, told_of
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.scans import want_scan
from tasks.sync.session import Session

log = logging.getLogger("dualflow.feeds")

FEED = "export"
PATIENCE = timedelta(hours=6)
"""How long an export may run; packages are kept for a week."""
NAMES_AT_A_TIME = 1000
TEXTS = frozenset({"text", "memo", "integer", "bigint"})
"""Kinds of properties whose values a package holds as F&O spells them."""


class Running(msgspec.Struct):
    """An export under way.

    Attributes:
        first: the first one of its company: it holds every row, and is followed by a scan instead of being read.
    """

    execution: str
    since: datetime
    first: bool = False


class Place(msgspec.Struct):
    """What the cursor's token says: exports under way by company, and companies whose first one has ended."""

    running: dict[str, Running] = msgspec.field(default_factory=dict)
    begun: list[str] = msgspec.field(default_factory=list)


def poll_export(session: Session, table: str, maps: Sequence[str], project: str, lease: Lease) -> list[Poll]:
    """Pick up the exports of an entity set that have ended, and start the next ones.

    Args:
        project: name of the export project.
    """
    side = session.fno
    if not isinstance(side, Exports):
        raise FatalError("this F&O has no Data Management", code="no_exports")
    told, cursor = told_of(session, table, maps, FEED)
    if not told.lanes:
        return [Poll(table, FEED, errors=told.errors)] if told.errors else []
    if cursor is None or cursor.token is None:
        told = forgotten(told)
    place = msgspec.json.decode(cursor.token, type=Place) if cursor and cursor.token else Place()
    poll = Poll(table, FEED, errors=list(told.errors))
    exporting = _Exporting(session, told, place, project, lease, side)
    for company in exporting.companies:
        exporting.pick_up(company, poll)
        exporting.start(company)
    polls = [poll]
    # a lane is compared once the exports of its company tell of what comes after
    told.late = [lane for lane in told.late if exporting.company_of(lane) in place.begun]
    polls += compare_late(told, lease)
    waiting = {lane.name for lane in told.lanes if exporting.company_of(lane) not in place.begun}
    told.lanes, told.late = [lane for lane in told.lanes if lane.name not in waiting], []
    exporting.save()
    return polls


class _Exporting:
    """The exports of one entity set."""

    def __init__(
        self, session: Session, told: Told, place: Place, project: str, lease: Lease, side: Exports
    ) -> None:
        self._session, self._told, self._place = session, told, place
        self._project, self._lease, self._side = project, lease, side
        self.companies = list(dict.fromkeys(self.company_of(lane) for lane in told.lanes))

    def company_of(self, lane: Lane) -> str:
        """The company in which a lane's rows are exported: any, where they belong to none."""
        companies = self._session.settings.companies
        return lane.company or (companies[0] if companies else "")

    def start(self, company: str) -> None:
        """Start an export, noted before it is: a second one would not hold the first one's rows."""
        if company in self._place.running:
            return
        execution = str(uuid.uuid4())
        now = self._session.seams.now()
        self._place.running[company] = Running(execution, now, company not in self._place.begun)
        self.save()
        self._session.seams.failpoint("polled")
        taken = self._side.export(self._project, company, execution)
        if taken != execution:
            self._place.running[company].execution = taken
            self.save()

    def pick_up(self, company: str, poll: Poll) -> None:
        """Name what an export holds, if it has ended."""
        running = self._place.running.get(company)
        if running is None:
            return
        standing = self._side.exported(running.execution)
        overdue = self._session.seams.now() - running.since > PATIENCE
        if standing == "running" and not overdue:
            return
        if standing == "done" and running.first:
            self._place.begun.append(company)
        elif standing == "done":
            try:
                self._read(company, running, poll)
            except RetriableError:
                if not overdue:
                    raise
                standing = "failed"  # packages are thrown away after some days
        if standing != "done":
            log.warning("export lost", extra={"table": self._told.table, "standing": standing})
            poll.expired = True
        del self._place.running[company]
        self.save(wanted=standing != "done")

    def _read(self, company: str, running: Running, poll: Poll) -> None:
        lanes = [lane for lane in self._told.lanes if self.company_of(lane) == company]
        rows = iter(self._side.package(running.execution, self._session.settings.export_hosts))
        while block := list(islice(_named(lanes[0], company, rows), NAMES_AT_A_TIME)):
            routed = route(lanes, block)
            poll.seen += len(block)
            poll.named += len(routed.entries)
            if routed.entries:
                with self._session.store.transaction(self._lease) as tx:
                    tx.put_inbox(routed.entries)

    def save(self, *, wanted: bool = False) -> None:
        """Note where the exports stand."""
        with self._session.store.transaction(self._lease) as tx:
            self._save(tx)
            if wanted:
                want_scan(tx, self._session.pair, self._told.table, why="export_lost")

    def _save(self, tx: Transaction) -> None:
        token = msgspec.json.encode(self._place).decode()
        session = self._session
        tx.save_cursor(
            Cursor(
                session.pair,
                "fno",
                self._told.table,
                token,
                state=self._told.state,
                polled_at=session.seams.now(),
                feed=FEED,
            )
        )


def _named(lane: Lane, company: str, rows: Iterator[Mapping[str, str]]) -> Iterator[Named]:
    """What a package tells of its rows' keys; it leaves the company out."""
    columns = {
        name: name.replace("_", "").upper()
        for name in lane.map.fno.key
        if (column := lane.fno_table.columns.get(name)) is not None and column.kind in TEXTS
    }
    numbers = {name for name in columns if lane.fno_table.columns[name].kind in ("integer", "bigint")}
    for row in rows:
        address: dict[str, object] = {}
        for name, header in columns.items():
            if header in row:
                with suppress(ValueError):
                    address[name] = int(row[header]) if name in numbers else row[header]
        if COMPANY_PROPERTY in lane.map.fno.key:
            address.setdefault(COMPANY_PROPERTY, company)
        yield Named("upsert", address)
