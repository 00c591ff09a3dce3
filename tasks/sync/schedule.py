"""When each feed is asked next: often while it has something to tell, rarely while it is quiet.

A plain object without clock or threads: it is told the time, what is asked and what came of it. A feed that named rows is asked
again after its floor; each time it has nothing to say, it is asked half as often as that again, down to its ceiling. Feeds that are
due a little later go along with those that are due now, and all keep to one beat, because the tracked ones go out as one batch. An
event makes its table due at once. Where a budget runs short, all intervals of its side grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import floor, inf
from zlib import crc32

from mappings.metadata import SideName
from tasks.sync.polling import Feed

SLOWER = 1.5
"""Each time that a feed has nothing to tell, it is asked so much later."""
ALONG = 0.25
"""Share of its interval by which a feed goes along early with others."""
AGAIN = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before a feed in trouble is asked again, where its service doesn't say."""


@dataclass(frozen=True, slots=True)
class Due:
    """A feed that is to be asked now.

    Attributes:
        scan: read the whole table instead: the time for it has come, beside a feed that can lose something.
    """

    feed: Feed
    scan: bool = False


@dataclass(slots=True)
class _Place:
    """One feed on the schedule; times in seconds on the caller's clock."""

    feed: Feed
    every: float
    next_at: float
    scan_at: float
    asked_at: float = -inf
    asking: bool = False
    woken: bool = False
    troubles: int = 0


class Schedule:
    """The feeds of a run.

    Args:
        now: seconds on any clock that only grows; all other times are of this clock.
        scanned: when feeds were last scanned, as far as somebody knows.
        paces: how often the run before asked, and when it last did, so that a hot table stays hot and a quiet one quiet.
        pace: by how much the polls of a side have to slow down, 1 = not at all.
    """

    def __init__(
        self,
        feeds: Iterable[Feed],
        now: float,
        scanned: Mapping[tuple[SideName, str], float] | None = None,
        paces: Mapping[tuple[SideName, str], tuple[float, float]] | None = None,
        pace: Callable[[SideName], float] = lambda _: 1.0,
    ) -> None:
        self._pace = pace
        self._places: dict[tuple[SideName, str], _Place] = {}
        for feed in feeds:
            at = (feed.side, feed.table)
            last = (scanned or {}).get(at, -inf)
            slowest = _spread(feed) if feed.kind == "scan" else feed.ceiling
            every, asked_at = (paces or {}).get(at, (slowest, -inf))
            every = min(max(every, feed.floor), slowest)
            # a clock that was set back must not keep anybody waiting
            asked_at = min(last if feed.kind == "scan" else asked_at, now)
            self._places[at] = _Place(
                feed,
                every,
                next_at=max(now, asked_at + every),
                scan_at=inf if feed.safety is None else max(now, min(last, now) + feed.safety),
            )

    @property
    def paces(self) -> dict[tuple[SideName, str], tuple[float, float]]:
        """How often each feed is asked, and when it last was, for the run after this one."""
        return {
            at: (place.every, place.asked_at) for at, place in self._places.items() if place.asked_at > -inf
        }

    def due(self, now: float) -> list[Due]:
        """What to ask now; each counts as being asked until it is told what came of it."""
        idle = [place for place in self._places.values() if not place.asking]
        if not any(self._at(place) <= now for place in idle):
            return []
        found = []
        for place in idle:
            if place.scan_at <= now:
                found.append(Due(place.feed, scan=True))
            elif self._next(place) - ALONG * place.every * (place.feed.kind != "scan") <= now:
                found.append(Due(place.feed))
            else:
                continue
            place.asking, place.woken, place.asked_at = True, False, now
        return found

    def asked(self, due: Due, now: float, named: int) -> None:
        """A feed was asked and named so many rows."""
        place = self._place(due.feed)
        feed = due.feed
        if named and feed.kind != "data_events":  # their events wake them
            place.every = feed.floor
        elif feed.kind == "scan":
            place.every = min(_spread(feed), place.every * SLOWER)
        elif not due.scan:
            place.every = min(feed.ceiling, place.every * SLOWER)
        self._settle(place, due, now)
        place.next_at = _on_beat(place.asked_at + place.every, feed)
        if place.woken:
            place.next_at = place.asked_at + feed.floor

    def trouble(self, due: Due, now: float, wait: float | None = None) -> None:
        """A feed could not be asked; it is tried again when its service says, or after longer and longer rests."""
        place = self._place(due.feed)
        rest = AGAIN[min(place.troubles, len(AGAIN) - 1)] if wait is None else max(wait, AGAIN[0])
        troubles = place.troubles + 1
        self._settle(place, due, now)
        place.troubles = troubles
        place.next_at = now + rest
        if due.scan:
            place.scan_at = now + rest

    def wake(self, side: SideName, table: str, now: float) -> None:
        """An event says that a table has changed: it is due at once, but not more often than its floor."""
        place = self._places.get((side, table))
        if place is None or place.troubles:
            return
        place.woken = True
        if not place.asking:
            place.next_at = min(place.next_at, max(now, place.asked_at + place.feed.floor))

    def want_scan(self, side: SideName, table: str, now: float) -> None:
        """Somebody missed something that only a scan can find: no later than the scan's turn, no more often than its floor."""
        place = self._places.get((side, table))
        if place is None or place.asking:
            return
        if place.feed.kind == "scan":
            place.next_at = min(place.next_at, max(now, place.asked_at + place.feed.floor))
        else:
            place.scan_at = min(place.scan_at, now)

    def every(self, feed: Feed) -> float:
        """Seconds between two looks at a feed: few for a hot one."""
        return self._place(feed).every

    def rest(self, now: float) -> float:
        """Seconds until something is due."""
        times = [self._at(place) for place in self._places.values() if not place.asking]
        return max(0.0, min(times, default=inf) - now)

    @property
    def asking(self) -> int:
        """How many feeds are being asked at this moment."""
        return sum(place.asking for place in self._places.values())

    def _place(self, feed: Feed) -> _Place:
        return self._places[feed.side, feed.table]

    def _at(self, place: _Place) -> float:
        return min(self._next(place), place.scan_at)

    def _next(self, place: _Place) -> float:
        """When a feed is due, budget considered; one that was woken is not put off: its event says that it's worth it."""
        if place.woken or place.asked_at == -inf:
            return place.next_at
        return place.asked_at + (place.next_at - place.asked_at) * self._pace(place.feed.side)

    def _settle(self, place: _Place, due: Due, now: float) -> None:
        place.asking, place.troubles = False, 0
        if due.scan:
            place.scan_at = inf if due.feed.safety is None else now + due.feed.safety


def _on_beat(at: float, feed: Feed) -> float:
    """The moment nearest to this at which other feeds of its kind are asked too.

    Feeds that are as hot as each other but out of step would never meet, and each step would cost a request of its own.
    """
    if feed.kind not in ("change_tracking", "row_version"):
        return at
    return floor(at / feed.floor + 0.5) * feed.floor


def _spread(feed: Feed) -> float:
    """Longest time between two scans: not the same for all, or they would all come at once for ever."""
    return feed.ceiling * (0.75 + crc32(feed.table.encode()) / 2**34)
