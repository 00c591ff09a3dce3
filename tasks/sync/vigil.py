"""A vigil: feeds asked on their schedule, and what they name worked off meanwhile.

Nothing here waits for anything but its turn: polls run on threads, lanes with work go to the worklist, whose rounds run elsewhere.
`step` does what is due and says how long it can rest.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from mappings.errors import DualflowError, FatalError, RetriableError
from mappings.metadata import SideName
from mappings.model import Map
from tasks.sync.feeds import Poll
from tasks.sync.polling import Feed, due_scans, feeds_of, poll_feed
from tasks.sync.schedule import Due, Schedule
from tasks.sync.session import Session
from tasks.sync.work import idle, lanes_named, lanes_with_work
from tasks.sync.worklist import Worklist

EVENTS_EVERY = 0.2
"""Seconds between two looks at whether events have come."""
WAITING_EVERY = 0.5, 5.0
"""Seconds between two looks for rows that waited and can go on: after writes, and at most."""
NAMED_EVERY, GATHER = 0.3, 0.06
"""Seconds between two looks into the inbox, and from the first name to the look: what is begun together is read and written
together, and requests are what the services limit."""
SWEEP_EVERY = 1.0
"""Seconds between two looks at the leases kept."""
PACES_EVERY = 20.0
"""Seconds between two notes of how often each feed is asked, for a run that follows one that died."""
WANTED_EVERY = 5.0
"""Seconds between two looks at which scans are owed."""
SCANS = 2
"""Scans at a time: each reads a whole table, and the changes that others name shouldn't wait behind them."""


@dataclass
class Asked:
    """What polls came to, by side and kind of feed."""

    polls: Counter[tuple[SideName, str]] = field(default_factory=Counter)
    named: Counter[tuple[SideName, str]] = field(default_factory=Counter)

    def rows(self) -> list[dict[str, Any]]:
        """For a table."""
        return [
            {"side": side, "feed": kind, "polls": count, "named": self.named[side, kind]}
            for (side, kind), count in sorted(self.polls.items())
        ]


class Vigil:
    """The feeds of some maps, watched.

    Args:
        executor: runs the polls.
        clock: seconds that only grow.
        pace: by how much polls of a side slow down, because its budget runs short.
        feeds: those of the maps, where somebody looked for them already.

    Attributes:
        unread: why feeds could not be read when last asked, by side and table.
    """

    def __init__(
        self,
        session: Session,
        maps: Sequence[Map],
        companies: Sequence[str] | None,
        worklist: Worklist,
        executor: Executor,
        clock: Callable[[], float],
        pace: Callable[[SideName], float] = lambda _: 1.0,
        feeds: Sequence[Feed] | None = None,
    ) -> None:
        self._session, self._companies = session, companies
        self._maps = {sync.name for sync in maps}
        self._executor, self._clock = executor, clock
        self._worklist = worklist
        self._lock = threading.Lock()
        now = clock()
        feeds = feeds_of(session, maps, companies) if feeds is None else feeds
        self._feeds = feeds
        self._schedule = Schedule(feeds, now, self._scanned(now), self._paces(now), pace)
        self._paces_at = now + PACES_EVERY
        self._scans: list[Due] = []
        self._scanning = 0
        self._events_at = self._sweep_at = self._wanted_at = now
        self._waiting_at = self._named_at = float("-inf")
        self._stirred_at: float | None = None
        self._idle: set[tuple[str, str]] = set()
        self.unread: dict[tuple[SideName, str], tuple[Feed, DualflowError]] = {}
        self.asked = Asked()

    def step(self) -> tuple[set[str], float]:
        """Do what is due; returns maps that got work, and the seconds until something may be due again."""
        now = self._clock()
        if now >= self._events_at:
            self._events_at = now + EVENTS_EVERY
            self._see_events(now)
        if now >= self._wanted_at:
            self._wanted_at = now + WANTED_EVERY
            self._see_wanted(now)
        self._ask(now)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            if self._session.keeper is not None:
                self._session.keeper.sweep()
        if now >= self._paces_at:
            self._paces_at = now + PACES_EVERY
            self.save()
        found = self._look(now)
        with self._lock:
            rest = self._schedule.rest(now)
        return found, max(0.0, min(rest, self._events_at - now, EVENTS_EVERY))

    def idle(self) -> bool:
        """Is nothing being asked at this moment?"""
        with self._lock:
            return not self._schedule.asking

    # feeds

    def _see_events(self, now: float) -> None:
        with self._session.store.read() as state:
            tables = state.tables_with_events(self._session.pair)
        with self._lock:
            for side, table in tables:
                self._schedule.wake(side, table, now)

    def _see_wanted(self, now: float) -> None:
        """Scans that are owed: a token was void, or something changed that could not be named."""
        wanted = due_scans(self._session, self._feeds)
        with self._lock:
            for feed in wanted:
                self._schedule.want_scan(feed.side, feed.table, now)

    def _ask(self, now: float) -> None:
        with self._lock:
            due = self._schedule.due(now)
            scans = [each for each in due if each.scan or each.feed.kind in ("scan", "export")]
            self._scans = sorted([*self._scans, *scans], key=lambda each: self._schedule.every(each.feed))
        quick = [each for each in due if each not in scans]
        self._session.expect(len(quick))
        for each in quick:
            self._executor.submit(self._poll_quick, each).add_done_callback(self._not_begun)
        self._scan()

    def _scan(self) -> None:
        with self._lock:
            started = []
            while self._scans and self._scanning < SCANS:
                self._scanning += 1
                started.append(self._scans.pop(0))
        for each in started:
            self._executor.submit(self._poll_scan, each)

    def _poll_scan(self, due: Due) -> None:
        try:
            self._poll(due)
        finally:
            with self._lock:
                self._scanning -= 1
            self._scan()

    def _not_begun(self, poll: Future[None]) -> None:
        if poll.cancelled():
            self._session.expect(-1)

    def _poll_quick(self, due: Due) -> None:
        """Many of these at a time: their requests go out as one."""
        with self._session.together(expected=True, once=True):
            self._poll(due)

    def _poll(self, due: Due) -> None:
        found: list[Poll] | DualflowError
        try:
            found = poll_feed(self._session, due.feed, self._companies, scan=due.scan)
        except DualflowError as error:
            found = error
        except Exception as error:  # a fault of ours: this feed is told as unread, the others go on
            found = FatalError(f"{type(error).__name__}: {error}", code="fault", remedy="report this")
        self._told(due, found)

    def _told(self, due: Due, found: list[Poll] | DualflowError) -> None:
        """What came of asking a feed."""
        place, kind = (due.feed.side, due.feed.table), "scan" if due.scan else due.feed.kind
        if not isinstance(found, DualflowError):
            wrong = dict.fromkeys(error for each in found for error in each.errors)
            if wrong:
                self.unread[place] = due.feed, FatalError("; ".join(wrong), code="lane_incomplete")
        with self._lock:
            now = self._clock()
            if isinstance(found, DualflowError):
                wait = found.retry_after if isinstance(found, RetriableError) else None
                self._schedule.trouble(due, now, wait)
                if found.code != "lease_held":  # whoever holds it reads it
                    self.unread[place] = due.feed, found
                return
            if not wrong:
                self.unread.pop(place, None)
            named = sum(each.named + each.missing for each in found)
            self._schedule.asked(due, now, named)
            self.asked.polls[due.feed.side, kind] += 1
            self.asked.named[due.feed.side, kind] += named
        if named:
            self._worklist.stirred.set()

    def _scanned(self, now: float) -> dict[tuple[SideName, str], float]:
        """When feeds were last scanned, on our clock."""
        session = self._session
        with session.store.read() as state:
            cursors = state.cursors(session.pair)
        wall = session.seams.now()
        return {
            (each.side, each.table): now - (wall - each.polled_at).total_seconds()
            for each in cursors
            if each.feed == "scan" and each.state != "wanted" and each.polled_at is not None
        }

    def _paces(self, now: float) -> dict[tuple[SideName, str], tuple[float, float]]:
        """How the run before us asked, on our clock."""
        session = self._session
        with session.store.read() as state:
            found = state.paces(session.pair)
        ahead = session.seams.now().timestamp() - now
        return {at: (every, asked_at - ahead) for at, (every, asked_at) in found.items()}

    def save(self) -> None:
        """Leave to the next run how often each feed is asked."""
        session = self._session
        with self._lock:
            paces = self._schedule.paces
        ahead = session.seams.now().timestamp() - self._clock()
        with session.store.unfenced() as tx:
            tx.save_paces(session.pair, {at: (every, asked + ahead) for at, (every, asked) in paces.items()})

    # work

    def _look(self, now: float) -> set[str]:
        """Put lanes with work on the worklist; returns their maps."""
        worklist = self._worklist
        soon, late = WAITING_EVERY
        since = now - self._waiting_at
        whole = since >= late or (since >= soon and worklist.wrote)
        if worklist.stirred.is_set() and self._stirred_at is None:
            self._stirred_at = now
        if not whole and (
            self._stirred_at is None or now < self._stirred_at + GATHER or now < self._named_at + NAMED_EVERY
        ):
            return set()
        self._stirred_at = None
        self._named_at = now
        worklist.stirred.clear()
        if whole:
            self._waiting_at, worklist.wrote = now, False
            with self._session.store.read() as state:
                self._idle = idle(state.lanes(self._session.pair))
            lanes = lanes_with_work(self._session, self._companies)
        else:
            lanes = lanes_named(self._session, self._idle, self._companies)
        return worklist.add(lane for lane in lanes if lane[0] in self._maps)
