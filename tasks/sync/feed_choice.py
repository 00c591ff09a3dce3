"""Which feed of F&O serves an entity: the first that its map names and the environment offers, unless a setting says otherwise.

What the environment offers is asked once per process: which virtual tables there are and are tracked, which export projects exist.
Data events count as offered once one came, or where a setting says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import msgspec

from mappings.ends import FnoFeed
from mappings.errors import FatalError
from mappings.model import Map
from tasks.connectors.packages import Exports
from tasks.connectors.virtual import PREFIX, ShowsVirtual, VirtualEntity
from tasks.state.records import Cursor
from tasks.sync.feed_kinds import CHOICE
from tasks.sync.session import Session

AGAIN = timedelta(hours=1)
"""How long a feed that was refused is left alone."""
PROJECT = "dualflow-"
"""Begin of the name of an export project that is found by itself; the entity set follows."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The feed of an entity set.

    Attributes:
        why: why this one, for people.
        source: what it is asked of: entity set of the virtual table, modified property, name of the export project.
    """

    kind: FnoFeed
    why: str
    source: str = ""


@dataclass
class Offers:
    """What an environment offers beside scans; asked for when it is first needed."""

    session: Session
    _stored: dict[str, str] | None = None
    _refused: dict[tuple[str, str], tuple[datetime, str]] = field(default_factory=dict)

    def refused(self, entity_set: str, kind: str, error: FatalError) -> None:
        """Leave a feed alone for a while that the environment offered and then refused, and ask anew what there is."""
        self._refused[entity_set, kind] = (self.session.seams.now() + AGAIN, error.message)
        for name in ("virtual", "projects"):
            vars(self).pop(name, None)

    def choices(self, sets: Collection[str]) -> dict[str, Choice]:
        """The feeds of entity sets, noted in the state for whoever shows them.

        Raises:
            FatalError: the settings contradict each other, or name a map that isn't there.
        """
        session = self.session
        for name in session.settings.feeds:
            session.catalogue.get(name)  # says which maps there are
        with session.store.read() as state:
            if self._stored is None:
                self._stored = {
                    each.table: each.token or ""
                    for each in state.cursors(session.pair)
                    if each.feed == CHOICE
                }
            came = {table for side, table in state.tables_with_events(session.pair) if side == "fno"}
        found = {
            name: self.choose(name, session.catalogue.of_set(name), name in came or name in self._came)
            for name in sets
        }
        self._came |= came
        noted = {name: msgspec.json.encode(choice).decode() for name, choice in found.items()}
        fresh = {name: token for name, token in noted.items() if self._stored.get(name) != token}
        if fresh:
            with session.store.unfenced() as tx:
                for name, token in fresh.items():
                    tx.save_cursor(Cursor(session.pair, "fno", name, token=token, feed=CHOICE))
            self._stored |= fresh
        return found

    @cached_property
    def _came(self) -> set[str]:
        """Sets of which data events came before."""
        with self.session.store.read() as state:
            return {
                each.table
                for each in state.cursors(self.session.pair)
                if each.side == "fno" and each.feed == "data_events"
            }

    @cached_property
    def virtual(self) -> Mapping[str, VirtualEntity]:
        """F&O's entities in Dataverse's catalogue, by name in lower case."""
        side = self.session.dataverse
        return side.virtual_entities() if isinstance(side, ShowsVirtual) else {}

    @cached_property
    def projects(self) -> Mapping[str, str]:
        """Export projects of F&O by name in lower case."""
        side = self.session.fno
        return {name.lower(): name for name in side.projects()} if isinstance(side, Exports) else {}

    def choose(self, entity_set: str, maps: Sequence[Map], events: bool) -> Choice:
        """The feed of an entity set.

        Args:
            maps: its maps.
            events: did a data event of it come?
        """
        asked = {
            self.session.settings.feeds[sync.name]: sync.name
            for sync in maps
            if sync.name in self.session.settings.feeds
        }
        if len(asked) > 1:
            raise FatalError(
                f"DUALFLOW_FEEDS names several feeds for {entity_set}: {', '.join(sorted(asked))}",
                code="feeds_differ",
                remedy="maps that share an entity set share its feed: name one",
            )
        for kind in asked:
            found = self._offered(kind, entity_set, maps, events)  # type: ignore[arg-type]  # checked by the settings
            if isinstance(found, Choice):
                return Choice(found.kind, "set by DUALFLOW_FEEDS", found.source)
            return Choice("scan", f"DUALFLOW_FEEDS names {kind}, but {found}")
        refused: list[str] = []
        for feed in maps[0].fno.feeds:
            if any(feed not in sync.fno.feeds for sync in maps):
                continue  # what serves one map only would leave the others without
            found = self._offered(feed, entity_set, maps, events)
            if isinstance(found, Choice):
                why = "; ".join([*refused, found.why])
                return Choice(found.kind, why, found.source)
            refused.append(f"{feed}: {found}")
        return Choice("scan", "; ".join(refused) or "its maps name no feed in common")

    def _offered(self, feed: FnoFeed, entity_set: str, maps: Sequence[Map], events: bool) -> Choice | str:
        """The feed, or why there is none."""
        until, why = self._refused.get((entity_set, feed), (None, ""))
        if until is not None and self.session.seams.now() < until:
            return why
        if feed == "row_version":
            return self._row_version(maps[0])
        if feed == "data_events":
            named = self.session.settings.data_events
            if events:
                return Choice(feed, "its data events come")
            if entity_set in named or "all" in named:
                return Choice(feed, "DUALFLOW_DATA_EVENTS names it")
            return "no data event of it came yet"
        if feed == "modified":
            return self._modified(entity_set, maps)
        if feed == "export":
            wanted = self.session.settings.exports.get(entity_set, PROJECT + entity_set)
            project = self.projects.get(wanted.lower())
            if project is not None:
                return Choice(feed, f"the export project {project} is there", project)
            return f"there is no export project {wanted}"
        return Choice("scan", "always possible")

    def _row_version(self, sync: Map) -> Choice | str:
        entity = self.virtual.get(sync.fno.entity.lower())
        if entity is None or not entity.generated:
            return f"{sync.fno.entity} has no virtual table in Dataverse"
        if not entity.tracked:
            return f"the virtual table of {sync.fno.entity} is not tracked"
        side = self.session.dataverse
        found = side.set_of(PREFIX + entity.entity) if isinstance(side, ShowsVirtual) else None
        if found is None:
            return f"Dataverse doesn't list the virtual table of {sync.fno.entity}"
        return Choice("row_version", "its virtual table is tracked", found)

    def _modified(self, entity_set: str, maps: Sequence[Map]) -> Choice | str:
        stamps = {sync.fno.modified for sync in maps}
        stamp = maps[0].fno.modified
        if stamp is None or len(stamps) > 1:
            return "its maps name no modified time in common"
        if stamp not in self.session.fno.table(entity_set).columns:
            return f"it has no property {stamp}"
        return Choice("modified", f"it shows {stamp}", stamp)


def offers_of(session: Session) -> Offers:
    """What a session's environment offers; asked for once."""
    found: Offers = vars(session).setdefault("offers", Offers(session))
    return found
