"""What tasks and commands call: one entity's initial sync or delta, over all its companies, with a summary and a verdict.

A failing lane never stops another: its error becomes its verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import asdict, dataclass, replace

from mappings.errors import DualflowError, RetriableError
from mappings.model import Map
from tasks.state.leases import Lease
from tasks.state.records import LaneRecord, LaneStatus
from tasks.sync.control import refuse_start
from tasks.sync.feed_dataverse import make_up, open_dataverse_cursor
from tasks.sync.feeds import Poll, feed_lease
from tasks.sync.health.blocking import refuse_blocked
from tasks.sync.initial import InitialSync
from tasks.sync.lane import Counts, Lane
from tasks.sync.listeners import listeners
from tasks.sync.mode import Mode
from tasks.sync.polling import due_scans, feeds_of, loaded, poll_feed
from tasks.sync.resuming import work_off
from tasks.sync.rewound import forget, parted, refuse_replaced
from tasks.sync.session import Session


@dataclass(frozen=True, slots=True)
class LaneSummary:
    """What a run did in one lane; small enough to be a task's result.

    Attributes:
        verdict: "ok", "error" (the lane needs a person) or "failed" (the run could not work on it).
        message: why it isn't ok, with what to do about it.
        counts: The engine's counts by name.
        code: short stable word of the error.
        retry_after: seconds after which another try may work; None where it would fail the same way.
    """

    map: str
    company: str
    verdict: str
    message: str
    counts: dict[str, float]
    code: str = ""
    retry_after: float | None = None

    @property
    def written(self) -> int:
        """Writes that a service acknowledged."""
        return Counts(**self.counts).written  # type: ignore[arg-type]


def initial_sync(
    session: Session,
    name: str,
    companies: Sequence[str] | None = None,
    *,
    mode: str | None = None,
    run: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[LaneSummary]:
    """Bring one map to where both sides are equal, company by company."""
    sync = session.catalogue.get(name)
    summaries = []
    for company in session.companies_of(sync, companies):
        summaries.append(
            _guarded(
                session,
                sync,
                company,
                run,
                lambda lane, lease: _initial_lane(session, lane, lease, mode, progress),
            )
        )
    return summaries


def _initial_lane(
    session: Session, lane: Lane, lease: Lease, mode: str | None, progress: Callable[[int], None] | None
) -> None:
    with lane.store.read() as state:
        before = state.lane(lane.pair, lane.map.name, lane.company)
    if before.state == "error" and not parted(before):
        return  # whoever sets it going again says so; starting over is no way around that
    refuse_start(before, mode)
    refuse_blocked(session, lane.map)
    refuse_replaced(session.store, session.pair, before, mode)
    chosen = Mode.initial(lane.map, mode, session.settings.master)
    if parted(before):
        forget(lane, lease)
    # request and answer begin with the first event: what stands there now is over
    connection = InitialSync(lane, lease, chosen, progress) if lane.map.initial else None
    # tokens before Dataverse's rows: what changes while we read is then named by the feed
    record = LaneRecord(
        pair=lane.pair,
        map=lane.map.name,
        company=lane.company,
        state="initializing",
        map_hash=lane.map.hash,
        layout_id=lane.layout_id,
        initial="running",
        mode=chosen.name,
    )
    table = lane.map.dataverse.table
    with session.leased(feed_lease("dataverse", table), wait=session.settings.lease_seconds) as feed:
        told = listeners(session, table, lane)
        told.lanes = [each for each in told.lanes if each.name != lane.name]  # it reads everything itself
        if open_dataverse_cursor(told, lane, feed, scan=bool(told.lanes)) and told.lanes:
            make_up(told, feed)
        # from here on it is told of changes: all that come after what it is about to read
        with lane.store.transaction(lease) as tx:
            tx.save_lane(record)
    if connection is not None:
        connection.run()
    with lane.store.transaction(lease) as tx:
        found = tx.lane(lane.pair, lane.map.name, lane.company)
        if found.state in ("initializing", "paused"):
            state_now: LaneStatus = "paused" if found.state == "paused" else "running"
            tx.save_lane(replace(record, state=state_now, initial="done"))


def poll(
    session: Session, maps: Sequence[Map], companies: Sequence[str] | None = None, *, scan: bool = True
) -> list[Poll]:
    """Ask every feed of these maps once, and put what it names into the inbox.

    What a Dataverse table tells, it tells every lane on it, whatever maps and companies this run works on.

    Args:
        scan: also read the F&O entities that have no feed, or one that can lose something where the time for it has come, and
            compare them with what is remembered.
    """
    feeds = feeds_of(session, maps, companies)
    polls = [
        found
        for feed in feeds
        if scan or feed.kind != "scan"
        for found in poll_feed(session, feed, companies)
    ]
    if scan:
        for feed in due_scans(session, feeds):
            polls += poll_feed(session, feed, companies, scan=True)
    return polls


def has_work(session: Session, name: str, companies: Sequence[str] | None = None) -> bool:
    """Is there anything in a map's inbox, or anything that waited and can go on?"""
    return name in maps_with_work(session, companies)


def maps_with_work(session: Session, companies: Sequence[str] | None = None) -> frozenset[str]:
    """Maps with rows in the inbox, or rows that waited and can go on: four queries, whatever the number of maps."""
    return frozenset(name for name, _ in lanes_with_work(session, companies))


def lanes_with_work(session: Session, companies: Sequence[str] | None = None) -> set[tuple[str, str]]:
    """Maps and companies with rows in the inbox, or rows that waited and can go on."""
    with session.store.read() as state:
        lanes = {
            *state.lanes_with_inbox(session.pair),
            *state.lanes_with_releasable(session.pair),
            *state.lanes_with_due(session.pair, session.seams.now()),
        }
        known = state.lanes(session.pair)
    lanes |= {(each.map, each.company) for each in known if each.state == "resuming"}
    return _chosen(lanes - idle(known), companies)


def lanes_named(
    session: Session, idle: Set[tuple[str, str]], companies: Sequence[str] | None = None
) -> set[tuple[str, str]]:
    """Maps and companies with rows in the inbox: one query, for who asks many times a second.

    Args:
        idle: lanes that nobody works on.
    """
    with session.store.read() as state:
        lanes = {*state.lanes_with_inbox(session.pair)}
    return _chosen(lanes - idle, companies)


def idle(known: Sequence[LaneRecord]) -> set[tuple[str, str]]:
    """Lanes that no delta works on: an initial sync works off its own inbox, and a paused lane nobody's."""
    return {
        (each.map, each.company)
        for each in known
        if each.initial != "done" or each.state in ("not_running", "paused")
    }


def _chosen(lanes: set[tuple[str, str]], companies: Sequence[str] | None) -> set[tuple[str, str]]:
    if companies is None:
        return lanes
    chosen = {"", *(code.lower() for code in companies)}
    return {lane for lane in lanes if lane[1] in chosen}


def delta_sync(
    session: Session, name: str, companies: Sequence[str] | None = None, *, run: int | None = None
) -> list[LaneSummary]:
    """Work off the inbox of one map."""
    sync = session.catalogue.get(name)

    def work(lane: Lane, lease: Lease) -> None:
        refuse_blocked(session, sync, running=True)
        work_off(lane, lease)

    return [_guarded(session, sync, company, run, work) for _, company in loaded(session, [sync], companies)]


def settle(
    session: Session,
    maps: Sequence[str],
    companies: Sequence[str] | None,
    work: Callable[[Sequence[str]], Iterable[str]],
) -> None:
    """Work off what waits, again and again until nothing is left that can be done.

    What one map writes can be what a row of another waited for, so it takes as many rounds as lookups are deep.

    Args:
        maps: names, parents first.
        work: works on the maps it is given, and says which of them to leave alone from then on.
    """
    alone: set[str] = set()
    for _ in range(len(session.catalogue.order()) + 1):
        busy = maps_with_work(session, companies) - alone
        own = [name for name in maps if name in busy]
        if not own:
            return
        alone |= set(work(own))


def _guarded(
    session: Session, sync: Map, company: str, run: int | None, work: Callable[[Lane, Lease], None]
) -> LaneSummary:
    started = time.perf_counter()
    counts = Counts()
    verdict, message, code = "ok", "", ""
    retry_after: float | None = None
    try:
        lane = session.lane(sync, company, run)
        lane.counts = counts
        with session.leased(lane.name) as lease:
            work(lane, lease)
        with session.store.read() as state:
            record = state.lane(session.pair, sync.name, company)
        if record.state == "error":
            verdict, message, code = "error", record.reason, "lane_error"
    except DualflowError as error:
        verdict, message, code = "failed", str(error), error.code
        if isinstance(error, RetriableError):
            retry_after = error.retry_after or 0.0
    counts.seconds = time.perf_counter() - started
    return LaneSummary(sync.name, company, verdict, message, asdict(counts), code, retry_after)
