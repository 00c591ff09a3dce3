"""Who hears of a change in F&O: the lanes of an entity set, and those among them that came lately.

A feed with a cursor moves on for all its lanes at once. A lane that joins it (its initial sync is done, it had another feed, it was
resumed) missed what came before, so it is compared with the whole set once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from mappings.errors import FatalError
from tasks.state.leases import Lease
from tasks.state.records import Cursor, LaneRecord
from tasks.sync.feed_fno import scan_fno
from tasks.sync.feeds import Poll
from tasks.sync.lane import Lane
from tasks.sync.listeners import begun_in
from tasks.sync.scans import was_scanned
from tasks.sync.session import Session


class Note(msgspec.Struct, omit_defaults=True):
    """What a cursor's state says.

    Attributes:
        lanes: names of those that are told.
    """

    lanes: list[str] = msgspec.field(default_factory=list)


EVENTS = "data_events"
"""The feed that also brings the answers of maps which are never scanned."""


@dataclass
class Told:
    """The lanes of an entity set that hear of a change.

    Attributes:
        lanes: those whose initial sync is done; paused ones too, once they are told.
        late: those among them that have to be compared first.
        errors: why others can't be told.
    """

    session: Session
    table: str
    feed: str
    lanes: list[Lane] = field(default_factory=list)
    late: list[Lane] = field(default_factory=list)
    records: list[LaneRecord] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """What the cursor notes: late ones are told only once they were compared."""
        late = {lane.name for lane in self.late}
        return msgspec.json.encode(Note([lane.name for lane in self.lanes if lane.name not in late])).decode()


def told_of(session: Session, table: str, maps: Sequence[str], feed: str) -> tuple[Told, Cursor | None]:
    """Who hears of the changes of an entity set, and how far its feed was read.

    To be asked under the feed's lease, but for a look whether there is anything to do at all.
    """
    with session.store.read() as state:
        cursor = state.cursor(session.pair, "fno", table, feed)
        records = begun_in(state, session.pair, maps)
    noted = set(_note(cursor).lanes)
    found = Told(session, table, feed)
    found.records = [record for record in records if record.initial == "done"]
    kept: dict[tuple[str, str], Lane] = vars(session).setdefault("told", {})
    for record in found.records:
        sync = session.catalogue.get(record.map)
        name = Lane.name_of(record.map, record.company)
        if (not sync.initial and feed != EVENTS) or (record.state == "paused" and name not in noted):
            continue
        try:
            lane = kept.get((record.map, record.company)) or session.lane(sync, record.company)
        except FatalError as error:
            found.errors.append(str(error))
            continue
        kept[record.map, record.company] = lane
        found.lanes.append(lane)
        # a changed map is judged by a comparison of all rows, as a new lane is
        if name not in noted or (record.map_hash != sync.hash and record.state != "paused"):
            found.late.append(lane)
    return found, cursor


def _note(cursor: Cursor | None) -> Note:
    if cursor is None or not cursor.state.startswith("{"):
        return Note()
    return msgspec.json.decode(cursor.state, type=Note)


def forgotten(told: Told) -> Told:
    """The same lanes, none of which was told of what happened: paused ones are compared when they go on."""
    paused = {Lane.name_of(record.map, record.company) for record in told.records if record.state == "paused"}
    told.lanes = [lane for lane in told.lanes if lane.name not in paused]
    told.late = list(told.lanes)
    return told


def compare_late(told: Told, lease: Lease) -> list[Poll]:
    """Compare the lanes that came lately with the whole set; they are late no more."""
    late = [lane for lane in told.late if lane.map.initial]
    told.late = []
    if not late:
        return []
    if len(late) < len([lane for lane in told.lanes if lane.map.initial]):
        return [scan_fno(late, lease)]  # the others' turn comes when it comes
    return [scan_set(told.session, told.table, late, lease)]


def scan_set(session: Session, table: str, lanes: Sequence[Lane], lease: Lease) -> Poll:
    """Compare all lanes of an entity set with the whole of it, and note that it was done."""
    now = session.seams.now()
    poll = scan_fno(lanes, lease)
    with session.store.transaction(lease) as tx:
        # a scan has no token; when it was last made says how old the picture is
        was_scanned(tx, session.pair, table, "fno", now)
    return poll
