"""Events: what the systems told us of, as received, before a feed's poller has named it to the lanes.

The receiver answers only after it is stored here, and a poller takes it out in the very transaction that puts its name into the
inboxes: nothing is lost in between. A row is listed once, however often it was told, and the last word counts; one that is told
anew while its event is being routed stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select

from tasks.state.models import event
from tasks.state.records import Event, Side
from tasks.state.session import Session

_EVENT = tuple(Event.__dataclass_fields__)
_ROW = ("pair", "side", "table", "row")

_TABLES = (
    select(event.c.side, event.c.table, func.count(), func.min(event.c.noted_at))
    .where(event.c.pair == bindparam("of_pair"))
    .group_by(event.c.side, event.c.table)
)
_TAKE = (
    select(*(event.c[name] for name in _EVENT))
    .where(*(event.c[name] == bindparam(f"of_{name}") for name in ("pair", "side", "table")))
    .order_by(event.c.noted_at, event.c.seq)
    .limit(bindparam("at_most"))
)


class EventReads(Session):
    """Questions about events."""

    def tables_with_events(self, pair: int) -> dict[tuple[Side, str], tuple[int, datetime]]:
        """(side, table) → number of events and when the oldest came, for the tables that have any.

        One look into an index: a run may ask several times a second.
        """
        rows = self._found(_TABLES, {"of_pair": pair})
        return {(side, table): (count, oldest) for side, table, count, oldest in rows}

    def take_events(self, pair: int, side: Side, table: str, limit: int) -> list[Event]:
        """The oldest events of a table; they stay until dropped."""
        named = {"of_pair": pair, "of_side": side, "of_table": table, "at_most": limit}
        return [Event(*row) for row in self._found(_TAKE, named)]


class EventWrites(EventReads):
    """Changes of events."""

    def put_events(self, events: Sequence[Event]) -> None:
        """Store events; of several of one row the last counts. `seq` of the events given is ignored."""
        latest = {tuple(getattr(each, name) for name in _ROW): each for each in events}
        if not latest:
            return
        now = self._now()
        numbers = self._numbers("notice_number", len(latest))
        rows = [
            (seq, *row, each.kind, each.keys, each.noted_at or now)
            for seq, (row, each) in zip(numbers, latest.items(), strict=True)
        ]
        rows.sort(key=lambda values: values[1:5])  # one order in all transactions: no deadlock on PostgreSQL
        self._insert(
            event,
            ("seq", *_ROW, "kind", "keys", "noted_at"),
            rows,
            key=_ROW,
            update=("seq", "kind", "keys", "noted_at"),
        )

    def forget_events(self, pair: int, before: datetime) -> set[tuple[Side, str]]:
        """Take out events that nobody routed in time; returns (side, table) of what is lost."""
        old = (event.c.pair == pair) & (event.c.noted_at < before)
        rows = self._connection.execute(select(event.c.side, event.c.table).where(old).distinct()).all()
        if rows:
            self._connection.execute(delete(event).where(old))
        return {(side, table) for side, table in rows}

    def drop_events(self, events: Sequence[Event]) -> None:
        """Take routed events out; one that was told anew since it was taken stays."""
        if events:
            self._connection.execute(delete(event).where(self._among(event.c.seq, [e.seq for e in events])))
