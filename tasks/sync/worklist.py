"""The worklist of a run that keeps watch: which lanes have work, handed out map by map, one round at a time.

One thread works on a map at a time; what comes meanwhile is its next round. A lane in trouble rests longer and longer; one that
needs a person is left alone until the next run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

from tasks.sync.lane import Counts
from tasks.sync.work import LaneSummary

AGAIN = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Seconds before another try of a lane, where a service or another run said that one is worth it."""

LaneName = tuple[str, str]
"""Map and company."""


@dataclass
class Worklist:
    """Rounds of work; used by the thread that watches and by those that work.

    Args:
        at_once: maps worked on at a time.
        clock: seconds that only grow.

    Attributes:
        rounds: rounds of a lane that were worked off.
        wrote: was anything written since somebody last set this to False? Then other rows may be able to go on.
        stirred: set when a round ends, so that whoever watches looks for more.
    """

    at_once: int
    clock: Callable[[], float] = time.monotonic
    rounds: int = 0
    wrote: bool = False
    stirred: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _todo: dict[str, set[str]] = field(default_factory=dict)
    _busy: dict[str, list[str]] = field(default_factory=dict)
    _rests: dict[LaneName, float] = field(default_factory=dict)
    _tries: dict[LaneName, int] = field(default_factory=dict)
    _left: set[LaneName] = field(default_factory=set)
    _over: bool = False

    def add(self, lanes: Iterable[LaneName]) -> set[str]:
        """List lanes with work, but for those that rest or are left alone; returns their maps."""
        found = set()
        with self._changed:
            now = self.clock()
            for lane in lanes:
                # one under way takes by itself what came; what it leaves is seen when it is done
                if (
                    lane not in self._left
                    and self._rests.get(lane, now) <= now
                    and lane[1] not in self._busy.get(lane[0], ())
                ):
                    self._todo.setdefault(lane[0], set()).add(lane[1])
                    found.add(lane[0])
            if found:
                self._changed.notify_all()
        return found

    def take(self, map: str) -> list[str] | None:
        """The companies in which a map has work, as soon as it has some and its turn has come; None: the run is over."""
        with self._changed:
            while not self._over and (not self._todo.get(map) or len(self._busy) >= self.at_once):
                self._changed.wait()
            if self._over:
                return None
            self._busy[map] = sorted(self._todo.pop(map))
            return self._busy[map]

    def done(self, map: str, summaries: Iterable[LaneSummary]) -> None:
        """A round is over."""
        with self._changed:
            self._busy.pop(map, None)
            for each in summaries:
                self.rounds += 1
                lane = (each.map, each.company)
                if each.verdict == "ok":
                    self._tries.pop(lane, None)
                    self.wrote = self.wrote or each.written > 0
                elif each.retry_after is None:
                    self._left.add(lane)
                else:
                    tries = self._tries[lane] = self._tries.get(lane, 0) + 1
                    rest = AGAIN[min(tries, len(AGAIN)) - 1]
                    # who holds a lease gives it back when it is done, most often long before it runs out
                    asked = 0.0 if each.code == "lease_held" else each.retry_after
                    self._rests[lane] = self.clock() + max(rest, asked)
            self._changed.notify_all()
        self.stirred.set()

    def busy(self) -> int:
        """How many maps are being worked on."""
        with self._changed:
            return len(self._busy)

    def close(self) -> None:
        """No more rounds; those under way end."""
        with self._changed:
            self._over = True
            self._changed.notify_all()


@dataclass
class Sum:
    """What the rounds of a map came to, lane by lane; the last verdict of each counts."""

    lanes: dict[str, LaneSummary] = field(default_factory=dict)

    def add(self, summaries: Iterable[LaneSummary]) -> None:
        """Add a round."""
        for each in summaries:
            before = self.lanes.get(each.company)
            counts = Counts(**each.counts)  # type: ignore[arg-type]
            if before is not None:
                counts.add(Counts(**before.counts))  # type: ignore[arg-type]
            self.lanes[each.company] = replace(each, counts=asdict(counts))


WORKLISTS: dict[int, Worklist] = {}
"""Worklists of this process by the number of their run: what the tasks of a run take their rounds from."""
