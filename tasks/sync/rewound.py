"""Rewound systems: a database that was restored is found by its versions, before anything of it is taken for a change.

A restored system holds values of the past, and lacks the rows made since. Compared with what was settled last, the first would
be sent over newer values and the second would count as deleted. Versions only ever rise, so one step back tells it. Then every lane
stops, and goes on only after its rows were paired anew, by key and without what was remembered of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from mappings.errors import FatalError
from mappings.metadata import SIDE_NAMES, SideName
from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.state.records import Cursor, LaneRecord, Link
from tasks.state.store import Store
from tasks.sync.cases import version_of
from tasks.sync.lane import Lane

KEPT = frozenset({"choice"})
"""What cursors note that is no place in a feed."""

_IN_TOKEN = re.compile(r"(?:^|[?&]\$?deltatoken=)(\d+)(?:%21|!|$)", re.IGNORECASE)
_IN_ROW = re.compile(r'(?:W/)?"?(\d+)"?')
PAGE = 1000


class Rewound(FatalError):
    """A system went back in time."""


def number_of(token: str | None) -> int | None:
    """The version of the whole database that a delta token stands for; None where its form says nothing."""
    found = _IN_TOKEN.search(token or "")
    return int(found[1]) if found else None


def highest(known: str | None, token: str | None) -> str | None:
    """The higher one of the highest version on record and that of a token."""
    number = number_of(token)
    if number is None or (known is not None and int(known) >= number):
        return known
    return str(number)


def went_back(cursor: Cursor | None, token: str | None) -> bool:
    """Does a new token stand for an older version than one that was seen before?"""
    number = number_of(token)
    known = highest(cursor.high_version, cursor.token) if cursor is not None else None
    return number is not None and known is not None and number < int(known)


def is_older(row: Row | None, link: Link) -> bool:
    """Has a row of Dataverse a lower version than the link remembers of it?"""
    now = _IN_ROW.fullmatch((version_of(row) if row is not None else None) or "")
    then = _IN_ROW.fullmatch(link.dataverse_version or "")
    return now is not None and then is not None and int(now[1]) < int(then[1])


def look_again(lane: Lane, suspects: Sequence[Link]) -> bool:
    """Are rows older than their links, now that they are read after these? A page may be older than our own write."""
    table = lane.dataverse_table
    rows = lane.dataverse.read(
        lane.map.dataverse.table, [str(link.dataverse_id) for link in suspects], [table.id_column]
    )
    return any(is_older(row, link) for row, link in zip(rows, suspects, strict=True))


def stop_all(store: Store, pair: int, side: SideName, table: str) -> NoReturn:
    """Stop every lane of a pair whose system on this side went back, and forget how far its feeds were read.

    Raises:
        Rewound: always.
    """
    name = SIDE_NAMES[side]
    what = (
        f"{name} went back in time: versions in {table} are lower than they were; it was restored or replaced by a copy."
        " Nothing is written: its old values would overwrite newer ones, and rows made since would count as deleted"
    )
    remedy = (
        "once both systems are as they are to stay: `dualflow relink`, or `dualflow sync initial --mode link`,"
        " pairs all rows anew by their keys, without writing to either"
    )
    with store.unfenced() as tx:
        for lane in tx.lanes(pair):
            if lane.state != "not_running":
                tx.clear_inbox(pair, lane.map, lane.company)
                reason = f"{what} → {remedy}"
                tx.save_lane(
                    replace(lane, state="error", reason=reason, initial="none", resume="", rescan=False)
                )
        for cursor in tx.cursors(pair):
            if cursor.feed not in KEPT:
                tx.drop_cursor(pair, cursor.side, cursor.table, cursor.feed)
    raise Rewound(what, code="rewound", remedy=remedy, side=side, table=table)


def replaced(store: Store, pair: int) -> str:
    """Is one of the two systems another one than before, such as a copy that took its place? "" if not, else which.

    An installation that knows one system beside another partner has rows on both sides that belong together already.
    """
    known = store.pairs()
    fno, dataverse = known[pair]
    with store.read() as state:
        for number, (their_fno, their_dataverse) in known.items():
            if (their_fno == fno) == (their_dataverse == dataverse):
                continue
            if any(lane.initial != "none" for lane in state.lanes(number)):
                if their_fno == fno:
                    return f"F&O was connected with another organization of Dataverse so far ({their_dataverse}, now {dataverse})"
                return f"Dataverse was connected with another F&O environment so far ({their_fno}, now {fno})"
    return ""


def refuse_replaced(store: Store, pair: int, lane: LaneRecord, mode: str | None) -> None:
    """May a lane begin, if nobody said how, beside a system that is another one than before?

    Raises:
        FatalError: it may not.
    """
    if lane.updated_at is None and mode is None and (other := replaced(store, pair)):
        raise _replaced(other)


def refuse_strangers(store: Store, pair: int) -> None:
    """May a delta run? With nothing connected it does nothing, and would do so in silence where a system was replaced.

    Raises:
        FatalError: one of the two systems is another one than before, and nothing was connected since.
    """
    with store.read() as state:
        connected = any(lane.initial != "none" for lane in state.lanes(pair))
    if not connected and (other := replaced(store, pair)):
        raise _replaced(other)


def _replaced(other: str) -> FatalError:
    return FatalError(
        f"{other}: restored or copied, it has rows that belong to ours already",
        code="replaced",
        remedy="`dualflow relink`, or `dualflow sync initial --mode link`, pairs rows by their keys, without writing to"
        " either; any other --mode connects them as new",
    )


def parted(lane: LaneRecord) -> bool:
    """Is what is remembered of a lane's rows worth nothing any more?"""
    return lane.state == "error" and lane.initial == "none"


def forget(lane: Lane, lease: Lease) -> None:
    """Forget which rows belong together and what they held, and what is listed of them."""
    place = (lane.pair, lane.map.name, lane.company)
    while True:
        with lane.store.transaction(lease) as tx:
            links = tx.iterate_links(*place, 0, PAGE)
            if not links:
                tx.clear_inbox(*place)
                tx.unpark(*place, [(row.side, row.row) for row in tx.parked(*place)])
                waiting = tx.waiting(lane.pair, lane.map.name, lane.company)
                tx.stop_waiting(*place, [(row.side, row.row) for row in waiting])
                return
            tx.delete_links([link.id for link in links])
