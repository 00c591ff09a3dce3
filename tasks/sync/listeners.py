"""Listeners: the lanes that have to hear what changes in a Dataverse table.

A table has one feed and one token, whoever asks. So whoever asks does it for all: for lanes of other maps and companies too, for
lanes whose initial sync is under way, and for paused ones. What a lane was not told, nobody will name again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from mappings.errors import FatalError
from tasks.state.records import LaneRecord
from tasks.state.store import Reader
from tasks.sync.compare import MODIFIED_BY
from tasks.sync.lane import Lane
from tasks.sync.session import Session

LEFT_OUT = " without "
"""Stands in a cursor's state between the mark of its columns and the lanes that could not be told."""


@dataclass
class Listeners:
    """Who listens to the feed of one table.

    Attributes:
        lanes: those that can be told.
        columns: what the feed must carry for every map on the table that runs or may run.
        left_out: names of lanes that should be told and can't be, because a part of them is not there.
        errors: why.
    """

    table: str
    lanes: list[Lane] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """Stands for the columns in a cursor's state."""
        return hashlib.sha256("\n".join(self.columns).encode()).hexdigest()[:16]

    @property
    def state(self) -> str:
        """What a cursor notes about who was told."""
        if not self.left_out:
            return self.mark
        return f"{self.mark}{LEFT_OUT}{msgspec.json.encode(sorted(self.left_out)).decode()}"

    def served_by(self, state: str) -> bool:
        """Does a token with this note tell these lanes all that changed? Not a lane that was left out until now."""
        mark, _, left_out = state.partition(LEFT_OUT)
        missed: list[str] = msgspec.json.decode(left_out) if left_out else []
        return mark == self.mark and not set(missed) & {lane.name for lane in self.lanes}


def begun(session: Session, maps: Collection[str]) -> list[LaneRecord]:
    """The lanes of some maps that have to hear of changes: their initial sync has begun, and nobody stopped them."""
    with session.store.read() as state:
        return begun_in(state, session.pair, maps)


def begun_in(state: Reader, pair: int, maps: Collection[str]) -> list[LaneRecord]:
    """The same within a snapshot that is read for more."""
    return [
        record
        for record in state.lanes(pair, maps)
        if record.initial != "none" and record.state != "not_running"
    ]


def listeners(session: Session, table: str, newcomer: Lane | None = None) -> Listeners:
    """The lanes of every map on a table that have begun, whatever this run was asked to work on.

    To be asked under the lease of the table's feed: a lane that begins meanwhile waits for it.

    Args:
        newcomer: a lane about to begin its initial sync; its map counts, itself it is told nothing yet.
    """
    maps = session.catalogue.of_table(table)
    return listening(session, table, begun(session, [sync.name for sync in maps]), newcomer)


def listening(
    session: Session, table: str, records: Sequence[LaneRecord], newcomer: Lane | None = None
) -> Listeners:
    """Who listens to a table, given the lanes of its maps that have begun.

    What was found once is found at once again: a quiet table is asked many times a minute.
    """
    kept: dict[str, tuple[list[tuple[str, str]], Listeners]] = vars(session).setdefault("listeners", {})
    lanes = [(record.map, record.company) for record in records]
    if newcomer is None and table in kept and kept[table][0] == lanes:
        found = kept[table][1]
        return Listeners(table, list(found.lanes), found.columns)
    found = _listening(session, table, records, newcomer)
    if newcomer is None and not found.errors:
        kept[table] = lanes, Listeners(table, list(found.lanes), found.columns)
    return found


def _listening(
    session: Session, table: str, records: Sequence[LaneRecord], newcomer: Lane | None
) -> Listeners:
    found = Listeners(table)
    selected = {sync.name for sync in session.selected()} | ({newcomer.map.name} if newcomer else set())
    columns = {MODIFIED_BY}
    for sync in session.catalogue.of_table(table):
        own = [record.company for record in records if record.map == sync.name]
        if not own and sync.name not in selected:
            continue
        try:
            columns.update(session.layout(sync).dataverse_columns)
        except FatalError as error:
            found.errors.append(str(error))
            found.left_out += [Lane.name_of(sync.name, company) for company in own]
            continue
        for company in own:
            try:
                found.lanes.append(session.lane(sync, company))
            except FatalError as error:
                found.errors.append(str(error))
                found.left_out.append(Lane.name_of(sync.name, company))
    found.columns = sorted(columns)
    return found
