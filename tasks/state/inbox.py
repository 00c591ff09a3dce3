"""The inbox and the cursors: which rows the feeds named, and how far each feed was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, select

from tasks.state.models import cursor, inbox
from tasks.state.records import Cursor, InboxEntry, Side
from tasks.state.session import Session

_ENTRY = tuple(InboxEntry.__dataclass_fields__)
_CURSOR = tuple(Cursor.__dataclass_fields__)
_ROW = ("pair", "map", "company", "side", "row")

_TAKE = (
    select(*(inbox.c[name] for name in _ENTRY))
    .where(*(inbox.c[name] == bindparam(f"of_{name}") for name in ("pair", "map", "company")))
    .limit(bindparam("at_most"))
)
_CURSOR_OF = select(*(cursor.c[name] for name in _CURSOR)).where(
    *(cursor.c[name] == bindparam(f"of_{name}") for name in ("pair", "side", "table", "feed"))
)
_OLDEST, _NEWEST = _TAKE.order_by(inbox.c.seq), _TAKE.order_by(inbox.c.seq.desc())

_LANES = (
    select(inbox.c.map, inbox.c.company, func.count())
    .where(inbox.c.pair == bindparam("of_pair"))
    .group_by(inbox.c.map, inbox.c.company)
)


class InboxReads(Session):
    """Questions about inbox and cursors."""

    def take_inbox(
        self, pair: int, map: str, company: str, limit: int, *, newest: bool = False
    ) -> list[InboxEntry]:
        """The oldest entries of a lane, or the newest; they stay until dropped."""
        named = {"of_pair": pair, "of_map": map, "of_company": company, "at_most": limit}
        rows = self._found(_NEWEST if newest else _OLDEST, named)
        return [InboxEntry(*row) for row in rows]

    def count_inbox(self, pair: int, map: str | None = None, company: str | None = None) -> int:
        """Number of entries of a lane, a map or the pair."""
        query = select(func.count()).select_from(inbox).where(_lane(pair, map, company))
        return int(self._connection.execute(query).scalar_one())

    def count_gone(self, pair: int, map: str, company: str) -> dict[Side, int]:
        """Side → number of entries of a lane that say that a row is gone from it."""
        query = (
            select(inbox.c.side, func.count())
            .where(_lane(pair, map, company), inbox.c.kind.in_(("missing", "delete")))
            .group_by(inbox.c.side)
        )
        return {side: count for side, count in self._connection.execute(query)}

    def lanes_with_inbox(self, pair: int) -> dict[tuple[str, str], int]:
        """(map, company) → number of entries, for the lanes that have any."""
        rows = self._found(_LANES, {"of_pair": pair})
        return {(map_, company): count for map_, company, count in rows}

    def cursor(self, pair: int, side: Side, table: str, feed: str = "") -> Cursor | None:
        """How far a feed was read; None if it never was."""
        columns = self._columns(
            _CURSOR_OF, {"of_pair": pair, "of_side": side, "of_table": table, "of_feed": feed}
        )
        return Cursor(*(values[0] for values in columns)) if columns else None

    def cursors(self, pair: int) -> list[Cursor]:
        """All cursors."""
        query = select(*(cursor.c[name] for name in _CURSOR)).where(cursor.c.pair == pair)
        rows = self._connection.execute(query.order_by(cursor.c.side, cursor.c.table, cursor.c.feed))
        return [Cursor(*row) for row in rows]


class InboxWrites(InboxReads):
    """Changes of inbox and cursors."""

    def put_inbox(self, entries: Sequence[InboxEntry]) -> None:
        """Note rows; a row that is listed already is noted anew, so that work under way on it doesn't settle it.

        Of several entries of one row the last counts. `seq` of the entries given is ignored.
        """
        latest = {tuple(getattr(entry, name) for name in _ROW): entry for entry in entries}
        if not latest:
            return
        now = self._now()
        numbers = self._numbers("notice_number", len(latest))
        # always the new number, even if another transaction's higher one is there: what matters is that it differs
        # from the one that a lane may be working on
        rows = [
            (seq, *row, entry.kind, entry.noted_at or now)
            for seq, (row, entry) in zip(numbers, latest.items(), strict=True)
        ]
        rows.sort(key=lambda values: values[1:6])  # one order in all transactions: no deadlock on PostgreSQL
        self._insert(
            inbox,
            ("seq", *_ROW, "kind", "noted_at"),
            rows,
            key=_ROW,
            update=("seq", "kind", "noted_at"),
        )

    def drop_inbox(self, entries: Sequence[InboxEntry]) -> None:
        """Take settled entries out; one that was noted anew since it was taken stays."""
        self._connection.execute(
            delete(inbox).where(self._among(inbox.c.seq, [entry.seq for entry in entries]))
        )

    def clear_inbox(self, pair: int, map: str, company: str) -> None:
        """Forget all entries of a lane."""
        self._connection.execute(delete(inbox).where(_lane(pair, map, company)))

    def save_cursor(self, record: Cursor) -> None:
        """Store how far a feed was read; belongs into the transaction that puts what was read into the inbox."""
        self._insert(
            cursor,
            _CURSOR,
            [tuple(getattr(record, name) for name in _CURSOR)],
            key=("pair", "side", "table", "feed"),
            update=("token", "state", "high_version", "polled_at"),
        )

    def drop_cursor(self, pair: int, side: Side, table: str, feed: str = "") -> None:
        """Forget how far a feed was read."""
        self._connection.execute(
            delete(cursor).where(
                cursor.c.pair == pair, cursor.c.side == side, cursor.c.table == table, cursor.c.feed == feed
            )
        )


def _lane(pair: int, map: str | None, company: str | None) -> ColumnElement[bool]:
    conditions: list[Any] = [inbox.c.pair == pair]
    if map is not None:
        conditions.append(inbox.c.map == map)
    if company is not None:
        conditions.append(inbox.c.company == company)
    return and_(*conditions)
