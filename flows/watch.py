"""A watch over the feeds: look what changed, work it off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from flows.rounds import drain
from mappings.errors import DualflowError, FatalError, RetriableError
from mappings.model import Map
from tasks.entity import EntityResult
from tasks.sync.feeds import Poll
from tasks.sync.lane import Counts
from tasks.sync.session import Session
from tasks.sync.work import LaneSummary, poll

AGAIN = (1, 2, 5, 10, 20, 30)
"""Seconds before another look where a feed is held by another run, or its service asks for patience."""


@dataclass
class Watch:
    """The maps under watch.

    Attributes:
        troubled: maps that need a person, or can't be worked on: left alone until the next run.
        unread: why the feeds of a group of maps could not be read, by the group's first map.
    """

    session: Session
    maps: Sequence[Map]
    companies: list[str] | None
    troubled: set[str] = field(default_factory=set)
    unread: dict[str, DualflowError] = field(default_factory=dict)
    polls: list[Poll] = field(default_factory=list)

    def warm_up(self) -> None:
        """Read the metadata of all tables, so that no time passes between the run before us and our first look.

        Raises:
            FatalError: no companies are in scope for a map that has them.
        """
        for sync in self.maps:
            self.session.companies_of(sync, self.companies)
        self._each(lambda sync: self.session.lane(sync), [(sync,) for sync in self.maps])

    def look(self, *, scan: bool, patient: bool) -> None:
        """Ask all feeds once.

        Args:
            scan: also read the F&O entities that have no feed.
            patient: wait for feeds that another run holds; else it reads them.
        """

        def ask(*group: Map) -> None:
            found = self._poll(group, scan=scan, patient=patient)
            self.polls += found
            wrong = dict.fromkeys(error for each in found for error in each.errors)
            if wrong:
                raise FatalError("; ".join(wrong), code="lane_incomplete")

        self._each(ask, groups(self.maps))

    def work(self, run: int, *, patient: bool) -> list[EntityResult]:
        """Work off what the feeds named."""
        return drain(self.session, self.maps, self.companies, run, patient=patient, skip=self.troubled)

    def failures(self) -> list[EntityResult]:
        """Results for the maps whose feeds could not be read at the last look."""
        found = []
        for name, error in self.unread.items():
            lane = LaneSummary(name, "", "failed", f"its feed: {error}", asdict(Counts()), error.code)
            found.append(EntityResult(map=name, verdict="failed", lanes=[asdict(lane)]))
        return found

    def _poll(self, group: Sequence[Map], *, scan: bool, patient: bool) -> list[Poll]:
        for delay in (*AGAIN, None):
            try:
                return poll(self.session, group, self.companies, scan=scan)
            except RetriableError as error:
                if error.code == "lease_held" and not patient:
                    return []
                if delay is None or not patient:
                    raise
                self.session.seams.sleep(min(delay, error.retry_after or delay))
        raise AssertionError("the last try returns or raises")

    def _each(self, ask: Callable[..., object], groups: Sequence[tuple[Map, ...]]) -> None:
        """Ask for every group of maps, several at a time; one in trouble doesn't keep the others."""

        def guarded(group: tuple[Map, ...]) -> None:
            try:
                ask(*group)
                self.unread.pop(group[0].name, None)
            except DualflowError as error:
                self.unread[group[0].name] = error

        with ThreadPoolExecutor(self.session.settings.connections, "watch") as executor:
            list(executor.map(guarded, groups))


def groups(maps: Sequence[Map]) -> list[tuple[Map, ...]]:
    """Maps that share a table or an entity, together: their feed is read once for all of them."""
    found: list[list[Map]] = []
    for sync in maps:
        near = [group for group in found if any(_share(sync, other) for other in group)]
        for group in near:
            found.remove(group)
        found.append([*(other for group in near for other in group), sync])
    return [tuple(group) for group in found]


def _share(one: Map, other: Map) -> bool:
    return one.dataverse.table == other.dataverse.table or one.fno.set == other.fno.set
