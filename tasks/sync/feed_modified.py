"""F&O's modified times: the rows that were stamped since the last poll, a little before it included.

Stamps have whole seconds of the service's clock, and a row shows when its transaction ends, which is later than its stamp. So each
poll begins some time before the last one, and what it reads again is known by its content. It sees no deletes, and nothing of the
parts of an entity that are stamped elsewhere: a scan on a timer finds those.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tasks.state.leases import Lease
from tasks.state.records import Cursor
from tasks.sync.feed_fno import compare_fno
from tasks.sync.feeds import Poll
from tasks.sync.fno_told import compare_late, forgotten, told_of
from tasks.sync.session import Session

FEED = "modified"
OVERLAP = timedelta(seconds=60)
"""How long a transaction may take from its first stamp to its end and still be seen by the next poll."""


def poll_modified(session: Session, table: str, maps: Sequence[str], stamp: str, lease: Lease) -> list[Poll]:
    """Ask for the rows of an entity set that were stamped lately, and name those that are not as they are remembered.

    Args:
        stamp: property with the time of a row's last change.
    """
    told, cursor = told_of(session, table, maps, FEED)
    if not told.lanes:
        return [Poll(table, FEED, errors=told.errors)] if told.errors else []
    since = cursor.token if cursor is not None else None
    if since is None:
        told = forgotten(told)
    now = session.seams.now()
    # before anything is read: what is stamped meanwhile is read next time
    until = _theirs(session, now)
    polls = []
    known = [lane for lane in told.lanes if lane not in told.late]
    if since is not None and known:
        after = datetime.fromisoformat(since) - OVERLAP
        expression = f"{stamp} ge {after.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        poll = compare_fno(known, lease, FEED, expression)
        poll.errors = list(told.errors)
        polls.append(poll)
    polls += compare_late(told, lease)
    with session.store.transaction(lease) as tx:
        tx.save_cursor(
            Cursor(session.pair, "fno", table, until.isoformat(), state=told.state, polled_at=now, feed=FEED)
        )
    return polls


def _theirs(session: Session, now: datetime) -> datetime:
    """The time by the service's clock."""
    skew: float = getattr(session.fno, "skew", 0.0)
    return now + timedelta(seconds=skew)
