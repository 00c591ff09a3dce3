"""Budgets and paces: what the services were asked for lately, by all processes together, and how often feeds were asked last.

What is counted is what the services count: requests and their seconds in slots of a moving window, rows in slots of a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, text

from tasks.state.models import budget, pace
from tasks.state.records import Side
from tasks.state.session import Session

WINDOW, DAY = "window", "day"
_ADD = text(
    "INSERT INTO budget (pair, side, span, slot, requests, operations, seconds)"
    " VALUES (:pair, :side, :span, :slot, :requests, :operations, :seconds)"
    " ON CONFLICT (pair, side, span, slot) DO UPDATE SET requests = budget.requests + excluded.requests,"
    " operations = budget.operations + excluded.operations, seconds = budget.seconds + excluded.seconds"
)
_USED = select(
    *(func.coalesce(func.sum(budget.c[name]), 0) for name in ("requests", "operations", "seconds"))
).where(
    budget.c.pair == bindparam("of_pair"),
    budget.c.side == bindparam("of_side"),
    budget.c.span == bindparam("of_span"),
    budget.c.slot >= bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class Used:
    """What one side was asked for.

    Attributes:
        requests, seconds: in the window: how many, and how long the service worked on them.
        operations: since the day began; each row of a batch counts.
    """

    requests: int
    seconds: float
    operations: int


class BudgetReads(Session):
    """Questions about budgets and paces."""

    def used(self, pair: int, side: Side, since: int, day: int) -> Used:
        """What a side was asked for since a slot of the window, and on a day."""
        window = self._used(pair, side, WINDOW, since)
        return Used(int(window[0]), float(window[2]), int(self._used(pair, side, DAY, day)[1]))

    def oldest_slot(self, pair: int, side: Side, since: int) -> int | None:
        """The first slot of the window in which anything was asked."""
        query = select(func.min(budget.c.slot)).where(
            budget.c.pair == pair, budget.c.side == side, budget.c.span == WINDOW, budget.c.slot >= since
        )
        found: int | None = self._connection.execute(query).scalar_one()
        return found

    def paces(self, pair: int) -> dict[tuple[Side, str], tuple[float, float]]:
        """(side, table) → seconds between two polls, and when it was last asked, in seconds since 1970."""
        query = select(pace.c.side, pace.c.table, pace.c.every, pace.c.asked_at).where(pace.c.pair == pair)
        return {
            (side, table): (every, asked) for side, table, every, asked in self._connection.execute(query)
        }

    def _used(self, pair: int, side: Side, span: str, since: int) -> tuple[float, float, float]:
        named = {"of_pair": pair, "of_side": side, "of_span": span, "since": since}
        requests, operations, seconds = self._connection.execute(_USED, named).one()
        return requests, operations, seconds


class BudgetWrites(BudgetReads):
    """Changes of budgets and paces."""

    def use(
        self, pair: int, side: Side, slot: int, day: int, requests: int, operations: int, seconds: float
    ) -> None:
        """Count something; nobody else counts for this side before the transaction ends."""
        counted = {"pair": pair, "side": side, "requests": requests, "operations": operations}
        # the row of the day first, by everybody: it is what they wait at
        for span, at in ((DAY, day), (WINDOW, slot)):
            self._connection.execute(_ADD, {**counted, "span": span, "slot": at, "seconds": seconds})

    def forget_used(self, pair: int, side: Side, before: int, before_day: int) -> None:
        """Drop slots that no window reaches any more."""
        for span, at in ((WINDOW, before), (DAY, before_day)):
            self._connection.execute(
                delete(budget).where(
                    budget.c.pair == pair, budget.c.side == side, budget.c.span == span, budget.c.slot < at
                )
            )

    def save_paces(self, pair: int, paces: Mapping[tuple[Side, str], tuple[float, float]]) -> None:
        """Store how often feeds are asked, and when they last were."""
        self._insert(
            pace,
            ("pair", "side", "table", "every", "asked_at"),
            [(pair, side, table, every, asked) for (side, table), (every, asked) in sorted(paces.items())],
            key=("pair", "side", "table"),
            update=("every", "asked_at"),
        )
