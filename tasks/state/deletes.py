"""Deletes: the ledger that the brake counts with, and the approvals above it."""

from __future__ import annotations

import math
from datetime import datetime

from sqlalchemy import func, insert, or_, select

from tasks.state.models import approval, deleted
from tasks.state.records import Approval, Side
from tasks.state.session import Session

_APPROVAL = tuple(Approval.__dataclass_fields__)


class DeleteReads(Session):
    """Questions about deletes."""

    def deleted_since(self, pair: int, map: str, company: str | None, side: Side, since: datetime) -> int:
        """Rows that we deleted on `side` since then, in one company or (None) in all."""
        query = select(func.coalesce(func.sum(deleted.c.count), 0)).where(
            deleted.c.pair == pair, deleted.c.map == map, deleted.c.side == side, deleted.c.at >= since
        )
        if company is not None:
            query = query.where(deleted.c.company == company)
        return int(self._connection.execute(query).scalar_one())

    def approvals(self, pair: int, map: str | None = None) -> list[Approval]:
        """All approvals ever given, newest first."""
        query = select(*(approval.c[name] for name in _APPROVAL)).where(approval.c.pair == pair)
        if map is not None:
            query = query.where(approval.c.map == map)
        rows = self._connection.execute(query.order_by(approval.c.id.desc()))
        return [Approval(*row) for row in rows]

    def approved(self, pair: int, map: str, company: str, side: Side, now: datetime) -> float:
        """How many rows gone from `side` may still be deleted on the other one above the brake; infinite for any number.

        An approval for a number of rows ends with that many deletes on the other side after it.
        """
        target: Side = "dataverse" if side == "fno" else "fno"
        left = 0.0
        for given in self._valid(pair, map, company, now):
            if given.side != side:
                continue
            if given.count is None or given.at is None:
                return math.inf
            left = max(left, given.count - self.deleted_since(pair, map, given.company, target, given.at))
        return left

    def released(self, pair: int, map: str, company: str, now: datetime) -> bool:
        """Has a person looked at this lane and said that it may go on, whatever for?"""
        return bool(self._valid(pair, map, company, now))

    def _valid(self, pair: int, map: str, company: str, now: datetime) -> list[Approval]:
        query = select(*(approval.c[name] for name in _APPROVAL)).where(
            approval.c.pair == pair,
            approval.c.map == map,
            approval.c.until > now,
            or_(approval.c.company.is_(None), approval.c.company == company),
        )
        return [Approval(*row) for row in self._connection.execute(query)]


class DeleteWrites(DeleteReads):
    """Changes of ledger and approvals."""

    def note_deleted(self, pair: int, map: str, company: str, side: Side, count: int, at: datetime) -> None:
        """Note that we deleted so many rows on `side`."""
        self._connection.execute(
            insert(deleted).values(pair=pair, map=map, company=company, side=side, count=count, at=at)
        )

    def approve_deletes(
        self,
        pair: int,
        map: str,
        company: str | None,
        side: Side,
        until: datetime,
        *,
        count: int | None = None,
        at: datetime | None = None,
    ) -> None:
        """Permit deletes above the brake.

        Args:
            company: None = all companies of the map.
            side: the side that the rows are gone from.
            count: how many rows the person was shown; more than that are held again. None = any number, 0 = no deletes, but
                whatever else the lane stood still for.
            at: from when the deletes count against `count`; default now.
        """
        self._connection.execute(
            insert(approval).values(
                pair=pair, map=map, company=company, side=side, until=until, count=count, at=at or self._now()
            )
        )
