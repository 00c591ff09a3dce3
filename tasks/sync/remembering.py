"""Metadata from one run to the next.

Reading all of it takes thousands of rows off the day's budget, and seconds in which a run could be at work. Runs that keep watch
start every few minutes, so they use what one of them has read, for as long as the settings say and as long as nothing goes wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mappings.drift import table_of
from mappings.metadata import Table
from tasks.sync.drift import record

if TYPE_CHECKING:
    from tasks.sync.session import Session


@runtime_checkable
class Describing(Protocol):
    """A side that reads the metadata of many tables at once, and takes it as read where somebody kept it."""

    def tables(self, names: Collection[str]) -> Mapping[str, Table]:
        """Live metadata; tables that don't exist are left out."""

    def remember(self, tables: Iterable[Table]) -> None:
        """Take these as read."""

    def described(self) -> Iterable[Table]:
        """All that was read so far."""


def recall(session: Session) -> None:
    """Take what a run before us read as read."""
    since = session.seams.now() - timedelta(seconds=session.settings.metadata_seconds)
    with session.store.read() as state:
        found = state.described(session.pair, since)
    for side in (session.fno, session.dataverse):
        if isinstance(side, Describing):
            known = [each for each in found if each.side == side.name]
            side.remember(table_of(each.side, each.table, each.document, each.fingerprint) for each in known)
    session.recalled = {(each.side, each.table) for each in found}


def keep(session: Session, *, sound: bool) -> None:
    """Leave what we read to the next run, or, where something went wrong, nothing at all."""
    with session.store.unfenced() as tx:
        if not sound:
            tx.forget_described(session.pair)
            return
        tx.save_described(
            record(session.pair, table, session.seams.now())
            for side in (session.fno, session.dataverse)
            if isinstance(side, Describing)
            for table in side.described()
            if (table.side, table.name) not in session.recalled
        )
