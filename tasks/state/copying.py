"""Copying: a pair's state into another database, for work that must leave the first as it is."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from sqlalchemy import Table, func, insert, select

from tasks.state import models
from tasks.state.store import Store

PAGE = 5000
LEFT_BEHIND = frozenset({"lease", "installation", "counter", "history", "run", "run_lane", "alembic_version"})
"""What belongs to the installation or tells of the past: leases, host, number counters, history and runs."""
_NUMBERED = {"link_id": models.link.c.id, "notice_number": models.inbox.c.seq}


def copy_pair(source: Store, target: Store, pair: int, but: Collection[str] = LEFT_BEHIND) -> None:
    """Copy everything about one pair of environments into an empty state; both may be of either database.

    Args:
        target: a SQLite state, as nobody else uses it.
        but: names of tables to leave out.
    """
    with source.read() as old, target.unfenced() as new:
        for table in models.metadata.sorted_tables:
            if table.name in but:
                continue
            query = select(table)
            if table.name == "pair":
                query = query.where(table.c.id == pair)
            elif "pair" in table.c:
                query = query.where(table.c.pair == pair)
            found = old._connection.execute(query.execution_options(yield_per=PAGE)).mappings()
            while rows := [_plain(table, row) for row in islice(found, PAGE)]:
                new._connection.execute(insert(table), rows)
        for name, column in _NUMBERED.items():
            # numbers given out so far, so that new ones don't meet them
            highest = new._connection.execute(select(func.max(column))).scalar_one() or 0
            new._numbers(name, int(highest) + 1)


def _plain(table: Table, row: Any) -> dict[str, Any]:
    return {column.name: row[column.name] for column in table.columns}
