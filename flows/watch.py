"""A watch over the feeds: look what changed, work it off; once, or for as long as a run keeps watch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from flows.rounds import drain
from flows.stations import stations
from flows.turn import ASK_EVERY, Turn
from mappings.errors import DualflowError, FatalError, RetriableError
from mappings.model import Map
from tasks.entity import EntityResult
from tasks.sync.feeds import Poll
from tasks.sync.initial import quiet_collector
from tasks.sync.keeping import Keeper
from tasks.sync.lane import Counts
from tasks.sync.polling import Feed, feeds_of, poll_feed
from tasks.sync.remembering import keep, recall
from tasks.sync.session import Session
from tasks.sync.vigil import Vigil
from tasks.sync.work import LaneSummary
from tasks.sync.worklist import Worklist

log = logging.getLogger("dualflow.watch")

AGAIN = (1, 2, 5, 10, 20, 30)
"""Seconds before another look where a feed is held by another run, or its service asks for patience."""
ROUNDS = 24
"""Maps worked on at a time by a run that keeps watch: its rounds are short, and most of their time they wait for answers."""
POLLS = 40
"""Feeds asked at a time by a run that keeps watch; most go out together as one batch."""
STATE_AGAIN = 1.0
"""Seconds before the state is asked again that could not be reached."""
SHORTEST = 0.03
"""Seconds that a run which keeps watch rests at least, so that what comes at the same moment is seen together."""


@dataclass
class Watch:
    """The maps under watch.

    Attributes:
        unread: feeds that could not be read, and why.
        asked: how often feeds were asked while it was kept.
    """

    session: Session
    maps: Sequence[Map]
    companies: list[str] | None
    unread: list[tuple[Feed, DualflowError]] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    feeds: list[Feed] | None = None

    def warm_up(self, *, remembering: bool = False) -> None:
        """Read the metadata of all tables and see which feeds there are, so that no time passes between the run before us and
        our first look.

        Args:
            remembering: use metadata that a run before us read not long ago.

        Raises:
            FatalError: no companies are in scope for a map that has them.
        """
        for sync in self.maps:
            self.session.companies_of(sync, self.companies)
        if remembering:
            recall(self.session)
        self.session.read_metadata(self.maps)
        self._each(lambda sync: self.session.layout(sync), self.maps)
        self.feeds = feeds_of(self.session, self.maps, self.companies)

    def look(self) -> None:
        """Ask all feeds once, and scan what has none."""
        feeds = feeds_of(self.session, self.maps, self.companies)
        wrong = self._each(self._ask, feeds)
        self.unread = [(feed, error) for feed, error in zip(feeds, wrong, strict=True) if error is not None]

    def work(self, run: int) -> list[EntityResult]:
        """Work off what the feeds named."""
        return drain(self.session, self.maps, self.companies, run)

    def failures(self) -> list[EntityResult]:
        """Results for the maps whose feeds could not be read."""
        return failures(self.unread)

    def keep(self, ours: Turn, run: int, linger: float) -> list[EntityResult]:
        """Ask the feeds on their schedule and work off what they name, until another run takes over or the time is up.

        Args:
            linger: seconds.
        """
        session, end = self.session, time.monotonic() + linger
        worklist = Worklist(ROUNDS)
        session.keeper = keeper = Keeper(session.store, session.pair, session.owner)
        try:
            with (
                quiet_collector(),
                session.gathering(),
                ThreadPoolExecutor(POLLS, "poll") as polls,
                stations(run, len(self.maps), worklist) as posts,
            ):
                vigil = Vigil(
                    session,
                    self.maps,
                    self.companies,
                    worklist,
                    polls,
                    time.monotonic,
                    session.pace,
                    self.feeds,
                )
                look_at = 0.0
                while (now := time.monotonic()) < end:
                    try:
                        if now >= look_at:
                            look_at = now + ASK_EVERY
                            if ours.wanted():
                                break
                        work, rest = vigil.step()
                    except RetriableError as error:
                        # the state is out of reach for a moment: no reason to leave the systems unwatched until the next run
                        log.warning("%s, going on", error)
                        work, rest = set(), STATE_AGAIN
                    posts.open(work)
                    worklist.stirred.wait(min(rest, look_at - now))
                    time.sleep(SHORTEST)
                # the successor may begin: what is still being read or worked on here is under leases
                polls.shutdown(wait=False, cancel_futures=True)
                vigil.save()
                keeper.close()
                ours.let_go()
                worklist.close()
                results = posts.results()
        finally:
            keeper.close()
            session.keeper = None
        self.asked = vigil.asked.rows()
        results += failures(vigil.unread.values())
        # whatever is wrong, it may be that a system isn't any more what we think
        keep(session, sound=all(result["verdict"] != "failed" for result in results))
        return results

    def _ask(self, feed: Feed) -> None:
        for delay in (*AGAIN, None):
            try:
                found = poll_feed(self.session, feed, self.companies)
                break
            except RetriableError as error:
                if delay is None:
                    raise
                self.session.seams.sleep(min(delay, error.retry_after or delay))
        self.polls += found
        wrong = dict.fromkeys(error for each in found for error in each.errors)
        if wrong:
            raise FatalError("; ".join(wrong), code="lane_incomplete")

    def _each(self, ask: Callable[[Any], object], every: Sequence[Any]) -> list[DualflowError | None]:
        """Ask for each, several at a time; one in trouble doesn't keep the others. Returns what was wrong with each."""
        with ThreadPoolExecutor(self.session.settings.connections, "watch") as executor:
            return list(executor.map(partial(_guarded, ask), every))


def _guarded(ask: Callable[[Any], object], each: Any) -> DualflowError | None:
    try:
        ask(each)
    except DualflowError as error:
        return error
    return None


def failures(unread: Iterable[tuple[Feed, DualflowError]]) -> list[EntityResult]:
    """Results for the maps whose feeds could not be read."""
    found = []
    for feed, error in unread:
        for name in feed.maps:
            lane = LaneSummary(name, "", "failed", f"its feed: {error}", asdict(Counts()), error.code)
            found.append(EntityResult(map=name, verdict="failed", lanes=[asdict(lane)]))
    return found
