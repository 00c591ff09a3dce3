"""Scans in their turn: which entity sets are to be read as a whole, because their feed can lose something."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tasks.state.records import Cursor, Side
from tasks.state.store import Transaction
from tasks.sync.session import Session

WANTED = "wanted"
"""State of a scan's cursor where a feed told of something that it can't name."""
READY = "ready"
"""State of a scan's cursor after a scan in its turn."""
EXPIRED = "token_expired"
"""State of a scan's cursor after one that made up for a void token."""
SOONEST = timedelta(seconds=60)
"""Time between two scans that are asked for by what a feed could not name."""


def want_scan(tx: Transaction, pair: int, table: str, side: Side = "fno", why: str = "") -> None:
    """Ask for a scan of a table: something changed there, and nobody can say what.

    Args:
        why: kept for the record once the scan was made, such as `token_expired`.
    """
    scan = tx.cursor(pair, side, table, "scan")
    at = scan.polled_at if scan else None
    tx.save_cursor(Cursor(pair, side, table, why or None, feed="scan", state=WANTED, polled_at=at))


def was_scanned(tx: Transaction, pair: int, table: str, side: Side, at: datetime) -> None:
    """Note that a table was scanned as a whole, and what for."""
    scan = tx.cursor(pair, side, table, "scan")
    state = scan.token if scan is not None and scan.state == WANTED and scan.token else READY
    tx.save_cursor(Cursor(pair, side, table, feed="scan", state=state, polled_at=at))


def due(session: Session, safety: Iterable[tuple[Side, str, float | None]]) -> set[tuple[Side, str]]:
    """Tables whose scan is due.

    Args:
        safety: side, table, seconds between two scans (None: only where one is asked for).
    """
    now = session.seams.now()
    with session.store.read() as state:
        scans = {(each.side, each.table): each for each in state.cursors(session.pair) if each.feed == "scan"}
    found = set()
    for side, table, seconds in safety:
        scan = scans.get((side, table))
        if scan is None or scan.polled_at is None:
            wait: timedelta | None = timedelta() if scan is not None or seconds is not None else None
            age = timedelta()
        else:
            age = now - scan.polled_at
            wait = SOONEST if scan.state == WANTED else None
            if seconds is not None:
                wait = min(wait or timedelta.max, timedelta(seconds=seconds))
        if wait is not None and age >= wait:
            found.add((side, table))
    return found
