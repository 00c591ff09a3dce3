"""What the state remembers, as plain records: one class per table, the same words as in the tables.

Records are immutable; change one with `dataclasses.replace` and hand it back. Times are UTC and timezone-aware.
A time that is None when a record is stored is filled in from the store's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Side = Literal["fno", "dataverse"]
LaneStatus = Literal["not_running", "initializing", "running", "paused", "resuming", "error"]
Initial = Literal["none", "running", "done"]
LinkState = Literal["half", "paired", "detached"]
"""half: at most one side is confirmed; paired: both ids were confirmed once; detached: left a filter, or is
gone from one side and kept on the other by its map; not synced."""
InboxKind = Literal["upsert", "delete", "missing"]
EventKind = Literal["upsert", "delete"]
ParkedKind = Literal[
    "parked", "waiting_create", "held_delete", "uncertain", "duplicate", "out_of_scope", "skipped"
]
"""skipped: set aside by a person; looked at again when the row changes."""
ConflictKind = Literal["conflict", "no_base", "delete", "drift", "normalized", "not_kept"]
ConflictStatus = Literal["open", "decided"]
Verdict = Literal["in", "out", "blank", "duplicate"]


@dataclass(frozen=True, slots=True)
class LaneRecord:
    """One map in one company: how it stands.

    Attributes:
        company: company code; "" for a map that belongs to no company.
        reason: why it is in this state, for people; the message of the error in `error`.
        map_hash: content hash of the map that it last ran with.
        layout_id: layout that its links are written with.
        initial: how far its initial sync came.
        mode: mode of that initial sync: both | to-dataverse | to-fno | link.
        resume: what comes first while it is `resuming`: catch-up | live-first; "" in any other state.
        rescan: names of changed rows were dropped while it was paused; a scan has to find them.
    """

    pair: int
    map: str
    company: str
    state: LaneStatus = "not_running"
    reason: str = ""
    map_hash: str = ""
    layout_id: int | None = None
    initial: Initial = "none"
    mode: str = ""
    resume: str = ""
    rescan: bool = False
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredLayout:
    """What the positions of stored digests mean.

    Attributes:
        hash: content hash of the map that it was made for.
        pairs: (pair id, type id) per position.
        secret_id: which digest key the digests were made with.
    """

    id: int
    pair: int
    map: str
    hash: str
    pairs: tuple[tuple[str, str], ...]
    secret_id: int


GONE = "gone"


@dataclass(frozen=True, slots=True)
class Link:
    """A remembered pairing of an F&O row with a Dataverse row.

    Attributes:
        id: 0 until it is stored.
        table: Dataverse table (entity set name).
        key: folded text of the integration key; unique per pair, map, company and table; None if the row has none.
        fno_key: F&O address in stored spelling; None until F&O has the row.
        fno_row: F&O's record id as text, if it is known.
        fno_version: `GONE` once a feed or a scan has told that F&O's row is no more; else None.
        dataverse_id: guid; may be chosen before the row is created, see `state`.
        base_fno, base_dataverse: digests that each side held when last settled, little-endian unsigned 64 bit, one a
            field pair of the layout, 0 = unknown; `base_dataverse` None = as `base_fno`.
        intent_fno, intent_dataverse: digests of a write to that side which is not recorded yet; opaque here.
        raw_fno, raw_dataverse: digest of the raw row (signed 64 bit) when every unit was last settled.
        kept: counts of what was written and did not stay; `tasks.sync.kept` says how.
        key_text: stored spelling of the key parts.
        confirmed_at: when both sides were last seen.
    """

    id: int
    pair: int
    map: str
    company: str
    table: str
    key: str | None
    fno_key: Mapping[str, Any] | None = None
    fno_row: str | None = None
    fno_version: str | None = None
    dataverse_id: str | None = None
    dataverse_version: str | None = None
    base_fno: bytes | None = None
    base_dataverse: bytes | None = None
    intent_fno: bytes | None = None
    intent_dataverse: bytes | None = None
    raw_fno: int | None = None
    raw_dataverse: int | None = None
    state: LinkState = "half"
    layout_id: int | None = None
    kept: Mapping[str, int] | None = None
    key_text: Sequence[str] | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A row of one side as an initial sync saw it, kept until the other side was read.

    Attributes:
        row: name of the row on its side.
        verdict: in | out (of the filter) | blank (no key) | duplicate (of a key).
        match: per match rule of the map the folded values, None where one is empty.
        matched: it found its counterpart.
        id: 0 until stored; the order of reading.
    """

    pair: int
    map: str
    company: str
    side: Side
    row: str
    key: str | None
    version: str | None = None
    digests: bytes | None = None
    raw: int | None = None
    verdict: Verdict = "in"
    match: Sequence[str | None] | None = None
    matched: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a feed of one table was read.

    Attributes:
        feed: which feed, where a table has several; "" for its only one.
        token: what the service wants back; None = none taken yet.
        state: ready | expired | … (the feed's own word).
        high_version: highest row version seen, to notice a restored system.
    """

    pair: int
    side: Side
    table: str
    token: str | None = None
    state: str = "ready"
    high_version: str | None = None
    polled_at: datetime | None = None
    feed: str = ""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A row that a feed named and that its lane has not worked yet.

    Attributes:
        seq: number of the notice, given by the store; a later notice of the same row has another one.
    """

    pair: int
    map: str
    company: str
    side: Side
    row: str
    kind: InboxKind = "upsert"
    seq: int = 0
    noted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A change that a system told us of by itself.

    Attributes:
        table: Dataverse entity set or F&O entity set.
        row: what the event calls the row: its key values or its id; the same words for the same row.
        keys: the row's key as the event gives it, property → value; None where it gives none.
        seq: number of the notice, given by the store; a later notice of the same row has another one.
    """

    pair: int
    side: Side
    table: str
    row: str
    kind: EventKind = "upsert"
    keys: Mapping[str, Any] | None = None
    seq: int = 0
    noted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A row that could not be written: why, how often, when next, what to do about it.

    Attributes:
        row: name of the row on its side; one entry a row.
        key: the row's key as a person writes it.
        attempts: how often it was parked in a row; counted by the store.
        first_at: when it was parked first; kept by the store.
        next_at: when it is tried again by itself; None = the store chooses by kind and attempts.
    """

    pair: int
    map: str
    company: str
    side: Side
    row: str
    key: str
    kind: ParkedKind
    code: str
    message: str
    remedy: str = ""
    field: str = ""
    attempts: int = 0
    first_at: datetime | None = None
    next_at: datetime | None = None
    run: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class ParkedChoice:
    """Which parked rows are meant; what is None or empty doesn't matter.

    Attributes:
        before, after: when it was parked first: until then, since then.
    """

    map: str | None = None
    company: str | None = None
    kind: ParkedKind | None = None
    code: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A row, or one unit of it, that needs a row of another table first.

    Attributes:
        unit: index of the unit; -1 = the whole row.
        parent_map: the map that the other row must belong to; "" = any map of its table.
    """

    pair: int
    map: str
    company: str
    side: Side
    row: str
    unit: int
    parent_table: str
    parent_company: str
    parent_key: str
    parent_map: str = ""


@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """Two values met: where, and which one stands.

    Attributes:
        key: the row's key as a person writes it.
        fields: ids of the field pairs concerned.
        winner, loser: side, or "" while undecided.
        fno_digest, dataverse_digest: unsigned 64 bit, of the values that met; `resolve` refuses when they moved.
        status: an open one is held for a person; the next record of the same row, kind and unit replaces it.
        unit: tells open conflicts of one row apart, if they are recorded one a unit; "" = all of the row.
        choice: the side that a person chose for an open one; void when the values have moved since, "" = none.
        side, row: name of the row in the inbox.
    """

    pair: int
    map: str
    company: str
    key: str
    kind: ConflictKind
    fields: Sequence[str] = ()
    winner: str = ""
    loser: str = ""
    fno_digest: int = 0
    dataverse_digest: int = 0
    status: ConflictStatus = "decided"
    run: int | None = None
    at: datetime | None = None
    unit: str = ""
    choice: str = ""
    side: Side = "fno"
    row: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What was done to a row: names of fields, never values.

    Attributes:
        action: create | update | delete | pair (by other columns than its key: these are the fields) | lookalike (made, although
            several rows without a key hold the same in these fields).
        side: the side written.
    """

    pair: int
    map: str
    company: str
    key: str
    action: str
    side: str
    fields: Sequence[str] = ()
    run: int | None = None
    at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a flow or command.

    Attributes:
        verdict: "" while it runs, then ok | failed | … and what for.
        requests: requests used, by side and kind.
        parameters: what it was started with, declarations such as `target_frozen` included.
    """

    id: int
    pair: int
    kind: str
    started: datetime
    ended: datetime | None = None
    verdict: str = ""
    requests: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunLane:
    """What a run did in one lane and direction.

    Attributes:
        seconds: time spent.
        other: further counts by name (normalized, drift, detached, …).
    """

    pair: int
    run: int
    map: str
    company: str
    direction: str
    read: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    equal: int = 0
    conflicts: int = 0
    waiting: int = 0
    parked: int = 0
    seconds: float = 0.0
    other: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's permission for deletes above the brake.

    Attributes:
        company: None = all companies of the map.
        side: the side that the rows are gone from.
        count: at most so many, counted from `at`; None = any number.
    """

    pair: int
    map: str
    company: str | None
    side: Side
    until: datetime
    count: int | None = None
    at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """Live metadata of a table as it was last seen."""

    pair: int
    side: Side
    table: str
    fingerprint: str
    document: Mapping[str, Any]
    seen_at: datetime | None = None
