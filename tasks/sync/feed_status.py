"""How each table's feed stands: which one it is and why, the lag to expect, when something was last heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec

from mappings.catalogue import Catalogue
from tasks.state.records import Cursor
from tasks.state.store import Reader
from tasks.sync.feed_kinds import CHOICE, TIMES, Kind


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What tells of changes in one table.

    Attributes:
        feed: which feed; `why` it is this one.
        maps: those that it serves.
        lag: seconds to expect from a commit until the row is named, if it is asked as often as makes sense.
        seconds: since something was last heard of it; None if it never was.
        scanned: seconds since the table was last read as a whole; None if it never was.
        scan: what stands with scans: `ready`, `wanted` (one is asked for), `token_expired` (the last one made up for that).
    """

    side: str
    table: str
    feed: str
    maps: tuple[str, ...]
    why: str
    lag: float
    asked_at: datetime | None
    seconds: float | None
    scanned: float | None
    scan: str


def feeds_of_state(state: Reader, pair: int, catalogue: Catalogue, now: datetime) -> list[FeedStatus]:
    """One entry for each table that somebody listened to."""
    of_table: dict[tuple[str, str], dict[str, Cursor]] = {}
    for cursor in state.cursors(pair):
        of_table.setdefault((cursor.side, cursor.table), {})[cursor.feed] = cursor

    def age(at: datetime | None) -> float | None:
        return (now - at).total_seconds() if at else None

    found = []
    for (side, table), cursors in of_table.items():
        choice = cursors.pop(CHOICE, None)
        kind, why = _choice(choice) if side == "fno" else ("change_tracking", "")
        heard = [cursor.polled_at for cursor in cursors.values() if cursor.polled_at is not None]
        if not cursors:
            continue  # nobody listens
        maps = catalogue.of_set(table) if side == "fno" else catalogue.of_table(table)
        scan = cursors.get("scan")
        found.append(
            FeedStatus(
                side,
                table,
                kind,
                tuple(sync.name for sync in maps),
                why,
                TIMES[kind].lag,
                max(heard, default=None),
                age(max(heard, default=None)),
                age(scan.polled_at) if scan else None,
                scan.state if scan else "",
            )
        )
    return found


def _choice(cursor: Cursor | None) -> tuple[Kind, str]:
    """Which feed was chosen for an entity set, and why."""
    if cursor is None or not cursor.token:
        return "scan", ""
    noted = msgspec.json.decode(cursor.token, type=dict[str, str])
    return cast(Kind, noted["kind"]), noted["why"]
