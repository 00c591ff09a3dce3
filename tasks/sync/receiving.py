"""Receiving: from what the systems post to events in the state.

Whoever posts speaks of tables by their own names: F&O by the data entity (`CustCustomerV3Entity`, or `mserp_…` as Dataverse calls
it), Dataverse by the table's logical name (`account`). The maps know the entities, the metadata that was last seen knows both.
Nothing is asked of either system here: the receiver needs the state and the maps, and no credentials.

An F&O event names a row, by its key if the event has it whole, else by its id. A Dataverse webhook only wakes: change tracking says
what changed, and it can't be forged or forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mappings.catalogue import Catalogue
from mappings.metadata import SideName
from tasks.state.records import Event
from tasks.state.store import Store
from tasks.sync.lane import COMPANY_PROPERTY
from tasks.sync.notices import Notice, folded, read_notices
from tasks.sync.scans import want_scan

LOOK_AGAIN = 10.0
"""Seconds after which a name that nobody knew is looked for once more: tables become known as maps begin."""

KEEP = timedelta(days=1)
"""How long an event waits for a run that routes it."""
TIDY_EVERY = 3600.0
"""Seconds between two looks for older ones."""

LONGEST_NAME = 1000
"""Bytes; more doesn't go into an index of PostgreSQL, and no key of F&O is that long."""


@dataclass(frozen=True, slots=True)
class Known:
    """A table that events can be about."""

    side: SideName
    table: str
    key: tuple[str, ...] = ()


@dataclass
class Reception:
    """Turns what is posted into events, and stores them.

    Args:
        find_pair: number of the pair of environments in the state; None while nothing ever ran.
        business_events: id of a business event → F&O entity set that it tells of.
    """

    store: Store
    catalogue: Catalogue
    find_pair: Callable[[], int | None]
    business_events: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _pair: int | None = None
    _known: dict[str, Known] = field(default_factory=dict)
    _looked: float = float("-inf")
    _tidied: float = float("-inf")
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._look()

    def read(self, body: bytes) -> tuple[list[Event], int]:
        """The events in the body of a request, and how many notices in it are about no table of ours.

        Raises:
            Malformed: it is no notice.
        """
        events, unknown = [], 0
        for notice in read_notices(body):
            known = self._table(notice.names)
            if known is None or self._pair is None:
                unknown += 1
            else:
                events.append(self._event(self._pair, known, notice))
        return events, unknown

    def put(self, events: list[Event]) -> None:
        """Store events: when this returns they are there whatever happens to this process.

        Raises:
            RetriableError: the state is busy or down.
        """
        self.tidy()
        with self.store.unfenced() as tx:
            tx.put_events(events)

    def tidy(self) -> None:
        """Let go of events that no run has wanted for long, such as those of entities that are not in sync; a scan is asked for."""
        if self._pair is None or self.clock() - self._tidied < TIDY_EVERY:
            return
        self._tidied = self.clock()
        with self.store.unfenced() as tx:
            for side, table in tx.forget_events(self._pair, self.now() - KEEP):
                if side == "fno":
                    want_scan(tx, self._pair, table)

    def _event(self, pair: int, known: Known, notice: Notice) -> Event:
        if known.side == "dataverse":
            return Event(pair, "dataverse", known.table, row="")
        keys = _keys(known, notice)
        row = notice.id
        if notice.kind == "upsert" and len(keys) == len(known.key):
            named = msgspec.json.encode([keys[name] for name in known.key])
            row = named.decode() if len(named) <= LONGEST_NAME else row
        return Event(
            pair,
            "fno",
            known.table,
            row=row,
            kind=notice.kind,
            keys={"id": notice.id, "key": keys},
        )

    def _table(self, names: tuple[str, ...]) -> Known | None:
        if found := self._named(names):
            return found
        with self._looking:  # who comes while another looks waits for what that one finds
            if self.clock() - self._looked >= LOOK_AGAIN:
                self._look()
            return self._named(names)

    def _named(self, names: tuple[str, ...]) -> Known | None:
        return next((found for name in names if (found := self._known.get(folded(name)))), None)

    def _look(self) -> None:
        self._pair = self.find_pair()
        self._known = self._tables()
        self._looked = self.clock()

    def _tables(self) -> dict[str, Known]:
        """All tables of all maps by the names that senders have for them."""
        tables: dict[str, Known] = {}
        sets = {}
        for sync in self.catalogue.maps.values():
            tables.setdefault(sync.dataverse.table.casefold(), Known("dataverse", sync.dataverse.table))
            sets[sync.fno.set] = Known("fno", sync.fno.set, sync.fno.key)
        tables |= {folded(known.table): known for known in sets.values()}
        tables |= {folded(sync.fno.entity): sets[sync.fno.set] for sync in self.catalogue.maps.values()}
        tables |= {folded(name): sets[table] for name, table in self.business_events.items() if table in sets}
        if self._pair is not None:
            with self.store.read() as state:
                for (side, name), logical in state.logical_names(self._pair).items():
                    if side == "dataverse" and name.casefold() in tables:
                        tables.setdefault(folded(logical), Known("dataverse", name))
                    elif side == "fno" and name in sets:
                        tables.setdefault(folded(logical), sets[name])
        return tables


def _keys(known: Known, notice: Notice) -> dict[str, Any]:
    """What a notice tells of a row's key, by F&O's names; nothing else of the row is kept."""
    keys = {}
    for name in known.key:
        value = notice.attributes.get(folded(name))
        if value is None and name == COMPANY_PROPERTY:
            value = notice.company or None
        # a fraction isn't exact
        if value is not None and not isinstance(value, float):
            keys[name] = value
    return keys
