"""Parked and waiting rows: what could not be written, and what waits for another row.

Nobody wakes a waiting row: at the start of each drain a query joins the waiting rows with the links. So a parent counts
whoever made it, and whether it came before or after its child began to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from tasks.state.models import link, parked, scope, waiting
from tasks.state.records import ParkedChoice, ParkedKind, ParkedRow, Side, WaitingRow
from tasks.state.session import Session, among

RETRY_DELAYS = (60, 300, 1_800, 7_200, 21_600, 86_400)
"""Seconds until a parked row is tried again by itself, by the number of attempts; the last stays."""
RETRIED = frozenset({"parked", "waiting_create", "uncertain"})
"""Kinds that may have mended by themselves; the others need a person or a change of the row."""
SKIPPED: ParkedKind = "skipped"

_PARKED = tuple(ParkedRow.__dataclass_fields__)
_KNOWN = ("row", "attempts", "first_at", "kind", "code", "message")
_WAITING = tuple(WaitingRow.__dataclass_fields__)
_ROW = ("pair", "map", "company", "side", "row")

RowName = tuple[Side, str]
"""Side and name of a row on it."""


def _of_lane(table: Table) -> ColumnElement[bool]:
    return and_(*(table.c[name] == bindparam(f"of_{name}") for name in ("pair", "map", "company")))


_PARENT_IS_THERE = exists(
    select(link.c.id)
    .join(scope, scope.c.id == link.c.scope_id)
    .where(
        scope.c.pair == waiting.c.pair,
        scope.c.table == waiting.c.parent_table,
        scope.c.company == waiting.c.parent_company,
        link.c.key == waiting.c.parent_key,
        or_(waiting.c.parent_map == "", scope.c.map == waiting.c.parent_map),
        # a half link has its ids noted before the row is created
        link.c.state != "half",
        link.c.dataverse_id.is_not(None),
        link.c.fno_key.is_not(None),
    )
)
_RELEASABLE = (
    select(*(waiting.c[name] for name in _WAITING))
    .where(_of_lane(waiting), _PARENT_IS_THERE)
    .order_by(*waiting.primary_key)
)
_ANY_LISTED = select(
    or_(*(exists(select(table.c.row).where(_of_lane(table))) for table in (parked, waiting)))
)


class ParkedReads(Session):
    """Questions about parked and waiting rows."""

    def parked(
        self,
        pair: int,
        map: str | None = None,
        company: str | None = None,
        kind: ParkedKind | None = None,
        *,
        limit: int | None = None,
    ) -> list[ParkedRow]:
        """Parked rows, oldest first."""
        conditions = [_lane(parked, pair, map, company)]
        if kind is not None:
            conditions.append(parked.c.kind == kind)
        return self._parked(*conditions, limit=limit)

    def chosen_parked(
        self, pair: int, choice: ParkedChoice, after_id: int = 0, limit: int = 1000
    ) -> list[ParkedRow]:
        """Parked rows, oldest first, a page at a time.

        Args:
            after_id: number of the last row of the page before.
        """
        conditions = [_lane(parked, pair, choice.map, choice.company), parked.c.id > after_id]
        if choice.kind is not None:
            conditions.append(parked.c.kind == choice.kind)
        if choice.code is not None:
            conditions.append(parked.c.code == choice.code)
        if choice.before is not None:
            conditions.append(parked.c.first_at <= choice.before)
        if choice.after is not None:
            conditions.append(parked.c.first_at >= choice.after)
        if choice.ids:
            conditions.append(self._among(parked.c.id, choice.ids))
        return self._parked(*conditions, limit=limit)

    def due_parked(self, pair: int, map: str, company: str, now: datetime) -> list[ParkedRow]:
        """Parked rows of a lane whose time to be tried again has come."""
        return self._parked(_lane(parked, pair, map, company), parked.c.next_at <= now)

    def count_parked(
        self, pair: int, map: str | None = None, company: str | None = None, kind: ParkedKind | None = None
    ) -> int:
        """Number of parked rows."""
        query = select(func.count()).select_from(parked).where(_lane(parked, pair, map, company))
        if kind is not None:
            query = query.where(parked.c.kind == kind)
        return int(self._connection.execute(query).scalar_one())

    def waiting(self, pair: int, map: str | None = None, company: str | None = None) -> list[WaitingRow]:
        """Rows that wait, with what they wait for."""
        query = select(*(waiting.c[name] for name in _WAITING)).where(_lane(waiting, pair, map, company))
        return [WaitingRow(*row) for row in self._connection.execute(query.order_by(*waiting.primary_key))]

    def count_waiting(self, pair: int, map: str | None = None, company: str | None = None) -> int:
        """Number of rows that wait for at least one other."""
        rows = select(waiting.c.map, waiting.c.company, waiting.c.side, waiting.c.row).distinct()
        query = select(func.count()).select_from(rows.where(_lane(waiting, pair, map, company)).subquery())
        return int(self._connection.execute(query).scalar_one())

    def releasable(self, pair: int, map: str, company: str) -> list[WaitingRow]:
        """Waiting rows of a lane whose parent is there now: on both sides, by a link of any map."""
        rows = self._found(_RELEASABLE, {"of_pair": pair, "of_map": map, "of_company": company})
        return [WaitingRow(*row) for row in rows]

    def lanes_with_due(self, pair: int, now: datetime) -> set[tuple[str, str]]:
        """(map, company) of the lanes with parked rows whose time to be tried again has come."""
        query = (
            select(parked.c.map, parked.c.company)
            .distinct()
            .where(parked.c.pair == pair, parked.c.next_at <= now)
        )
        return {(map_, company) for map_, company in self._connection.execute(query)}

    def lanes_with_releasable(self, pair: int) -> set[tuple[str, str]]:
        """(map, company) of the lanes that have such rows."""
        query = (
            select(waiting.c.map, waiting.c.company)
            .distinct()
            .where(waiting.c.pair == pair, _PARENT_IS_THERE)
        )
        return {(map_, company) for map_, company in self._connection.execute(query)}

    def any_listed(self, pair: int, map: str, company: str) -> bool:
        """Is any row of this lane parked or waiting?"""
        named = {"of_pair": pair, "of_map": map, "of_company": company}
        ((found,),) = self._found(_ANY_LISTED, named)
        return bool(found)

    def _parked(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[ParkedRow]:
        query = select(*(parked.c[name] for name in _PARKED)).where(*conditions).order_by(parked.c.id)
        return [ParkedRow(*row) for row in self._connection.execute(query.limit(limit))]


class ParkedWrites(ParkedReads):
    """Changes of parked and waiting rows."""

    def parked_among(self, pair: int, map: str, company: str, names: Iterable[RowName]) -> set[RowName]:
        """Which of these rows of a lane are parked."""
        return {
            (side, name)
            for side, condition in self._named(parked, names)
            for (name,) in self._connection.execute(
                select(parked.c.row).where(_lane(parked, pair, map, company), condition)
            )
        }

    def park(self, rows: Sequence[ParkedRow]) -> None:
        """List rows that can't be written; one that is listed already keeps `first_at` and counts one attempt more.

        Where `next_at` is None, kinds that may mend by themselves are tried again after growing delays. One that a person set aside
        stays so as long as it fails for the same reason.
        """
        now = self._now()
        latest = {tuple(getattr(row, name) for name in _ROW): row for row in rows}
        known: dict[tuple[Any, ...], tuple[int, datetime]] = {}
        aside: dict[tuple[Any, ...], tuple[str, str]] = {}
        for pair, map_, company in {(row.pair, row.map, row.company) for row in rows}:
            names = [
                (row.side, row.row)
                for row in rows
                if (row.pair, row.map, row.company) == (pair, map_, company)
            ]
            for side, condition in self._named(parked, names):
                found = self._connection.execute(
                    select(*(parked.c[name] for name in _KNOWN)).where(
                        _lane(parked, pair, map_, company), condition
                    )
                )
                for name, attempts, first_at, kind, code, message in found:
                    known[(pair, map_, company, side, name)] = (attempts, first_at)
                    if kind == SKIPPED:
                        aside[(pair, map_, company, side, name)] = (code, message)
        columns = tuple(name for name in _PARKED if name != "id")
        values = []
        for at, row in sorted(latest.items()):
            attempts, first_at = known.get(at, (0, row.first_at or now))
            attempts += 1
            kind, next_at = row.kind, row.next_at
            if aside.get(at) == (row.code, row.message):
                kind, next_at = SKIPPED, None
            elif next_at is None and kind in RETRIED:
                next_at = now + timedelta(seconds=RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1])
            filled = {"attempts": attempts, "first_at": first_at, "next_at": next_at, "kind": kind}
            values.append(tuple(filled[name] if name in filled else getattr(row, name) for name in columns))
        self._insert(
            parked,
            columns,
            values,
            key=_ROW,
            update=[name for name in columns if name not in (*_ROW, "first_at")],
        )

    def retry_parked(self, ids: Iterable[int], now: datetime) -> None:
        """Let rows be tried again at the next occasion."""
        values = {"next_at": now, "kind": case((parked.c.kind == SKIPPED, "parked"), else_=parked.c.kind)}
        self._connection.execute(update(parked).where(self._among(parked.c.id, ids)).values(values))

    def skip_parked(self, ids: Iterable[int]) -> None:
        """Set rows aside: they are tried again only when they change."""
        self._connection.execute(
            update(parked).where(self._among(parked.c.id, ids)).values(kind=SKIPPED, next_at=None)
        )

    def unpark(self, pair: int, map: str, company: str, names: Iterable[RowName]) -> None:
        """Take rows off the list of parked ones."""
        self._forget(parked, pair, map, company, names)

    def wait(self, rows: Sequence[WaitingRow]) -> None:
        """Note rows that wait; the same wait twice is one."""
        values = sorted({tuple(getattr(row, name) for name in _WAITING) for row in rows})
        self._insert(waiting, _WAITING, values, key=_WAITING, keep=True)

    def stop_waiting(self, pair: int, map: str, company: str, names: Iterable[RowName]) -> None:
        """Forget all that these rows wait for."""
        self._forget(waiting, pair, map, company, names)

    def _forget(self, table: Table, pair: int, map: str, company: str, names: Iterable[RowName]) -> None:
        by_side: dict[Side, list[str]] = {}
        for side, row in names:
            by_side.setdefault(side, []).append(row)
        of_lane = {"of_pair": pair, "of_map": map, "of_company": company}
        for side, rows in by_side.items():
            named = {"of_side": side, "of_rows": self._listed(table.c.row, rows)}
            self._connection.execute(_forgetting(self._sqlite, table), {**of_lane, **named})

    def _named(self, table: Table, names: Iterable[RowName]) -> list[tuple[Side, ColumnElement[bool]]]:
        by_side: dict[Side, list[str]] = {}
        for side, row in names:
            by_side.setdefault(side, []).append(row)
        return [
            (side, and_(table.c.side == side, self._among(table.c.row, rows)))
            for side, rows in by_side.items()
        ]


@cache
def _forgetting(sqlite: bool, table: Table) -> Delete:
    """Built once: every batch of a lane that has anything listed asks for it."""
    of_lane = [table.c[name] == bindparam(f"of_{name}") for name in ("pair", "map", "company", "side")]
    return delete(table).where(*of_lane, among(sqlite, table.c.row, "of_rows"))


def _lane(table: Table, pair: int, map: str | None, company: str | None) -> ColumnElement[bool]:
    conditions: list[Any] = [table.c.pair == pair]
    if map is not None:
        conditions.append(table.c.map == map)
    if company is not None:
        conditions.append(table.c.company == company)
    return and_(*conditions)
