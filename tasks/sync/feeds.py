"""Feeds: what changed on a side, routed to the lanes that it concerns.

A feed belongs to a table, not to a map: one cursor and one poller per side and table, whatever the number of maps on it.
It only names rows; the inbox keeps the names until a lane has worked on them, so that lost, repeated or reordered notices
can't corrupt anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.state.records import InboxEntry, Link
from tasks.sync.compare import Comparer
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.lookups import Lookups
from tasks.transform.canonical import canonical_fno
from tasks.transform.digests import key_text

LINK = "link:"
"""Begin of the name of a linked row in the inbox; its number follows."""


@dataclass
class Poll:
    """What one poll found; numbers of rows."""

    table: str
    feed: str
    seen: int = 0
    named: int = 0
    echoes: int = 0
    missing: int = 0
    expired: bool = False
    errors: list[str] = field(default_factory=list)


def link_name(link: Link) -> str:
    """Name of a linked row in the inbox."""
    return f"{LINK}{link.id}"


def feed_lease(side: str, table: str) -> str:
    """Name of a feed's lease."""
    return f"feed:{side}:{table}"


class Router:
    """One lane of a table, with what it takes to recognize its rows.

    Attributes:
        left: how many rows it was told of that the map's filter no longer takes.
        changed: how many a scan found that are not as they were when last settled.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.lookups = Lookups(lane)
        self.comparer = Comparer(lane, self.lookups)
        self.left = 0
        self.changed = 0

    def fno_keys(self, rows: Sequence[Row]) -> list[str]:
        """Folded integration keys of F&O rows."""
        texts = canonical_fno(self.lane.key_layout, rows).texts
        return [key_text(list(row), self.lane.company) for row in texts.tolist()]


def entry(lane: Lane, side: str, row: str, kind: str) -> InboxEntry:
    """An inbox entry for a lane."""
    return InboxEntry(
        pair=lane.pair,
        map=lane.map.name,
        company=lane.company,
        side=side,  # type: ignore[arg-type]
        row=row,
        kind=kind,  # type: ignore[arg-type]
    )


def all_links(lane: Lane) -> list[Link]:
    """The links of a lane, without their digests where the store allows it."""
    out: list[Link] = []
    after = 0
    while True:
        with lane.store.read() as state:
            page = state.iterate_links(lane.pair, lane.map.name, lane.company, after, 5000)
        if not page:
            return out
        out += page
        after = page[-1].id


def name_missing(lane: Lane, lease: Lease, missing: Sequence[Link], side: str, poll: Poll) -> None:
    """Put rows that a complete scan did not find into the inbox: to be looked for, not to be believed."""
    if not missing:
        return
    poll.missing += len(missing)
    with lane.store.transaction(lease) as tx:
        tx.put_inbox([entry(lane, side, link_name(link), "missing") for link in missing])


def company_filter(lanes: Sequence[Lane]) -> str | None:
    """OData for the companies of these lanes; None for a global entity."""
    codes = sorted({lane.company for lane in lanes if lane.company})
    if not codes or COMPANY_PROPERTY not in lanes[0].map.fno.key:
        return None
    quoted = [code.replace("'", "''") for code in codes]
    return " or ".join(f"{COMPANY_PROPERTY} eq '{code}'" for code in quoted)
